"""Loops over lists of the user's objects: an attribute of theirs is one array."""

import numpy as np
import pytest

import autodiff
from autodiff.api import Function

from .support import ENGINES, kinds, program_of, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)


class Reading:
    unit = 2.0

    def __init__(self, t, y):
        self.t = t
        self.y = y
        self.label = "lab"

    @property
    def both(self):
        return self.t + self.y

    def residual(self, a):
        return (self.y - a * self.t) ** 2

    def shift(self, by):
        self.y = self.y + by


class Slotted:
    __slots__ = ("label", "t", "y")
    unit = 2.0
    both = Reading.both
    residual = Reading.residual
    shift = Reading.shift

    def __init__(self, t, y):
        self.t = t
        self.y = y
        self.label = "lab"


def _readings(n, cls=Reading):
    return [cls(0.1 * k, 1.0 + 0.3 * k) for k in range(n)]


def attributes(rows, a):
    total = 0.0
    for r in rows:
        total = total + (r.y - a * r.t) ** 2
    return total


def methods_and_properties(rows, a):
    total = 0.0
    for k, r in enumerate(rows):
        total = total + r.residual(a) * k + r.both * r.unit
        if r.label == "lab" and isinstance(r, (Reading, Slotted)):
            total = total + getattr(r, "t") * a  # noqa: B009
    return total


def side_by_side(rows, a):
    total = 0.0
    for r, q in zip(rows, reversed(rows), strict=True):
        total = total + r.y * q.t * a
    return total + sum([r.t for r in rows]) * a


def nested(rows, a):
    total = 0.0
    for r in rows:
        for q in rows:
            total = total + (r.y - q.y) ** 2 * a
    return total


GATHERED = [attributes, methods_and_properties, side_by_side, nested]


@over_engines
@pytest.mark.parametrize("cls", [Reading, Slotted])
@pytest.mark.parametrize("f", GATHERED, ids=lambda f: f.__name__)
def test_a_loop_over_objects_is_one_loop(f, cls, engine) -> None:
    value = Function(f, engine=engine)
    for n, a in ((9, 0.7), (9, -0.4), (12, 0.7)):
        assert value(_readings(n, cls), a) == pytest.approx(f(_readings(n, cls), a), rel=1e-12)
    lengths = {str(value.ir(_readings(n, cls), 0.7)).count("\n") for n in (9, 14)}
    assert len(lengths) == 1


@pytest.mark.parametrize("f", GATHERED, ids=lambda f: f.__name__)
def test_derivatives(f) -> None:
    slope = autodiff.gradient(f, wrt="a")(_readings(9), 0.7)
    step = (f(_readings(9), 0.7 + 1e-6) - f(_readings(9), 0.7 - 1e-6)) / 2e-6
    assert slope == pytest.approx(step, rel=1e-6)


def test_objects_are_read_at_each_call() -> None:
    value, rows = autodiff.function(attributes), _readings(9)
    for _ in range(3):
        assert value(rows, 0.7) == pytest.approx(attributes(rows, 0.7), rel=1e-12)
        rows[4].y = rows[4].y * 2
    rows[2].y = 3  # an int, at one place
    assert value(rows, 0.7) == pytest.approx(attributes(rows, 0.7), rel=1e-12)
    rows[1].y = np.float64(0.5)
    assert value(rows, 0.7) == pytest.approx(attributes(rows, 0.7), rel=1e-12)
    del rows[1].y
    with pytest.raises(AttributeError):
        value(rows, 0.7)


def test_a_method_that_one_object_has_for_itself() -> None:
    value, rows = autodiff.function(methods_and_properties), _readings(9)
    value(rows, 0.7)
    rows[3].residual = lambda a: 10.0 * a
    rows[4].unit = 7.0
    expected = methods_and_properties(rows, 0.7)
    assert value(rows, 0.7) == pytest.approx(expected, rel=1e-12)


# -- what has to know the object itself ---------------------------------------------------------------
def changed_in_the_loop(rows, a):
    for r in rows:
        r.shift(a)
    return rows[0].y


def changed_beside(rows, a):
    total = 0.0
    for r in rows:
        total = total + r.y * a
        rows[2].y = rows[2].y + 1.0
    return total


def changed_between(rows, a):
    total = 0.0
    for r in rows:
        total = total + r.y * a
    rows[0].y = 5.0
    for r in rows:
        total = total + r.y * a
    return total


def class_changed_before(rows, a):
    type(rows[0]).unit = a * 3.0
    total = 0.0
    for r in rows:
        total = total + r.t * r.unit
    return total


def base_changed_between(rows, a):
    total = 0.0
    for r in rows:
        total = total + r.t * r.unit
    Reading.unit = a * 5.0
    for r in rows:
        total = total + r.t * r.unit
    return total


def keys_of_a_dict(rows, a):
    weights = {r: r.t * a for r in rows[1:]}
    total = 0.0
    for r in rows:
        total = total + (weights[r] if r in weights else 100.0)
    return total


