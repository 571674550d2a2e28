"""Later calls are answered at once, whatever their arguments and results are made of."""

import collections
import dataclasses
import inspect
import threading
import traceback
import warnings
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.compiled.fast import no_fast_path

X = np.array([1.0, 2.0, 3.0])
K = np.array([2, 0])
Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Inner:
    a: Any
    b: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    b: Any
    a: Any


class Renamed(Inner):
    """Of a class derived from a dataclass."""


@dataclasses.dataclass
class Record:
    w: Any
    inner: Any
    mode: str = "sum"


def of_record(p: Any) -> Any:
    return (np.sum(p.w) if p.mode == "sum" else np.max(p.w)) * p.inner.a + np.sum(p.inner.b)


over_engines = pytest.mark.parametrize("engine", ["numpy", "native"])


def same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (tuple, list)):
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        np.testing.assert_array_equal(a, b)


def nested(x, s):
    return {"y": x * s, "n": (s, [x + 1.0, None], {}), 3: "text", "z": ()}


def one_or_other(x):
    if x > 0:
        return 2.0 * x
    return 0


def number_or_float(x):
    total = 0
    for k in range(3):
        if x > k:
            total = total + x
    return total


def of_pair(p):
    return p["w"] * p["b"][0] + p["b"][1]


def with_mode(x, power=2, mode="sum", *, scale=2.0):
    y = x**power * scale
    return np.sum(y) if mode == "sum" else np.max(y)


def of_list(xs, weights=(1.0, 2.0)):
    return sum(x * w for x, w in zip(xs, weights, strict=False))


def sum_of_logs(xs):
    total = 0.0
    for x in xs:
        total += np.log(x)
    return total, xs[-1]


def sum_of_doubles(xs):
    total = 0.0
    for x in xs:
        total += 2.0 * x
    return total, xs[-1]


SQUARE = np.arange(16.0).reshape(4, 4)
WEIGHT = np.array([0.5, 1.5, 2.5])


def reads(p, flag):
    return np.sum(WEIGHT * p[0]) if flag else p[1]


