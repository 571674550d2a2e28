"""Calls: specialisations, guards, the fast path against the slow one, threads, the uncompiled tier."""

import gc
import os
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.compiled import MAXIMUM_PATHS, Signature, classify, leaf_key
from autodiff.errors import FallbackWarning

over_engines = pytest.mark.parametrize("engine", ["numpy", "native"])
V = np.array([0.5, 1.5, 2.5])


class Subclass(np.ndarray):
    """An array whose operations may mean anything."""


# -- signatures ------------------------------------------------------------------------------------------
def test_binding_and_unbinding() -> None:
    def f(a, /, b=2, *rest, c, d=4, **more):
        return None

    signature = Signature(f)
    slots = signature.bind((1, 5, 6, 7), {"c": 3, "e": 8})
    assert slots == (1, 5, (6, 7), 3, 4, {"e": 8})
    assert signature.unbind(slots) == ([1, 5, 6, 7], {"c": 3, "d": 4, "e": 8})
    assert signature.names == ["a", "b", "rest", "c", "d", "more"]


def test_functions_without_a_signature_take_what_comes() -> None:
    signature = Signature(max)
    assert signature.bind((1, 2), {}) == (1, 2)
    assert signature.unbind((1, 2)) == ([1, 2], {})


@pytest.mark.parametrize(
    ("leaf", "as_float", "role"),
    [
        (V, False, "array"), (V, True, "array"), (np.array(2), True, "float"), (np.array([2]), True, "array"),
        (2.0, False, "array"), (np.float32(2), False, "array"), (2, False, "static"), (2, True, "float"),
        (True, True, "static"), ("a", False, "static"), (None, False, "static"), (len, False, "static"),
    ],
)  # fmt: skip
def test_roles(leaf, as_float, role) -> None:
    assert classify(leaf, as_float) == role


def test_what_tells_calls_apart() -> None:
    distinct = [
        V, V.astype(np.float32), np.ones(4), np.ones((3, 1)), np.float64(1), np.float32(1), 1.0, 1, True, "1", None, b"1",
        2, np.ones((1, 1)).view(Subclass),
    ]  # fmt: skip
    keys = [leaf_key(x, classify(x, False)) for x in distinct]
    assert len(set(map(repr, keys))) == len(distinct)
    assert leaf_key(V, "array") == leaf_key(V + 1, "array")
    assert leaf_key(1.0, "array") == leaf_key(2.0, "array")


# -- specialisations -------------------------------------------------------------------------------------
@over_engines
def test_one_specialisation_serves_equal_calls(engine) -> None:
    compiled = autodiff.function(lambda x, y: x * y, engine=engine)
    for k in range(5):
        compiled(V + k, 2.0 + k)
    assert len(compiled.cache) == 1
    compiled(V.astype(np.float32), 2.0)
    compiled(V, 2)
    assert len(compiled.cache) == 3


@over_engines
def test_a_result_never_depends_on_the_order_of_signatures(engine) -> None:
    def f(x, k):
        return np.sum(x) * k if k else x

    calls = [
        (V, 2),
        (V, 0),
        (1.0, 3),
        (V.astype(np.float32), 2.5),
        (np.ones((2, 2)), True),
        ([1.0, 2.0][0], None),
    ]
    forwards, backwards = autodiff.function(f, engine=engine), autodiff.function(f, engine=engine)
    for x, k in calls + calls:
        np.testing.assert_array_equal(forwards(x, k), f(x, k))
    for x, k in reversed(calls + calls):
        np.testing.assert_array_equal(backwards(x, k), f(x, k))


