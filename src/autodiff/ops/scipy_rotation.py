"""``scipy.spatial.transform`` on traced arrays: SciPy's classes are Python around routines in C.

    Rotation.from_rotvec(v).as_matrix()       the class is interpreted as a user's is
    _rotation_cy.from_rotvec(v)               =>   _rotation_xp.from_rotvec(v)

Each routine in C has a twin in Python, which SciPy keeps for arrays of other libraries: that is followed.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.tracer import Tracer


def _number(x: Any) -> Any:
    return Tracer(x.value, "scalar") if isinstance(x, Tracer) and not x.shape else x


def _twin(python: FunctionType) -> Callable[..., Any]:
    signature = inspect.signature(python)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        # The routine in C works on copies, the twin may store into what it is given.
        given = [x.copy() if isinstance(x, Tracer) and x.form == "array" else x for x in bound.args]
        found = interpreted(python, *given, **bound.kwargs)
        if python.__name__ == "align_vectors":  # whose distance is a number in C
            return tuple([_number(x) for x in found])
        return found

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


def _within_a_turn(angle: Any) -> Any:
    """An angle between -π and π, where it is already unchanged: half a turn keeps its sign, as in C."""
    above, below = angle > np.pi, angle < -np.pi
    return angle + np.where(below, 2 * np.pi, np.where(above, -2 * np.pi, 0.0))


def _angles(
    extrinsic: bool, symmetric: bool, sign: int, shift: float, a: Any, b: Any, c: Any, d: Any,
    silent: bool,
) -> Any:  # fmt: skip
    """Euler's angles by the halves of sum and difference of the outer two.

    Source: E. Bernardes and S. Viollet, Quaternion to Euler angles conversion (2022).
    """
    total, difference = np.arctan2(b, a), np.arctan2(d, c)
    middle = 2 * np.arctan2(np.hypot(c, d), np.hypot(a, b))
    straight, folded = np.abs(middle) <= 1e-7, np.abs(middle - np.pi) <= 1e-7
    free = ~(straight | folded)
    if not silent and np.any(~free):
        warnings.warn(
            "Gimbal lock detected. Setting third angle to zero "
            "since it is not possible to uniquely determine "
            "all angles.",
            stacklevel=3,
        )
    locked = np.where(straight, 2 * total, 2 * difference * (-1 if extrinsic else 1))
    one = np.where(free, total - difference, locked if extrinsic else 0.0)
    other = np.where(free, total + difference, 0.0 if extrinsic else locked)
    if not symmetric:
        other = other * sign
        middle = middle - shift
    parts = (one, middle, other) if extrinsic else (other, middle, one)
    return np.stack([_within_a_turn(v) for v in parts], axis=-1)


def _enter_angles() -> None:
    twins = importlib.import_module("scipy.spatial.transform._rotation_xp")
    own = getattr(twins, "_get_angles", None)
    if own is not None:
        implements(own)(lambda *args: interpreted(_angles, *args))


_enter("_rotation_cy", "_rotation_xp")
_enter("_rigid_transform_cy", "_rigid_transform_xp")
try:
    _enter_angles()
except ImportError:  # likewise
    pass
