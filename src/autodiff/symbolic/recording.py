"""What a :class:`Symbolic` remembers: the calls traced, and the objects met, by identity.

``tag`` and ``constant``, the functions that users call within their own, are here too.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextvars import ContextVar
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, TypeVar

import numpy as np

from autodiff import tree
from autodiff.capture.naming import capturing, constant_inside, tag_inside
from autodiff.errors import NameArgumentError

T = TypeVar("T")

# What tags the plain run of a traced function; None outside of Symbolic.trace.
recording_now: ContextVar[Recording | None] = ContextVar("autodiff_recording", default=None)


def tag(x: T, key: Hashable) -> T:
    """``x`` itself, known by ``key`` from now on.

    Parameters
    ----------
    x : array_like or container of them
        Any value of a function.  In plain Python nothing happens to it.
    key : hashable
        The name.  ``f.s_vars[key]`` shows the value after a call of a compiled ``f``; ``wrt=key``
        differentiates by it; :class:`Symbolic` takes it as input and output as well.

    Returns
    -------
    array_like
        ``x``.  Go on with what ``tag`` returns, ``y = tag(y, key)``: where the untagged value of a
        tag that is an input or is differentiated by is used too, that is an error.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> @autodiff.function
    ... def local(x):
    ...     y = autodiff.tag(x + 2, "y_var")
    ...     return y * 3
    >>> local(10.0)
    36.0
    >>> local.s_vars["y_var"].type
    ArrayType(dtype=dtype('float64'), shape=(), weak=True)
    >>> autodiff.gradient(local, wrt="y_var")(10.0)
    3.0
    """
    trace = capturing()
    if trace is not None:
        tagged: T = tag_inside(trace, [x, key], {})
        return tagged
    recording = recording_now.get()
    if recording is not None:
        recording.tagged(key, x)
    return x


def constant(x: T) -> T:
    """``x`` as a static value: the program is compiled for the value it has.

    Parameters
    ----------
    x : array_like or container of them
        Any value; in plain Python nothing happens to it.  A call with another value is compiled
        for that value.

    Returns
    -------
    array_like
        ``x``.

    Raises
    ------
    DerivativeError
        if ``x`` carries a derivative, which would be lost.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> along = autodiff.function(lambda x, a: x.sum(axis=autodiff.constant(a)))
    >>> along(np.ones((2, 3)), 0), along(np.ones((2, 3)), 1)
    (array([2., 2., 2.]), array([3., 3.]))
    """
    trace = capturing()
    if trace is None:
        return x
    static: T = constant_inside(trace, [x], {})
    return static


# How capture treats calls of these.
tag.__autodiff_inline__ = tag_inside  # type: ignore[attr-defined]
constant.__autodiff_inline__ = constant_inside  # type: ignore[attr-defined]


# Words for it; and the code whose argument or result it is, as functions may have one name.
Place = tuple[str, Any]


@dataclass
class Met:
    """An object met while tracing, and the value it had then."""

    obj: Any
    snapshot: Any
    last: Any  # the content after the last step
    title: str
    places: dict[Place, set[int]] = field(default_factory=dict)  # and the ids of their steps


@dataclass
class Container:
    """A container given to a step: what it held when it was first met, and after the last step."""

    obj: Any
    first: tuple[list[Any], Any]
    last: tuple[list[Any], Any]
    title: str


@dataclass
class Step:
    """One traced call."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    title: str
    reads: set[int] = field(default_factory=set)  # ids of what it was given or found
    by_path: dict[str, int] = field(default_factory=dict)  # from globals, closures, attributes
    result: Any = None
    results: list[Any] = field(default_factory=list)  # leaves of what it returned
    changed: set[int] = field(default_factory=set)  # ids of what it stored into
    tags: set[Any] = field(default_factory=set)

    @property
    def code(self) -> Any:
        """What tells the function from others of its name; that of a lambda or method is made once."""
        return getattr(self.function, "__code__", id(self.function))


