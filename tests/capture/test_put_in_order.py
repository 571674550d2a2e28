"""Short lists of arrays, tuples and objects that loops put in order: one loop, Python's order, identity and errors."""

import numpy as np
import pytest

import autodiff

from .support import agrees


def cost(x, a):
    return (a - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2


def simplex(x0, a, n):
    xs = [x0, x0 + np.array([0.5, 0.0]), x0 + np.array([0.0, 0.5])]
    for _ in range(n):
        xs.sort(key=lambda x: cost(x, a))
        c = (xs[0] + xs[1]) / 2
        new = 2 * c - xs[2]
        if cost(new, a) < cost(xs[0], a):
            far = 3 * c - 2 * xs[2]
            xs[-1] = far if cost(far, a) < cost(new, a) else new
        elif cost(new, a) < cost(xs[1], a):
            xs[-1] = new
        else:
            near = (c + xs[2]) / 2
            if cost(near, a) < cost(xs[2], a):
                xs[-1] = near
            else:
                for i in (1, 2):
                    xs[i] = (xs[0] + xs[i]) / 2
    return cost(xs[0], a)


def of_pairs(x0, a, n):
    found = [(cost(x, a), x) for x in (x0, x0 + 0.4, x0 * np.array([1.0, 1.5]))]
    best = found[0]
    for _ in range(n):
        found.sort(key=lambda pair: pair[0])
        x = (found[0][1] + found[1][1] * a) / 2
        if found[0][0] < best[0]:
            best = found[0]
        found[-1] = (cost(x, a), x)
    return best[0] + found[1][0] * found[0][1][0]


def falling(x0, a, n):
    xs = [x0, x0 * 2, x0 - 1]
    for _ in range(n):
        xs = sorted(xs, key=lambda x: x[0], reverse=True)
        xs[0] = xs[0] * 0.5 + xs[2] * a
    return xs[0] @ xs[1] + xs[2][0]


def the_best_few(x0, a, n):
    beams = [(0.0, x0)]
    for _ in range(n):
        new = []
        for s, x in beams:
            new.append((s + cost(x, a), x * 0.9))
            new.append((s + cost(x * a, a), x * 1.1))
        new.sort(key=lambda beam: beam[0])
        beams = new[:2]
    return beams[0][0] + beams[1][1][0]


def of_two_types(x0, a, n):
    found = [(x0[0], 1.0), (2.0, 2.0), (x0[1] + 0.5, 3.0)]
    for _ in range(n):
        found.sort(key=lambda pair: pair[0])
        v = found[0][1] * a
        if v > 1:
            found[-1] = (v * a, v)
        else:
            found[1] = (found[1][0] * x0[0], v * 0.5)
    return found[0][1] * found[-1][0] + found[1][0]


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


def of_objects(x0, a, n):
    ps = [Point(x0, a), Point(x0 * 2, 1.0), Point(x0 - 1, a * a)]
    first = ps[0]
    for _ in range(n):
        ps.sort(key=lambda p: cost(p.x, p.y))
        ps[0].y += 0.1 * a
        ps[-1].x = ps[0].x * 0.5 + ps[1].x * 0.25
    return sum(cost(p.x, p.y) for p in ps) + first.y


def stored_into(x0, a, n):
    xs = [x0 * 1.0, x0 * 2, x0 - 1]
    first, held = xs[0], (xs[1],)
    for _ in range(n):
        xs.sort(key=lambda x: cost(x, a))
        worst = xs[-1]
        worst[:] = (xs[0] + worst) * 0.5
    return first @ held[0] + 2 * worst[0] + (first is xs[0]) + 2 * (held[0] is xs[1])


ALL = [simplex, of_pairs, falling, the_best_few, of_two_types, of_objects, stored_into]
STARTS = [np.array([-0.8, 0.7]), np.array([0.3, -0.4]), np.array([1.1, 1.3])]


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_values_and_slopes_are_those_of_plain_python(f, engine) -> None:
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, wrt=1, engine=engine)
    h = 1e-6
    for x0 in STARTS:
        for n in (4, 7):
            x = x0.copy()
            np.testing.assert_allclose(value(x, 0.9, n), f(x0.copy(), 0.9, n), rtol=1e-10)
            np.testing.assert_array_equal(x, x0)
            expected = (f(x0, 0.9 + h, n) - f(x0, 0.9 - h, n)) / (2 * h)
            np.testing.assert_allclose(slope(x0, 0.9, n), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_it_is_one_loop_for_any_number_of_passes(f) -> None:
    found = set()
    for n in (12, 40):
        made = autodiff.function(f, engine="numpy")
        made(STARTS[0], 0.9, n)
        found.add(str(made.cache[-1].captured.program).count("\n"))
    assert len(found) == 1
    assert "is one loop  # for _ in range(n)" in made.explain(STARTS[0], 0.9, 40)


def given_back(x0, a, n):
    xs = [x0, x0 * 2, x0 - 1, x0]  # one of them twice
    last = xs[2]
    for _ in range(n):
        xs.sort(key=lambda x: x[0] * a)
        xs[1] = xs[0] * a + xs[2]
    return xs, last, xs[0] is xs[1], xs[-1] is x0, [x is last for x in xs]


def equal_keys(x0, a, n):
    xs = [x0, x0 * 2, x0 - 1, x0 + 1]
    for k in range(n):
        xs.sort(key=lambda x: np.floor(x[0] * a), reverse=k % 2 == 0)
        xs[-1] = xs[1] * a
    return [x[1] for x in xs]


def not_a_number(x0, a, n):
    xs = [x0, x0 * 2, x0 - 1]
    for _ in range(n):
        xs.sort(key=lambda x: np.log(np.abs(x[0])) if x[0] > -0.5 else np.nan)
        xs[0] = xs[0] * a
    return [x[0] for x in xs]


@pytest.mark.filterwarnings("ignore:.*runs uncompiled")
@pytest.mark.parametrize("f", [given_back, equal_keys, not_a_number], ids=lambda f: f.__name__)
def test_order_and_identity_are_those_of_plain_python(f) -> None:
    made = agrees(f, *[(x0, a, n) for x0 in STARTS for a, n in ((0.9, 4), (-1.1, 7))])
    if f is given_back:
        for x0 in STARTS:
            (xs, last, *said), (ours, own, *found) = f(x0, 0.9, 5), made(x0, 0.9, 5)
            assert said == found
            assert [x is x0 for x in xs] == [x is x0 for x in ours]
            assert [x is last for x in xs] == [x is own for x in ours]


def of_pairs_at_once(x, a):
    found = [(x[0] * a, x), (x[1], x * 2), (a + x[0], x * 3)]
    v, y = max(found)
    w, z = min(found)
    return v * y[0] + w * z[1]


def of_a_list_that_grew(x, a):
    found = []
    for k in range(6):
        found.append((x[0] * np.sin(k) * a, x * k))
    v, y = max(found)
    return v * y[0]


def of_two_arguments(x, a):
    best = min((x[0], x), (x[1] * a, x * 2))
    return best[0], best[1] is x, max([(t[1], 1, t) for t in (x, x * 2, x * a)])[2].sum()


def of_equals(x, a):
    return max([(a, x), (a, x * 2)])[1][0]


OF_TUPLES = [of_pairs_at_once, of_a_list_that_grew, of_two_arguments]


@pytest.mark.parametrize("f", OF_TUPLES, ids=lambda f: f.__name__)
def test_the_largest_of_tuples_that_hold_arrays(f) -> None:
    agrees(f, *[(x0, a) for x0 in STARTS for a in (0.7, -1.3)])


def test_equal_tuples_that_hold_arrays_have_no_order() -> None:
    with pytest.raises(ValueError, match="ambiguous"):
        autodiff.function(of_equals, engine="numpy")(STARTS[0], 0.7)
