"""Symbolic: recordings of traced calls, and what is compiled from them."""

import functools
import pickle
import struct

import numpy as np
import pytest

import autodiff
from autodiff import Symbolic, tag

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
X = np.array([2.0, 3.0, 4.0])
weights = np.array([1.0, 2.0, 3.0])
power = 2
factor = 3.5


def weigh(x):
    return weights**power * x


def total(x):
    return np.sum(x)


def piecewise(x):
    if np.sum(x) > 0:
        return np.sum(x) * 2
    return np.sum(x * x)


@pytest.fixture
def tracer():
    return Symbolic(on_fallback="error")


# -- tracing ------------------------------------------------------------------------------------------
def test_trace_returns_what_the_function_returns(tracer):
    class Pair:
        pass

    thing = Pair()
    assert tracer.trace(lambda x: x, X) is X
    assert tracer.trace(lambda: weights) is weights
    assert tracer.trace(lambda x: None, X) is None
    assert tracer.trace(lambda x: thing, X) is thing
    assert tracer.trace(lambda x: (x.sum(), {"a": 3, "b": "text"}), X) == (
        9.0,
        {"a": 3, "b": "text"},
    )
    result = tracer.trace(lambda x: x * 2.0, 1.5)
    assert type(result) is float and result == 3.0


def test_a_traced_function_runs_once(tracer, capsys):
    def chatty(x):
        print("run with", x[0])
        return x + 1

    y = tracer.trace(chatty, X)
    assert capsys.readouterr().out == "run with 2.0\n"
    f = tracer.compile_function(X, y)
    assert capsys.readouterr().out == ""
    assert np.array_equal(f(X * 2), X * 2 + 1)
    assert capsys.readouterr().out == "run with 4.0\n"


def test_only_the_steps_that_the_outputs_need_run(tracer, capsys):
    def chatty(x):
        print("not needed")
        return x + 1

    tracer.trace(chatty, X)
    y = tracer.trace(lambda x: x * 2, X)
    capsys.readouterr()
    assert np.array_equal(tracer.compile_function(X, y)(X), X * 2)
    assert capsys.readouterr().out == ""


@ENGINES
def test_results_of_one_trace_are_followed_into_the_next(engine):
    tracer = Symbolic(engine=engine, on_fallback="error")
    a = tracer.trace(lambda x, y: (x * y, {"sum": x + y}), X, X + 1)
    b = tracer.trace(lambda p, q: p * q, a[0], a[1]["sum"])
    c = tracer.trace(total, b)
    f = tracer.compile_function([X], c)
    assert np.isclose(f(X * 2), np.sum(2 * X * (X + 1) * (3 * X + 1)))
    slope = tracer.compile_gradient([X], c)(X)
    y = X + 1
    assert np.allclose(slope, y * (2 * X + y))


@ENGINES
def test_methods_class_methods_partials_and_callables(engine):
    class Model:
        def __init__(self):
            self.w = np.array([1.0, 2.0, 3.0])

        def weigh(self, x):
            return self.w**2 * x

        @classmethod
        def shift(cls, x):
            return x + 1

        @staticmethod
        def scale(x):
            return 3 * x

        def __call__(self, x):
            return np.sum(self.w * x)

    model = Model()
    tracer = Symbolic(engine=engine, on_fallback="error")
    out = tracer.trace(model.shift, X)
    out = tracer.trace(model.scale, out)
    out = tracer.trace(model.weigh, out)
    out = tracer.trace(functools.partial(lambda c, x: c * x, X), out)
    out = tracer.trace(model, out)
    by_w = tracer.compile_gradient(X, out, wrt=model.w)(X)
    assert np.allclose(by_w, 3 * model.w**2 * 3 * (X + 1) * X)


def test_autodiff_functions_can_be_traced(tracer):
    slope = tracer.trace(autodiff.gradient(lambda x: np.sum(x**3)), X)
    assert np.allclose(slope, 3 * X**2)
    assert np.allclose(tracer.compile_gradient(X, slope, reduction="sum")(X), 6 * X)


def test_a_global_bound_to_a_result_is_that_result(tracer):
    global bound
    bound = tracer.trace(lambda x: x * x, X)
    out = tracer.trace(lambda: bound * 3)
    assert np.allclose(tracer.compile_gradient(X, out, reduction=np.sum)(X), 6 * X)


