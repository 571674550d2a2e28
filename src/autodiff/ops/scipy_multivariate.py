"""Distributions of several variables of ``scipy.stats``, and kernel estimates of densities, by Cholesky factors.

    multivariate_t.logpdf(x, loc, shape, df)      by the triangular solve that whitens x - loc
    gaussian_kde(data)(x)                         SciPy's Python is followed; its routine in C is here

SciPy takes eigenvalues of covariances, whose derivatives are not finite where two agree. Those that are Python
throughout, as wishart and dirichlet, are followed.  As in SciPy a matrix that is not positive definite is an error.

Formulas: those of SciPy's documentation; A. K. Gupta and D. K. Nagar, Matrix Variate Distributions (1999).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from scipy.stats import _multivariate, _stats

from autodiff.dims import equal
from autodiff.ops import special
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, Rules, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.gamma_functions import digamma_step
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check, require_equal
from autodiff.ops.linear_algebra import t, triangular_solve
from autodiff.ops.multivariate_probability import DRAWN, box, degenerate, student_box
from autodiff.ops.promotion import as_array, broadcast_shapes, broadcast_to, cast
from autodiff.ops.quadrature import gauss_legendre
from autodiff.ops.tracer import HoldsTracers, Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported

_LOG_2, _LOG_PI = float(np.log(2)), float(np.log(np.pi))
_LOG_TWO_PI = _LOG_2 + _LOG_PI


def _float(x: Any) -> Any:
    return cast(as_array(x), np.float64)


def _scalar(value: Any) -> Tracer:
    return Tracer(value.value, "array" if value.shape else "scalar")


def is_object(cov: Any) -> bool:
    """Whether a covariance is one of SciPy's objects, which has its factor, and whose Python is followed."""
    return isinstance(cov, stats.Covariance)


def _matrix_of(cov: Any) -> Any:
    return cov.covariance


def covariance(cov: Any, size: Any) -> Any:
    """A covariance as a matrix: of a number or a vector, what it has on its diagonal."""
    c = _float(interpreted(_matrix_of, cov) if is_object(cov) else cov)
    if c.ndim == 0:
        return functions[np.eye](size) * c
    return functions[np.diag](c) if c.ndim == 1 else c


def size_of(mean: Any, cov: Any) -> Any:
    """The number of variables, as SciPy finds it."""
    if is_object(cov):
        return cov.shape[-1]
    c, center = as_array(cov), None if mean is None else as_array(mean)
    if c.shape:
        return c.shape[-1]
    return 1 if center is None or not center.shape else center.shape[0]


def _log_determinant(factor: Any) -> Any:
    return 2 * np.sum(np.log(np.diagonal(factor)))


def _differences(x: Any, mean: Any, cov: Any) -> tuple[Any, Any, Any]:
    """Points less the mean, the covariance as a matrix, and its size."""
    center, c, size = _sized(mean, cov)
    point = _float(x)
    if point.ndim == 0:
        point = point.reshape(1, 1)
    elif point.ndim == 1:
        point = point.reshape(-1, 1) if c.shape[0] == 1 else point.reshape(1, -1)
    if not equal(point.shape[-1], size):
        raise ValueError(f"Points have {point.shape[-1]} components, not {size}.")
    return point if center is None else point - center, c, size


def _sized(mean: Any, cov: Any) -> tuple[Any, Any, Any]:
    """The mean, if it is given, the covariance as a square matrix, and its size, which is that of the mean."""
    size = size_of(mean, cov)
    c, center = covariance(cov, size), None if mean is None else _float(mean)
    if c.ndim != 2 or not equal(c.shape[0], c.shape[1]):
        raise ValueError("A covariance must be a scalar or a square 2D array.")
    fits = "Array 'mean' must be a vector of the size of the covariance."
    if center is not None and center.ndim:
        if center.ndim > 1 or not require_equal(center.shape[0], size, fits):
            raise ValueError(fits)
    return center, c, size


def whitened(x: Any, mean: Any, cov: Any) -> tuple[Any, Any, Any, Any]:
    """Squared distances of points from the mean, the logarithm of the determinant, size and shape."""
    difference, c, size = _differences(x, mean, cov)
    flat = difference.reshape(-1, difference.shape[-1])
    factor = functions[np.linalg.cholesky](c)
    solved: Any = triangular_solve(factor, t(flat), True, False)
    distance = np.sum(solved * solved, axis=0)
    return distance, _log_determinant(factor), size, difference.shape[:-1]


