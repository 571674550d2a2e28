"""``tanhsinh`` and ``cubature`` in captured code: SciPy's numbers, Leibniz' rule for their derivatives."""

import numpy as np
import pytest
import scipy.integrate as si

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])

CALLS = {
    "to a limit": lambda a: si.tanhsinh(lambda t: np.exp(-a * t * t), 0.0, a).integral,
    "to infinity": lambda a: si.tanhsinh(lambda t, b: np.exp(-b * t), 0, np.inf, args=(a,)).integral,
    "singular": lambda a: si.tanhsinh(lambda t: t ** (a - 1), 0, 1, atol=1e-12).integral,
    "in a loop": lambda a: sum([si.tanhsinh(lambda t: np.cos(k * t * a), 0, 1)["integral"] for k in range(1, 3)]),  # noqa: B023
    "linear in it": lambda a: si.tanhsinh(lambda t: a * np.exp(-t), 0.0, 1.0).integral,
    "odd": lambda a: a**2 + si.tanhsinh(lambda t: np.sin(a * t) + 1.0, -1.0, 1.0).integral,
    "line": lambda a: si.cubature(lambda v: np.exp(-a * v[:, 0]), [0.0], [a]).estimate,
    "vector": lambda a: si.cubature(lambda v: v ** np.array([1.0, a]), [0.0], [2.0]).estimate.sum(),
    "square": lambda a: si.cubature(lambda v: np.exp(-a * np.sum(v * v, axis=-1)), [0.0, 0.0], [1.0, a]).estimate,
    "square of vectors": lambda a: si.cubature(
        lambda v, b: np.stack([(1 + v[:, 0]) ** b, v[:, 1] * b], -1), np.zeros(2), np.ones(2), rule="gk15", args=(a,)
    ).estimate[0],
    "of an odd function": lambda a: a + si.cubature(lambda v: np.sin(a * v[:, 0]), [-1.0], [1.0], atol=1e-12).estimate,
    "genz-malik": lambda a: si.cubature(lambda v: np.cos(a * v[:, 0] * v[:, 1]), [0, 0], [1, 1], rule="genz-malik").estimate,
}  # fmt: skip
FAST = ("to a limit", "line", "vector")
names = [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in CALLS]


@ENGINES
@pytest.mark.parametrize("name", names)
def test_integrals_are_those_of_scipy_and_move_by_leibniz_rule(name, engine):
    f = CALLS[name]
    found, wanted = autodiff.function(f, engine=engine)(1.3), f(1.3)
    assert type(found) is type(wanted)
    assert found == pytest.approx(wanted, rel=1e-13)
    slope = (f(1.3 + 1e-4) - f(1.3 - 1e-4)) / 2e-4
    gradient = autodiff.gradient(f, engine=engine)
    assert gradient(1.3) == pytest.approx(slope, rel=1e-6)
    pushed = autodiff.jvp(f, (1.3,), (2.0,), engine=engine)[1]
    assert pushed == pytest.approx(2 * gradient(1.3), rel=1e-9)
    bend = (gradient(1.3 + 1e-4) - gradient(1.3 - 1e-4)) / 2e-4
    second = autodiff.hessian_vector(f, engine=engine)(1.3, _tensors=1.0)
    assert second == pytest.approx(bend, rel=1e-6, abs=1e-12)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_a_sum_says_why_it_has_no_derivative():
    f = lambda a: si.nsum(lambda k: 1 / k**a, 1, np.inf).sum  # noqa: E731
    assert autodiff.function(f)(2.0) == f(2.0)
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(f)(2.0)
    assert str(caught.value).startswith(
        "AD302: scipy.integrate.nsum has its value alone, and no derivative: SciPy sums terms that fall "
        "steadily, as those of a derivative need not."
    )


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("what", ["success", "integral"])
def test_what_has_not_converged_is_told_as_in_plain_python(what):
    f = lambda a: si.tanhsinh(lambda t: np.sin(a / t) / t, 0, 1, maxlevel=3)[what]  # noqa: E731
    with np.errstate(all="ignore"):
        assert autodiff.function(f)(1.0) == f(1.0)
