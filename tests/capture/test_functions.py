"""Calls: closures, defaults, arguments of every kind, methods, lambdas, functions without source."""

import functools
import numbers
import types
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import FallbackWarning, UnsupportedError
from tests.capture.support import ENGINES, agrees, captured, kinds, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)
V = np.array([0.5, 1.5, 2.5])


# -- parameters ---------------------------------------------------------------------------------------
def every_kind(a, b=2.0, /, c=3.0, *rest, d, e=5.0, **more):
    return (
        a * b + c * d + e * sum(rest) + sum(k * v for k, v in enumerate(more.values())) + len(more)
    )


@over_engines
def test_every_kind_of_parameter(engine) -> None:
    compiled = autodiff.function(every_kind, engine=engine)
    for args, kwargs in [
        ((1.0,), {"d": 2.0}),
        ((1.0, 3.0, 4.0), {"d": 2.0, "e": 1.0}),
        ((1.0, 3.0, 4.0, 7.0, 8.0), {"d": 2.0, "x": 3.0, "y": 9.0}),
        ((1.0,), {"d": 2.0, "c": 0.5, "y": 9.0}),
    ]:
        assert compiled(*args, **kwargs) == every_kind(*args, **kwargs)


@over_engines
def test_gradients_of_variadic_arguments(engine) -> None:
    gradient = autodiff.gradient(lambda *xs, **ks: xs[0] * xs[1] * ks["c"], engine=engine)
    by_args, by_keywords = gradient(2.0, 3.0, c=5.0)
    assert by_args == (15.0, 10.0)
    assert by_keywords == {"c": 6.0}


@over_engines
def test_keywords_in_any_order(engine) -> None:
    compiled = autodiff.function(lambda a, b: a - 2 * b, engine=engine)
    assert compiled(b=1.0, a=5.0) == compiled(5.0, b=1.0) == compiled(5.0, 1.0) == 3.0


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1.0, 2.0, 3.0), {}), ((1.0,), {"z": 1.0}), ((1.0,), {"a": 1.0})],
)
def test_wrong_arguments_are_pythons_own_error(args, kwargs) -> None:
    def f(a, b=1.0):
        return a * b

    with pytest.raises(TypeError) as ours:
        autodiff.function(f)(*args, **kwargs)
    with pytest.raises(TypeError) as plain:
        f(*args, **kwargs)
    assert str(ours.value) == str(plain.value)


def test_a_wrong_call_inside_is_pythons_own_error() -> None:
    def inner(a, b):
        return a * b

    def f(x):
        return inner(x)

    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'b'"):
        autodiff.function(f)(1.0)


# -- closures, lambdas ---------------------------------------------------------------------------------
def make_power(n):
    def power(x):
        return x**n

    return power


@over_engines
def test_closures_of_one_code_are_different_functions(engine) -> None:
    square, cube = make_power(2), make_power(3)
    agrees(lambda x: square(x) + cube(x), (V,), engine=engine)
    assert autodiff.gradient(square, engine=engine)(3.0) == 6.0
    assert autodiff.gradient(cube, engine=engine)(3.0) == 27.0


# Several on one line, with the same arguments: told apart by position.
first, second = (lambda x: x * 2), (lambda x: x * 3)
pair = [lambda x: x + 1, lambda x, y=1.0: x + 2, lambda x: x + 3]  # fmt: skip
nested = lambda x: (lambda y: y * 5)(x) + (lambda y: y * 7)(x)  # noqa: E731


@over_engines
def test_lambdas_on_one_line(engine) -> None:
    found = [autodiff.function(f, engine=engine)(1.0) for f in (first, second, *pair, nested)]
    assert found == [2.0, 3.0, 2.0, 3.0, 4.0, 12.0]


def test_identical_lambdas_on_one_line() -> None:
    same = [lambda x: x * 2, lambda x: x * 2]
    assert [autodiff.function(f)(3.0) for f in same] == [6.0, 6.0]


def test_lambdas_made_in_a_loop() -> None:
    functions = [lambda x, k=k: x * k for k in range(3)]
    assert [autodiff.function(f)(2.0) for f in functions] == [0.0, 2.0, 4.0]
    late = [lambda x: x * k for k in range(3)]
    assert [autodiff.function(f)(2.0) for f in late] == [f(2.0) for f in late] == [4.0, 4.0, 4.0]


