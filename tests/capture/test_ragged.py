"""Lists of arrays of different lengths: one loop for any lengths, with identity and stores of plain Python."""

import copy

import numpy as np
import pytest

import autodiff


def deviations(groups, a):
    s = 0.0
    for g in groups:
        s += np.sum((g - np.mean(g)) ** 2) * a + len(g)
    return s


def nested(groups, a):
    s = 0.0
    for g in groups:
        t = 0.0
        for v in g:
            t += v * a
        s += t * t / len(g)
    return s


def of_means(groups, a):
    means = [np.mean(g) for g in groups]
    return (
        np.var(means) * a
        + sum(g[0] * g[-1] for g in groups)
        + len([1 for g in groups if len(g) > 3])
    )


def beside_others(groups, a):
    s = 0.0
    for k, (g, h) in enumerate(zip(groups, groups[::-1], strict=True)):
        s += np.sum(np.outer(g, g)) * np.max(h) * k * a
    return s


def neighbours(groups, a):
    s, before = 0.0, groups[0]
    for g in groups[1:]:
        s += before[0] * g[-1] * a if g.sum() > before.sum() else np.sort(g)[0]
        before = g
    return s


def beyond_the_end(groups, a):
    s = 0.0
    for g in groups:
        try:
            s += g[4] * a
        except IndexError:
            s -= g[0]
    return s


ALL = [deviations, nested, of_means, beside_others, neighbours, beyond_the_end]
LENGTHS = [
    (3, 5, 2, 7, 4, 6, 3, 8, 2, 5),
    (4, 4, 3, 2, 6, 5, 2, 2, 9, 3),
    (2, 3) * 6,
    (5, 1, 1, 2, 1, 3, 1, 8),
]


