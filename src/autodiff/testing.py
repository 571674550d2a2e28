"""Checking derivatives: against finite differences, forward against reverse mode.

``check_gradient(f, *args)`` is what the project's own tests use, and ships for its users.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.api import Gradient, gradient
from autodiff.api.transformed import product
from autodiff.compiled.binding import is_complex, whole_of_parts
from autodiff.errors import AutodiffError, NameArgumentError
from autodiff.ir.printing import table_html
from autodiff.ops.complex_numbers import parts_of_complex
from autodiff.tracebacks import depth_of_user, without_our_frames
from autodiff.transform.arguments import written, wrt_items
from autodiff.transform.vectors import moves

# Ridders' extrapolation (Ridders 1982): steps shrink by this factor, orders are eliminated in turn.
_SHRINK = 1.4
_LEVELS = 8
_TELLING = 0.1  # relative: with differences that are less certain any gradient would agree
_STARTS = 3  # further starts of an extrapolation, each from a hundredth of the step


class KinkWarning(UserWarning):
    """A gradient was checked where the function has none: what agrees there is a convention."""


class GradientMismatch(AutodiffError, AssertionError):
    """A derivative that does not agree with finite differences."""

    code = "AD401"


@dataclass(frozen=True)
class Report:
    """What a gradient check found.

    ``error`` is the largest difference between the gradient and finite differences, relative to
    the larger of 1 and the gradient's own size; ``agrees`` whether it is within the tolerance
    plus what the differences themselves are uncertain by, which has to be less than a tenth.
    ``undefined``: the function or its derivative is not a number at ``worst``, which is no agreement.  ``kinks`` are the elements by
    which the function has no derivative there, as far as one-sided differences tell.
    """

    agrees: bool
    error: float
    uncertainty: float
    gradient: Any
    differences: Any
    worst: str
    undefined: bool = False
    kinks: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.undefined:
            return (
                f"gradient cannot be checked: the function or its derivative is nan, or raises, at or "
                f"around {self.worst}"
            )
        if self.uncertainty > _TELLING:
            text = (
                f"gradient cannot be checked: differences at {self.worst} are certain to "
                f"{self.uncertainty:.1e} only, relative to the largest element"
            )
            return f"{text}; {self._kinks()}" if self.kinks else text
        verdict = "agrees" if self.agrees else "DIFFERS"
        text = (
            f"gradient {verdict} with finite differences: largest relative error {self.error:.1e} "
            f"at {self.worst} (differences are certain to {self.uncertainty:.1e})"
        )
        return f"{text}; {self._kinks()}" if self.kinks else text

    def _verdict(self) -> str:
        if self.undefined or self.uncertainty > _TELLING:
            return "cannot be checked"
        return "agrees with finite differences" if self.agrees else "DIFFERS"

    def _kinks(self) -> str:
        shown = ", ".join(self.kinks[:3]) + (", …" if len(self.kinks) > 3 else "")
        return f"the function has a kink here, by {shown}"

    def _repr_html_(self) -> str:
        rows = {
            "gradient": self._verdict(),
            "largest relative error": f"{self.error:.1e}",
            "at": self.worst,
            "differences are certain to": f"{self.uncertainty:.1e}",
        }
        if self.kinks:
            rows["kinks"] = ", ".join(self.kinks)
        return table_html(rows)


def derivative(f: Callable[[float], float], step: float = 1e-2) -> tuple[float, float]:
    """``f'(0)`` and an error estimate, by central differences with Ridders' extrapolation.

    Source: C. Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering
    Software 4 (1982).  Its own estimate of the error is no use where a kink lies within the first
    steps, so a second start, from a hundredth of the step, has to agree.
    """
    first = _ridders(f, step)
    best = (first[0], np.inf)
    for _ in range(_STARTS):
        step *= 1e-2
        second = _ridders(f, step)
        value, doubt = min(first, second, key=lambda estimate: estimate[1])
        doubt = max(doubt, abs(first[0] - second[0]))
        if not doubt >= best[1]:
            best = (value, doubt)
        if doubt <= 1e-8 * max(1.0, abs(value)):
            break
        first = second
    return best


def _ridders(f: Callable[[float], float], step: float) -> tuple[float, float]:
    table = np.full((_LEVELS, _LEVELS), np.nan)
    best, uncertainty = np.nan, np.inf
    h = step
    for row in range(_LEVELS):
        above, below = f(h), f(-h)
        table[row, 0] = (above - below) / (2 * h)
        rounding = np.finfo(float).eps * (abs(above) + abs(below)) / (2 * h)
        factor = _SHRINK**2
        for order in range(1, row + 1):
            table[row, order] = (table[row, order - 1] * factor - table[row - 1, order - 1]) / (
                factor - 1
            )
            factor *= _SHRINK**2
            error = max(
                abs(table[row, order] - table[row, order - 1]),
                abs(table[row, order] - table[row - 1, order - 1]),
            )
            if error + rounding <= uncertainty:
                best, uncertainty = table[row, order], error + rounding
        h /= _SHRINK
    return float(best), float(uncertainty)


def numerical_gradient(
    f: Callable[..., Any], leaves: list[Any], which: list[int], rebuild: Callable[[list[Any]], Any]
) -> tuple[list[Any], list[Any]]:
    """Finite differences of ``f`` by the chosen leaves, and their uncertainty."""
    values, doubts = [], []
    for number in which:
        x = np.asarray(leaves[number], float)
        value, doubt = np.zeros(x.shape), np.zeros(x.shape)
        for index, along in _lines(f, leaves, number, rebuild):
            value[index], doubt[index] = derivative(along, 1e-2 * max(1.0, abs(float(x[index]))))
        values.append(value)
        doubts.append(doubt)
    return values, doubts


def _lines(
    f: Callable[..., Any], leaves: list[Any], number: int, rebuild: Callable[[list[Any]], Any]
) -> Iterator[tuple[tuple[int, ...], Callable[[float], float]]]:
    """For each element of a leaf its index, and ``f`` as a function of what is added to it."""
    x = np.asarray(leaves[number], float)
    for index in np.ndindex(*x.shape):

        def along(t: float, index: Any = index) -> float:
            moved = x.copy()
            moved[index] += t
            changed = _copies(leaves)
            changed[number] = _like(leaves[number], moved)
            try:
                return float(f(*rebuild(changed)))
            except Exception:  # a step leaves the domain of `math.sqrt`, or meets the user's assert
                return float("nan")

        yield index, along


def has_kink(f: Callable[[float], float], scale: float = 1.0, eps: float = 2.2e-16) -> bool:
    """Whether ``f`` has no derivative at 0: a kink, a jump, an infinite slope.

    For a smooth function the two one-sided differences differ by ``h f''(0)``, ten times less at each step; at a
    kink by the same, at a jump by more.  Their mean converges, but at an infinite slope, where it grows.
    Only what stands out from rounding counts; what lies nearer than the smallest step is at the point.

    Parameters
    ----------
    f : callable
        A function of one number.
    scale : float
        The size of what is added to.
    eps : float
        The precision to which ``f`` is computed.
    """
    middle = f(0.0)
    jumps, slopes, noises = [], [], []
    for shorter in (10.0, 1.0, 0.1):
        h = shorter * eps ** (1 / 3) * scale
        above, below = f(h), f(-h)
        jumps.append(abs((above - middle) - (middle - below)) / h)
        slopes.append(abs(above - below) / (2 * h))
        noises.append(eps * (abs(above) + abs(below) + 2 * abs(middle)) / h)
    size = max(1.0, slopes[0])
    return _stays(jumps, noises, size, 0.5) or _stays(slopes, noises, size, 1.5)


def _stays(found: list[float], noises: list[float], size: float, ratio: float) -> bool:
    """Whether each is at least so many times the one before, and more than rounding and curvature."""
    clear = all(x > 100 * noise + 1e-4 * size for x, noise in zip(found, noises, strict=True))
    return clear and all(b >= ratio * a for a, b in zip(found, found[1:], strict=False))


def _kinks(
    f: Callable[..., Any],
    leaves: list[Any],
    which: list[int],
    rebuild: Callable[[list[Any]], Any],
    names: list[str],
) -> tuple[str, ...]:
    """The elements of the chosen leaves by which ``f`` has no derivative."""
    given = [*(leaves[k] for k in which), f(*rebuild(_copies(leaves)))]
    dtypes = [np.asarray(x).dtype for x in given]
    eps = max(float(np.finfo(d).eps) for d in (*dtypes, np.dtype(float)) if d.kind == "f")
    found = []
    for number, name in zip(which, names, strict=True):
        x = np.asarray(leaves[number], float)
        for index, along in _lines(f, leaves, number, rebuild):
            if has_kink(along, max(1.0, abs(float(x[index]))), eps):
                found.append(name + "".join(f"[{k}]" for k in index))
    return tuple(found)


def _like(original: Any, array: np.ndarray) -> Any:
    if isinstance(original, np.ndarray):
        return array.astype(original.dtype) if original.dtype.kind == "f" else array
    return float(array)


def _copies(leaves: list[Any]) -> list[Any]:
    return [np.array(x) if isinstance(x, np.ndarray) else x for x in leaves]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the plain function warns of is not said.

    At the arguments the gradient has said it, once; the points around them nobody gave.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@without_our_frames
def check_gradient(
    f: Callable[..., Any],
    *args: Any,
    wrt: Any = None,
    tolerance: float = 1e-6,
    raises: bool = True,
    **options: Any,
) -> Report:
    """Compare the gradient of ``f`` at ``args`` with finite differences.

    Parameters
    ----------
    f : callable
        A function that returns one number, plain or already a Gradient of this library.
    *args
        Where to check.
    wrt : str, int or sequence, optional
        As for :func:`autodiff.gradient`.
    tolerance : float
        Largest relative error allowed beyond the uncertainty of the differences.
    raises : bool
        Whether a mismatch raises; otherwise the report says so.

    Returns
    -------
    Report

    Raises
    ------
    GradientMismatch
        An ``AssertionError`` that names the worst element.  NaN never agrees, not with NaN either.

    Warns
    -----
    KinkWarning
        Where the function has a kink at ``args``: one-sided differences disagree, and what the gradient
        is there is a convention, with which differences that are symmetric may agree.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.check_gradient(lambda x: np.sum(np.sin(x)), np.array([0.5, 1.0])).agrees
    True
    """
    taken = (
        f
        if isinstance(f, Gradient)
        else product(Gradient, f, {"wrt": wrt, **options})
        if not isinstance(wrt, list)
        else gradient(f, wrt=wrt, **options)
    )
    plain = taken.__wrapped__
    exact = taken(*args)
    compiled = taken._compiled
    call = compiled.bind(args, {})
    slots = wrt_items(compiled.signature, compiled.transformation.wrt, call.given)
    if not all(isinstance(slot, int) for slot in slots):
        raise NameArgumentError(
            f"check_gradient of {compiled.signature.title}: only arguments can be moved to take "
            f"differences, not wrt={written(compiled.transformation.wrt)}.",
            remedy="make what is meant an argument of a function, and check that one",
        )
    leaves = [k for slot in slots for k, s in enumerate(call.slot_of) if s == slot]
    leaves = [k for k in leaves if not isinstance(call.leaves[k], tree.Carried)]
    of_leaf = dict(zip(leaves, tree.parts(exact), strict=True))
    which = [k for k in of_leaf if moves(call, k) or is_complex(call.roles[k])]

    def rebuild(leaves: list[Any]) -> list[Any]:
        whole = [
            whole_of_parts(x, role) if is_complex(role) else x
            for x, role in zip(leaves, call.roles, strict=True)
        ]
        return compiled.rebuild(call)(whole)[0]

    with _quiet():
        differences, doubts = numerical_gradient(plain, call.leaves, which, rebuild)
    # Of a complex number its parts are moved, along a last axis.
    parts = [
        parts_of_complex(of_leaf[k]) if is_complex(call.roles[k]) else of_leaf[k] for k in which
    ]
    names = [call.paths[k] for k in which]
    report = _compare(parts, differences, doubts, names, tolerance, exact)
    with _quiet():
        if not report.undefined and np.any(np.isnan(plain(*rebuild(_copies(call.leaves))))):
            report = replace(report, agrees=False, undefined=True, worst="these arguments")
        if not report.undefined:
            report = replace(report, kinks=_kinks(plain, call.leaves, which, rebuild, names))
    if raises and not report.agrees:
        remedy = "look at autodiff.gradient(f).ir(*args)"
        if report.undefined:
            remedy = "check inside of the function's domain, away from its ends"
        elif report.kinks:
            remedy = "check beside the kink: at it there is no derivative, only a convention"
        raise GradientMismatch(str(report), remedy=remedy)
    if report.kinks:
        warnings.warn(
            f"check_gradient of {compiled.signature.title}: {report._kinks()}, so there is no "
            "derivative to compare with, only a convention; check beside it",
            KinkWarning,
            stacklevel=depth_of_user(),
        )
    return report


def _compare(
    parts: list[Any],
    differences: list[Any],
    doubts: list[Any],
    names: list[str],
    tolerance: float,
    exact: Any,
) -> Report:
    worst, error, uncertainty, agrees, nans = "", 0.0, 0.0, True, False
    # Not by the size of what is not finite: beside it, no difference would be seen.
    sizes = [np.abs(np.asarray(p, float)) for p in parts]
    scale = max([1.0, *(float(np.max(s, initial=0.0, where=np.isfinite(s))) for s in sizes)])
    for part, difference, doubt, name in zip(parts, differences, doubts, names, strict=True):
        with np.errstate(invalid="ignore"):
            gap = np.abs(np.asarray(part) - difference)
        undefined = np.isnan(part) | np.isnan(difference)
        gap = np.where(np.isnan(gap), np.inf, gap) / scale
        uncertainty = max(uncertainty, float(np.max(doubt / scale, initial=0.0)))
        if np.any(gap > tolerance + 10 * doubt / scale) or np.any(undefined):
            agrees = False
        if np.any(doubt > _TELLING * scale):
            agrees = False
        if gap.size and float(np.max(gap)) >= error:
            error = float(np.max(gap))
            index = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.shape else ()
            worst = name + "".join(f"[{int(i)}]" for i in index)
            nans = bool(undefined[index])
    return Report(agrees, error, uncertainty, exact, differences, worst, nans)