# -- what keeps its value -----------------------------------------------------------------------------------
def test_inputs_that_are_not_listed_keep_the_value_they_had(tracer):
    global weights, factor
    before = weights, factor
    x, y, table = X.copy(), X + 1, {"t": np.ones(3)}

    def f(x, y, table):
        return weights * factor * x * y * table["t"]

    out = tracer.trace(f, x, y, table)
    compiled = tracer.compile_function(x, out)
    expected = out / x
    weights[:] = 0.0
    weights, factor = np.zeros(5), 0.0
    y[:] = 0.0
    table["t"] = np.zeros(3)
    try:
        assert np.allclose(compiled(np.ones(3)), expected)
        again = tracer.compile_function(x, out)
        assert np.allclose(again(np.ones(3)), expected)
        # Another length of the input is another capture.
        assert np.allclose(tracer.compile_function(y, out)(np.ones(3)), before[1] * x * (1, 2, 3))
    finally:
        weights, factor = before
        weights[:] = [1.0, 2.0, 3.0]


def test_an_int_that_shaped_the_recording_is_compared_at_every_call(tracer):
    global power
    out = tracer.trace(weigh, X)
    f = tracer.compile_function(X, out)
    assert np.allclose(f(X), weights**2 * X)
    power = 3
    try:
        assert np.allclose(f(X), weights**3 * X)
    finally:
        power = 2


@ENGINES
def test_stores_of_one_step_are_seen_by_the_next(engine):
    def store(x):
        x += 1
        return x * 2

    tracer = Symbolic(engine=engine, on_fallback="error")
    x = np.ones(3)
    a = tracer.trace(store, x)
    assert np.array_equal(x, np.full(3, 2.0))
    b = tracer.trace(lambda x, a: np.sum(x * a), x, a)
    f, g = tracer.compile_function(x, b), tracer.compile_gradient(x, b)
    given = np.array([1.0, 2.0, 3.0])
    assert np.isclose(f(given), np.sum(2 * (given + 1) ** 2))
    assert np.allclose(g(given), 4 * (given + 1))
    assert np.array_equal(given, [1.0, 2.0, 3.0])


def test_arrays_that_are_not_inputs_are_not_stored_into(tracer):
    buffer, w = np.zeros(3), np.ones(3)

    def accumulate(x, w):
        buffer[:] += x
        w += 1
        return np.sum(buffer * w)

    out = tracer.trace(accumulate, X, w)
    assert np.array_equal(buffer, X) and np.array_equal(w, np.full(3, 2.0))
    f, g = tracer.compile_function(X, out), tracer.compile_gradient(X, out, wrt=w)
    for _ in range(3):
        assert f(2 * X) == 36.0 and np.array_equal(g(2 * X), 2 * X)
    assert np.array_equal(buffer, X) and np.array_equal(w, np.full(3, 2.0))


def test_a_name_bound_anew_between_traces_is_another_array(tracer):
    global weights
    before = weights
    a = tracer.trace(weigh, X)
    weights = before + 1
    try:
        b = tracer.trace(weigh, a)
        assert np.allclose(tracer.compile_function(X, b)(X), before**2 * (before + 1) ** 2 * X)
        g = tracer.compile_gradient(X, b, wrt=[before, weights], reduction="sum")
        by_first, by_second = g(X)
        assert np.allclose(by_first, 2 * before * (before + 1) ** 2 * X)
        assert np.allclose(by_second, 2 * (before + 1) * before**2 * X)
    finally:
        weights = before


class Store:
    count = 0


def test_objects_and_containers_carry_values_from_step_to_step(tracer):
    def into_dict(table, x):
        table["out"] = x * 2
        return x.sum()

    def into_list(items, x):
        items.append(x * 2)
        return x.sum()

    def into_object(store, x):
        store.out = x * 2
        store.count += 1
        return x.sum()

    table, items, store = {}, [], Store()
    for put, thing, get in (
        (into_dict, table, lambda table: np.sum(table["out"] ** 2)),
        (into_list, items, lambda items: np.sum(items[0] ** 2)),
        (into_object, store, lambda store: np.sum(store.out**2)),
    ):
        tracer.trace(put, thing, X)
        out = tracer.trace(get, thing)
        assert np.allclose(tracer.compile_gradient(X, out)(X + 1), 8 * (X + 1))
    assert len(items) == 1 and np.array_equal(table["out"], 2 * X)
    assert store.count == 2  # a count on an object is kept at every run


