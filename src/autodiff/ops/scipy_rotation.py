"""``scipy.spatial.transform`` on traced arrays: SciPy's classes are Python around routines in C.

    Rotation.from_rotvec(v).as_matrix()       the class is interpreted as a user's is
    _rotation_cy.from_rotvec(v)               =>   _rotation_xp.from_rotvec(v)

Each routine in C has a twin in Python, which SciPy keeps for arrays of other libraries: that is followed.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.tracer import Tracer


def _twin(python: FunctionType) -> Callable[..., Any]:
    signature = inspect.signature(python)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        # The routine in C works on copies, the twin may store into what it is given.
        given = [x.copy() if isinstance(x, Tracer) and x.form == "array" else x for x in bound.args]
        return interpreted(python, *given, **bound.kwargs)

    return function


def _enter(compiled: str, python: str) -> None:
    package = "scipy.spatial.transform."
    try:
        routines = importlib.import_module(package + compiled)
        twins = importlib.import_module(package + python)
    except ImportError:  # a version of SciPy that has routines in C alone
        return
    for name, twin in vars(twins).items():
        routine = getattr(routines, name, None)
        if isinstance(twin, FunctionType) and type(routine).__name__ == "cython_function_or_method":
            implements(routine)(_twin(twin))


_enter("_rotation_cy", "_rotation_xp")
_enter("_rigid_transform_cy", "_rigid_transform_xp")
