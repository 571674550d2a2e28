"""NumPy's routines called from machine code: the very values, errors and flags of NumPy, and no call of Python."""

import ctypes
import itertools
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.engines.native import routines, symbols
from autodiff.errors import InternalError

RNG = np.random.default_rng(3)
MATRICES = {
    "square": RNG.standard_normal((4, 4)),
    "one": np.array([[-2.0]]),
    "tall": RNG.standard_normal((5, 3)),
    "wide": RNG.standard_normal((3, 5)),
    "stacked": RNG.standard_normal((2, 3, 4, 4)),
    "zero": np.zeros((3, 3)),
    "by columns": np.asfortranarray(RNG.standard_normal((4, 4))),
    "NaN": np.full((3, 3), np.nan),
    "infinite": np.full((3, 3), np.inf),
    "nothing in a stack": np.zeros((0, 3, 3)),
    "no rows": np.zeros((0, 0)),
}
DECOMPOSITIONS: dict[str, Callable[[Any], Any]] = {
    "eigh": lambda a: np.linalg.eigh(a),
    "upper": lambda a: np.linalg.eigh(a, "U"),
    "svd": lambda a: np.linalg.svd(a, full_matrices=False),
    "singular values": lambda a: np.linalg.svd(a, compute_uv=False),
    "qr": lambda a: np.linalg.qr(a),
    "eig": lambda a: np.linalg.eig(a),
    "eigvals": lambda a: np.linalg.eigvals(a),
    "pinv": lambda a: np.linalg.pinv(a),
    "pinv of large values": lambda a: np.linalg.pinv(a, 0.5),
}
LINES = {
    "even": RNG.standard_normal(8),
    "odd": RNG.standard_normal(7),
    "one": np.array([3.0]),
    "matrix": RNG.standard_normal((4, 6)),
    "three axes": RNG.standard_normal((3, 5, 2)),
    "infinite": np.array([1.0, np.inf, 2.0, -np.inf]),
    "NaN and zeros": np.array([0.0, np.nan, -0.0, 5.0, 0.0, 5.0]),
}
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "rfft": lambda x: np.fft.rfft(x),
    "rfft of the first axis": lambda x: np.fft.rfft(x, axis=0, norm="ortho"),
    "irfft": lambda x: np.fft.irfft(x),
    "irfft of some": lambda x: np.fft.irfft(x, 5, axis=0, norm="forward"),
    "fft": lambda x: np.fft.fft(x, norm="forward"),
    "ifft": lambda x: np.fft.ifft(x + 2j, axis=0),
    "fft of the first axis": lambda x: np.fft.fft(x * 1j, axis=0, norm="ortho"),
    "sort": lambda x: np.sort(x),
    "sort of the first axis": lambda x: np.sort(x, axis=0),
    "argsort": lambda x: np.argsort(x),
    "stable": lambda x: np.argsort(x, kind="stable"),
    "single": lambda x: np.sort(x.astype(np.float32)),
    "integers": lambda x: np.sort(np.nan_to_num(x * 10, posinf=9, neginf=9).astype(np.int64) % 5),
}


def outcome(f: Callable[[Any], Any], x: Any) -> Any:
    """Bytes and types of the results, or the exception."""
    try:
        made = f(x)
    except Exception as error:  # noqa: BLE001 - whatever NumPy raises, warnings among it
        return type(error), str(error)
    parts = made if isinstance(made, tuple) else (made,)
    return [(p.dtype, p.shape, np.ascontiguousarray(p).tobytes()) for p in map(np.asarray, parts)]


def rows(names: Iterable[str], arrays: Iterable[str]) -> list[Any]:
    """Every function with every array; three quarters of them are slow tests."""
    marks = itertools.cycle(((), pytest.mark.slow, pytest.mark.slow, pytest.mark.slow))
    return [pytest.param(*row, marks=next(marks)) for row in itertools.product(names, arrays)]


@pytest.mark.parametrize(("name", "matrix"), rows(DECOMPOSITIONS, MATRICES))
def test_decompositions_are_numpys(name: str, matrix: str) -> None:
    f, a = DECOMPOSITIONS[name], MATRICES[matrix]
    # The last product of a pseudo-inverse is SciPy's BLAS; eigenvectors are scaled, for their derivatives.
    if (name.startswith("pinv") or name == "eig") and not isinstance(outcome(f, a), tuple):
        for ours, theirs in zip(autodiff.function(f)(a), f(a), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)
        return
    assert outcome(autodiff.function(f), a) == outcome(f, a)


@pytest.mark.parametrize(("name", "line"), rows(TRANSFORMS, LINES))
def test_transforms_and_orders_are_numpys(name: str, line: str) -> None:
    f, x = TRANSFORMS[name], LINES[line]
    assert outcome(autodiff.function(f), x) == outcome(f, x)


def test_a_pseudo_inverse_of_a_matrix_without_full_rank(rng: np.random.Generator) -> None:
    for shape in ((6, 4), (4, 6), (2, 5, 5)):
        a = rng.standard_normal(shape)
        a[..., 1, :] = 2.0 * a[..., 0, :]
        np.testing.assert_allclose(
            autodiff.function(DECOMPOSITIONS["pinv"])(a), np.linalg.pinv(a), rtol=1e-11, atol=1e-13
        )