# -- methods and objects -------------------------------------------------------------------------------
class Model:
    scale = 2.0

    def __init__(self, w):
        self.w = w

    def loss(self, x):
        return np.sum((self.w * x) ** 2) * self.scale + self.bias

    @property
    def bias(self):
        return self.w.sum()

    @staticmethod
    def square(x):
        return x * x

    @classmethod
    def scaled(cls, x):
        return x * cls.scale

    def __call__(self, x):
        return self.square(x).sum() + self.scaled(x).sum()

    def __getitem__(self, k):
        return self.w[k]

    def __len__(self):
        return len(self.w)

    def __matmul__(self, other):
        return Model(self.w * other.w)

    def __neg__(self):
        return Model(-self.w)


class Child(Model):
    scale = 3.0

    def loss(self, x):
        return super().loss(x) * 2


W = np.array([1.0, -2.0, 0.5])


@over_engines
@pytest.mark.parametrize("cls", [Model, Child])
def test_bound_methods_and_callable_objects(cls, engine) -> None:
    model = cls(W)
    agrees(model.loss, (V,), (2 * V,), engine=engine)
    agrees(model, (V,), engine=engine)
    agrees(cls.square, (V,), engine=engine)
    agrees(cls.scaled, (V,), engine=engine)
    autodiff.check_gradient(model.loss, V, engine=engine)


@over_engines
def test_operators_of_a_users_class(engine) -> None:
    def f(x):
        a, b = Model(x), Model(x * 2)
        c = -(a @ b)
        return c.w * c[1] + len(c)

    agrees(f, (V,), engine=engine)


@over_engines
def test_partials(engine) -> None:
    def f(a, b, c=1.0):
        return a * 100 + b * 10 + c

    partial = functools.partial(f, 1.0, c=3.0)
    agrees(partial, (2.0,), engine=engine)
    agrees(lambda x: functools.partial(f, x)(x * 2, c=x), (2.0,), engine=engine)
    assert autodiff.gradient(partial, engine=engine)(2.0) == 10.0


@over_engines
def test_functional_tools(engine) -> None:
    def f(x):
        total = functools.reduce(lambda a, b: a * b, x)
        return (
            total
            + sum(map(lambda v: v * v, x))
            + sum(filter(lambda v: v > 1, x))
            + max(x, key=lambda v: -v)
        )

    agrees(f, (V,), engine=engine)


@over_engines
def test_numpy_vectorize(engine) -> None:
    @np.vectorize
    def clipped(v, top):
        return v if v < top else top

    agrees(lambda x: clipped(x, 1.0).sum(), (V,), (V[::-1].copy(),), engine=engine)


@over_engines
def test_recursion_of_known_depth(engine) -> None:
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    compiled = autodiff.gradient(power, wrt="x", engine=engine)
    assert [compiled(2.0, n) for n in (0, 1, 3)] == [0.0, 1.0, 12.0]


@over_engines
def test_decorated_functions(engine) -> None:
    def twice(g):
        @functools.wraps(g)
        def wrapper(*args, **kwargs):
            return 2 * g(*args, **kwargs)

        return wrapper

    @twice
    def f(x, y=1.0):
        return x * y

    agrees(f, (3.0,), (3.0, 2.0), engine=engine)


@over_engines
def test_functions_as_arguments(engine) -> None:
    compiled = autodiff.function(lambda g, x: g(x) + g(2 * x), engine=engine)
    assert compiled(np.sin, 1.0) == np.sin(1.0) + np.sin(2.0)
    assert compiled(make_power(2), 1.0) == 5.0
    assert compiled(make_power(3), 1.0) == 9.0
    assert compiled(lambda v: v, 1.0) == 3.0


# -- functions without source --------------------------------------------------------------------------
def without_source(text: str, **names: Any) -> types.FunctionType:
    namespace: dict[str, Any] = {"np": np, **names}
    exec(text, namespace)
    return namespace["f"]