# The function, calls one after another, and whether the last is one that is answered at once.
VALUES: list[tuple[Any, list[tuple[Any, ...]], bool]] = [
    (lambda x: (x * 2.0, None, "ok", 3, 2.5, True), [(1.5,), (2.5,)], True),
    (nested, [(X, 2.0), (X, 3.0)], True),
    (lambda x: (x + 1.0, x + 1.0), [(X,), (X,)], True),
    (one_or_other, [(1.0,), (-1.0,), (3.0,), (-3.0,)], True),
    (number_or_float, [(-1.0,), (1.5,), (-2.0,)], True),
    (of_pair, [({"w": X, "b": (2.0, 1.0)},), ({"w": X, "b": (3.0, 1.0)},)] * 2, True),
    (with_mode, [(X,), (X,), (X,)], True),
    (with_mode, [(X, 2, "max"), (X, 2, "max"), (X, 2, "sum"), (X, 2, "max")], False),
    (with_mode, [(X, 2, "max"), (2 * X, 2, "max"), (3 * X, 2, "max")], True),
    (of_list, [([1.0, 2.0],), ([3.0, 4.0],), ([5.0, 6.0],)], True),
    (of_list, [([1.0, 2.0],), ([1.0, 2.0],), ([1, 2],), ((1.0, 2.0),), ([1.0],)], False),
    (of_list, [([1.0, 2.0],), ([np.float64(1.0), np.float64(2.0)],), ([3.0, 4.0],)] * 2, False),
    *[
        (sum_of_doubles, [(xs,), (type(xs)(reversed(xs)),), (xs,)], True)
        for n in (1, 2, 7, 255, 256, 257, 300)
        for kind in (list, tuple)
        for xs in [kind(np.arange(1.0, n + 1).tolist())]
    ],
    (
        lambda xs, ys, k: xs[0] * ys[-1] + k,
        [([1.0, 2.0], (3.0,) * 270, 1.0), ([5.0, 2.0], (2.0,) * 270, 2.0)] * 2,
        True,
    ),
    (lambda a: a.T @ a, [(np.asfortranarray(SQUARE),), (SQUARE[::2, ::-1],), (SQUARE,)], True),
    (
        lambda a: a + 1.0,
        [(np.broadcast_to(X, (2, 3)),), (SQUARE[:, 1:],), (SQUARE[:2, :3],)],
        False,
    ),
    (reads, [([X, 2.0], True), ([X, 2.0], True), ([2 * X, 2.0], True)], True),
    (lambda flag: np.sum(WEIGHT) if flag else 0.0, [(True,), (True,), (True,)], True),
    (of_record, [(Record(X, Inner(2.0, 3.0)),), (Record(2 * X, Inner(1.0, 0.5)),)] * 2, True),
    (
        of_record,
        [(Record(X, Inner(2.0, 3.0)),)] * 2
        + [
            (Record(X, Inner(2.0, 3.0), "max"),),
            (Record(X, Slotted(2.0, 3.0)),),
            (Record(X, Renamed(2.0, 3.0)),),
            (Record(2.0, Inner(1.0, X)),),
        ],
        False,
    ),
    (of_record, [(Record(X, Slotted(2.0, 3.0)),), (Record(X, Slotted(1.0, 3.0)),)] * 2, True),
    (lambda p: p.x * p.y, [(Point(X, 2.0),), (Point(X, 3.0),), (Point(X, 4.0),)], True),
    (lambda p: Point(p, 2 * p), [(1.0,), (2.0,)], False),  # the class of the result
    (lambda x: x, [(X,), (X,)], False),  # the argument itself
    (lambda p, x: p[0] + x, [((X, "a"), 1.0), ((X, "a"), 2.0), ((X, "b"), 2.0)], False),
    (lambda p, x: p[0] + x, [([X, 5], 1.0), ((X, 5), 1.0), ([X, 5, 6], 1.0), (X, 1.0)], False),
]


@over_engines
@pytest.mark.parametrize("row", range(len(VALUES)))
def test_values(engine: str, row: int) -> None:
    f, calls, direct = VALUES[row]
    compiled = autodiff.function(f, engine=engine)
    for args in calls:
        same(compiled(*args), f(*args))
    fast = compiled._compiled.fast
    if direct and engine == "native":
        same(fast(*calls[-1]), f(*calls[-1]))
    for args in calls:
        same(compiled(*args), f(*args))


