"""What names in NumPy, SciPy and ``math`` lead to, and whether they still do.

    note(np, "sin", np.sin)        # a program stands on this
    np.sin = mine
    is_settled()                   # False: something was stored into a module that is noted
    settle()                       # whoever stands on ``np.sin`` is told, and forgets what it knows

These names hardly ever change: to compare them at each call would cost as much as the call.  So what
is compared is the number that CPython gives a dict at each change of it (``ma_version_tag``), that of
the module's dict with the number at which the names were looked at last.  Compiled entries do that by
themselves: two loads a module that the function looks into.  Where the numbers differ, the call goes
the slow way, which compares the names, tells the listeners whose names lead elsewhere, and takes the
number for the one to compare with.

While a name of a library that this one is written in leads elsewhere than at first, nothing is
compiled: the derivative of ``cos`` is made with ``np.sin``, and what that name leads to is the user's.
``state.replaced`` is such a name.

Where dicts have no such numbers (Python 3.14), ``HAS_VERSIONS`` is false and names are guards like
others.  What is stored into the instances and modules of users is guarded anyway.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
import weakref
from collections.abc import Iterable, Set
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from autodiff.stack import lock_of_the_process

# The modules in whose names this library is written.
_RULES = frozenset(
    "cmath functools itertools math numpy numpy.fft numpy.linalg operator scipy.linalg scipy.special".split()
)
_TRANSFORMS = "numpy.fft"
_VERSION = object.__basicsize__ + ctypes.sizeof(ctypes.c_ssize_t)  # behind the header and ma_used
_GONE = object()

Name = tuple[str, str]
"""A module, and a name in it."""


if TYPE_CHECKING:

    class Listener(Protocol):
        """What stands on names."""

        def forget_names(self, altered: Set[Name] | None) -> None:
            """Be told that these names lead elsewhere now; None: all that was compiled may."""


class _Module:
    """A module whose names programs stand on."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.names: dict[str, Any] = {}
        # What there was at first, of a library that our rules are written in: ``sys.stdout`` and the
        # filters of ``warnings`` are the user's to replace, for us as well.
        ours = module.__name__ in _RULES
        self.first = dict(vars(module)) if ours else {}
        self.replaced = ""  # a name that leads elsewhere than at first, when it was looked at last
        self.version = _version_of(vars(module))
        self.seen = ctypes.c_uint64(self.version.value)

    def altered(self) -> list[Name]:
        """The names that lead elsewhere, which are noted anew."""
        self.compare()
        space, found = vars(self.module), []
        for name, before in list(self.names.items()):
            now = space.get(name, _GONE)
            if now is not before:
                self.names[name] = now
                found.append((self.module.__name__, name))
        return found

    def compare(self) -> None:
        """Look for a name that leads elsewhere than at first."""
        space = vars(self.module)
        names = (n for n, x in self.first.items() if space.get(n, x) is not x)
        self.replaced = next((f"{self.module.__name__}.{name}" for name in names), "")


_modules: dict[str, _Module] = {}
_listeners: weakref.WeakSet[Any] = weakref.WeakSet()
_lock = lock_of_the_process()


def _version_of(space: dict[str, Any]) -> ctypes.c_uint64:
    return ctypes.c_uint64.from_address(id(space) + _VERSION)


def _have_versions() -> bool:
    """Whether dicts are numbered as expected, asked of one."""
    space: dict[str, Any] = {"a": 1}
    version, seen = _version_of(space), []
    for change in (lambda: space.get("a"), lambda: space.update(a=2), lambda: space.update(b=1),
                   lambda: space.pop("b"), lambda: space.get("b")):  # fmt: skip
        before = version.value
        change()
        seen.append(before != version.value)
    return seen == [False, True, True, True, False]


HAS_VERSIONS = sys.implementation.name == "cpython" and _have_versions()


def of_module(name: str) -> _Module:
    """What is known of a module, which is imported if need be."""
    found = _modules.get(name)
    if found is None:
        module = sys.modules.get(name) or importlib.import_module(name)
        with _lock:
            found = _modules.setdefault(name, _Module(module))
    return found


if HAS_VERSIONS:
    for _name in ("math", "numpy", "numpy.linalg", _TRANSFORMS):
        if _name in sys.modules:
            of_module(_name)


def _follow_transforms() -> None:
    """Know NumPy's transforms, which it loads when they are asked for; that stores into ``numpy``.

    Some may have been replaced since: what they were is what the modules have that they were made in.
    """
    if _TRANSFORMS not in sys.modules or _TRANSFORMS in _modules:
        return
    known = of_module(_TRANSFORMS)
    for name in ("_helper", "_pocketfft"):
        home = vars(sys.modules.get(f"{_TRANSFORMS}.{name}", known.module))
        known.first.update((n, home[n]) for n in known.module.__all__ if n in home)
    known.compare()


def is_followed(module: ModuleType, name: str) -> bool:
    """Whether a name in a module can be followed: what its ``__getattr__`` makes cannot."""
    known = sys.modules.get(module.__name__) is module
    return HAS_VERSIONS and known and name in vars(module)


def note(module: ModuleType, name: str, value: Any) -> Name:
    """Follow a name in a module from now on."""
    names = of_module(module.__name__).names
    with _lock:
        names.setdefault(name, value)
    return module.__name__, name


class _State:
    """What was found when the modules were looked at last."""

    replaced = ""  # a name that leads elsewhere than at first
    changes = 0  # how often names have led elsewhere


state = _State()


def listen(listener: Listener) -> None:
    """Have an object told, as long as it is there."""
    _listeners.add(listener)


def is_settled() -> bool:
    """Whether nothing was stored into the modules since they were looked at."""
    return all(m.version.value == m.seen.value for m in list(_modules.values()))


def settle() -> Set[Name]:
    """Look at the names where a module has changed, and tell those who stand on them: which lead elsewhere."""
    if is_settled():
        return frozenset()
    _follow_transforms()
    with _lock:
        looked_at = [(m, m.version.value) for m in list(_modules.values())]
        altered = {name for m, now in looked_at if now != m.seen.value for name in m.altered()}
        replaced = next(filter(None, (m.replaced for m, _ in looked_at)), "")
        everything = bool(replaced) != bool(state.replaced)
        state.replaced = replaced
        if altered or everything:
            state.changes += 1
            for listener in list(_listeners):
                listener.forget_names(None if everything else altered)
        for m, now in looked_at:  # last: until then, every entry asks
            m.seen.value = now
    return altered


def modules_of(names: Iterable[Name]) -> tuple[str, ...]:
    """The modules of names, each once."""
    return tuple(sorted({module for module, _ in names}))


__all__ = [
    "HAS_VERSIONS",
    "Listener",
    "Name",
    "is_followed",
    "is_settled",
    "listen",
    "modules_of",
    "note",
    "of_module",
    "settle",
    "state",
]