@over_engines
def test_functions_without_source(engine) -> None:
    f = without_source(
        "def f(x, k=2.0):\n    y = x.copy()\n    y[0] += k\n    return (y * np.sin(x)).sum()"
    )
    compiled = agrees(f, (V,), (V, 3.0), engine=engine)
    assert len(compiled.cache) >= 1
    autodiff.check_gradient(f, V, engine=engine)


@over_engines
@pytest.mark.parametrize(
    "kind", ["float", "numbers.Real", "np.ndarray", "np.floating", "(int, list)"]
)
def test_without_source_isinstance_answers_as_in_plain_python(kind, engine) -> None:
    f = without_source(
        f"def f(x): return (x * x).sum() if isinstance(x, {kind}) else 3.0 * x", numbers=numbers
    )
    compiled = autodiff.function(f, engine=engine)
    with uncompiled_allowed():  # numbers is a module that may change
        for x in (2.0, np.float32(2.0), np.float64(2.0), V, [1.0]):
            try:
                plain = f(x)
            except (AttributeError, TypeError) as error:
                with pytest.raises(type(error)):
                    compiled(x)
                continue
            assert type(compiled(x)) is type(plain)
            np.testing.assert_array_equal(compiled(x), plain)


@over_engines
def test_without_source_a_derivative_is_refused_where_type_is_asked(engine) -> None:
    f = without_source("def f(x): return g(x)")
    exec("def g(x): return x * x if type(x) is float else 0.0", f.__globals__)
    with uncompiled_allowed():
        assert autodiff.function(f, engine=engine)(3.0) == 9.0
        with pytest.raises(UnsupportedError, match="f has no source and calls type"):
            autodiff.gradient(f, engine=engine)(3.0)


@pytest.mark.parametrize(
    "call", ["brentq(lambda z: z**3 + z - a, -1, 1)", "quad(lambda z: z * a, 0, 1)[0]"]
)
def test_functions_without_source_that_are_called_back(call) -> None:
    """SciPy's C code goes on after what is refused of traced values: the derivative was an internal error."""
    names: dict = {}
    exec(
        f"from scipy.integrate import quad\nfrom scipy.optimize import brentq\ndef f(a): return {call}",
        names,
    )
    with pytest.warns(FallbackWarning, match="has no source and calls"):
        assert autodiff.function(names["f"])(0.3) == names["f"](0.3)
    with (
        pytest.warns(FallbackWarning),
        pytest.raises(UnsupportedError, match="which calls it back"),
    ):
        autodiff.gradient(names["f"])(0.3)


@over_engines
def test_without_source_branches_are_guarded(engine) -> None:
    f = without_source("def f(x):\n    return x * 2 if x > 1 else x * 3 if x > 0 else -x")
    agrees(f, (2.0,), (0.5,), (-1.0,), (3.0,), engine=engine)
    gradient = autodiff.gradient(f, engine=engine)
    assert [gradient(x) for x in (2.0, 0.5, -1.0, 2.5)] == [2.0, 3.0, -1.0, 2.0]


@over_engines
def test_without_source_loops_follow_the_data(engine) -> None:
    f = without_source("def f(x):\n    while x < 10:\n        x = x * 2\n    return x")
    gradient = autodiff.gradient(f, engine=engine)
    assert [gradient(x) for x in (1.0, 3.0, 20.0, 1.0)] == [16.0, 4.0, 1.0, 16.0]


@over_engines
@pytest.mark.parametrize(
    "text",
    [
        "def f(x): return x * c",
        "def f(x): return x * d[0]",
        "def f(x): return x * h(1.0)",
        "def f(x): return x * o.c",
        "def f(x, inner=lambda: c): return x * inner()",
        "def f(x): return (lambda: x * c)()",
        "def f(x): return x * t['c']",
    ],
)
def test_without_source_what_is_read_is_never_stale(text, engine) -> None:
    f = without_source(text, c=2.0, d=[2.0], o=types.SimpleNamespace(c=2.0), t={"c": 2.0})
    exec("def h(y): return y * c", f.__globals__)
    compiled = autodiff.function(f, engine=engine, on_fallback="warn")
    with uncompiled_allowed():
        assert compiled(3.0) == 6.0
        f.__globals__.update(c=5.0)
        f.__globals__["d"][0] = 5.0
        f.__globals__["o"].c = 5.0
        f.__globals__["t"]["c"] = 5.0
        assert compiled(3.0) == 15.0


