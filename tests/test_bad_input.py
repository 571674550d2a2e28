"""Bad input: the whole text of each error, with the user's line, the caret and the remedy."""

import linecache
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import AutodiffError

MODEL = """\
import numpy as np; import scipy.special as sp

def vector(x):
    y = np.sin(x)
    return 2 * y

def loss(w, x):
    return np.sum(w * x)

def listed(x):
    return [x.sum(), x.max()]

def text(x):
    return "nothing"

def forgotten(x):
    x * 2

def counted(x):
    return np.argmax(x)

def added(w, x):
    z = 1.0
    return np.sum(w + z * x)

def folded(x):
    return np.sum(x.reshape(2, 5))

def joined(x, y):
    return np.sum(np.concatenate([x, y]))

def transformed(x):
    return np.abs(sp.ellip_harm(5, 8, 1, 1, x)).sum()

def imaginary(x):
    z = x.astype(">c16")
    return np.sum(z.real)

def opaque(x):
    import struct
    return struct.unpack("d", struct.pack("d", x))[0]
"""


@pytest.fixture(scope="module")
def model() -> Any:
    """The functions as a module of their own, so that lines are what the texts say."""
    name = "model.py"
    linecache.cache[name] = (len(MODEL), None, MODEL.splitlines(True), name)
    namespace: dict[str, Any] = {"__name__": "model"}
    exec(compile(MODEL, name, "exec"), namespace)
    yield type("model", (), {k: staticmethod(v) for k, v in namespace.items() if callable(v)})
    del linecache.cache[name]


V = np.ones(3)
NOT_SCALAR = """\
AD104: {what} of vector: its result has shape (3,), not one number.
  model.py, line 5, in vector
    return 2 * y
           ^^^^^
  Remedy: reduce it, for example with np.sum, or use autodiff.jacobian"""

