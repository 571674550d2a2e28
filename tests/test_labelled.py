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
KEYS = pd.Series(["p", "q", "p", "q"], index=list("abcd"))
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
    (lambda x: (x.diff() ** 2).sum() + (x.shift(-1) * x).sum() + x.pct_change().sum(), FLAT),
    (lambda x: (x[x > 1] ** 2).sum() + x.loc[x.notna()].mean(), FLAT),
    (lambda x: x.where(x > 1, 3 * x).sum() + x.mask(x > 1).sum() + x.clip(0.6, 1.8).prod(), FLAT),
    (lambda x: (x.cumsum() ** 2).sum() + x.cumprod().sum() + x.fillna(2.0).prod(), FLAT),
    (lambda x: x.median() * x.quantile(0.3) + x.add(1).mul(x).sub(2).div(3).pow(2).sum(), FLAT),
    (lambda x: (x.apply(lambda v: v**2) * np.arange(4.0)).sum() + x.apply(np.sin).sum(), FLAT),
    (lambda x: (x.sort_values() * np.arange(4.0)).sum() + x.rsub(2).sum(), ("series", "numbered")),
    (lambda x: x.dropna().iloc[1] ** 2 + x.between(0.6, 1.8).sum() * x.sum(), FLAT),
    (lambda x: (x.groupby(KEYS).transform("mean") * x).sum(), ("gaps", "series")),
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
    (lambda x: x.groupby(level=0).sum().sum(), "series", "'groupby' by the index"),
    (lambda x: np.cumsum(x).iloc[-1], "series", "cumsum of labelled values"),
    (lambda x: x[x > 1].sum().sum(), "frame", "an index that depends on values"),
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
    "loc": (lambda w, d: np.sum((w[0] * d.loc[:, "x"] + w[1] - d["y"]) ** 2), True),
    "mask": (lambda w, d: np.sum((w[0] * d[d["tag"] == "a"]["x"]) ** 2), True),
    "groups": (lambda w, d: np.sum((w[0] - d.groupby("tag")["x"].sum()) ** 2), True),
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
    with pytest.raises(autodiff.AutodiffError, match="concat of labelled values"):
        autodiff.gradient(lambda w: pd.concat([TABLE["x"] * w[0], TABLE["y"]]).sum())(np.ones(2))


# -- columns that are computed with, columns that are left to pandas --------------------------------------
def mixed(seed: int) -> Any:
    r = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": r.normal(size=8), "y": r.uniform(size=8), "tag": r.choice(list("uvw"), 8),
            "level": r.choice([1.5, 2.5], 8), "n": r.integers(0, 3, 8), "day": pd.date_range("2020-01-01", periods=8),
            "gaps": np.where(r.uniform(size=8) < 0.3, np.nan, r.normal(size=8)),
        },
        index=list("abcdefgh"),
    )  # fmt: skip


def stored(w, d):
    d = d.copy()
    d["z"] = d["x"] * w[0]
    d["z"] -= d["z"].mean() * w[1]
    d.loc[d["y"] > 0.4, "z"] *= w[0]
    d.loc["b", "y"] = w[1]
    d.iloc[2:4, 1] = [w[0], 2.0]
    d.loc[d["tag"] == "u", "new"] = w[0]
    d["new"] = d["new"].fillna(0.5)
    d.loc[d["x"] > 0, "x"] = d.loc[d["x"] > 0, "y"] * w[1]
    return (d["z"] * d["y"]).sum() + (d["new"] * d["x"]).sum()


def in_a_branch(w, d):
    d = d.copy()
    if w[0] > 1:
        d["z"] = d["x"] * w[0]
    else:
        d["z"] = d["y"] * w[1]
    return (d["z"] ** 2).sum()


def in_a_loop(w, d):
    d = d.copy()
    d["z"] = 0.0
    for _ in range(12):
        d["z"] = d["z"] * w[1] + d["x"] * w[0]
    return d["z"].sum()


def two_names(w, d):
    d = d.copy()
    same, other = d, d.copy()
    d["x"] = d["x"] * w[0]
    del d["tag"]
    return same["x"].sum() + other["x"].sum() * w[1] + len(same.columns) * w[0]


def of_groups(w, d):
    d = d.assign(z=d["x"] * w[0])
    d["centred"] = d["z"] - d.groupby("tag")["z"].transform("mean")
    total = (d["centred"] ** 2).sum() + (
        d.groupby(["tag", "n"])["z"].transform("sum") * d["y"]
    ).sum()
    by_function = d.groupby("tag")["z"].transform(lambda s: s - s.max() * w[1])
    return (
        total + (by_function * d["y"]).sum() + (d.groupby("tag", sort=False)["z"].sum() ** 2).sum()
    )


def one_by_one(w, d):
    total = 0.0
    for tag, part in d.groupby("tag"):
        total = total + (part["x"] * w[0]).mean() ** 2 * len(part) + (tag == "u") * w[1]
    return total


