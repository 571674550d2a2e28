"""From calls to compiled programs: specialisations, guards, the slow path and the fast path.

A :class:`Compiled` object wraps the user's function with a transformation (value, gradient, …).

    binding         what a call is bound to: slots, leaves, the key of its specialisations
    calling         the specialisation for a call is found again, or made and remembered
    compiling       capture, differentiate, passes, engine: a specialisation for one call
    generality      which ints and extents a specialisation reads at run time
    specialisation  one compiled program and when it applies
    running         guards are asked, inputs brought into form, outputs put back
    fast            what goes straight to the compiled entry
    writing         which parts of arrays that the function stores into are copied back
    fallback        calls that run uncompiled, and the warning that says so
    warned          floating-point warnings: what NumPy would have said
"""

from autodiff.compiled.binding import Call, Signature, classify, leaf_key
from autodiff.compiled.calling import MAXIMUM_PATHS, Compiled
from autodiff.compiled.generality import Generality
from autodiff.compiled.specialisation import Specialisation

__all__ = [
    "MAXIMUM_PATHS",
    "Call",
    "Compiled",
    "Generality",
    "Signature",
    "Specialisation",
    "classify",
    "leaf_key",
]
