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


def loop_depth(text: str) -> int:
    """How deep the loops of a kernel are nested."""
    kernel = text[text.index("define i32 @kernel") :]
    kernel = kernel[: kernel.index("\n}")]
    blocks: dict[str, set[str]] = {}
    looks: set[str] = set()
    name = "entry"
    for line in kernel.split("\n"):
        label = re.match(r"^([\w.]+):", line)
        if label:
            name = label[1]
        blocks.setdefault(name, set()).update(re.findall(r"label %([\w.]+)", line))
        if "@autodiff.poll" in line:
            looks.add(name)
    return _depth(blocks, looks)


def _depth(blocks: dict[str, set[str]], looks: set[str]) -> int:
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
        within = _depth(inner, looks)
        stretches = bool(within) and not looks.isdisjoint(cycle)
        deepest = max(deepest, within + (not stretches))
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


FUNCTIONS = [
    three_ways, five_ways, storing, into_the_argument, into_two_arrays, sometimes_storing, neighbours,
    leaving_early,
]  # fmt: skip


@pytest.mark.parametrize("transformation", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_no_step_goes_through_a_whole_array(f, transformation):
    assert loop_depth(transformation(f).llvm(X)) == 1


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_no_array_is_kept_at_each_iteration(f):
    program = autodiff.gradient(f).ir(X)
    shapes = [v.shape for op in program.block.operations for v in op.results]
    assert all(len(shape) <= 1 for shape in shapes), shapes


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