DERIVATIVES: list[tuple[Any, tuple[Any, ...], Any]] = [
    (lambda x, n: x * x * n, (2.0, 3), (12.0, 0.0)),
    (lambda x, k: np.sum(x[k]), (X, K), (np.array([1.0, 0.0, 1.0]), np.zeros(2))),
    (lambda x, n, flag: x * n if flag else x, (2.0, 3, True), (3.0, 0.0)),
    (lambda x, s: x * x if s == "a" else x, (2.0, "a"), 4.0),
    (lambda p: p["a"] * p["n"] + p["b"][0], ({"a": 2.0, "n": 3, "b": (1.0, "t", None)},),
     {"a": 3.0, "n": 0.0, "b": (1.0, "t", None)}),
    (lambda xs: sum(x * x for x in xs), ([1.0, 2.0],), [2.0, 4.0]),
    (lambda xs: sum(x * x for x in xs), ((1.0, 2.0),), (2.0, 4.0)),
    (lambda xs, c: xs[0] * c, ([1.0, 2.0], 3.0), ([3.0, 0.0], 1.0)),
    (lambda x, y: x * y, (2, 3), (3.0, 2.0)),  # where there are no floats, ints count as such
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("row", range(len(DERIVATIVES)))
def test_gradients(engine: str, row: int) -> None:
    f, args, expected = DERIVATIVES[row]
    gradient = autodiff.gradient(f, engine=engine)
    both = autodiff.value_and_gradient(f, engine=engine)
    for _ in range(3):
        same(gradient(*args), expected)
        value, found = both(*args)
        assert value == f(*args)
        same(found, expected)
    assert gradient._compiled.fast is not no_fast_path
    same(gradient._compiled.fast(*args), expected)


def test_two_results_share_nothing_that_can_be_changed() -> None:
    compiled = autodiff.function(lambda x: {"a": [x, 1.0], "b": {}})
    first, second = (compiled(2.0) for _ in range(2))
    first["a"].append(3.0)
    first["b"]["c"] = 1
    same(second, {"a": [2.0, 1.0], "b": {}})
    same(compiled(2.0), {"a": [2.0, 1.0], "b": {}})


@over_engines
def test_what_is_passed_by_keyword_only_is_not_taken_by_position(engine: str) -> None:
    compiled = autodiff.function(with_mode, engine=engine)
    for scale in (1.0, 2.0, 3.0):
        same(compiled(X, scale=scale), with_mode(X, scale=scale))
    with pytest.raises(TypeError):
        compiled(X, 2, "sum", 3.0)
    with pytest.raises(TypeError):
        compiled(X, 2, "sum", "too", "many")


@over_engines
def test_a_changed_default_is_noticed(engine: str) -> None:
    def f(p, k=2.0, mode="a"):
        return p[0] * k if mode == "a" else p[0]

    compiled = autodiff.function(f, engine=engine)
    for _ in range(3):
        assert compiled([3.0, "x"]) == 6.0
    f.__defaults__ = (4.0, "a")
    assert compiled([3.0, "x"]) == 12.0
    f.__defaults__ = (4.0, "b")
    assert compiled([3.0, "x"]) == 3.0


@over_engines
def test_warnings_are_those_of_the_call(engine: str) -> None:
    def f(p, flag):
        return p["a"] / p["b"] if flag else 0.0

    compiled = autodiff.function(f, engine=engine)
    one = {"a": np.float64(1.0), "b": np.float64(2.0)}
    for _ in range(3):
        assert compiled(one, True) == 0.5
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            assert compiled({**one, "b": np.float64(0.0)}, True) == np.inf
        assert compiled(one, True) == 0.5


def test_errors_show_the_users_lines_alone() -> None:
    def f(p, flag):
        return p["a"] / p["b"] if flag else 0.0

    compiled = autodiff.function(f)
    one, zero = np.float64(1.0), np.float64(0.0)
    for _ in range(3):
        compiled({"a": one, "b": one}, True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning) as caught:
            compiled({"a": one, "b": zero}, True)
    files = {entry.filename for entry in traceback.extract_tb(caught.value.__traceback__)}
    assert files == {__file__}


def test_nothing_of_a_call_is_kept() -> None:
    import weakref

    gradient = autodiff.gradient(lambda p: np.sum(p["w"] ** 2))
    for _ in range(4):
        w = np.ones(5)
        gradient({"w": w})
        gone = weakref.ref(w)
        del w
        assert gone() is None


def test_a_signature_of_another_kind_is_left_alone() -> None:
    def f(*args, **kwargs):
        return args[0]["x"] * kwargs.get("k", 1.0)

    compiled = autodiff.function(f)
    assert inspect.signature(f) == inspect.signature(compiled)
    for _ in range(3):
        assert compiled({"x": 2.0}) == 2.0
        assert compiled({"x": 2.0}, k=3.0) == 6.0


@over_engines
def test_a_list_whose_floats_the_entry_reads_is_what_warnings_are_asked_of(engine: str) -> None:
    compiled = autodiff.function(sum_of_logs, engine=engine)
    for _ in range(3):
        compiled([1.0, 2.0])
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
        assert compiled([0.0, 2.0])[0] == -np.inf


# Functions that store into an array, and what they do to it is seen by the caller.
def halves(a: Any) -> Any:
    a[1:-1] = 0.5 * (a[2:] + a[:-2])


def doubled(a: Any) -> Any:
    a[0] = a[1] * 2.0
    return np.sum(a)


def given_back(a: Any) -> Any:
    a += 1.0
    return a


def two(a: Any, b: Any) -> Any:
    b[...] = a * 2.0
    a[0] = 1.0
    return np.sum(b), b


LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2],
    "columns": lambda a: np.hstack([a, a])[:, : a.shape[1]],
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
}