# -- normal -----------------------------------------------------------------------------------------------
def normal_log_density(x: Any, mean: Any, cov: Any, allow_singular: bool) -> Tracer:
    """``multivariate_normal.logpdf``."""
    if is_object(cov):
        found: Tracer = interpreted(_Normal.logpdf, stats.multivariate_normal, x, mean, cov)
        return found
    if allow_singular:
        size = size_of(mean, cov)
        difference, c, _ = _differences(x, mean, _mirrored(cov, size, True))
        distance, log_determinant, rank, inside = degenerate(difference, c)
        value = -0.5 * (rank * _LOG_TWO_PI + log_determinant + distance)
        return _scalar(np.squeeze(np.where(inside, value, -np.inf)))
    distance, log_determinant, size, lead = whitened(x, mean, cov)
    value = -0.5 * (size * _LOG_TWO_PI + log_determinant + distance)
    return _scalar(np.squeeze(np.reshape(value, lead)))


def normal_entropy(mean: Any, cov: Any) -> Any:
    """``multivariate_normal.entropy``."""
    if is_object(cov):
        return interpreted(_Normal.entropy, stats.multivariate_normal, mean, cov)
    factor = functions[np.linalg.cholesky](_sized(mean, cov)[1])
    return _scalar(0.5 * (factor.shape[0] * (_LOG_TWO_PI + 1) + _log_determinant(factor)))


def normal_cdf(
    x: Any, mean: Any, cov: Any, lower_limit: Any, singular: bool = False, **how: Any
) -> Any:
    """``multivariate_normal.cdf``."""
    if singular:
        raise unsupported("multivariate_normal with allow_singular=True", "add to the diagonal")
    drawn = _drawn(**how)
    of_box = functools.partial(box, how=drawn)
    cov = interpreted(_matrix_of, cov) if is_object(cov) else cov
    size = size_of(mean, cov)
    x = _float(x)
    if size > 1 and (
        not x.ndim or equal(x.shape[-1], 1)
    ):  # Student's stretches them, this does not
        raise IndexError("index 1 is out of bounds for axis 0 with size 1")
    matrix = _mirrored(cov, size, size > 2)
    is_seeded = drawn["seed"] >= 0 and size > 2  # of fewer variables nothing is drawn
    return _probability(x, mean, matrix, lower_limit, of_box, is_seeded)


def student_cdf(x: Any, loc: Any, shape: Any, df: Any, lower_limit: Any, **how: Any) -> Any:
    """``multivariate_t.cdf``."""
    _finite(df)
    drawn = _drawn(**how)
    found = functools.partial(student_box, df=_float(df), how=drawn)
    matrix = _mirrored(shape, size_of(loc, shape), True)
    return _probability(x, loc, matrix, lower_limit, found, drawn["seed"] >= 0)


def _mirrored(cov: Any, size: Any, lower: bool) -> Any:
    """A covariance of which SciPy reads one triangle."""
    matrix = covariance(cov, size)
    kept, rest = (np.tril, np.triu) if lower else (np.triu, np.tril)
    part = functions[kept](matrix)
    return part + t(part - functions[rest](part))


def _drawn(maxpts: Any = None, abseps: float = 1e-5, releps: float = 1e-5, rng: Any = None) -> Any:
    """How SciPy draws its points, as the operations of boxes have it."""
    if not isinstance(rng, (int, np.integer, type(None))):
        raise unsupported(
            "a distribution function by the points of a generator", "pass a seed, an integer"
        )
    return DRAWN | {
        "maxpts": 0 if maxpts is None else int(maxpts), "abseps": float(abseps),
        "releps": float(releps), "seed": -1 if rng is None else int(rng),
    }  # fmt: skip


def _refuse_seed(
    seed: Any, given: Any, what: str = "a distribution function by the points of a generator"
) -> None:
    """Refuse the seed of a distribution, with whose numbers each of its calls goes on."""
    if given is None and seed is not None:
        raise unsupported(
            what,
            "pass the function a seed, an integer",
        )


