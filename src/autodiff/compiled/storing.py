"""Which specialisations are kept on disk, and what is written of one.

    note(compiled, specialisation, call)      # after it was made: written when the process ends
    flush(key)                                # or when an equal transformation is made before that

Kept are those that the fast path answers alone, of functions whose meaning can be written down
exactly (``stored.facts``): plain arguments given by position, no effects, no object that is known by
identity, nothing said of it by a warning, machine code that refers to nothing but what can be found
again by a name.  For all else there is no entry, and a new process captures it again.

What a function depends on is noted when the specialisation is made; the file is written when the
process ends, so that no call waits for it.
"""

from __future__ import annotations

import atexit
import marshal
import os
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import cache
from autodiff.capture.paths import Guard, Path
from autodiff.compiled.binding import NOT_GIVEN, Call
from autodiff.compiled.specialisation import Specialisation
from autodiff.engines.native import session, symbols
from autodiff.errors import AutodiffError, InternalError
from autodiff.later import later
from autodiff.patterns import pattern
from autodiff.plain_data import dataclass
from autodiff.stored import facts
from autodiff.stored.loading import is_on, signature_of

if TYPE_CHECKING:
    from autodiff.compiled.calling import Compiled
    from autodiff.stored import objects
else:
    objects = later("autodiff.stored.objects")  # for the end of the process

MOST = 64
"""Specialisations that one process stores: writing thousands would hold up its end."""

LARGEST = 2**18
"""Bytes of constants, or of text that the machine code is made from, beyond which none is stored."""

_ITEMS = pattern(r"(?<=.)(\[\d+\])+$")
_EXPORTED = ("entry", "status", "report")


@dataclass(frozen=True, eq=False)
class _Noted:
    """What is to be written."""

    key: str
    entry: dict[str, Any]
    text: str
    glue: str


_pending: list[_Noted] = []


def note(compiled: Compiled, specialisation: Specialisation, call: Call) -> None:
    """Keep in mind what is to be stored of a specialisation that a call was compiled for."""
    described = compiled.described
    if described is None or len(_pending) >= MOST or not is_on():
        return
    args, kwargs = call.as_given
    signature = signature_of(args)
    if kwargs or signature is None or any(x is NOT_GIVEN for x in call.given[: len(args)]):
        return
    native = getattr(specialisation.run.llvm, "__self__", None)
    if native is None or native.kernel.host_calls or not _is_plain(compiled, specialisation):
        return
    if not compiled.transformation.is_value and any(map(_is_of_integers, args)):
        return  # a warning says that derivatives by it are zero
    key = described.key(signature)
    if key is None:
        return
    try:
        entry = _entry(compiled.function, specialisation, _left(compiled.function, call))
    except (facts.Undescribed, ValueError):  # a cell of a closure may be empty
        return
    code = specialisation.run.call.__self__  # type: ignore[attr-defined]
    constants = native.kernel.constants
    machine: session.Machine = code.machine
    if sum(c.nbytes for c in constants) + len(machine.text) > LARGEST:
        return
    # Parts of a result that are constants: what is no plain value is found nowhere else.
    entry["objects"] = [(k, x) for k, x in code.objects.items() if type(x) in facts.PLAIN]
    entry["name"] = native.program.name
    entry["must"] = code.must
    entry["constants"] = [
        (f"constant.{k}", c.dtype.str, c.tobytes()) for k, c in enumerate(constants)
    ]
    if not _pending:
        atexit.register(_write_all, os.getpid())
    _pending.append(_Noted(key, entry, machine.text, machine.glue))


