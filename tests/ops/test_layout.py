"""Values that depend on how NumPy lays an array out in memory: NumPy's, or refused, never guessed."""

import warnings

import numpy as np
import pytest
import scipy.linalg

import autodiff

rng = np.random.default_rng(3)
SQUARE = rng.uniform(0.2, 1.0, (3, 3)) + 3 * np.eye(3)
WIDE = rng.uniform(0.2, 1.0, (3, 4))
CUBE = rng.uniform(0.2, 1.0, (2, 3, 4))

FUNCTIONS = {
    "clip": lambda a: np.clip(a, 0.3, 0.6), "method clip": lambda a: a.clip(0.3), "sort": lambda a: np.sort(a, axis=0), "cumsum": lambda a: np.cumsum(a, axis=0),
    "method cumsum": lambda a: a.cumsum(axis=-1), "concatenate": lambda a: np.concatenate([a, a]), "concatenate 1": lambda a: np.concatenate([a, a], axis=1), "stack": lambda a: np.stack([a, a]),
    "stack last": lambda a: np.stack([a, a], -1), "roll": lambda a: np.roll(a, 1, axis=0), "diff": lambda a: np.diff(a, axis=0), "complex abs": lambda a: np.abs(a + 1j), "complex": lambda a: a * 2j,
    "complex real": lambda a: np.exp(a * 1j).real + 0, "columns": lambda a: a[:, [0, 1]], "rows": lambda a: a[[0, 1]], "cells": lambda a: a[[0, 1], :2], "mask": lambda a: a[a[:, 0] > 0],
    "stacked sum": lambda a: np.sum(np.array([a, a]), axis=0), "transposed sum": lambda a: np.array([a, a]).T.sum(axis=1), "mean": lambda a: np.mean(np.stack([a, a, a], 1), axis=1),
    "einsum": lambda a: np.einsum("i...,j...->ji", a, a), "einsum order": lambda a: np.einsum("...ij->...ji", a, order="F"), "copy K": lambda a: a.T.copy("K"), "copy": lambda a: a.T.copy(),
    "copy A": lambda a: np.copy(a.T, order="A"), "reshape F": lambda a: a.reshape(a.shape[::-1], order="F"), "delete": lambda a: np.delete(a, 1, axis=1), "insert": lambda a: np.insert(a, 1, 0.5, axis=0),
    "append": lambda a: np.append(a, a, axis=0), "tile": lambda a: np.tile(a, (2, 1)), "repeat": lambda a: np.repeat(a, 2, axis=1), "take": lambda a: np.take(a, [0, 1], axis=1), "flip": lambda a: np.flip(a),
    "reversed": lambda a: a[::-1], "every second": lambda a: a[:, ::2] * 2, "where": lambda a: np.where(a > 0.5, a, 0.0), "astype": lambda a: a.astype(np.float32), "pad": lambda a: np.pad(a, 1),
    "nanpercentile": lambda a: np.nanpercentile(np.stack([a, a]), [20, 50], axis=1), "quantile": lambda a: np.quantile(a, [0.2, 0.6], axis=0), "median": lambda a: np.median(np.stack([a, a]), axis=0),
    "apply_along_axis": lambda a: np.apply_along_axis(lambda v: v * 2, 0, a), "moveaxis": lambda a: np.moveaxis(a, 0, -1) + 1, "outer": lambda a: np.outer(a, a), "gradient": lambda a: np.gradient(a, axis=0),
    "zeros_like": lambda a: np.zeros_like(a) + a, "ones": lambda a: np.ones(a.shape, order="F") * a.ravel()[0], "broadcast": lambda a: np.broadcast_to(a[0], a.shape).copy("K"), "fft": lambda a: np.fft.fft(a, axis=0),
    "of a sort": lambda a: np.exp(np.sort(a, axis=0)) + a, "cumprod": lambda a: np.cumprod(a, 0), "triu": lambda a: np.triu(a), "kron": lambda a: np.kron(a, np.eye(2)), "maximum.accumulate": lambda a: np.maximum.accumulate(a, axis=0), "nan_to_num": lambda a: np.nan_to_num(a),
    "of a library": lambda a: scipy.linalg.hilbert(3) * a.ravel()[0], "of a library, transposed": lambda a: scipy.linalg.hankel([1.0, 2.0], [2.0, 3.0, 4.0]).T + a.ravel()[0],
    "expression": lambda a: np.sin(a.T) * a.T + 1, "compare": lambda a: a > 0.5, "matmul": lambda a: a @ np.swapaxes(a, -1, -2), "dot": lambda a: np.dot(a.T, a.T.T), "round": lambda a: a.round(2), "column_stack": lambda a: np.column_stack([a, a]),
}  # fmt: skip
OF_SQUARE = {
    "inv": lambda a: np.linalg.inv(a), "eigh": lambda a: np.linalg.eigh(a + a.T)[1], "svd": lambda a: np.linalg.svd(a)[0], "svd v": lambda a: np.linalg.svd(a)[2], "qr": lambda a: np.linalg.qr(a)[0],
    "cholesky": lambda a: np.linalg.cholesky(a @ a.T), "solve": lambda a: np.linalg.solve(a, a.T), "scipy inv": lambda a: scipy.linalg.inv(a), "scipy qr": lambda a: scipy.linalg.qr(a)[0], "r": lambda a: scipy.linalg.qr(a)[1],
    "lu_factor": lambda a: scipy.linalg.lu_factor(a)[0], "lu": lambda a: scipy.linalg.lu(a)[2], "scipy solve": lambda a: scipy.linalg.solve(a, a), "scipy cholesky": lambda a: scipy.linalg.cholesky(a @ a.T), "expm": lambda a: scipy.linalg.expm(a),
    "cross": lambda a: np.cross(a, a[::-1], axis=0), "pinv": lambda a: np.linalg.pinv(a), "power": lambda a: np.linalg.matrix_power(a, 3), "cov": lambda a: np.cov(a), "cho_solve": lambda a: scipy.linalg.cho_solve((a, True), a),
}  # fmt: skip
READ = {
    "ravel K": lambda x: x.ravel("K"), "flatten A": lambda x: x.flatten("A"), "reshape A": lambda x: x.reshape(-1, order="A"), "copy K": lambda x: x.copy("K").ravel("K"),
    "flags": lambda x: (x.flags.c_contiguous, x.flags.f_contiguous),
}  # fmt: skip
CASES = [(name, f, x) for name, f in FUNCTIONS.items() for x in (WIDE, CUBE)] + [
    (name, f, SQUARE) for name, f in OF_SQUARE.items()
]
ORDERS = {
    "C": lambda x: x, "F": np.asfortranarray, "turned": lambda x: np.ascontiguousarray(np.moveaxis(x, 0, -1)).transpose(x.ndim - 1, *range(x.ndim - 1)),
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2], "backwards": lambda x: x[::-1].copy()[::-1],
}  # fmt: skip


