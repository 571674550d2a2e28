"""Expressions and statements, one small function each: what Python gives, on both engines.

Every function is called at two or more inputs with one compiled object, and differentiated.
"""

import copy
import math
import operator as op
import re
import warnings
from collections import OrderedDict, deque, namedtuple
from typing import Any

import numpy as np
import numpy.linalg as la
import pytest
from numpy import exp as e
from numpy import pi

import autodiff
from tests.capture.support import ENGINES, agrees

V = np.array([0.5, 1.5, 2.5])
W = np.array([1.0, -0.5, 0.25])
M = np.arange(1.0, 7.0).reshape(2, 3)
Point = namedtuple("Point", "x y")

TABLE: list[tuple[Any, tuple[Any, ...]]] = []


def case(*arguments):
    """Enter a function with the arguments of its first call; the second call doubles floats."""

    def enter(f):
        TABLE.append((f, arguments))
        return f

    return enter


def doubled(x):
    return (
        x * 2 if isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind == "f") else x
    )


# -- expressions ------------------------------------------------------------------------------------
@case(V)
def operators(x):
    return (x + 1) * 2 - x / 3 + x**2 - (-x) + (+x) + x // 0.7 + x % 0.4 + divmod(x, 0.4)[1]


@case(2.5)
def scalar_operators(x):
    return (x + 1) * 2 - x / 3 + x**2 - (-x) + 7 // x + 7 % x + 2**x + abs(-x)


class Shifted:
    """Shifts by what depends on the values: a branch in each method."""

    def __init__(self, x):
        self.x = x

    def __lshift__(self, other):
        return self.x * other if other > 1 else self.x + other

    def __rrshift__(self, other):
        return self.x - other if other > 3 else self.x * other

    def __ilshift__(self, other):
        self.x = self.x * other if other > 1 else self.x
        return self


@case(0.75)
def shifts_of_a_class(x):
    v = Shifted(x)
    total = (v << x) + (x >> v)
    v <<= x
    return total + v.x


@case(M, V)
def matrix_product(m, x):
    return m @ x


@case(V)
def comparisons(x):
    return np.where((x > 1) & (x <= 2) | (x == 0.5) ^ (x != 2.5), x, ~(x < 2))


@case(V)
def module_aliases(x):
    return e(x) * la.norm(x) + pi * np.pi + math.pi


@case(1.5)
def mathematics(x):
    return (
        math.sin(x) + math.exp(x) + math.log(x) + math.sqrt(x) + math.hypot(x, 1.0) + math.atan2(x, 2)
        + math.log1p(x) + math.pow(x, 2) + math.fabs(-x) + math.tanh(x) + math.floor(x) + math.erf(x)
    )  # fmt: skip


@case(V)
def builtins_on_arrays(x):
    return sum(x) + min(x) + max(x) + len(x) + abs(x[0]) + pow(x[1], 3) + float(x[2])


@case(1.25)
def builtins_on_scalars(x):
    return max(x, 1.0) + min(x, 2, 3.0) + round(x) + int(x * 10) + abs(x) + float(x) + sum([x, x])


@case(V)
def slices(x):
    return x[1:] + x[:-1] + x[::2] + x[-2:] + x[None, 1:][0] + x[..., :2]


@case(M)
def matrix_slices(m):
    return m[1] + m[0, :] + m[:, 1].sum() + m[-1, ::-1] + m.T[0].sum() + m[[1, 0]][0]


@case(V)
def array_attributes(x):
    return (
        x.T * x.size
        + x.ndim
        + x.shape[0]
        + x.mean()
        + x.sum(axis=0, keepdims=True)
        + x.real
        + x.itemsize
    )


@case(V)
def array_displays(x):
    return np.array([x[0], 2.0, x[1] * x[2]]) + np.asarray([[x[0]], [1.0]]).sum()


@case(V, W)
def conditional_expression(x, w):
    return x if x[0] > 0.7 else w * x


@case(0.4)
def chained_comparison(x):
    return x * 2 if 0.0 < x < 0.5 <= 1 else x * x


@case(0.4)
def boolean_operators(x):
    return (x > 0.5 and x) or (not x < 0 and x * 3) or 1.0


@case(V)
def formatted(x):
    s = f"{x.shape} {len(x):>4} {'a'!r} {3.14159:.2f} {x.dtype}"
    return x * len(s)


@case(V)
def walrus(x):
    return (y := x * 2) + y * (z := 3.0) + z


@case(V)
def lambda_inside(x):
    scale = 2.0
    f = lambda v, k=3.0: v * scale * k  # noqa: E731
    return f(x) + f(x, 1.0)


@case(V)
def list_comprehension(x):
    return sum([v * v for v in x]) + sum([a * b for a in x for b in x if a is not b])