def _is_of_integers(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "iu"


def _is_plain(compiled: Compiled, specialisation: Specialisation) -> bool:
    """Whether there is nothing about it but what an entry holds."""
    captured = specialisation.captured
    return specialisation.ready and not (
        compiled.warned
        or captured.has_effects
        or captured.errors
        or captured.mutated
        or captured.objects
        or captured.watched
        or captured.changes_objects
        or captured.needs_c_order
        or captured.changed_argument
        or captured.naming.tags
        or specialisation.plan.write_back
        or specialisation.plan.prepare
        or specialisation.plan.extra_inputs
        or specialisation.run.call.__self__.always  # type: ignore[attr-defined]
    )


def _left(function: FunctionType, call: Call) -> list[Path]:
    """Where to find what a call leaves at its default: read again at each call."""
    defaults = function.__defaults__ or ()
    first = len(call.given) - len(defaults)  # parameters of keywords only have no fast path
    left = range(len(call.as_given[0]), len(call.given))
    whole = Path.root(function, "f").attribute("__defaults__")
    return [whole.item(k - first) for k in left]


def _entry(
    function: FunctionType, specialisation: Specialisation, left: list[Path]
) -> dict[str, Any]:
    """Facts, guards and what is read, without any object of this process."""
    captured = specialisation.captured
    hidden = [r.path for r in captured.inputs if r.leaf is None]
    places = {(id(root), p.text.removeprefix(name)) for p in hidden for name, root in p.roots}
    found, reached = facts.described(function, places)
    roots = _roots(found, reached)
    names: dict[str, tuple[str, int, int]] = {}

    def plain(text: str, given: tuple[tuple[str, Any], ...]) -> str:
        """The path with names that mean something in another process."""
        if len(given) != 1:
            raise facts.Undescribed
        ((name, root),) = given
        place, _ = roots.get(id(root), (None, None))
        rest = text.removeprefix(name)
        if place is None or rest == text or not _is_covered(roots, root, rest):
            raise facts.Undescribed
        made = "_" + "_".join(map(str, place))
        names[made] = place
        return made + rest

    read = [plain(p.text, p.roots) for p in [*left, *hidden]]
    guards = [
        (*_relation(guard), plain(guard.path.text, guard.path.roots)) for guard in captured.guards
    ]
    # Of what may differ at each call the type is all that a guard can be about.
    if any(path in read[len(left) :] and relation != "type" for relation, _, path in guards):
        raise facts.Undescribed
    return {
        "facts": found,
        "guards": [(relation, path, name) for relation, name, path in guards],
        "hidden": read,
        "roots": list(names.items()),
        "about": {
            "arguments": specialisation.arguments,
            "guards": specialisation.guards,
            "reads": specialisation.reads,
        },
    }


def _is_covered(
    roots: dict[int, tuple[tuple[str, int, int], frozenset[str]]], root: Any, rest: str
) -> bool:
    """Whether facts are about what a path leads to from one of the roots, through other roots perhaps."""
    _, known = roots[id(root)]
    # An item of a tuple is what the whole tuple is.
    if not known.isdisjoint((rest, _ITEMS.sub("", rest))):
        return True
    for begun in known:
        if begun and rest.startswith(begun):
            reached = eval(f"root{begun}", {"root": root})
            if id(reached) in roots and _is_covered(roots, reached, rest.removeprefix(begun)):
                return True
    return False


def _relation(guard: Guard) -> tuple[str, str | None]:
    """The relation of a guard and the name that it is about, if it is one that facts can answer for."""
    if guard.relation == "missing" and type(guard.expected) is str:
        return "missing", guard.expected
    if guard.relation in ("is", "equal", "type", "length"):
        return guard.relation, None
    raise facts.Undescribed


def _roots(
    found: facts.Facts, reached: list[Any]
) -> dict[int, tuple[tuple[str, int, int], frozenset[str]]]:
    """Where paths may begin, by identity: what to call it, and the paths from it that facts are about."""
    roots: dict[int, tuple[tuple[str, int, int], frozenset[str]]] = {}
    spaces: dict[int, tuple[tuple[str, int, int], set[str]]] = {}
    for k, (of, known) in enumerate(zip(reached, found["functions"], strict=True)):
        _, paths = spaces.setdefault(id(of.__globals__), (("globals", k, 0), {""}))
        paths |= {f"[{name!r}]" for name in known["globals"]}
        own = {".__code__", *known["defaults"]}
        roots[id(of)] = ("function", k, 0), frozenset(own)
        for number, cell in enumerate(facts.cells_of(of)):
            roots[id(cell)] = ("cell", k, number), frozenset((".cell_contents",))
    return roots | {key: (place, frozenset(paths)) for key, (place, paths) in spaces.items()}


def flush(key: str) -> bool:
    """Write what was noted under a name before the process ends: the same function is asked for once more."""
    for noted in tuple(_pending):
        if noted.key == key:
            with suppress(ValueError):  # another thread does it
                _pending.remove(noted)
                _write(noted)
                return True
    return False


def _write_all(process: int) -> None:
    """Write what was noted; a forked child leaves it to the process that noted it."""
    if os.getpid() == process:
        for noted in _pending:
            _write(noted)
    _pending.clear()


def _write(noted: _Noted) -> None:
    try:
        parts = session.objects_of(noted.text, noted.glue, objects.undefined)
        image = objects.linked(parts, _EXPORTED)
    except (objects.Unlinkable, AutodiffError):
        return
    given = {name for kind in ("constants", "objects") for name, *_ in noted.entry[kind]}
    if all(name in given or _can_be_found(name) for _, name, _ in image["outside"]):
        cache.write(noted.key, marshal.dumps(noted.entry | {"image": image}))


def _can_be_found(name: str) -> bool:
    """Whether another process knows what a name stands for, without the compiler."""
    if name.partition(".")[0] in symbols.PROVIDERS:
        return False
    try:
        return symbols.address(name) != 0
    except InternalError:
        return False


__all__ = ["flush", "note"]