@ENGINES
def test_views_stay_views_between_steps(engine):
    def triple(v):
        v *= 3
        return v.sum()

    tracer = Symbolic(engine=engine, on_fallback="error")
    base = np.array([1.0, 2.0, 3.0])
    view = tracer.trace(lambda x: x[1:], base)
    tracer.trace(triple, view)
    out = tracer.trace(lambda x: np.sum(x**2), base)
    given = np.array([1.0, 2.0, 3.0])
    assert np.isclose(tracer.compile_function(base, out)(given), 1 + 36 + 81)
    assert np.allclose(tracer.compile_gradient(base, out)(given), [2.0, 36.0, 54.0])
    assert np.allclose(tracer.compile_gradient(base, out, wrt=view)(given), [36.0, 54.0])


# -- branches, shapes, types ---------------------------------------------------------------------------------
@ENGINES
def test_branches_are_not_locked(engine):
    tracer = Symbolic(engine=engine, on_fallback="error")
    out = tracer.trace(piecewise, X)
    f, g = tracer.compile_function(X, out), tracer.compile_gradient(X, out)
    assert [f(X), f(-X)] == [18.0, 29.0]
    assert np.allclose(g(X), 2.0) and np.allclose(g(-X), -2 * X)
    assert len(f.cache) == len(g.cache) == 1


def test_a_path_that_is_guarded_is_captured_again(tracer):
    def f(x):
        parts = [x]
        if np.sum(x) > 0:
            parts.append(x * 2)
        return np.sum(np.concatenate(parts))

    out = tracer.trace(f, X)
    g = tracer.compile_gradient(X, out)
    assert np.allclose(g(X), 3.0) and np.allclose(g(-X), 1.0) and np.allclose(g(X), 3.0)


def test_lengths_and_dimensions_may_change(tracer):
    out = tracer.trace(lambda x: np.sum(x * x), X)
    g = tracer.compile_gradient(X, out)
    for n in range(2, 12):
        assert np.allclose(g(np.ones(n)), 2 * np.ones(n))
    assert len(g.cache) == 2
    assert np.allclose(g(np.ones((2, 3))), 2 * np.ones((2, 3)))
    assert g(2.0) == 4.0 and type(g(2.0)) is float
    assert g(np.float32(2)).dtype == np.float32


def test_errors_of_the_users_functions_are_raised_from_compiled_ones(tracer):
    def checked(x, i):
        if np.sum(x) < 0:
            raise ValueError("negative")
        return x[i] * 2

    i = np.int64(1)
    out = tracer.trace(checked, X, i)
    f, g = tracer.compile_function([X, i], out), tracer.compile_gradient([X, i], out, wrt=X)
    assert f(X, 2) == 8.0 and np.array_equal(g(X, 0), [2.0, 0.0, 0.0])
    for compiled in (f, g):
        with pytest.raises(ValueError) as caught:
            compiled(-X, 0)
        assert str(caught.value) == "negative"
        with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 3"):
            compiled(X, 7)


def test_random_numbers_are_drawn_at_every_call(tracer):
    rng = np.random.default_rng(0)

    def draw(x):
        return x + rng.normal(size=3)

    y = tracer.trace(draw, X)
    f = tracer.compile_function(X, y)
    expected = np.random.default_rng(0).normal(size=(3, 3))
    assert np.allclose([y - X, f(X) - X, f(X) - X], expected)


def test_what_cannot_be_compiled_is_traced_as_it_runs():
    tracer = Symbolic()
    runs = []

    def opaque(x):
        runs.append(1)
        first = struct.unpack("d", struct.pack("d", x[0]))[0]
        return np.sum(x[1:] * weights[1:]) + autodiff.stop_gradient(first)

    with pytest.warns(autodiff.FallbackWarning, match="opaque is traced uncompiled: .*struct.pack"):
        out = tracer.trace(opaque, X)
    assert out == 20.0 and runs == [1]
    with pytest.warns(autodiff.FallbackWarning, match="opaque runs uncompiled"):
        f = tracer.compile_function(X, out)
        assert f(X * 2) == 40.0
    assert runs == [1, 1]
    with pytest.warns(autodiff.FallbackWarning):
        by_weights = tracer.compile_gradient(X, out, wrt=weights)(X * [0, 1, 1])
    assert np.allclose(by_weights, X * [0, 1, 1])
    with pytest.raises(autodiff.UnsupportedError, match="opaque cannot be compiled"):
        Symbolic(on_fallback="error").trace(opaque, X)


