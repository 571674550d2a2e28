"""Arguments and globals from pandas and xarray: derivatives that are theirs, or an error that says why.

The tables hold expressions as users write them. For each, value and gradient are compared with the
plain function on the plain object, by differences; what is refused is refused by name.
"""

import warnings
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import optimize
from autodiff.testing import derivative

pd = pytest.importorskip("pandas")
xr = pytest.importorskip("xarray")

SERIES = pd.Series([1.5, 0.5, 2.0, 0.7], index=list("abcd"), name="weights")
NUMBERED = pd.Series([1.5, 0.5, 2.0, 0.7], index=[3, 1, 0, 2])
GAPS = pd.Series([1.5, np.nan, 2.0, 0.7], index=list("abcd"))
FRAME = pd.DataFrame({"u": [1.2, 2.0, 3.5], "v": [0.5, 4.0, -1.0]}, index=list("xyz"))
ARRAY = xr.DataArray(
    np.arange(1.1, 7.0).reshape(2, 3), dims=("t", "s"), coords={"t": [10, 20]}, name="heat"
)
BARE = xr.DataArray(np.array([0.5, 1.5, 2.5]), dims=("s",))
ROWS = pd.Series([0.3, 0.2, 0.1], index=list("xyz"))
COLUMNS = pd.Series([2.0, -1.0], index=["u", "v"])
OBJECTS = {
    "series": SERIES, "numbered": NUMBERED, "gaps": GAPS, "frame": FRAME, "array": ARRAY,
    "bare": BARE,
}  # fmt: skip


def branch(x):
    if x.sum() > 1:
        x = x * 2
    else:
        x = x - 1
    return np.sum(x**2)


def loop(x):
    for k in range(3):
        x = np.sin(x) + k
    return x.sum()


def elements(x):
    total = 0.0
    for k in range(len(x)):
        total += x.iloc[k] * k
    return total


def entries(x):
    total = 0.0
    for v in x:
        total = total + v**2
    return total


def listed(x):
    parts = []
    for k in range(3):
        parts.append(x * k)
    return np.sum(np.stack(parts) ** 2) + np.sum(np.array([np.sum(x), np.mean(x)]) ** 2)


ANY = ("series", "numbered", "gaps", "frame", "array", "bare")
FLAT = ("series", "numbered", "gaps")
# expression -> the objects it is evaluated at
RIGHT: list[tuple[Any, tuple[str, ...]]] = [
    (lambda x: np.sum(x**2), ANY),
    (lambda x: (x * x).sum(), FLAT + ("array", "bare")),
    (lambda x: np.mean(np.sin(x) * 2 - 1), ANY),
    (lambda x: x.mean() + 0.0, FLAT + ("array", "bare")),
    (lambda x: np.std(x), ANY),
    (lambda x: x.std(), FLAT + ("array", "bare")),
    (lambda x: x.var(ddof=2), FLAT + ("array",)),
    (lambda x: np.var(x, ddof=1), FLAT + ("array", "bare")),
    (lambda x: np.max(x) - np.min(x), ANY),
    (lambda x: x.prod(), FLAT + ("array",)),
    (lambda x: x.sum(skipna=False), ("series", "gaps", "array")),
    (lambda x: np.sum(np.exp(-x) / (1 + abs(x))), ANY),
    (lambda x: np.sum(2.0**x - x / 3 + (x > 1) * x), ANY),
    (lambda x: np.sum(np.where(x > 1, x**3, x)), ("series", "numbered", "frame", "array")),
    (lambda x: np.sum(np.maximum(x, 1.0)), ("series", "frame", "array")),
    (lambda x: np.linalg.norm(x.to_numpy()), ("series", "frame", "array")),
    (lambda x: np.sum(x.values[1:] * x.values[:-1]), ("series", "numbered", "array")),
    (lambda x: np.dot(x, np.arange(4.0)), ("series", "numbered")),
    (lambda x: x @ x, ("series", "numbered")),
    (lambda x: x.dot(np.arange(4.0)), ("series",)),
    (lambda x: x["a"] ** 2 * x["c"] + x.b, ("series", "gaps")),
    (lambda x: x.loc["b":"d"].sum() ** 2, ("series", "gaps")),
    (lambda x: (x[["c", "a"]] ** 2).sum() * x.iloc[-1], ("series",)),
    (lambda x: x[1] * x.loc[3] + x.iloc[0], ("numbered",)),
    (lambda x: np.sum(x[1:] ** 2), ("series", "numbered")),
    (lambda x: (x.head(2) ** 2).sum() + x.drop("b").sum(), ("series",)),
    (lambda x: (x.sort_index() * np.arange(4.0)).sum(), ("numbered",)),
    (lambda x: np.sum((x["u"] - 2 * x["v"]) ** 2), ("frame",)),
    (lambda x: np.sum(x.u * x.v), ("frame",)),
    (lambda x: np.sum((x @ np.array([1.0, -2.0]) - ROWS) ** 2), ("frame",)),
    (lambda x: np.sum((x @ COLUMNS - ROWS) ** 2), ("frame",)),
    (lambda x: np.sum(np.sum((x * COLUMNS) ** 2)), ("frame",)),
    (lambda x: (x.mean() ** 2).sum() + (x.sum(axis=1) ** 3).sum(), ("frame",)),
    (lambda x: np.sum((x - x.mean()) ** 2), ("frame",)),
    (lambda x: x.loc["y", "u"] * x.iloc[2, 1] + x.loc["x"].sum() ** 2, ("frame",)),
    (lambda x: np.sum((x.T @ x) ** 2), ("frame",)),
    (lambda x: sum(x[name].mean() for name in x), ("frame",)),
    (lambda x: (x.sum("t") ** 2).sum() + (x.mean(["t", "s"]) ** 2), ("array",)),
    (lambda x: np.sum(x, axis=0).max() + np.mean(x, axis=1).min(), ("frame",)),
    (lambda x: (np.sum(x, axis=1) ** 2).sum(), ("array",)),
    (lambda x: (x.mean(dim="s") ** 2).sum(), ("array",)),
    (lambda x: (x.sel(t=20) ** 2).sum() + x.isel(s=0).sum(), ("array",)),
    (lambda x: (x[0] * x[0]).sum() + x[1, 2], ("array",)),
    (lambda x: x.sum() if isinstance(x, pd.Series) else (x**2).sum(), ("series", "bare")),
    (lambda x: np.sum(x**2) * len(x) + x.shape[0], ("series", "frame", "array")),
    (branch, ("series", "array")),
    (loop, ("series", "gaps", "array")),
    (elements, ("series", "numbered")),
    (entries, ("series", "numbered")),
    (listed, ("series", "frame")),
]  # fmt: skip

