"""What changes inside of Python's own objects: iterators, deques, missing keys, lists that a library keeps.

A branch or loop on traced values is interpreted and undone; where such a change cannot be undone, the
call's own path is taken.  So each case is called with inputs that go other ways.
"""

import array
import collections
import copy
import functools
import itertools
import operator
import os
import warnings

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from scipy import stats

import autodiff
from autodiff.errors import DerivativeError, FallbackWarning
from tests.capture.support import ENGINES, same

over_engines = pytest.mark.parametrize("engine", ENGINES)


# -- iterators ---------------------------------------------------------------------------------------
def next_in_a_loop(x, k):
    it, total = iter([1.0, 2.0, 3.0, 4.0]), 0.0
    for _ in range(k):
        total += next(it) * x[0]
    return total


def cycle_in_a_loop(x, k):
    it, total = itertools.cycle([[x[0]], [x[1]]]), 0.0
    for _ in range(k):
        part = next(it)
        part[0] = part[0] * 2
        total += part[0]
    return total, next(it)


def next_in_a_branch(x, k):
    it, total = iter([x[0], x[1], 3.0]), 0.0
    if x[0] > 0:
        total += next(it)
    return total + next(it)


def method_in_a_branch(x, k):
    it, total = iter([1.0, 2.0, 3.0]), 0.0
    if x[0] > 0:
        total += it.__next__()
    return total + sum(it) * x[1]


def loop_in_a_branch(x, k):
    it, total = iter([1.0, 2.0, 3.0, 4.0]), 0.0
    if x[0] > 0:
        for v in it:
            total += v * x[0]
            if v > 1.5:
                break
    return total + next(it) * x[1]


def unpacked_in_a_branch(x, k):
    it, first = iter([1.0, 2.0, 3.0]), 0.0
    if x[0] > 0:
        first, *_ = it
    return first + sum(it) * x[1]


def searched_in_a_branch(x, k):
    it, found = iter([1.0, 2.0, 3.0]), 0.0
    if x[0] > 0:
        found += 2.0 in it
    return found + sum(it) * x[1]


def slices_in_a_loop(x, k):
    it, total = enumerate([1.0, 2.0, 3.0, 4.0]), 0.0
    for _ in range(k):
        total += sum([j * v for j, v in itertools.islice(it, 2)]) * x[1]
    return total


def of_an_object(x, k):
    class Source:
        def __init__(self):
            self.it = itertools.count(1)

        def draw(self):
            return next(self.it)

    source, total = Source(), 0.0
    for _ in range(k):
        total += source.draw() * x[0]
    return total


def expression_in_a_branch(x, k):
    made, total = (v * x[0] for v in [1.0, 2.0, 3.0]), 0.0
    if x[0] > 0:
        total += next(made)
    return total + sum(made)


def elements_of_an_array(x, k):
    it, total = iter(x), 0.0
    if x[0] > 0:
        total += next(it)
    return total + next(it)


def in_a_while(x, k):
    it, total = iter([-2.0, -1.5, 1.0, 2.0]), 0.0
    while total < 2:
        total += abs(next(it)) * abs(x[0])
    return total, list(it)


# -- changes of other containers ---------------------------------------------------------------------
def missing_key_in_a_loop(x, k):
    table = collections.defaultdict(list, a=[x[0]])
    for i in range(k):
        table["b"].append(x[0] * i)
    return dict(table)


def missing_key_in_a_branch(x, k):
    table = collections.defaultdict(float)
    if x[0] > 0:
        table["b"] += x[0]
    return dict(table)


def moved_key(x, k):
    table = collections.OrderedDict(a=x[0], b=x[1])
    if x[0] > 0:
        table.move_to_end("a")
    return list(table)


def set_and_counter(x, k):
    numbers, counter = {1, 2}, collections.Counter("aab")
    if x[0] > 0:
        numbers.difference_update({1})
        counter.subtract("a")
    return sorted(numbers), dict(counter)


