"""Objects that compute for themselves (masked arrays, buffers, …): changed once, at the right time, and seen.

Each row makes such an object, changes it without a value that the program computes, and reads it.  The change
stands at the top, in a branch that is or is not taken, in loops, and in ``try``.
"""

from __future__ import annotations

import array
import collections
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import autodiff

X = np.array([0.5, -1.5, 2.0])
ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
pytestmark = pytest.mark.filterwarnings(
    "ignore::autodiff.errors.FallbackWarning", "ignore::PendingDeprecationWarning"
)


def masked() -> Any:
    return np.ma.zeros(3)


def fill(m: Any) -> None:
    m.fill(m[0] + 3.0)


def add(m: Any) -> None:
    m += 1


def add_into(m: Any) -> None:
    np.add(m, 1, out=m)


def copied_to(m: Any) -> None:
    np.copyto(m, m + 1)


def total(m: Any) -> float:
    return float(np.sum(m))


# How the object is made, changed and read.
ROWS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "masked, filled": (masked, fill, total),
    "masked, in place": (masked, add, total),
    "masked, out": (masked, add_into, total),
    "masked, put": (masked, lambda m: m.put([0], m[0] + 7.0), total),
    "masked, copyto": (masked, copied_to, total),
    "masked, sorted": (
        lambda: np.ma.array([3.0, 1.0, 2.0]),
        lambda m: m.sort(),
        lambda m: float(m[0] + 10 * m[1]),
    ),
    "masked, its data": (masked, lambda m: fill(m.data), total),
    "masked, a row": (
        lambda: np.ma.zeros((2, 2)),
        lambda m: [row.fill(row[0] + 1) for row in m.data],
        total,
    ),
    "objects": (lambda: np.zeros(3, object), add_into, total),
    "long doubles": (lambda: np.zeros(3, np.longdouble), fill, total),
    "other byte order": (lambda: np.zeros(3, ">f8"), add, total),
    "records": (
        lambda: np.zeros(2, dtype=[("a", float)]),
        lambda m: m["a"].__iadd__(1.0),
        lambda m: float(m["a"].sum()),
    ),
    "buffer": (
        lambda: array.array("d", [1.0, 2.0]),
        lambda b: np.frombuffer(b).__iadd__(1.0),
        lambda b: float(sum(b)),
    ),
    "buffer, longer": (
        lambda: array.array("d", [1.0, 2.0]),
        lambda b: b.fromlist([4.0]),
        lambda b: float(sum(b)),
    ),
    "buffer, as an array": (
        lambda: array.array("d", [1.0, 2.0]),
        lambda b: fill(np.asarray(b)),
        lambda b: float(sum(b)),
    ),
    "bytes": (lambda: bytearray(b"ab"), lambda b: b.append(len(b)), lambda b: float(sum(b))),
    "sparse": (
        lambda: scipy.sparse.eye(3, format="csr"),
        lambda s: s.data.__iadd__(1.0),
        lambda s: float(s.sum()),
    ),
    "counter": (
        lambda: collections.Counter("ab"),
        lambda c: c.update("a"),
        lambda c: float(c["a"]),
    ),
}
SAMPLE = ("masked, filled", "masked, its data", "buffer, as an array", "counter")


def surroundings(make: Any, change: Any, read: Any) -> list[Callable[[Any], Any]]:
    def top(x: Any) -> Any:
        m = make()
        change(m)
        return read(m) * x[1]

    def branch(x: Any) -> Any:
        m = make()
        if x[0] > 0:
            change(m)
        return read(m) * x[1]

    def loop(x: Any) -> Any:
        m = make()
        sum = 0.0
        for k in range(3):
            change(m)
            sum = sum + read(m) * x[k]
        return sum

    def repeated(x: Any) -> Any:
        m = make()
        k = 0
        while x[0] * k < 1.9 and k < 5:
            change(m)
            k = k + 1
        return read(m) * x[1]

    def attempted(x: Any) -> Any:
        m = make()
        try:
            change(m)
            if x[0] < 0:
                raise ValueError("negative")
            change(m)
        except ValueError:
            pass
        return read(m) * x[1]

    return [top, branch, loop, repeated, attempted]


def differences(f: Callable[[Any], Any], x: Any) -> Any:
    steps = 1e-6 * np.eye(len(x))
    return np.array([(f(x + h) - f(x - h)) / 2e-6 for h in steps])


@ENGINES
@pytest.mark.parametrize(
    "name", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in ROWS]
)
def test_a_change_happens_where_and_as_often_as_in_plain_python(name: str, engine: str) -> None:
    for f in surroundings(*ROWS[name]):
        value = autodiff.function(f, engine=engine)
        for x in (X, -X, X):
            assert value(x) == pytest.approx(f(x)), f.__name__
        if name in SAMPLE[:1]:
            np.testing.assert_allclose(
                autodiff.gradient(f, engine=engine)(X), differences(f, X), atol=1e-6
            )


