"""What becomes of a call: its value compiled, and its derivatives against differences.

    measure(Row("numpy", "add", "np.add(x, p)"))   ->   Found("compiled", "right", "right", "right")

A call is a function of the letters in it, arrays and numbers of :data:`ARGUMENTS`. Its value is compared with plain
Python on both engines; gradient, jvp and Hessian product of a number made of its results with differences
of that number.
"""

import ast
import linecache
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff
from autodiff.errors import AutodiffError, FallbackWarning
from autodiff.signals import refuse_ours
from tests.ops.support import differences, leaves

_rng = np.random.default_rng(5)
_x = _rng.normal(size=(3, 4))
_s = _rng.normal(size=(3, 3)) + 2 * np.eye(3)

# Any matrix, positive, between 0 and 1, a vector, square, positive definite, three axes, a number, a signal, numbers that
# are apart.
ARGUMENTS: dict[str, Any] = {
    "x": _x,
    "p": np.abs(_rng.normal(size=(3, 4))) + 0.5,
    "u": _rng.uniform(0.1, 0.9, size=(3, 4)),
    "y": _rng.normal(size=4),
    "s": _s,
    "a": _s @ _s.T + np.diag([1.0, 2.0, 3.5]),
    "z": _rng.normal(size=(2, 3, 4)),
    "t": 2.5,
    "w": _rng.normal(size=20),
    "e": np.sin(np.arange(20.0) ** 2) * 0.03 + _rng.permutation(np.linspace(-1.9, 2.1, 20)),
}
# What calls read besides: no derivative is asked by them.
CONSTANTS: dict[str, Any] = {
    "i": np.array([3, 1, 2, 6]),
    "j": np.array([4, 5, 6, 3]),
    "k": np.array([[3, 1, 2, 6], [5, 4, 1, 2], [2, 2, 3, 1]]),
    "B": np.array([[0.0, 0.2, 0.3, 0.1], [1.0, 1.4, 2.1, 3.0]]),
    "SOS": np.array([[0.2, 0.3, 0.1, 1.0, -0.2, 0.1], [0.5, 0.1, 0.3, 1.0, 0.3, 0.2]]),
    "L": np.array([[1, 1, 2, 0], [2, 1, 2, 2], [0, 1, 1, 2]]),
    "FOOT": np.array([[1, 0, 1], [0, 1, 1]]),
    "QH": np.array([[0.0, 0.0], [1.0, 0.1], [0.9, 1.0], [0.1, 1.1], [0.5, 0.4]]),
    "rng": np.random.default_rng(3),
}


@dataclass(frozen=True)
class Row:
    """One callable: where it is found, its name, a call, or why there is none."""

    space: str
    name: str
    call: str
    reason: str = ""
    quantile: tuple[str, ...] = ()  # of a draw: what is drawn, its probability, its quantile
    at: str = ""  # what AT in the call is, a constant
    rough: bool = False  # values that an iteration of SciPy's leaves with 8 digits or fewer