def deque_in_place(x, k):
    queue = collections.deque([x[0]], 4)
    if x[0] > 0:
        queue += [x[1]]
    for i in range(k):
        queue.append(x[1] * i)
    return list(queue)


def array_in_place(x, k):
    numbers = array.array("d", [1.0, 2.0])
    if x[0] > 0:
        numbers += array.array("d", [3.0])
    return len(numbers) * x[1]


def by_functions(x, k):
    table, queue, items = {"a": x[0], "c": 1.0}, collections.deque([x[0]]), [x[0]]
    if x[0] > 0:
        operator.setitem(table, "b", x[1])
        operator.delitem(table, "c")
        queue = operator.iadd(queue, [x[1]])
        items = operator.iconcat(items, [2.0])
    return table, list(queue), items


def by_methods_of_the_class(x, k):
    table, items = {"a": x[0]}, [x[0]]
    if x[0] > 0:
        dict.__setitem__(table, "b", x[1])
        dict.update(table, c=x[0])
        list.append(items, x[1])
    for i in range(k):
        list.append(items, x[0] * i)
    return table, items


# -- lists that a library keeps or copies ------------------------------------------------------------
def kept_by_a_library(x, k):
    inner = [x[0] * 2]
    holders = [
        *(collections.deque([inner], 5), copy.copy([inner]), [*itertools.chain([inner])]),
        *(sorted([inner], key=len), dict.fromkeys([0], inner), collections.ChainMap({0: inner})),
        *([*itertools.islice([inner], 1)], [*itertools.repeat(inner, 2)]),
        *(next(itertools.product([inner], [1])), [functools.reduce(lambda a, b: a, [inner, 2])]),
        *([*itertools.accumulate([inner, 1], lambda a, b: a)], [max([inner], key=len)]),
        *(
            next(itertools.zip_longest([inner], [1, 2])),
            next(itertools.combinations([inner, 1], 2)),
        ),
    ]
    queue, table = collections.deque(), collections.defaultdict(list, {"a": inner}, b=inner)
    queue.append(inner)
    queue.appendleft(inner)
    queue.extend([inner])
    inner.append(x[1])
    inner[0] = 3.0
    for _ in range(k):
        inner.append(x[0])
    lengths = [len(holder[0]) for holder in (*holders, queue)]
    return lengths, len(queue[-1]), len(table["a"]), len(table["b"]), holders[0][0]


def deep_copies(x, k):
    inner = [x[0] * 2, x[1]]
    for _ in range(k):
        inner.append(x[0])
    whole = [inner, inner, {"u": inner, "v": x * 1.0}]
    copied = copy.deepcopy(whole)
    inner[0] = 7.0
    copied[2]["v"][0] = 4.0
    return copied, whole


CASES = [
    *(next_in_a_loop, cycle_in_a_loop, next_in_a_branch, method_in_a_branch, loop_in_a_branch),
    *(unpacked_in_a_branch, searched_in_a_branch, slices_in_a_loop, of_an_object),
    *(expression_in_a_branch, elements_of_an_array, in_a_while, missing_key_in_a_loop),
    *(missing_key_in_a_branch, moved_key, set_and_counter, deque_in_place, array_in_place),
    *(by_functions, by_methods_of_the_class, kept_by_a_library, deep_copies),
]


@over_engines
@pytest.mark.parametrize("function", CASES)
def test_it_happens_as_often_as_in_plain_python(function, engine) -> None:
    compiled = autodiff.function(function, engine=engine)
    for first in (1.0, -1.0):
        for k in (1, 0, 2, 1):
            x = np.array([first, 2.0])
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found, expected = compiled(x.copy(), k), function(x.copy(), k)
            same(as_floats(found), as_floats(expected))


def as_floats(found):
    """NumPy's numbers as Python's: a branch or loop that might not run decides between the two."""
    if isinstance(found, (list, tuple)):
        return [as_floats(item) for item in found]
    if isinstance(found, dict):
        return {key: as_floats(item) for key, item in found.items()}
    return float(found) if isinstance(found, (np.generic, int)) else found


