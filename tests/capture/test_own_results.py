"""What is returned of the user's own objects is these objects, not others that are equal to them."""

import dataclasses
from collections import OrderedDict, deque
from typing import Any, NamedTuple

import numpy as np
import pytest

import autodiff
from autodiff import tree
from autodiff.ladder import Rung

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


# -- views that are kept outside -----------------------------------------------------------------------
class Layer:
    """What a network keeps of a vector of all its parameters."""

    def __init__(self) -> None:
        self.weights = self.bias = self.whole = None


LAYER = Layer()


def of_an_argument(w):
    LAYER.weights, LAYER.bias = w[:6].reshape(3, 2), w[6:]
    return np.sum(np.tanh(np.ones(3) @ LAYER.weights + LAYER.bias) ** 2)


def of_an_argument_that_is_changed(w):
    LAYER.weights, LAYER.bias = w[:6].reshape(3, 2), w[:0:-1]
    LAYER.weights[0] *= 2
    return np.sum(LAYER.weights * LAYER.weights)


def of_what_is_made(w):
    made = w * 2.0
    LAYER.weights, LAYER.bias, LAYER.whole = made[:6].reshape(3, 2).T, made[4:], [made, made[::2]]
    made[0] = 7.0
    return made


def of_what_is_made_and_nobody_keeps(w):
    made = np.outer(w, w)
    LAYER.weights, LAYER.bias = made.T, made[:, 1]
    return made[0]


def of_the_last_pass(w):
    made = np.outer(w, w)
    for row in made:
        LAYER.bias = row
    return np.sum(made)


def on_one_side(w):
    LAYER.bias = w[:2] if w[0] > 0 else w[2:]
    return w[1]


KEPT_VIEWS = [
    of_an_argument, of_an_argument_that_is_changed, of_what_is_made, of_what_is_made_and_nobody_keeps,
    of_the_last_pass, on_one_side,
]  # fmt: skip


def kept(f, w):
    """What a call keeps and gives: the arrays, and which of them have memory in common."""
    vars(LAYER).update(vars(Layer()))
    parts = [f(w), w]
    for value in vars(LAYER).values():
        parts += value if isinstance(value, list) else [value]
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    shared = [np.shares_memory(a, b) for a in arrays for b in arrays]
    return [np.array(part) for part in parts], shared, [a.strides for a in arrays]