@dataclass(frozen=True)
class Found:
    """``value``: compiled, plain, refused, wrong; the derivatives: right, zero, none, refused, wrong."""

    value: str
    gradient: str
    jvp: str
    second: str
    note: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether anything is: neither right nor refused."""
        return "wrong" in (self.value, self.gradient, self.jvp, self.second)


def weighed(result: Any) -> Any:
    """A number made of all floating-point results."""
    total = 0.0
    for leaf in leaves(result):
        if isinstance(leaf, (bool, str, bytes, int, type(None))):
            continue
        array = np.asarray(leaf)
        if array.dtype.kind == "c":
            total = total + weighed([array.real, array.imag])
        elif array.dtype.kind == "f":
            weights = np.cos(np.arange(array.size) + 1.0).reshape(array.shape)
            total = total + np.sum(np.sin(array + 0.3) * weights)
    return total


def _modules() -> dict[str, Any]:
    import scipy.cluster.hierarchy
    import scipy.cluster.vq
    import scipy.constants
    import scipy.differentiate
    import scipy.fft
    import scipy.integrate
    import scipy.interpolate
    import scipy.linalg
    import scipy.ndimage
    import scipy.optimize
    import scipy.signal
    import scipy.sparse.csgraph
    import scipy.sparse.linalg
    import scipy.spatial.distance
    import scipy.spatial.transform
    import scipy.special
    import scipy.stats

    return {
        "np": np,
        "scipy": scipy,
        "linalg": scipy.linalg,
        "signal": scipy.signal,
        "ndimage": scipy.ndimage,
        "distance": scipy.spatial.distance,
        "stats": scipy.stats,
        "weighed": weighed,
    }


def functions_of(row: Row) -> tuple[Callable[..., Any], Callable[..., Any], list[str]]:
    """The call as a function, the number made of it, and the letters that are its arguments."""
    *before, last = row.call.split("; ")
    used = {n.id for n in ast.walk(ast.parse(row.call)) if isinstance(n, ast.Name)}
    letters = [letter for letter in ARGUMENTS if letter in used]
    inside = "".join(f"    {statement}\n" for statement in before)
    head = ", ".join(letters)
    text = f"def call({head}):\n{inside}    return {last}\n"
    text += f"def number({head}):\n{inside}    return weighed({last})\n"
    file = f"<{row.space}.{row.name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {**CONSTANTS, **_modules(), "__name__": "coverage"}
    if row.at:
        names["AT"] = eval(row.at, {**names, **ARGUMENTS})
    exec(compile(text, file, "exec"), names)
    return names["call"], names["number"], letters


def reference_of(row: Row, letters: list[str], args: list[Any]) -> Callable[..., Any]:
    """For a draw: the number made of the quantile of the probability that what was drawn has."""
    drawn, probability, quantile = row.quantile
    names = {**CONSTANTS, **_modules(), **dict(zip(letters, args, strict=True))}
    names["v"] = _seeded(lambda: eval(drawn, names))
    q = eval(probability, names)
    code = compile(quantile, "<quantile>", "eval")

    def number(*args: Any) -> Any:
        return weighed(eval(code, {**names, "q": q, **dict(zip(letters, args, strict=True))}))

    return number


def _seeded(f: Callable[..., Any], *args: Any) -> Any:
    """``f`` with NumPy's generators in a known state."""
    np.random.seed(11)
    CONSTANTS["rng"].bit_generator.state = np.random.PCG64(3).state
    with np.errstate(all="ignore"):
        return f(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in args])


def agree(found: Any, wanted: Any, rtol: float = 1e-8) -> bool:
    """Whether results have the same structure, types and values."""
    got, want = leaves(found), leaves(wanted)
    if len(got) != len(want):
        return False
    for g, w in zip(got, want, strict=True):
        if not isinstance(w, (np.ndarray, np.generic, int, float, complex)):
            continue
        g, w = np.asarray(g), np.asarray(w)
        if (g.dtype, g.shape) != (w.dtype, w.shape):
            return False
        if w.dtype.kind not in "fc":
            if not np.array_equal(g, w):
                return False
        elif not np.allclose(g, w, max(rtol, 1e3 * np.finfo(w.dtype).eps), rtol, equal_nan=True):
            return False
    return True


def _notes(error: BaseException) -> str:
    refuse_ours(error)
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:150]}"


