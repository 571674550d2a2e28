"""What NumPy warns of from Python, where no loop of its meets an error, compiled code gives as well."""

import ast
import cProfile
import inspect
import pstats
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import autodiff
from autodiff.compiled import python_warnings, warned

NAN = np.full((3, 2), np.nan)
HALF = np.array([[np.nan, 1.0], [np.nan, 2.0]])
NONE, ONE, TWO, FOUR = np.zeros(0), np.ones(1), np.array([1.0, 4.0]), np.arange(4.0)

# The functions of NumPy that warn from Python, with calls that do and calls that do not.
TABLE = {
    "_mean": [(lambda x: np.mean(x), (FOUR, NONE)), (lambda x: x.mean(), (FOUR, NONE)), (lambda x: np.mean(x[x > 2]), (FOUR, ONE, NONE)),
              (lambda x: np.mean(x, where=x > 2), (FOUR, ONE)), (lambda x: np.median(x), (FOUR, ONE, NONE)), (lambda x: np.median(x[x > 2]), (FOUR, ONE, NONE))],
    "_var": [(lambda x: np.var(x, ddof=2), (FOUR, TWO, ONE, NONE)), (lambda x: x.std(ddof=2.5), (FOUR, TWO, ONE)), (lambda x: np.std(x[x > 0], ddof=1), (FOUR, TWO, ONE, NONE)),
             (lambda x: np.var(x, correction=3, axis=0, keepdims=True), (FOUR, TWO)), (lambda x: np.var(x, where=x > 2, ddof=1), (FOUR, ONE))],
    "cov": [(lambda x: np.cov(x, ddof=2), (FOUR, TWO, ONE)), (lambda x: np.cov(x[x > 0]), (FOUR, TWO)), (lambda x: np.corrcoef(x[x > 0], x[x > 0] ** 2), (FOUR, ONE))],
    "nanmin": [(lambda x: np.nanmin(x), (HALF, NAN)), (lambda x: np.nanmin(x, axis=0), (HALF, NAN))],
    "nanmax": [(lambda x: np.nanmax(x), (HALF, NAN)), (lambda x: np.nanmax(x, axis=0, keepdims=True), (HALF, NAN))],
    "nanmean": [(lambda x: np.nanmean(x), (HALF, NAN)), (lambda x: np.nanmean(x, axis=0), (HALF, NAN))],
    "nanvar": [(lambda x: np.nanvar(x, axis=0), (HALF, NAN)), (lambda x: np.nanstd(x, ddof=2), (HALF, NAN)), (lambda x: np.nanstd(x[x > 0], ddof=1), (FOUR, ONE))],
    "_nanmedian_small": [(lambda x: np.nanmedian(x, axis=0), (HALF, NAN)), (lambda x: np.nanmedian(x, axis=1), (HALF, NAN))],
    "_remove_nan_1d": [(lambda x: np.nanmedian(x), (HALF, NAN)), (lambda x: np.nanquantile(x, 0.3, axis=0), (HALF, NAN)), (lambda x: np.nanpercentile(x, 30), (HALF, NAN))],
    "polyfit": [(lambda x: np.polyfit([1.0, 1.0, 1.0, 1.0], x, 2), (FOUR,)), (lambda x: np.polyfit(np.arange(len(x)), x, 2), (np.arange(5.0), FOUR, TWO)),
                (lambda x: np.polyfit(x, np.arange(4.0), 2), (FOUR, FOUR * 0 + 1))],
    "_fit": [(lambda x: np.polynomial.polynomial.polyfit([1.0, 1.0, 1.0, 1.0], x, 2), (FOUR,)), (lambda x: np.polynomial.chebyshev.chebfit(np.arange(4.0), x, 1), (FOUR,))],
    "cross": [(lambda x: np.cross(x, x[::-1]), (TWO,)), (lambda x: np.cross(x, np.ones(3)), (TWO,)), (lambda x: np.cross(x, x[::-1]), (np.arange(3.0),))],
    "isclose": [(lambda x: np.isclose(x, 1.0), (FOUR, np.array([np.inf, np.nan, 1.0, 0.0])))],
    "qr": [(lambda x: np.linalg.qr(x, "full")[1], (np.eye(2) + 1,))],
    "_cook_nd_args": [(lambda x: np.abs(np.fft.fftn(x, s=(2, 2))), (np.eye(3),))],
    "row_stack": [(lambda x: np.row_stack([x, x]), (FOUR,))],  # noqa: NPY201
    "__init__": [(lambda x: np.poly1d(np.poly1d(x))(2.0), (FOUR,))],
    # In C, of how a ufunc is called.
    "ufunc": [(lambda x: np.log(x + 1, where=x > 2)[3:], (FOUR,)), (lambda x: np.log(x + 1, where=x > 2, out=None)[3:], (FOUR,)), (lambda x: np.maximum(x, 1.0, x), (FOUR,))],
    "_ravel_and_check_weights": [(lambda x: np.histogram(x > 1, 2)[0], (FOUR,))],
}  # fmt: skip
if not hasattr(np, "row_stack"):  # from NumPy 2.5 on
    del TABLE["row_stack"], TABLE["cross"]
    TABLE["fix"] = [(lambda x: np.fix(x), (FOUR, HALF))]