def of_numbers_alone(w, d):
    d = d[["x", "y"]] * w[0]
    d = d.assign(z=lambda d: d["x"] + w[1])
    return (d.mean(axis=1) ** 2).sum() + d.sort_values("y").iloc[0]["x"] + d.to_numpy().sum()


FRAMES: dict[str, Any] = {
    "assign": lambda w, d: (d.assign(z=lambda d: d["x"] * w[0], v=w[1])["z"] ** 2).sum() * w[1],
    "loc": lambda w, d: (d.loc["b":"e", ["x", "y"]].sum(axis=1) * w[0]).sum() + d.loc["a", "x"] * w[1],
    "iloc": lambda w, d: (d.iloc[1:3, 0] * w[0]).sum() + d["y"].iloc[0] * w[1],
    "masks": lambda w, d: (d[(d["x"] > 0) & (d["tag"] != "w")]["y"] * w[0]).sum() + w[1],
    "traced masks": lambda w, d: (d["x"] * w[0])[d["x"] * w[0] > 0.1].sum() ** 2,
    "stores": stored, "branch": in_a_branch, "loop": in_a_loop, "two names": two_names,
    "groups": of_groups, "groups one by one": one_by_one, "numbers": of_numbers_alone,
    "gaps": lambda w, d: (d.assign(z=d["gaps"] * w[0]).groupby("tag")["z"].mean().fillna(0) ** 2).sum(),
    "groups by numbers": lambda w, d: (d.assign(z=d["x"] * w[0]).groupby("level")["z"].max() ** 2).sum(),
    "groups of several": lambda w, d: (d[["x", "n", "tag"]].groupby("tag").mean()["x"] * w[0]).sum(),
    "groups by functions": lambda w, d: (d["x"] * w[0]).groupby(d["tag"]).agg(lambda s: (s**2).sum()).sum(),
    "words": lambda w, d: (d["tag"].str.upper().eq("U") * d["x"] * w[0]).sum(),
    "days": lambda w, d: (d["day"].dt.day * d["x"] * w[0]).sum() + d["tag"].isin(["u"]).sum() * w[1],
    "maps": lambda w, d: (d["tag"].map({"u": 1.0, "v": 2.0, "w": 3.0}) * d["x"] * w[0]).sum(),
    "codes": lambda w, d: (w[d["n"].to_numpy() % 2] * d["x"].to_numpy()).sum(),
    "order": lambda w, d: d.sort_values(["n", "y"])["x"].iloc[2] * w[1] + d.query("x > 0")["y"].sum() * w[0],
    "missing": lambda w, d: (d.dropna(subset=["gaps"])["x"] * w[0]).sum() + d["gaps"].dropna().sum() * w[1],
    "choices": lambda w, d: np.where(d["tag"] == "u", d["x"] * w[0], d["y"] * w[1]).sum(),
    "shifts": lambda w, d: ((d["x"] * w[0]).diff().fillna(0.0) ** 2).sum() + (d["x"] * w[1]).cumsum().mean(),
    "a class": lambda w, d: d["x"].sum() * w[0] if isinstance(d, pd.DataFrame) else 0.0,
}  # fmt: skip
SAMPLE = ("assign", "stores", "branch", "groups", "words", "numbers")


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in FRAMES]
)
def test_frames_are_computed_with_by_columns(name, engine) -> None:
    f = FRAMES[name]
    value, gradient = (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt=0, engine=engine),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # also of running uncompiled
        for w, seed in (([1.3, 0.7], 1), ([1.3, 0.7], 2), ([0.6, 0.4], 1)):
            w, d = np.array(w), mixed(seed)
            expected = f(w, mixed(seed))
            assert value(w, d) == pytest.approx(expected, rel=1e-12)
            pd.testing.assert_frame_equal(d, mixed(seed))
            slope = [derivative(lambda t, e=e, d=d: float(f(w + t * e, d)))[0] for e in np.eye(2)]
            np.testing.assert_allclose(gradient(w, d), slope, rtol=1e-7, atol=1e-8)


def test_a_frame_from_outside_is_not_stored_into_by_a_derivative() -> None:
    def f(w, d):
        d["z"] = d["x"] * w[0]
        return d["z"].sum()

    w, d = np.ones(2), mixed(1)
    with (
        pytest.raises(autodiff.UnsupportedError, match=r"df = df\.copy\(\)"),
        pytest.warns(autodiff.FallbackWarning, match="a change of a DataFrame from outside"),
    ):
        autodiff.gradient(f, wrt=0)(w, d)
    pd.testing.assert_frame_equal(d, mixed(1))
    with pytest.warns(autodiff.FallbackWarning):
        assert autodiff.function(f)(w, d) == pytest.approx(mixed(1)["x"].sum())
    assert "z" in d


def test_columns_that_are_aligned_are_refused() -> None:
    def f(w, d):
        d = d.copy()
        d["z"] = (d["x"] * w[0]).sort_values()
        return d["z"].iloc[0]

    with pytest.raises(autodiff.UnsupportedError, match="another index, which is aligned"):
        autodiff.gradient(f, wrt=0)(np.ones(2), mixed(1))