# expression, object, part of the error
REFUSED: list[tuple[Any, str, str]] = [
    (lambda x: (x[1:] * x[:-1]).sum(), "series", "a Series and a Series with different labels"),
    (lambda x: (x * NUMBERED).sum(), "series", "different labels"),
    (lambda x: (x + SERIES[::-1]).sum(), "series", "different labels"),
    (lambda x: np.sum(x - ROWS), "frame", "different labels"),
    (lambda x: (x * x.isel(t=[1, 0])).sum(), "array", "different labels"),
    (lambda x: x.rolling(2).sum().sum(), "series", "the attribute 'rolling' of a Series"),
    (lambda x: x.diff().sum(), "series", "the attribute 'diff' of a Series"),
    (lambda x: x.groupby(level=0).sum().sum(), "series", "the attribute 'groupby' of a Series"),
    (lambda x: np.cumsum(x).iloc[-1], "series", "cumsum of labelled values"),
    (lambda x: x[x > 1].sum(), "series", "an index that depends on values"),
    (lambda x: x.reindex(list("abz")).sum(), "series", "the attribute 'reindex' of a Series"),
    (lambda x: (x * xr.ones_like(ARRAY)).sum(), "array", "ones_like of labelled values"),
    (lambda x: float(pd.concat([x, x]).sum()), "series", "concat of labelled values"),
]


def stores(x):
    x["a"] = 2.0
    return x.sum()


def adds_in_place(x):
    x += 1
    return x.sum()


def differences(f, x) -> np.ndarray:
    values = np.asarray(x, float)
    slope = np.zeros(values.shape)
    for index in np.ndindex(values.shape):

        def along(t: float, index: Any = index) -> float:
            moved = x.copy(deep=True)
            array = np.array(values)
            array[index] += t
            if hasattr(moved, "dims"):
                moved = moved.copy(data=array)
            elif array.ndim == 1:
                moved = pd.Series(array, index=x.index, name=x.name)
            else:
                moved = pd.DataFrame(array, index=x.index, columns=x.columns)
            return float(f(moved))

        slope[index] = derivative(along)[0]
    return slope


def same_object(a, b) -> None:
    if hasattr(a, "dims"):
        xr.testing.assert_identical(a.copy(data=0 * a), b.copy(data=0 * b))
    elif a.ndim == 1:
        pd.testing.assert_series_equal(a * 0, b * 0)
    else:
        pd.testing.assert_frame_equal(a * 0, b * 0)


