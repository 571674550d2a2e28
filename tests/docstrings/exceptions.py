"""Examples that are not compared, each with its reason."""

_MEMORY = "what is in memory that nobody wrote to"
_UNDEFINED = "overwrite_input leaves its operand undefined, says the documentation"
_RECORDS = "an array of records is an argument, which is refused"

EXCEPTIONS: dict[str, str] = {
    "numpy.empty 1": _MEMORY,
    "numpy.empty_like 1": _MEMORY,
    "numpy.ndarray 1": _MEMORY,
    "numpy.ndarray.ctypes 1": "the address of an array",
    "numpy.all 1": "the identity of an object",
    "numpy.any 1": "the identity of an object",
    "numpy.nanmedian 1": _UNDEFINED,
    "numpy.nanpercentile 1": _UNDEFINED,
    "numpy.nanquantile 1": _UNDEFINED,
    "numpy.recarray 2": _RECORDS,
}