# -- memory that another object has as well -------------------------------------------------------------
def _data(x: Any) -> Any:
    m = np.ma.zeros(3)
    d = m.data
    d[:] = x
    return m.sum()


def _in_place(x: Any) -> Any:
    m = np.ma.zeros(3)
    m += x
    return m.sum()


def _matrix(x: Any) -> Any:
    m = np.matrix(np.eye(2))
    np.asarray(m)[0, 0] = x[0]
    return m.sum()


def _buffer(x: Any) -> Any:
    b = bytearray(24)
    np.frombuffer(b)[:] = x
    return np.frombuffer(b).sum()


def _numbers(x: Any) -> Any:
    b = array.array("d", [0.0, 0.0, 0.0])
    np.asarray(b)[0] = x[0]
    return b[0] + x[1]


def _row(x: Any) -> Any:
    m = np.ma.zeros((3, 3))
    row = m.data[np.argmax(x)]
    row[0] = x[0]
    return m.sum()


SHARED = (_data, _in_place, _matrix, _buffer, _numbers, _row)


@ENGINES
@pytest.mark.parametrize("f", SHARED)
def test_a_store_of_a_computed_value_is_seen_in_the_object_or_refused(f: Any, engine: str) -> None:
    assert autodiff.function(f, engine=engine)(X) == f(X)
    with pytest.raises((autodiff.UnsupportedError, autodiff.DerivativeError)):
        autodiff.gradient(f, engine=engine)(X)


def _read_late(x: Any) -> Any:
    m = np.ma.zeros(3)
    d = m.data
    m[0] = 7.0
    return d.sum() * x[0]


def _written_through(x: Any) -> Any:
    m = np.ma.zeros((3, 2))
    for row in m.data:
        row[0] = 2.0
    return m.sum() * x[0]


def _mask(x: Any) -> Any:
    m = np.ma.array([1.0, 2.0, 4.0], mask=[0, 1, 0])
    np.ma.getmask(m)[0] = True
    return m.sum() * x[0]


def _read_at_a_place(x: Any) -> Any:
    m = np.ma.zeros((3, 3))
    row = m.data[np.argmax(x)]
    m[2, 0] = 5.0
    return row.sum() * x[0]


@ENGINES
@pytest.mark.parametrize("f", [_read_late, _written_through, _mask, _read_at_a_place])
def test_what_is_stored_by_one_way_is_read_by_the_other(f: Any, engine: str) -> None:
    assert autodiff.function(f, engine=engine)(X) == f(X)
    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(X), differences(f, X), atol=1e-6)


def _read_only(x: Any) -> Any:
    given = np.frombuffer(b"12345678")
    try:
        given[0] = 1.0
    except ValueError:
        return x[0] * 2
    return x[0]


def _fresh(x: Any) -> Any:
    edges = np.histogram([1.0, 2.0, 3.0])[1]
    nodes, weights = np.polynomial.legendre.leggauss(3)
    edges[0], weights[0] = x[0], x[1]
    return edges.sum() + (nodes * weights).sum()


@ENGINES
@pytest.mark.parametrize("f", [_read_only, _fresh])
def test_arrays_that_nobody_else_has_are_arrays_of_the_program(f: Any, engine: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", autodiff.FallbackWarning)
        assert autodiff.function(f, engine=engine)(X) == pytest.approx(f(X))
        slope = autodiff.gradient(f, engine=engine)(X)
    np.testing.assert_allclose(slope, differences(f, X), atol=1e-6)


def appended(b: Any, sink: Any) -> Any:
    kept = [b]
    kept.append(b)
    return kept, len(kept)


def put_in_a_dict(b: Any, sink: Any) -> Any:
    table: dict[str, Any] = {}
    table.setdefault("a", []).append(b)
    table.update(c=b)
    return sorted(table), len(table["a"])


def extended(b: Any, sink: Any) -> Any:
    kept = collections.deque([1])
    kept.extend(b)
    return list(kept)


def written_out(b: Any, sink: Any) -> Any:
    sink.write(b)
    return sink.tell()


def shuffled(b: Any, sink: Any) -> Any:
    drawn = np.random.default_rng(3)
    drawn.shuffle(b)
    return bytes(b), drawn.random()


@ENGINES
@pytest.mark.parametrize("f", [appended, put_in_a_dict, extended, written_out, shuffled])
def test_what_is_given_a_buffer_gets_it_once(f: Any, engine: str) -> None:
    compiled = autodiff.function(f, engine=engine)
    ours, theirs = io.BytesIO(), io.BytesIO()
    for _ in range(3):
        a, b = bytearray(b"abcd"), bytearray(b"abcd")
        assert compiled(a, ours) == f(b, theirs)
        assert a == b and ours.getvalue() == theirs.getvalue()