@pytest.mark.parametrize("number", range(len(RIGHT)))
def test_value_and_gradient_are_those_of_the_plain_function(number) -> None:
    f, names = RIGHT[number]
    for name in names:
        x = OBJECTS[name]
        value, gradient = autodiff.value_and_gradient(f, engine="numpy")(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-13, err_msg=name)
        assert type(gradient) is type(x)
        finite = np.isfinite(np.asarray(x))
        same_object(gradient.fillna(0.0), x.fillna(0.0))
        if np.isfinite(float(value)):
            expected = differences(f, x)
            np.testing.assert_allclose(
                np.asarray(gradient)[finite], expected[finite], rtol=1e-6, atol=1e-8, err_msg=name
            )
            assert not np.asarray(gradient)[~finite].any(), name


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_would_be_another_result_is_refused(number) -> None:
    f, name, part = REFUSED[number]
    with pytest.raises(autodiff.AutodiffError) as error:
        autodiff.gradient(f)(OBJECTS[name])
    assert part in str(error.value)
    assert "x.to_numpy()" in str(error.value)
    assert "test_labelled.py, line" in str(error.value)


def test_what_pandas_refuses_is_refused_in_its_words() -> None:
    def f(x):
        return (x * np.ones((4, 4))).sum()

    with pytest.raises(ValueError) as plain:
        f(SERIES)
    with pytest.raises(ValueError) as error:
        autodiff.gradient(f)(SERIES)
    assert str(error.value) == str(plain.value)


@pytest.mark.parametrize("f", [stores, adds_in_place])
def test_stores_into_labelled_values_are_refused_by_derivatives_alone(f) -> None:
    x = SERIES.copy()
    with pytest.raises(autodiff.UnsupportedError, match="into a Series|changes a Series"):
        autodiff.gradient(f)(x)
    pd.testing.assert_series_equal(x, SERIES)
    expected, ours = SERIES.copy(), SERIES.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        assert autodiff.function(f)(ours) == f(expected)
    pd.testing.assert_series_equal(ours, expected)


@pytest.mark.parametrize("name", ANY)
def test_function_gives_what_the_plain_function_gives(name) -> None:
    x = OBJECTS[name]
    compiled = autodiff.function(lambda x: np.sin(x) * 2)
    kind = type(x).__name__
    with pytest.warns(autodiff.FallbackWarning, match=f"an argument is a {kind}, which") as caught:
        for _ in range(2):
            same_object(compiled(x), np.sin(x) * 2)
    assert len(caught) == 1


def test_data_of_pandas_and_parameters_of_numpy() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 3.9, 6.2], "tag": list("abc")})

    def loss(w, data):
        return np.sum((w[0] * data["x"] + w[1] - data["y"]) ** 2)

    w = np.array([1.5, 0.5])
    x, y = table["x"].to_numpy(), table["y"].to_numpy()
    residual = w[0] * x + w[1] - y
    expected = [2 * np.sum(residual * x), 2 * np.sum(residual)]
    gradient = autodiff.gradient(loss, wrt="w")
    numbers = table[["x", "y"]]
    np.testing.assert_allclose(gradient(w, numbers), expected)
    np.testing.assert_allclose(gradient(w, {"x": table["x"], "y": table["y"]}), expected)
    by_global = autodiff.gradient(
        lambda w: np.sum((w[0] * numbers["x"] + w[1] - numbers["y"]) ** 2)
    )
    np.testing.assert_allclose(by_global(w), expected)
    fitted = optimize.minimize(loss, np.zeros(2), args=(numbers,)).x
    np.testing.assert_allclose(fitted, np.polyfit(x, y, 1), rtol=1e-4)


def test_globals_of_pandas_are_read_at_every_call() -> None:
    held = {"series": SERIES}
    gradient = autodiff.gradient(lambda w: np.sum(w * held["series"]))
    assert gradient(1.0) == pytest.approx(SERIES.sum())
    held["series"] = 2 * SERIES
    assert gradient(1.0) == pytest.approx(2 * SERIES.sum())
    held["series"] = SERIES.copy()
    held["series"].loc["a"] = 100.0  # in place
    assert gradient(1.0) == pytest.approx(SERIES.sum() + 98.5)
    held["series"] = pd.Series([1.0, 2.0], index=["p", "q"])
    assert gradient(1.0) == 3
    by_label = autodiff.gradient(lambda w: w * held["series"]["p"])
    assert by_label(1.0) == 1
    held["series"] = pd.Series([1.0, 2.0], index=["q", "p"])
    assert by_label(1.0) == 2


def test_labels_belong_to_the_specialisation() -> None:
    gradient = autodiff.gradient(lambda x: x["a"] ** 2 + 3 * x["b"])
    for index in ("ab", "ba", "ab"):
        found = gradient(pd.Series([1.0, 5.0], index=list(index)))
        a = 1.0 if index == "ab" else 5.0
        assert list(found.index) == list(index)
        assert (found["a"], found["b"]) == (2 * a, 3)
    assert len(gradient.cache) == 2


