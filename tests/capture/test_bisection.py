"""Python's ``bisect`` with a key, which is the user's function."""

import bisect
import operator

import pytest

import autodiff


def of_rows(x, n):
    rows = [(0.5 * x, "a"), (x, "b"), (x * x, "c")]
    first = bisect.bisect_left(rows, 2.1, key=lambda r: r[0])
    last = bisect.bisect_right(rows, 2.1, 1, 3, key=operator.itemgetter(0))
    return rows[first][0] + last * x + bisect.bisect([], x, key=abs)


def of_powers(x, n):
    items = [0.1 * k for k in range(n)]
    at = bisect.bisect_left(items, x, key=lambda v: v * v)
    return items[at] * x + bisect.bisect([3.0, 2.0, 1.0], -x, key=float.__neg__) * x


def of_samples(x, n):
    rows = [{"t": float(k), "y": x * k * k} for k in range(n)]
    at = bisect.bisect(rows, x, key=lambda r: r["t"])
    before, after = rows[at - 1], rows[at]
    return before["y"] * (after["t"] - x) + after["y"] * (x - before["t"])


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", [of_rows, of_powers, of_samples])
def test_bisection_with_a_key(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (2.3, 1.75, 2.6):
        assert compiled(x, 40) == pytest.approx(f(x, 40), rel=1e-13)
        slope = (f(x + 1e-6, 40) - f(x - 1e-6, 40)) / 2e-6
        found = autodiff.gradient(f, wrt=0, engine=engine)(x, 40)
        assert found == pytest.approx(slope, rel=1e-6)


def refused(x):
    try:
        bisect.bisect([1.0], x, -1, key=abs)
    except ValueError as error:
        return str(error), x * 2


def test_a_place_before_the_first() -> None:
    assert autodiff.function(refused, engine="numpy")(2.0) == refused(2.0)
