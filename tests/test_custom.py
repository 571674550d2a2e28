"""Derivatives given by hand, and values through which none flows."""

import contextlib
import functools
import inspect
import re
import warnings

import numpy as np
import pytest

import autodiff
from autodiff.errors import ArgumentError, ShapeError

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
X = np.array([0.3, 0.5, 0.9])


@autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 3 * x**2)
def cube(x):
    return x * x * x


@autodiff.custom_gradient(jvp=lambda tangents, y, a, b: tangents[0] * b + tangents[1] * a)
def product(a, b):
    return a * b


@autodiff.custom_gradient(vjp=lambda ct, y, x: 10.0 * ct)
def ten(x):
    return x**2


def test_a_custom_function_is_itself_outside_of_captured_code():
    assert cube(2.0) == 8.0
    assert cube.__name__ == "cube"


@ENGINES
def test_the_rule_replaces_the_derivative(engine):
    value, slope = autodiff.value_and_gradient(lambda x: np.sum(ten(x)), engine=engine)(X)
    assert np.isclose(value, np.sum(X**2))
    assert np.array_equal(slope, np.full(3, 10.0))


@ENGINES
def test_a_vjp_rule_serves_forward_mode_and_second_order(engine):
    def f(x):
        return np.sum(np.sin(cube(x)))

    slope = np.cos(X**3) * 3 * X**2
    _, tangent = autodiff.jvp(f, (X,), (np.ones(3),), engine=engine)
    assert np.isclose(tangent, slope.sum())
    second = -np.sin(X**3) * 9 * X**4 + np.cos(X**3) * 6 * X
    product_ = autodiff.hessian_vector(f, engine=engine)(X, _tensors=np.ones(3))
    assert np.allclose(product_, second)


@ENGINES
def test_a_jvp_rule_serves_reverse_mode(engine):
    def f(a, b):
        return np.sum(product(a, b) ** 2)

    slope_a, slope_b = autodiff.gradient(f, engine=engine)(X, X + 1)
    assert np.allclose(slope_a, 2 * X * (X + 1) ** 2)
    assert np.allclose(slope_b, 2 * X**2 * (X + 1))


@ENGINES
def test_a_custom_function_in_a_rolled_loop(engine):
    def f(x):
        total = 0.0
        for i in range(10):
            total = total + cube(x[i % 3]) * i
        return total

    assert autodiff.check_gradient(f, X, engine=engine).agrees


@ENGINES
def test_stop_gradient_is_a_constant_to_the_derivative(engine):
    f = autodiff.gradient(lambda x: x * autodiff.stop_gradient(x), engine=engine)
    assert f(3.0) == 3.0
    nested = autodiff.gradient(
        lambda x: autodiff.stop_gradient([x, {"a": x}])[1]["a"] * x, engine=engine
    )
    assert nested(3.0) == 3.0
    assert autodiff.stop_gradient(3.0) == 3.0


def test_exactly_one_rule_is_needed():
    with pytest.raises(ValueError) as caught:
        autodiff.custom_gradient(cube)
    assert str(caught.value) == (
        "AD109: custom_gradient needs exactly one rule, vjp or jvp.\n"
        "  Remedy: pass vjp=..., a function (ct, y, *args) -> cotangents"
    )


# -- what a rule gives must fit -------------------------------------------------------------------
VECTOR, MATRIX = np.arange(1.0, 4.0), np.arange(6.0).reshape(2, 3)

# The argument, and a vjp rule whose cotangent has another shape.
UNFIT = {
    "shorter": (VECTOR, lambda ct, y, x: (2 * x * ct)[:2], (2,)),
    "longer": (VECTOR, lambda ct, y, x: np.arange(7.0), (7,)),
    "captured": (VECTOR, lambda ct, y, x: np.ones(10) + 0.0, (10,)),
    "one_element": (VECTOR, lambda ct, y, x: np.ones(1), (1,)),
    "one_number": (VECTOR, lambda ct, y, x: np.sum(2 * x * ct), ()),
    "python_number": (VECTOR, lambda ct, y, x: 2.0, ()),
    "an_axis_more": (VECTOR, lambda ct, y, x: (2 * x * ct)[:, np.newaxis], (3, 1)),
    "a_matrix": (VECTOR, lambda ct, y, x: np.outer(ct, x), (3, 3)),
    "transposed": (MATRIX, lambda ct, y, x: (2 * x * ct).T, (3, 2)),
    "flattened": (MATRIX, lambda ct, y, x: (2 * x * ct).reshape(-1), (6,)),
    "a_row": (MATRIX, lambda ct, y, x: (2 * x * ct)[0], (3,)),
    "vector_for_number": (2.0, lambda ct, y, x: np.ones(3) * ct, (3,)),
    "large": (np.ones(100_000), lambda ct, y, x: np.cumsum(x[:2]), (2,)),
}