# (call, built-in class, text)
CASES: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    # -- results that have no gradient
    (lambda m: autodiff.gradient(m.vector)(V), TypeError, NOT_SCALAR.format(what="gradient")),
    (lambda m: autodiff.value_and_gradient(m.vector)(V), TypeError, NOT_SCALAR.format(what="value_and_gradient")),
    (lambda m: autodiff.hessian(m.vector)(V), TypeError, NOT_SCALAR.format(what="hessian")),
    (lambda m: autodiff.hessian_vector(m.vector)(V, _tensors=V), TypeError, NOT_SCALAR.format(what="hessian_vector")),
    (
        lambda m: autodiff.gradient(m.listed)(V),
        TypeError,
        "AD104: gradient of listed: its result is a container, not one number.\n"
        "  model.py, line 10, in listed\n"
        "    def listed(x):\n"
        "    ^^^^^^^^^^^^^^\n"
        "  Remedy: return one number; for other results use autodiff.jacobian",
    ),
    (
        lambda m: autodiff.gradient(m.text)(V),
        TypeError,
        "AD104: gradient of text: its result is str, not one number.\n"
        "  model.py, line 13, in text\n"
        "    def text(x):\n"
        "    ^^^^^^^^^^^^\n"
        "  Remedy: return one floating-point number",
    ),
    (
        lambda m: autodiff.gradient(m.forgotten)(V),
        TypeError,
        "AD104: gradient of forgotten: its result is None, not one number.\n"
        "  model.py, line 16, in forgotten\n"
        "    def forgotten(x):\n"
        "    ^^^^^^^^^^^^^^^^^\n"
        "  Remedy: end it with return and one floating-point number",
    ),
    (
        lambda m: autodiff.gradient(m.counted)(V),
        TypeError,
        "AD104: gradient of counted: its result has dtype int64, whose derivative is zero everywhere.\n"
        "  model.py, line 20, in counted\n"
        "    return np.argmax(x)\n"
        "           ^^^^^^^^^^^^\n"
        "  Remedy: return a floating-point number",
    ),
    (
        lambda m: autodiff.jacobian(m.counted)(V),
        TypeError,
        "AD106: jacobian of counted: every result must be a floating-point array that is computed from the "
        "arguments.\n  Remedy: return floating-point arrays only",
    ),
    # -- wrt
    (
        lambda m: autodiff.gradient(m.loss, wrt="z")(V, V),
        ValueError,
        "AD102: wrt='z' is not an argument of loss; its arguments are w, x.\n  Remedy: name one of them",
    ),
    (
        lambda m: autodiff.gradient(m.loss, wrt=("w", "z"))(V, V),
        ValueError,
        "AD102: wrt='z' is not an argument of loss; its arguments are w, x.\n  Remedy: name one of them",
    ),
    (
        lambda m: autodiff.gradient(m.loss, wrt=2)(V, V),
        ValueError,
        "AD102: wrt=2: loss has 2 arguments.\n  Remedy: name an argument, or give a position that exists",
    ),
    (
        lambda m: autodiff.gradient(m.loss, wrt=True)(V, V),
        ValueError,
        "AD102: wrt=True is not an argument of loss; its arguments are w, x.\n  Remedy: name one of them",
    ),
    (
        lambda m: autodiff.gradient(m.loss, wrt=1.5)(V, V),
        ValueError,
        "AD102: wrt=1.5 is neither the name nor the position of an argument.\n"
        "  Remedy: give a name, a position, a tag, an array that the function reads, or a tuple of them",
    ),
    (
        lambda m: autodiff.gradient(m.loss, wrt="w")("text", V),
        TypeError,
        "AD103: loss cannot be differentiated by an argument of type str.\n"
        "  Remedy: pass floats or float arrays",
    ),
    (
        lambda m: autodiff.gradient(lambda text, flag: len(text) / 2)("text", True),
        TypeError,
        "AD103: <lambda> has no argument to differentiate by in this call: none is a number, an array "
        "or a container with some (text is of type str, flag is of type bool).\n"
        "  Remedy: pass floats or float arrays, or name what is meant in wrt",
    ),
    # -- elements
    *[
        (
            lambda m, x=x: autodiff.gradient(m.vector)(x),
            TypeError,
            f"AD105: argument x has dtype {name}, which is not supported.\n"
            "  Remedy: pass floating-point, complex, integer or bool arrays",
        )
        for x, name in [
            (np.array([1.0, None], object), "object"),
            (np.array(["a", "b"]), "<U1"),
            (np.array(["2020-01-01"], "M8[D]"), "datetime64[D]"),
        ]
    ],
    (
        lambda m: autodiff.gradient(lambda weights: np.sum(weights["b"]))({"a": V, "b": V.astype(object)}),
        TypeError,
        "AD105: argument weights['b'] has dtype object, which is not supported.\n"
        "  Remedy: pass floating-point, complex, integer or bool arrays",
    ),
    (
        lambda m: autodiff.gradient(m.vector)(np.ma.array([1.0, 2.0], mask=[0, 1])),
        TypeError,
        "AD105: argument x is a MaskedArray, which is not supported.\n"
        "  Remedy: pass a plain array, np.asarray(...)",
    ),
    (
        lambda m: autodiff.gradient(m.imaginary)(V),
        TypeError,
        "AD105: elements of dtype >c16 are not supported\n"
        "  model.py, line 36, in imaginary\n"
        "    z = x.astype(\">c16\")\n"
        "        ^^^^^^^^^^^^^^^^\n"
        "  Remedy: use complex128",
    ),
    # -- shapes
    (
        lambda m: autodiff.function(m.added)(np.ones((2, 4)), np.ones((3, 2))),
        ValueError,
        "AD201: operands could not be broadcast together with shapes (2,4) (3,2) \n"
        "  model.py, line 24, in added\n"
        "    return np.sum(w + z * x)\n"
        "                  ^^^^^^^^^",
    ),
    (
        lambda m: autodiff.gradient(m.folded)(V),
        ValueError,
        "AD201: cannot reshape array of size 3 into shape (2,5)\n"
        "  model.py, line 27, in folded\n"
        "    return np.sum(x.reshape(2, 5))\n"
        "                  ^^^^^^^^^^^^^^^",
    ),
    (
        lambda m: autodiff.gradient(m.joined)(V, np.ones((2, 2))),
        ValueError,
        "AD201: all the input arrays must have same number of dimensions, but the array at index 0 has 1 "
        "dimension(s) and the array at index 1 has 2 dimension(s)\n"
        "  model.py, line 30, in joined\n"
        "    return np.sum(np.concatenate([x, y]))\n"
        "                  ^^^^^^^^^^^^^^^^^^^^^^",
    ),
    # -- the call
    (
        lambda m: autodiff.gradient(3.0),
        TypeError,
        "AD101: gradient needs a function, not float.\n"
        "  Remedy: pass the function itself, not the result of calling it",
    ),
    (
        lambda m: autodiff.gradient(None),
        TypeError,
        "AD101: gradient needs a function, not NoneType.\n"
        "  Remedy: pass the function itself, not the result of calling it",
    ),
    (
        lambda m: autodiff.value_and_gradient(m.loss(V, V)),
        TypeError,
        "AD101: value_and_gradient needs a function, not float64.\n"
        "  Remedy: pass the function itself, not the result of calling it",
    ),
    (
        lambda m: autodiff.gradient(m.loss, wr="w"),
        TypeError,
        "AD101: gradient has no option 'wr'.\n"
        "  Remedy: did you mean wrt? (its options are wrt, engine, device, threads, use_cache, on_fallback, solver_jacobians, holomorphic, checkpoint, memory)",
    ),
    (
        lambda m: autodiff.function(wrt="w"),
        TypeError,
        "AD101: function has no option 'wrt'.\n"
        "  Remedy: its options are engine, device, threads, use_cache, on_fallback, solver_jacobians",
    ),
    (
        lambda m: autodiff.gradient(m.loss, engine="cuda"),
        ValueError,
        "AD107: there is no engine 'cuda'.\n"
        '  Remedy: use engine="jax", with device="gpu" or another; the CPU\'s own is engine="native"',
    ),
    (
        lambda m: autodiff.gradient(m.loss, on_fallback="explode"),
        ValueError,
        "AD102: on_fallback='explode' is not known.\n  Remedy: use 'warn' or 'error'",
    ),
    (
        lambda m: autodiff.gradient(m.loss, threads=0),
        ValueError,
        "AD102: threads=0 is not a number of threads.\n  Remedy: pass 1 or more",
    ),
    (
        lambda m: autodiff.function(m.vector, engine="numpy").llvm(V),
        ValueError,
        "AD107: the numpy engine has no llvm text.\n  Remedy: use engine='native'",
    ),
    # -- vectors
    (
        lambda m: autodiff.hessian_vector(m.loss)(V, V),
        ValueError,
        "AD108: hessian_vector needs the vectors to multiply with.\n"
        "  Remedy: pass _tensors=v, with a tuple of vectors for several arguments",
    ),
    (
        lambda m: autodiff.hessian_vector(m.loss)(V, V, _tensors=V),
        ValueError,
        "AD108: hessian_vector: 2 arguments are differentiated, so 2 vectors are needed.\n"
        "  Remedy: pass a tuple with one vector per differentiated argument",
    ),
    (
        lambda m: autodiff.hessian_vector(m.loss, wrt="w")(V, V, _tensors=np.ones(4)),
        ValueError,
        "AD202: hessian_vector: a vector has shape (4,) where the argument has (3,).\n"
        "  Remedy: give vectors the shapes of the arguments",
    ),
    (
        lambda m: autodiff.hessian_vector(m.loss, wrt="w")(V, V, _tensors="abc"),
        ValueError,
        "AD108: hessian_vector: a vector is of type str, not an array of numbers.\n"
        "  Remedy: pass arrays or numbers with the shapes of the arguments",
    ),
    (
        lambda m: autodiff.jvp(m.loss, (V, V), (V, np.ones(2))),
        ValueError,
        "AD202: jvp: a vector has shape (2,) where the argument has (3,).\n"
        "  Remedy: give vectors the shapes of the arguments",
    ),
    (
        lambda m: autodiff.jvp(m.loss, (V, V), (V,)),
        ValueError,
        "AD108: jvp has 2 primals and 1 tangents.\n  Remedy: pass one tangent per primal",
    ),
    (
        lambda m: autodiff.vjp(m.vector, V)[1](np.ones(2)),
        ValueError,
        "AD202: vjp of vector: a cotangent does not have the shape of the result.\n"
        "  Remedy: give cotangents the shapes of the results",
    ),
    # -- no derivative
    (
        lambda m: autodiff.gradient(m.transformed, on_fallback="warn")(V),
        NotImplementedError,
        "AD302: scipy.special.ellip_harm has its value alone, and no derivative: no formula is known of the "
        "derivative of Lamé functions by these arguments.\n"
        "  model.py, line 33, in transformed\n"
        "    return np.abs(sp.ellip_harm(5, 8, 1, 1, x)).sum()\n"
        "                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  Remedy: give it one with autodiff.custom_gradient, or pass its argument through "
        "autodiff.stop_gradient if no derivative should flow",
    ),
    (
        lambda m: autodiff.function(m.opaque, on_fallback="error")(2.0),
        NotImplementedError,
        "AD304: opaque cannot be compiled: _struct.pack, which is not known to autodiff (model.py, line 41).\n"
        "  Remedy: rewrite that line, or allow uncompiled calls with on_fallback='warn'",
    ),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=lambda k: re.sub(r"\W+", "-", CASES[k][2].split("\n")[0])[:60]
)
def test_the_whole_text(number: int, model: Any) -> None:
    call, builtin, text = CASES[number]
    with pytest.raises(builtin) as caught:
        call(model)
    assert isinstance(caught.value, AutodiffError)
    assert str(caught.value) == text


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_shapes_that_fit_at_first_and_not_later(engine: str, model: Any) -> None:
    compiled = autodiff.function(model.added, engine=engine)
    for n in (3, 4, 5):  # from the second length on, lengths are read at run time
        assert compiled(np.ones(n), np.ones(n)) == 2 * n
    with pytest.raises(
        ValueError, match=r"could not be broadcast together with shapes \(3,\) \(4,\)"
    ) as caught:
        compiled(np.ones(3), np.ones(4))
    assert "line 24, in added" in str(caught.value)
    assert compiled(np.ones(6), np.ones(6)) == 12


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_changed_dtype_is_a_new_specialisation(engine: str, model: Any) -> None:
    value, gradient = (
        autodiff.function(model.loss, engine=engine),
        autodiff.gradient(model.loss, engine=engine),
    )
    for x in (V, V.astype(np.float32), np.arange(3), V > 0, V, V.astype(np.float32)):
        result = value(V, x)
        assert result == model.loss(V, x)
        assert result.dtype == model.loss(V, x).dtype
        found = gradient(V, x)
        np.testing.assert_array_equal(found[0] if isinstance(found, tuple) else found, x)
    assert len(value.cache) == 4


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_bad_input_leaves_the_object_usable(engine: str, model: Any) -> None:
    gradient = autodiff.gradient(model.loss, wrt="w", engine=engine)
    for bad in (V * 1j, np.array(["a"]), np.ones(4)):
        with pytest.raises((TypeError, ValueError)):
            gradient(V, bad)
        np.testing.assert_array_equal(gradient(V, 2 * V), 2 * V)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((V,), {}, r"loss\(\) missing 1 required positional argument: 'x'"),
        ((V, V, V), {}, r"loss\(\) takes 2 positional arguments but 3 were given"),
        ((V,), {"y": V}, r"loss\(\) got an unexpected keyword argument 'y'"),
        ((V, V), {"y": V}, r"loss\(\) got an unexpected keyword argument 'y'"),
        ((V, V), {"w": V}, r"loss\(\) got multiple values for argument 'w'"),
    ],
)
def test_arguments_that_do_not_bind(args: Any, kwargs: Any, message: str, model: Any) -> None:
    for transformation in (autodiff.function, autodiff.gradient, autodiff.hessian):
        with pytest.raises(TypeError, match=message):
            transformation(model.loss)(*args, **kwargs)