def outcome(f, x):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f(x)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("case", CASES, ids=[f"{name} {x.ndim}" for name, _, x in CASES])
def test_what_depends_on_a_layout_is_numpys(case):
    _, f, x = case
    read = lambda a: tuple(r(f(a)) for r in READ.values())  # noqa: E731
    compiled = autodiff.function(read, engine="numpy")
    for make in ORDERS.values():
        expected = outcome(read, make(x))
        found = outcome(compiled, make(x))
        if isinstance(expected, type):
            assert issubclass(found, expected)
            continue
        for a, b, name in zip(expected, found, READ, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12, err_msg=name)


def test_gradients_go_through_the_order_in_memory():
    weights = np.arange(6.0)
    for f in (lambda a: np.clip(a, 0, 9), lambda a: np.sort(a, axis=0), lambda a: a[:, [0, 1, 2]]):
        total = lambda a, f=f: np.sum(weights * f(a).ravel("K"))  # noqa: E731
        for make in ORDERS.values():
            a = make(np.arange(1.0, 7).reshape(2, 3))
            step = 1e-3
            expected = np.zeros((2, 3))
            for k in np.ndindex(2, 3):
                up, down = a.copy("K"), a.copy("K")
                up[k] += step
                down[k] -= step
                expected[k] = (total(up) - total(down)) / (2 * step)
            np.testing.assert_allclose(autodiff.gradient(total)(a), expected, rtol=1e-8)


def test_an_order_that_nobody_knows_is_refused():
    def f(a):
        for k in range(len(a)):
            a = np.where(a > k, np.sort(a, axis=0), a)
        return np.apply_along_axis(lambda v: v * 2, 0, a).ravel("K")

    with pytest.raises(autodiff.UnsupportedError, match="the order in memory of an array"):
        autodiff.jacobian(f)(WIDE)


def test_an_array_that_is_one_of_several_has_their_order():
    def f(a, positive):
        b = np.sort(a, axis=0) if positive else np.clip(a, 0, 1)
        return b.ravel("K") * np.cumsum(b, axis=1).ravel("K")

    for positive in (True, False):
        for make in (ORDERS["C"], ORDERS["F"]):
            a = make(WIDE)
            np.testing.assert_allclose(autodiff.function(f)(a, positive), f(a, positive))
    g = lambda a: f(a, a[0, 0] > 0)  # noqa: E731
    for a in (WIDE, -WIDE, np.asfortranarray(WIDE)):
        np.testing.assert_allclose(outcome(autodiff.function(g), a), g(a))


RETURNED = {
    "as operands": lambda x: 2 * x, "Fortran order": lambda x: np.asfortranarray(2 * x), "copy F": lambda x: x.copy("F"), "copy K": lambda x: x.copy("K"),
    "view of a new array": lambda x: (2 * x).T,
}  # fmt: skip


@pytest.mark.parametrize("name", RETURNED)
def test_results_of_native_code_lie_in_c_order(name):
    compiled = autodiff.function(RETURNED[name], engine="native")  # as docs/sharp-bits.md says
    of_any = [np.asfortranarray(WIDE), WIDE.T, WIDE[:, ::2]]
    for x in (WIDE, *(of_any if name in ("as operands", "view of a new array", "copy F") else ())):
        found = compiled(x)
        np.testing.assert_array_equal(found, RETURNED[name](x))
        assert found.flags.c_contiguous and found.flags.writeable


def test_what_numpy_returns_read_only_is_read_only():
    def spread(x):
        return np.broadcast_to(2 * x[0], (2, 4))

    found, expected = autodiff.function(spread, engine="native")(WIDE), spread(WIDE)
    np.testing.assert_array_equal(found, expected)
    assert not found.flags.writeable and found.strides == expected.strides