# -- what a callback decides -------------------------------------------------------------------------
CALLING = {
    "a search on a grid": lambda a: scipy.optimize.brute(
        lambda x: 0.5 if x[0] < a else 0.25, ((0.0, 2.0),), Ns=5, finish=None
    ),
    "a population": lambda a: (
        scipy.optimize.differential_evolution(
            lambda x: 0.5 if x[0] < a else 0.25, [(0.0, 2.0)], maxiter=2
        ).fun
    ),
    "an objective": lambda a: scipy.optimize.minimize(
        lambda x: (x[0] - 1) ** 2 if x[0] < a else 5.0, [0.0], method="Powell"
    ).x[0],
}


@pytest.mark.parametrize("uncompiled", [False, True])
@pytest.mark.parametrize("name", CALLING)
def test_a_derivative_that_ends_in_a_decision_of_a_callback_is_refused(name, uncompiled):
    def f(a):
        if uncompiled:
            with open(os.devnull):
                pass
        return CALLING[name](a)

    gradient = autodiff.gradient(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        with pytest.raises(autodiff.DerivativeError, match="AD302: scipy.* by what the function"):
            gradient(0.7)


@pytest.mark.parametrize("uncompiled", [False, True])
@pytest.mark.parametrize("integral", [scipy.integrate.quad, scipy.integrate.dblquad])
def test_an_integrand_that_jumps_where_the_argument_decides_is_refused(integral, uncompiled):
    def f(a):
        if uncompiled:
            with open(os.devnull):
                pass
        limits = (0, 1, 0, 2) if integral is scipy.integrate.dblquad else (0, 2)
        return integral(lambda y, *x: float(y < a), *limits)[0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        with pytest.raises(autodiff.DerivativeError, match="AD305: scipy.* what is differentiated"):
            autodiff.gradient(f)(0.7)


def test_keywords_that_are_no_strings_are_pythons_error() -> None:
    def f(x, key):
        try:
            return dict(**{key: x})
        except TypeError as error:
            return str(error)

    for engine in ("numpy", "native"):
        compiled = autodiff.function(f, engine=engine)
        assert compiled(2.0, 1) == f(2.0, 1) == "keywords must be strings"
        assert compiled(2.0, "a") == {"a": 2.0}


# -- a part of the results has a derivative ----------------------------------------------------------
SAMPLE = np.random.default_rng(0).normal(size=20)


def _statistic(w):
    return stats.dunnett(w[:6], w[6:13], control=w[13:], rng=1).statistic[0]


def _probability(w):
    return stats.dunnett(w[:6], w[6:13], control=w[13:], rng=1).pvalue[0]


def test_a_statistic_has_a_derivative_where_its_p_value_has_none() -> None:
    """SciPy's C code for the p-value is not looked into; the statistic is Python."""
    with pytest.warns(FallbackWarning):
        slope = autodiff.gradient(_statistic)(SAMPLE)
    moved = SAMPLE + 1e-6 * np.eye(20)[3], SAMPLE - 1e-6 * np.eye(20)[3]
    expected = (_statistic(moved[0]) - _statistic(moved[1])) / 2e-6
    np.testing.assert_allclose(slope[3], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "take",
    [
        lambda f, w: autodiff.gradient(f)(w),
        lambda f, w: autodiff.jvp(f, (w,), (w,)),
        lambda f, w: autodiff.hessian_vector(f)(w, _tensors=w),
    ],
    ids=["reverse", "forward", "second"],
)
def test_what_was_not_looked_into_refuses_its_derivative(take) -> None:
    """The error names the user's line, however deep in the library the function is called."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        with pytest.raises(DerivativeError, match="no derivative") as caught:
            take(_probability, SAMPLE)
    assert "in _probability" in str(caught.value)
