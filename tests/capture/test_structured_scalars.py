"""NumPy's scalars that are no numbers among the arguments: fields are read one by one, others compared."""

import copy
import warnings

import numpy as np
import pytest

import autodiff
from autodiff.errors import ArgumentError, UnsupportedError

ENGINES = ["native", "numpy"]
FIELDS = np.dtype(
    [("a", float), ("n", int), ("v", float, 3), ("s", "U3"), ("inner", [("z", np.float32)])]
)


def record(a):
    made = np.zeros((), FIELDS)
    made["a"], made["n"], made["v"], made["s"] = a, 3, [1.0, 2.0, a], "xy"
    made["inner"]["z"] = 0.5 * a
    return made[()]


def by_name(r, x):
    return r["a"] * x + r["n"]


def by_number(r, x):
    return r[0] * x + r[2][1] + r[-1][0]


def array_inside(r, x):
    return (r["v"] * x).sum() + r["v"] @ r["v"]


def text_inside(r, x):
    return x * (2 if r["s"] == "xy" else 3)


def nested(r, x):
    return r["inner"]["z"] * x


def unpacked(r, x):
    a, n, *_ = r
    return a * n * x


def names(r, x):
    s = 0.0
    for name in r.dtype.names:
        if name in ("a", "n"):
            s += r[name]
    return s * x * len(r)


def branch(r, x):
    return x * x if r["a"] > 2 else -x


def shown(r, x):
    return x * len(f"{r}")


def stored_into_the_array(r, x):
    r["v"][0] = 9.0
    return r["v"][0] * x


def compared(r, x):
    return x * (2 if r == r and isinstance(r, np.void) else 1)


READS = [
    by_name, by_number, array_inside, text_inside, nested, unpacked, names, branch, shown,
    stored_into_the_array, compared,
]  # fmt: skip
UNCOMPILED = (shown,)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", READS, ids=lambda f: f.__name__)
def test_fields_are_read_at_every_call(f, engine):
    value = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, engine=engine)  # by x: an object is not differentiated
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if f in UNCOMPILED else "error")
        for a in (1.5, 2.5, 1.5):
            ours, theirs = record(a), record(a)
            found, wanted = value(ours, 2.0), f(theirs, 2.0)
            assert repr(found) == repr(wanted) and repr(ours) == repr(theirs)
            low, high = f(record(a), 1.75), f(record(a), 2.25)  # of squares at most: exact
            assert slope(record(a), 2.0) == pytest.approx((high - low) / 0.5, rel=1e-6)
    assert len(value.cache) <= (2 if f is branch else 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_returned_itself_and_records_have_attributes(engine):
    both = autodiff.function(lambda r, x: (r, r["a"] * x), engine=engine)
    for a in (1.0, 2.0):
        given = record(a)
        found, y = both(given, 3.0)
        assert found is given and y == 3.0 * a
    attribute = autodiff.function(lambda r, x: r.a * x, engine=engine)
    for a in (1.0, 2.0):
        given = np.rec.array([(a, 3)], dtype=[("a", float), ("n", int)])[0]
        assert attribute(given, 3.0) == 3.0 * a
    assert len(both.cache) == len(attribute.cache) == 1


def test_another_dtype_is_another_program():
    f = autodiff.function(lambda r, x: r["a"] * x)
    for dtype in (float, np.float32, int, float):
        given = np.zeros((), [("a", dtype)])
        given["a"] = 3
        assert type(f(given[()], np.float32(2.0))) is type(given[()]["a"] * np.float32(2.0))


def test_a_derivative_by_a_field_is_asked_for_by_the_field():
    with pytest.raises(ArgumentError, match=r"AD103(.|\n)*record\['name'\]"):
        autodiff.gradient(by_name, wrt="r")(record(1.0), 2.0)
    r = record(1.0)
    assert autodiff.gradient(lambda a, x: a * x)(float(r["a"]), 2.0) == (2.0, 1.0)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_a_derivative_that_would_be_lost_in_a_field_is_refused():
    def stores(r, x):
        r["a"] = x * 2
        return r["a"] + 1

    ours, theirs = record(1.0), record(1.0)
    assert autodiff.function(stores)(ours, 2.0) == stores(theirs, 2.0)
    assert repr(ours) == repr(theirs)
    with pytest.raises(UnsupportedError, match="test_structured_scalars"):
        autodiff.gradient(stores)(copy.copy(ours), 2.0)


def by_text(x, k):
    return x * 2 if k == "a" else x + len(k)


def by_bytes(x, k):
    return x * k.count(b"a")


def by_date(x, k):
    return x * (k.astype(int) % 7 + 1) if k > np.datetime64("2020-01-01") else x


def by_time(x, k):
    return x * (k / np.timedelta64(1, "h"))


OTHERS = [
    (by_text, [np.str_("a"), np.str_("bc"), "a", np.str_("zzz")]),
    (by_bytes, [np.bytes_(b"aab"), np.bytes_(b"b")]),
    (by_date, [np.datetime64(d, "D") for d in ("2019-01-01", "2021-01-01", "2021-01-02", "NaT")]),
    (by_time, [np.timedelta64(1, "D"), np.timedelta64(24, "h"), np.timedelta64(3, "h")]),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f, values", OTHERS, ids=lambda x: getattr(x, "__name__", ""))
def test_text_and_times_are_flags(f, values, engine):
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    held = autodiff.function(lambda p, x: f(x, p["k"]), engine=engine)
    for k in [*values, *values]:
        assert value(2.0, k) == held({"k": k}, 2.0) == f(2.0, k)
        assert slope(2.0, k) == f(2.0, k) - f(1.0, k)  # all are linear in x
    assert len(value.cache) == len(values)
