"""Classes made by ``plain_data.dataclass`` are as those of the standard library."""

import dataclasses
import inspect
import sys
from dataclasses import field
from typing import Any, ClassVar

import numpy as np
import pytest

from autodiff import plain_data

OPTIONS: list[dict[str, bool]] = [
    {},
    {"eq": False},
    {"frozen": True},
    {"frozen": True, "eq": False},
]


def classes(decorate: Any, options: dict[str, bool]) -> tuple[type, ...]:
    """A class with fields of every kind, one that adds some, one without, one with its own methods."""

    @decorate(**options)
    class Base:
        """Base."""

        a: Any
        b: int = 2
        c: list[int] = field(default_factory=list)
        d: Any = field(default=None, repr=False, compare=False)
        constant: ClassVar[int] = 5

    @decorate(**options)
    class More(Base):
        """More."""

        b: int = 3
        e: str = "e"
        made: int = field(init=False, default=7)

        def double(self) -> int:
            return 2 * self.b

    @decorate(**options)
    class Empty:
        """Empty."""

    @decorate(**options)
    class One:
        """One."""

        value: Any

    @decorate(**options)
    class Own:
        """Own."""

        x: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 5

    @decorate(**options)
    class Slots:
        """Slots."""

        __slots__ = ("x", "y")

        x: int
        y: Any

        def __init__(self, x: int, y: Any = 4) -> None:
            object.__setattr__(self, "x", x)
            object.__setattr__(self, "y", y)

    return Base, More, Empty, One, Own, Slots


def outcome(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:
        return type(error), str(error).replace("<locals>.", "")


def behaviour(made: tuple[type, ...]) -> list[Any]:
    """What can be seen of the classes and their objects."""
    base, more, empty, one, own, slots = made
    # From Python 3.13 on its dataclasses ask a NaN whether it is itself; ours compare as tuples do.
    nan = float("nan") if sys.version_info < (3, 13) else 2.5
    shown: list[Any] = []
    groups = [
        [base(1), base(1), base(1, 3), base(a=1, c=[2]), base(1, d=4), more(1), more(1, 3, [], None, "f")],
        [empty(), empty()], [one(nan), one(nan), one(1), one((1, [2]))], [own(1), own(2)],
        [slots(1), slots(1), slots(1, 2), slots(x=1, y=nan)],
    ]  # fmt: skip
    for group in groups:
        shown += [repr(x).split(">.")[-1] for x in group]
        shown += [x == y for x in group for y in group]
        shown += [outcome(lambda x, y: hash(x) == hash(y), x, y) for x in group for y in group]
        shown += [[f.name for f in dataclasses.fields(x)] for x in group]
        shown += [type(x).__match_args__ for x in group]
    x = base(1)
    assert base(1).c is not base(1).c
    shown.append(dataclasses.asdict(dataclasses.replace(x, a=4)))
    shown.append(more(1, 4).double())
    for name in ("a", "other"):
        shown.append(outcome(setattr, x, name, 9))
        shown.append(getattr(x, name, None))
        shown.append(outcome(delattr, x, name))
    for args in ((), (1, 2, 3, 4, 5)):
        shown.append(outcome(base, *args)[0])
    shown.append([dataclasses.is_dataclass(c) for c in made])
    return shown


@pytest.mark.parametrize("few", [0, 3, 1000])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_they_behave_alike(
    options: dict[str, bool], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_data, "_FEW", few)  # objects that are filled without a function
    ours = behaviour(classes(plain_data.dataclass, options))
    for got, wanted in zip(ours, behaviour(classes(dataclasses.dataclass, options)), strict=True):
        assert got == wanted or repr(got) == repr(wanted)


def test_one_field_that_is_an_array_is_compared_as_in_a_tuple() -> None:
    @plain_data.dataclass
    class Holder:
        """Holder."""

        array: np.ndarray

    x = np.ones(3)
    assert Holder(x) == Holder(x)  # the same object, whose elements are not asked


@pytest.mark.parametrize("decorate", [plain_data.dataclass, dataclasses.dataclass])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_an_object_with_other_values(decorate: Any, options: dict[str, bool]) -> None:
    base, more, empty, one, _, slots = classes(decorate, options)
    objects = [base(1, 3, [4], d=5), more(1, 4), empty(), one(5), slots(6)]
    changes: list[dict[str, Any]] = [{}, {"a": 9}, {"other": 1}, {"made": 2}, {"x": 7, "y": 8}]
    for x in objects:
        for change in changes:
            wanted = outcome(lambda x, c: repr(dataclasses.replace(x, **c)), x, change)
            found = outcome(lambda x, c: repr(plain_data.replace(x, **c)), x, change)
            assert found == wanted or (found[0], wanted[0]) in [
                (TypeError, TypeError),
                (TypeError, ValueError),
            ]


def test_what_is_done_after_the_fields_are_set_and_cycles() -> None:
    @plain_data.dataclass(eq=False)
    class Node:
        """Node."""

        other: Any = None
        steps: int = 0

        def __post_init__(self) -> None:
            self.steps += 1

    node = Node()
    node.other = node
    assert node.steps == 1
    assert "..." in repr(node)
    assert node != Node()
    assert hash(node) == object.__hash__(node)


def test_the_signature_is_known_before_and_after_there_are_objects() -> None:
    wanted = classes(dataclasses.dataclass, {"frozen": True})
    made = classes(plain_data.dataclass, {"frozen": True})

    class Derived(made[0]):  # type: ignore[name-defined, misc]
        """Derived."""

        def __init__(self, only: int) -> None:
            super().__init__(only)

    assert str(inspect.signature(Derived)) == "(only: int) -> None"
    assert Derived(3).a == 3
    for ours, theirs in zip(made, wanted, strict=True):
        parameters = inspect.signature(theirs).parameters
        for _ in range(2):
            assert inspect.signature(ours).parameters.keys() == parameters.keys()
            outcome(ours, 1)
        assert "__signature__" not in vars(ours)
