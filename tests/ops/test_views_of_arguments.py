"""Whether a result is a view of an argument is decided by how the argument lies in memory, as in NumPy."""

import numpy as np
import pytest

import autodiff

BASE = np.arange(48.0)
ARGUMENTS = {
    "C": lambda: BASE[:12].copy().reshape(3, 4), "F": lambda: np.asfortranarray(BASE[:12].reshape(3, 4)), "transposed": lambda: BASE[:12].copy().reshape(4, 3).T,
    "strided": lambda: BASE[:24].copy().reshape(3, 8)[:, ::2], "rows": lambda: BASE[:24].copy().reshape(6, 4)[::2], "reversed": lambda: BASE[:12].copy().reshape(3, 4)[::-1],
    "vector": lambda: BASE[:12].copy(), "strided vector": lambda: BASE[:24].copy()[::2], "reversed vector": lambda: BASE[:12].copy()[::-1], "column": lambda: BASE[:24].copy().reshape(12, 2)[:, 1],
}  # fmt: skip
FUNCTIONS = {
    "ravel": lambda a: a.ravel(), "np.ravel": lambda a: np.ravel(a), "ravel F": lambda a: a.ravel("F"), "ravel K": lambda a: a.ravel("K"), "ravel A": lambda a: a.ravel("A"), "turned ravel": lambda a: a.T.ravel(),
    "reshape": lambda a: a.reshape(-1), "reshape 2": lambda a: a.reshape(2, -1), "np.reshape": lambda a: np.reshape(a, (6, 2)), "reshape F": lambda a: a.reshape(-1, order="F"), "turned reshape": lambda a: a.T.reshape(2, 6), "reshape copy": lambda a: a.reshape(-1, copy=True),
    "flatten": lambda a: a.flatten(), "turned flatten": lambda a: a.T.flatten(), "ascontiguousarray": lambda a: np.ascontiguousarray(a), "asfortranarray": lambda a: np.asfortranarray(a), "asarray": lambda a: np.asarray(a), "asarray C": lambda a: np.asarray(a, order="C"),
    "array": lambda a: np.array(a), "array copy=None": lambda a: np.array(a, copy=None), "require": lambda a: np.require(a, requirements="C"), "astype": lambda a: a.astype(float), "astype copy": lambda a: a.astype(float, copy=False), "astype C": lambda a: a.astype(float, order="C", copy=False),
    "squeeze": lambda a: np.squeeze(a), "expand": lambda a: np.expand_dims(a, 0), "atleast_2d": lambda a: np.atleast_2d(a), "atleast_3d": lambda a: np.atleast_3d(a), "transpose": lambda a: a.T, "flip": lambda a: np.flip(a), "real": lambda a: np.real(a), "flat": lambda a: a.flat[:],
    "split": lambda a: np.split(a, [1])[1], "array_split": lambda a: np.array_split(a, 2)[0], "part ravel": lambda a: a[1:].ravel(), "part reshape": lambda a: a[:2].reshape(-1), "twice": lambda a: a.ravel().reshape(3, 4), "rot90": lambda a: np.rot90(a.reshape(3, 4)), "tuple": lambda a: (a.ravel(), a.T.ravel())[1],
    "branch": lambda a: a.ravel() if a[-1].sum() > -1 else a.reshape(-1), "list": lambda a: [a.ravel()][0], "trim": lambda a: np.trim_zeros(a.ravel()), "nan": lambda a: np.nan_to_num(a, copy=False), "broadcast": lambda a: np.broadcast_to(a, (2, *a.shape)), "swapaxes": lambda a: np.atleast_2d(a).swapaxes(0, 1),
}  # fmt: skip


def outcome(function, x):
    try:
        return function(x)
    except Exception as error:
        return type(error)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_result_shares_memory_with_the_argument_as_in_numpy(name):
    function = FUNCTIONS[name]
    for order in (1, -1):
        ours = autodiff.function(function)
        for kind in [*ARGUMENTS][::order] * 2:
            x, y = ARGUMENTS[kind](), ARGUMENTS[kind]()
            expected, found = outcome(function, x), outcome(ours, y)
            if isinstance(expected, type):
                assert found is expected, (name, kind)
                continue
            assert np.shares_memory(found, y) == np.shares_memory(expected, x), (name, kind)
            assert np.array_equal(found, expected), (name, kind)
            if expected.flags.writeable and found.flags.writeable:
                expected[...] = found[...] = 99.0
            assert np.array_equal(x, y), (name, kind)


def pair(a):
    r = a.ravel()
    return r, r[1:], a


def kept(a, held):
    held.append(a.T.ravel())


def kept_view(a, held):
    held["r"] = a.ravel()


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_views_that_are_kept_or_returned_together(kind):
    for function in (pair, kept, kept_view):
        ours = autodiff.function(function)
        for source in ("C", "vector", kind):
            outcomes = []
            for f in (function, ours):
                x = ARGUMENTS[source]()
                held = [] if function is kept else {}
                if function is pair:
                    found = f(x)
                    found[0][1] = 77.0
                    outcomes.append([*found])
                else:
                    f(x, held)
                    r = held[0] if function is kept else held["r"]
                    r[1] = 77.0
                    outcomes.append([r, x])
            assert all(map(np.array_equal, *outcomes)), (function.__name__, kind)