@over_engines
def test_the_number_of_paths_is_bounded(engine) -> None:
    def f(x):
        return x + len(str(x))

    compiled = autodiff.function(f, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        for k in range(MAXIMUM_PATHS + 8):
            assert compiled(10.0**-k) == f(10.0**-k)
    assert len(compiled.cache) <= MAXIMUM_PATHS


# -- the fast path ---------------------------------------------------------------------------------------
STRANGE: list[Any] = [
    V[::-1], V[:2], V.reshape(1, 3), V.astype(np.float32), np.asfortranarray(np.ones((3, 3))),
    np.float64(2.0), 2.0, 2, True, np.array(2.0), [0.5, 1.5, 2.5], np.zeros(0), np.frombuffer(b"\0" * 25, "u1")[1:].view("f8"),
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("first", [V, 2.0, np.ones((3, 3))], ids=["array", "float", "matrix"])
def test_the_entry_takes_only_what_it_was_made_for(first, engine) -> None:
    def f(x):
        return x * 2

    compiled = autodiff.function(f, engine=engine)
    compiled(first)
    for x in STRANGE:
        result, expected = compiled(x), f(x)
        assert type(result) is type(expected)
        assert np.shape(result) == np.shape(expected)
        np.testing.assert_array_equal(result, expected)
        compiled(first)


@over_engines
def test_the_entry_counts_arguments(engine) -> None:
    compiled = autodiff.function(lambda a, b=3.0: a * b, engine=engine)
    assert [compiled(2.0, 5.0), compiled(2.0), compiled(b=2.0, a=1.0), compiled(2.0, 5.0)] == [
        10.0,
        6.0,
        2.0,
        10.0,
    ]
    for bad in ((), (1.0, 2.0, 3.0)):
        with pytest.raises(TypeError):
            compiled(*bad)


def test_a_subclass_is_not_taken_for_an_array() -> None:
    for engine in ("numpy", "native"):
        compiled = autodiff.function(lambda x: x * x, engine=engine)
        square = np.ones((2, 2))
        compiled(square)
        with pytest.warns(
            FallbackWarning, match="argument x is a Subclass, which is not supported"
        ):
            assert type(compiled(square.view(Subclass))) is Subclass


@over_engines
def test_unaligned_and_read_only_input(engine) -> None:
    raw = np.zeros(3 * 8 + 1, np.uint8)
    x = raw[1:].view(float)
    x[:] = V
    assert not x.flags.aligned
    compiled = autodiff.function(lambda x: x * 2, engine=engine)
    np.testing.assert_array_equal(compiled(x), 2 * V)
    y = V.copy()
    y.flags.writeable = False
    np.testing.assert_array_equal(compiled(y), 2 * V)


# -- mutation through the fast path ---------------------------------------------------------------------
@over_engines
def test_repeated_mutation(engine) -> None:
    def f(x):
        x += 1
        return x.sum()

    compiled = autodiff.function(f, engine=engine)
    x = V.copy()
    for k in range(1, 4):
        assert compiled(x) == (V + k).sum()
    np.testing.assert_array_equal(x, V + 3)


# -- threads, memory -------------------------------------------------------------------------------------
@over_engines
def test_calls_from_many_threads(engine) -> None:
    def f(x, k):
        y = x * k
        for i in range(len(x)):
            y[i] = np.sin(y[i]) + k
        return y.sum() if k > 0 else -y.sum()

    compiled, gradient = (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt="x", engine=engine),
    )
    failures: list[Any] = []

    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        try:
            for _ in range(20):
                x, k = random.normal(size=random.integers(2, 9)), float(random.normal())
                np.testing.assert_allclose(compiled(x, k), f(x, k), rtol=1e-12)
                np.testing.assert_allclose(
                    gradient(x, k), np.sign(k) * k * np.cos(x * k), rtol=1e-10
                )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


@pytest.mark.usefixtures("new_objects_only")
@over_engines
def test_compiled_objects_and_their_results_are_freed(engine) -> None:
    def make() -> Any:
        big = np.ones(1000)

        def f(x):
            return np.sum(x * big)

        gradient = autodiff.gradient(f, engine=engine)
        gradient(np.ones(1000))
        return weakref.ref(gradient), weakref.ref(f)

    references = make()
    for _ in range(3):
        gc.collect()
    assert [r() for r in references] == [None, None]


# -- the uncompiled tier ------------------------------------------------------------------------------------
def with_file(x):
    with open(os.devnull, "w") as log:
        log.write(f"{x[0]}\n")
    return np.sum(x**3) if x[0] < 0 else np.sum(x**2)


def with_exec(x):
    names = {"x": x}
    exec("y = 0\nfor v in x:\n    y = y + v * v", names)
    return names["y"]


def with_outer_list(x):
    seen.append(float(x[0]))
    return np.sum(x**2)


seen: list[float] = []


@over_engines
@pytest.mark.parametrize("f", [with_file, with_exec], ids=lambda f: f.__name__)
def test_what_cannot_be_compiled_runs_right_with_one_warning(f, engine) -> None:
    value = autodiff.function(f, engine=engine)
    gradient = autodiff.gradient(f, engine=engine)
    with pytest.warns(autodiff.FallbackWarning) as caught:
        for x in (V, -V, 2 * V):
            assert value(x) == pytest.approx(f(x))
    assert len(caught) == 1
    assert "test_compiled.py, line " in str(caught[0].message)
    with pytest.warns(autodiff.FallbackWarning):
        for x in (V, -V, 2 * V):
            slope = 3 * x**2 if f is with_file and x[0] < 0 else 2 * x
            np.testing.assert_allclose(gradient(x), slope)


def test_an_effect_on_an_outer_list_happens_at_every_call() -> None:
    compiled = autodiff.function(with_outer_list)
    seen.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        for x in (V, 2 * V, V):
            assert compiled(x) == pytest.approx(np.sum(x**2))
    assert seen == [0.5, 1.0, 0.5]


def test_on_fallback_error() -> None:
    compiled = autodiff.function(with_file, on_fallback="error")
    reason = r"with_file cannot be compiled: open \(it must run at every call\)"
    with pytest.raises(autodiff.UnsupportedError, match=reason):
        compiled(V)


def test_use_cache_false_traces_every_call() -> None:
    def f(x, k):
        return np.sum(x**2) * (3 if k > 1 else 4)

    gradient = autodiff.gradient(f, wrt="x", use_cache=False)
    for k in (0.0, 2.0, 0.0):
        np.testing.assert_allclose(gradient(V, k), 2 * V * (3 if k > 1 else 4))
    assert gradient.cache == []
    assert autodiff.function(f, use_cache=False)(V, 2.0) == f(V, 2.0)


# -- seeing -------------------------------------------------------------------------------------------------
def test_debug_levels(monkeypatch, capsys) -> None:
    monkeypatch.setenv("AUTODIFF_DEBUG", "1")
    autodiff.gradient(lambda x: x * x, engine="numpy")(2.0)
    text = capsys.readouterr().err
    assert "captured in" in text
    assert "compiled by the numpy engine in" in text
    monkeypatch.setenv("AUTODIFF_DEBUG", "3")
    autodiff.gradient(lambda x: x * x, engine="numpy")(2.0)
    text = capsys.readouterr().err
    for stage in (
        "captured",
        "gradient",
        "after simplify",
        "after eliminate_dead_code",
        "optimised",
    ):
        assert f"# <lambda>: {stage}" in text or f"# {stage}" in text


@over_engines
@pytest.mark.parametrize("codes", ["lq", "ql", "LQ", "QL"])
def test_integer_types_of_one_size_keep_their_own(codes: str, engine: str) -> None:
    """``longlong`` equals ``int64``, and hashes alike, yet NumPy gives each its own scalar type."""

    def f(x):
        return x & 3, x + 1, x[0] | x[1], x

    compiled = autodiff.function(f, engine=engine)
    for code in codes * 2:
        x = np.array([5, 6], code)
        for have, want in zip(compiled(x), f(x), strict=True):
            assert have.dtype.char == want.dtype.char
            assert type(have) is type(want)


@over_engines
@pytest.mark.parametrize("sizes", [(0, 2, 0, 1), (2, 3, 0, 1), (5, 2, 1, 0)])
def test_a_length_of_0_or_1_is_not_taken_for_a_run_time_length(sizes, engine) -> None:
    def spread(x):
        return (x.max() if len(x) else -1.0) + (x + np.ones((3, 1)) * np.ones(len(x))).sum()

    def largest(x):
        return x.max()

    total, peak = (autodiff.function(f, engine=engine) for f in (spread, largest))
    for size in (*sizes, *sizes):
        x = np.arange(1.0, size + 1)
        assert total(x) == spread(x)
        if size:
            assert peak(x) == size
        else:
            with pytest.raises(ValueError, match="^zero-size array to reduction operation maximum"):
                peak(x)


@over_engines
def test_an_exception_leaves_arguments_as_plain_python_does(engine) -> None:
    def f(x, y):
        x[0] = 5.0
        print("stored")
        return x + y

    x = np.zeros(3)
    compiled = autodiff.function(f, engine=engine)
    with pytest.raises(ValueError, match="could not be broadcast"):
        compiled(x, np.zeros(2))
    assert x.tolist() == [5.0, 0.0, 0.0]
    y = np.zeros(3)
    with pytest.raises(ValueError, match="could not be broadcast"):
        autodiff.gradient(lambda a, b: np.sum(f(a, b)), engine=engine)(y, np.zeros(2))
    assert y.tolist() == [0.0, 0.0, 0.0]


def test_a_derivative_by_overlapping_arrays_that_are_stored_into_is_refused() -> None:
    def f(x, y):
        x[0] = y[0] * 3
        return np.sum(x * x) + np.sum(y)

    x = np.arange(1.0, 5.0)
    g = autodiff.gradient(f)
    with pytest.raises(TypeError) as caught:
        g(x, x[1:])
    assert str(caught.value) == (
        "AD101: gradient of f: two arrays share memory, and the function stores into them.\n"
        "  Remedy: pass copies, x.copy(), or differentiate by the array that the other is a view of"
    )
    by_x, by_y = g(x[::2], x[1::2])  # interleaved, but apart
    assert np.allclose(by_x, [0.0, 6.0]) and np.allclose(by_y, [1 + 18 * 2.0, 1.0])
    assert np.array_equal(x, np.arange(1.0, 5.0))


def square(x):
    return x * x


def shifted_cube(x, shift=1.0):
    return (x + shift) * x * x


@over_engines
def test_code_replaced_in_place_is_seen(engine: str) -> None:
    """Tools that reload modules while a program runs put new code into the old function."""

    def f(x):
        return x * x

    compiled = [
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, engine=engine),
        lambda x: autodiff.hessian_vector(f, engine=engine)(x, _tensors=1.0),
    ]
    product = autodiff.hessian_vector(f, engine=engine)
    assert [g(2.0) for g in compiled] == [4.0, 4.0, 2.0]
    assert product(2.0, _tensors=np.array(1.0)) == 2.0
    f.__code__, f.__defaults__ = shifted_cube.__code__, shifted_cube.__defaults__
    for _ in range(2):
        assert [g(2.0) for g in compiled] == [12.0, 16.0, 14.0]
        assert product(2.0, _tensors=np.array(1.0)) == 14.0
    f.__code__, f.__defaults__ = square.__code__, None
    assert [g(2.0) for g in compiled] == [4.0, 4.0, 2.0]
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        compiled[0](2.0, 1.0)


