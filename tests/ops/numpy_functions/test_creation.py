"""Arrays made from sizes and numbers, against NumPy; the table's functions are called directly."""

import numpy as np
import pytest

import autodiff
from autodiff.ops.dispatch import functions
from autodiff.ops.tracer import Tracer
from tests.ops.support import check_derivatives, check_value


def made(function, *arguments, **options):
    """Call NumPy's function on plain arguments, the table's on traced ones."""
    traced = any(isinstance(a, Tracer) for a in [*arguments, *options.values()])
    return (functions[function] if traced or made.force else function)(*arguments, **options)


made.force = False

PLAIN = {
    "zeros": (np.zeros, (2, 3)),
    "zeros int": (np.zeros, 3, int),
    "ones": (np.ones, (2,), np.float32),
    "full": (np.full, (2, 2), 7),
    "full float": (np.full, 3, 2.5),
    "full row": (np.full, (2, 3), [1, 2, 3]),
    "arange": (np.arange, 5),
    "arange bounds": (np.arange, 2, 11, 3),
    "arange down": (np.arange, 5, 0, -2),
    "arange empty": (np.arange, 5, 5),
    "linspace": (np.linspace, 0.0, 1.0, 7),
    "linspace open": (np.linspace, 0, 3, 4, False),
    "linspace one": (np.linspace, 2.0, 3.0, 1),
    "linspace rows": (np.linspace, [0.0, 1.0], [2.0, 5.0], 4),
    "logspace": (np.logspace, 0, 2, 5),
    "geomspace": (np.geomspace, 1.0, 1000.0, 4),
    "eye": (np.eye, 3),
    "eye shifted": (np.eye, 2, 4, 1),
    "identity": (np.identity, 3, int),
    "tri": (np.tri, 3, 4, -1),
    "array": (np.array, [[1, 2], [3, 4]]),
    "array mixed": (np.array, [1, 2.5, True]),
    "asarray": (np.asarray, [1.0, 2.0]),
    "meshgrid": (np.meshgrid, [1.0, 2.0, 3.0], [4, 5]),
    "indices": (np.indices, (2, 3)),
    "vander": (np.vander, [1.0, 2.0, 3.0], 4),
    "ix_": (np.ix_, [0, 1], [2, 3, 4]),
}


@pytest.mark.parametrize("name", PLAIN)
def test_known_arguments_give_numpys_arrays(name: str) -> None:
    function, *arguments = PLAIN[name]

    def f():
        if made.force:
            return functions[function](*arguments)
        return function(*arguments)

    def both():
        return f()

    made.force = False
    expected = f()

    from tests.ops.support import leaves, run

    try:
        made.force = True
        found = run(both)
    finally:
        made.force = False
    for want, have in zip(leaves(expected), leaves(found), strict=True):
        assert (want.dtype, want.shape) == (have.dtype, have.shape)
        np.testing.assert_allclose(have, want, rtol=1e-13, atol=1e-15)


X = np.array([0.5, 1.5, 2.5])
TRACED = {
    "full": lambda x: made(np.full, (2, 3), x),
    "zeros_like": lambda x: np.zeros_like(x) + np.ones_like(x) * x,
    "full_like": lambda x: np.full_like(x, 2.0) * x,
    "like dtype and shape": lambda x: np.ones_like(x, dtype=np.float32, shape=(2, 3)) * x,
    "array of scalars": lambda x: made_array([x[0], 2.0, x[1] * x[2]]),
    "array of rows": lambda x: made_array([[x[0], 1], [2, x[1]]]),
    "array of arrays": lambda x: made_array([x, x * 2, [1, 2, 3]]),
    "linspace": lambda x: made(np.linspace, x[0], x[2], 5),
    "linspace arrays": lambda x: made(np.linspace, x, x[::-1], 4, axis=1),
    "geomspace": lambda x: made(np.geomspace, x[0], x[2], 5),
    "logspace": lambda x: made(np.logspace, x[0], x[1], 3),
    "meshgrid": lambda x: list(np.meshgrid(x, x[:2])),
    "meshgrid ij": lambda x: list(np.meshgrid(x, x[:2], indexing="ij", sparse=True)),
    "vander": lambda x: np.vander(x, 3, increasing=True),
    "asarray": lambda x: (
        np.asarray(x) * 2 if not isinstance(x, Tracer) else made(np.asarray, x) * 2
    ),
}


def made_array(rows):
    from autodiff.ops.promotion import contains_tracer

    return (functions[np.array] if contains_tracer(rows) else np.array)(rows)


@pytest.mark.parametrize("name", TRACED)
def test_traced_arguments(name: str) -> None:
    check_value(TRACED[name], X)
    check_derivatives(TRACED[name], X)


def test_asarray_shares_and_array_copies() -> None:
    def f(x):
        a = x * 1
        b = made(np.asarray, a)
        c = made(np.array, a)
        b[0] = 9.0
        c[1] = 8.0
        return a, b, c

    check_value(f, X)


def test_float_arange_with_traced_step_has_a_run_time_size() -> None:
    check_value(lambda x: made(np.arange, 0.0, x[2], x[0]), X)


LARGE = 2**63
RANGES = [
    (0.1, 20.0, 0.3), (3.5, 9, 1), (5, 50, 7), (-3, 3, 2), (1, 2058, 1), (2**24 - 3, 2**24 + 6, 1),
    (2**53 - 2, 2**53 + 5, 1), (2**53 + 1, 2**53 + 9, 3), (LARGE - 2, LARGE + 3, 1), (LARGE - 1, LARGE + 3, 2),
    (-LARGE, 4 - LARGE, 1), (100, 130, 20), (127, 130, 10),
]  # fmt: skip


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("dtype", [None, "f8", "f4", "f2", "i8", "i4", "i1"])
def test_arange_goes_on_by_the_difference_of_its_first_elements(dtype, engine) -> None:
    def f(start, stop, step):
        return np.arange(start, stop, step, dtype=dtype)

    def outcome(f, given):
        try:
            x = f(*given)
        except OverflowError as error:
            return str(error)
        return x.dtype, x.tobytes()

    compiled = autodiff.function(f, engine=engine)
    for given in RANGES:
        if dtype == "f2" and max(map(abs, given)) > 2**16:
            continue  # of elements that are infinite NumPy keeps the first two, and goes on with NaN
        assert outcome(compiled, given) == outcome(f, given), given


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_integers_beyond_int64_fill_arrays_of_uint64(engine) -> None:
    compiled = autodiff.function(lambda k: np.full(2, k + 3), engine=engine)
    for k in (2**63 - 2, 5):
        found, expected = compiled(k), np.full(2, k + 3)
        assert found.dtype == expected.dtype and found.tolist() == expected.tolist()


@pytest.mark.parametrize("bad", [[[1.0, 2.0], [3.0]]])
def test_ragged_sequences_raise_in_numpys_words(bad) -> None:
    with pytest.raises(ValueError, match="setting an array element with a sequence"):
        check_value(lambda x: made_array([[x[0], x[1]], [x[2]]]), X)