def groups_of(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.random(n) + 0.1 for n in lengths]


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_values_and_slopes_are_those_of_plain_python(f, engine) -> None:
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, wrt=0, engine=engine)
    for seed, lengths in enumerate(LENGTHS):
        groups = groups_of(lengths, seed)
        expected = f(groups, 0.7)
        assert type(value(groups, 0.7)) is type(expected)
        np.testing.assert_allclose(value(groups, 0.7), expected, rtol=1e-11)
        found = slope(groups, 0.7)
        assert [x.shape for x in found] == [x.shape for x in groups]
        step = [np.sin(np.arange(x.size) + k) for k, x in enumerate(groups)]
        ends = [
            f([x + h * d for x, d in zip(groups, step, strict=True)], 0.7) for h in (1e-6, -1e-6)
        ]
        along = sum(np.sum(g * d) for g, d in zip(found, step, strict=True))
        np.testing.assert_allclose(along, (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_it_is_one_loop_of_any_number(f) -> None:
    found = []
    for lengths in ((3, 5, 2, 7) * 3, (3, 5, 2, 7) * 9):
        made = autodiff.function(f, engine="numpy")
        made(groups_of(lengths), 0.7)
        found.append(made.cache[-1].captured.program)
        assert "unrolled" not in made.explain(groups_of(lengths), 0.7)
    body = [str(program).split("\n", 1)[1].count("\n") for program in found]
    assert body[0] == body[1]


KEPT: list[np.ndarray] = []


def stored_into(groups, a):
    for g in groups:
        g[0] = a
    return sum(g.sum() for g in groups)


def in_place(groups, a):
    for g in groups:
        g *= a
    return groups[1][0]


def by_a_view(groups, a):
    s = 0.0
    for g in groups:
        h = g[1:]
        h[:] = a
        s += h.sum()
    return s + groups[0][-1]


def known_by_another_name(groups, a):
    last, s = None, 0.0
    for g in groups:
        last = g
        s += g.sum()
    groups[-1][0] = 9.0
    return s + last[0] * a


def stored_before(groups, a):
    groups[2][0] = 9.0
    s = 0.0
    for g in groups:
        s += g.sum() * a
    return s


def exchanged_meanwhile(groups, a):
    s = 0.0
    for k, g in enumerate(groups):
        s += g.sum() * a
        groups[len(groups) - 1] = g * 2
    return s


def longer_meanwhile(groups, a):
    s = 0.0
    for g in groups:
        s += g.sum() * a
        if len(groups) < 14:
            groups.append(g * a)
    return s


def kept_outside(groups, a):
    s = 0.0
    for g in groups:
        KEPT.append(g)
        s += g.sum() * a
    return s


def the_largest(groups, a):
    best = groups[0]
    for g in groups:
        if g.sum() > best.sum():
            best = g
    return best


def given_back(groups, a):
    found = []
    for g in groups:
        found.append(g)
    return found, groups[0], {k: g for k, g in enumerate(groups)}


def asked_which(groups, a):
    k = 0
    for i, g in enumerate(groups):
        k += (g is groups[i]) + 10 * (g is groups[0]) + 100 * (g is groups[4])
    return k


def of_an_object(groups, a):
    class Holder:
        held = None

    holder, s = Holder(), 0.0
    for g in groups:
        holder.held = g
        s += holder.held.sum() * a
    holder.held[0] = 5.0
    return s + groups[-1][0]


SEEN = [
    stored_into, in_place, by_a_view, known_by_another_name, stored_before, exchanged_meanwhile, longer_meanwhile,
    kept_outside, the_largest, given_back, asked_which, of_an_object,
]  # fmt: skip


def places(x, groups):
    """A result with its arrays as their places among the arguments."""
    if isinstance(x, np.ndarray):
        at = [k for k, g in enumerate(groups) if g is x]
        return at or (x.tolist(), [np.shares_memory(x, g) for g in groups])
    if isinstance(x, (list, tuple)):
        return [places(part, groups) for part in x]
    return {k: places(part, groups) for k, part in x.items()} if isinstance(x, dict) else x


@pytest.mark.filterwarnings("ignore:.*runs uncompiled")
@pytest.mark.parametrize("f", SEEN, ids=lambda f: f.__name__)
def test_nobody_sees_that_items_are_copies(f) -> None:
    made = autodiff.function(f, engine="numpy")
    for call, lengths in enumerate([*LENGTHS[:3], LENGTHS[0]]):
        plain = groups_of(lengths, call)
        if call == 2:
            plain[4] = plain[0]  # one array twice
        if call == 3:
            plain[1] = plain[1].astype(np.float32)
        ours = copy.deepcopy(plain)
        del KEPT[:]
        expected, kept = places(f(plain, 0.7), plain), places(list(KEPT), plain)
        del KEPT[:]
        found = places(made(ours, 0.7), ours)
        assert places(list(KEPT), ours) == kept
        if isinstance(expected, float):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
        else:
            assert found == expected
        assert len(plain) == len(ours)
        for x, y in zip(plain, ours, strict=True):
            np.testing.assert_array_equal(x, y)


def test_an_array_that_is_an_argument_as_well() -> None:
    def f(x, groups):
        s = 0.0
        for g in groups:
            s += g.sum()
        x[0] = 9.0
        for g in groups:
            s += g[0]
        return s

    made = autodiff.function(f, engine="numpy")
    for first in (False, True, False):
        plain, ours = groups_of(LENGTHS[0]), groups_of(LENGTHS[0])
        x, y = (plain[3], ours[3]) if first else (np.ones(3), np.ones(3))
        np.testing.assert_allclose(made(y, ours), f(x, plain), rtol=1e-12)
        np.testing.assert_array_equal(plain[3], ours[3])


KNOWN_SIZES = {
    "polyval": lambda g, a: np.polyval(g, a),
    "polyder": lambda g, a: np.polyder(g)[0] * a,
    "poly": lambda g, a: np.poly(g)[-1] * a,
    "insert": lambda g, a: np.insert(g, 1, a).sum() ** 2,
}


@pytest.mark.parametrize("of", KNOWN_SIZES.values(), ids=KNOWN_SIZES)
def test_what_needs_a_size_to_be_known_has_the_arrays_one_by_one(of) -> None:
    groups = [np.arange(1.0, n + 1.0) / n for n in (3, 4, 2, 5, 3, 4, 2, 3, 5, 4, 3, 2)]

    def total(groups, a):
        s = 0.0
        for g in groups:
            s += of(g, a)
        return s

    made = autodiff.value_and_gradient(total, wrt="a", engine="numpy")
    value, slope = made(groups, 0.7)
    assert value == pytest.approx(total(groups, 0.7), rel=1e-12)
    near = (total(groups, 0.7 + 1e-6) - total(groups, 0.7 - 1e-6)) / 2e-6
    assert slope == pytest.approx(near, rel=1e-7)