def compared(rows, a):
    total = 0.0
    for r in rows:
        if r is rows[3]:
            total = total + r.y * a
        if r in rows[:2] or r == rows[4]:
            total = total + 1.0
    return total


def given_back(rows, a):
    best = rows[0]
    for r in rows:
        if r.y * a > best.y * a:
            best = r
    return best.t, max(rows, key=lambda r: r.y * a) is best


ITSELF = [
    changed_in_the_loop, changed_beside, changed_between, keys_of_a_dict, compared, given_back,
]  # fmt: skip


def _total_of_weights(rows, a):
    total = 0.0
    for r in rows:
        try:
            total = total + r.weight * a
        except AttributeError:
            total = total - 1.0
    return total


def _until_there_is_no_weight(rows, a):
    total = 0.0
    for r in rows:
        if r.t > 0.45:
            break
        total = total + r.weight * a
    return total


@over_engines
@pytest.mark.parametrize("f", [_total_of_weights, _until_there_is_no_weight])
def test_an_attribute_that_one_object_lacks(f, engine) -> None:
    value = Function(f, engine=engine)
    for lacking in (6, 7, None, 6):
        rows = _readings(9)
        for k, r in enumerate(rows):
            if k != lacking:
                r.weight = 0.5 + k
        assert value(rows, 0.7) == pytest.approx(f(rows, 0.7), rel=1e-12)


class Inherited(Reading):
    pass


@over_engines
@pytest.mark.parametrize("cls", [Reading, Inherited])
@pytest.mark.parametrize("f", [class_changed_before, base_changed_between])
def test_an_attribute_of_the_class_that_the_function_changes(f, cls, engine, monkeypatch) -> None:
    value, rows = Function(f, engine=engine), _readings(9, cls)
    for a in (0.7, 1.3):
        results = []
        for call in (f, value):
            with monkeypatch.context() as classes:
                classes.setattr(Reading, "unit", 2.0)
                if f is class_changed_before:
                    classes.setattr(cls, "unit", 2.0, raising=False)
                results.append(call(rows, a))
        assert results[1] == pytest.approx(results[0], rel=1e-12)


@over_engines
@pytest.mark.parametrize("f", ITSELF, ids=lambda f: f.__name__)
def test_objects_themselves_are_known(f, engine) -> None:
    value = Function(f, engine=engine)
    for _ in range(2):
        plain, ours = _readings(9), _readings(9)
        assert value(ours, 0.7) == pytest.approx(f(plain, 0.7), rel=1e-12)
        assert [r.y for r in ours] == pytest.approx([r.y for r in plain], rel=1e-12)
    twice = _readings(9)
    twice[5] = twice[3]  # one object at two places, as it was not at the first call
    expected = f(twice, 0.7)
    twice = _readings(9)
    twice[5] = twice[3]
    assert value(twice, 0.7) == pytest.approx(expected, rel=1e-12)


def test_whether_two_objects_are_one_is_asked_at_each_call() -> None:
    def f(p, q, a):
        return a if p is q else 2.0 * a

    value, p, q = autodiff.function(f), Reading(0.0, 1.0), Reading(0.0, 1.0)
    assert [value(p, q, 1.5), value(p, p, 1.5), value(q, p, 1.5)] == [3.0, 1.5, 3.0]


# -- lists of numbers and of records ---------------------------------------------------------------
class Tables:
    """Lists that are attributes: of numbers, of records, of rows, of arrays."""

    def __init__(self, n):
        self.weights = [0.1 * k + 0.2 for k in range(n)]
        self.gains = tuple(1.0 + 0.01 * k for k in range(n))
        self.pairs = [(0.1 * k, 1.0 / (k + 1)) for k in range(n)]
        self.readings = [{"t": 0.1 * k, "y": 1.0 + k} for k in range(n)]
        self.springs = [(k, (3 * k + 1) % n, 1.0 + 0.1 * k) for k in range(n)]
        self.rows = [[0.1 * k + j for j in range(3)] for k in range(n)]
        self.arrays = [np.array([0.1 * k, 1.0]) for k in range(n)]
        self.knots, self.steps = [0.1, 0.4, 0.9], (0.5, 0.25)  # few, whatever n is


def zipped(m, a):
    y = 0.3
    for w, g in zip(m.weights, m.gains, strict=True):
        y = g * np.tanh(a * w * y)
    return y


def backwards_and_numbered(m, a):
    s = 0.0
    for k, c in enumerate(reversed(m.weights)):
        s = s * a + c * k
    return s


def at_a_position(m, a):
    s = 0.0
    for k in range(1, len(m.weights)):
        s += (m.weights[k] - a * m.weights[k - 1]) ** 2 + m.gains[-k]
    return s


def few_at_a_position(m, a):
    s = 0.0
    for k in range(60):
        i = min(max(k % 5 - 1, 0), 2)
        s += m.knots[i] * a - m.steps[k % 2] ** 2
    return s