def test_what_has_no_code_of_its_own_is_compiled_too() -> None:
    class Doubled:
        def __call__(self, x):
            return 2 * x

    assert autodiff.function(Doubled())(1.5) == 3.0
    assert autodiff.function(np.sin)(0.0) == 0.0
    assert autodiff.gradient(Doubled().__call__)(1.5) == 2.0


@over_engines
def test_the_order_of_a_dictionary_belongs_to_the_call(engine: str) -> None:
    def horner(p):
        total = 0.0
        for value in p["coefficients"].values():
            total = total * 2.0 + value
        return total

    compiled = autodiff.function(horner, engine=engine)
    slope = autodiff.gradient(horner, engine=engine)
    for order in ("ab", "ba", "ab", "ba", "ba"):
        p = {"coefficients": {name: {"a": 1.0, "b": 5.0}[name] for name in order}}
        assert compiled(p) == horner(p)
        assert slope(p) == {"coefficients": {order[0]: 2.0, order[1]: 1.0}}
        doubled = autodiff.function(lambda q: {k: 2 * v for k, v in q.items()}, engine=engine)
        assert list(doubled(p["coefficients"])) == list(order)


@over_engines
def test_whether_two_arguments_are_one_object_is_asked_at_every_call(engine: str) -> None:
    def f(a, b):
        return np.sum(a * b) if a is b else np.sum(a) - np.sum(b) if a is not b[:] else 0.0

    compiled = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, wrt="a", engine=engine)
    for other in (V, V.copy(), V, V.copy(), V[:], V):
        assert compiled(V, other) == f(V, other)
        np.testing.assert_array_equal(slope(V, other), V if other is V else np.ones(3))


