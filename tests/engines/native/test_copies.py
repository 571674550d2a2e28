"""A step of a loop that reads or stores one element costs one element, whatever branches it has.

The machine code of such a function has loops side by side, never one inside of another: a loop in a
loop would be a copy of an array at every iteration.  The depth is found in the control flow of the
LLVM text; what the program keeps for the way back has no array per iteration either.
"""

import re

import numpy as np
import pytest

import autodiff

N = 300
X = np.random.default_rng(5).random(N)


FEW = 8  # turns of a loop through a slice that the function names itself


def loop_depth(text: str) -> int:
    """How deep the loops of a kernel are nested, but for those of a few turns."""
    kernel = text[text.index("define i32 @kernel") :]
    kernel = kernel[: kernel.index("\n}")]
    blocks: dict[str, set[str]] = {}
    looks: set[str] = set()
    short: set[str] = set()
    name = "entry"
    for line in kernel.split("\n"):
        label = re.match(r"^([\w.]+):", line)
        if label:
            name = label[1]
        blocks.setdefault(name, set()).update(re.findall(r"label %([\w.]+)", line))
        if "@autodiff.poll" in line:
            looks.add(name)
        turns = re.search(r"%more\w+ = icmp slt i64 %\w+, (\d+)$", line)
        if turns and int(turns[1]) <= FEW:
            short.add(name)
    return _depth(blocks, looks, short)


def _depth(blocks: dict[str, set[str]], looks: set[str], short: set[str]) -> int:
    """The depth; a long loop that is run in stretches, to look for signals between them, is one."""
    reached = {name: _reached(blocks, name) for name in blocks}
    seen: set[str] = set()
    deepest = 0
    for name in blocks:
        if name in seen or name not in reached[name]:
            continue
        cycle = {other for other in reached[name] if name in reached.get(other, ())}
        seen |= cycle
        entered = {
            target
            for source, targets in blocks.items()
            if source not in cycle
            for target in targets & cycle
        } or {name}
        inner = {k: (v & cycle) - entered for k, v in blocks.items() if k in cycle - entered}
        within = _depth(inner, looks, short)
        stretches = bool(within) and not looks.isdisjoint(cycle)
        is_short = not within and not short.isdisjoint(cycle)
        deepest = max(deepest, within + (not stretches and not is_short))
    return deepest