@over_engines
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("f", [halves, doubled, given_back])
def test_arrays_that_are_stored_into(engine: str, layout: str, f: Any) -> None:
    compiled = autodiff.function(f, engine=engine)
    for k in range(4):
        start = np.random.default_rng(k).integers(-9, 9, (5, 4)) * 1.0
        ours, plain = LAYOUTS[layout](start.copy()), LAYOUTS[layout](start.copy())
        result, expected = compiled(ours), f(plain)
        assert (result is ours) == (expected is plain)
        np.testing.assert_array_equal(ours, plain)
        np.testing.assert_array_equal(np.asarray(result, float), np.asarray(expected, float))
    if engine == "native":
        assert compiled._compiled.fast is not no_fast_path
    if f is doubled:
        gradient = autodiff.gradient(f, engine=engine)
        for k in range(3):
            x = LAYOUTS[layout](np.random.default_rng(k).standard_normal((5, 4)))
            before = x.copy()
            expected = np.ones((5, 4))
            expected[0], expected[1] = 0.0, 3.0
            np.testing.assert_array_equal(gradient(x), expected)
            np.testing.assert_array_equal(x, before)


class Model:
    """An objective that keeps records of its calls."""

    def __init__(self) -> None:
        self.calls, self.last, self.best, self.seen = 0, None, np.inf, []
        self.table = {"sum": 0.0}
        self.weights = np.array([1.0, 2.0])

    def counted(self, x: Any) -> Any:
        self.calls += 1
        return x * x

    def kept(self, x: Any) -> Any:
        y = np.sin(x)
        self.last = y
        self.seen.append(self.calls)
        return y

    def summed(self, x: Any) -> Any:
        self.table["sum"] += float(np.sum(x))
        return (np.sum(x * self.table["sum"]), {"n": self.calls})

    def checked(self, x: Any) -> Any:
        self.calls += 1
        if np.sum(x) < 0:
            raise ValueError("negative")
        self.best = min(self.best, float(np.sum(x)))
        return self.best

    def stored(self, x: Any) -> Any:
        self.calls += 1
        self.weights[0] = x[1]
        x[0] = self.calls
        return x.sum()

    def state(self) -> tuple[Any, ...]:
        last = None if self.last is None else np.array(self.last)
        return self.calls, last, self.best, list(self.seen), dict(self.table), self.weights.copy()


@over_engines
@pytest.mark.parametrize("name", ["counted", "kept", "summed", "checked", "stored"])
def test_objects_that_are_stored_into(engine: str, name: str) -> None:
    ours, plain = Model(), Model()
    compiled = autodiff.function(getattr(ours, name), engine=engine)
    start = [np.array([1.0, 2.0]), np.array([-3.0, 1.0]), np.array([0.5, 0.0]), np.ones(3)]
    for x in start * 2:
        mine, others = x.copy(), x.copy()
        try:
            expected = getattr(plain, name)(others)
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error)):
                compiled(mine)
        else:
            result = compiled(mine)
            np.testing.assert_equal(result, expected)
            assert (result is ours.last) == (expected is plain.last)
            assert type(result) is type(expected)
        np.testing.assert_equal(ours.state(), plain.state())
        np.testing.assert_array_equal(mine, others)
        assert [type(v) for v in ours.state()] == [type(v) for v in plain.state()]
    if engine == "native":
        assert compiled._compiled.fast is not no_fast_path


@over_engines
def test_derivatives_store_into_objects_as_the_function_does(engine: str) -> None:
    model = Model()
    both = autodiff.value_and_gradient(model.counted, engine=engine)
    for k in range(1, 5):
        assert both(3.0) == (9.0, 6.0)
        assert model.calls == k
    slope = autodiff.hessian_vector(model.counted, engine=engine)
    assert slope(3.0, _tensors=1.0) == 2.0
    assert model.calls == 5