def _value(f: Callable[..., Any], args: list[Any], wanted: Any, rtol: float) -> tuple[str, str]:
    said = "compiled"
    note = ""
    for engine in ("native", "numpy"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = _seeded(autodiff.function(f, engine=engine), *args)
            except AutodiffError as error:
                return "refused", _notes(error)
            except Exception as error:
                return "wrong", _notes(error)
        ours = [w for w in caught if issubclass(w.category, FallbackWarning)]
        if ours:
            said, note = "plain", str(ours[0].message).strip().splitlines()[0][:150]
        if not agree(found, wanted, rtol):
            return "wrong", f"{found} on {engine}, not {wanted}"[:300]
    return said, note


def _derivatives(
    number: Callable[..., Any], plain: Callable[..., Any], args: list[Any], step: float
) -> tuple[str, str, str, str]:
    rng = np.random.default_rng(2)
    directions, others = (
        [rng.normal(size=np.shape(a)) if np.ndim(a) else float(rng.normal()) for a in args]
        for _ in range(2)
    )
    wrt = tuple(range(len(args)))

    def moved(t: float) -> list[Any]:
        return [a + t * d for a, d in zip(args, directions, strict=True)]

    def along(found: Any, vectors: list[Any]) -> float:
        found = found if isinstance(found, tuple) else (found,)
        return float(sum(np.sum(np.asarray(g) * d) for g, d in zip(found, vectors, strict=True)))

    def close(found: float, wanted: float, rtol: float) -> bool:
        return bool(np.isclose(found, wanted, rtol, rtol, equal_nan=True))  # of infinite results

    coarse = step > 1e-3
    slope: Any
    (slope,) = differences(lambda t: [np.asarray(_seeded(plain, *moved(t)))], step)
    gradient = autodiff.gradient(number, wrt=wrt)
    said = ["refused", "refused", "refused"]
    try:
        found = along(_seeded(gradient, *args), directions)
    except AutodiffError as error:
        return "refused", "refused", "refused", _notes(error)
    except Exception as error:
        return "wrong", "refused", "refused", _notes(error)
    right = close(found, float(slope), 1e-2 if coarse else 1e-5)
    said[0] = ("zero" if abs(slope) < 1e-9 else "right") if right else "wrong"
    notes = "" if right else f"gradient {found}, not {slope}"
    try:
        f = lambda *x: autodiff.jvp(number, tuple(x), tuple(directions))[1]  # noqa: E731
        pushed = float(_seeded(f, *args))
        right = close(pushed, float(slope), 1e-2 if coarse else 1e-5)
        said[1] = said[0] if right and said[0] != "wrong" else "right" if right else "wrong"
        notes = notes if right else f"{notes} jvp {pushed}, not {slope}"
        product = autodiff.hessian_vector(number, wrt=wrt, engine="numpy")
        slopes = _slopes(plain, others) if plain is not number else gradient
        (bend,) = differences(
            lambda t: [np.asarray(along(_seeded(slopes, *moved(t)), others))], max(step, 1e-3)
        )
        vectors = tuple(directions) if len(args) > 1 else directions[0]
        found = along(_seeded(lambda *x: product(*x, _tensors=vectors), *args), others)
        right = close(found, float(bend), 5e-2 if coarse else 1e-4)
        said[2] = ("zero" if abs(bend) < 1e-9 else "right") if right else "wrong"
        notes = notes if right else f"{notes} second {found}, not {bend}"
    except AutodiffError as error:
        notes = f"{notes} {_notes(error)}"
    except Exception as error:
        said[2] = "wrong"
        notes = f"{notes} {_notes(error)}"
    return said[0], said[1], said[2], notes


def _slopes(plain: Callable[..., Any], others: list[Any]) -> Callable[..., Any]:
    """Differences along ``others``, as arrays whose products with them sum up to the difference."""

    def slopes(*args: Any) -> Any:
        def moved(t: float) -> list[Any]:
            return [a + t * d for a, d in zip(args, others, strict=True)]

        (found,) = differences(lambda t: [np.asarray(plain(*moved(t)))], 3e-3)
        total = sum(float(np.sum(np.square(d))) for d in others)
        return tuple(found * d / total for d in others)

    return slopes


def measure(row: Row) -> Found:
    """What becomes of the call of a row."""
    f, number, letters = functions_of(row)
    args = [ARGUMENTS[letter] for letter in letters]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = _seeded(f, *args)
        value, note = _value(f, args, wanted, 1e-6 if row.rough else 1e-8)
        floats = [
            dtype for leaf in leaves(wanted)
            if leaf is not None and (dtype := np.asarray(leaf).dtype).kind in "fc"
        ]  # fmt: skip
        if not args or not floats:
            return Found(value, "none", "none", "none", note)
        # Results of single precision need steps above their rounding.
        step = max(np.finfo(dtype).eps ** 0.25 / 3 for dtype in floats)
        step = max(step, 4e-3) if row.rough else step
        plain = reference_of(row, letters, args) if row.quantile else number
        *said, notes = _derivatives(number, plain, args, min(step, 1e-4) if step < 1e-3 else step)
    return Found(value, *said, (note if value == "wrong" else "") or notes or note)