class Recording:
    """Steps and the objects met, by identity.  Objects are kept alive, so ids are never reused."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.met: dict[int, Met] = {}
        self.containers: dict[int, Container] = {}
        self.tags: dict[Any, list[Any]] = {}  # objects tagged in plain runs
        self.shown: dict[Any, Any] = {}  # structures of Tagged
        self.alive: list[Any] = []

    def meet(self, obj: Any, title: str, place: Place | None, step: Step) -> None:
        """Note an object of a step; its first value is the one it keeps."""
        if not has_identity(obj):
            return
        known = self.met.get(id(obj))
        if known is None:
            copy = _copied(obj)
            known = self.met[id(obj)] = Met(obj, copy, copy, title)
        if place is not None:
            known.places.setdefault(place, set()).add(id(step))

    def meet_container(self, obj: Any, title: str) -> None:
        """Note what a container holds; only a step may have changed it since it was met."""
        now = tree.flatten(obj)
        known = self.containers.get(id(obj))
        if known is None:
            self.containers[id(obj)] = Container(obj, now, now, title)
        elif not _same_items(known.last, now):
            raise _changed(known.title)

    def tagged(self, key: Any, x: Any) -> None:
        """Note what a plain run tags."""
        self.tags.setdefault(key, []).append(x)
        self.alive.append(x)

    def refuse_changes(self, step: Step) -> None:
        """What a step reads must hold what the steps before left in it."""
        for number in step.reads:
            known = self.met.get(number)
            if known is not None and not _same(known.obj, known.last):
                raise _changed(known.title)

    def note_changes(self, step: Step) -> None:
        """Find the arrays that a step stored into."""
        for number, known in self.met.items():
            if not _same(known.obj, known.last):
                step.changed.add(number)
                known.last = _copied(known.obj)
        for number, container in self.containers.items():
            now = tree.flatten(container.obj)
            if not _same_items(container.last, now):
                step.changed.add(number)
            container.last = now


def _changed(title: str) -> NameArgumentError:
    return NameArgumentError(
        f"{title} was changed between two traces, which a recording does not see.",
        remedy="make the change in a function, and trace that",
    )


def _same_items(a: tuple[list[Any], Any], b: tuple[list[Any], Any]) -> bool:
    return bool(a[1] == b[1]) and all(x is y for x, y in zip(a[0], b[0], strict=True))


def has_identity(obj: Any) -> bool:
    """Whether an object is an array or number that can be told from an equal one."""
    if isinstance(obj, np.bool_):
        return False
    return type(obj) is float or (
        isinstance(obj, (np.ndarray, np.generic)) and obj.dtype.kind in "fiub"
    )


def _copied(obj: Any) -> Any:
    return np.array(obj) if isinstance(obj, np.ndarray) else obj


def _same(obj: Any, last: Any) -> bool:
    if not isinstance(obj, np.ndarray):
        return True
    return obj.shape == last.shape and np.array_equal(obj, last, equal_nan=obj.dtype.kind == "f")


def leaves_of(x: Any) -> list[Any]:
    """The leaves of a container, or the object itself."""
    return tree.flatten(x)[0] if tree.is_container(x) else [x]


def own_floats(x: Any) -> Any:
    """``x`` with each Python float a new object, since Python shares equal literals."""
    if tree.is_container(x):
        leaves, definition = tree.flatten(x)
        if not any(type(leaf) is float for leaf in leaves):
            return x
        return tree.unflatten(definition, [own_floats(leaf) for leaf in leaves])
    return np.float64(x).item() if type(x) is float else x


def last_name(path: str) -> str:
    """The last name in a path, if it is one the user gave."""
    name = path.split(".")[-1].split("[")[-1].strip("]'\"")
    return name if name.isidentifier() and not name.startswith("_") else ""


def identifier(title: str) -> str | None:
    """The name in the title of an object, for the program's text."""
    name = title.split(" in ")[0]
    return name if name.isidentifier() and not iskeyword(name) else None