def _unfit(shape, of):
    return (
        rf"AD202: the (vjp|jvp) rule '<lambda>' \(line \d+\) of 'square' gives a (co)?tangent of shape "
        rf"{re.escape(str(shape))} for {of[0]}, which has shape {re.escape(str(of[1]))}\.\n"
    )


def _looped(square):
    def f(x):
        total = 0.0
        for k in range(4):
            total = total + np.sum(square(x)) * k
        return total

    return f


def _branched(square):
    return lambda x: np.sum(square(x)) if np.sum(x) > 0.0 else np.sum(x)


def _repeated(square):
    def f(x):
        total = 0.0
        while total < 10.0:
            total = total + np.sum(square(x)) + 1.0
        return total

    return f


@ENGINES
@pytest.mark.parametrize(
    "surrounding", [lambda s: lambda x: np.sum(s(x)), _looped, _branched, _repeated],
    ids=["plain", "loop", "branch", "while"],
)  # fmt: skip
@pytest.mark.parametrize("name", UNFIT)
def test_a_cotangent_of_another_shape_is_refused(name, surrounding, engine):
    x, rule, shape = UNFIT[name]

    def square(v):
        return v * v

    f = surrounding(autodiff.custom_gradient(square, vjp=rule))
    with pytest.raises(ShapeError, match=_unfit(shape, ("argument v", np.shape(x)))):
        autodiff.gradient(f, engine=engine)(x)


@ENGINES
@pytest.mark.parametrize("rule", [lambda t, y, x: np.arange(7.0), lambda t, y, x: np.sum(t)])
def test_a_tangent_of_another_shape_is_refused(rule, engine):
    def square(v):
        return v * v

    custom = autodiff.custom_gradient(square, jvp=rule)
    shape = rule(VECTOR, VECTOR, VECTOR).shape
    with pytest.raises(ShapeError, match=_unfit(shape, ("the result", (3,)))):
        autodiff.jvp(lambda v: custom(v), (VECTOR,), (VECTOR,), engine=engine)
    with pytest.raises(ShapeError, match=_unfit(shape, ("the result", (3,)))):
        autodiff.gradient(lambda v: np.sum(custom(v)), engine=engine)(VECTOR)


@ENGINES
def test_the_whole_text_of_a_cotangent_that_does_not_fit(engine):
    def pull(ct, y, A, b):
        return np.outer(b, ct), A.T @ ct  # the first should be outer(ct, b)

    def dot(A, b):
        return A @ b

    product = autodiff.custom_gradient(dot, vjp=pull)

    def loss(A, b):
        return np.sum(product(A, b))

    with pytest.raises(ShapeError) as caught:
        autodiff.gradient(loss, wrt="A", engine=engine)(MATRIX, VECTOR)
    line = inspect.getsourcelines(loss)[1] + 1
    assert str(caught.value) == (
        "AD202: the vjp rule 'pull' of 'dot' gives a cotangent of shape (3, 2) for argument A, which "
        "has shape (2, 3).\n"
        f"  {__file__}, line {line}, in loss\n"
        "    return np.sum(product(A, b))\n"
        "                  ^^^^^^^^^^^^^\n"
        "  Remedy: return a cotangent of the same shape, or None for zero"
    )