def deprecated(x):
    if hasattr(np, "row_stack"):
        return np.cross(x, x[::-1])
    return np.fix(x)


CALLS = [(name, *call) for name, calls in TABLE.items() for call in calls]
# Where a function of NumPy's is followed line by line, its warnings name the user's line.
FOLLOWED = {"_fit"}
# Of files, texts, dtypes, records and named rules, and of deprecated names: nothing that is differentiated.
OTHERS = """__getattr__ dtype_to_descr _wrap_header_guess_version _read_array_header __init_subclass__ get_array_wrap newfunc
    deprecate deprecate_with_doc safe_eval _read genfromtxt tobytes_first recfromtxt recfromcsv _deprecate_shape_0_as_None
    typename tri rot90 triu_indices jhat _hist_bin_stone __call__ fromrecords __new__ maximum_sctype _commastring _make_options_dict _add_docstring""".split()


def told(f, *args):
    """The warnings of a call: what is said, of which kind, and where."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f(*args)
    return {(str(w.message), w.category, w.filename, w.lineno) for w in caught}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(("name", "f", "calls"), CALLS, ids=[c[0] for c in CALLS])
def test_what_numpy_says_compiled_code_says(name, f, calls, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in calls:
        if name in FOLLOWED:
            assert {w[:2] for w in told(compiled, x)} == {w[:2] for w in told(f, x)}
            continue
        assert told(compiled, x) == told(f, x)
        with np.errstate(all="ignore"):
            assert told(compiled, x) == told(f, x)


def test_every_warning_of_numpys_python_is_in_the_table():
    found = set()
    for package in ("_core", "lib", "linalg", "fft", "polynomial"):
        for file in (Path(np.__file__).parent / package).glob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef):
                    found |= {function.name for call in ast.walk(function) if _warns(call)}
    assert found - set(OTHERS) <= set(TABLE)


def _warns(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"


def test_calls_that_are_not_looked_into_repeat_the_answer():
    f = lambda x: np.nanmax(x, axis=0)  # noqa: E731
    compiled, expected = autodiff.function(f), told(f, NAN)
    assert [told(compiled, NAN) for _ in range(20)] == [expected] * 20
    assert told(compiled, HALF + 1) == told(f, HALF + 1)


def test_filters_inside_of_a_function_hold():
    def f(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.nanmean(x, axis=0)

    compiled = autodiff.function(f)
    assert [told(compiled, NAN) for _ in range(12)] == [set()] * 12


def test_a_warning_that_is_an_error_is_raised():
    compiled = autodiff.function(lambda x: np.nanmax(x))
    for _ in range(12):
        with pytest.raises(RuntimeWarning, match="All-NaN slice encountered"):
            compiled(NAN)


def test_gradients_warn_as_well():
    f = lambda x: np.sum(np.nanmax(x, axis=0))  # noqa: E731
    expected = {("All-NaN slice encountered", __file__, inspect.getsourcelines(f)[1])}
    assert {
        (text, file, line) for text, _, file, line in told(autodiff.gradient(f), NAN)
    } == expected


@pytest.mark.parametrize("ddof", [0, 1, 3, 2.5])
@pytest.mark.filterwarnings("ignore")
def test_variances_of_too_few_numbers_are_numpys(ddof):
    functions = [lambda x: np.var(x, ddof=ddof), lambda x: x.std(ddof=ddof), lambda x: np.var(x[x > 0], ddof=ddof), lambda x: np.nanvar(x, ddof=ddof),
                 lambda x: np.var(x, axis=0, keepdims=True, ddof=ddof)]  # fmt: skip
    for f in functions:
        for engine in ("native", "numpy"):
            compiled = autodiff.function(f, engine=engine)
            for n in (6, 5, 4, 3, 2, 1, 0):
                x = np.arange(1.0, n + 1)
                np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13)


@pytest.mark.filterwarnings("ignore")
def test_the_median_of_nothing_has_no_slope():
    slope = autodiff.gradient(lambda x: np.median(x[x > 0]))
    np.testing.assert_array_equal(slope(np.array([1.0, -1.0, 3.0])), [0.5, 0, 0.5])
    np.testing.assert_array_equal(slope(-np.ones(3)), [0, 0, 0])


# -- who else listens ---------------------------------------------------------------------------------
def loops():
    return sum(len(str(k)) for k in range(10))


@pytest.mark.parametrize(
    ("f", "x"),
    [(lambda x: np.log(x) + np.sqrt(x), np.zeros(1)), (lambda x: np.nanmean(x), NAN)],
    ids=["loops", "python"],
)
def test_a_profile_goes_on_after_a_warning(f, x):
    compiled = autodiff.function(f, on_fallback="error")
    profile = cProfile.Profile()
    profile.enable()
    active = sys.getprofile()
    found = told(compiled, x)
    after = sys.getprofile()
    loops()
    profile.disable()
    assert after is active
    assert found == told(f, x)
    assert any(name == "loops" for _, _, name in pstats.Stats(profile).stats)


def test_a_profiler_in_python_is_left_alone():
    seen = []
    sys.setprofile(lambda frame, event, argument: seen.append(frame.f_code))
    try:
        told(autodiff.function(lambda x: np.nanmax(x)), NAN)
        loops()
    finally:
        sys.setprofile(None)
    assert loops.__code__ in seen


def test_numpys_modules_are_as_they_were_after_a_question():
    told(autodiff.function(lambda x: np.nanmax(x)), NAN)
    found = [
        vars(m).get("warnings") for n, m in list(sys.modules.items()) if n.startswith("numpy.")
    ]
    assert {id(x) for x in found if x is not None} == {id(warnings)}


def test_each_thread_hears_its_own_warnings():
    heard = {}
    start = threading.Barrier(3)

    def ask(name, f, x):
        found = heard[name] = []
        with python_warnings.noted(found.append):
            start.wait()
            for _ in range(20):
                f(x)
            start.wait()

    def unheard():
        start.wait()
        for _ in range(20):
            np.cov(ONE)
        start.wait()

    threads = [
        threading.Thread(target=ask, args=("max", np.nanmax, NAN)),
        threading.Thread(target=ask, args=("mean", np.mean, NONE)),
        threading.Thread(target=unheard),
    ]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {name: {w.text for w in found} for name, found in heard.items()} == {
        "max": {"All-NaN slice encountered"},
        "mean": {"Mean of empty slice"},
    }
    assert [len(found) for found in heard.values()] == [20, 20]


# -- filters that ignore -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (deprecated, np.array([1.0, 4.0])),
        (lambda x: np.nanmax(x), np.full(2, np.nan)),
        (lambda x: np.log(x), np.zeros(2)),
    ],
    ids=["deprecated", "python", "loops"],
)
def test_what_is_ignored_is_given_again_once_it_is_not(f, x):
    compiled = autodiff.function(f)
    expected = told(f, x)
    assert expected
    for _ in range(3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            for _ in range(40):
                compiled(x)
            assert not caught
            warnings.simplefilter("always")
            compiled(x)
            assert len(caught) == 1
            warnings.filterwarnings("ignore", message=next(iter(expected))[0][:8])
            compiled(x)
            assert len(caught) == 1
        for _ in range(3):
            assert told(compiled, x) == expected


def test_an_ignored_warning_is_not_given_anew(monkeypatch):
    compiled, x = autodiff.function(deprecated), np.array([1.0, 4.0])
    given, give = [], warned._give
    monkeypatch.setattr(warned, "_give", lambda *args: given.append(1) or give(*args))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(1000):
            compiled(x)
    assert len(given) < 20


def test_filters_that_python_starts_with_have_names_for_patterns():
    compiled = autodiff.function(deprecated)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filters[:] = [
            ("default", None, DeprecationWarning, "__main__", 0),
            ("ignore", None, DeprecationWarning, None, 0),
        ]
        for _ in range(12):
            compiled(np.array([1.0, 4.0]))
    assert not caught


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_mark_beside_an_effect_gives_no_text_of_another_warning(engine):
    """The function is not run again, so that what NumPy's Python says is not known: nothing else is said for it."""

    def f(x):
        print(end="")
        return np.mean(x[x > 5])

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        autodiff.function(f, engine=engine)(np.ones(3))
    assert {str(w.message).partition(" encountered")[0] for w in found} == {"invalid value"}
