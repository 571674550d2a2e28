"""The README of PyAutoDiff (2013) as tests: its code, retyped for today's Python, and its caveats, each gone.

The code stands in the order of that README, with the values it prints as assertions.  What it said cannot
be done, or is done differently from NumPy, is under "caveats".
"""

import itertools

import numpy as np
import pytest

from autodiff import (
    Function,
    Gradient,
    HessianVector,
    Symbolic,
    constant,
    function,
    gradient,
    hessian_vector,
    tag,
)
from autodiff.optimize import fmin_cg, fmin_l_bfgs_b, fmin_ncg

pytestmark = pytest.mark.filterwarnings("error")


# -- decorators --------------------------------------------------------------------------------------
def test_decorators():
    # -- compile a function

    @function
    def f(x):
        return x**2

    assert f(5.0) == 25.0

    # -- compile a function returning the gradient

    @gradient
    def f(x):
        return x**2

    assert f(5.0) == 10.0

    # -- compile a function returning the gradient only with respect to a specific input

    @gradient(wrt="y")
    def f(x, y):
        return x * y

    assert f(3.0, 5.0) == 3.0
    assert f(x=3.0, y=5.0) == 3.0

    # -- the Hessian times a vector

    @hessian_vector
    def f(x):
        return np.sum(x**3)

    assert np.allclose(f(np.array([1.0, 2.0]), _tensors=np.array([1.0, 1.0])), [6.0, 12.0])


# -- optimisation --------------------------------------------------------------------------------------
@pytest.mark.parametrize("fmin", [fmin_l_bfgs_b, fmin_cg, fmin_ncg])
def test_a_trivial_least_squares_problem(fmin):
    def fn(x):
        y = np.arange(3.0)
        return ((x - y) ** 2).mean()

    x_opt = fmin(fn, init_args=np.zeros(3))

    assert np.allclose(x_opt, [0.0, 1.0, 2.0], atol=1e-5)


@pytest.mark.parametrize("fmin", [fmin_l_bfgs_b, fmin_cg, fmin_ncg])
def test_init_args_may_be_a_scalar_or_a_tuple(fmin):
    assert np.isclose(fmin(lambda x: (x - 3.0) ** 2, init_args=0.0), 3.0, atol=1e-5)
    a, b = fmin(
        lambda a, b: np.sum((a - 1.0) ** 2) + (b + 2.0) ** 2, init_args=(np.zeros((2, 2)), 0.0)
    )
    assert np.allclose(a, np.ones((2, 2)), atol=1e-5) and np.isclose(b, -2.0, atol=1e-5)


# -- classes ---------------------------------------------------------------------------------------------
def test_classes():
    def fn(x):
        return x**2

    f = Function(fn)  # compile the function
    g = Gradient(fn)  # compile the gradient of the function

    assert f(5.0) == 25.0
    assert g(5.0) == 10.0
    assert HessianVector(fn)(5.0, _tensors=1.0) == 2.0


def test_wrt_names_objects():
    a, b = np.array(3.0), np.array(5.0)
    fn = lambda x, y: x * y
    assert np.allclose(Gradient(fn, wrt=[a, b])(a, b), [b, a])
    assert np.allclose(Gradient(fn, wrt=a)(a, b), b)
    assert np.allclose(Gradient(fn, wrt=b)(a, b), a)


# -- general symbolic tracing ------------------------------------------------------------------------------
def test_symbolic_tracing_of_arguments():
    def f1(x):
        return x + 2

    def f2(x, y):
        return x * y

    def f3(x):
        return x**2

    x = np.random.default_rng(0).random(10)
    y = np.random.default_rng(1).random(10)

    # -- create and use a general symbolic tracer
    tracer = Symbolic()
    o1 = tracer.trace(f1, x)
    o2 = tracer.trace(f2, o1, y)
    o3 = tracer.trace(f3, o2)

    # -- compile a function of the operations that transformed x and y into o3
    new_fn = tracer.compile_function(inputs=[x, y], outputs=o3)

    # -- compile the gradient of the operations that transformed x and y into o3, with respect to y,
    #    using 'sum' to reduce the output to a scalar
    new_grad = tracer.compile_gradient(inputs=[x, y], outputs=o3, wrt=y, reduction=np.sum)

    assert np.allclose(new_fn(x, y), f3(f2(f1(x), y)))
    assert np.allclose(new_grad(x, y), 2 * (x + 2) ** 2 * y)


