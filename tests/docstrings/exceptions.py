"""Examples that are not compared, each with its reason."""

_MEMORY = "what is in memory that nobody wrote to"
_ADDRESS = "the identity or the address of an object"
_UNDEFINED = "overwrite_input leaves its operand undefined, says the documentation"
_SLOW = "takes a quarter of a minute in plain Python"
_ROUNDING = "what is looked at is rounding: an inverse of a singular matrix, an exact comparison"
_FILTER = "a filter of high order, whose coefficients and roots amplify rounding"
_FIT = "a fit, as good as its tolerance, or of parameters that the data do not tell apart"
_ERRORS = "it makes SciPy raise of singular values, which a derived formula may meet elsewhere"
_QUADRATURE = (
    "a moment that SciPy integrates over quantiles, with an error of its own; here over the density"
)
_LEFT = "what is left of numbers that are much larger, of which the last digits are rounding"
_BY_STEPS = "numbers of Python or of NumPy, by where the iteration stops"
_STATE = "the state of the operating system's generator"

EXCEPTIONS: dict[str, str] = {
    "numpy.empty 1": _MEMORY,
    "numpy.empty_like 1": _MEMORY,
    "numpy.ma.empty 1": _MEMORY,
    "numpy.ma.empty_like 1": _MEMORY,
    "numpy.ndarray 1": _MEMORY,
    "scipy.interpolate.insert 2": _MEMORY,
    "scipy.interpolate.insert 3": _MEMORY,
    "numpy.ndarray.ctypes 1": _ADDRESS,
    "numpy.all 1": _ADDRESS,
    "numpy.any 1": _ADDRESS,
    "numpy.lib.array_utils.byte_bounds 1": _ADDRESS,
    "numpy.ma.ids 1": _ADDRESS,
    "numpy.ma.ids 2": _ADDRESS,
    "numpy.ma.MaskedArray.ids 1": _ADDRESS,
    "numpy.ma.MaskedArray.ids 2": _ADDRESS,
    "numpy.random.Generator 1": _STATE,
    "numpy.random.SeedSequence 1": _STATE,
    "numpy.nanmedian 1": _UNDEFINED,
    "numpy.nanpercentile 1": _UNDEFINED,
    "numpy.nanquantile 1": _UNDEFINED,
    "numpy.recarray 2": "an array of records is an argument, which is refused",
    "numpy.linalg.inv 4": _ROUNDING,
    "scipy.linalg.solve 1": _ROUNDING,
    "scipy.integrate.nquad 2": _SLOW,
    "scipy.integrate.tplquad 4": _SLOW,
    "scipy.interpolate.AAA 7": _SLOW,
    "scipy.optimize.curve_fit 3": _FIT,
    "scipy.optimize.curve_fit 4": _FIT,
    "scipy.optimize.curve_fit 6": _FIT,
    "scipy.optimize.curve_fit 9": _FIT,
    "scipy.optimize.fmin_bfgs 1": _FIT,
    "scipy.optimize.isotonic_regression 1": _FIT,
    "scipy.signal.ShortTimeFFT.from_win_equals_dual 1": _ROUNDING,
    "scipy.signal.buttord 1": _FILTER,
    "scipy.signal.dbode 1": _FILTER,
    "scipy.signal.filtfilt 3": _FILTER,
    "scipy.signal.freqz_sos 4": _FILTER,
    "scipy.signal.gammatone 2": _FILTER,
    "scipy.signal.iirfilter 1": _FILTER,
    "scipy.signal.minimum_phase 2": _FILTER,
    "scipy.sparse.linalg.lsmr 2": _BY_STEPS,
    "scipy.sparse.linalg.lsqr 2": _BY_STEPS,
    "scipy.sparse.linalg.svds 9": _ROUNDING,
    "scipy.special.seterr 1": _ERRORS,
    "scipy.stats.boxcox 3": _FIT,
    "scipy.stats.boxcox_llf 3": _FIT,
    "scipy.stats.boxcox_normplot 3": _FIT,
    "scipy.stats.bradford 3": _ROUNDING,
    "scipy.stats.exponweib 3": _QUADRATURE,
    "scipy.stats.genexpon 3": _QUADRATURE,
    "scipy.stats.genhalflogistic 3": _QUADRATURE,
    "scipy.stats.halfgennorm 3": _QUADRATURE,
    "scipy.stats.johnsonsb 3": _QUADRATURE,
    "scipy.stats.nakagami 3": _LEFT,
    "scipy.stats.powerlognorm 3": _QUADRATURE,
    "scipy.stats.powernorm 3": _QUADRATURE,
    "scipy.stats.recipinvgauss 3": _QUADRATURE,
    "scipy.stats.yeojohnson 3": _FIT,
    "scipy.stats.yeojohnson_llf 3": _FIT,
    "scipy.stats.yeojohnson_normmax 2": _FIT,
    "scipy.stats.yeojohnson_normplot 3": _FIT,
}