def test_several_arguments_and_containers_keep_their_structure() -> None:
    first, second = autodiff.gradient(lambda p, s: np.sum(p["w"] * s) + p["b"])(
        {"w": SERIES, "b": 2.0}, SERIES
    )
    pd.testing.assert_series_equal(first["w"], SERIES)
    assert first["b"] == 1.0
    pd.testing.assert_series_equal(second, SERIES)


def test_hessians_and_jacobians_are_arrays() -> None:
    np.testing.assert_allclose(
        autodiff.hessian(lambda x: np.sum(x**3))(SERIES), np.diag(6 * SERIES.to_numpy())
    )
    np.testing.assert_allclose(
        autodiff.jacobian(lambda x: x**2)(SERIES), np.diag(2 * SERIES.to_numpy())
    )
    product = autodiff.hessian_vector(lambda x: np.sum(x**3))(SERIES, _tensors=SERIES)
    pd.testing.assert_series_equal(product, 6 * SERIES * SERIES)


def test_fits_take_series_and_arrays_of_xarray() -> None:
    for x in (SERIES, BARE):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            parameters, _ = optimize.curve_fit(lambda x, a, b: a * x + b, x, 2 * x + 1)
        np.testing.assert_allclose(parameters, [2, 1])
    best = optimize.minimize(lambda x: np.sum((x - 1) ** 2), SERIES).x
    np.testing.assert_allclose(best, 1, atol=1e-6)


def test_check_gradient_takes_labelled_arguments() -> None:
    assert autodiff.check_gradient(lambda x: np.sum(np.sin(x)), FRAME).agrees


def test_objects_of_other_than_numbers_are_an_error_or_run_as_they_are() -> None:
    words = pd.Series(["a", "b"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        assert autodiff.function(lambda s: s.str.upper().iloc[0])(words) == "A"
    with pytest.raises(autodiff.AutodiffError):
        autodiff.gradient(lambda s: s)(words)


# -- tables that hold words beside numbers, as data -----------------------------------------------------
TABLE = pd.DataFrame(
    {"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.5], "tag": list("abc"), "n": [1, 2, 3]}
)

# expression, whether it is compiled
WITH_DATA = {
    "columns": (lambda w, d: np.sum((w[0] * d["x"] + w[1] - d["y"]) ** 2), True),
    "attributes": (lambda w, d: np.sum((w[0] * d.x + w[1] - d.y) ** 2), True),
    "arrays": (lambda w, d: np.sum((w[0] * d["x"].to_numpy() - d["y"].values) ** 2), True),
    "reductions": (lambda w, d: np.sum((w[0] * d["x"].mean() - d["y"]) ** 2), True),
    "words": (lambda w, d: w[0] * (2 if d["tag"][0] == "a" else 3), True),
    "loc": (lambda w, d: np.sum((w[0] * d.loc[:, "x"] + w[1] - d["y"]) ** 2), False),
    "mask": (lambda w, d: np.sum((w[0] * d[d["tag"] == "a"]["x"]) ** 2), False),
    "groups": (lambda w, d: np.sum((w[0] - d.groupby("tag")["x"].sum()) ** 2), False),
    "rows": (lambda w, d: sum(w[0] ** 2 * r.x for r in d.itertuples()), False),
    "shifts": (lambda w, d: np.sum((w[0] * d["x"] - w[1] * d["y"]) ** 2), True),
}


@pytest.mark.parametrize("name", WITH_DATA)
def test_tables_as_data_are_read_at_every_call(name) -> None:
    f, compiled = WITH_DATA[name]
    gradient = autodiff.gradient(f, wrt="w", engine="numpy")
    by_global = autodiff.gradient(lambda w: f(w, held["table"]), engine="numpy")
    w, held = np.array([1.5, 0.5]), {}
    changed = TABLE.copy()
    changed.loc[0, "x"] = 5.0
    changed.loc[1, "tag"] = "a"
    changed.loc[0, "tag"] = "z"
    with warnings.catch_warnings():
        warnings.simplefilter("error" if compiled else "ignore", autodiff.FallbackWarning)
        for table in (TABLE, changed, TABLE):
            held["table"] = table
            slope = [
                derivative(lambda t, e=e, table=table: float(f(w + t * e, table)))[0]
                for e in np.eye(2)
            ]
            np.testing.assert_allclose(gradient(w, table), slope, rtol=1e-7, atol=1e-8)
            np.testing.assert_allclose(by_global(w), slope, rtol=1e-7, atol=1e-8)


def test_what_pandas_alone_computes_of_traced_values_is_an_error() -> None:
    with (
        pytest.raises(
            autodiff.DerivativeError, match=r"DataFrame\.__matmul__ is not known to autodiff"
        ),
        pytest.warns(autodiff.FallbackWarning),
    ):
        autodiff.gradient(lambda w: np.sum(TABLE[["x", "n"]] @ w))(np.ones(2))