y = np.random.default_rng(2).random(10)


def test_symbolic_tracing_through_three_functions():
    # -- a vanilla function
    def f1(x):
        return x + 2

    # -- a function referencing a global variable
    def f2(x):
        return x * y

    # -- a function with a local variable
    def f3(x):
        z = tag(np.ones(10), "local_var")
        return (x + z) ** 2

    # -- create a general symbolic tracer and apply it to the three functions
    x = np.random.default_rng(3).random(10)
    tracer = Symbolic()

    out1 = tracer.trace(f1, x)
    out2 = tracer.trace(f2, out1)
    out3 = tracer.trace(f3, out2)

    # -- compile a function representing f(x, y, z) = out3
    new_fn = tracer.compile_function(inputs=[x, y, "local_var"], outputs=out3)

    # -- compile the gradient of f(x) = out3, with respect to y
    fn_grad = tracer.compile_gradient(inputs=x, outputs=out3, wrt=y, reduction=np.sum)

    assert np.allclose(new_fn(x, y, np.ones(10)), f3(f2(f1(x))))
    assert np.allclose(fn_grad(x), 2 * ((x + 2) * y + 1) * (x + 2))


# -- constants ---------------------------------------------------------------------------------------------
m = np.arange(12.0).reshape(3, 4)


def test_constants():
    @function
    def fn_1(x):
        return x.sum(axis=1)

    @function
    def fn_2(x):
        a = 1
        return x.sum(axis=a)

    @function
    def bad_fn(x, a):  # an error in PyAutoDiff
        return x.sum(axis=a)

    @function
    def good_fn(x, a):
        return x.sum(axis=constant(a))

    for fn in (fn_1, fn_2):
        assert np.array_equal(fn(m), m.sum(axis=1))
    for fn in (bad_fn, good_fn):
        assert np.array_equal(fn(m, 0), m.sum(axis=0))
        assert np.array_equal(fn(m, 1), m.sum(axis=1))
        assert np.array_equal(fn(m, 0), m.sum(axis=0))


# -- tagging -------------------------------------------------------------------------------------------------
def test_tagging():
    @function
    def local_fn(x):
        y = tag(x + 2, "y_var")
        z = y * 3
        return z

    assert local_fn(10.0) == 36.0  # call local_fn to trace and compile it
    y_sym = local_fn.s_vars["y_var"]  # access the symbolic version of the function's local variable
    assert y_sym.dtype == np.float64 and y_sym.shape == ()
    assert 'y = tag(x + 2, "y_var")' in repr(y_sym)


