"""Lists of records among the arguments: one loop, one program for all lengths."""

import copy
import warnings
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff
from autodiff import tables
from autodiff.errors import ArgumentError

Point = namedtuple("Point", "t y")


@dataclass
class Reading:
    t: float
    y: float


@dataclass(frozen=True)
class Frozen:
    t: float
    y: float


def _pairs(n):
    return [(0.1 * k, 1.0 + 0.3 * k) for k in range(n)]


RECORDS = {
    "tuples": _pairs,
    "named tuples": lambda n: [Point(*r) for r in _pairs(n)],
    "lists": lambda n: [list(r) for r in _pairs(n)],
    "dicts": lambda n: [{"t": t, "y": y} for t, y in _pairs(n)],
    "dataclasses": lambda n: [Reading(*r) for r in _pairs(n)],
    "frozen dataclasses": lambda n: [Frozen(*r) for r in _pairs(n)],
    "NumPy floats": lambda n: [tuple(map(np.float64, r)) for r in _pairs(n)],
    "a tuple of tuples": lambda n: tuple(_pairs(n)),
    "arrays": lambda n: [np.array(r) for r in _pairs(n)],
    "with a label": lambda n: [{"t": t, "y": y, "unit": "V"} for t, y in _pairs(n)],
    "with an array": lambda n: [{"t": t, "y": y, "v": np.array([t, y])} for t, y in _pairs(n)],
    "with records": lambda n: [{"t": t, "y": y, "more": (t, Point(t, y))} for t, y in _pairs(n)],
}


# Of the rest the default run has a sample; every kind of record is read in the test of repeated calls.
FEW_KINDS = ("tuples", "dicts", "with records")


def sample(kinds, few=FEW_KINDS):
    return [k if k in few else pytest.param(k, marks=pytest.mark.slow) for k in kinds]


def _t(r):
    return r["t"] if isinstance(r, dict) else r.t if hasattr(r, "t") else r[0]


def _y(r):
    return r["y"] if isinstance(r, dict) else r.y if hasattr(r, "y") else r[1]


def residuals(records, a):
    total = 0.0
    for r in records:
        total = total + (_y(r) - a * _t(r)) ** 2
    return total


def by_index(records, a):
    total = 0.0
    for k in range(1, len(records)):
        total = total + (_y(records[k]) - a * _y(records[k - 1])) * _t(records[-1])
    return total


def comprehended(records, a):
    return sum([np.sin(a * _t(r)) * _y(r) for r in records if _y(r) > 1.5])


def largest(records, a):
    best = None
    for k, r in enumerate(records):
        if best is None or _y(r) * a > best:
            best = _y(r) * a
    return best * _t(records[0]) + best


def backwards(records, a):
    state = 0.0
    for r in reversed(records[1:-1]):
        state = a * state + _y(r)
    return state


FUNCTIONS = [residuals, by_index, comprehended, largest, backwards]


def _numbers(tree):
    return [np.asarray(x) for x in autodiff.tree.flatten(tree)[0] if not isinstance(x, str)]


def _shape(x):
    """Types, and what they are of."""
    if isinstance(x, dict):
        return type(x), [(k, _shape(v)) for k, v in x.items()]
    if isinstance(x, (list, tuple)):
        return type(x), [_shape(v) for v in x]
    if hasattr(x, "__dataclass_fields__"):
        return type(x), [(k, _shape(v)) for k, v in vars(x).items()]
    return type(x), np.shape(x)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("kind", sample(RECORDS, ["dicts"]))
