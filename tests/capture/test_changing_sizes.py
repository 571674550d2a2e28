"""Arrays whose size changes in a loop: one loop of the program, and one program for all lengths.

Each function takes a weight and a number; it is called with several numbers, of which the first is no
other than the later ones.  Value, gradient and directional derivative are compared with plain
Python and with differences.
"""

import linecache
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.ladder import Rung
from tests.capture.support import kinds

ENGINES = ("numpy", "native")


# -- shrinking by the same in every pass -------------------------------------------------------------
def put_option(spot: float, n: int) -> Any:
    """Early exercise in a tree whose last column has n + 1 prices."""
    up = np.exp(0.2 / np.sqrt(n))
    value = np.maximum(1.0 - spot * up ** np.arange(n, -n - 1, -2.0), 0.0)
    for k in reversed(range(n)):
        value = 0.999 * (0.48 * value[:-1] + 0.52 * value[1:])
        value = np.maximum(value, 1.0 - spot * up ** np.arange(k, -k - 1, -2.0))
    return value[0]


def shares_and_values(w: float, n: int) -> Any:
    price = w * np.exp(0.1 * np.arange(-n, n + 1, 2))
    value = np.maximum(1 - price, 0.0)
    for _ in range(n):
        price = price[1:] * np.exp(-0.1)
        value = np.maximum(0.5 * (value[1:] + value[:-1]), 1 - price)
    return value.item()


def interpolated(w: float, n: int) -> Any:
    """Neville's scheme."""
    x = np.linspace(0.0, 1.0, n)
    p = np.sin(x * w)
    for k in range(1, n):
        p = ((0.3 - x[k:]) * p[:-1] - (0.3 - x[:-k]) * p[1:]) / (x[:-k] - x[k:])
    return p[0]


def trinomial(w: float, n: int) -> Any:
    v = np.maximum(np.linspace(-1.0, 1.0, 2 * n + 1) * w, 0)
    for _ in range(n):
        v = 0.2 * v[:-2] + 0.5 * v[1:-1] + 0.3 * v[2:]
    return v[0]


def of_two_assets(w: float, n: int) -> Any:
    v = np.outer(np.linspace(0.5, 1, n + 1), np.linspace(0.5, w, n + 1))
    for _ in range(n):
        v = 0.25 * (v[:-1, :-1] + v[1:, :-1] + v[:-1, 1:] + v[1:, 1:]) * w
    return v[0, 0]


# -- until nothing is left ---------------------------------------------------------------------------
def extrapolated(w: float, n: int) -> Any:
    rows = np.sin(w * np.arange(1, n + 1))
    k = 1
    while len(rows) > 1:
        rows = (4.0**k * rows[1:] - rows[:-1]) / (4.0**k - 1)
        k += 1
    return rows[0]


def cut_at_both_ends(w: float, n: int) -> Any:
    x, s = np.linspace(0.1, w, n), 0.0
    while len(x) > 2:
        for j in range(len(x)):
            s = s + x[j] * w
        x = x[1:-1]
    return s


def two_at_a_time(w: float, n: int) -> Any:
    x, y, s = np.linspace(0.1, w, n), np.linspace(0.2, 1.0, n), 0.0
    while len(x) > 1:
        x, y = x[1:], y[:-1]
        s = s + (x * y).sum()
    return s


def eliminated(w: float, n: int) -> Any:
    """The determinant, by smaller and smaller matrices."""
    a, d = np.eye(n) * 3 + np.cos(np.add.outer(np.arange(n), 2.0 * np.arange(n))) * w, 1.0
    while len(a):
        d = d * a[0, 0]
        a = a[1:, 1:] - a[1:, :1] * a[:1, 1:] / a[0, 0]
    return d


def as_attribute(w: float, n: int) -> Any:
    state = SimpleNamespace(v=np.linspace(0.1, w, n), total=0.0)
    while len(state.v) > 1:
        state.v = state.v[1:] * w
        state.total = state.total + state.v[0]
    return state.total


def with_copies(w: float, n: int) -> Any:
    x = np.linspace(0.1, w, n)
    while len(x) > 1:
        x = x[1:].copy()
        x[0] = x[0] * w
    return x.sum()