@case(V)
def other_comprehensions(x):
    table = {k: v * 2 for k, v in enumerate(x)}
    return table[0] + table[2] + sum(v for v in x) + len({k % 2 for k in range(5)})


@case(V)
def filtered_comprehension(x):
    return np.array([v * k for k, v in enumerate(x) if k != 1])


@case(V)
def starred_displays(x):
    a = [1.0, *x, 2.0]
    b = (*a, *a)
    c = {"p": x[0], **{"q": x[1]}}
    return sum(b) + c["p"] * c["q"]


@case(V)
def membership(x):
    return x * (2 in (1, 2)) + ("a" in {"a": 1}) + (3 not in [1, 2]) + (0.5 in [0.5])


@case(V)
def identity_tests(x):
    y = x
    z = x.copy()
    return x * (y is x) + x * (z is x) + (None is None) + (x is not None)


@case(V)
def operator_module(x):
    return op.add(x, op.mul(x, 2)) + op.itemgetter(1)(x) + op.neg(x)


@case(V)
def numpy_functions_as_values(x):
    total = 0.0
    for f in (np.sin, np.cos, np.exp):
        total = total + f(x)
    return total


# -- assignments --------------------------------------------------------------------------------------
@case(V)
def unpacking(x):
    a, (b, *c), d = x[0], [x[1], 2.0, 3.0], "word"
    first, *middle, last = x
    [p, q] = 1.0, x[2]
    return a + b + sum(c) + len(d) + first * last + sum(middle) + p * q


@case(V)
def chained_assignment(x):
    a = b = x * 2
    a[0] = 5.0
    return a + b


@case(V)
def augmented(x):
    y = x.copy()
    y += 1
    y *= x
    y -= 0.5
    y /= 2
    y **= 2
    y[1:] += 3
    y[0] *= x[1]
    s = 1.0
    s += x[0]
    s //= 0.3
    s %= 2
    return y + s


@case(V)
def annotated(x):
    y: np.ndarray = x * 2
    z: float
    z = 3.0
    return y * z


@case(V)
def swap(x):
    a, b = x[0], x[1]
    a, b = b, a * 2
    y = x.copy()
    y[0], y[1] = y[1], y[0]
    return y * a + b


@case(V)
def deletion(x):
    y = x * 2
    z = [x, y]
    del z[0], y
    return z[0]


@case(V)
def containers(x):
    d = {"a": x, 3: [x * 2]}
    d["b"] = d["a"] + d[3][0]
    d[3].append(x)
    d.update(c=x * 4)
    p = Point(x, d["b"])
    o = OrderedDict(first=p.x)
    values = [v for k, v in d.items() if k != 3]
    return p.y + len(d) + o["first"] + values[-1] + d.get("nothing", 0.5) + sum(d[3])


@case(V)
def string_methods(x):
    name = "_".join(["a", "b"]).upper()
    return x * len(name.split("_")) + name.count("A")


@case(V)
def with_errstate(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(x - 0.5)
    return np.where(np.isfinite(y), y, 0.0) + x


@case(V)
def imports_inside(x):
    import math as m

    from numpy import sin

    return sin(x) * m.e


@case(V)
def assertions(x):
    assert x.ndim == 1, "a vector"
    assert x[0] > 0
    return x * 2


@case(V)
def nested_functions(x):
    def outer(y):
        def inner(z):
            return z * y

        return inner(x) + inner(y)

    return outer(x) + outer(x * 2)


@case(V)
def nonlocal_counter(x):
    total = 0.0

    def add(v):
        nonlocal total
        total += v

    for v in x:
        add(v * v)
    return total


@case(V)
def class_inside(x):
    class Model:
        factor = 3.0

        def __init__(self, w):
            self.w = w

        def __call__(self, v):
            return v * self.w * self.factor

    return Model(x)(x)


@case(V, 0.5)
def match_statement(x, t):
    total = x * 0
    for item in (len(x), "word", (1, 2, 3), Point(t, 4.0), {"a": t, "b": 2}, x, t, None):
        match item:
            case np.ndarray(ndim=1):
                total = total * 2 + item
            case 3 | 4:
                total = total + 1
            case str() as word if len(word) > 3:
                total = total + 10
            case Point(a, y=b):
                total = total + a * b
            case (first, *rest):
                total = total + first * len(rest)
            case {"a": a, **others}:
                total = total + a * len(others)
            case float(v):
                total = total * v
            case None:
                total = total + 0.5
    return total


@case(V, 0.5)
def sequences_in_patterns(x, t):
    total = x * 0
    for item in (
        deque([t, 2]),
        range(2),
        "ab",
        b"ab",
        (t, t),
        x,
        bytearray(b"ab"),
        {1, 2},
    ):
        match item:
            case [a, b]:
                total = total * 2 + a * b + 1.0
            case [_]:
                total = total * 3 + 1.0
            case _:
                total = total + t
    return total


@case(V)
def early_return(x):
    for k in range(3):
        if k == 2:
            return x * k
    return x


@case(V)
def concrete_loops(x):
    total = x * 0
    names = ["a", "bb", "ccc"]
    for k, name in enumerate(names):
        for _ in range(len(name)):
            if name == "bb":
                continue
            total = total + x * k
    else:
        total = total + 1
    while len(names) > 1:
        names.pop()
        total = total * 2
    return total


@case(M)
def rows_and_zip(m):
    total = 0.0
    for row, weight in zip(m, (2.0, 3.0), strict=True):
        for v in reversed(row):
            total = total * 0.5 + v * weight
    return total


IDS = [f.__name__ for f, _ in TABLE]
PIECEWISE_CONSTANT = {"comparisons"}  # nothing to differentiate in part of the result


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("f", "arguments"), TABLE, ids=IDS)
def test_the_value_is_that_of_python(f, arguments, engine) -> None:
    agrees(f, arguments, tuple(doubled(x) for x in arguments), engine=engine)