@over_engines
def test_without_source_effects_happen_at_every_call(engine, capsys) -> None:
    f = without_source("def f(x):\n    print('x is', x)\n    return x * 2")
    compiled = autodiff.function(f, engine=engine)
    with uncompiled_allowed():
        for x in (1.5, 2.5):
            assert compiled(x) == 2 * x
            assert capsys.readouterr().out == f"x is {x}\n"


@over_engines
def test_without_source_random_numbers_are_drawn_at_every_call(engine) -> None:
    f = without_source("def f(x): return x + np.random.normal()")
    compiled = autodiff.function(f, engine=engine)
    with uncompiled_allowed():
        np.random.seed(3)
        found = [compiled(1.0) for _ in range(3)]
        np.random.seed(3)
        assert found == [1.0 + np.random.normal() for _ in range(3)]


@over_engines
def test_without_source_a_global_array_is_read_at_every_call(engine) -> None:
    f = without_source("def f(x): return np.sum(x * table)", table=np.ones(3))
    compiled, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    with uncompiled_allowed():
        assert compiled(V) == 4.5
        np.testing.assert_array_equal(gradient(V), 1.0)
        f.__globals__["table"] = np.full(3, 2.0)
        assert compiled(V) == 9.0
        np.testing.assert_array_equal(gradient(V), 2.0)
        f.__globals__["table"][:] = 3.0
        assert compiled(V) == 13.5


# -- third-party Python -----------------------------------------------------------------------------
def test_third_party_python_is_interpreted() -> None:
    """A pure-Python function of another module, which knows nothing of us."""
    module = types.ModuleType("third_party")
    import linecache

    text = "import numpy as np\n\ndef soft(x, t=1.0):\n    if t > 0:\n        return np.log1p(np.exp(x / t)) * t\n    return x\n"
    linecache.cache["third_party.py"] = (len(text), None, text.splitlines(True), "third_party.py")
    exec(compile(text, "third_party.py", "exec"), module.__dict__)
    program = captured(lambda x: module.soft(x) + module.soft(x, 2.0), V).program
    assert kinds(program)["log1p"] == 2
    agrees(lambda x: module.soft(x) + module.soft(x, 2.0), (V,))


# -- private names -----------------------------------------------------------------------------------
class _Private:
    __shared = 2.0

    def __init__(self) -> None:
        self.__scale = 3.0

    def __square(self, __x):
        return __x * __x

    def loss(self, x):
        def __inner(y):
            return y * self.__scale

        __total = __inner(self.__square(x)) + sum(
            (lambda __u: __u * _Private.__shared)(v) for v in x
        )
        return np.sum(__total)

    def set(self, scale):
        self.__scale = scale


class _Derived(_Private):
    def loss(self, x):
        return super().loss(x) + self._Private__scale


@over_engines
def test_private_names_of_a_class_are_spelt_out(engine) -> None:
    for cls in (_Private, _Derived):
        model = cls()
        agrees(model.loss, (V,), engine=engine)
        gradient = autodiff.gradient(model.loss, engine=engine)
        np.testing.assert_allclose(gradient(V), 2 * V * 3 + 3 * 2.0)
        model.set(5.0)
        np.testing.assert_allclose(gradient(V), 2 * V * 5 + 3 * 2.0)


def test_private_names_with_other_classes_around_and_inside() -> None:
    class Outer:
        class _Inner:
            def __init__(self, k):
                self.__k = k

            def value(self, x):
                return self.__k * x

        def __init__(self) -> None:
            self.__k = 2.0
            self.inner = Outer._Inner(7.0)

        def value(self, x):
            return self.__k * self.inner.value(x)

    class __:  # a name of underscores alone changes nothing
        def __init__(self) -> None:
            self.__k = 4.0

        def value(self, x):
            return self.__k * x

    assert autodiff.gradient(Outer().value)(1.0) == 14.0
    assert autodiff.gradient(__().value)(1.0) == 4.0