def differences(w: float, n: int) -> Any:
    a, s = np.sin(w * np.arange(n)), 0.0
    for _ in range(n - 1):
        a = np.diff(a)
        s = s + a[0] * w
    return s


def every_other(w: float, n: int) -> Any:
    a, s = np.sin(w * np.arange(1.0, n + 1)), 0.0
    while len(a) > 1:
        a = a[::2] * w
        s = s + a.sum()
    return s


def coarsened(w: float, n: int) -> Any:
    """Pairs added up, as on coarser and coarser grids; an odd one at the end is dropped."""
    a = np.sin(w * np.arange(1.0, n + 1))
    while len(a) > 2:
        m = len(a) // 2
        a = (a[: 2 * m : 2] + a[1 : 2 * m : 2]) * 0.5 * w
    return a.sum()


def folded(w: float, n: int) -> Any:
    """A sum by halves; an odd one at the end is kept."""
    a = np.sin(w * np.arange(1.0, n + 1))
    while len(a) > 1:
        h = len(a) // 2
        a = np.concatenate([a[:h] + a[h : 2 * h], a[2 * h :]]) * w
    return a[0]


def from_behind(w: float, n: int) -> Any:
    a, s = np.sin(w * np.arange(1.0, n + 1)), 0.0
    while len(a) > 0:
        s = s * w + a[-1]
        a = a[::-1][1:]
    return s


def bounds_beyond_the_array(w: float, n: int) -> Any:
    a, b, s = np.sin(w * np.arange(1.0, n + 1)), np.linspace(0.1, w, n), 0.0
    for k in range(n + 3):
        a, b = a[k:100], b[-7:-1]
        s = s + a.sum() * w + (b * w).sum()
    return s + len(a) + b.size


def deleted(w: float, n: int) -> Any:
    a, s = np.sin(w * np.arange(1.0, n + 1)), 0.0
    for _ in range(n - 1):
        a = np.delete(a, 0) * w
        s = s + a.sum()
    return s


def without_the_least(w: float, n: int) -> Any:
    a, s = np.sin(w * np.arange(1.0, n + 1)), 0.0
    while len(a) > 2:
        a = a[a > a.min()]
        s = s + a.sum() * w
    return s


def queue(w: float, n: int) -> Any:
    a, s = np.array([w, 2.0, 3.0]), 0.0
    for _ in range(n):
        s = s + a[0] * w
        a = np.append(a[1:], a[0] * a[1] * 0.3)
    return s


# -- by what the values say --------------------------------------------------------------------------
def unequal_steps(w: float, n: int) -> Any:
    x, s = np.linspace(0.3, 1.2, 2 * n), 0.0
    for _ in range(n):
        x = x[: len(x) - (1 if s < 1.0 else 2)] * w
        s = s + x.sum()
    return s


def masked(w: float, n: int) -> Any:
    x, s = np.linspace(0.1, w, n), 0.0
    for k in range(6):
        x = x[x > 0.1 * k] * 0.95
        s = s + x.sum() * w
    return s


def exchanged(w: float, n: int) -> Any:
    a, b = np.linspace(0.1, w, n), np.linspace(0.1, w, n + 2)
    for _ in range(n - 1):
        a, b = b[2:], a
    return a.sum() + 2 * b.sum()


# -- growing -----------------------------------------------------------------------------------------
def appended(w: float, n: int) -> Any:
    a = np.array([w])
    for k in range(n):
        a = np.append(a, a[-1] * w + k)
    return a.sum()


def from_nothing(w: float, n: int) -> Any:
    a = np.zeros(0)
    for k in range(n):
        a = np.hstack([a, [w * k, w]])
    return (a * np.arange(len(a))).sum()


