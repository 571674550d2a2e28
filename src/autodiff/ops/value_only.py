"""Functions of which the value alone is right, and why there is no derivative.

    why_value_only("scipy.cluster.vq.kmeans")     "it repeats a choice of the nearest centres in C"

What is not listed is a function that nobody has looked at.
"""

from __future__ import annotations

_MASKED = "masked arrays are computed by plain NumPy"
_MATRIX = "np.matrix is computed by plain NumPy: use arrays, and @"
_DRAWS = "its value is made of random draws, or of how they compare"
_NEAREST = "it repeats a choice of the nearest in C"
_MERGES = "SciPy chooses in C what is merged, by comparing distances"
_PATHS = "SciPy chooses paths in C, by comparing lengths"
_KNOTS = "FITPACK chooses knots and smoothing by an iteration in Fortran"
_LAME = "no formula is known of the derivative of Lamé functions by these arguments"
_SERIES = "SciPy gives the coefficients of a series, of which no derivative is known"
_LEVEL = "its equation need not hold for the level that is given"
_NO_DIGITS = "SciPy's values of it have no digits right near the end of its domain"
_SEARCH = "it is the result of a search that compares values"
_DIFFERENCES = "it is made of differences itself"
_LAPACK = "it is one routine of LAPACK, of which no derivative is known"
_KRYLOV = "it is an iteration in C, as good as its tolerance"
_LISTS = "its elements would be Python's own objects: leave them in arrays, as tocsr does"
_NEW = "SciPy finds it by quadrature or by search, as good as its tolerance"
_FALLING = "SciPy sums terms that fall steadily, as those of a derivative need not"
_MEASURE = "SciPy has no density of it but by quadrature in C"
_OBJECTS = "its results are Python's own objects: np.vectorize gives arrays"
_ROOM = "NumPy changes it only where nothing else refers to it: store into another array"
_STEPS = "it is one step of a search: scipy.optimize.root has a derivative"
_PACE = "it goes by steps that its errors choose: scipy.integrate.solve_ivp has a derivative"
_FORTRAN = "it is a routine in Fortran: scipy.integrate.solve_ivp has a derivative"
_SUPPORT = "it chooses its points by comparing errors"
_GRIDS = "nobody has written it: RegularGridInterpolator and RectBivariateSpline have derivatives"
_TRIANGLES = "SciPy finds slopes in C by an iteration: LinearNDInterpolator has a derivative"
_ARNOLDI = "it is an iteration, as good as its tolerance: expm_multiply has a derivative"
_SHRUNK = "what is left out depends on where the elements are: slice the matrix"

# By the beginnings of names, the longest one counts.
REASONS: dict[str, str] = {
    "numpy.asmatrix": _MATRIX,
    "numpy.bmat": _MATRIX,
    "numpy.frompyfunc": _OBJECTS,
    "numpy.ma.": _MASKED,
    "numpy.matrix": _MATRIX,
    "numpy.ndarray.resize": _ROOM,
    "scipy.cluster.hierarchy": _MERGES,
    "scipy.cluster.vq": _NEAREST,
    "scipy.differentiate": _DIFFERENCES,
    "scipy.integrate.BDF": _PACE,
    "scipy.integrate.LSODA": _FORTRAN,
    "scipy.integrate.Radau": _PACE,
    "scipy.integrate._ode.complex_ode": _FORTRAN,
    "scipy.integrate._vode": _FORTRAN,
    "scipy.integrate.nsum": _FALLING,
    "scipy.integrate.qmc_quad": _DRAWS,
    "scipy.interpolate.AAA": _SUPPORT,
    "scipy.interpolate.CloughTocher": _TRIANGLES,
    "scipy.interpolate.LSQ": _KNOTS,
    "scipy.interpolate.RectSphere": _GRIDS,
    "scipy.interpolate.Smooth": _KNOTS,
    "scipy.interpolate.bisplrep": _KNOTS,
    "scipy.interpolate.make_splprep": _KNOTS,
    "scipy.interpolate.splprep": _KNOTS,
    "scipy.interpolate.sproot": _KNOTS,
    "scipy.linalg.cossin": _LAPACK,
    "scipy.optimize._linesearch": _SEARCH,
    "scipy.optimize._nonlin": _STEPS,
    "scipy.optimize.approx_fprime": _DIFFERENCES,
    "scipy.optimize.bracket": _SEARCH,
    "scipy.optimize.check_grad": _DIFFERENCES,
    "scipy.optimize.line_search": _SEARCH,
    "scipy.sparse._base._spbase.todok": _LISTS,
    "scipy.sparse._base._spbase.tolil": _LISTS,
    "scipy.sparse._compressed._cs_matrix.resize": _SHRUNK,
    "scipy.sparse._coo._coo_base.todok": _LISTS,
    "scipy.sparse._coo._coo_base.tolil": _LISTS,
    "scipy.sparse._csr._csr_base.tolil": _LISTS,
    "scipy.sparse.csgraph": _PATHS,
    "scipy.sparse.dok_": _LISTS,
    "scipy.sparse.lil_": _LISTS,
    "scipy.sparse.linalg.funm_multiply": _ARNOLDI,
    "scipy.sparse.linalg.lobpcg": _KRYLOV,
    "scipy.sparse.linalg.onenormest": _KRYLOV,
    "scipy.sparse.linalg.spilu": _KRYLOV,
    "scipy.spatial.KDTree": _NEAREST,
    "scipy.spatial.cKDTree": _NEAREST,
    "scipy.special.ellip_": _LAME,
    "scipy.special.mathieu_": _SERIES,
    "scipy.special.obl_ang1_cv": _LEVEL,
    "scipy.special.obl_rad1_cv": _LEVEL,
    "scipy.special.obl_rad2": _NO_DIGITS,
    "scipy.special.pro_ang1_cv": _LEVEL,
    "scipy.special.pro_rad1_cv": _LEVEL,
    "scipy.special.pro_rad2": _NO_DIGITS,
    "scipy.stats._continuous_distns.studentized_range": _MEASURE,
    "scipy.stats._distribution_infrastructure": _NEW,
    "scipy.stats._levy_stable": _MEASURE,
    "scipy.stats.boxcox_normmax": _SEARCH,
    "scipy.stats.dunnett": "its probabilities are sums over the points of a generator",
    "scipy.stats.ecdf": "it counts",
    "scipy.stats.fit": _SEARCH,
    "scipy.stats.goodness_of_fit": _DRAWS,
    "scipy.stats.levy_stable": _MEASURE,
    "scipy.stats.logrank": "it counts",
    "scipy.stats.multiscale_graphcorr": _DRAWS,
    "scipy.stats.ppcc_max": _SEARCH,
}


def why_value_only(name: str) -> str | None:
    """Why a function has no derivative; None of one that is not listed."""
    found = [beginning for beginning in REASONS if name.startswith(beginning)]
    return REASONS[max(found, key=len)] if found else None


__all__ = ["REASONS", "why_value_only"]