def _probability(
    x: Any, mean: Any, cov: Any, lower_limit: Any, of_box: Callable[..., Any], is_seeded: bool
) -> Any:
    size = _whole(size_of(mean, cov))
    center: Any = 0.0 if mean is None else _float(mean)
    if size == 1:
        check(cov[0, 0] > 0, "a variance is positive")
    point = _float(x)
    if point.ndim == 0 or (point.ndim == 1 and size == 1):
        point = point.reshape(-1, 1)
    lower = _float(np.full(size, -np.inf) if lower_limit is None else lower_limit)
    shape: Any = broadcast_shapes(point.shape, lower.shape, (size,))
    low, high = (broadcast_to(v, shape) - center for v in (lower, point))
    lead = shape[:-1]
    if any(not isinstance(n, int) for n in lead):
        raise unsupported(
            "a distribution function of a number of points that changes", "give one shape"
        )
    count = int(np.prod(lead))
    if is_seeded and count > 1:  # the second point goes on where the first has left off
        raise unsupported(
            "a distribution function of several points by one seed", "ask for one point at a time"
        )
    lows, highs = (np.reshape(v, (count, size)) for v in (low, high))
    found = [_signed(lows[k], highs[k], cov, of_box) for k in range(count)]
    values = np.reshape(functions[np.stack](found), lead)
    squeezed = np.squeeze(values)
    return _scalar(squeezed)


def _signed(low: Any, high: Any, cov: Any, of_box: Callable[..., Any]) -> Any:
    """A box whose limits may be in the other order, which changes its sign."""
    swapped: Any = high < low
    sign = np.prod(np.where(swapped, -1.0, 1.0))
    return sign * of_box(np.where(swapped, high, low), np.where(swapped, low, high), cov)


def normal_log_cdf(
    x: Any, mean: Any, cov: Any, lower_limit: Any, singular: bool = False, **how: Any
) -> Any:
    """``multivariate_normal.logcdf``, which is complex where limits are in the other order."""
    if lower_limit is not None:
        raise unsupported("multivariate_normal.logcdf with lower_limit=", "take the logarithm")
    return np.log(normal_cdf(x, mean, cov, None, singular, **how))


def _of_some(dimensions: Any, mean: Any, cov: Any) -> tuple[Any, Any]:
    """Mean and covariance of some of the variables."""
    size = size_of(mean, cov)
    matrix = covariance(cov, size)
    center = functions[np.zeros](size) if mean is None else _float(mean)
    which = [operator.index(k) for k in np.atleast_1d(dimensions)]
    return center[which], matrix[np.ix_(which, which)]


def _of_generator(self: Any, mean: Any, cov: Any, size: Any, random_state: Any) -> Any:
    """What ``multivariate_normal.rvs`` does of a covariance that is no object."""
    drawn = self._get_random_state(random_state).multivariate_normal(mean, cov, size)
    return _multivariate._squeeze_output(drawn)


def normal_draw(
    self: Any, mean: Any = None, cov: Any = 1, size: Any = 1, random_state: Any = None
) -> Any:
    """``multivariate_normal.rvs``: NumPy's draw, of a covariance without eigenvalues below 0."""
    if is_object(cov):
        return interpreted(_Normal.rvs, self, mean, cov, size, random_state)
    center, matrix, count = _sized(mean, cov)
    if center is None:
        center = functions[np.zeros](count)
    elif not center.ndim:
        center = center.reshape(1)
    values = functions[np.linalg.eigvalsh](stop(matrix))
    least = -1e6 * float(np.finfo(float).eps) * np.max(np.abs(values))
    check(np.min(values) >= least, "a covariance that is positive semidefinite")
    return interpreted(_of_generator, self, center, matrix, size, random_state)


_Normal = type(stats.multivariate_normal)
_FixedNormal = type(stats.multivariate_normal(0.0, 1.0))
implements(_Normal.logpdf)(
    lambda self, x, mean=None, cov=1, allow_singular=False: normal_log_density(
        x, mean, cov, allow_singular
    )
)
implements(_Normal.pdf)(
    lambda self, x, mean=None, cov=1, allow_singular=False: np.exp(
        normal_log_density(x, mean, cov, allow_singular)
    )
)
implements(_Normal.entropy)(lambda self, mean=None, cov=1: normal_entropy(mean, cov))
implements(_Normal.rvs)(normal_draw)
implements(_FixedNormal.logpdf)(
    lambda self, x: normal_log_density(x, self.mean, self.cov, self.allow_singular)
)
implements(_FixedNormal.pdf)(
    lambda self, x: np.exp(normal_log_density(x, self.mean, self.cov, self.allow_singular))
)