@over_engines
def test_views_and_copies_of_arrays_in_any_order(engine: str) -> None:
    """NumPy reshapes an array in C order as a view, others by a copy: stores tell."""

    def f(a, s):
        b = a.reshape(-1)
        b[-1] = 9.0 * s
        d = a.ravel(order="F")
        d[0] *= -s
        return a.sum() + b @ b + d @ d

    compiled = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, wrt="s", engine=engine)
    c = np.arange(6.0).reshape(2, 3)
    for make in (
        lambda: c.copy(),
        lambda: np.asfortranarray(c),
        lambda: c.repeat(2, 1)[:, ::2],
        lambda: c.copy(),
    ):
        for s in (1.5, 2.5):
            ours, plain = make(), make()
            assert compiled(ours, s) == f(plain, s)
            np.testing.assert_array_equal(ours, plain)
            expected = (f(make(), s + 1e-6) - f(make(), s - 1e-6)) / 2e-6
            assert abs(slope(make(), s) - expected) < 1e-5


def through(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What a store into ``make(x)`` leaves in ``x``."""

    def f(x):
        y = make(x)
        z = y.reshape(-1)
        z[1] = 7.0 * z[2]
        y *= 2.0
        return x, y, z

    return f


ORDERED: dict[str, Callable[[Any], Any]] = {
    "reshape": through(lambda x: x.reshape(-1)),
    "reshape A": through(lambda x: x.reshape(2, -1, order="A")),
    "ravel A": through(lambda x: np.ravel(x, "A")),
    "ravel K": through(lambda x: x.T.ravel("K")),
    "flatten K": through(lambda x: x.flatten("K")),
    "ascontiguousarray": through(lambda x: np.ascontiguousarray(x)),
    "ascontiguousarray of a transpose": through(lambda x: np.ascontiguousarray(x.T)),
    "asfortranarray": through(lambda x: np.asfortranarray(x)),
    "asarray F": through(lambda x: np.asarray(x, order="F")),
    "require": through(lambda x: np.require(x, requirements=["F"])),
    "array F": through(lambda x: np.array(x, order="f")),
    "array K": through(lambda x: np.array(x)),
    "copy F": through(lambda x: x.copy("F")),
    "copy K": through(lambda x: np.copy(x)),
    "astype F": through(lambda x: x.astype(np.float32, order="F")),
    "astype F without a copy": through(lambda x: x.astype(float, order="F", copy=False)),
    "zeros F": through(lambda x: np.zeros(x.shape, order="F") + x[0, 0]),
    "empty F": through(lambda x: np.full(x.shape, 2.0, order="F")),
    "ones_like F": through(lambda x: np.ones_like(x, order="F")),
    "full_like": through(lambda x: np.full_like(x, 2.0)),
    "product": through(lambda x: x * 2.0),
    "product F": through(lambda x: np.multiply(x, 2.0, order="F")),
    "conj": through(lambda x: x.conj()),
    "real": through(lambda x: x.real),
    "flags": lambda x: [x * 2.0 if x.flags.c_contiguous else x * 3.0],
    "strides": lambda x: [x * 2.0 if x.strides[0] > x.strides[1] else x * 3.0],
}


@over_engines
@pytest.mark.parametrize("name", ORDERED)
def test_the_order_in_memory_decides_as_in_numpy(name: str, engine: str) -> None:
    f = ORDERED[name]
    c = np.arange(1.0, 13.0).reshape(3, 4)
    makes = [c.copy, lambda: np.asfortranarray(c), lambda: c.copy()[:, ::-1], c.copy]
    for order in (makes, makes[1:], makes[2:]):
        compiled = autodiff.function(f, engine=engine)
        for make in order:
            ours, plain = make(), make()
            for found, expected in zip(compiled(ours), f(plain), strict=True):
                np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(ours, plain)

    def weighted(x, s):
        return sum(np.sum(np.ravel(y) * np.cos(np.arange(y.size))) for y in f(s * x))

    slope = autodiff.gradient(weighted, wrt="s", engine=engine)
    for make in makes:
        expected = (weighted(make(), 1.5) - weighted(make(), 0.5)) / 1.0
        assert abs(slope(make(), 1.0) - expected) < 1e-4


# -- how many programs are kept -----------------------------------------------------------------------
def scaled_by_name(x, name):
    return x * 2.0 if name == "two" else x * float(len(name))


def test_the_programs_kept_are_bounded_and_the_least_recently_used_goes(monkeypatch):
    from autodiff.compiled import calling

    monkeypatch.setattr(calling, "MAXIMUM_PROGRAMS", 4)
    f = autodiff.function(scaled_by_name)
    for k in range(1, 12):
        assert f(1.5, "a" * k) == 1.5 * k
        assert f(1.5, "two") == 3.0
        assert len(f.cache) <= 4
    names = {s.arguments[1] for s in f.cache}
    assert "name='two'" in names and "name='aaaaaaaaaaa'" in names
    before = list(f.cache)
    for k in (11, 10, 9, 11, 10):
        assert f(1.5, "a" * k) == 1.5 * k
    assert f(1.5, "two") == 3.0
    assert list(f.cache) == before


def test_strings_and_keys_choose_the_code():
    def f(options, x):
        s = x
        for name in options:
            s = s + (2.0 if name == "double" else 1.0) * x
        return s * len(options)

    compiled = autodiff.function(f, on_fallback="error")
    slope = autodiff.gradient(f, wrt="x", on_fallback="error")
    for options in ({"double": 1}, {"single": 1}, {"a": 1, "double": 2}, ["double", "x"], ["x"]):
        for _ in range(2):
            assert compiled(options, 1.5) == f(options, 1.5)
            assert slope(options, 1.5) == f(options, 1.0)
    assert len(compiled.cache) == len(slope.cache) == 5


def test_what_is_remembered_of_calls_without_a_program_is_bounded(monkeypatch):
    from autodiff.compiled import calling

    monkeypatch.setattr(calling, "MAXIMUM_SIGNATURES", 3)
    f = autodiff.function(scaled_by_name)
    for k in range(1, 9):
        f(1.5, "a" * k)
    kept = f._compiled
    assert len(kept.seen) <= 3 and len(kept.fixed) <= 3 and len(kept.apart) <= 3


ODD_ARRAYS = {
    "masked": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    "subclass": np.array([1.0, 2.0, 3.0]).view(type("Tagged", (np.ndarray,), {})),
    "objects": np.array([1.0, 2, 3.5], object),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", ODD_ARRAYS)
def test_arrays_of_other_kinds_run_as_plain_python(name: str, engine: str) -> None:
    """Class, dtype and mask of the result are NumPy's, at the second call too; the warning says why."""
    x = ODD_ARRAYS[name]
    f = lambda x: x * x + x[::-1]  # noqa: E731
    compiled = autodiff.function(f, engine=engine)
    with pytest.warns(FallbackWarning, match="argument x"):
        found = compiled(x)
    for result in (found, compiled(x)):
        expected = f(x)
        assert type(result) is type(expected) and result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(np.ma.getmaskarray(result), np.ma.getmaskarray(expected))


# -- calls that are no longer tried ----------------------------------------------------------------
def test_what_is_not_compiled_again_and_again_runs_at_once() -> None:
    def told(x: Any, y: Any) -> str:
        if np.sum(y) < 0.0:
            raise ValueError(f"{x} and {y}")
        return f"{np.sum(x):.2f} and {np.sum(y):.2f}"

    f = autodiff.function(told)
    with pytest.warns(autodiff.FallbackWarning, match="text made of traced values"):
        results = [f(1.5, np.arange(3.0)) for _ in range(5)]
    assert results == ["1.50 and 3.00"] * 5
    assert f._compiled.fast(2.5, np.ones(3)) == "2.50 and 3.00"
    assert f(2.5, np.ones(3)) == "2.50 and 3.00"
    # Others are another matter.
    others = [
        (2.5, np.ones(4)),
        (2.5, np.ones(3, np.float32)),
        (2, np.ones(3)),
        (2.5, [1.0]),
        (2.5,),
    ]
    assert all(f._compiled.fast(*args) is NotImplemented for args in others)
    assert f(2.5, np.ones(4)) == "2.50 and 4.00"
    assert f(y=np.ones(3), x=1.0) == "1.00 and 3.00"
    with pytest.raises(ValueError, match="2.5 and") as raised:
        f(2.5, -np.ones(3))
    assert all("autodiff/" not in str(entry.path) for entry in raised.traceback[1:])


# -- arrays of objects ------------------------------------------------------------------------------
def _cubes(v):
    return np.sum(v * v * v)


DERIVATIVES_BY_OBJECTS = {
    "gradient": lambda f, v: autodiff.gradient(f)(v),
    "of floats and integers": lambda f, v: autodiff.gradient(f)(v[:2]),
    "value": lambda f, v: autodiff.value_and_gradient(f)(v),
    "hessian": lambda f, v: autodiff.hessian(f)(v),
    "jacobian": lambda f, v: autodiff.jacobian(lambda v: v * v)(v),
    "jvp": lambda f, v: autodiff.jvp(f, (v,), (v,)),
    "vjp": lambda f, v: autodiff.vjp(f, v)[1](1.0),
    "linearize": lambda f, v: autodiff.linearize(f, v)[1](v),
    "hessian_vector": lambda f, v: autodiff.hessian_vector(f)(v, _tensors=v),
    "beside another": lambda f, v: autodiff.gradient(lambda w, v: f(w * v), wrt="w")(2.0, v),
    "matrix": lambda f, v: autodiff.gradient(lambda m: f(m @ m))(np.outer(v, v)),
}


@pytest.mark.parametrize("name", DERIVATIVES_BY_OBJECTS)
def test_objects_that_are_numbers_are_numbers_to_a_derivative(name):
    derivative, given = DERIVATIVES_BY_OBJECTS[name], [1.0, 2.5, -3.0]
    for _ in range(2):
        found, expected = (derivative(_cubes, np.array(given, d)) for d in (object, float))
        assert repr(found) == repr(expected)


@pytest.mark.parametrize("other", [None, "a", [1.0], True, np.ones(2)])
def test_other_objects_have_no_derivative(other):
    v = np.empty(2, object)
    v[:] = [1.0, other] if type(other) is not list else [1.0, tuple(other)]
    f = lambda v: v[0] * 2.0
    with pytest.warns(autodiff.FallbackWarning):
        assert autodiff.function(f)(v) == 2.0
    with pytest.raises(autodiff.errors.DtypeError, match="AD105: argument v has dtype object"):
        autodiff.gradient(f)(v)


def test_integers_among_objects_are_integers():
    v = np.array([1, 2], object)
    with pytest.warns(UserWarning, match="astype"):
        assert autodiff.gradient(_cubes, wrt="v")(v).tolist() == [0.0, 0.0]