@pytest.mark.parametrize(("f", "arguments"), TABLE, ids=IDS)
def test_the_gradient_is_that_of_differences(f, arguments) -> None:
    def loss(*args):
        return np.sum(np.sin(f(*args)))

    args = [x + 0.013 if isinstance(x, float) else np.asarray(x) + 0.013 for x in arguments]
    autodiff.check_gradient(loss, *args, engine="numpy")


def test_an_attribute_is_matched_once() -> None:
    class Pair:
        __match_args__ = ("a", "b")

        def __init__(self, a, b):
            self.a, self.b = a, b

    def f(x):
        match Pair(x, x):
            case Pair(1.0, a=2.0):
                return x
        return 2 * x

    with pytest.raises(TypeError, match=r"Pair\(\) got multiple sub-patterns for attribute 'a'"):
        autodiff.function(f, engine="numpy")(1.5)


# -- a few facts that are not values ----------------------------------------------------------------
def test_places_in_the_program_are_the_users() -> None:
    program = autodiff.function(scalar_operators, engine="numpy").ir(2.5)
    first = scalar_operators.__code__.co_firstlineno
    lines = {o.source.line - first for o in program.block.operations if o.source is not None}
    assert lines == {2}
    assert {o.source.file for o in program.block.operations if o.source} == {__file__}


def test_a_formatted_value_at_run_time_is_guarded() -> None:
    def f(x):
        return x * len(f"{x:.1f}")

    agrees(f, (2.0,), (10.0,), (100.0,), (2.0,))


def test_concrete_work_happens_once() -> None:
    """What does not depend on inputs is computed at capture and is in no program."""

    def f(x):
        weights = [math.exp(-k) for k in range(50)]
        return x * sum(weights) + len([k for k in range(100) if k % 7 == 0])

    program = autodiff.function(f, engine="numpy").ir(1.0)
    assert len(program.block.operations) <= 4


def test_numpys_errors_are_raised_where_the_user_asks_for_them() -> None:
    def f(x):
        with np.errstate(divide="raise"):
            return np.float64(1.0) / x

    compiled = autodiff.function(f, on_fallback="error")
    assert compiled(2.0) == 0.5
    with pytest.raises(FloatingPointError, match="divide by zero"):
        compiled(0.0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("convert", [float, int, bool, math.floor], ids=lambda f: f.__name__)
def test_an_array_becomes_a_number_where_numpy_says_so(convert, size, engine) -> None:
    x = np.full(size, 2.5)
    compiled = autodiff.function(lambda x: convert(x), engine=engine)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            expected = convert(x)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
            compiled(x)
    else:
        assert compiled(x) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_an_array_is_no_element(engine) -> None:
    def f(x, v):
        x[0] = v
        return x

    def g(x, v):
        x[0, ...] = v
        return x

    for v in (np.ones(1), np.ones((1, 1)), np.ones(2), np.ones(0)):
        for h in (f, g):
            outcomes = []
            for run in (h, autodiff.function(h, engine=engine)):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", DeprecationWarning)
                        outcomes.append(run(np.zeros(3), v).tolist())
                except ValueError as error:
                    outcomes.append(str(error).splitlines()[0].removeprefix("AD201: "))
            assert outcomes[0] == outcomes[1]


def test_members_copies_and_whole_numbers() -> None:
    def f(x):
        y = copy.copy(x)
        pair = copy.deepcopy([x, {"y": y}])
        pair[0][0] = 5.0
        y[1] = 6.0
        return 5.0 in pair[0], 5.0 in x, x, pair, y, float(x.sum()).is_integer()

    x = np.array([1.0, 2.0])
    result, expected = autodiff.function(f, on_fallback="error")(x), f(x)
    assert [type(r) for r in result] == [type(r) for r in expected]
    assert repr(result) == repr(expected)
