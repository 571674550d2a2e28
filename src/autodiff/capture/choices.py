"""Objects that a branch chose: which one it is, is known when the program runs.

    z = x if c else y          OneOf(c, x, y)
    z.t = 2.0                  if c: x.t = 2.0    else: y.t = 2.0
    z.t                        x.t if c else y.t
    z is x                     c

A choice is no copy.  What is done with it is done to each of its objects, on the path on which it is that one: so
whoever knows one of them sees it.  Attributes, methods and ``is`` know what a choice is.  Everything else meets an
object that refuses (:class:`OneOf`), the call is captured again, and the branch is decided under a guard.

Where a side has made its object, that one exists on no other path.  So the objects that two sides have made are one
object, which holds what each side put into its own; and of an object that one side has made and one from before there
is one new object beside the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture.parts import table_of
from autodiff.ir.data import Block
from autodiff.ladder import AmbiguousStore, NotStaged
from autodiff.ops.builder import current_block
from autodiff.ops.tracer import StoredList, Tracer
from autodiff.plain_data import dataclass

TOLD_APART = 1  # of ``Trace.distinguish_arrays``: a list that a branch chose is a choice, no copy


@dataclass(eq=False)
class Instance:
    """An object made in a region, as the region left it; of which object."""

    cls: type
    table: dict[str, Any]
    origin: Any = None


def _refused(x: Any = None, *_: Any, **__: Any) -> Any:
    if type(x) is Among:
        raise group_and_index(x)[0].refusal()
    raise AmbiguousStore("a use of an object itself that a branch chose among others")


class OneOf:
    """``first`` where ``test`` holds, else ``second``: two objects of one class, or choices among some."""

    __slots__ = ("_autodiff_block", "_autodiff_parts")

    def __init__(self, test: Tracer, first: Any, second: Any) -> None:
        object.__setattr__(self, "_autodiff_parts", (test, first, second))
        object.__setattr__(self, "_autodiff_block", current_block())

    def __getattribute__(self, name: str) -> Any:
        """What nobody but this module knows is refused."""
        return OneOf if name == "__class__" else _refused(self)

    __setattr__ = __delattr__ = __eq__ = __ne__ = __hash__ = __bool__ = __len__ = __iter__ = (
        _refused
    )
    __contains__ = __getitem__ = __setitem__ = __delitem__ = __call__ = __repr__ = __str__ = (
        _refused
    )
    __format__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = __rsub__ = (
        _refused
    )
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __matmul__ = _refused
    __rmatmul__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = __abs__ = _refused
    __float__ = __int__ = __index__ = __copy__ = __deepcopy__ = __reduce_ex__ = __enter__ = _refused
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = __pos__ = _refused
    __array__ = __array_ufunc__ = __array_function__ = __next__ = __dir__ = __exit__ = _refused


class Among(OneOf):
    """An object of a group, at a place known only when the program runs (``gathered``)."""

    __slots__ = ()

    def __init__(self, group: Any, index: Tracer) -> None:
        object.__setattr__(self, "_autodiff_parts", (group, index))
        object.__setattr__(self, "_autodiff_block", None)


def group_and_index(x: Among) -> tuple[Any, Tracer]:
    """The group of an object that stands in a list, and where it is."""
    parts: tuple[Any, Tracer] = object.__getattribute__(x, "_autodiff_parts")
    return parts


def is_pooled(x: Any) -> bool:
    """Whether an object is an item of a list that a loop has made, known by its number (``members``)."""
    return type(x) is Among and bool(getattr(group_and_index(x)[0], "is_pool", False))


def is_choice(x: Any) -> bool:
    """Whether an object is a choice, or one that stands in a list."""
    return type(x) is OneOf or type(x) is Among


def parts_of(x: OneOf) -> tuple[Tracer, Any, Any]:
    """The test of a choice, and its two objects."""
    if type(x) is Among:
        _refused(x)
    parts: tuple[Tracer, Any, Any] = object.__getattribute__(x, "_autodiff_parts")
    return parts


def block_of(x: OneOf) -> Block:
    """The block that the test of a choice stands in."""
    block: Block = object.__getattribute__(x, "_autodiff_block")
    return block


def objects_of(x: Any) -> Iterator[Any]:
    """The objects that a choice is among."""
    if type(x) is Among:
        yield from group_and_index(x)[0].objects
    elif is_choice(x):
        for part in parts_of(x)[1:]:
            yield from objects_of(part)
    else:
        yield x


def class_of(x: Any) -> type:
    """The class of an object, or of those that a choice is among."""
    while is_choice(x):
        if type(x) is Among:
            cls: type = group_and_index(x)[0].cls
            return cls
        x = parts_of(x)[1]
    while isinstance(x, Left):
        x = x.first
    return x.cls if isinstance(x, Instance) else type(x)


def refuse(x: Any) -> None:
    """Refuse a choice where Python would have to be given the object."""
    if is_choice(x):
        _refused(x)


# -- regions ----------------------------------------------------------------------------------------
@dataclass(eq=False)
class Left:
    """A choice as the region left it that has made it."""

    test: Tracer
    first: Any
    second: Any


def freeze(x: OneOf, made: dict[int, Any], inner: Callable[[Any], Any]) -> Any:
    """A choice at the end of a region that has ``made`` objects; ``inner`` freezes those."""
    if type(x) is Among or block_of(x) is not current_block():
        return x  # from before the region
    test, *objects = parts_of(x)
    return Left(test, *(_left(part, made, inner) for part in objects))


def _left(x: Any, made: dict[int, Any], inner: Callable[[Any], Any]) -> Any:
    if is_choice(x):
        return freeze(x, made, inner)
    if isinstance(x, (list, dict)):  # one that the region has made is known to nobody by that
        return None if id(x) in made else x
    return inner(x)


class Method:
    """A method of a list or dict that a branch chose."""

    def __init__(self, owner: OneOf, name: str) -> None:
        self.owner = owner
        self.name = name


def alike(x: Any, start: Any) -> Any:
    """An object that looks like a choice between ``start`` and something new: the new one."""
    if not isinstance(x, Left) or not any(part is start for part in (x.first, x.second)):
        return x
    return x.first if x.second is start else x.second


# -- merging ----------------------------------------------------------------------------------------
def is_object(trace: Any, x: Any) -> bool:
    """Whether what a side left is an object that the captured code has made, or a choice of some."""
    if isinstance(x, (Instance, Left)) or is_choice(x):
        return True
    kind = containers.kind_of(x)
    if kind is None or kind.name != "instance" or table_of(x) is None:
        return False
    return bool(trace.was_made(x))


def are_lists(trace: Any, a: Any, b: Any) -> bool:
    """Whether two sides leave lists, or dicts, from before, or choices of some, where these are told apart."""
    if trace.distinguish_arrays != TOLD_APART:
        return False
    classes = [class_of(x) for x in (a, b)]
    if classes[0] is not classes[1] or not issubclass(classes[0], (StoredList, dict)):
        return False
    return all(isinstance(x, Left) or is_choice(x) or trace.was_made(x) for x in (a, b))


class ObjectMerge:
    """The objects of two sides; ``merge`` merges what they hold."""

    def __init__(self, merge: Any) -> None:
        self.merge = merge
        self.trace = merge.frame.trace
        self.known: dict[
            int, tuple[Any, Any]
        ] = {}  # by what a side has made: its partner, the object

    def value(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        """Merge two objects, or choices."""
        if class_of(a) is not class_of(b):
            raise NotStaged(
                f"the branches give a {class_of(a).__name__} and a {class_of(b).__name__}, "
                "which do not merge"
            )
        finish = self.merge.finish
        if not _is_new(a) and not _is_new(b):
            self._refuse_where_told_apart()
            test, mine, others = self.merge.test, self._known(a, 0), self._known(b, 1)
            finish.append(lambda results: put(OneOf(test, mine(), others())))
            return
        (new, old, is_new), (other, older, is_other) = _form(a), _form(b)
        if old is not None and older is not None and old is not older:
            raise NotStaged("the branches choose among several objects")
        old = older if old is None else old
        if old is not None:
            self._refuse_where_told_apart()
        made = self._one(new, other, old)
        if old is None:
            finish.append(lambda results: put(made))
            return
        found: list[Any] = [None]
        self.merge.value(is_new, is_other, partial(found.__setitem__, 0))
        finish.append(lambda results: put(_choice(found[0], made, old)))

    def _known(self, x: Any, side: int) -> Callable[[], Any]:
        """A choice among objects from before, which one side has made, outside of it."""
        if not isinstance(x, Left):
            return lambda: x
        found: list[Any] = [None]
        tests: list[Any] = [x.test, x.test]
        tests[1 - side] = True
        self.merge.value(tests[0], tests[1], partial(found.__setitem__, 0))
        first, second = self._known(x.first, side), self._known(x.second, side)
        return lambda: _choice(found[0], first(), second())

    def _refuse_where_told_apart(self) -> None:
        if self.trace.distinguish_arrays > TOLD_APART:
            raise NotStaged("a branch chooses among objects, and the choice is used as a whole")

    def _one(self, a: Instance | None, b: Instance | None, old: Any) -> Any:
        """The object that stands for what the sides have made; beside ``old``, which it is where neither has."""
        mine = (a, b) if a is not None else (b, a)
        first = mine[0]
        assert first is not None
        for x, partner in ((a, b), (b, a)):
            if x is None or id(x.origin) not in self.known:
                continue
            other, made = self.known[id(x.origin)]
            if other is not (old if partner is None else partner.origin):
                raise NotStaged("the branches give objects that have other names in one of them")
            return made
        made = self.trace.fresh(containers.new_instance(first.cls))
        tables = [self._table(x, old) for x in (a, b)]
        if list(tables[0]) != list(tables[1]):
            raise NotStaged("the branches give objects with different attributes")
        for x, partner in ((a, b), (b, a)):
            if x is not None:
                self.known[id(x.origin)] = (old if partner is None else partner.origin, made)
        table: Any = table_of(made)
        table.update(dict.fromkeys(tables[0]))
        for name in tables[0]:
            put = partial(table.__setitem__, name)
            self.merge.value(tables[0][name], tables[1][name], put)
        return made

    def _table(self, x: Instance | None, old: Any) -> dict[str, Any]:
        """What an object holds at the end of a side that has made it; else what the old one does."""
        if x is not None:
            return x.table
        if is_choice(old):
            raise NotStaged("the branches choose among several objects")
        return containers.attributes_of(old)


def _is_new(x: Any) -> bool:
    """Whether an object, or one of those of a choice, was made by the side that left it."""
    return isinstance(x, Instance) or (
        isinstance(x, Left) and (_is_new(x.first) or _is_new(x.second))
    )


def _form(x: Any) -> tuple[Instance | None, Any, Any]:
    """An object that a side has made, one from before, and whether it is the first of them."""
    if isinstance(x, Instance):
        return x, None, True
    if not isinstance(x, Left):
        return None, x, False
    if not isinstance(x.first, Instance) or isinstance(x.second, (Instance, Left)):
        raise NotStaged("the branches choose among several objects")
    return x.first, x.second, x.test


def _choice(is_new: Any, made: Any, old: Any) -> Any:
    if isinstance(is_new, bool):
        return made if is_new else old
    return OneOf(Tracer(is_new.value, "python"), made, old)


def same(test: Tracer, p: Any, q: Any) -> Any:
    """``p`` where the test holds, else ``q``, of two bools or traced ones."""
    if isinstance(p, bool) and isinstance(q, bool):
        if p is q:
            return p
        return test if p else Tracer(_value(np.logical_not(test)), "python")
    first, second = np.logical_and(test, p), np.logical_and(np.logical_not(test), q)
    return Tracer(_value(np.logical_or(first, second)), "python")


def _value(x: Any) -> Any:
    return x.value


__all__ = [
    "TOLD_APART",
    "Instance",
    "Left",
    "Method",
    "ObjectMerge",
    "OneOf",
    "alike",
    "are_lists",
    "class_of",
    "freeze",
    "is_choice",
    "is_object",
    "objects_of",
    "parts_of",
    "refuse",
    "same",
]