def sliced(m, a):
    return sum((p - a * q) ** 2 for p, q in zip(m.weights[1:], m.weights, strict=False))


def records(m, a):
    s = 0.0
    for t, y in m.pairs:
        s += y * np.exp(-a * t)
    for r in m.readings:
        s += (r["y"] - a * r["t"]) ** 2
    return s


def forces_of_springs(m, a):
    f = [0.0] * len(m.springs)
    for i, j, k in m.springs:
        d = k * (m.weights[i] - a * m.weights[j])
        f[i] -= d
        f[j] += d
    return sum(v * v for v in f)


def rows_and_arrays(m, a):
    s = 0.0
    for row, x in zip(m.rows, m.arrays, strict=True):
        s += sum(row) * a + x @ x * row[1]
    return s


def given_to_numpy(m, a):
    return np.dot(np.array(m.weights), a * np.asarray(m.gains)) + sum(m.weights) * a


WHOLE = [
    zipped, backwards_and_numbered, at_a_position, few_at_a_position, sliced, records, forces_of_springs, rows_and_arrays, given_to_numpy,
]  # fmt: skip


@pytest.mark.parametrize("f", WHOLE, ids=lambda f: f.__name__)
def test_lists_from_outside_are_read_as_a_whole(f) -> None:
    engine = ENGINES[len(f.__name__) % 2]  # each program on one, so all on either
    value, slope = Function(f, engine=engine), autodiff.gradient(f, wrt=1, engine=engine)
    programs = [autodiff.function(f, engine="numpy").ir(Tables(n), 0.7) for n in (40, 53)]
    assert len({str(program).count("\n") for program in programs}) == 1
    m, h = Tables(40), 1e-6
    for _ in range(2):
        np.testing.assert_allclose(value(m, 0.7), f(m, 0.7), rtol=1e-12)
        expected = (f(m, 0.7 + h) - f(m, 0.7 - h)) / (2 * h)
        np.testing.assert_allclose(slope(m, 0.7), expected, rtol=1e-6)
        m.weights[3], m.pairs[2], m.rows[1][1] = 7.5, (0.3, 2.0), 0.1
        m.arrays[0][0] = 0.5


def test_a_few_numbers_at_a_place_that_the_run_knows_are_an_array() -> None:
    found = kinds(program_of(few_at_a_position, Tables(40), 0.7))
    assert found["for"] == 1 and sum(found.values()) < 100  # of 60 passes


def stored_into_between(m, a):
    s = sum(w * a for w in m.weights)
    m.weights[0] = a
    for w in m.weights:
        s += w
    return s


def stored_into_all(m, a):
    for k in range(len(m.weights)):
        m.weights[k] = m.weights[k] * a
    return sum(m.weights)


def stored_into_a_record(m, a):
    s = 0.0
    for r in m.readings:
        s += r["y"] * a
        r["y"] = s
    return s, m.readings[2]


def stored_into_a_row(m, a):
    s, first = 0.0, m.rows[0]
    for row in m.rows:
        s += row[0] * a + (1.0 if row is first else 0.0)
    first[0] = a
    for row in m.rows:
        s += row[0]
    return s


def arrays_handed_on(m, a):
    m.arrays[1][0] = a
    return [x for x in m.arrays]


def grown_before(m, a):
    m.weights.append(a)
    s = 0.0
    for w in m.weights:
        s += w * a
    return s


@pytest.mark.parametrize(
    "f",
    [
        stored_into_between,
        stored_into_all,
        stored_into_a_record,
        stored_into_a_row,
        arrays_handed_on,
        grown_before,
    ],  # fmt: skip
    ids=lambda f: f.__name__,
)
def test_lists_from_outside_that_change_are_themselves(f) -> None:
    value, ours, plain = Function(f, engine="numpy"), Tables(35), Tables(35)
    for a in (0.7, 0.9):
        with uncompiled_allowed():
            result = value(ours, a)
        expected = f(plain, a)
        np.testing.assert_equal(result, expected)
        np.testing.assert_equal(vars(ours), vars(plain))
        if isinstance(result, list):
            assert all(x is y for x, y in zip(result, ours.arrays, strict=True))
        if isinstance(result, tuple):
            assert result[1] is ours.readings[2]


def test_lists_from_outside_that_were_stored_into_have_derivatives() -> None:
    for a in (0.7, 0.9):
        m = Tables(35)
        weights = list(m.weights)
        with uncompiled_allowed():
            slope = autodiff.gradient(stored_into_all, wrt=1, engine="numpy")(m, a)
        np.testing.assert_allclose(slope, sum(weights))


def test_the_types_in_lists_from_outside_are_looked_at_in_each_call() -> None:
    value, m = Function(zipped, engine="numpy"), Tables(35)
    for change in (0.5, np.float64(2.0), 2, True):
        assert value(m, 0.7) == zipped(m, 0.7)
        m.weights[3] = change
    assert value(m, 0.7) == zipped(m, 0.7)