@ENGINES
def test_a_rule_that_fits_one_length_is_refused_for_another(engine):
    square = autodiff.custom_gradient(lambda v: v * v, vjp=lambda ct, y, x: np.arange(2.0))
    slope = autodiff.gradient(lambda x: np.sum(square(x)), engine=engine)
    np.testing.assert_array_equal(slope(np.ones(2)), [0.0, 1.0])
    for n in (3, 4, 1000):
        with pytest.raises(ShapeError, match=r"of shape \(2,\) for argument v"):
            slope(np.ones(n))
    np.testing.assert_array_equal(slope(np.ones(2)), [0.0, 1.0])


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")  # of masked arrays
@pytest.mark.parametrize(
    ("given", "text"),
    [
        (lambda ct, y, x: (ct, ct), "gives 2 cotangents where 1 is needed"),
        (lambda ct, y, x: [1.0, 2.0, 3.0], "gives 3 cotangents where 1 is needed"),
        (lambda ct, y, x: "text", "gives a str as the cotangent of argument v"),
        (lambda ct, y, x: [[1.0, 2.0, 3.0]], "gives a list as the cotangent of argument v"),
        (lambda ct, y, x: (v for v in x), "gives a generator as the cotangent of argument v"),
        (
            lambda ct, y, x: 2j * x,
            "a cotangent of dtype complex128 for argument v, which has float64",
        ),
        (
            lambda ct, y, x: np.ma.array(np.ones(3), mask=[0, 1, 0]),
            "gives a MaskedArray as the cot",
        ),
    ],
)
def test_a_rule_that_gives_no_cotangents_is_refused(given, text, engine):
    square = autodiff.custom_gradient(lambda v: v * v, vjp=given)
    with pytest.raises(ShapeError, match=text):
        autodiff.gradient(lambda x: np.sum(square(x)), engine=engine)(VECTOR)


@ENGINES
def test_none_is_zero_and_dtypes_are_cast(engine):
    def slope(rule, x):
        square = autodiff.custom_gradient(lambda v: v * v, vjp=rule)
        return autodiff.gradient(lambda x: np.sum(square(x)), engine=engine)(x)

    product = autodiff.custom_gradient(lambda a, b: a * b, vjp=lambda ct, y, a, b: (None, ct * a))
    by_both = autodiff.gradient(lambda a, b: np.sum(product(a, b)), engine=engine)
    for found, expected in zip(by_both(VECTOR, 2 * VECTOR), (np.zeros(3), VECTOR), strict=True):
        np.testing.assert_array_equal(found, expected)
    narrow = slope(lambda ct, y, x: (2 * x * ct).astype(np.float32), VECTOR)
    assert narrow.dtype == np.float64
    np.testing.assert_array_equal(narrow, 2 * VECTOR)
    np.testing.assert_array_equal(slope(lambda ct, y, x: np.arange(3), VECTOR), [0.0, 1.0, 2.0])
    for dtype in (np.float16, np.uint64):
        found = slope(lambda ct, y, x, dtype=dtype: np.arange(3, dtype=dtype), VECTOR)
        np.testing.assert_array_equal(found, [0.0, 1.0, 2.0])


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("dtype", [np.longdouble, ">f8"])
def test_foreign_dtypes_that_a_rule_makes_are_cast(dtype, engine):
    square = autodiff.custom_gradient(
        lambda v: v * v, vjp=lambda ct, y, x: np.arange(3, dtype=dtype)
    )
    found = autodiff.gradient(lambda x: np.sum(square(x)), engine=engine)(VECTOR)
    np.testing.assert_array_equal(found, [0.0, 1.0, 2.0])


FOREIGN = {
    "arange": lambda x, d: np.arange(x.shape[0], dtype=d),
    "linspace": lambda x, d: np.linspace(x[0], x[2], 3, dtype=d),
    "zeros": lambda x, d: np.zeros(x.shape[0], d),
    "ones": lambda x, d: np.ones(x.shape, d),
    "full": lambda x, d: np.full(3, x[1], d),
    "eye of a known size": lambda x, d: np.eye(3, dtype=d),
    "tri": lambda x, d: np.tri(x.shape[0], dtype=d),
    "array": lambda x, d: np.array([x[0], x[1]], dtype=d),
    "asarray": lambda x, d: np.asarray(x, dtype=d),
    "astype": lambda x, d: x.astype(d),
    "concatenate": lambda x, d: np.concatenate([x, x], dtype=d, casting="unsafe"),
    "product": lambda x, d: np.identity(3, dtype=d) @ x,
    "name": lambda x, d: str(x.astype(d).dtype),
}
FOREIGN_SAMPLE = ("arange", "tri", "astype", "name")


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("dtype", [np.longdouble, ">f8", ">i4"])
@pytest.mark.parametrize(
    "name",
    [n if n in FOREIGN_SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in FOREIGN],
)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_results_of_foreign_dtypes_are_numpys(name, dtype, engine):
    f = functools.partial(FOREIGN[name], d=dtype)
    expected, found = f(VECTOR), autodiff.function(f, engine=engine)(VECTOR)
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)
    if not isinstance(expected, str):
        assert found.dtype == expected.dtype


def test_the_value_of_a_function_with_an_unfit_rule_is_plain():
    square = autodiff.custom_gradient(lambda v: v * v, vjp=lambda ct, y, x: ct[:2])
    f = autodiff.function(lambda x: np.sum(square(x)), on_fallback="error")
    assert f(VECTOR) == 14.0


