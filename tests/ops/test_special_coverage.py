"""The namespace of ``scipy.special``: each ufunc is an operation, each derivative right or refused.

python -m tests.ops.test_special_coverage      # the counts, and what has no derivative
"""

import inspect
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import special

import autodiff
from autodiff.errors import AutodiffError
from autodiff.ops.dispatch import functions
from tests.ops.support import differences

# Arguments that suit some function each: the first that it takes, with a derivative, is used.
ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    (0.37,), (1.37,), (-0.6,), (2, 0.63), (1.37, 0.63), (2.5, 0.63), (0.3, 0.7), (0.8, 0.9), (2, 5, 0.4),
    (1.4, 2.3, 0.6), (0.4, 2.3, 0.6), (0.4, 0.6, 0.7), (4.0, 1.5, 0.4), (2.0, 0.5, 1.5), (2, 1.4, 2.3, 0.6),
    (1.4, 2.3, 0.6, 0.45), (1.5, 3.0, 0.3, 2.5), (1, 2, 1.4, 0.6), (1, 2, 1.4, 1.6), (1, 2, 1.4, 5.5, 0.6),
    (2, 0.5, 30.0), (1, 2, 0.5), (2, 0.63, True), (0.63, 2),
)  # fmt: skip
ARRAYS: dict[str, tuple[Any, ...]] = dict.fromkeys(
    ("logsumexp", "softmax", "log_softmax"), (np.array([0.3, 0.7, -0.2]),)
)
# Not functions of numbers; zeros and nodes, which are constants.
_NOT = ("geterr", "seterr", "errstate", "test", "factorial", "factorial2", "factorialk", "stirling2", "perm", "comb", "bernoulli", "euler")  # fmt: skip
# SciPy's solver stops at 8 digits or fewer.
ROUGH = ("nctdtrinc", "ncfdtrinc", "chndtrinc", "itairy")


def names() -> list[str]:
    found = []
    for name in dir(special):
        f = getattr(special, name)
        if name.startswith("_") or name in _NOT or name.endswith(("_zeros", "_roots")):
            continue
        if callable(f) and not inspect.isclass(f) and not name.startswith("roots_"):
            found.append(name)
    return found


def value(f: Any, arguments: tuple[Any, ...]) -> list[np.ndarray] | None:
    try:
        with np.errstate(all="ignore"):
            result = f(*arguments)
    except Exception:
        return None
    leaves = [np.asarray(x) for x in (result if isinstance(result, tuple) else (result,))]
    fine = all(x.dtype.kind in "fc" and np.isfinite(x).all() for x in leaves)
    return leaves if fine else None


def gradient_is(name: str, arguments: tuple[Any, ...], k: int) -> str:
    """``right``, ``refused`` or ``wrong`` by argument k of the sum of all parts of all results."""
    f = getattr(special, name)

    def total(x):
        given = list(arguments)
        given[k] = x
        result = f(*given)
        result = result if isinstance(result, tuple) else (result,)
        number = 0.0
        for part in result:
            number = number + np.sum(np.real((1 + 0.5j) * part))
        return number

    try:
        found = autodiff.gradient(total, engine="numpy")(arguments[k])
    except AutodiffError:
        return "refused"
    if np.isnan(found).any():  # not known, and said so
        return "refused"
    shift = np.linspace(0.5, 1.0, np.size(arguments[k])).reshape(np.shape(arguments[k]))
    with np.errstate(all="ignore"):
        (want,) = differences(lambda t: [np.asarray(total(arguments[k] + t * shift))])
    error = abs(np.sum(found * shift) - want)
    return "right" if error < (1e-3 if name in ROUGH else 1e-6) * (0.1 + abs(want)) else "wrong"


def measure(name: str) -> str:
    """The best that is found of a function: ``right`` in all its float arguments, in some, or none."""
    best = "no sample"
    order = ("no sample", "wrong", "refused", "partly", "right")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for arguments in (ARRAYS[name],) if name in ARRAYS else ARGUMENTS:
            if value(getattr(special, name), arguments) is None:
                continue
            active = [k for k, x in enumerate(arguments) if isinstance(x, (float, np.ndarray))]
            found = {gradient_is(name, arguments, k) for k in active}
            if "wrong" in found:
                return "wrong"
            here = found.pop() if len(found) == 1 else "partly"
            best = max(best, here, key=order.index)
            if best == "right":
                break
    return best


def test_every_ufunc_is_an_operation() -> None:
    missing = [n for n in names() if isinstance(getattr(special, n), np.ufunc)]
    assert [n for n in missing if getattr(special, n) not in functions] == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_no_gradient_is_wrong(part: int) -> None:
    found = {name: measure(name) for name in names()[part::8]}
    assert [name for name, kind in found.items() if kind == "wrong"] == []
    ufuncs = [n for n in found if isinstance(getattr(special, n), np.ufunc)]
    assert sum(found[n] in ("right", "partly") for n in ufuncs) > 0.9 * len(ufuncs)


def _report() -> None:
    found = {name: measure(name) for name in names()}
    print(Counter(found.values()), "of", len(found))
    for kind in ("wrong", "refused", "partly", "no sample"):
        print(f"{kind}:", *(name for name, k in found.items() if k == kind))


if __name__ == "__main__":
    _report()
