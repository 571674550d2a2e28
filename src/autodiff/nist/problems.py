"""Read the NIST StRD nonlinear regression files.

    load("Misra1a") -> Problem(name, level, model, x, y, starts, parameters, deviations, rss, ...)

A file is text for people: a preamble, a "Model:" section, one line per parameter

      b1 =   500         250           2.3894212918E+02  2.7070075241E+00

(start 1, start 2, certified value, standard deviation), "Residual Sum of Squares:" and its
companions, and after the second "Data:" the observations, y first. The reader goes by these
words, not by line numbers, and checks the counts that the file states.

`agreed_digits` is NIST's own measure of agreement, the log relative error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from autodiff.plain_data import dataclass

from .models import MODELS, Array, Model, log_response_models

_PARAMETER = re.compile(r"^\s*b(\d+)\s*=\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*$", re.MULTILINE)
_DATA = re.compile(r"^Data:\s+y\s+x.*$", re.MULTILINE)
_LEVEL = re.compile(r"^\s*(Lower|Average|Higher) Level of Difficulty", re.MULTILINE)

# NIST certifies eleven significant digits, so nothing can agree to more.
CERTIFIED_DIGITS = 11.0


@dataclass(frozen=True)
class Problem:
    """One regression problem.

    Attributes
    ----------
    name
        NIST's name, as in ``Misra1a``.
    level
        ``"Lower"``, ``"Average"`` or ``"Higher"``: NIST's level of difficulty.
    model
        ``model(b, x)``, in plain NumPy.
    x, y
        Predictor, shape (n,) or (2, n) for Nelson, and response, shape (n,). Where the model is
        of ``log[y]``, `y` is already the logarithm.
    starts
        Start 1 and start 2, shape (2, p).
    parameters, deviations
        Certified values and their standard deviations, shape (p,).
    rss
        Certified residual sum of squares.
    """

    name: str
    level: str
    model: Model
    x: Array
    y: Array
    starts: Array
    parameters: Array
    deviations: Array
    rss: float

    def residuals(self, b: Array) -> Array:
        """`model(b, x) - y`."""
        return self.model(b, self.x) - self.y


def names() -> tuple[str, ...]:
    """The names of all problems, in NIST's order of difficulty."""
    return tuple(MODELS)


def load(name: str) -> Problem:
    """Read one problem by NIST's name.

    Raises
    ------
    ValueError
        If there is no problem of that name; the text lists them.
    """
    if name not in MODELS:
        raise ValueError(f"no NIST problem named {name!r}; there are {', '.join(MODELS)}")
    file = resources.files(__package__).joinpath("data", f"{name}.dat")
    return parse(name, file.read_text(encoding="ascii"))


def load_all() -> list[Problem]:
    """Read all 27 problems, in NIST's order of difficulty."""
    return [load(name) for name in MODELS]


def parse(name: str, text: str) -> Problem:
    """The problem in the text of one file."""
    rows = _PARAMETER.findall(text)
    if [int(row[0]) for row in rows] != list(range(1, len(rows) + 1)) or not rows:
        raise ValueError(f"{name}: the parameter lines are not b1, b2, …")
    table = np.array([[float(word) for word in row[1:]] for row in rows])

    heading, level = _DATA.search(text), _LEVEL.search(text)
    if heading is None or level is None:
        raise ValueError(f"{name}: found no data heading or no level of difficulty")
    data = np.array([[float(w) for w in line.split()] for line in text[heading.end() :].split("\n")
                     if line.strip()])  # fmt: skip
    if len(data) != int(_labelled(name, text, "Number of Observations")):
        raise ValueError(f"{name}: the file states another number of observations than it holds")

    y = data[:, 0].copy()
    if name in log_response_models:
        y = np.log(y)
    predictors = data[:, 1:].T.copy()
    return Problem(
        name=name,
        level=level.group(1),
        model=MODELS[name],
        x=predictors[0] if len(predictors) == 1 else predictors,
        y=y,
        starts=table[:, :2].T.copy(),
        parameters=table[:, 2].copy(),
        deviations=table[:, 3].copy(),
        rss=_labelled(name, text, "Residual Sum of Squares"),
    )


def _labelled(name: str, text: str, label: str) -> float:
    match = re.search(rf"^\s*{label}:?\s+(\S+)\s*$", text, re.MULTILINE)
    if match is None:
        raise ValueError(f"{name}: found no line {label!r}")
    return float(match.group(1))


def agreed_digits(found: Sequence[float] | np.ndarray[Any, Any] | float, certified: Any) -> float:
    """Significant digits to which `found` agrees with `certified`: the worst over all entries.

    The log relative error of McCullough (1998, The American Statistician 52, 358-366),
    ``-log10(|found - certified| / |certified|)``, cut to [0, 11]: NIST certifies eleven digits.

    Examples
    --------
    >>> round(agreed_digits([1.001, 2.0], [1.0, 2.0]), 3)
    3.0
    """
    found, certified = np.atleast_1d(found), np.atleast_1d(certified)
    if not np.all(np.isfinite(found)):
        return 0.0
    worst = float(np.max(np.abs(found - certified) / np.abs(certified)))
    if worst == 0.0:
        return CERTIFIED_DIGITS
    return min(max(-math.log10(worst), 0.0), CERTIFIED_DIGITS)
