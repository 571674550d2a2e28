"""Arrays that a function stores into get what changed of them, and are otherwise left alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff


def row(a: Any) -> Any:
    a[3] = a[2] * 2.0


def row_and_sum(a: Any) -> Any:
    a[3] = a[2] * 2.0
    return a.sum()


def element(a: Any) -> Any:
    a[1, 2] = a[0, 0] + 1.0
    return a[1, 2]


def several(a: Any) -> Any:
    a[0] = a[1] + 1.0
    a[:, 1] = a[:, 0] * 2.0
    a[0, ::2] = 7.0
    return a[0] * 1.0


def inside(a: Any) -> Any:
    a[1:-1, 1:-1] = 0.5 * (a[2:, 1:-1] + a[:-2, 1:-1])


def last(a: Any) -> Any:
    a[-1] = a[0]
    return a


def both(a: Any) -> Any:
    b = a[1:3]
    b[...] = b[::-1] + 1.0
    a[0] = b[0]
    return b


def many(a: Any) -> Any:
    for k in range(5):
        a[k, k] = a[k, 0] + k
    a[4] += 1.0


def whole(a: Any) -> Any:
    a *= 2.0
    a[0] = 1.0
    return a.mean()


def backwards(a: Any) -> Any:
    a[::-1, 0] = a[:, 1]


def at_a_place(a: Any) -> Any:
    a[int(np.argmax(a[:, 0]))] = 0.0


CASES: list[Callable[[Any], Any]] = [
    row, row_and_sum, element, several, inside, last, both, many, whole, backwards, at_a_place,
]  # fmt: skip
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "by rows": lambda a: a.copy(),
    "by columns": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, 0)[::2],
    "turned": lambda a: a.T.copy().T[:, ::-1],
    "single": lambda a: a.astype(np.float32),
    "complex": lambda a: a * (1.0 + 1j),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", CASES)
def test_the_array_is_as_plain_python_leaves_it(f: Any, engine: Any) -> None:
    compiled = autodiff.function(f, engine=engine)
    for layout, lay_out in LAYOUTS.items():
        if layout == "complex" and f is at_a_place:
            continue  # the largest of complex numbers
        if engine == "numpy" and layout not in ("by rows", "by columns"):
            continue
        for rows in (5, 7):
            given = np.random.default_rng(rows).standard_normal((rows, 5))
            theirs, ours = lay_out(given), lay_out(given)
            for _ in range(2):
                expected, found = f(theirs), compiled(ours)
                np.testing.assert_array_equal(ours, theirs)
                if expected is not None:
                    np.testing.assert_allclose(found, expected, rtol=1e-6)
                assert (expected is theirs) == (found is ours)


def at_i(a: Any, i: int) -> Any:
    a[i] = a[i - 1] + 1.0


def from_i(a: Any, i: int) -> Any:
    a[i:, 1 : i + 1 : 2] = 0.5
    a[2 * i - 1, i] = a[0, 0]
    return a[i]


def found(a: Any, i: int) -> Any:
    k = int(np.argmax(a[:, 0]))
    a[k, : i + 1] = 1.0 + k


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", [at_i, from_i, found])
def test_places_that_each_call_says(f: Any, engine: Any) -> None:
    compiled = autodiff.function(f, engine=engine)
    for i in (1, 2, 3, 1, 2, -1 if f is at_i else 3):
        for rows in (6, 6, 8):
            ours = np.random.default_rng(rows).standard_normal((rows, 6))
            theirs = ours.copy()
            expected, made = f(theirs, i), compiled(ours, i)
            np.testing.assert_array_equal(ours, theirs)
            if expected is not None:
                np.testing.assert_array_equal(made, expected)
    if f is not found:
        with pytest.raises(IndexError):
            compiled(np.ones((2, 2)), 9)
    if engine == "native" and f is at_i:
        assert any(write.parts for s in compiled.cache for write in s.writes)
        shapes = [v.shape for v in compiled.cache[-1].plan.program.outputs]
        assert all(len(shape) < 2 for shape in shapes)
        assert [write.items for write in compiled.cache[0].writes] == [
            ((None, 1),)
        ]  # no slice is made


def test_a_row_of_an_array_that_may_not_be_written() -> None:
    compiled = autodiff.function(at_i)
    a = np.ones((5, 4))
    for i in (1, 2, 3):
        compiled(a, i)
    a.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        compiled(a, 2)


def test_what_is_not_stored_into_is_not_read_or_copied() -> None:
    compiled = autodiff.function(row)
    compiled(np.ones((5, 4)))
    (specialisation,) = compiled.cache
    assert [(w.number, w.at) for w in specialisation.writes] == [(0, (3, slice(0, 4, 1)))]
    assert [v.shape for v in specialisation.plan.program.outputs] == [(4,)]
    assert "slice_update" not in [op.kind for op in specialisation.plan.program.block.operations]


def test_a_large_part_of_an_array_that_is_needed_whole_is_not_computed_twice() -> None:
    def f(a: Any) -> Any:
        a[1:] = np.sin(a[:-1])
        return a.sum()

    compiled = autodiff.function(f)
    compiled(np.ones((5, 4)))
    (specialisation,) = compiled.cache
    assert [w.at for w in specialisation.writes] == [None]


def test_a_run_that_fails_leaves_the_array() -> None:
    def f(a: Any) -> Any:
        a[0] = 2.0 * a[0]
        return np.linalg.inv(a)

    compiled = autodiff.function(f)
    for _ in range(3):
        compiled(np.eye(3) + 0.1)
    a = np.ones((3, 3))
    with pytest.raises(np.linalg.LinAlgError):
        compiled(a)
    np.testing.assert_array_equal(a, [[2.0] * 3, [1.0] * 3, [1.0] * 3])  # once, as in plain Python


def test_an_array_that_may_not_be_written_is_refused_as_numpy_does() -> None:
    compiled = autodiff.function(row)
    compiled(np.ones((5, 4)))
    a = np.ones((5, 4))
    a.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        compiled(a)


# -- read-only arguments ------------------------------------------------------------------------------
HELD, ENDED = np.ones(3), []


def on_a_path(a, x):
    if x > 2:
        a[0] = 1.0
    return a * x


def handled(a, x):
    try:
        a[:] = x
    except ValueError as error:
        return str(error)
    return "stored"


def in_a_loop(a, x):
    for i in range(3):
        if x > i:
            a[i] += x


def with_an_end(a, x):
    try:
        a *= x
    finally:
        ENDED.append(1)


def sorted_in_place(a, x):
    a.sort()


def given_out(a, x):
    np.multiply(a, x, out=a)


def held_outside(a, x):
    HELD[0] += x
    return a * x


def of_a_view(a, x):
    b = a[1:]
    b[0] = x
    return b


def filled(a, x):
    a.fill(x)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "f", [on_a_path, handled, in_a_loop, with_an_end, sorted_in_place, given_out, held_outside, of_a_view, filled], ids=lambda f: f.__name__
)  # fmt: skip
def test_a_store_into_a_read_only_array_raises_where_it_happens(f, engine):
    def outcome(function, x, writeable):
        a = np.array([2.0, 0.0, 1.0])
        HELD[:], ENDED[:] = 1.0, []
        a.flags.writeable = HELD.flags.writeable = writeable
        try:
            result = function(a, x)
        except ValueError as error:
            result = repr(error)
        finally:
            HELD.flags.writeable = True
        return str(result), a.tolist(), HELD.tolist(), list(ENDED)

    for order in ((True, False, True, False), (False, True, False)):
        compiled = autodiff.function(f, engine=engine)
        for x in (1.0, 3.0, 0.5):
            for writeable in order:
                assert outcome(compiled, x, writeable) == outcome(f, x, writeable)