@pytest.mark.parametrize("f", KEPT_VIEWS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_view_that_is_kept_is_a_view_of_what_it_was_taken_of(f, engine):
    value = autodiff.function(f, engine=engine)
    for w in (np.arange(1.0, 9.0), np.arange(1.0, 9.0), -np.arange(1.0, 9.0)):
        (expected, shared, strides), found = kept(f, w.copy()), kept(value, w.copy())
        assert all(
            np.array_equal(a, b)
            for a, b in zip(found[0][2:], expected[2:], strict=True)
            if b.dtype != object
        )
        np.testing.assert_allclose(found[0][0], expected[0], rtol=1e-14)
        assert np.array_equal(found[0][1], expected[1])
        assert found[1:] == (shared, strides)


def test_a_derivative_keeps_views_as_the_function_does():
    w = np.arange(1.0, 9.0) / 8
    slope = autodiff.gradient(of_an_argument)(w)
    assert np.shares_memory(LAYER.weights, w) and np.array_equal(LAYER.bias, w[6:])
    step = 1e-6 * np.eye(8)
    differences = [(of_an_argument(w + d) - of_an_argument(w - d)) / 2e-6 for d in step]
    np.testing.assert_allclose(slope, differences, rtol=1e-7)


def rows_of_one(w):
    made = np.outer(w, w)
    return [row for row in made], made[:2], made.T


def parts_that_meet(w):
    made = w * 2.0
    left, right = made[:3], made[2:]
    left[2] = 9.0
    return {"left": left, "right": right}, [left]


def parts_that_do_not(w):
    made = w * 2.0
    return made[:3], made[3:], made[3:][::2]


def at_a_place_of_the_call(w):
    made = w * 2.0
    n = int(w[1])
    return made[:n], made[1:]


def of_what_is_kept(w):
    LAYER.whole = [w * 2.0]
    return LAYER.whole[0][1:]


def of_which_a_part_is_kept(w):
    made = w * 2.0
    LAYER.bias = made[1:]
    return made[:3]


def in_another_shape(w):
    made = w * 2.0
    table = made.reshape(4, 2)
    return table[:, 0], table.T


RETURNED = [
    rows_of_one, parts_that_meet, parts_that_do_not, at_a_place_of_the_call, of_what_is_kept,
    of_which_a_part_is_kept, in_another_shape,
]  # fmt: skip


@pytest.mark.parametrize("f", RETURNED)
@pytest.mark.parametrize("engine", ENGINES)
def test_parts_of_one_array_in_a_result_are_parts_of_one_array(f, engine):
    def arrays(given):
        vars(LAYER).update(vars(Layer()))
        parts, found = [given(np.arange(1.0, 9.0)), *vars(LAYER).values()], []
        while parts:
            part = parts.pop(0)
            if isinstance(part, np.ndarray):
                found.append(part)
            elif isinstance(part, (list, tuple, dict)):
                parts += part.values() if isinstance(part, dict) else part
        return found, [np.shares_memory(a, b) for a in found for b in found]

    value = autodiff.function(f, engine=engine)
    for _ in range(2):
        (expected, shared), (found, ours) = arrays(f), arrays(value)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
        assert ours == shared


OUTER = np.array([1.0, 2.0])
READ_ONLY = {
    "broadcast_to": lambda w: [np.broadcast_to(x, (2, 8)) for x in (w, 2 * w, OUTER[0], [1.0] * 8)],
    "constants": lambda w: (np.broadcast_to(OUTER, (2, 2)), np.diagonal(np.ones((2, 2))), w),
    "imag": lambda w: [np.imag(w), (2 * w).imag, w.imag],
    "diagonal": lambda w: [x.reshape(2, 4).diagonal() for x in (w, 2 * w)],
    "diag": lambda w: [np.diag(x.reshape(2, 4)) for x in (w, 2 * w)],
    "windows": lambda w: np.lib.stride_tricks.sliding_window_view(2 * w, 3),
    "ix_": lambda w: np.ix_(w[:2], w[2:]),
    "meshgrid": lambda w: [*np.meshgrid(w, w[:2], copy=False), *np.meshgrid(w, w[:2], sparse=True)],
    "meshgrid of one": lambda w: np.meshgrid(w, copy=False),
    "broadcast_arrays": lambda w: [*np.broadcast_arrays(w, 2 * w[:1]), *np.broadcast_arrays(w, w)],
}


@pytest.mark.filterwarnings("ignore:future versions will not create a writeable:FutureWarning")
@pytest.mark.parametrize("name", READ_ONLY)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_view_is_read_only_and_shares_memory_as_numpys_does(name, engine):
    f, w = READ_ONLY[name], np.arange(1.0, 9.0)
    value = autodiff.function(f, engine=engine)
    for _ in range(2):
        for a, b in zip(f(w), value(w), strict=True):
            told = [
                (x.flags.writeable, [np.shares_memory(x, y) for y in (w, OUTER)], x.strides)
                for x in (a, b)
            ]
            assert told[0] == told[1]
            assert np.array_equal(a, b)


NAMES = np.array(["a", "b", "c", "d"])
MADE_ANEW = {
    "sorted texts": lambda n: np.sort(n),
    "a view": lambda n: n.reshape(2, 2),
    "a view beside numbers": lambda n: (n[1:], np.float64(len(n))),
    "the argument": lambda n: (n, n[::-1]),
    "from outside": lambda n: (NAMES, n[:1]),
    "texts": lambda n: [np.array(["x"]), {"k": np.char.add(n, "!")}],
    "twice": lambda n: [*[np.array(["x"])] * 2, *[{1, 2}] * 2],
    "with a view": lambda n: (lambda a: [a, a[1:]])(np.sort(n)),
    "objects": lambda n: np.array([None, 1]),
    "masked": lambda n: np.ma.array([1, 2], mask=[True, False]),
    "a matrix": lambda n: np.matrix([[1.0]]),
    "a polynomial": lambda n: np.poly1d([1.0, 2.0]),
    "records": lambda n: np.zeros(2, [("a", int)]),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("name", MADE_ANEW)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_call_makes_is_another_one_in_the_next(name, engine):
    f = MADE_ANEW[name]

    def told(given):
        calls = [NAMES.copy(), NAMES.copy()]
        first, second = (tree.flatten(given(n))[0] for n in calls)
        arrays = [*calls, NAMES, *(x for x in first + second if isinstance(x, np.ndarray))]
        shared = [np.shares_memory(x, y) for x in arrays for y in arrays]
        return repr(second), shared, [[x is y for y in first + second] for x in first + second]

    assert told(autodiff.function(f, engine=engine)) == told(f)


def appended_to_two_lists(w):
    made = w * 2.0
    LAYER.seen.append(made)
    LAYER.others.append(made[1:])


def appended_and_stored(w):
    made = w * 2.0
    LAYER.seen.append(made)
    LAYER.bias = made


def one_view_in_two_lists(w):
    view = w[1:]
    LAYER.seen.append(view)
    LAYER.others.append(view)


def one_view_kept_and_returned(w):
    LAYER.bias = (w * 2.0)[1:]
    return LAYER.bias


def one_array_by_all_passes(w):
    made = w * 2.0
    for _ in range(20):
        LAYER.seen.append(made)


def views_by_all_passes(w):
    made = w * 2.0
    for k in range(len(w)):
        LAYER.seen.append(made[k:])


def parts_of_one_array_of_a_pass(w):
    for k in range(20):
        made = w * k
        LAYER.seen.append(made)
        LAYER.others.append(made[1:])


def kept_by_a_branch(w):
    made = w * 2.0
    if w[1] > 0.0:
        LAYER.weights = made
    return made


def an_argument_kept_by_a_branch(w):
    if w[1] > 0.0:
        LAYER.weights = w


def kept_by_passes(w):
    made = w * 2.0
    for k in range(len(w)):
        LAYER.bias = made[k:]
    return made


IN_TWO_PLACES = [
    appended_to_two_lists, appended_and_stored, one_view_in_two_lists, one_view_kept_and_returned,
    one_array_by_all_passes, views_by_all_passes, parts_of_one_array_of_a_pass, kept_by_a_branch,
    an_argument_kept_by_a_branch, kept_by_passes,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("f", IN_TWO_PLACES)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_kept_in_two_places_is_one_array(f, engine):
    def arrays(given, w):
        vars(LAYER).clear()
        vars(LAYER).update(vars(Layer()), weights=np.zeros(len(w)), seen=[], others=[])
        result = given(w)
        outside = [*LAYER.seen, *LAYER.others, LAYER.weights, LAYER.bias]
        found = [x for x in (w, result, *outside) if isinstance(x, np.ndarray)]
        pairs = [(a, b) for a in found for b in found]
        return found, [(a is b, np.shares_memory(a, b)) for a, b in pairs]

    value = autodiff.function(f, engine=engine)
    try:
        for w in (np.arange(1.0, 4.0), -np.arange(1.0, 4.0), np.arange(1.0, 6.0)):
            (expected, same), (found, ours) = arrays(f, w.copy()), arrays(value, w.copy())
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
            assert ours == same
    finally:
        vars(LAYER).clear()
        vars(LAYER).update(vars(Layer()))


def stored_whole(given):
    LAYER.whole = given


def stored_and_read(given):
    LAYER.whole, LAYER.bias = given, given["bias"]
    return given["weights"][0] * given["inner"][0]


def stored_in_a_tuple(given):
    LAYER.whole = (given["inner"], {"all": given})
    return given["bias"]


def appended_and_changed(given):
    LAYER.seen.append(given["inner"])
    given["inner"].append(given["weights"][1])


def stored_and_returned(given):
    LAYER.whole = given["setting"]
    return given["setting"]


KEPT_CONTAINERS = [
    stored_whole, stored_and_read, stored_in_a_tuple, appended_and_changed, stored_and_returned,
]  # fmt: skip


def containers_of_the_call():
    inner = [1.0, 2.0]
    return {"weights": np.arange(1.0, 4.0), "bias": [np.ones(2)], "inner": inner, "setting": Setting(1.0, inner)}  # fmt: skip


def identities(result, given):
    """Which of what is to be found outside, returned and given is one object."""
    found = [result, given]
    outside = [vars(LAYER)[name] for name in ("whole", "bias", "seen")]
    while outside:
        found.append(outside.pop())
        if isinstance(found[-1], (list, tuple)):
            outside += found[-1]
    found += [x for one in found if isinstance(one, dict) for x in one.values()]
    return [[a is b for a in found if not isinstance(a, float)] for b in found]


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("f", KEPT_CONTAINERS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_container_of_the_arguments_that_is_kept_is_the_callers_own(f, engine):
    value = autodiff.function(f, engine=engine)
    try:
        for _ in range(3):
            outcomes = []
            for one in (f, value):
                vars(LAYER).update(vars(Layer()), seen=[])
                given = containers_of_the_call()
                result = one(given)
                outcomes.append((identities(result, given), repr((vars(LAYER), given, result))))
            assert outcomes[0] == outcomes[1]
    finally:
        vars(LAYER).clear()
        vars(LAYER).update(vars(Layer()))


def test_a_derivative_keeps_the_callers_own_containers():
    def loss(given):
        LAYER.whole = given
        return np.sum(given["weights"] ** 2) * given["inner"][0]

    def of_changed(given):
        given["inner"][0] = 3.0
        LAYER.whole = given["inner"]
        return np.sum(given["weights"] ** 2) * given["inner"][0]

    given = {"weights": np.arange(1.0, 4.0), "inner": [2.0]}
    assert np.array_equal(autodiff.gradient(loss)(given)["weights"], 4.0 * given["weights"])
    assert LAYER.whole is given
    assert np.array_equal(autodiff.gradient(of_changed)(given)["weights"], 6.0 * given["weights"])
    assert LAYER.whole == [3.0] and given["inner"] == [2.0]
    LAYER.whole = None


def test_arrays_from_outside_are_kept_beside_places_that_are_not_read():
    class Store:
        whole, first, last = [1.0], np.arange(4.0), [np.zeros(2)]

    def f(x):
        Store.whole.append(Store.first)
        Store.last.append(Store.first[1:])
        kept[0] = x * 2.0
        return x

    kept = [1.0]
    value = autodiff.function(f)
    for x in (2.0, 3.0):
        assert value(x) == x and kept == [2.0 * x]
        assert Store.whole[-1] is Store.first and Store.last[-1].base is Store.first


class Best:
    """What a minimiser has found so far."""

    def __init__(self) -> None:
        self.loss, self.place = np.inf, None

    def __call__(self, x: Any) -> Any:
        loss = np.sum((x - 1.0) ** 2)
        if loss < self.loss:
            self.loss, self.place = loss, x
        return loss


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_an_array_that_a_branch_keeps_outside_is_that_array(transform, engine):
    theirs, ours = Best(), Best()
    value = transform(ours, engine=engine)
    for place in (0.0, 2.0, 1.5, 3.0, 1.2, 5.0):
        x = np.full(2, place)
        theirs(x), value(x)
        assert ours.place is theirs.place and ours.loss == theirs.loss
    assert len(value.cache) == 2


# -- what passes and branches keep outside, and something else has as well ----------------------------
class Model:
    def __init__(self):
        self.history, self.last = [], None


@dataclasses.dataclass
class State:
    x: float
    v: float


def the_array_of_the_last_pass(model, xs, a):
    y = np.zeros(2)
    for x in xs:
        y = y * a + x
        model.history.append(y)
    model.last = y
    return y


def an_array_that_some_passes_leave(model, xs, a):
    y = np.zeros(2)
    for x in xs:
        if x > a:
            y = y + x
        model.history.append(y)
    return a


def an_array_of_the_caller(model, xs, a):
    y = xs
    for _ in range(12):
        model.history.append(y)
        y = y * a
    return y, xs


def an_array_twice(model, xs, a):
    for x in xs:
        y = np.array([x, a])
        model.history.append(y)
        model.history.append((a, y))
    return a


def the_best_array(model, xs, a):
    best, most = np.zeros(2), -1.0
    for x in xs:
        y = np.array([x, a * x])
        model.history.append(y)
        if np.sin(3 * x) > most:
            best, most = y, np.sin(3 * x)
    model.last = best
    return most


def items_of_the_result(model, xs, a):
    made = []
    for x in xs:
        y = np.array([x, a * x])
        model.history.append(y)
        made.append(y)
    return made


def the_last_item_of_the_result(model, xs, a):
    made = []
    for x in xs:
        y = np.array([x, a * x])
        made.append(y)
        model.last = y
    return made


def passes_of_unknown_number(model, xs, a):
    y = xs
    while y.sum() > 1:
        y = y * a
        model.history.append(y)
    return y


def passes_in_passes(model, xs, a):
    y = np.zeros(2)
    for k in range(10):
        for j in range(10):
            y = y + xs[j] * a * k
            model.history.append(y)
    model.last = y
    return y


def an_array_of_one_side(model, xs, a):
    if xs[0] < a:
        y = xs * a
        model.history.append(y)
    else:
        y = xs * 2
    model.last = y
    return y


def an_array_of_some_passes(model, xs, a):
    y = np.zeros(2)
    for x in xs:
        if x > a:
            y = y + x
            model.history.append(y)
    return y


def an_array_again_after_the_loop(model, xs, a):
    y = np.zeros(2)
    for x in xs:
        y = y + x * a
        model.history.append(y)
    model.history.append(y)
    return a


def an_array_that_is_chosen_after_the_loop(model, xs, a):
    y = best = xs * 1.0
    for x in xs:
        y = y + x
        model.last = y
        y = y * a
    model.history.append(y)
    if xs[-1] > a:
        best = y
    return best


def an_array_in_a_place_and_in_a_list(model, xs, a):
    y = xs
    for x in xs:
        y = xs * x
        model.last = y
    model.history.append(y)
    return a


def an_object_that_had_two_names(model, xs, a):
    y = State(0.5, a)
    before = y
    for x in xs:
        y = State(x, a)
        model.history.append(y)
    return y, before.x


def the_best_of_what_had_two_names(model, xs, a):
    y = best = State(0.5, a)
    for x in xs:
        y = State(y.x + x, y.v)
        if x < 1.3 * a:
            best = y
        model.history.append(y)
    return best


def an_item_of_the_result(model, xs, a):
    y, made = State(0.5, a), []
    for x in xs:
        made.append(y)
        y = State(y.x * a, x)
        if x < a:
            model.history.append(y)
    return made


def the_object_of_the_last_pass(model, xs, a):
    s = State(1.0, a)
    for x in xs:
        s = State(s.x + x * s.v, s.v)
        model.history.append(s)
    model.last = s
    return a


def an_object_of_the_last_pass(model, xs, a):
    for x in xs:
        s = State(x, a)
        model.history.append(s)
    return s


def the_best_object(model, xs, a):
    best = State(0.0, 0.0)
    for x in xs:
        s = State(np.sin(3 * x), a)
        model.history.append(s)
        if s.x > best.x:
            best = s
    model.last = best
    return a


def an_object_that_the_next_pass_changes(model, xs, a):
    s = State(1.0, a)
    for x in xs:
        s.x += x
        s = State(s.x, s.v)
        model.history.append(s)
    return a


def a_list_of_the_last_pass(model, xs, a):
    row = [0.0, 0.0]
    for x in xs:
        row = [row[0] + x, row[1] * a]
        model.history.append(row)
    model.last = row
    return a


def a_dict_of_the_last_pass(model, xs, a):
    record = {"x": 0.0}
    for x in xs:
        record = {"x": record["x"] + x * a}
        model.history.append(record)
    return record


def an_object_of_one_side(model, xs, a):
    if xs[0] < a:
        s = State(xs[0], a)
        model.history.append(s)
    else:
        s = State(xs[1], a)
    model.last = s
    return a


def a_list_of_one_side(model, xs, a):
    if xs[0] < a:
        row = [xs[0], a]
        model.history.append(row)
    else:
        row = [xs[1], a]
    return row


BY_NUMBER = [
    *(the_array_of_the_last_pass, an_array_that_some_passes_leave, an_array_of_the_caller),
    *(an_array_twice, the_best_array, items_of_the_result, the_last_item_of_the_result),
    *(passes_of_unknown_number, passes_in_passes, an_array_of_one_side, an_array_of_some_passes),
    *(an_array_again_after_the_loop, an_array_that_is_chosen_after_the_loop),
    an_array_in_a_place_and_in_a_list,
]
AS_PYTHON_DOES = [
    *(the_object_of_the_last_pass, an_object_of_the_last_pass, the_best_object),
    *(an_object_that_the_next_pass_changes, a_list_of_the_last_pass, a_dict_of_the_last_pass),
    *(an_object_of_one_side, a_list_of_one_side, an_object_that_had_two_names),
    *(the_best_of_what_had_two_names, an_item_of_the_result),
]


def graph(x, known):
    """Numbers, and which objects are one."""
    if isinstance(x, (int, float, type(None))):
        return x if x is None else round(float(x), 9)
    if id(x) in known and not isinstance(x, tuple):
        return known[id(x)][0]
    known[id(x)] = f"object {len(known)}", x
    if isinstance(x, np.ndarray):
        return [known[id(x)][0], np.round(x, 9).tolist()]
    items = x if isinstance(x, (list, tuple)) else (x if type(x) is dict else vars(x)).values()
    return [known[id(x)][0], *(graph(part, known) for part in items)]


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("f", [*BY_NUMBER, *AS_PYTHON_DOES])
@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
def test_what_passes_and_branches_keep_is_one_with_what_else_has_it(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for a in (0.7, 0.0, 0.7):
        found = []
        for one in (compiled, f):
            given = Model(), np.linspace(0.1, 2.0, 12), a
            found.append(graph((one(*given), given), {}))
        assert found[0] == found[1]
    assert bool(compiled.cache) == (f in BY_NUMBER)
    if f in BY_NUMBER:
        decisions = compiled.cache[0].captured.decisions
        assert not [d for d in decisions if d.rung > Rung.PEELED]


def test_a_derivative_keeps_one_array_where_the_function_does():
    def f(model, xs, a):
        y = xs
        for _ in range(12):
            model.history.append(y)
            y = y * a
            model.history.append(y)
        return y.sum()

    models, xs = (Model(), Model()), np.linspace(0.1, 2.0, 12)
    f(models[0], xs, 0.7)
    slope = autodiff.gradient(f, wrt=2, engine="numpy")(models[1], xs, 0.7)
    assert graph(models[1].history, {}) == graph(models[0].history, {})
    assert models[1].history[0] is xs
    assert slope == pytest.approx(12 * 0.7**11 * xs.sum())


class Held:
    def __init__(self, items, weights):
        self.items, self.weights = items, weights


def two_names_of_one(x, n):
    """Each is chosen by the loop; who has the lists that they hold is not the names."""
    first, second = Held([x[0], 1.0], {"a": x[1]}), Held([x[0] * 3, 2.0], {"a": x[0]})
    other = first
    for _ in range(n):
        other = second
        first = second
    return first.items, other.items, first.weights, other.weights


def two_names_exchanged(x, n):
    first, second = Held([x[0], 1.0], {"a": x[1]}), Held([x[0] * 3, 2.0], {"a": x[0]})
    for i in range(n):
        if x[i] > 0:
            first, second = second, first
        first.items[0] += 1.0
    return first.items, second.items, first.weights, second.weights


def two_names_exchanged_and_renewed(x, n):
    first, second, third = (Held([x[0] * k, 1.0], {"a": x[1]}) for k in (1.0, 2.0, 3.0))
    for _ in range(n):
        third, second = second, third
        second.items = [u * 0.5 for u in first.items]
    return first.items, second.items, third.items


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "f", [two_names_of_one, two_names_exchanged, two_names_exchanged_and_renewed]
)
def test_lists_of_objects_that_a_loop_chooses_are_one_where_the_objects_are(f, engine):
    compiled, x = autodiff.function(f, engine=engine), np.array([0.7, -0.4, 1.3])
    for n in (3, 0, 1, 2):
        assert graph(compiled(x.copy(), n), {}) == graph(f(x.copy(), n), {})


def best_of_a_list(x, n):
    rows = [np.array([u, 1.0]) for u in x]
    best = max(rows, key=lambda row: row[0])
    best[0] += n
    return rows, best, best is rows[2]


def best_of_rows(x, n):
    table = np.outer(x, x)
    row = min(table, key=np.sum)
    row[0] += n
    return table, max(*table, key=np.max)


def best_of_passes(x, n):
    rows = {k: np.array([u, 1.0]) for k, u in enumerate(x)}
    for _ in range(n):
        best = min(rows.values(), key=lambda row: row[0], default=None)
        best[0] += 1.0
    return rows


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", [best_of_a_list, best_of_rows, best_of_passes])
def test_best_by_a_key_is_one_of_the_arrays(f, engine):
    compiled, x = autodiff.function(f, engine=engine), np.array([0.7, -0.4, 1.3])
    for n in (3, 1, 2):
        assert graph(compiled(x.copy(), n), {}) == graph(f(x.copy(), n), {})


OUTSIDE = np.ones(2)


def first_read_in_a_loop(x, held, n):
    row, other = x[:2] * 1.0, x[1:] * 1.0
    for _ in range(n):
        row = OUTSIDE
        other = held.items
    row[0], other[1] = 9.0, 7.0
    return row is OUTSIDE, other is held.items, row, other


def first_read_in_a_branch(x, held, n):
    row = x[:2] * 1.0
    if n > 2:
        row = held.items
    row[0] = 9.0
    return row is held.items, row


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", [first_read_in_a_loop, first_read_in_a_branch])
def test_an_array_from_outside_is_older_than_the_loop_that_reads_it_first(f, engine):
    compiled, x = autodiff.function(f, engine=engine), np.array([0.7, -0.4, 1.3])
    for n in (3, 0, 1, 2):
        found = []
        for one in (compiled, f):
            OUTSIDE[:] = 1.0
            held = Held(np.array([1.0, 2.0]), 0.0)
            found.append((graph((one(x.copy(), held, n), held), {}), OUTSIDE.tolist()))
        assert found[0] == found[1]