def test_threads_count_together() -> None:
    model = Model()
    compiled = autodiff.function(model.counted)
    compiled(1.0)

    def work() -> None:
        for _ in range(500):
            compiled(2.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.calls == 2001


@over_engines
def test_arrays_that_are_stored_into_and_share_memory(engine: str) -> None:
    compiled = autodiff.function(two, engine=engine)
    base = np.arange(12.0)
    for at in [
        (slice(0, 6), slice(6, 12)),
        (slice(0, 6), slice(3, 9)),
        (slice(0, 6), slice(0, 6)),
    ] * 2:
        ours, plain = base.copy(), base.copy()
        result, expected = compiled(ours[at[0]], ours[at[1]]), two(plain[at[0]], plain[at[1]])
        np.testing.assert_array_equal(ours, plain)
        assert result[0] == expected[0]
        np.testing.assert_array_equal(result[1], expected[1])
    read_only = base[:6].copy()
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        compiled(read_only, base[6:])


@over_engines
def test_a_dataclass_that_holds_more_than_its_fields(engine: str) -> None:
    compiled = autodiff.function(lambda p: p.a * 2.0 + getattr(p, "extra", 0.0), engine=engine)
    for extra in (None, None, 1.0, 2.0, None):
        p = Inner(1.5, 0.0)
        if extra is not None:
            p.extra = extra
        assert compiled(p) == 3.0 + (extra or 0.0)


# -- complex arrays --------------------------------------------------------------------------------
Z = np.array([1.0 + 2.0j, -0.5j, 3.0, 0.25 - 1.0j])
WEIGHT = np.array([2.0])
OF_COMPLEX = {
    "a number": lambda z: np.sum(np.abs(z) ** 2),
    "an array": lambda z: z * z,
    "several": lambda z: (z.real, z + 1, {"n": z.imag * 2}),
    "the argument": lambda z: (z, z.conj()),
    "a view of it": lambda z: z[1:],
    "with a global": lambda z: z * WEIGHT[0],
}  # fmt: skip
LAYOUTS_OF_COMPLEX = {
    "as it was": Z,
    "others": Z[::-1].copy(),
    "every second": np.repeat(Z, 2)[::2],
    "reversed": Z[::-1],
    "single": Z.astype(np.complex64),
    "real": Z.real.copy(),
    "longer": np.concatenate([Z, Z]),
    "none": Z[:0],
    "a matrix": Z.reshape(2, 2),
    "no axes": np.array(2.0 - 1.0j),
}


def parts(result: Any) -> list[Any]:
    if isinstance(result, dict):
        return list(result.values())
    return [y for x in result for y in parts(x)] if isinstance(result, tuple) else [result]


@over_engines
@pytest.mark.parametrize("name", OF_COMPLEX)
def test_complex_arrays(engine: str, name: str) -> None:
    f = OF_COMPLEX[name]
    compiled = autodiff.function(f, engine=engine)
    compiled(Z)
    assert (compiled._compiled.fast is not no_fast_path) == (engine == "native")
    for number, (layout, z) in enumerate(LAYOUTS_OF_COMPLEX.items()):
        WEIGHT[0] = number
        if f is not OF_COMPLEX["a view of it"] or z.ndim == 1:
            for x, y in zip(parts(compiled(z)), parts(f(z)), strict=True):
                assert (x is z) == (y is z), layout
                assert np.asarray(x).dtype == np.asarray(y).dtype
                np.testing.assert_allclose(x, y, rtol=1e-6)


def test_derivatives_by_complex_arrays() -> None:
    slope = autodiff.gradient(OF_COMPLEX["a number"])
    for z in (Z, 2 * Z, Z[::-1], Z.astype(np.complex64)):
        np.testing.assert_allclose(slope(z), 2 * z, rtol=1e-6)
        assert slope(z).dtype == z.dtype


def test_a_complex_array_that_the_entry_reads_is_what_warnings_are_asked_of() -> None:
    compiled = autodiff.function(lambda z: np.sum(z.real / z.imag))
    compiled(Z + 3j)
    for _ in range(3):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            assert compiled(Z) == np.inf


# -- keywords, and any number of arguments ------------------------------------------------------------
def of_options(x: Any, **options: Any) -> Any:
    return np.sum(x) * options.get("scale", 1.0) + len(options) * options.get("shift", 0.0)


def of_any_number(x: Any, *p: Any, power: float = 2.0) -> Any:
    return np.sum(x**power) * len(p) + sum([np.sum(a) * (k + 1) for k, a in enumerate(p)])


def with_a_default(x: Any, a: Any = 2.0, *p: Any) -> Any:
    return np.sum(x * a) + sum(p)


def one_name_twice(x: Any, /, **given: Any) -> Any:
    return np.sum(x) - 10.0 * np.sum(given["x"])


def by_keyword_only(x: Any, *, mode: str = "sum", scale: Any = 3.0) -> Any:
    return (np.sum(x) if mode == "sum" else np.mean(x)) * scale


CALLED: list[tuple[Any, list[tuple[tuple[Any, ...], dict[str, Any]]]]] = [
    (of_options, [((X,), {}), ((X,), {"scale": 2.0}), ((X,), {"shift": 2.0}),
                  ((X,), {"shift": 2.0, "scale": 3.0}), ((X,), {"scale": 3.0, "shift": 2.0})]),
    (of_any_number, [((X,), {}), ((X, 1.0), {}), ((X, 1.0, 2.0), {}), ((X, 1.0, X), {}),
                     ((X, 2, 3.0), {}), ((X,), {"power": 3.0})]),
    (with_a_default, [((X,), {}), ((X, 3.0), {}), ((X, 3.0, 4.0), {}), ((X, 3.0, 4.0, 5.0), {}),
                      ((X,), {"a": 4.0})]),
    (one_name_twice, [((X,), {"x": X + 1.0}), ((X,), {"x": 2.0})]),
    (by_keyword_only, [((X,), {}), ((X,), {"mode": "mean"}), ((X,), {"scale": 2.0}),
                       ((X,), {"scale": 2.0, "mode": "mean"}), ((), {"x": X, "mode": "sum"})]),
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("row", range(len(CALLED)))
def test_keywords_and_any_number_of_arguments(engine: str, row: int) -> None:
    f, calls = CALLED[row]
    compiled = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, engine=engine, wrt=0)
    reference = autodiff.gradient(f, engine="numpy", wrt=0)
    for _ in range(4):
        for args, kwargs in calls:
            expected = f(*args, **kwargs)
            assert type(compiled(*args, **kwargs)) is type(expected)
            np.testing.assert_allclose(compiled(*args, **kwargs), expected, rtol=1e-14)
            if args:
                found = slope(*args, **kwargs)
                np.testing.assert_allclose(found, reference(*args, **kwargs), rtol=1e-12)


def test_calls_with_keywords_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for f, args, kwargs in (
        (by_keyword_only, (X,), {"scale": 2.0}),
        (of_options, (X,), {"scale": 2.0, "shift": 1.0}),
        (of_any_number, (X, 1.0, 2.0), {}),
    ):
        compiled = autodiff.function(f)
        for _ in range(3):
            compiled(*args, **kwargs)
        with monkeypatch.context() as patch:
            patch.setattr(type(compiled._compiled), "call", None)  # the slow path
            np.testing.assert_allclose(compiled(*args, **kwargs), f(*args, **kwargs))


def test_keywords_that_do_not_bind_are_pythons_errors() -> None:
    compiled = autodiff.function(by_keyword_only)
    for _ in range(3):
        compiled(X, scale=2.0)
        compiled(x=X, mode="mean")
    for args, kwargs, text in (
        ((X,), {"size": 2.0}, "unexpected keyword argument 'size'"),
        ((X,), {"x": X}, "multiple values for argument 'x'"),
        ((), {"scale": 2.0}, "missing 1 required positional argument: 'x'"),
    ):
        with pytest.raises(TypeError, match=text):
            compiled(*args, **kwargs)


def test_warnings_of_a_call_with_keywords_are_those_of_its_arguments() -> None:
    def ratio(x: Any, *, by: Any = 1.0) -> Any:
        return np.sum(x / by)

    compiled = autodiff.function(ratio)
    for _ in range(3):
        compiled(X, by=np.ones(3))
    with pytest.warns(RuntimeWarning, match="divide by zero") as given:
        assert compiled(X, by=np.array([1.0, 0.0, 1.0])) == np.inf
    assert given[0].filename == __file__
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        compiled(X, by=np.array([1.0, 0.0, 1.0]))


def test_a_changed_default_is_noticed_in_calls_with_keywords() -> None:
    def scaled(x: Any, *, a: float = 2.0, b: float = 3.0) -> Any:
        return np.sum(x) * a + b

    compiled = autodiff.function(scaled)
    for _ in range(3):
        assert compiled(X, b=1.0) == 13.0
    scaled.__kwdefaults__ = {"a": 10.0, "b": 3.0}
    assert compiled(X, b=1.0) == 61.0


# -- results that the entry cannot make -----------------------------------------------------------------
SQUARE = np.random.default_rng(0).standard_normal((3, 3)) + 4.0 * np.eye(3)
OF_CLASSES = {
    "eigenvalues": lambda a: np.linalg.eigh(a @ a.T),
    "a determinant": lambda a: np.linalg.slogdet(a / WEIGHT[0]),
    "factors": lambda a: np.linalg.qr(a),
    "with the argument": lambda a: (np.linalg.qr(a), a),
    "with what is read": lambda a: {"q": np.linalg.qr(a)[0], "w": WEIGHT},
    "a shape": lambda a: (np.linalg.svd(a), a.shape, "text"),
}


@over_engines
@pytest.mark.parametrize("name", OF_CLASSES)
def test_results_of_classes_of_their_own(
    engine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = OF_CLASSES[name]
    compiled = autodiff.function(f, engine=engine)
    others = (
        2.0 * SQUARE,
        np.asfortranarray(SQUARE),
        SQUARE[::-1],
        SQUARE.astype(np.float32),
        np.eye(2),
    )
    for number, a in enumerate((SQUARE, *others, SQUARE)):
        WEIGHT[0] = 1.0 + number
        found, wanted = compiled(a), f(a)
        same_results(found, wanted, a)
    if engine == "native":
        compiled = autodiff.function(f)
        compiled(SQUARE)
        compiled(SQUARE)
        with monkeypatch.context() as patch:
            patch.setattr(type(compiled._compiled), "call", None)  # the slow path
            same_results(compiled(3.0 * SQUARE), f(3.0 * SQUARE), SQUARE)


def same_results(found: Any, wanted: Any, given: Any) -> None:
    assert type(found) is type(wanted)
    if isinstance(wanted, dict):
        found, wanted = tuple(found.values()), tuple(wanted.values())
    if isinstance(wanted, tuple):
        assert len(found) == len(wanted)
        for x, y in zip(found, wanted, strict=True):
            same_results(x, y, given)
        return
    assert (found is given, found is WEIGHT) == (wanted is given, wanted is WEIGHT)
    if isinstance(wanted, str):
        assert found == wanted
    else:
        assert np.asarray(found).dtype == np.asarray(wanted).dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_result_of_a_class_of_its_own_is_what_warnings_are_asked_of() -> None:
    compiled = autodiff.function(lambda a: (np.linalg.slogdet(a), 1.0 / a[0, 0]))
    for _ in range(2):
        compiled(SQUARE)
    zero = SQUARE.copy()
    zero[0, 0] = 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero") as noted:
        compiled(zero)
    assert noted[0].filename == __file__