def coefficients(w: float, n: int) -> Any:
    p = np.array([1.0])
    for k in range(n):
        p = np.convolve(p, np.array([1.0, -w * k]))
    return p.sum() + p[-1] + p[n // 2]


def binomial(w: float, n: int) -> Any:
    row = np.array([w])
    for _ in range(n):
        row = np.concatenate([row, [0.0]]) + np.concatenate([[0.0], row])
    return (row**2).sum()


SHRINKING = [
    *(put_option, shares_and_values, interpolated, trinomial, of_two_assets, extrapolated),
    *(cut_at_both_ends, two_at_a_time, as_attribute, with_copies),
    *(differences, every_other, coarsened, folded, from_behind, bounds_beyond_the_array),
    *(deleted, without_the_least, queue, unequal_steps, masked, exchanged),
]
GROWING = [appended, from_nothing, coefficients, binomial]
EVERY_DAY = [put_option, bounds_beyond_the_array, unequal_steps]
SLOW = [
    pytest.param(f, marks=() if f in EVERY_DAY else pytest.mark.slow) for f in SHRINKING + GROWING
]


def slope(f: Callable[..., Any], w: float, n: int) -> float:
    return float((f(w + 1e-6, n) - f(w - 1e-6, n)) / 2e-6)


@pytest.mark.parametrize("f", SLOW)
def test_a_loop_is_one_loop(f: Callable[..., Any]) -> None:
    value = autodiff.function(f, engine="numpy")
    value(0.8, 9)
    found = value.cache[0].captured  # in which the number is an input
    assert not [d for d in found.decisions if d.rung not in (Rung.ROLLED, Rung.CARRIED)]
    assert {"for", "while"} & set(kinds(found.program))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", SLOW)
def test_one_program_serves_all_lengths(f: Callable[..., Any], engine: str) -> None:
    value = autodiff.function(f, engine=engine)
    gradient = autodiff.gradient(f, wrt="w" if f is not put_option else "spot", engine=engine)
    for n in (9, 5, 12, 6, 3):
        assert value(0.8, n) == pytest.approx(f(0.8, n), rel=1e-12)
        assert gradient(0.8, n) == pytest.approx(slope(f, 0.8, n), rel=1e-5, abs=1e-6)
    assert (len(value.cache), len(gradient.cache)) == (1, 1)
    along = autodiff.jvp(f, (0.8, 7), (2.0, 0), engine=engine)[1]
    assert along == pytest.approx(2 * slope(f, 0.8, 7), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_size_that_may_be_one_or_not_is_decided_by_the_length(engine: str) -> None:
    """Of ``a[:1]`` nothing tells that it has an element, so that how it is broadcast is of this call."""
    value = autodiff.function(eliminated, engine=engine)
    gradient = autodiff.gradient(eliminated, wrt="w", engine=engine)
    for n in (3, 1):
        assert value(0.8, n) == pytest.approx(eliminated(0.8, n), rel=1e-12)
        assert gradient(0.8, n) == pytest.approx(slope(eliminated, 0.8, n), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_size_after_the_loop_is_that_of_numpy(engine: str) -> None:
    def halved_until(x: Any, least: float) -> Any:
        while x.sum() > least:
            x = x[: (len(x) + 1) // 2] * 1.0
        return x, len(x)

    compiled = autodiff.function(halved_until, engine=engine)
    for n in (64, 9, 33, 64):
        x = np.linspace(1.0, 2.0, n)
        for least in (3.0, 20.0, 1000.0):
            found, length = compiled(x, least)
            expected, expected_length = halved_until(x, least)
            np.testing.assert_array_equal(found, expected)
            assert length == expected_length
    assert len(compiled.cache) <= 2


@pytest.mark.parametrize("engine", ENGINES)
def test_second_derivatives_go_through_a_shrinking_array(engine: str) -> None:
    def f(w: float, n: int) -> Any:
        x = np.linspace(0.5, 1.5, n) * w
        while len(x) > 1:
            x = x[1:] * x[:-1]
        return x[0]

    second = autodiff.gradient(autodiff.gradient(f, wrt="w"), wrt="w", engine=engine)
    for n in (2, 3, 4):
        power = 2.0 ** (n - 1)  # f is a constant times w ** power
        assert second(0.9, n) == pytest.approx(power * (power - 1) * f(1.0, n) * 0.9 ** (power - 2))


@pytest.mark.parametrize("engine", ENGINES)
def test_sizes_that_do_not_fit_raise_what_numpy_raises(engine: str) -> None:
    def f(x: Any, y: Any) -> Any:
        while len(x) > 3:
            x = x[2:] + y[1:]
            y = y[1:]
        return x.sum()

    compiled = autodiff.function(f, engine=engine)
    assert compiled(np.ones(3), np.ones(2)) == 3.0
    for n, m in ((6, 5), (7, 6)):
        with pytest.raises(ValueError, match="could not be broadcast together"):
            f(np.ones(n), np.ones(m))
        with pytest.raises(ValueError, match="could not be broadcast together"):
            compiled(np.ones(n), np.ones(m))


# -- at random ---------------------------------------------------------------------------------------
CHANGES = [
    "a = a[1:] * w",
    "a = a[:-1] + 0.1",
    "a = a[1:-1] * w",
    "a = a[::2] * w",
    "a = a[k:] * w",
    "a = a[: len(a) - k] * w",
    "a = a[-4:] * w",
    "a = a[::-1][:-1]",
    "a = (a[1:] + a[:-1]) / 2",
    "a = a[a > 0.3 * w]",
    "a = np.append(a, w)",
    "a = np.concatenate([a[:2], [w * k], a[2:]])",
    "a = np.diff(a) * w",
]


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=() if n < 1 else pytest.mark.slow) for n in range(24)]
)
def test_random_changes_of_sizes_are_those_of_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = rng.choice(CHANGES, rng.integers(1, 4)).tolist()
    lines.insert(int(rng.integers(len(lines) + 1)), "s = s + (a * a).sum() * w + len(a)")
    head = "def f(w, n):\n    a, s = np.cos(w * np.arange(n)) + 0.4, 0.0\n    for k in range(n):\n"
    text = head + "".join(f"        {line}\n" for line in lines) + "    return s + a.sum()\n"
    scope: dict[str, Any] = {"np": np}
    name = f"<sizes {seed}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), scope)
    f = scope["f"]
    for engine in ENGINES:
        value, gradient = (
            autodiff.function(f, engine=engine),
            autodiff.gradient(f, wrt="w", engine=engine),
        )
        for n in (6, 3, 8, 1, 0):
            assert value(0.8, n) == pytest.approx(f(0.8, n), rel=1e-12), text
            slope_ = gradient(0.8, n)
            assert slope_ == pytest.approx(slope(f, 0.8, n), rel=1e-5, abs=1e-5), text
            along = autodiff.jvp(f, (0.8, n), (1.0, 0), engine=engine)[1]
            assert along == pytest.approx(slope_, rel=1e-10, abs=1e-12), text


# -- sizes of ranges ---------------------------------------------------------------------------------
STEPS = [-2.0, 2.0, 0.5, -0.25, 3.0, 1.0, 0.1, np.float32(1.5)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("step", STEPS)
def test_a_range_of_integers_by_a_step_has_the_elements_of_numpy(step: Any, engine: str) -> None:
    compiled = autodiff.function(lambda a, b: np.arange(a, b, step), engine=engine)
    for a, b in ((0, 7), (3, -4), (5, 5), (-2, 3), (-7, -20), (1, 2)):
        np.testing.assert_array_equal(compiled(a, b), np.arange(a, b, step))
    assert len(compiled.cache) == 1


def test_a_range_of_integers_by_a_step_is_as_long_as_algebra_says() -> None:
    def f(x: Any, n: int) -> Any:
        for k in range(n):
            x = x + np.arange(k, -k - 1, -2.0).sum()
        return x

    program = autodiff.function(f).ir(1.0, 5)
    assert "iota(size=k + 1" in str(program)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_that_passes_change_is_known_in_each_pass(engine: str) -> None:
    def romberg(y: Any, width: float) -> Any:
        table, step, level = {(0, 0): (y[0] + y[-1]) * width / 2}, len(y) - 1, 0
        while step > 1:
            half, level, width = step // 2, level + 1, width / 2
            table[level, 0] = table[level - 1, 0] / 2 + width * np.sum(y[half::step])
            for j in range(1, level + 1):
                before = table[level, j - 1]
                table[level, j] = before + (before - table[level - 1, j - 1]) / (4**j - 1)
            step = half
        return table[level, level]

    value = autodiff.function(romberg, engine=engine)
    slope = autodiff.gradient(romberg, wrt=0, engine=engine)
    for n in (9, 5, 17, 9):
        y = np.exp(-np.linspace(0.0, 1.0, n))
        assert np.isclose(value(y, 1.0), romberg(y, 1.0), rtol=1e-15)
        np.testing.assert_allclose(slope(y, 1.0) @ y, romberg(y, 1.0), rtol=1e-14)  # it is linear