@implements(_Normal.cdf)
def _normal_cdf(
    self: Any, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False, maxpts: Any = None,
    abseps: float = 1e-5, releps: float = 1e-5, *, lower_limit: Any = None, rng: Any = None,
) -> Any:  # fmt: skip
    return normal_cdf(
        x,
        mean,
        cov,
        lower_limit,
        allow_singular,
        maxpts=maxpts,
        abseps=abseps,
        releps=releps,
        rng=rng,
    )


@implements(_Normal.logcdf)
def _normal_log_cdf(
    self: Any, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False, maxpts: Any = None,
    abseps: float = 1e-5, releps: float = 1e-5, *, lower_limit: Any = None, rng: Any = None,
) -> Any:  # fmt: skip
    return normal_log_cdf(
        x,
        mean,
        cov,
        lower_limit,
        allow_singular,
        maxpts=maxpts,
        abseps=abseps,
        releps=releps,
        rng=rng,
    )


implements(_FixedNormal.cdf)(
    lambda self, x, *, lower_limit=None, rng=None: normal_cdf(
        x, self.mean, self.cov, lower_limit, self.allow_singular, rng=rng
    )
)
implements(_FixedNormal.logcdf)(
    lambda self, x, *, lower_limit=None, rng=None: normal_log_cdf(
        x, self.mean, self.cov, lower_limit, self.allow_singular, rng=rng
    )
)


class FrozenNormal(HoldsTracers):
    """``multivariate_normal(mean, cov)`` of traced parameters."""

    python_type = _FixedNormal

    def __init__(
        self, mean: Any = None, cov: Any = 1, allow_singular: bool = False, seed: Any = None,
        maxpts: Any = None, abseps: float = 1e-5, releps: float = 1e-5,
    ) -> None:  # fmt: skip
        self.mean, self.cov, self.allow_singular, self.seed = mean, cov, allow_singular, seed
        self.how = {"maxpts": maxpts, "abseps": abseps, "releps": releps}

    def logpdf(self, x: Any) -> Tracer:
        """The logarithm of the density."""
        return normal_log_density(x, self.mean, self.cov, self.allow_singular)

    def pdf(self, x: Any) -> Any:
        """The density."""
        return np.exp(self.logpdf(x))

    def entropy(self) -> Any:
        """The differential entropy."""
        return normal_entropy(self.mean, self.cov)

    def rvs(self, size: Any = 1, random_state: Any = None) -> Any:
        """A draw."""
        _refuse_seed(self.seed, random_state, "a draw")
        return normal_draw(stats.multivariate_normal, self.mean, self.cov, size, random_state)

    def cdf(self, x: Any, *, lower_limit: Any = None, rng: Any = None) -> Any:
        """The distribution function."""
        if size_of(self.mean, self.cov) > 2:  # of fewer variables nothing is drawn
            _refuse_seed(self.seed, rng)
        return normal_cdf(
            x, self.mean, self.cov, lower_limit, self.allow_singular, rng=rng, **self.how
        )

    def logcdf(self, x: Any, *, lower_limit: Any = None, rng: Any = None) -> Any:
        """The logarithm of the distribution function."""
        return normal_log_cdf(x, self.mean, self.cov, lower_limit, self.allow_singular, rng=rng)

    def marginal(self, dimensions: Any) -> FrozenNormal:
        """The distribution of some of the variables."""
        return FrozenNormal(*_of_some(dimensions, self.mean, self.cov), self.allow_singular)


implements(stats.multivariate_normal)(FrozenNormal)
if hasattr(_Normal, "marginal"):
    implements(_Normal.marginal)(
        lambda self, dimensions, mean=None, cov=1, allow_singular=False: FrozenNormal(
            *_of_some(dimensions, mean, cov), allow_singular
        )
    )


