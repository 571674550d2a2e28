"""How many units in the last place compiled functions are from the right value, by the size of the argument.

The right values are mpmath's, with 40 digits and more. Beside ours stands what NumPy or SciPy gives, and the
derivative, whose right value is mpmath's derivative.
"""

import linecache
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import scipy.special

import autodiff
from autodiff.errors import AutodiffError

mp = mpmath.mp

# Where a range begins and ends; functions are looked at where they have a value, on both sides of 0.
RANGES = ((1e-30, 1e-8), (1e-8, 0.1), (0.1, 10.0), (10.0, 1e3), (1e3, 1e15))
POINTS = 12


# Names in np or scipy.special -> the same in mpmath.
NUMPY: dict[str, Callable[..., Any]] = {
    **{n: getattr(mpmath, n) for n in "sin cos tan sinh cosh tanh exp expm1 sqrt log1p".split()},
    "log": mpmath.log, "log2": lambda x: mp.log(x, 2), "log10": mpmath.log10,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh, "arctanh": mpmath.atanh, "exp2": lambda x: mp.mpf(2) ** x,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)), "sinc": lambda x: mp.sincpi(x), "i0": lambda x: mp.besseli(0, x),
}  # fmt: skip


def _log_ndtr(x: Any) -> Any:
    tail = mp.erfc(abs(x) / mp.sqrt(2)) / 2
    return mp.log1p(-tail) if x > 0 else mp.log(tail)


SCIPY: dict[str, Callable[..., Any]] = {
    "erf": mpmath.erf, "erfc": mpmath.erfc, "erfinv": mpmath.erfinv, "gamma": mpmath.gamma,
    "gammaln": lambda x: mp.log(abs(mp.gamma(x))), "digamma": mpmath.digamma, "rgamma": mpmath.rgamma,
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x), "erfi": mpmath.erfi,
    "dawsn": lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
    "j0": lambda x: mp.besselj(0, x), "j1": lambda x: mp.besselj(1, x),
    "y0": lambda x: mp.bessely(0, x), "y1": lambda x: mp.bessely(1, x),
    "i1": lambda x: mp.besseli(1, x), "k0": lambda x: mp.besselk(0, x), "k1": lambda x: mp.besselk(1, x),
    "i0e": lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), "k0e": lambda x: mp.exp(x) * mp.besselk(0, x),
    "expi": mpmath.ei, "exp1": mpmath.e1, "spence": lambda x: mp.polylog(2, 1 - x),
    "ellipk": mpmath.ellipk, "ellipe": mpmath.ellipe, "expit": lambda x: 1 / (1 + mp.exp(-x)),
    "log_expit": lambda x: -mp.log1p(mp.exp(-x)), "logit": lambda x: mp.log(x) - mp.log1p(-x),
    "ndtr": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, "log_ndtr": lambda x: _log_ndtr(x),
    "exprel": lambda x: mp.expm1(x) / x, "cosm1": lambda x: -2 * mp.sin(x / 2) ** 2,
    "entr": lambda x: -x * mp.log(x), "zetac": lambda x: mp.zeta(x) - 1, "lambertw": mpmath.lambertw,
}  # fmt: skip
_POSITIVE = frozenset(
    "log log2 log10 sqrt arccosh y0 y1 k0 k1 k0e exp1 entr gammaln zetac spence".split()
)


def points(name: str, low: float, high: float) -> np.ndarray:
    """Points of a range at which the function has a finite value."""
    rng = np.random.default_rng(11)
    x = np.exp(rng.uniform(np.log(low), np.log(high), POINTS))
    if name not in _POSITIVE:
        x[::2] *= -1
    with np.errstate(all="ignore"):
        value = np.asarray(_library(name)(x))
        slope = np.abs(value) if value.dtype.kind == "c" else value
    return x[np.isfinite(slope) & (np.abs(value) > 1e-290)]


def _library(name: str) -> Callable[..., Any]:
    f: Callable[..., Any] = getattr(np, name) if name in NUMPY else getattr(scipy.special, name)
    return (lambda x: scipy.special.lambertw(x).real) if name == "lambertw" else f


def compiled(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The function and its derivative, of arrays."""
    text = f"np.{name}(x)" if name in NUMPY else f"special.{name}(x)"
    text += ".real" if name == "lambertw" else ""
    source = f"def f(x):\n    return {text}\n\ndef total(x):\n    return np.sum({text})\n"
    file = f"<accuracy of {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"np": np, "special": scipy.special}
    exec(compile(source, file, "exec"), names)
    return autodiff.function(names["f"]), autodiff.gradient(names["total"])


def units(found: float, right: Any) -> float:
    """The distance to the right value in units in the last place."""
    with mp.workdps(60):
        wanted = mp.re(right)
        unit = max(float(np.spacing(abs(float(wanted)))), 5e-324)
        return float(abs(mp.mpf(float(found)) - wanted) / mp.mpf(unit))


def _exact(f: Callable[..., Any], x: float, order: int) -> Any:
    """Value or derivative, with as many digits as cancellation needs."""
    digits = 40 + 2 * int(abs(np.log10(abs(x))))
    with mp.workdps(min(digits, 120)):
        return mp.diff(f, mp.mpf(x)) if order else f(mp.mpf(x))


def worst(name: str, low: float, high: float) -> tuple[float, float, float] | None:
    """The largest distances in a range: of our value, of the library's, of our derivative."""
    x = points(name, low, high)
    if not x.size:
        return None
    exact = {**NUMPY, **SCIPY}[name]
    f, gradient = compiled(name)
    with np.errstate(all="ignore"):
        ours, theirs = f(x.copy()), _library(name)(x)
        try:
            slopes = gradient(x.copy())
        except AutodiffError:
            slopes = None
    found = [[0.0], [0.0], [0.0]]
    for k, point in enumerate(x):
        try:
            right, slope = (_exact(exact, float(point), order) for order in (0, 1))
        except (ValueError, ZeroDivisionError, mpmath.NoConvergence, OverflowError):
            continue
        found[0].append(units(ours[k], right))
        found[1].append(units(theirs[k], right))
        if slopes is not None and 1e-290 < abs(slope) < 1e300:
            found[2].append(units(slopes[k], slope))
    return max(found[0]), max(found[1]), max(found[2])


def _number(u: float) -> str:
    return f"{u:.1f}" if u < 100 else f"{u:.0e}".replace("e+0", "e").replace("e+", "e")


def section() -> str:
    """The tables of the page."""
    text = (
        "## Accuracy\n\nThe largest distance from the right value (mpmath) in units in the last place, at "
        f"{POINTS} points of each range of |x|, on the native engine:\nthe compiled value, in parentheses that "
        "of NumPy or SciPy, then the derivative.\n"
    )
    for title, table in (("NumPy", NUMPY), ("scipy.special", SCIPY)):
        heads = [f"{low:g} – {high:g}" for low, high in RANGES]
        text += f"\n| {title} | {' | '.join(heads)} |\n| --- |{' --- |' * len(RANGES)}\n"
        for name in table:
            cells = []
            for low, high in RANGES:
                found = worst(name, low, high)
                cells.append("" if found is None else "{} ({}), {}".format(*map(_number, found)))
            text += f"| `{name}` | {' | '.join(cells)} |\n"
    return text


if __name__ == "__main__":
    print(section())