# -- names ---------------------------------------------------------------------------------------------------
@ENGINES
def test_anything_met_can_be_an_input(engine):
    tracer = Symbolic(engine=engine, on_fallback="error")

    def local(x):
        z = tag(np.ones(3), "z")
        return (x + z) ** 2

    a = tracer.trace(lambda x: x + 2, X)
    b = tracer.trace(weigh, a)
    c = tracer.trace(local, b)
    f = tracer.compile_function(inputs=[X, weights, "z"], outputs=c)
    given = X * 2, X - 1, X * 3
    assert np.allclose(f(*given), ((given[0] + 2) * given[1] ** 2 + given[2]) ** 2)
    # From an intermediate result on, the steps before it are not run.
    assert np.allclose(tracer.compile_function(b, c)(X), (X + 1) ** 2)
    assert list(tracer.compile_function([X, weights, "z"], c)._compiled.signature.names) == [
        "x",
        "weights",
        "z",
    ]


@ENGINES
def test_anything_met_can_be_differentiated_by(engine):
    tracer = Symbolic(engine=engine, on_fallback="error")

    def local(x):
        z = tag(np.ones(3), "z")
        return (x + z) ** 2

    a = tracer.trace(lambda x: x + 2, X)
    b = tracer.trace(weigh, a)
    c = tracer.trace(local, b)
    g = tracer.compile_gradient(X, c, wrt=[a, b, "z", weights, X], reduction="sum")
    x = X * 2
    inner = 2 * ((x + 2) * weights**2 + 1)
    for got, expected in zip(
        g(x),
        (inner * weights**2, inner, inner, inner * 2 * weights * (x + 2), inner * weights**2),
        strict=True,
    ):
        assert np.allclose(got, expected)


def test_outputs_keep_their_structure(tracer):
    def local(x):
        y = tag(np.sum(x), "y")
        return {"double": x * y, "count": len(x)}

    found = tracer.trace(local, X)
    f = tracer.compile_function(X, {"d": found["double"], "pair": ["y", found["double"]]})
    result = f(X)
    assert np.allclose(result["d"], X * 9) and result["pair"][0] == 9.0
    assert tracer.compile_function(X, found)(np.ones(2))["count"] == 2
    assert tracer.compile_function(X, tracer.s_vars["y"])(X * 2) == 18.0
    assert tracer.compile_function(X, found["count"])(np.ones(5)) == 5


def test_defaults_are_all_arguments_and_the_last_result(tracer):
    y = X + 1
    a = tracer.trace(lambda x, y: x * y, X, y)
    tracer.trace(total, a)
    assert np.isclose(tracer.compile_function()(X, X), np.sum(X * X))
    by_x, by_y = tracer.compile_gradient()(X, y)
    assert np.allclose(by_x, y) and np.allclose(by_y, X)


def test_python_floats_are_known_by_their_object(tracer):
    x = 1.0
    out = tracer.trace(lambda x: x * x + 100.0, x)
    assert tracer.compile_function(x, out)(2.0) == 104.0
    assert tracer.compile_gradient(x, out)(3) == 6.0
    scaled = tracer.trace(lambda x: factor * factor * x, X)
    by_factor = tracer.compile_gradient(X, scaled, wrt=factor, reduction=np.sum)
    assert np.isclose(by_factor(X), 2 * factor * 9)


def test_a_float_is_ambiguous_only_among_the_places_that_the_outputs_depend_on(tracer):
    x = 1.5
    tracer.trace(lambda y: y + 100.0, x)  # nothing is asked of this one
    out = tracer.trace(lambda x: x * x, x)
    assert tracer.compile_function(x, out)(2.0) == 4.0
    assert tracer.compile_gradient(x, out, wrt=x)(2.0) == 4.0
    both = tracer.trace(lambda a, b: a * b, out, x)
    with pytest.raises(ValueError, match=r"the float 1\.5 was met in 2 places"):
        tracer.compile_function(x, both)


def test_places_of_a_float_are_told_apart_by_the_function_and_the_part(tracer):
    y = 2.5
    first = tracer.trace(lambda x, k: x * k, X, y)
    second = tracer.trace(lambda x, k: np.sum(x) * k, first, y)  # of the same name
    with pytest.raises(ValueError, match=r"the float 2\.5 was met in 2 places"):
        tracer.compile_gradient(X, second, wrt=[y])
    pair = tracer.trace(lambda p: p[0] * p[1] ** 2, [y, y])
    with pytest.raises(ValueError, match="part 0 of argument 0 of .*; part 1 of argument 0"):
        tracer.compile_gradient(y, pair)

    def scale(x, k):
        return x * k

    out = tracer.trace(scale, tracer.trace(scale, X, y), y)  # one argument of one function
    by_scale = tracer.compile_gradient(X, out, wrt=y, reduction=np.sum)(X)
    assert np.isclose(by_scale, 2 * y * np.sum(X))