def _reached(blocks: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        for name in blocks.get(pending.pop(), ()):
            if name not in found:
                found.add(name)
                pending.append(name)
    return found


def three_ways(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0.5:
            total += x[i] ** 2
        elif x[i] > 0.2:
            total += np.sin(x[i])
        else:
            total -= x[i]
    return total


def five_ways(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0.8:
            total += x[i] ** 2
        elif x[i] > 0.6:
            total += np.sin(x[i])
        elif x[i] > 0.4:
            if x[i] > 0.5:
                total += x[i] ** 3
            else:
                total -= np.cos(x[i])
        elif x[i] > 0.2:
            pass
        else:
            total *= 1.0 + 0.001 * x[i]
    return total


def storing(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 0.5:
            y[i] = x[i] ** 2
        elif x[i] > 0.2:
            y[i] = np.sin(x[i])
        else:
            y[i] = -x[i]
    return y.sum()


def into_the_argument(x):
    for i in range(1, len(x)):
        if x[i] > 0.5:
            x[i] = x[i] * x[i - 1]
        elif x[i] > 0.2:
            x[i] = np.sin(x[i]) + 0.5 * x[i - 1]
        else:
            x[i] -= 0.1
    return x.sum()


def into_two_arrays(x):
    y, z = np.zeros(len(x)), np.zeros(len(x))
    for i in range(1, len(x)):
        if x[i] > 0.5:
            y[i] = x[i] * y[i - 1]
        elif x[i] > 0.2:
            z[i] = np.sin(x[i]) * z[i - 1] + y[i - 1]
        else:
            y[i] = z[i - 1] - x[i]
            z[i] = y[i - 1] + 0.5
    return y.sum() + z.sum()


def sometimes_storing(x):
    y = np.ones(len(x))
    for i in range(1, len(x)):
        if x[i] > 0.3:
            if x[i] > 0.6:
                y[i] = y[i - 1] * x[i]
    return y.sum()


def neighbours(x):
    total = 0.0
    for i in range(1, len(x) - 1):
        if x[i] > x[i - 1]:
            total += x[i] * x[i + 1]
        elif x[i] > x[i + 1]:
            total -= x[i - 1]
        else:
            total += x[i]
    return total


def leaving_early(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 0.999:
            break
        if x[i] < 0.1:
            continue
        y[i] = x[i] ** 2
    return y.sum()


def loops_in_branches(x):
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        if x[i] > 0.5:
            for j in range(3):
                y[i] = y[i] + x[i - 1] * j
        elif x[i] > 0.2:
            for _ in range(2):
                y[i - 1] = y[i - 1] * x[i]
    return y.sum()


def as_long_as(x):
    y, i = np.zeros(len(x)), 0
    while i < len(x):
        if x[i] > 0.5:
            y[i] = x[i]
            i += 1
        elif x[i] > 0.2:
            y[i] = x[i] ** 2
            i += 2
        else:
            i += 1
    return y.sum()


def exchanged(x):
    u, v = x.copy(), np.zeros(len(x))
    for i in range(1, len(x)):
        v[i] = u[i - 1] * 0.5 + u[i]
        u, v = v, u
    return u.sum() + 2.0 * v.sum()


def in_turn(x):
    a, b, c = x.copy(), np.zeros(len(x)), np.ones(len(x))
    for i in range(1, len(x)):
        c[i] = a[i - 1] * x[i] + b[i]
        a, b, c = b, c, a
    return (a + 2.0 * b + 3.0 * c).sum()


def two_pairs(x):
    a, b, c, d = x.copy(), x * 2.0, x * 3.0, x + 1.0
    for i in range(1, len(x)):
        a[i] = b[i - 1] * 0.5
        c[i] = d[i - 1] * a[i]
        a, b, c, d = b, a, d, c
    return (a + 2.0 * b + 3.0 * c + 4.0 * d).sum()


def exchanged_as_long_as(x):
    u, v, i = x.copy(), 2.0 * x, 0
    while i < len(x) - 1 and u[i] < 9.0:
        v[i + 1] = u[i] + 0.1 * x[i]
        u, v = v, u
        i += 1
    return u.sum() + 2.0 * v.sum()


def slices_of_carried(x):
    y = np.zeros(len(x))
    for i in range(2, len(x) - 2):
        y[i - 1 : i + 1] += x[i : i + 2]
        if x[i] > 0.5:
            y[i : i + 2] *= 0.5
        elif x[i] > 0.2:
            y[i] = y[i - 2 : i].sum()
    return y.sum()


def part_of_an_array(x):
    y = np.zeros(len(x))
    part = y[2:]
    for i in range(len(part)):
        if x[i] > 0.5:
            part[i] = x[i]
        elif x[i] > 0.2:
            part[i] = -x[i]
    return (y * y).sum()


def in_a_dict(x):
    state = {"y": np.zeros(len(x)), "n": 0.0}
    for i in range(1, len(x)):
        if x[i] > 0.5:
            state["y"][i] = state["y"][i - 1] + x[i]
        elif x[i] > 0.2:
            state["n"] = state["n"] + x[i]
        else:
            state["y"][i] = state["n"]
    return state["y"].sum() + state["n"]


def in_a_list(x):
    both = [np.zeros(len(x)), np.ones(len(x))]
    for i in range(1, len(x)):
        if x[i] > 0.5:
            both[0][i] = both[1][i - 1] + x[i]
        else:
            both[1][i] = both[0][i - 1] * x[i]
    return both[0].sum() + both[1].sum()


class State:
    pass


def in_an_object(x):
    state = State()
    state.y, state.z = np.zeros(len(x)), x.copy()
    for i in range(1, len(x)):
        if x[i] > 0.5:
            state.y[i] = state.z[i - 1]
        elif x[i] > 0.3:
            state.z[i] = state.y[i - 1]
        else:
            state.y[i] = state.y[i - 1]
    return (state.y * state.z).sum()


def stored_by_another(y, x, i):
    if x[i] > 0.5:
        y[i] = x[i]
        return y[i]
    if x[i] > 0.2:
        return 2.0 * x[i]
    y[i] = y[i - 1]
    return 0.0


def in_a_function(x):
    y, total = np.zeros(len(x)), 0.0
    for i in range(1, len(x)):
        total += stored_by_another(y, x, i)
    return total + y.sum()


def rows(x):
    a = x.reshape(-1, 4)
    b = np.zeros(a.shape)
    for i in range(1, len(a)):
        if a[i, 0] > 0.5:
            b[i, 1] = a[i, 2]
        elif a[i, 0] > 0.2:
            b[i, 2] = b[i - 1, 1] * a[i, 1]
        else:
            b[i - 1, 3] = a[i, 1]
    return (b * b).sum()


def elements_exchanged(x):
    y = x.copy()
    for i in range(1, len(x)):
        if y[i] > 0.5:
            y[i] *= y[i - 1]
            if y[i] > 0.4:
                y[i - 1] += 1.0
            else:
                y[i] -= 1.0
        else:
            y[i - 1], y[i] = y[i], y[i - 1]
    return (y * np.arange(len(x))).sum()


def by_an_index(x):
    k, y = np.arange(len(x))[::-1].copy(), np.zeros(len(x))
    for i in range(len(x)):
        if x[i] > 0.5:
            y[k[i]] = x[i]
        elif x[k[i]] > 0.2:
            y[i] += x[k[i]]
    return y.sum()


FUNCTIONS = [
    three_ways, five_ways, storing, into_the_argument, into_two_arrays, sometimes_storing, neighbours,
    leaving_early, exchanged, in_turn, exchanged_as_long_as,
    *[pytest.param(f, marks=pytest.mark.slow) for f in (
        loops_in_branches, as_long_as, two_pairs, slices_of_carried, part_of_an_array, in_a_dict, in_a_list,
        in_an_object, in_a_function, rows, elements_exchanged, by_an_index,
    )],
]  # fmt: skip
TANGENT = np.linspace(-1.0, 1.0, N)


def forwards(f):
    """The function's derivative along a direction, by forward mode."""
    return autodiff.function(lambda x: autodiff.jvp(f, (x,), (TANGENT,)))


@pytest.mark.parametrize(
    "transformation",
    [autodiff.function, autodiff.gradient, pytest.param(forwards, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_no_step_goes_through_a_whole_array(f, transformation):
    assert loop_depth(transformation(f).llvm(X)) == 1


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_no_array_is_kept_at_each_iteration(f):
    program = autodiff.gradient(f).ir(X)
    shapes = [v.shape for op in program.block.operations for v in op.results]
    known = [[n for n in shape if isinstance(n, int)] for shape in shapes]
    assert all(np.prod(shape) <= N for shape in known), shapes


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_derivatives_to_second_order(f, engine):
    x = X[:12]
    assert np.isclose(autodiff.function(f, engine=engine)(x.copy()), f(x.copy()), rtol=1e-13)
    autodiff.check_gradient(f, x.copy(), engine=engine)
    v = np.linspace(-1.0, 1.0, len(x))
    slope = autodiff.gradient(f, engine=engine)
    step = 1e-6
    difference = (slope(x + step * v) - slope(x - step * v)) / (2 * step)
    product = autodiff.hessian_vector(f, engine=engine)(x.copy(), _tensors=v)
    assert np.allclose(product, difference, atol=1e-6)


def test_the_depth_of_loops_is_seen():
    def matrix_vector(x):
        total = 0.0
        for i in range(len(x)):
            total += np.sum(np.sin(x * x[i]))
        return total

    assert loop_depth(autodiff.function(three_ways).llvm(X)) == 1
    assert loop_depth(autodiff.function(matrix_vector).llvm(X)) == 2


def by_halves(x):
    if len(x) == 1:
        return x
    even, odd = by_halves(x[::2]), by_halves(x[1::2])
    turned = np.exp(-2j * np.pi * np.arange(len(odd)) / len(x)) * odd
    return np.concatenate([even + turned, even - turned])


def test_where_a_part_is_last_used_is_asked_once_of_each_value():
    # Each value has several users, and these have: a question that goes through all paths never ends.
    slope = autodiff.gradient(lambda x: np.sum(np.abs(by_halves(x.astype(complex))) ** 2))
    x = X[:16]
    np.testing.assert_allclose(slope(x), 2 * len(x) * x, rtol=1e-12)
