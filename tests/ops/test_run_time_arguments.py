"""Numbers known only at run time that NumPy or Python refuses, or that are huge.

Each row is a function of an array and a number.  Called with ordinary numbers first, so that the
number becomes one of run time, then with each of the others: the value, or the exception with its
type and text, is that of plain NumPy, in straight code, inside of a branch and inside of a loop.
"""

import itertools
import warnings

import numpy as np
import pytest

import autodiff

BIG = (2**31, -(2**31), 2**62, -(2**62), 2**63 - 1, -(2**63))
SMALL = (0, -1, -2, -7, 7, 64, 70)
A = np.array([2.0, -1.0, 0.5, 3.0, 1.5])
M = A.reshape(5, 1) * A[:3]
I = np.array([3, 1, 2, 0, 1])  # noqa: E741

# Functions of an array and an integer, with the numbers they are called with first.
INTEGERS = {
    # -- slices and indices
    "slice step": (lambda x, n: x[::n].sum(), A, (1, 2), SMALL + BIG),
    "slice step from": (lambda x, n: x[3::n].sum(), A, (1, 2), SMALL + BIG),
    "slice step to": (lambda x, n: x[:2:n].sum(), A, (1, 2), SMALL + BIG),
    "slice start": (lambda x, n: x[n:].sum(), A, (1, 2), SMALL + BIG),
    "slice stop": (lambda x, n: x[:n].sum(), A, (1, 2), SMALL + BIG),
    "slice both": (lambda x, n: x[n : n + 2].sum(), A, (1, 2), SMALL + BIG[:4]),
    "slice backwards": (lambda x, n: x[n::-1].sum(), A, (1, 2), SMALL + BIG),
    "index": (lambda x, n: x[n], A, (1, 2), SMALL + BIG),
    "index of matrix": (lambda x, n: x[1, n], M, (1, 2), SMALL + BIG),
    "take": (lambda x, n: np.take(x, n), A, (1, 2), SMALL + BIG),
    "take wrap": (lambda x, n: np.take(x, n, mode="wrap"), A, (1, 2), SMALL),
    "take clip": (lambda x, n: np.take(x, n, mode="clip"), A, (1, 2), SMALL + BIG),
    # -- creation
    "zeros": (lambda x, n: np.zeros(n).sum(), A, (1, 2), SMALL[1:4]),
    "ones": (lambda x, n: np.ones(n).sum(), A, (1, 2), SMALL[1:4]),
    "ones of two": (lambda x, n: np.ones((3, n)).sum(), A, (1, 2), SMALL[:4]),
    "empty": (lambda x, n: np.empty(n).size, A, (1, 2), SMALL[1:4]),
    "full": (lambda x, n: np.full(n, 2.0).sum(), A, (1, 2), SMALL[:4]),
    "eye": (lambda x, n: np.eye(n).sum(), A, (1, 2), SMALL[:4]),
    "eye columns": (lambda x, n: np.eye(3, n).sum(), A, (1, 2), SMALL[:4]),
    "eye offset": (lambda x, n: np.eye(3, k=n).sum(), A, (1, 2), SMALL + BIG),
    "identity": (lambda x, n: np.identity(n).sum(), A, (1, 2), SMALL[:4]),
    "tri": (lambda x, n: np.tri(n).sum(), A, (1, 2), SMALL[:4]),
    "tri offset": (lambda x, n: np.tri(3, k=n).sum(), A, (1, 2), SMALL + BIG),
    "arange": (lambda x, n: np.arange(n).sum(), A, (1, 2), SMALL),
    "arange step": (lambda x, n: np.arange(0, 5, n).sum(), A, (1, 2), SMALL + BIG),
    "arange step down": (lambda x, n: np.arange(5, 0, n).sum(), A, (-1, -2), SMALL + BIG),
    "arange from": (lambda x, n: np.arange(n, n + 2).sum(), A, (1, 2), SMALL + BIG[:2]),
    "linspace": (lambda x, n: np.linspace(0.0, 1.0, n).sum(), A, (3, 4), SMALL),
    "uniform low": (lambda x, s: 0 * np.random.uniform(s, 3.0), A, (1.0, 2.0), (-1.0, np.inf, np.nan)),
    "uniform high": (lambda x, s: 0 * np.random.uniform(1.0, s), A, (1.0, 2.0), (-1.0, np.inf, np.nan)),
    "chisquare": (lambda x, s: 0 * np.random.chisquare(s), A, (1.0, 2.0), (0.0, -1.0, np.nan)),
    "normal scale": (lambda x, s: 0 * np.random.normal(0.0, s), A, (1.0, 2.0), (-1.0, np.nan)),
    "vonmises": (lambda x, s: 0 * np.random.vonmises(0.0, s), A, (1.0, 2.0), (-1.0, np.nan)),
    "geomspace": (lambda x, n: np.geomspace(1.0, 2.0, n).sum(), A, (3, 4), SMALL),
    "logspace": (lambda x, n: np.logspace(1.0, 2.0, n).sum(), A, (3, 4), SMALL),
    "indices": (lambda x, n: np.indices((n, 2)).sum(), A, (3, 4), SMALL[:4]),
    "tril_indices": (lambda x, n: np.tril_indices(n)[0].sum(), A, (3, 4), SMALL[:4]),
    "diag_indices": (lambda x, n: np.diag_indices(n)[0].sum(), A, (3, 4), SMALL[:4]),
    "vander": (lambda x, n: np.vander(x, n).sum(), A, (3, 4), SMALL[:4]),
    "hanning": (lambda x, n: np.hanning(n).sum(), A, (3, 4), SMALL[:4]),
    # -- shapes
    "repeat": (lambda x, n: np.repeat(x, n).sum(), A, (1, 2), SMALL[:4]),
    "repeat along": (lambda x, n: np.repeat(x, n, axis=1).sum(), M, (1, 2), SMALL[:4]),
    "tile": (lambda x, n: np.tile(x, n).sum(), A, (1, 2), SMALL[:4]),
    "tile two": (lambda x, n: np.tile(x, (2, n)).sum(), A, (1, 2), SMALL[:4]),
    "reshape": (lambda x, n: np.reshape(x, (n, -1)).shape[1], A, (1, 5), SMALL + BIG),
    "resize": (lambda x, n: np.resize(x, n).sum(), A, (1, 2), SMALL[:4]),
    "pad": (lambda x, n: np.pad(x, n).sum(), A, (1, 2), SMALL[:4]),
    "pad edge": (lambda x, n: np.pad(x, n, mode="edge").sum(), A, (1, 2), SMALL[:4]),
    "pad wrap": (lambda x, n: np.pad(x, n, mode="wrap").sum(), A, (1, 2), SMALL[:4]),
    "pad one side": (lambda x, n: np.pad(x, (n, 1)).sum(), A, (1, 2), SMALL[:4]),
    "broadcast_to": (lambda x, n: np.broadcast_to(x, (n, 5)).sum(), A, (1, 2), SMALL[:4]),
    "roll": (lambda x, n: np.roll(x, n)[1], A, (1, 2), SMALL + BIG),
    "roll along": (lambda x, n: np.roll(x, n, axis=1)[0, 1], M, (1, 2), SMALL + BIG),
    "rot90": (lambda x, n: np.rot90(x, n)[0, 1], M[:3], (1, 2), SMALL + BIG),
    "split": (lambda x, n: np.split(x, n)[0].sum(), A[:4], (1, 2), SMALL),
    "array_split": (lambda x, n: np.array_split(x, n)[0].sum(), A, (1, 2), SMALL),
    "split at": (lambda x, n: np.split(x, [n])[0].sum(), A, (1, 2), SMALL + BIG),
    "insert": (lambda x, n: np.insert(x, n, 9.0)[1], A, (1, 2), SMALL + BIG),
    "delete": (lambda x, n: np.delete(x, n)[1], A, (1, 2), SMALL + BIG),
    "expand_dims": (lambda x, n: np.expand_dims(x, n).ndim, A, (0, 1), SMALL),
    "moveaxis": (lambda x, n: np.moveaxis(x, n, 0)[0, 1], M, (0, 1), SMALL),
    "swapaxes": (lambda x, n: np.swapaxes(x, n, 0)[0, 1], M, (0, 1), SMALL),
    "squeeze": (lambda x, n: np.squeeze(x[None, :, None], n).ndim, A, (0, 2), SMALL),
    "flip": (lambda x, n: np.flip(x, n)[0, 1], M, (0, 1), SMALL),
    # -- diagonals
    "diag": (lambda x, n: np.diag(x, n).sum(), M, (0, 1), SMALL + BIG[2:]),
    "diag of vector": (lambda x, n: np.diag(x, n).sum(), A, (0, 1), SMALL),
    "diagonal": (lambda x, n: np.diagonal(x, n).sum(), M, (0, 1), SMALL + BIG[2:]),
    "trace": (lambda x, n: np.trace(x, n), M, (0, 1), SMALL + BIG[2:]),
    "triu": (lambda x, n: np.triu(x, n).sum(), M, (0, 1), SMALL + BIG),
    "tril": (lambda x, n: np.tril(x, n).sum(), M, (0, 1), SMALL + BIG),
    "diagflat": (lambda x, n: np.diagflat(x, n).sum(), A, (0, 1), SMALL),
    # -- axes and orders
    "sum axis": (lambda x, n: np.sum(x, axis=n)[0], M, (0, 1), SMALL + BIG),
    "max axis": (lambda x, n: np.max(x, axis=n)[0], M, (0, 1), SMALL),
    "cumsum axis": (lambda x, n: np.cumsum(x, axis=n)[1, 1], M, (0, 1), SMALL),
    "sort axis": (lambda x, n: np.sort(x, axis=n)[1, 1], M, (0, 1), SMALL),
    "argsort axis": (lambda x, n: np.argsort(x, axis=n)[1, 1], M, (0, 1), SMALL),
    "concatenate axis": (lambda x, n: np.concatenate([x, x], n).shape[0], M, (0, 1), SMALL),
    "stack axis": (lambda x, n: np.stack([x, x], n).shape[0], M, (0, 1), SMALL),
    "diff": (lambda x, n: np.diff(x, n).sum(), A, (1, 2), SMALL),
    "diff axis": (lambda x, n: np.diff(x, axis=n).sum(), M, (0, 1), SMALL),
    "partition": (lambda x, n: np.partition(x, n)[2], A, (1, 2), SMALL),
    "argpartition": (lambda x, n: np.argpartition(x, n).sum(), A, (1, 2), SMALL),
    "std ddof": (lambda x, n: np.std(x, ddof=n), A, (0, 1), (-1, 2)),
    # -- counting
    "bincount": (lambda x, n: np.bincount(I, minlength=n).sum(), A, (1, 6), SMALL),
    "bincount negative": (lambda x, n: np.bincount(I + n).sum(), A, (1, 2), SMALL[:4]),
    "histogram": (lambda x, n: np.histogram(x, n)[0][0], A, (2, 3), SMALL),
    "digitize": (lambda x, n: np.digitize(n, np.array([0, 2, 4])), A, (1, 2), SMALL + BIG),
    "searchsorted": (lambda x, n: np.searchsorted(np.arange(4), n), A, (1, 2), SMALL + BIG),
    "choose": (lambda x, n: np.choose(n, [x, x * 2])[0], A, (0, 1), SMALL),
    "choose wrap": (lambda x, n: np.choose(n, [x, x * 2], mode="wrap")[0], A, (0, 1), SMALL),
    "choose clip": (lambda x, n: np.choose(n, [x, x * 2], mode="clip")[0], A, (0, 1), SMALL + BIG),
    "unravel_index": (lambda x, n: np.unravel_index(n, (5, 3))[0], A, (1, 2), SMALL + BIG),
    "ravel_multi_index": (
        lambda x, n: np.ravel_multi_index((n, 1), (5, 3)), A, (1, 2), SMALL + BIG),
    "matrix_power": (lambda x, n: np.linalg.matrix_power(x + np.eye(3), n)[0, 0], M[:3], (1, 2),
                     (0, -1, -2)),
    "draws of a size": (
        lambda x, n: 0 * np.random.normal(x, 1.0, size=n).sum(), A, (5, 5), (1, 0, 2, -1)),
    "gamma of a size": (
        lambda x, n: 0 * np.random.gamma(x**2, 1.0, size=n).sum(), A, (5, 5), (1, 0, 2, -1)),
    "counts of a size": (
        lambda x, n: 0 * np.random.poisson(x**2, size=n).sum(), A, (5, 5), (1, 0, 2, -1)),
    "transform along one axis": (
        lambda x, n: np.fft.fftn(x, axes=n).real[0], A, (0,), (0, -1, 2)),
    # -- Python's integers
    "abs": (lambda x, n: abs(n), A, (1, -2), SMALL + BIG),
    "minus": (lambda x, n: -n, A, (1, -2), SMALL + BIG),
    "plus one": (lambda x, n: n + 1, A, (1, -2), SMALL + BIG),
    "minus one": (lambda x, n: n - 1, A, (1, -2), SMALL + BIG),
    "times": (lambda x, n: n * n, A, (1, -2), SMALL + BIG),
    "times two": (lambda x, n: n * 2, A, (1, -2), SMALL + BIG),
    "minus from": (lambda x, n: 5 - n, A, (1, -2), SMALL + BIG),
    "floor division": (lambda x, n: n // -1, A, (1, -2), SMALL + BIG),
    "floor division by": (lambda x, n: 7 // n, A, (1, -2), SMALL + BIG),
    "remainder": (lambda x, n: n % -1, A, (1, -2), SMALL + BIG),
    "remainder by": (lambda x, n: 7 % n, A, (1, -2), SMALL + BIG),
    "divmod": (lambda x, n: divmod(n, -1), A, (1, -2), SMALL + BIG),
    "divmod by": (lambda x, n: divmod(7, n), A, (1, -2), SMALL + BIG),
    "true division": (lambda x, n: n / 3, A, (1, -2), SMALL + BIG),
    "true division by": (lambda x, n: 3 / n, A, (1, -2), SMALL + BIG),
    "shift left by": (lambda x, n: 1 << n, A, (1, 2), SMALL),
    "shift left": (lambda x, n: n << 3, A, (1, 2), SMALL + BIG),
    "shift right by": (lambda x, n: -5 >> n, A, (1, 2), SMALL + BIG),
    "shift right": (lambda x, n: n >> 3, A, (1, 2), SMALL + BIG),
    "power": (lambda x, n: n**3, A, (1, 2), SMALL + BIG),
    "power by": (lambda x, n: 3**n, A, (1, 2), SMALL),
    "power of negative": (lambda x, n: (-2) ** n, A, (1, 2), SMALL),
    "power of zero": (lambda x, n: 0**n, A, (1, 2), SMALL[:4]),
    "invert": (lambda x, n: ~n, A, (1, 2), SMALL + BIG),
    "float of": (lambda x, n: float(n), A, (1, 2), SMALL + BIG),
    "range step": (lambda x, n: sum(range(0, 6, n)), A, (1, 2), SMALL),
    "list times": (lambda x, n: len([1.0] * n), A, (1, 2), SMALL),
    "round": (lambda x, n: round(2.375, n), A, (1, 2), SMALL),
    "min": (lambda x, n: min(n, 3), A, (1, 2), SMALL + BIG),
    # -- arrays of integers
    "array abs": (lambda x, n: np.abs(I + n)[0], A, (1, 2), SMALL + BIG),
    "array floor division": (lambda x, n: (I // (I + n))[0], A, (1, 2), SMALL),
    "array remainder": (lambda x, n: (I % (I + n))[0], A, (1, 2), SMALL),
    "array power": (lambda x, n: ((I + 1) ** n)[0], A, (1, 2), SMALL),
    "array shift": (lambda x, n: (I << n)[0], A, (1, 2), SMALL),
    "array shift right": (lambda x, n: (I >> n)[0], A, (1, 2), SMALL),
    "array minus": (lambda x, n: (-(I * 0 + n))[0], A, (1, 2), SMALL + BIG),
    "array by minus one": (lambda x, n: ((I * 0 + n) // -1)[0], A, (1, 2), SMALL + BIG),
    "array rem minus one": (lambda x, n: ((I * 0 + n) % -1)[0], A, (1, 2), SMALL + BIG),
    "into uint8": (lambda x, n: np.uint8([3])[0] + n, A, (1, 2), SMALL + (300,)),
    "gcd": (lambda x, n: np.gcd(I, n)[0], A, (1, 2), SMALL + BIG),
    "full of uint8": (lambda x, n: np.full(2, n, np.uint8)[0], A, (1, 2), SMALL + (300,)),
}  # fmt: skip

REALS = (0.0, -1.0, 1e300, 1e-300, np.inf, -np.inf, np.nan)
FLOATS = {
    "arange step": (lambda x, s: np.arange(0, 3, s).sum(), A, (1.0, 0.5), REALS),
    "arange stop": (lambda x, s: np.arange(s).sum(), A, (1.0, 2.5), REALS),
    "arange start": (lambda x, s: np.arange(s, 4.0).sum(), A, (1.0, 2.5), REALS),
    "percentile": (lambda x, s: np.percentile(x, s), A, (10.0, 25.0), (-1.0, 101.0, np.nan)),
    "quantile": (lambda x, s: np.quantile(x, s), A, (0.1, 0.25), (-1.0, 1.5, np.nan)),
    "nanquantile": (lambda x, s: np.nanquantile(x, s), A, (0.1, 0.25), (-1.0, 1.5)),
    "clip": (lambda x, s: np.clip(x, 1.0, s).sum(), A, (2.0, 3.0), REALS),
    "division": (lambda x, s: 1.0 / s, A, (2.0, 3.0), REALS),
    "floor division": (lambda x, s: 1.0 // s, A, (2.0, 3.0), REALS),
    "remainder": (lambda x, s: 1.0 % s, A, (2.0, 3.0), REALS),
    "power": (lambda x, s: 2.0**s, A, (2.0, 3.0), REALS),
    "power of zero": (lambda x, s: 0.0**s, A, (2.0, 3.0), REALS),
    "int": (lambda x, s: int(s), A, (2.0, 3.0), REALS),
    "round": (lambda x, s: round(s), A, (2.0, 3.0), REALS),
    "histogram range": (lambda x, s: np.histogram(x, 3, (0.0, s))[0][0], A, (2.0, 3.0), REALS),
    "geomspace": (lambda x, s: np.geomspace(1.0, s, 3)[1], A, (2.0, 3.0), (0.0,)),
    "interp": (lambda x, s: np.interp(0.5, [0.0, s], [1.0, 2.0]), A, (2.0, 3.0), (-1.0, np.nan)),
}  # fmt: skip


def _straight(f):
    return f


def _in_branch(f):
    return lambda x, n: f(x, n) if x[0] > -100 else x[0] * 0


def _in_loop(f):
    def looped(x, n):
        v = 0.0
        for k in range(3):
            if x[k, ...].sum() > -100:
                v = f(x, n)
        return v

    return looped


def _outcome(f, *args):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(*args)
        except Exception as error:
            text = str(error.args[0]) if error.args else ""
            return type(error), text


def _is_same(got, want) -> bool:
    if isinstance(want, tuple) and want and isinstance(want[0], type):
        if not (isinstance(got, tuple) and isinstance(got[0], type)):
            return False
        return issubclass(got[0], want[0]) and want[1].split("\n")[0] in got[1]
    if isinstance(got, tuple) and got and isinstance(got[0], type):
        return False
    return type(got) is type(want) and bool(
        np.allclose(got, want, rtol=1e-14, atol=0, equal_nan=True)
        if isinstance(want, (float, np.floating))
        else np.array_equal(got, want)
        if not isinstance(want, (list, tuple))
        else all(map(_is_same, got, want))
    )


def _cases():
    """Every row in straight code; the other places and the other engine take turns."""
    rows = [*INTEGERS.items(), *((f"{name} of floats", row) for name, row in FLOATS.items())]
    places = {"straight": _straight, "branch": _in_branch, "loop": _in_loop}
    for number, (name, row) in enumerate(rows):
        for turn, (engine, place) in enumerate(itertools.product(["numpy", "native"], places)):
            # All of them take minutes.
            marks = [] if (number + turn) % 6 == 0 else [pytest.mark.slow]
            yield pytest.param(
                *row, engine, places[place], id=f"{name}-{place}-{engine}", marks=marks
            )


@pytest.mark.parametrize("f, x, first, others, engine, within", list(_cases()))
@pytest.mark.filterwarnings("ignore")
def test_numbers_at_run_time_are_checked(f, x, first, others, engine, within) -> None:
    function = within(f)
    compiled = autodiff.function(function, engine=engine)
    for number in (*first, *others):
        got, want = _outcome(compiled, x, number), _outcome(function, x, number)
        assert _is_same(got, want), (number, got, want)
