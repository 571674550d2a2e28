"""What is returned of the user's own objects is these objects, not others that are equal to them."""

import dataclasses
from collections import OrderedDict, deque
from typing import Any, NamedTuple

import numpy as np
import pytest

import autodiff

ENGINES = ["native", "numpy"]


@dataclasses.dataclass
class Setting:
    a: float
    b: object = None


@dataclasses.dataclass(frozen=True)
class Fixed:
    a: float


class Pair(NamedTuple):
    a: float
    b: int


class Plain:
    def __init__(self, a):
        self.a = a


ROWS = [(1.0, "a"), (3.0, "b"), (2.0, "c")]
OWN: dict[str, Any] = {
    "rows": ROWS, "setting": Setting(1.0), "plain": Plain(2.0), "list": [1.0, 2.0], "pair": Pair(1.0, 2),
    "array": np.array([1.0, 2.0]), "fixed": Fixed(1.0), "deque": deque([1.0]), "set": {1, 2},
    "settings": [Setting(1.0), Setting(5.0)], "inner": {"x": {"y": [1.0]}}, "tuples": ((1.0, 2.0), (3.0,)),
    "ordered": OrderedDict(a=1.0),
}  # fmt: skip

FROM_OUTSIDE = [
    lambda x: max(ROWS, key=lambda row: row[0]),
    lambda x: min(OWN["rows"]),
    lambda x: sorted(ROWS, key=lambda row: -row[0]),
    lambda x: [row for row in ROWS if row[0] > 1.5],
    lambda x: next(row for row in ROWS if row[0] > 1.5),
    lambda x: (ROWS[:2], list(reversed(ROWS))[0], deque(ROWS), dict(zip("ab", ROWS, strict=False))),
    lambda x: ROWS[int(x)],
    lambda x: (OWN["setting"], x * 2),
    lambda x: OWN["fixed"] if x > 0 else OWN["setting"],
    lambda x: {"k": OWN["plain"], "l": OWN["list"], "p": OWN["pair"], "o": OWN["ordered"]},
    lambda x: [OWN["array"], OWN["deque"], OWN["set"], OWN["inner"]["x"], OWN["tuples"][0]],
    lambda x: Pair(OWN["setting"], OWN["tuples"]),
    lambda x: Setting(x, OWN["settings"][1]),
]
OF_ARGUMENTS = [
    lambda p, x: p,
    lambda p, x: [p, x * 2],
    lambda p, x: {"first": p[0], "all": p, "x": x},
    lambda p, x: sorted(p, key=repr)[0],
    lambda p, x: (p[1], p[0], p[1]),
]
GIVEN = [
    lambda: [(1.0, "a"), (3.0, "b")],
    lambda: ([1.0, 2.0], [3.0, 4.0]),
    lambda: [np.ones(2), {"a": [1.0], "b": (2, "c")}],
    lambda: (Setting(1.0, [2.0]), Fixed(2.0)),
    lambda: deque([[1.0], Pair(1.0, 2)]),
]


def differing(got, wanted, own, at="result"):
    """Where the first has another object for one of the user's own in the second."""
    if any(wanted is x for x in own):
        return [] if got is wanted else [at]
    if isinstance(wanted, dict):
        parts = [(got[k], wanted[k], k) for k in wanted]
    elif isinstance(wanted, (list, tuple, deque)):
        parts = [(g, w, k) for k, (g, w) in enumerate(zip(got, wanted, strict=True))]
    elif dataclasses.is_dataclass(wanted):
        names = [f.name for f in dataclasses.fields(wanted)]
        parts = [(getattr(got, n), getattr(wanted, n), n) for n in names]
    else:
        return []
    return [found for g, w, k in parts for found in differing(g, w, own, f"{at}[{k!r}]")]


def objects_in(x):
    """The containers and objects in a value."""
    if isinstance(x, dict):
        return [x, *(found for part in x.values() for found in objects_in(part))]
    if isinstance(x, (list, tuple, deque)):
        return [x, *(found for part in x for found in objects_in(part))]
    if isinstance(x, (Setting, Fixed, Plain)):
        return [x, *(found for part in vars(x).values() for found in objects_in(part))]
    return [x] if isinstance(x, (np.ndarray, set)) else []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FROM_OUTSIDE)
def test_objects_from_outside(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (1.0, 2.0, 0.5):
        assert differing(compiled(x), f(x), objects_in(OWN)) == []
    assert len(compiled.cache) <= 3


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("made", GIVEN)
@pytest.mark.parametrize("f", OF_ARGUMENTS)
def test_containers_among_the_arguments(f, made, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (1.0, 2.0):
        p = made()
        assert differing(compiled(p, x), f(p, x), objects_in(p)) == []
    assert len(compiled.cache) == 1


def test_an_object_of_the_arguments_that_is_changed_later():
    compiled = autodiff.function(lambda model, x: (model.b, x * model.a))
    model = Setting(2.0, {"w": [1.0]})
    found, _ = compiled(model, 1.0)
    found["w"].append(5.0)
    assert model.b == {"w": [1.0, 5.0]}
