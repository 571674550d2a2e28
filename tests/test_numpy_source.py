"""Derivatives as NumPy source: what is written runs, and gives what compiled code gives."""

from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import numpy_source
from autodiff.numpy_calls import literal
from autodiff.passes import optimize
from tests.capture.support import corpus, inputs_of, run
from tests.passes.test_properties import gradient

DATA = np.array([0.3, -1.2, 0.7])
LARGE = np.linspace(0.0, 1.0, 100)


def sample(whole: bool) -> list[str]:
    """Every twentieth program of the corpus, or the others."""
    return [name for k, name in enumerate(corpus()) if (k % 20 == 0) is not whole]


def assert_source_runs(name: str) -> None:
    entry, captured = corpus()[name]
    ways = [(captured.program, inputs_of(captured))]
    if entry.differentiable:
        ways.append(gradient(*ways[0]))
    for program, inputs in ways:
        program = optimize(program)
        source = numpy_source.of_program(program, "f")
        got = source.function()(*inputs)
        for g, wanted in zip(got, run(program, inputs), strict=True):
            tolerance = 1e-4 if wanted.dtype == np.float32 else 1e-9
            assert (np.shape(g), np.asarray(g).dtype) == (wanted.shape, wanted.dtype), source
            np.testing.assert_allclose(g, wanted, tolerance, tolerance, err_msg=str(source))


@pytest.mark.parametrize("name", sample(False))
def test_source_of_the_corpus_runs(name: str) -> None:
    assert_source_runs(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sample(True))
def test_source_of_the_whole_corpus_runs(name: str) -> None:
    assert_source_runs(name)


def test_the_source_is_what_a_reader_would_write() -> None:
    def loss(w, x):
        r = np.tanh(x @ w) - 0.5
        return np.sum(r * r)

    w, x = np.array([0.1, -0.2]), np.arange(6.0).reshape(3, 2)
    source = autodiff.derivative_source(loss, wrt="w")(w, x)
    line = loss.__code__.co_firstlineno + 1
    text = str(source)
    assert text.startswith("import numpy as np\n")
    assert "def gradient_of_loss(w, x):\n" in text
    assert f"    # test_numpy_source.py:{line}\n    t1 = x @ w\n    r = np.tanh(t1) - 0.5\n" in text
    assert "1 / np.cosh(t1) ** 2" in text and text.rstrip().splitlines()[-1].endswith("@ x")
    np.testing.assert_allclose(source.function()(w, x), autodiff.gradient(loss, wrt="w")(w, x))


class Model:
    """A model that reads arrays of its own."""

    def __init__(self) -> None:
        self.target = DATA * 2.0

    def loss(self, w):
        return np.sum((w - self.target) ** 2)

    @autodiff.gradient
    def slope(self, w):
        return np.sum((w - self.target) ** 3)


def of_containers(p, k):
    total = p["w"] @ p["w"] * p["s"][0]
    for _ in range(k):
        total = total * 1.1
    return total


def reads(w):
    return np.sum(w[:, None] * LARGE * DATA[0]) ** 2


def branches(x):
    if x > 1.0:
        return x**3
    return np.exp(x)


def while_loop(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def with_defaults(x, /, scale=2.0, *more, table=LARGE, power=2):
    for extra in more:
        x = x + extra
    return scale * np.sum(x**power) * table[3]


def sorted_list(t):
    t = list(t)
    t.insert(0, 0.1 * t[1])
    return t[0] * sum(np.sort(t)[:2]) * t[-1]


def with_itself(t, x):
    return t, np.sum(np.sort(t)[:2]) * x


CALLS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "containers": (of_containers, ({"w": DATA, "s": [2.0, 3.0]}, 3)),
    "list of sums": (lambda t: 0.2 * sum(t) + t[-1] ** 2, ([2.0, 3.0, 4.0],)),
    "tuple of sums": (lambda t: 0.2 * sum(t) + t[-1] ** 2, ((2.0, 3.0, 4.0),)),
    "list as an array": (sorted_list, ([2.0, 3.0, -1.0],)),
    "list that is returned": (autodiff.function(with_itself), ([2.0, 3.0, -1.0], 0.5)),
    "parameters named as what the text needs": (
        autodiff.function(lambda np, times: (np, times * sum(np))),
        ([2.0, 3.0, -1.0], 0.5),
    ),
    "globals": (reads, (DATA,)),
    "method": (Model().loss, (DATA,)),
    "transformed method": (Model().slope, (DATA,)),
    "branch": (branches, (1.5,)),
    "other branch": (branches, (0.5,)),
    "while": (while_loop, (7.0,)),
    "value": (autodiff.function(branches), (1.5,)),
    "value and gradient": (autodiff.value_and_gradient(reads), (DATA,)),
    "hessian": (autodiff.hessian(while_loop), (7.0,)),
    "jacobian": (lambda x: np.sin(x) * x[0], (DATA,)),
    "integers": (lambda x, n: np.sum(x**n), (DATA, 3)),
    "float32": (lambda x: np.sum(np.exp(x) * x), (DATA.astype(np.float32),)),
    "linear algebra": (lambda x: np.linalg.slogdet(np.outer(x, x) + np.eye(3))[1], (DATA,)),
    "eigenvalues": (lambda x: np.linalg.eigvalsh(np.outer(x, x) + np.diag(x), "U")[0], (DATA,)),
    "values of eigenvalues": (autodiff.function(np.linalg.eigvalsh), (np.outer(DATA, DATA),)),
    "defaults": (with_defaults, (DATA,)),
    "more arguments": (with_defaults, (DATA, 3.0, DATA, 1.0)),
    "without a name": (lambda x: np.interp(x, [-2.0, 0.0, 2.0], [1.0, 3.0, 2.0]).sum(), (DATA,)),
}