# -- caveats -------------------------------------------------------------------------------------------------
def test_no_dtype_is_locked():
    f = Function(lambda x: x * 2 + 1)
    for x in (
        1,
        1.0,
        np.float32(1),
        np.float64(1),
        np.arange(3),
        np.ones(3, np.float32),
        np.ones(3),
        2,
    ):
        expected = x * 2 + 1
        found = f(x)
        assert type(found) is type(expected) and np.array_equal(found, expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype


def test_the_gradient_of_an_integer_array_is_zero_and_of_a_python_int_that_of_the_float():
    with pytest.warns(UserWarning, match=r"derivative by n is zero.*n\.astype\(float\)"):
        by_n = Gradient(lambda x, n: np.sum(x * n), wrt="n")(m[0], np.arange(4))
    assert np.array_equal(by_n, np.zeros(4))
    assert Gradient(lambda x: x * x)(3) == 6.0


def test_indices_and_slices_together():
    x = np.arange(20.0).reshape(4, 5)

    @function
    def f(x):
        return x[[1, 2, 3], 2:]

    @gradient
    def g(x):
        return np.sum(x[[1, 2, 2], 2:] ** 2)

    expected = np.zeros((4, 5))
    for row in (1, 2, 2):
        expected[row, 2:] += 2 * x[row, 2:]
    assert np.array_equal(f(x), x[[1, 2, 3], 2:])
    assert np.allclose(g(x), expected)


def test_branches_are_not_locked():
    def fn(x, switch):
        if switch > 0:
            return x * 1
        else:
            return x * 0

    f, g = Function(fn), Gradient(fn, wrt="x")
    assert [f(1, 1), f(1, -1), f(1, 1)] == [1, 0, 1]
    assert [g(1.0, 1), g(1.0, -1), g(1.0, 2.5), g(1.0, -2.5)] == [1.0, 0.0, 1.0, 0.0]


def test_loops_are_not_locked():
    def loop_mult(x, N):
        y = 0
        for i in range(N):
            y += x
        return y

    f = Function(loop_mult)
    assert f(2, 4) == 8
    assert f(2, 5) == 10  # 8 in PyAutoDiff: the loop was locked in the compiled function
    g = Function(loop_mult, use_cache=False)
    assert g(2, 4) == 8
    assert g(2, 5) == 10
    assert Gradient(loop_mult, wrt="x")(2.0, 7) == 7.0


def test_iterators_try_and_lists():
    @gradient
    def f(x):
        parts = []
        for k, (a, b) in enumerate(itertools.pairwise(x)):
            parts.append(a * b * k)
        return sum(parts)

    assert np.allclose(f(np.array([1.0, 2.0, 3.0])), [0.0, 3.0, 2.0])


def test_globals_are_read_at_every_call():
    global y
    before = y

    @function
    def f(x):
        return x * y

    try:
        assert np.array_equal(f(2.0), 2.0 * y)
        y = np.ones(3)
        assert np.array_equal(f(2.0), 2.0 * y)
    finally:
        y = before


def test_in_place_stores():
    @gradient
    def f(x):
        z = np.zeros(3)
        z[1:] = x[:2] * 3
        z *= z
        return z.sum()

    assert np.allclose(f(np.array([1.0, 2.0, 3.0])), [18.0, 36.0, 0.0])


# -- its own tests of signatures, retyped ----------------------------------------------------------------------
def check(f, *args, **kwargs):
    return np.allclose(Function(f)(*args, **kwargs), f(*args, **kwargs))


def test_signatures():
    def none():
        return np.ones((3, 4)) + 2

    def one(x):
        return x

    def several(x, y):
        return x * y

    def varargs(x, y, *z):
        return x * y * sum(z)

    def defaults(x=1, y=2, *z):
        return x * y * sum(z)

    def keywords(**kwargs):
        return kwargs["x"] * kwargs["y"] * kwargs["z"]

    def both(a, *b, **kwargs):
        return kwargs["x"] * kwargs["y"] * kwargs["z"] * (b[0] if b else 1)

    assert check(none) and check(Function(none))
    for bad in ((), {"a": 2}):
        with pytest.raises(TypeError):
            Function(one)(**bad) if isinstance(bad, dict) else Function(one)(*bad)
    assert check(one, 2) and check(one, x=2)
    with pytest.raises(TypeError):
        Function(several)(2)
    with pytest.raises(TypeError):
        Function(several)(a=2, b=2)
    assert check(several, 2, 3) and check(several, y=4, x=5)
    f = Function(varargs)
    for extra in ((), (4,), (4, 5), (4, 5, 6), (4,), ()):
        assert f(2, 3, *extra) == varargs(2, 3, *extra)
    for args in ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)):
        assert check(defaults, *args)
    assert check(defaults, y=2, x=1) and check(defaults, x=5) and check(defaults, y=5)
    with pytest.raises(KeyError):
        Function(keywords)()
    with pytest.raises(TypeError):
        Function(keywords)(1)
    assert check(keywords, x=1, y=2, z=3)
    with pytest.raises(TypeError):
        Function(both)(x=1, y=2, z=3)
    with pytest.raises(KeyError):
        Function(both)(1)
    assert check(both, 1, x=1, y=2, z=3) and check(both, 1, 2, 3, x=1, y=2, z=3)


def test_nested_functions_and_methods():
    class Test:
        def f(self, x):
            return x + 100.0

        @classmethod
        def g(cls, x):
            return x + 100.0

        @staticmethod
        def h(x):
            return x + 100.0

    def g(x):
        def f(x, y):
            return x + y

        return f(y=x, x=x + 1) - x**2

    assert check(g, 10)
    assert check(lambda x: x[1] + 1, {1: 5.0})
    test = Test()
    for method in (test.f, test.g, test.h, Test.g, Test.h):
        assert Function(method)(2.0) == 102.0
        tracer = Symbolic()
        x = 1.0
        o = tracer.trace(method, x)
        assert tracer.compile_function(x, o)(2.0) == 102.0