def test_errors_of_the_user_pass_unchanged(model: Any) -> None:
    class Mine(Exception):
        pass

    def f(x):
        if x > 0:
            raise Mine("as it is")
        return x

    for transformation in (autodiff.function, autodiff.gradient):
        with pytest.raises(Mine, match="^as it is$"):
            transformation(f)(1.0)
        transformation(f)(-1.0)


def test_the_warning_of_an_uncompiled_call_names_the_line_once(model: Any) -> None:
    compiled = autodiff.function(model.opaque, engine="numpy")
    with pytest.warns(autodiff.FallbackWarning) as caught:
        assert compiled(2.0) == 2.0
        assert compiled(3.0) == 3.0
    assert [str(w.message) for w in caught] == [
        "opaque runs uncompiled: _struct.pack, which is not known to autodiff (model.py, line 41)"
    ]
    assert caught[0].filename == __file__, "the warning points at the user's call"


class OddFloat(float):
    """Its products are not those of floats."""

    def __mul__(self, other):
        return 1000.0


class NamedFloat(float):
    """Computes as floats do."""

    unit = "m"


def _classes(x, o):
    return x * (type(o) is NamedFloat) + x * isinstance(o, NamedFloat) * 10


def test_numbers_with_operators_of_their_own_are_refused() -> None:
    value, gradient = autodiff.function(lambda x: x * 2.0), autodiff.gradient(lambda x: x * 2.0)
    for transformed in (value, gradient):
        assert transformed(NamedFloat(1.5)) == transformed(1.5)
    assert autodiff.function(_classes)(1.5, NamedFloat(2.0)) == _classes(1.5, NamedFloat(2.0))
    assert autodiff.gradient(_classes)(1.5, NamedFloat(2.0)) == (11.0, 0.0)
    assert autodiff.gradient(_classes)(1.5, 2.0) == (0.0, 0.0)
    with pytest.warns(autodiff.errors.FallbackWarning, match=r"NamedFloat\.unit, of a class of n"):
        assert autodiff.function(lambda o: o * len(o.unit))(NamedFloat(2.0)) == 2.0
    with pytest.raises(
        autodiff.errors.DtypeError,
        match=r"AD105: argument x is a OddFloat, a class of numbers with operators of its own."
        r"\n  Remedy: pass a plain number, float\(\.\.\.\)",
    ):
        gradient(OddFloat(1.5))
    with pytest.warns(autodiff.errors.FallbackWarning, match="argument x is a OddFloat"):
        assert value(OddFloat(1.5)) == OddFloat(1.5) * 2.0  # plain Python runs