@ENGINES
def test_value_gradient_and_product_together(engine):
    tracer = Symbolic(engine=engine, on_fallback="error")
    out = tracer.trace(lambda x, w: w * x**3, X, weights)
    f = tracer.compile(
        [X, weights],
        out,
        wrt=[weights, X],
        function=True,
        gradient=True,
        hessian_vector=True,
        reduction=np.sum,
    )
    v = np.array([1.0, 0.0, 2.0])
    value, (by_w, by_x), (hv_w, hv_x) = f(X, weights, _tensors=(v, v))
    assert np.allclose(value, weights * X**3)
    assert np.allclose(by_w, X**3) and np.allclose(by_x, 3 * weights * X**2)
    assert np.allclose(hv_w, 3 * X**2 * v)
    assert np.allclose(hv_x, 3 * X**2 * v + 6 * weights * X * v)
    value, gradient = tracer.compile_function_gradient(X, out, reduction="mean")(X)
    assert np.allclose(value, weights * X**3) and np.allclose(gradient, weights * X**2)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        (np.sum, 2 * X),
        ("sum", 2 * X),
        ("mean", 2 * X / 3),
        (np.max, [0.0, 0.0, 8.0]),
        (lambda y: np.sum(y * y), 4 * X**3),
    ],
)
def test_a_reduction_is_a_function_or_a_name(tracer, reduction, expected):
    y = tracer.trace(lambda x: x * x, X)
    assert np.allclose(tracer.compile_gradient(X, y, reduction=reduction)(X), expected)


def test_a_compiled_function_tells_about_itself(tracer):
    y = tracer.trace(lambda x: x * 2, X)
    f = tracer.compile_function(X, y)
    assert repr(tracer) == "<autodiff.Symbolic: <lambda>>"
    assert repr(Symbolic()) == "<autodiff.Symbolic: nothing traced>"
    assert repr(f) == "<autodiff symbolic function of (x): Recorded: <lambda>. 1 specialisation>"
    assert "multiply" in str(f.ir(X)) and "input   args[0]" in f.explain(X)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(f)


# -- errors --------------------------------------------------------------------------------------------------
def _changed(tracer):
    x = X.copy()
    y = tracer.trace(lambda x: x * 2, x)
    x[0] = 9.0
    tracer.trace(lambda x, y: x + y, x, y)


def _changed_container(tracer):
    table = {"t": X}
    tracer.trace(lambda table: table["t"] * 2, table)
    table["t"] = X * 2
    tracer.trace(lambda table: table["t"] * 2, table)


def _int_of_earlier_trace(tracer):
    n = tracer.trace(lambda x: len(x), X)
    tracer.trace(lambda x, n: x * n, X, n)


def _not_seen(tracer):
    y = tracer.trace(lambda x: x * 2, X)
    z = tracer.trace(total, y + 1)
    tracer.compile_gradient(X, z)


def _not_seen_tag(tracer):
    tracer.trace(lambda x: tag(x * 2, "k"), X)
    z = tracer.trace(total, X)
    tracer.compile_gradient(X, z, wrt="k")


def _floats(tracer):
    x, y = 1.0, 1.0
    tracer.compile_function(x, tracer.trace(lambda x, y: x + 3 * y, x, y))


def _twice(tracer):
    tracer.compile_function([X, X], tracer.trace(total, X))


def _two_tags(tracer):
    def f(x):
        return tag(x * 2, "k")

    y = tracer.trace(f, X)
    tracer.compile_gradient(X, tracer.trace(f, y), wrt="k", reduction="sum")


