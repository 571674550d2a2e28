"""``scipy.special`` in captured code: values and derivatives to second order."""

import numpy as np
import pytest
from scipy import special

import autodiff
from tests.ops.calls import P, T, X, Y, both_tests

# A function, and arguments to call it with.
CASES = [
    (lambda x: special.diric(x, 3), (X,)),
    (lambda x: special.diric(np.abs(x), 4), (X,)),
    (lambda x: special.erf(x), (X,)),
    (lambda x: special.erfc(x), (X,)),
    (lambda x: special.erfcx(x), (X,)),
    (lambda x: special.erfinv(np.tanh(x)), (X,)),
    (lambda p: special.erfcinv(p / 3), (P,)),
    (lambda p: special.gammaln(p), (P,)),
    (lambda p: special.gamma(p), (P,)),
    (lambda x: special.gammaln(x), (X,)),
    (lambda p: special.rgamma(p), (P,)),
    (lambda p: special.digamma(p), (P,)),
    (lambda x: special.psi(x), (X,)),
    (lambda p: special.polygamma(1, p), (P,)),
    (lambda p: special.polygamma(2, p), (P,)),
    (lambda x: special.logsumexp(x), (X,)),
    (lambda x: special.logsumexp(x, axis=1), (X,)),
    (lambda x: special.logsumexp(x, axis=0, keepdims=True), (X,)),
    (lambda x, p: special.logsumexp(x, b=p), (X, P)),
    (lambda x: special.logsumexp(x, b=x, return_sign=True), (X,)),
    (lambda x: special.expit(x), (X,)),
    (lambda p: special.logit(np.exp(-p)), (P,)),
    (lambda x: special.log_expit(x), (X,)),
    (lambda p: special.xlogy(p, p), (P,)),
    (lambda x, p: special.xlog1py(x, p), (X, P)),
    (lambda x: special.softmax(x, axis=1), (X,)),
    (lambda x: special.log_softmax(x, axis=1), (X,)),
    (lambda p: special.beta(p, 2.0), (P,)),
    (lambda p, y: special.betaln(p, y + 3), (P, Y)),
    (lambda p: special.entr(p), (P,)),
    (lambda p: special.rel_entr(p, p[::-1]), (P,)),
    (lambda p: special.kl_div(p, p[::-1]), (P,)),
    (lambda x: special.huber(1.0, x), (X,)),
    (lambda x: special.pseudo_huber(1.0, x), (X,)),
    (lambda x: special.ndtr(x), (X,)),
    (lambda p: special.ndtri(np.exp(-p)), (P,)),
    (lambda x: special.log_ndtr(x), (X,)),
    (lambda x: special.exprel(x), (X,)),
    (lambda x: special.expm1(x), (X,)),
    (lambda p: special.log1p(p), (P,)),
    (lambda x: special.cbrt(x), (X,)),
    (lambda x: special.exp2(x), (X,)),
    (lambda x: special.exp10(x), (X,)),
    (lambda x: special.sinc(x), (X,)),
    (lambda x: special.cosm1(x), (X,)),
    (lambda p: special.boxcox(p, 0.5), (P,)),
    (lambda p: special.boxcox1p(p, 0.5), (P,)),
    (lambda p: special.inv_boxcox(p, 0.5), (P,)),
    (lambda p: special.binom(5.0, p), (P,)),
    (lambda t: special.comb(5, 2) * t, (T,)),
    (lambda p: special.comb(5, p), (P,)),
    (lambda t: special.factorial(3) * t, (T,)),
    (lambda x: special.j0(x), (X,)),
    (lambda x: special.j1(x), (X,)),
    (lambda x: special.jv(1, x), (X,)),
    (lambda p: special.jv(2, p), (P,)),
    (lambda p: special.jn(2, p), (P,)),
    (lambda p: special.y0(p), (P,)),
    (lambda p: special.y1(p), (P,)),
    (lambda p: special.yn(2, p), (P,)),
    (lambda x: special.i0(x), (X,)),
    (lambda x: special.i1(x), (X,)),
    (lambda x: special.i0e(x), (X,)),
    (lambda x: special.i1e(x), (X,)),
    (lambda p: special.iv(2, p), (P,)),
    (lambda p: special.ive(2, p), (P,)),
    (lambda p: special.k0(p), (P,)),
    (lambda p: special.k1(p), (P,)),
    (lambda p: special.kn(2, p), (P,)),
    (lambda p: special.kv(1.5, p), (P,)),
    (lambda p: special.gammainc(2.5, p), (P,)),
    (lambda p: special.gammaincc(2.5, p), (P,)),
    (lambda p: special.betainc(2.0, 3.0, np.exp(-p)), (P,)),
    (lambda p: special.exp1(p), (P,)),
    (lambda p: special.expi(p), (P,)),
    (lambda p: special.expn(2, p), (P,)),
    (lambda x: special.dawsn(x), (X,)),
    (lambda p: special.ellipk(np.exp(-p)), (P,)),
    (lambda p: special.ellipe(np.exp(-p)), (P,)),
    (lambda x: special.eval_legendre(3, x), (X,)),
    (lambda x: special.eval_chebyt(3, x), (X,)),
    (lambda x: special.eval_hermite(3, x), (X,)),
    (lambda x: special.eval_laguerre(3, x), (X,)),
    (lambda t: special.multigammaln(t + 2, 2), (T,)),
    (lambda x: special.softplus(x), (X,)),
    (lambda x: special.stdtr(3.0, x), (X,)),
    (lambda p: special.chdtr(3.0, p), (P,)),
]  # fmt: skip

test_value, test_derivatives = both_tests(CASES)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kwargs", [{}, {"return_sign": True}, {"axis": -1, "return_sign": True}])
@pytest.mark.parametrize("b", [[0, 0, 0], [0.0, 1, 0], [1.0, -1, 0], [0, -1, 2], [0, 0, -1.0]])
def test_logsumexp_of_weights_that_are_zero(b, kwargs):
    inf = np.inf
    rows = ([1000.0, -1000, 3], [2.0, 2, 2], [-inf] * 3, [inf, 1, 2], [[1000.0, -1, 3], [1, 2, 3]])
    for row in rows:
        f = lambda a: special.logsumexp(a, b=np.array(b), **kwargs)  # noqa: E731
        found, wanted = autodiff.function(f)(np.array(row)), f(np.array(row))
        assert type(found) is type(wanted)
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