def test_records_are_as_in_python(kind, engine) -> None:
    for f in FUNCTIONS:
        value, slope = (
            t(f, engine=engine) for t in (autodiff.function, autodiff.value_and_gradient)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for n in (9, 12, 30, 5):  # the last has its items one by one
                records = RECORDS[kind](n)
                expected = f(records, 0.7)
                found = value(records, 0.7)
                assert type(found) is type(expected)
                assert found == pytest.approx(expected, rel=1e-13)
                again, (by_records, by_a) = slope(records, 0.7)
                assert again == pytest.approx(expected, rel=1e-13)
                step = 1e-6
                moved = f(records, 0.7 + step) - f(records, 0.7 - step)
                assert by_a == pytest.approx(moved / (2 * step), rel=1e-6)
                assert len(by_records) == n
                if n > 5:
                    assert _shape(by_records[3]) == few(f, kind)
        assert len(value._compiled.specialisations) <= 3


_few: dict = {}


def few(f, kind):
    """What the derivative by a record is where the records are taken one by one."""
    if (f, kind) not in _few:
        _few[f, kind] = _shape(autodiff.gradient(f)(RECORDS[kind](5), 0.7)[0][3])
    return _few[f, kind]


@pytest.mark.parametrize("kind", sample(RECORDS, ["dataclasses"]))
@pytest.mark.parametrize("f", FUNCTIONS)
def test_the_derivative_by_each_number(f, kind) -> None:
    records = RECORDS[kind](8)
    gradient = autodiff.gradient(f, wrt=0)
    found = gradient(records, 0.7)
    assert autodiff.check_gradient(f, records, 0.7)
    one_by_one = [gradient(records[:4] + records[4:], 0.7)][0]
    for a, b in zip(_numbers(found), _numbers(one_by_one), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", sample(RECORDS))
@pytest.mark.parametrize("f", FUNCTIONS)
def test_a_loop_over_records_is_one_loop(f, kind) -> None:
    for transformation in (autodiff.function, autodiff.gradient):
        short, long = (
            str(transformation(f).ir(RECORDS[kind](n), 0.7)).count("\n") for n in (9, 90)
        )
        assert short == long


# -- where it shows that records are copies ------------------------------------------------------------
def returns_the_list(records, a):
    return records, a


def returns_a_record(records, a):
    return records[2], a


def chooses_a_record(records, a):
    return records[0] if a > 0 else records[1]


def changes_the_list(records, a):
    records.append(records[0])
    return a * len(records)


def sorts(records, a):
    records.reverse()
    return a * _t(records[0])


def looks_for_identity(records, a):
    return a if records[0] is records[0] else -a


def shows(records, a):
    return f"{records[1]}", a


def keeps(records, a):
    KEPT["record"] = records[3]
    return a * _t(records[3])


KEPT: dict = {}


@pytest.mark.parametrize("kind", sample(RECORDS, ["tuples", "dicts", "arrays"]))
@pytest.mark.parametrize(
    "f",
    [returns_the_list, returns_a_record, chooses_a_record, looks_for_identity, shows, keeps],
)
def test_where_records_show_they_are_those_given(f, kind) -> None:
    compiled = autodiff.function(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for a in (0.5, -0.5):
            seen = []
            for n in (9, 5):  # as records taken one by one
                records = RECORDS[kind](n)
                found, expected = compiled(records, a), f(records, a)
                assert str(found) == str(expected)
                first = found[0] if isinstance(found, tuple) and found else found
                seen.append((first is records, first is records[2]))
                if f is keeps and not isinstance(records[3], tuple):
                    assert KEPT["record"] is records[3]
            assert seen[0] == seen[1]


@pytest.mark.parametrize("kind", [k for k in RECORDS if k != "a tuple of tuples"])
@pytest.mark.parametrize("f", [changes_the_list, sorts])
def test_a_list_of_records_changes_as_in_python(f, kind) -> None:
    compiled = autodiff.function(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, plain = RECORDS[kind](9), RECORDS[kind](9)
        assert compiled(ours, 0.5) == f(plain, 0.5)
        assert str(ours) == str(plain)


def stores_into_an_array(records, x):
    x[0] = 5.0
    total = 0.0
    for r in records:
        total = total + r[0] * x[1]
    return total


def test_an_array_of_a_list_that_is_stored_into_by_another_name() -> None:
    compiled = autodiff.function(stores_into_an_array)
    for shared in (False, True):
        ours, plain = RECORDS["arrays"](9), RECORDS["arrays"](9)
        x, y = (ours[0], plain[0]) if shared else (np.ones(2), np.ones(2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert compiled(ours, x) == stores_into_an_array(plain, y)
        np.testing.assert_array_equal(ours, plain)
        np.testing.assert_array_equal(x, y)
    ours = RECORDS["arrays"](9)
    with pytest.raises(ArgumentError, match="share memory"):
        autodiff.gradient(stores_into_an_array)(ours, ours[0])


def changes_a_record(records, a):
    total = 0.0
    for r in records:
        r["t"] = r["t"] * a
        total = total + r["t"]
    return total


def test_a_record_that_changes() -> None:
    ours, plain = RECORDS["dicts"](9), RECORDS["dicts"](9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert autodiff.function(changes_a_record)(ours, 0.5) == changes_a_record(plain, 0.5)
    assert ours == plain
    given = RECORDS["dicts"](9)
    before = copy.deepcopy(given)
    by_records, by_a = autodiff.gradient(changes_a_record)(given, 0.5)
    assert by_a == pytest.approx(sum(r["t"] for r in before))
    assert [r["t"] for r in by_records] == [0.5] * 9
    assert given == before


# -- which lists are tables ----------------------------------------------------------------------------
def test_records_that_differ_are_taken_one_by_one() -> None:
    def f(records, a):
        return sum(r[0] * a for r in records)

    compiled = autodiff.function(f)
    even, mixed = _pairs(9), [*_pairs(8), (2, 3.0)]
    longer = [*_pairs(8), (0.1, 2.0, 3.0)]
    for records in (even, mixed, longer, even, _pairs(11), [], _pairs(1)):
        found, expected = compiled(records, 2.0), f(records, 2.0)
        assert found == pytest.approx(expected)
        assert type(found) is type(expected)


def test_whole_numbers_and_flags_in_records() -> None:
    def f(records, a):
        total = 0.0
        for count, weight, used in records:
            if used:
                total = total + weight * a**count
        return total

    def g(records, a):
        return np.zeros(records[3][0]).size * a

    records = [(k, 0.5 * k, k % 3 == 0) for k in range(12)]
    assert autodiff.function(f)(records, 1.1) == pytest.approx(f(records, 1.1))
    by_records, by_a = autodiff.gradient(f)(records, 1.1)
    assert by_records[6] == (0.0, pytest.approx(1.1**6), True)
    assert by_a == pytest.approx(sum(w * c * 1.1 ** (c - 1) for c, w, u in records if u))
    sizes = autodiff.function(g)
    assert sizes(records, 2.0) == 6.0
    assert sizes([(k + 1, 0.5, False) for k in range(12)], 2.0) == 8.0


def test_records_as_one_array() -> None:
    def f(records, A):
        return np.sum(np.array(records) @ A)

    records, A = [[0.1 * i * j + 1.0 for j in range(3)] for i in range(10)], np.eye(3)
    assert autodiff.function(f)(records, A) == pytest.approx(f(records, A))
    by_records, _ = autodiff.gradient(f)(records, A)
    assert by_records == [[1.0] * 3] * 10


def test_columns_in_messages() -> None:
    def f(records):
        return sum(r["y"] for r in records)

    assert "args[0][:]['y']" in str(autodiff.function(f).explain(RECORDS["dicts"](9)))


# -- where a copy would be silently wrong -----------------------------------------------------------------
def stores_by_another_argument(records, other, a):
    other["t"] = 5.0 * a
    return records[2]["t"] * a


def stores_into_an_item_of_a_slice(records, other, a):
    part = records[1:]
    part[1]["t"] = 4.0 * a
    return records[2]["t"] * a


def stores_unseen(records, other, a):
    dict.update(records[2], t=4.0 * a)
    return records[2]["t"] * a


def gives_a_slice(records, other, a):
    return records[2:4], a


def gives_those_chosen(records, other, a):
    return [r for r in records if r["y"] * a > 1.5]


def takes_several(records, other, a, *more):
    return sum(r["y"] for r in more) * a


@pytest.mark.parametrize(
    "f",
    [
        stores_by_another_argument,
        stores_into_an_item_of_a_slice,
        stores_unseen,
        gives_a_slice,
        gives_those_chosen,
        takes_several,
    ],
)
def test_records_that_are_reached_in_another_way(f) -> None:
    def run(g):
        records = RECORDS["dicts"](9)
        more = records if f is takes_several else []
        return g(records, records[2], 1.3, *more), records

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = run(autodiff.function(f)), run(f)
        assert str(found) == str(expected)


@pytest.mark.parametrize("shared", [False, True])
def test_an_array_of_a_list_is_or_is_not_another_argument(shared) -> None:
    def f(arrays, x, a):
        return a if arrays[2] is x else -a

    arrays = RECORDS["arrays"](9)
    x = arrays[2] if shared else arrays[2].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert autodiff.function(f)(arrays, x, 1.5) == f(arrays, x, 1.5)


# -- repeated calls: recognised, read and written by generated code -------------------------------------
def slightly_changed(records):
    """The same list with a row in which one thing differs, in each way that there is."""
    row = records[4]
    if isinstance(row, dict):
        others = [{**row, "t": 2}, dict(reversed(row.items())), {**row, "z": 1.0}, {"y": 1.0}]
        others += [{**row, "unit": "A"}] if "unit" in row else []
        others += (
            [{**row, "v": np.ones(3)}, {**row, "v": np.ones(2, np.float32)}] if "v" in row else []
        )
    elif isinstance(row, np.ndarray):
        others = [row.astype(np.float32), np.ones(3), row.tolist(), np.asfortranarray(row)[::-1]]
    elif hasattr(row, "__dataclass_fields__"):
        others = [type(row)(2, 1.5), type(row)(np.float64(2.0), 1.5), Point(2.0, 1.5)]
    else:
        make = row._make if hasattr(row, "_make") else type(row)
        others = [make([2, row[1]]), make([np.float32(2.0), row[1]]), (2.0, 1.5), [2.0, 1.5]]
    for other in others:
        yield type(records)([*records[:4], other, *records[5:]])


def first_two(records, a):
    total = 0.0
    for r in records:
        total = total + len(r) * _y(r) if isinstance(r, (dict, list)) else total + _y(r) * _t(r)
        for key in r if isinstance(r, dict) else ():
            total = total * 1.5 if key == "t" else total
    return total * a


@pytest.mark.parametrize("kind", RECORDS)
def test_repeated_calls_are_recognised_and_rows_are_looked_at(kind) -> None:
    value, slope = autodiff.function(first_two), autodiff.gradient(first_two)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in (9, 10, 10, 11):
            expected = slope(RECORDS[kind](n), 0.7)
            assert value(RECORDS[kind](n), 0.7) == pytest.approx(first_two(RECORDS[kind](n), 0.7))
        for f in (value, slope):
            assert f._compiled.fast(RECORDS[kind](11), 0.7) is not NotImplemented
            assert f._compiled.fast(RECORDS[kind](7), 0.7) is NotImplemented
        records = RECORDS[kind](11)
        found = slope._compiled.fast(records, 0.7)
        assert _shape(found) == _shape(expected) and str(found) == str(expected)
        twice = type(records)([records[3]] * 11)  # one record, everywhere
        assert value._compiled.fast(twice, 0.7) == pytest.approx(first_two(twice, 0.7))
        for changed in slightly_changed(records):
            expected = first_two(changed, 0.7)
            found = value(changed, 0.7)
            assert type(found) is type(expected) and found == pytest.approx(expected)


def test_records_changed_between_calls() -> None:
    records, value = RECORDS["dicts"](9), autodiff.function(residuals)
    for k in range(9):
        records[k]["y"] = -3.0 * k
        records.append({"t": 1.0, "y": 0.5 * k})
        assert value(records, 0.7) == pytest.approx(residuals(records, 0.7), rel=1e-13)
    records[2]["y"] = 7
    assert value(records, 0.7) == pytest.approx(residuals(records, 0.7), rel=1e-13)


@pytest.mark.parametrize("kind", RECORDS)
def test_how_many_records_make_a_table(kind) -> None:
    assert tables.table_of(RECORDS[kind](tables.FEWEST), "f") is not None
    assert tables.table_of(RECORDS[kind](tables.FEWEST - 1), "f") is None


def _fit_of_columns(rows, a):
    t, y = zip(*rows, strict=True)
    total = 0.0
    for p, q in zip(t, y, strict=True):
        total = total + (q - a * p) ** 2
    return total + a * sum(t), len(y), isinstance(y, tuple)


def _loss_of_columns(rows, a):
    return _fit_of_columns(rows, a)[0]


@pytest.mark.parametrize("kind", ["tuples", "named tuples", "a tuple of tuples"])
def test_zip_of_all_records_gives_their_columns(kind) -> None:
    rows = RECORDS[kind]
    value = autodiff.function(_fit_of_columns)
    for n in (8, 20):
        assert value(rows(n), 0.7)[1:] == _fit_of_columns(rows(n), 0.7)[1:]
        assert value(rows(n), 0.7)[0] == pytest.approx(_fit_of_columns(rows(n), 0.7)[0], rel=1e-13)
    lengths = {
        str(autodiff.function(_loss_of_columns).ir(rows(n), 0.7)).count("\n") for n in (8, 20)
    }
    assert len(lengths) == 1
    slope = autodiff.gradient(_loss_of_columns, wrt=1)(rows(9), 0.7)
    step = (_loss_of_columns(rows(9), 0.7 + 1e-6) - _loss_of_columns(rows(9), 0.7 - 1e-6)) / 2e-6
    assert slope == pytest.approx(step, rel=1e-7)


def test_columns_of_records_are_as_they_were() -> None:
    def f(rows, a):
        made = [(r["t"] * a, r["y"]) for r in rows]
        t, y = zip(*made)  # noqa: B905
        made.append((a, a))
        return sum(t), len(t), len(made), y[-1]

    rows = RECORDS["dicts"](12)
    assert autodiff.function(f)(rows, 0.7) == pytest.approx(f(rows, 0.7), rel=1e-13)