# -- whose errors those of rules are -----------------------------------------------------------------
def _of_wrong_shape(v, y, x):
    return np.sum(v) * np.ones(2)


def _raising(v, y, x):
    raise ValueError("not implemented")


def _misspelt(v, y, x):
    return v * undefined_name  # noqa: F821


def _of_wrong_arity(v, y):
    return v


def _lacking_a_key(v, y, x):
    return {"a": v}["b"]


def _reshaped(v, y, x):
    return v.reshape(7)


RULES = [  # what is wrong with them, and what the caller of the derivative gets
    (_of_wrong_shape, ShapeError, "AD202.*of shape "),
    (_raising, ValueError, "^not implemented$"),
    (_misspelt, NameError, "^name 'undefined_name' is not defined$"),
    (_of_wrong_arity, TypeError, r"^_of_wrong_arity\(\) takes 2 positional arguments but 3 were g"),
    (_lacking_a_key, KeyError, "^'b'$"),
    (_reshaped, ValueError, r"^cannot reshape array of size 3 into shape \(7,\)$"),
]


def _handled(f):
    def inside(x):
        try:
            return np.sum(f(x))
        except Exception:
            return 0.0 * np.sum(x)

    def suppressed(x):
        total = 0.0 * np.sum(x)
        with contextlib.suppress(Exception):
            total = np.sum(f(x))
        return total

    def in_a_loop(x):
        total = 0.0
        for _ in range(4):
            try:
                total = total + np.sum(f(x))
            except (ValueError, NameError, TypeError, KeyError):
                continue
        return total

    def until_it_is_large(x):
        total = 0.0 * np.sum(x)
        while total < 20.0:
            try:
                total = total + np.sum(f(x))
            except Exception:
                total = total + 1.0
        return total

    def returned_at_the_end(x):
        total = 0.0 * np.sum(x)
        try:
            total = np.sum(f(x))
        finally:
            return total  # noqa: B012

    def in_a_branch(x):
        try:
            if x[0] > 0:
                return np.sum(f(x))
            return np.sum(x)
        except Exception:
            return 0.0 * np.sum(x)

    return inside, suppressed, in_a_loop, until_it_is_large, returned_at_the_end, in_a_branch


@ENGINES
@pytest.mark.parametrize("mode", ["vjp", "jvp"])
@pytest.mark.parametrize(("rule", "kind", "text"), RULES, ids=[r[0].__name__ for r in RULES])
def test_what_a_rule_raises_is_for_the_caller_of_the_derivative(rule, kind, text, mode, engine):
    square = autodiff.custom_gradient(lambda v: v * v, **{mode: rule})
    for f in _handled(square):
        assert autodiff.function(f, engine=engine, on_fallback="error")(VECTOR) == f(VECTOR)
        for derivative in (autodiff.gradient, autodiff.value_and_gradient):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", autodiff.FallbackWarning)
                with pytest.raises(kind, match=text) as caught:
                    derivative(f, engine=engine)(VECTOR)
            assert not isinstance(caught.value, autodiff.errors.InternalError)


@ENGINES
@pytest.mark.parametrize(("rule", "kind", "text"), RULES, ids=[r[0].__name__ for r in RULES])
def test_a_handler_around_a_derivative_sees_what_its_rule_raises(rule, kind, text, engine):
    square = autodiff.custom_gradient(lambda v: v * v, vjp=rule)

    def f(x):
        try:
            return np.sum(autodiff.gradient(lambda v: np.sum(square(v)))(x))
        except Exception as error:
            return np.sum(x) * len(type(error).__name__)

    assert autodiff.function(f, engine=engine)(VECTOR) == f(VECTOR) == 6.0 * len(kind.__name__)
    slope = autodiff.gradient(f, engine=engine)(VECTOR)
    np.testing.assert_array_equal(slope, np.full(3, float(len(kind.__name__))))


@ENGINES
def test_what_a_residual_raises_is_for_the_caller_of_the_derivative(engine):
    def failing(root, p):
        raise ValueError("no residual")

    for residual, kind in ((failing, ValueError), (lambda root, p: p, ShapeError)):
        root = autodiff.implicit(lambda p: np.sum(p), residual)

        def f(x, root=root):
            try:
                return root(x)
            except Exception:
                return 0.0 * np.sum(x)

        assert autodiff.function(f, engine=engine, on_fallback="error")(VECTOR) == 6.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            with pytest.raises(kind):
                autodiff.gradient(f, wrt="x", engine=engine)(VECTOR)