@pytest.mark.parametrize("name", [*DECOMPOSITIONS, *TRANSFORMS])
def test_python_is_not_called(name: str) -> None:
    f = DECOMPOSITIONS.get(name) or TRANSFORMS[name]
    given = MATRICES["square"] if name in DECOMPOSITIONS else LINES["even"]
    assert "autodiff.call_host" not in autodiff.function(f).llvm(given)


def test_any_length_in_one_program() -> None:
    compiled = autodiff.function(lambda x: (np.sort(x), np.argsort(x), np.fft.fft(x + 1j)))
    for n in (3, 4, 1, 5, 8):
        x = RNG.standard_normal(n)
        for got, wanted in zip(
            compiled(x), (np.sort(x), np.argsort(x), np.fft.fft(x + 1j)), strict=True
        ):
            np.testing.assert_array_equal(got, wanted)
    assert len(compiled.cache) <= 3
    stacks = autodiff.function(lambda a: np.linalg.eigh(a)[1])
    for k in (2, 3, 4, 1):
        a = RNG.standard_normal((k, 3, 3))
        np.testing.assert_array_equal(stacks(a), np.linalg.eigh(a)[1])


def test_in_a_loop_and_differentiated() -> None:
    def energy(a: Any) -> Any:
        total = 0.0
        for k in range(4):
            w, v = np.linalg.eigh(a * (k + 1.0))
            total += np.sum(np.sort(w * v[0]) ** 2) + np.sum(np.abs(np.fft.rfft(w)) ** 2)
        return total

    a = MATRICES["square"] + MATRICES["square"].T
    value, slope = autodiff.value_and_gradient(energy)(a)
    assert value == pytest.approx(energy(a), rel=1e-14)
    np.testing.assert_allclose(
        slope, autodiff.gradient(energy, engine="numpy")(a), rtol=1e-11, atol=1e-12
    )


def test_a_failure_leaves_the_next_call_as_it_was() -> None:
    compiled = autodiff.function(DECOMPOSITIONS["svd"])
    good = MATRICES["zero"] + np.eye(3)
    for a in (good, MATRICES["NaN"], good, MATRICES["NaN"]):
        assert outcome(compiled, a) == outcome(DECOMPOSITIONS["svd"], a)


@pytest.mark.parametrize(
    "name", ["eigh", "singular values", "qr", "eigvals", "pinv", "fft", "irfft"]
)
def test_a_routine_that_finds_no_memory_raises_as_numpy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its loops say so by an exception of Python, which is not looked at while the kernel runs.
    find = symbols._from_ufunc
    without = ctypes.cast(ctypes.pythonapi.PyErr_NoMemory, ctypes.c_void_p).value
    monkeypatch.setattr(symbols, "_known", {})
    monkeypatch.setattr(
        symbols, "_from_ufunc", lambda rest: without if rest.endswith(".loop") else find(rest)
    )
    f = DECOMPOSITIONS.get(name) or TRANSFORMS[name]
    given = MATRICES["square"] if name in DECOMPOSITIONS else LINES["even"]
    loss = autodiff.gradient(lambda x: np.sum(np.abs(f(x)[0])))
    for compiled in (autodiff.function(f), loss):
        with pytest.raises(MemoryError):
            compiled(given)


def test_the_users_flags_stay() -> None:
    """A division by zero before a decomposition is warned of, and none of the decomposition's own."""
    f = lambda a: np.linalg.eigh(a / np.sum(a))[0]  # noqa: E731
    compiled, a = autodiff.function(f), np.diag([1.0, -1.0, 0.0])
    compiled(np.eye(3))
    with pytest.warns(RuntimeWarning) as told, pytest.raises(np.linalg.LinAlgError):
        compiled(a)
    with pytest.warns(RuntimeWarning) as plain, pytest.raises(np.linalg.LinAlgError):
        f(a)
    assert [str(w.message) for w in told] == [str(w.message) for w in plain]


def test_a_numpy_without_the_routine_is_asked_through_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lacking(path: str) -> Any:
        raise InternalError(path)

    monkeypatch.setattr(symbols, "ufunc_of", lacking)
    assert not routines._has("numpy.linalg._umath_linalg.eigh_lo", "(m,m)->(m),(m,m)", "d->dd")
    f, a = DECOMPOSITIONS["eigh"], MATRICES["square"]
    assert "autodiff.call_host" in autodiff.function(f).llvm(a)
    assert outcome(autodiff.function(f), a) == outcome(f, a)


def test_another_layout_of_numpys_functions_is_found() -> None:
    of_integers = symbols.address("sort.Q.0")  # of the same size: -inf comes last
    with pytest.raises(InternalError, match="not laid out as published"):
        symbols._check_sorting("sort", np.dtype("f8"), 0, of_integers)


def test_the_same_without_the_flags_of_x86(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("flags have other numbers there")
    monkeypatch.setattr(routines.flags, "is_x86", lambda: False)
    for name, f in DECOMPOSITIONS.items():
        for matrix in ("zero", "NaN"):
            assert outcome(autodiff.function(f), MATRICES[matrix]) == outcome(
                f, MATRICES[matrix]
            ), name