# -- Student's t ------------------------------------------------------------------------------------------
def student_log_density(x: Any, loc: Any, shape: Any, df: Any) -> Any:
    """``multivariate_t.logpdf``."""
    distance, log_determinant, size, lead = whitened(x, loc, shape)
    n = _float(df)
    # Not a difference of log-gammas: poch is the quotient itself.
    factor = np.log(special.apply("scipy_poch", 0.5 * n, 0.5 * size))
    level = factor - 0.5 * (size * (np.log(n) + _LOG_PI) + log_determinant)
    value = level - 0.5 * (n + size) * np.log1p(distance / n)
    return _scalar(np.squeeze(np.reshape(value, lead)))


def student_entropy(loc: Any, shape: Any, df: Any) -> Any:
    """``multivariate_t.entropy``."""
    size = size_of(loc, shape)
    n = _float(df)
    factor = functions[np.linalg.cholesky](covariance(shape, size))
    level = -np.log(special.apply("scipy_poch", 0.5 * n, 0.5 * size))
    spread = 0.5 * size * (np.log(n) + _LOG_PI) + 0.5 * _log_determinant(factor)
    return _scalar(level + spread + 0.5 * (n + size) * digamma_step(0.5 * n, 0.5 * size))


def _finite(df: Any) -> None:
    if not isinstance(df, Tracer) and np.isinf(df):
        raise unsupported(
            "multivariate_t with infinitely many degrees of freedom", "ask the normal"
        )