# -- where Python itself calls ----------------------------------------------------------------------
SOURCELESS = {
    "a lambda": "c = autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 10.0)(lambda x: x * 2.0)",
    "a definition": """
def rule(ct, y, x): return ct * 10.0
@autodiff.custom_gradient(vjp=rule)
def c(x): return x * 2.0
""",
    "a forward rule": """
@autodiff.custom_gradient(jvp=lambda dx, y, x: dx * 10.0)
def c(x): return x * 2.0
""",
    "called by another function": """
@autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 10.0)
def inner(x): return x * 2.0
def c(x): return inner(x)
""",
    "called by a library": """
inner = autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 10.0)(lambda x: x * 2.0)
def c(x): return np.apply_along_axis(inner, 0, x)
""",
}


@ENGINES
@pytest.mark.parametrize("text", SOURCELESS.values(), ids=SOURCELESS)
def test_a_rule_holds_in_functions_without_source(text, engine):
    space = {"np": np, "autodiff": autodiff}
    exec(text + "\ndef loss(x): return np.sum(c(x))\ndef both(x): return np.sum(x * c(x))", space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        assert autodiff.function(space["loss"], engine=engine)(X) == np.sum(X * 2.0)
        np.testing.assert_array_equal(
            autodiff.gradient(space["loss"], engine=engine)(X), [10.0] * 3
        )
        np.testing.assert_allclose(autodiff.gradient(space["both"], engine=engine)(X), 12.0 * X)


@ENGINES
@pytest.mark.parametrize("transformed", ["gradient", "function", "value_and_gradient", "hessian"])
def test_a_transformation_within_a_function_without_source(transformed, engine):
    space = {"np": np, "autodiff": autodiff}
    text = f"""
g = autodiff.{transformed}(lambda x: np.sum(x**3))
def loss(x): return sum(np.sum(part) for part in np.atleast_1d(g(x)[-1] if type(g(x)) is tuple else g(x)))
"""
    exec(text.replace("type(g(x)) is tuple", "isinstance(g(x), tuple)"), space)
    expected = {"function": 3 * X**2}.get(transformed, 6 * X)
    if transformed == "hessian":
        expected = np.full(3, 6.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        found = autodiff.gradient(space["loss"], engine=engine)(X)
    np.testing.assert_allclose(found, expected)


@ENGINES
def test_a_rule_holds_where_a_library_calls_the_function(engine):
    def along(x):
        return np.sum(np.apply_along_axis(ten, 0, x))

    def mapped(x):
        return sum(map(ten, x))

    for f in (along, mapped):
        np.testing.assert_array_equal(autodiff.gradient(f, engine=engine)(X), [10.0] * 3)


# -- what a rule would lose ---------------------------------------------------------------------------
@pytest.mark.parametrize("transform", [autodiff.gradient, autodiff.jacobian, autodiff.hessian])
def test_a_value_that_no_rule_knows_of_is_no_silent_zero(transform):
    def loss(x, w):
        scaled = autodiff.custom_gradient(vjp=lambda ct, y, v: ct * w)(lambda v: v * w)
        return np.sum(scaled(x))

    with pytest.raises(autodiff.DerivativeError, match=r"AD302.*no argument of it") as caught:
        transform(loss)(X, X)
    assert "scaled(x)" in str(caught.value)
    assert "Remedy: pass the value as an argument" in str(caught.value)
    found = autodiff.gradient(loss, wrt="x")(X, 2 * X)  # as w carries no derivative
    np.testing.assert_array_equal(found, 2 * X)


def test_a_value_stopped_on_purpose_is_no_loss():
    def loss(x, w):
        known = autodiff.stop_gradient(w)
        scaled = autodiff.custom_gradient(vjp=lambda ct, y, v: ct * known)(lambda v: v * known)
        return np.sum(scaled(x) + w)

    for found, expected in zip(autodiff.gradient(loss)(X, 2 * X), (2 * X, np.ones(3)), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("make", [list, tuple, lambda xs: dict(enumerate(xs))])
def test_a_container_of_arrays_is_refused_not_differentiated_without_the_rule(make):
    pair = autodiff.custom_gradient(vjp=lambda ct, y, xs: ct)(lambda xs: xs[0] * xs[1])

    def loss(x):
        return np.sum(pair(make([x, x])))

    assert autodiff.function(loss, on_fallback="error")(X) == np.sum(X * X)
    with pytest.raises(autodiff.UnsupportedError, match="of arrays given to a function with a cus"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            autodiff.gradient(loss)(X)


@ENGINES
def test_a_rule_without_a_result_is_told_so(engine):
    silent = autodiff.custom_gradient(vjp=lambda ct, y, x: None)(lambda x: x * 2.0)
    still = autodiff.custom_gradient(jvp=lambda dx, y, x: None)(lambda x: x * 2.0)
    for f, mode in ((silent, "vjp"), (still, "jvp")):
        with pytest.raises(ArgumentError, match="AD101: the .* gives None") as caught:
            autodiff.gradient(lambda x, f=f: np.sum(f(x)), wrt="x", engine=engine)(X)
        assert f"the {mode} rule" in str(caught.value)
        assert "Remedy: return the" in str(caught.value)


# -- what is one array stays one ----------------------------------------------------------------------
def _first_stored(y, x):
    y[0] = 5.0
    return np.sum(x * np.arange(3.0))


def _argument_stored(y, x):
    x[0] = 5.0
    return np.sum(y * np.arange(1.0, 4.0))


def _only_read(y, x):
    return np.sum(y * x)


@ENGINES
@pytest.mark.parametrize(
    "primal", [lambda v: v, lambda v: v[::-1], lambda v: v.reshape(3, 1)[:, 0]]
)
@pytest.mark.parametrize("use", [_first_stored, _argument_stored, _only_read])
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_a_function_may_give_its_argument(primal, use, engine):
    custom = autodiff.custom_gradient(primal, vjp=lambda ct, y, x: 2.0 * ct)

    def f(x):
        return use(custom(x), x)

    assert autodiff.function(f, engine=engine)(X.copy()) == f(X.copy())
    if use is _only_read:
        found = autodiff.gradient(f, engine=engine)(X)
        np.testing.assert_allclose(found, primal(X) + 2.0 * X)
    else:
        with pytest.raises(autodiff.UnsupportedError):
            autodiff.gradient(f, engine=engine)(X)


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_a_function_that_changes_its_argument_runs_plainly(engine):
    def change(v):
        v[0] = 7.0
        return v * v

    custom = autodiff.custom_gradient(change, vjp=lambda ct, y, x: 2.0 * x * ct)

    def f(x):
        return np.sum(custom(x)) + np.sum(x)

    given, expected = X.copy(), X.copy()
    assert autodiff.function(f, engine=engine)(given) == f(expected)
    np.testing.assert_array_equal(given, expected)
    with pytest.raises(autodiff.UnsupportedError, match="changes its argument"):
        autodiff.gradient(f, engine=engine)(X.copy())


@ENGINES
@pytest.mark.parametrize(
    "rule", [{"vjp": lambda ct, y, x: 2.0 * ct}, {"jvp": lambda t, y, x: 2.0 * t}]
)
def test_the_rule_of_an_identity_is_for_its_own_uses(rule, engine):
    same = autodiff.custom_gradient(lambda v: v, **rule)

    def f(x):
        return np.sum(same(x) * x)

    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(X), 3.0 * X)
    np.testing.assert_allclose(autodiff.hessian(f, engine=engine)(X), 3.0 * np.eye(3))
    _, tangent = autodiff.jvp(f, (X,), (np.ones(3),), engine=engine)
    np.testing.assert_allclose(tangent, 3.0 * np.sum(X))
    assert autodiff.gradient(lambda s: same(s) * s, engine=engine)(2.0) == 6.0


@ENGINES
@pytest.mark.parametrize("mode", ["vjp", "jvp"])
def test_a_rule_whose_result_has_a_size_that_depends_on_values_is_named(mode, engine):
    def some(v, y, x):
        return v[x > 1.5]

    square = autodiff.custom_gradient(lambda v: v * v, **{mode: some})

    def f(x):
        try:
            return np.sum(square(x))
        except Exception:
            return 0.0 * np.sum(x)

    assert autodiff.function(f, engine=engine)(VECTOR) == 14.0
    what = {"vjp": "cotangent", "jvp": "tangent"}[mode]
    place = {"vjp": "argument v", "jvp": "the result"}[mode]
    text = (
        rf"AD304: f cannot be differentiated: the {mode} rule 'some' of '<lambda>' \(line \d+\) gives a {what} "
        rf"of a size that depends on values for {place}, which has shape \(3,\)\.\n.*line \d+, in f"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        with pytest.raises(autodiff.UnsupportedError, match=text):
            autodiff.gradient(f, engine=engine)(VECTOR)