ERRORS = {
    "changed": (
        _changed,
        "AD102: argument 0 of <lambda> was changed between two traces, which a recording does not see.\n"
        "  Remedy: make the change in a function, and trace that",
    ),
    "changed container": (
        _changed_container,
        "AD102: argument 0 of <lambda> was changed between two traces, which a recording does not see.\n"
        "  Remedy: make the change in a function, and trace that",
    ),
    "int": (
        _int_of_earlier_trace,
        "AD102: the int 3 may be what <lambda> returned: it has no identity to follow it by.\n"
        "  Remedy: have <lambda> return np.int64(3), or, if it is another one, pass that",
    ),
    "not seen": (
        _not_seen,
        "AD102: inputs: the array float64[3] does not reach the outputs through the traced functions.\n"
        "  Remedy: trace what lies between as well: operations outside of trace are not seen",
    ),
    "tag not seen": (
        _not_seen_tag,
        "AD102: wrt: the tag 'k' does not reach the outputs through the traced functions.\n"
        "  Remedy: trace what lies between as well: operations outside of trace are not seen",
    ),
    "floats": (
        _floats,
        "AD102: inputs: the float 1.0 was met in 2 places (argument 0 of <lambda>; argument 1 of "
        "<lambda>), and Python may use one object for equal numbers.\n"
        "  Remedy: trace with np.float64(...), or name the value by a tag",
    ),
    "twice": (
        _twice,
        "AD102: inputs: the array float64[3] is named twice.\n"
        "  Remedy: name each object once; for equal numbers trace with np.float64(...)",
    ),
    "nothing traced": (
        lambda tracer: tracer.compile_function(),
        "AD102: nothing has been traced yet.\n  Remedy: call trace(f, x) before compile",
    ),
    "nothing asked": (
        lambda tracer: tracer.compile(X),
        "AD102: compile was asked for nothing.\n"
        "  Remedy: pass function=True, gradient=True or hessian_vector=True",
    ),
    "not met": (
        lambda tracer: tracer.compile_function(X.copy(), tracer.trace(total, X)),
        "AD102: inputs: the array float64[3] was not met in any trace.\n"
        "  Remedy: name the object itself that was traced, not a copy, or name it by a tag",
    ),
    "no such tag": (
        lambda tracer: tracer.compile_function("q", tracer.trace(lambda x: tag(x, "k") + 1, X)),
        "AD102: inputs: no traced value is tagged 'q'; the tags met are 'k'.\n"
        "  Remedy: tag the value with autodiff.tag(x, key), or name the object itself",
    ),
    "int named": (
        lambda tracer: tracer.compile_function(3, tracer.trace(lambda x, n: x * n, X, 3)),
        "AD102: inputs: a Python int (3) has no identity to name it by.\n"
        "  Remedy: name the value by a tag, or trace with NumPy's np.int64(...)",
    ),
    "container named": (
        lambda tracer: tracer.compile_function([{"a": X}], tracer.trace(total, X)),
        "AD102: inputs: a dict is neither an array nor a tag.\n  Remedy: name the arrays in it",
    ),
    "reduction": (
        lambda tracer: tracer.compile_gradient(X, tracer.trace(weigh, X), reduction="foo"),
        "AD102: reduction='foo' is neither a function nor the name of one of NumPy's.\n"
        "  Remedy: pass np.sum, another callable, or a name such as 'sum' or 'mean'",
    ),
    "no function": (
        lambda tracer: tracer.trace(3),
        "AD101: trace needs a function, not int.\n"
        "  Remedy: pass the function itself and its arguments: trace(f, x)",
    ),
    "no number": (
        lambda tracer: tracer.compile_gradient(X, tracer.trace(weigh, X)),
        "AD104: the output to differentiate has shape (3,), not one number.\n"
        "  Remedy: pass a reduction, such as reduction=np.sum, or trace a function that returns one "
        "number; for all derivatives use autodiff.jacobian",
    ),
    "two outputs": (
        lambda tracer: tracer.compile_gradient(X, tracer.trace(lambda x: (x.sum(), x[0]), X)),
        "AD104: a derivative of 2 outputs was asked for.\n  Remedy: name one output",
    ),
    "no vectors": (
        lambda tracer: tracer.compile(X, tracer.trace(total, X), hessian_vector=True)(X),
        "AD108: total needs the vectors to multiply with.\n"
        "  Remedy: pass _tensors=v, with a tuple of vectors for several arguments",
    ),
    "superfluous vectors": (
        lambda tracer: tracer.compile_function(X, tracer.trace(total, X))(X, _tensors=X),
        "AD108: total takes no _tensors: it has no Hessian-vector product.\n"
        "  Remedy: compile it with hessian_vector=True",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_is_wrong_and_what_to_do(tracer, case):
    make, text = ERRORS[case]
    with pytest.raises(autodiff.AutodiffError) as caught:
        make(tracer)
    assert str(caught.value) == text
    assert isinstance(caught.value, TypeError if text[:5] in ("AD101", "AD104") else ValueError)


def test_a_tag_that_names_two_values_is_refused(tracer):
    with pytest.raises(ValueError, match="the tag 'k' names 2 values of f"):
        _two_tags(tracer)