def flat(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [leaf for key in sorted(x) for leaf in flat(x[key])]
    return [leaf for item in x for leaf in flat(item)] if isinstance(x, (tuple, list)) else [x]


@pytest.mark.parametrize("name", CALLS)
def test_source_takes_what_the_function_takes(name: str) -> None:
    f, args = CALLS[name]
    source = autodiff.derivative_source(f)(*args)
    whole = f
    if not hasattr(f, "_compiled"):
        whole = autodiff.jacobian(f) if name == "jacobian" else autodiff.gradient(f)
    keywords: dict[str, Any] = {}
    if "reads" in str(source.name):
        keywords = {"LARGE": LARGE, "DATA": DATA}
    elif "method" in name:  # what it reads of the object
        keywords = {"target": Model().target}
    given = (Model(), *args) if name == "transformed method" else args
    got, wanted = flat(source.function()(*given, **keywords)), flat(whole(*args))
    for g, w in zip(got, wanted, strict=True):
        assert np.shape(g) == np.shape(w)
        np.testing.assert_allclose(g, w, 1e-5 if name == "float32" else 1e-12)


def test_what_the_text_names_is_no_variable_of_the_function() -> None:
    def shadowing(c0, c2):
        c1 = c0 * np.array([1.0, 3.0] * 10)
        return np.sum(c1 * np.array([2.0, 5.0] * 10) * c2)

    args = (np.linspace(1.0, 2.0, 20), np.linspace(2.0, 3.0, 20))
    source = autodiff.derivative_source(autodiff.function(shadowing))(*args)
    assert source.objects and {"c0", "c2"}.isdisjoint(source.objects)
    np.testing.assert_allclose(source.function()(*args), shadowing(*args))


@pytest.mark.parametrize(
    "z", [1.5 - 2j, np.complex128(0.5 + 1j), np.array([1 + 2j, 3 - 1j]), np.full((2, 3), 1j - 1)]
)
def test_complex_arguments_are_pairs_inside(z: Any) -> None:
    def power(z, w):
        return np.sum(np.abs(z * z + 1) * w)

    source = autodiff.derivative_source(autodiff.function(power))(z, 2.0)
    np.testing.assert_allclose(source.function()(z, 2.0), power(z, 2.0))
    source = autodiff.derivative_source(autodiff.gradient(power, wrt="w"))(z, 2.0)
    np.testing.assert_allclose(source.function()(z, 2.0), power(z, 1.0))


def test_parameters_may_have_the_names_that_the_text_needs() -> None:
    def named(np_, np, /, times, *range, scipy=DATA, stacked=2.0, **meaning):
        s = 0.0
        for k in [0, 1, 2]:
            s = s + times[k] * range[0][k] * s + scipy[k] * stacked
        return s + (np_ * np).sum() * meaning["max"]

    args, keywords = (DATA, DATA + 1.0, DATA * 2.0, DATA), {"max": 3.0, "stacked": 5.0}
    source = autodiff.derivative_source(autodiff.gradient(named, wrt="times"))(*args, **keywords)
    wanted = autodiff.gradient(named, wrt="times")(*args, **keywords)
    np.testing.assert_allclose(source.function()(*args, **keywords), wanted)


def test_results_may_have_an_array_twice_and_arguments() -> None:
    def several(x, y):
        a = x * 2.0
        pair = [a, y]
        return a, {"x": x, "pair": pair}, a, pair, 3, None

    source = autodiff.derivative_source(autodiff.function(several))(DATA, 4.0)
    assert repr(source.function()(DATA, 4.0)).replace("np.float64(4.0)", "4.0") == repr(
        several(DATA, 4.0)
    )


def test_derivatives_that_are_refused_for_some_values_are_written() -> None:
    def vectors(a):
        return np.sum(np.linalg.eigh(a + a.T)[1] ** 2 * a)

    a = np.random.default_rng(0).normal(size=(3, 3))
    source = autodiff.derivative_source(vectors)(a)
    np.testing.assert_allclose(source.function()(a), autodiff.gradient(vectors)(a), 1e-10, 1e-12)
    with pytest.raises(autodiff.DerivativeError):
        source.function()(np.eye(3))


def test_a_result_without_arrays_is_written() -> None:
    source = autodiff.derivative_source(autodiff.function(lambda x: ({}, [], None)))(2.0)
    compile(str(source), "source", "exec")


def test_what_acts_on_the_world_is_refused() -> None:
    def loud(x):
        print(x)
        return x * x

    with pytest.raises(autodiff.UnsupportedError, match="acts on the world") as caught:
        autodiff.derivative_source(loud)(2.0)
    assert "print" in str(caught.value) and "pass its results" in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        1.5, -2.0, np.inf, -np.inf, np.nan, True, 7, np.float32(0.1), np.array([1.0, np.nan, -np.inf]),
        np.array([[1, 2], [3, 4]], np.int32), np.zeros((0, 2)), np.array([True, False]),
    ],
    ids=str,
)  # fmt: skip
def test_constants_are_written_exactly(value: Any) -> None:
    array = np.asarray(value)
    text = literal(array)
    assert text is not None
    np.testing.assert_array_equal(np.asarray(eval(text, {"np": np}), array.dtype), array)