def _student(self: Any, x: Any, loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
    _finite(df)
    return student_log_density(x, loc, shape, df)


def _student_density(
    self: Any, x: Any, loc: Any = None, shape: Any = 1, df: Any = 1, allow_singular: bool = False
) -> Any:
    if allow_singular:
        raise unsupported("multivariate_t with allow_singular=True", "add to the diagonal")
    return np.exp(_student(self, x, loc, shape, df))


def _student_entropy(self: Any, loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
    _finite(df)
    return student_entropy(loc, shape, df)


_Student = type(stats.multivariate_t)
implements(_Student.logpdf)(_student)
implements(_Student.pdf)(_student_density)
implements(_Student.entropy)(_student_entropy)


@implements(_Student.cdf)
def _student_cdf(
    self: Any, x: Any, loc: Any = None, shape: Any = 1, df: Any = 1, allow_singular: bool = False, *,
    maxpts: Any = None, lower_limit: Any = None, random_state: Any = None,
) -> Any:  # fmt: skip
    if allow_singular:
        raise unsupported("multivariate_t with allow_singular=True", "add to the diagonal")
    return student_cdf(x, loc, shape, df, lower_limit, maxpts=maxpts, rng=random_state)


class FrozenStudent(HoldsTracers):
    """``multivariate_t(loc, shape, df)`` of traced parameters."""

    python_type = type(stats.multivariate_t([0.0]))

    def __init__(
        self, loc: Any = None, shape: Any = 1, df: Any = 1, allow_singular: bool = False, seed: Any = None
    ) -> None:  # fmt: skip
        if allow_singular:
            raise unsupported("multivariate_t with allow_singular=True", "add to the diagonal")
        _finite(df)
        self.loc, self.shape, self.df, self.seed = loc, shape, df, seed

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the density."""
        return student_log_density(x, self.loc, self.shape, self.df)

    def pdf(self, x: Any) -> Any:
        """The density."""
        return np.exp(self.logpdf(x))

    def entropy(self) -> Any:
        """The differential entropy."""
        return student_entropy(self.loc, self.shape, self.df)

    def cdf(
        self, x: Any, *, maxpts: Any = None, lower_limit: Any = None, random_state: Any = None
    ) -> Any:
        """The distribution function."""
        _refuse_seed(self.seed, random_state)
        return student_cdf(
            x, self.loc, self.shape, self.df, lower_limit, maxpts=maxpts, rng=random_state
        )

    def marginal(self, dimensions: Any) -> FrozenStudent:
        """The distribution of some of the variables."""
        return FrozenStudent(*_of_some(dimensions, self.loc, self.shape), self.df)


implements(stats.multivariate_t)(FrozenStudent)
if hasattr(_Student, "marginal"):
    implements(_Student.marginal)(
        lambda self, dimensions, loc=None, shape=1, df=1, allow_singular=False: FrozenStudent(
            *_of_some(dimensions, loc, shape), df, allow_singular
        )
    )


# -- matrices ---------------------------------------------------------------------------------------------
def _log_multigamma(a: Any, size: int) -> Any:
    total: Any = 0.25 * size * (size - 1) * _LOG_PI
    for j in range(size):
        total = total + special.apply("lgamma", a - 0.5 * j)
    return total


def _whole(size: Any) -> int:
    if not isinstance(size, int):
        raise unsupported("a distribution of matrices of run-time size", "give arrays of one shape")
    return size


def inverse_wishart_log_density(x: Any, df: Any, scale: Any) -> Any:
    """``invwishart.logpdf`` of one matrix."""
    point, c = _float(x), _float(scale)
    if point.ndim != 2 or c.ndim != 2:
        raise unsupported("invwishart of numbers, or of several matrices", "ask matrix by matrix")
    n, size = _float(df), _square(c)
    if tuple(_whole(k) for k in point.shape) != (size, size):
        raise ValueError(
            f"Quantiles have incompatible dimensions: should be {(size, size)}, got {point.shape}."
        )
    check(n > size - 1, "as many degrees of freedom as the scale has rows")
    factor, inner = (functions[np.linalg.cholesky](m) for m in (point, c))
    solved: Any = triangular_solve(factor, inner, True, False)  # whose square sum is tr(scale x⁻¹)
    level = n * _log_determinant(inner) - np.sum(solved * solved) - n * size * _LOG_2
    rest = (n + size + 1) * _log_determinant(factor)
    return _scalar(0.5 * (level - rest) - _log_multigamma(0.5 * n, size))


def inverse_wishart_entropy(df: Any, scale: Any) -> Any:
    """``invwishart.entropy`` (Gupta and Nagar, theorem 3.4.1)."""
    c = _float(scale)
    if c.ndim != 2:
        raise unsupported("invwishart of numbers", "give a matrix")
    n, size = _float(df), _whole(c.shape[0])
    log_determinant = _log_determinant(functions[np.linalg.cholesky](c))
    mean: Any = sum(special.digamma(0.5 * (n - size + i)) for i in range(1, size + 1))
    level = _log_multigamma(0.5 * n, size) + 0.5 * size * n
    spread = 0.5 * (size + 1) * (log_determinant - _LOG_2)
    return _scalar(level + spread - 0.5 * (n + size + 1) * mean)


_InverseWishart = type(stats.invwishart)
implements(_InverseWishart.logpdf)(
    lambda self, x, df, scale: inverse_wishart_log_density(x, df, scale)
)
implements(_InverseWishart.pdf)(
    lambda self, x, df, scale: np.exp(inverse_wishart_log_density(x, df, scale))
)
implements(_InverseWishart.entropy)(lambda self, df, scale: inverse_wishart_entropy(df, scale))


def _sizes(mean: Any, rows: Any, columns: Any, x: Any) -> tuple[int, int]:
    """The shape of a matrix, as SciPy finds it: of covariances that are numbers, by the mean.

    A number without a mean is a covariance of one row.
    """
    if mean is not None and len(mean.shape) != 2:
        raise ValueError("Array `mean` must be two dimensional.")
    found = []
    for axis, c in enumerate((rows, columns)):
        if not c.shape:
            found.append(1 if mean is None else _whole(mean.shape[axis]))
        else:
            found.append(_square(c))
    m, n = found
    for what, given in (("mean", mean), ("X", x)):
        if given is not None and tuple(_whole(k) for k in given.shape) != (m, n):
            raise ValueError(
                f"The shape of array `{what}` is not compatible with the distribution parameters."
            )
    return m, n


def _square(c: Any) -> int:
    """The size of a covariance that is no number."""
    if len(c.shape) > 2 or _whole(c.shape[0]) != _whole(c.shape[-1]):
        raise ValueError("A covariance must be a scalar or a square 2D array.")
    return _whole(c.shape[0])


def _matrix(x: Any, mean: Any, rows: Any, columns: Any) -> tuple[Any, ...]:
    """The whitened difference, sizes, logarithms of determinants."""
    point, r, c = _float(x), _float(rows), _float(columns)
    center = None if mean is None else _float(mean)
    if point.ndim != 2:
        raise unsupported("a density of several matrices", "ask matrix by matrix")
    m, n = _sizes(center, r, c, point)
    factors = [functions[np.linalg.cholesky](covariance(v, k)) for v, k in ((r, m), (c, n))]
    difference = point if center is None else point - center
    half: Any = triangular_solve(factors[0], difference, True, False)
    solved: Any = triangular_solve(factors[1], t(half), True, False)
    return solved, m, n, *[_log_determinant(f) for f in factors]


def matrix_normal_log_density(x: Any, mean: Any, rows: Any, columns: Any) -> Any:
    """``matrix_normal.logpdf`` of one matrix."""
    solved, m, n, of_rows, of_columns = _matrix(x, mean, rows, columns)
    level = m * n * _LOG_TWO_PI + n * of_rows + m * of_columns
    return _scalar(-0.5 * (level + np.sum(solved * solved)))


def matrix_t_log_density(x: Any, mean: Any, rows: Any, columns: Any, df: Any) -> Any:
    """``matrix_t.logpdf`` of one matrix."""
    solved, m, n, of_rows, of_columns = _matrix(x, mean, rows, columns)
    a = 0.5 * (_float(df) + m - 1)
    gammas = _log_multigamma(a + 0.5 * n, m) - _log_multigamma(a, m)
    square = functions[np.eye](m) + functions[np.matmul](t(solved), solved)
    inner = _log_determinant(functions[np.linalg.cholesky](square))
    level = 0.5 * (m * n * _LOG_PI + n * of_rows + m * of_columns)
    return _scalar(gammas - level - (a + 0.5 * n) * inner)


def matrix_normal_entropy(rows: Any, columns: Any) -> Any:
    """``matrix_normal.entropy``."""
    r, c = _float(rows), _float(columns)
    m, n = _sizes(None, r, c, None)
    of_rows, of_columns = (
        _log_determinant(functions[np.linalg.cholesky](covariance(v, k)))
        for v, k in ((r, m), (c, n))
    )
    return _scalar(0.5 * (m * n * (1 + _LOG_TWO_PI) + n * of_rows + m * of_columns))


_MatrixNormal: Any = type(stats.matrix_normal)
_MatrixStudent: Any = type(getattr(stats, "matrix_t", None))  # not in older versions
implements(_MatrixNormal.logpdf)(
    lambda self, X, mean=None, rowcov=1, colcov=1: matrix_normal_log_density(
        X, mean, rowcov, colcov
    )
)
implements(_MatrixNormal.pdf)(
    lambda self, X, mean=None, rowcov=1, colcov=1: np.exp(
        matrix_normal_log_density(X, mean, rowcov, colcov)
    )
)
if hasattr(_MatrixNormal, "entropy"):
    implements(_MatrixNormal.entropy)(
        lambda self, rowcov=1, colcov=1: matrix_normal_entropy(rowcov, colcov)
    )
if hasattr(_MatrixStudent, "logpdf"):
    implements(_MatrixStudent.logpdf)(
        lambda self, X, mean=None, row_spread=1, col_spread=1, df=1: matrix_t_log_density(
            X, mean, row_spread, col_spread, df
        )
    )
    implements(_MatrixStudent.pdf)(
        lambda self, X, mean=None, row_spread=1, col_spread=1, df=1: np.exp(
            matrix_t_log_density(X, mean, row_spread, col_spread, df)
        )
    )


# -- kernel estimates ---------------------------------------------------------------------------------------
def _kernel_exponents(points: Any, xi: Any, factor: Any) -> tuple[Any, Any]:
    """``-|p - x|² / 2`` of each pair of whitened points, and the logarithm of the normalisation."""
    chol = _float(factor)
    sources, targets = (triangular_solve(chol, t(_float(v)), True, False) for v in (points, xi))
    difference = functions[np.expand_dims](targets, 1) - functions[np.expand_dims](sources, 2)
    distance = np.sum(difference * difference, axis=0)
    size = chol.shape[0]
    return -0.5 * distance, -0.5 * size * _LOG_TWO_PI - np.sum(np.log(np.diagonal(chol)))


def kernel_estimate(points: Any, values: Any, xi: Any, factor: Any, dtype: Any) -> Any:
    """``gaussian_kernel_estimate``: of n points, with p weights each, at m places: (m, p)."""
    exponents, level = _kernel_exponents(points, xi, factor)
    kernels = np.exp(exponents) * np.exp(level)
    return functions[np.matmul](t(kernels), _float(values))


def log_kernel_estimate(points: Any, values: Any, xi: Any, factor: Any, dtype: Any) -> Any:
    """``gaussian_kernel_estimate_log``: its logarithm, by the largest exponent of each place."""
    exponents, level = _kernel_exponents(points, xi, factor)
    weighted = functions[np.expand_dims](exponents, 2) + functions[np.expand_dims](
        np.log(_float(values)), 1
    )
    return np.logaddexp.reduce(weighted, axis=0) + level


def _enter_kernels() -> None:
    pairs = (("gaussian_kernel_estimate", kernel_estimate),
             ("gaussian_kernel_estimate_log", log_kernel_estimate))  # fmt: skip
    for name, function in pairs:
        fused = getattr(_stats, name, None)
        if fused is not None:
            implements(fused["double"])(function)


_enter_kernels()


# -- the von Mises distribution, whose function is in C ------------------------------------------------
def _vonmises_density(kappa: Any, x: Any) -> Any:
    normed = 2 * np.pi * special.apply("scipy_i0e", kappa)
    return np.exp(-2 * kappa * np.sin(0.5 * x) ** 2) / normed


def _vonmises_by_kappa(kappa: Any, x: Any) -> Any:
    """``∫₀ˣ (cos t - m) f(t) dt`` with the mean m of the cosine, of an angle between -π and π.

    Over the part of the range in which the density is more than e^-40 of its largest value.
    """
    mean = special.apply("scipy_i1e", kappa) / special.apply("scipy_i0e", kappa)
    angle = x - 2 * np.pi * np.round(x / (2 * np.pi))
    reach = 2 * np.arcsin(np.sqrt(np.minimum(1.0, 20.0 / np.maximum(kappa, 20.0))))
    end = np.clip(angle, -reach, reach)
    nodes, weights = gauss_legendre()
    column = lambda v: np.reshape(v, (*np.shape(v), 1))  # noqa: E731
    t = column(end) * nodes
    terms = (np.cos(t) - column(mean)) * _vonmises_density(column(kappa), t)
    return end * np.sum(terms * weights, axis=-1)


register(
    Entry(
        "vonmises_cdf",
        lambda types: (types[0],),
        lambda kappa, x: np.asarray(_stats.von_mises_cdf(kappa, x), float).reshape(np.shape(x)),
        Kernel("vonmises_cdf"),
        Rules(
            lambda site, tangents: (_vonmises_push(site, tangents),),
            lambda site, cts: (
                cts[0] * _vonmises_by_kappa(*site.operands),
                cts[0] * _vonmises_density(*site.operands),
            ),
        ),
    )
)


def _vonmises_push(site: Any, tangents: Any) -> Any:
    slopes = (_vonmises_by_kappa, _vonmises_density)
    terms = [
        d * slope(*site.operands)
        for d, slope in zip(tangents, slopes, strict=True)
        if d is not None
    ]
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


@implements(_stats.von_mises_cdf)
def vonmises_cdf(kappa: Any, x: Any) -> Any:
    """The distribution function; beyond a turn it goes on growing."""
    shape, place = _float(kappa), _float(x)
    wide = broadcast_shapes(shape.shape, place.shape)
    operands = [Tracer(broadcast_to(v, wide).value, "array") for v in (shape, place)]
    return _scalar(emit_tracer("vonmises_cdf", *operands))


__all__ = [
    "FrozenNormal",
    "covariance",
    "inverse_wishart_entropy",
    "inverse_wishart_log_density",
    "kernel_estimate",
    "log_kernel_estimate",
    "matrix_normal_entropy",
    "matrix_normal_log_density",
    "matrix_t_log_density",
    "normal_cdf",
    "normal_entropy",
    "normal_log_cdf",
    "normal_log_density",
    "size_of",
    "student_entropy",
    "student_log_density",
    "whitened",
]  # fmt: skip
