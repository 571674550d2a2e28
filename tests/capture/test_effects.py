"""Effects happen at every call, in order, with the values of that call."""

import logging
import os
import random
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])


@ENGINES
def test_print_in_a_loop_and_a_branch_prints_what_plain_python_prints(engine, capsys):
    def f(x):
        total = 0.0
        for i in range(len(x)):
            total += x[i] ** 2
            if total > 1:
                print(f"total={total:.3f} at {i}", x[i])
        print("done", total, x)
        return total

    compiled = autodiff.function(f, engine=engine)
    for x in (np.array([0.5, 1.0, 2.0, 3.0, 1.0, 2.0]), np.full(6, 0.1)):
        f(x)
        expected = capsys.readouterr().out
        compiled(x)
        assert capsys.readouterr().out == expected
    assert len(compiled.cache) == 1


@ENGINES
def test_a_gradient_prints_once(engine, capsys):
    def f(x):
        print("x is", x)
        return x * x

    gradient = autodiff.gradient(f, engine=engine)
    assert [gradient(2.0), gradient(3.0)] == [4.0, 6.0]
    assert capsys.readouterr().out == "x is 2.0\nx is 3.0\n"


@ENGINES
def test_a_logger_is_found_by_its_name_and_asked_at_each_call(engine, caplog):
    def f(x):
        log = logging.getLogger("autodiff.tests.asked")
        for k in range(len(x)):
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%d: %s", k, x[k])
        if log.getEffectiveLevel() > logging.INFO:
            return np.sum(x)
        return np.sum(x**2)

    log = logging.getLogger("autodiff.tests.asked")
    compiled = autodiff.function(f, engine=engine)
    x = np.array([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # also of running uncompiled
        for level in (logging.WARNING, logging.DEBUG, logging.WARNING, logging.INFO):
            log.setLevel(level)
            caplog.clear()
            expected, said = f(x), caplog.messages[:]
            caplog.clear()
            assert compiled(x) == expected and caplog.messages == said


@ENGINES
def test_warnings_and_logging(engine, caplog):
    log = logging.getLogger("autodiff.tests")

    def f(x):
        if x > 1:
            warnings.warn(f"large: {x}", UserWarning, stacklevel=2)
        log.warning("x = %s", x)
        return x

    compiled = autodiff.function(f, engine=engine)
    with pytest.warns(UserWarning, match="large: 2.0"):
        compiled(2.0)
    compiled(0.5)
    assert [r.getMessage() for r in caplog.records] == ["x = 2.0", "x = 0.5"]


@ENGINES
def test_the_global_generator_gives_the_numbers_of_plain_numpy(engine):
    def f(mu, sigma):
        return np.random.normal(mu, sigma, size=3).sum() + np.random.rand() + random.random()

    compiled = autodiff.function(f, engine=engine)
    np.random.seed(7)
    random.seed(7)
    got = [compiled(1.0, 2.0) for _ in range(3)]
    np.random.seed(7)
    random.seed(7)
    assert got == [f(1.0, 2.0) for _ in range(3)]
    assert len(set(got)) == 3


@ENGINES
def test_draws_in_a_rolled_loop_from_a_generator_argument(engine):
    def f(x, rng):
        for _ in range(10):
            x = x + 0.1 * rng.standard_normal() * x
        return x

    compiled = autodiff.function(f, engine=engine)
    for seed in (0, 1):
        got = compiled(2.0, np.random.default_rng(seed))
        assert np.isclose(got, f(2.0, np.random.default_rng(seed)), rtol=1e-14)
    assert len(compiled.cache) == 1


@ENGINES
def test_derivatives_flow_through_location_and_scale(engine):
    rng = np.random.default_rng(3)

    def f(mu, sigma):
        return np.sum(rng.normal(mu, sigma, size=4))

    gradient = autodiff.gradient(f, engine=engine)
    state = rng.bit_generator.state
    by_mu, by_sigma = gradient(1.0, 2.0)
    rng.bit_generator.state = state
    assert by_mu == 4.0
    assert np.isclose(by_sigma, rng.standard_normal(4).sum())


@ENGINES
def test_a_clock_is_read_at_every_call(engine):
    compiled = autodiff.function(lambda x: x + time.perf_counter(), engine=engine)
    first = compiled(0.0)
    assert compiled(0.0) > first


# -- changes of objects from outside -----------------------------------------------------------------
class Model:
    """An objective that keeps books, as users of optimisers write it."""

    total = 0

    def __init__(self):
        self.nfev = 0
        self.scale = 1.5
        self.last = None
        self.history = []
        self.table = {"n": 0, "best": 1e9}
        self.slots = [0, 0.0]
        self.front, self.back = np.zeros(3), np.ones(3)

    def count(self, x):
        self.nfev += 1
        return np.sum(x**2) * self.nfev

    def count_on_class(self, x):
        Model.total += 1
        return np.sum(x) * self.total

    def log(self, x):
        loss = np.sum(x**2)
        self.history.append(float(loss))
        return loss

    def log_in_loop_and_branch(self, x):
        y = x
        for k in range(8):
            y = y * 0.9
            if y[0] > 0.6:
                self.history.append((k, y[0], y.copy()))
        return np.sum(y)

    def log_text(self, x):
        self.history.append(f"x[0] is {x[0]:.3f}")
        self.last = {"at": x, "sum": np.sum(x)}
        return np.sum(x * x)

    def remember(self, x):
        self.last = x
        return np.sum(x)

    def result_is_kept(self, x):
        y = np.exp(x)
        self.last = y
        self.history.append(y)
        return y

    def branch(self, x):
        if x[0] > 0:
            self.scale = self.scale + x[0]
        else:
            self.scale *= 2.0
        return np.sum(self.scale * x)

    def loop(self, x):
        for k in range(len(x)):
            self.scale += x[k] ** 2
            self.nfev += k
        return self.scale * x[0]

    def while_loop(self, x):
        while self.scale < 20.0:
            self.scale *= 1.0 + x[0] ** 2
        return self.scale * x[1]

    def through_state(self, x):
        self.scale = np.sum(x) * self.scale
        return self.scale**2

    def swap(self, x):
        self.front, self.back = self.back, self.front
        self.front[:] = x
        return np.sum(self.front * x + self.back)

    def dictionary(self, x):
        loss = np.sum(x**2)
        self.table["n"] += 1
        self.table["best"] = min(self.table["best"], loss)
        self.table["calls"] = self.table.get("calls", 0) + 2
        return loss * self.table["n"]

    def items_of_a_list(self, x):
        self.slots[0] += 1
        self.slots[-1] = x[0]
        return self.slots[0] * np.sum(x) + self.slots[1]

    def fails_late(self, x):
        self.nfev += 1
        self.history.append(x[0])
        print("evaluated", x[0])
        return x[int(x[0]) % 5] * 2


METHODS = [name for name in vars(Model) if not name.startswith("_") and name != "total"]
XS = (np.array([0.9, 0.4, 2.0]), np.array([-0.5, 0.4, 1.0]), np.array([1.2, 0.1, 0.3]))


def described(model):
    return repr(vars(model)), Model.total


def played(call, model):
    """What some calls give, print and leave behind."""
    Model.total = 0
    return [call(x.copy()) for x in XS], described(model)


@ENGINES
@pytest.mark.parametrize("name", METHODS)
def test_objects_are_left_as_plain_python_leaves_them(name, engine, capsys):
    model = Model()
    values, state = played(getattr(model, name), model)
    printed = capsys.readouterr().out
    model = Model()
    compiled = autodiff.function(getattr(model, name), engine=engine)
    got, left = played(compiled, model)
    assert capsys.readouterr().out == printed
    np.testing.assert_allclose(got, values, rtol=1e-13)
    assert (left[0].replace("np.float64", ""), left[1]) == (
        state[0].replace("np.float64", ""),
        state[1],
    )
    assert len(compiled.cache) <= 3


@pytest.mark.parametrize("transformation", ["gradient", "value_and_gradient", "hessian"])
@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("name", [n for n in METHODS if n != "result_is_kept"])
def test_derivatives_have_the_effects_of_one_call(name, use_cache, transformation):
    def plainly(x):
        return getattr(model, name)(x)

    model = Model()
    _, state = played(plainly, model)
    model = Model()
    compiled = getattr(autodiff, transformation)(plainly, use_cache=use_cache)
    found, left = played(compiled, model)
    assert left == state
    # The derivative, by differences of a fresh model brought to the same state.
    for k, x in enumerate(XS):
        direction, step = np.array([0.3, -0.5, 0.2]), 1e-6

        def at(t, k=k, x=x, direction=direction):
            fresh = Model()
            Model.total = 0
            for before in XS[:k]:
                getattr(fresh, name)(before.copy())
            return getattr(fresh, name)(x + t * direction)

        slope = (at(step) - at(-step)) / (2 * step)
        if transformation != "hessian":
            gradient = found[k] if transformation == "gradient" else found[k][1]
            np.testing.assert_allclose(gradient @ direction, slope, rtol=1e-6, atol=1e-8)


def test_products_with_vectors_have_the_effects_of_one_call():
    model, x, v = Model(), np.array([1.0, 2.0]), np.array([1.0, 0.0])
    assert autodiff.jvp(model.log, (x,), (v,)) == (5.0, 2.0)
    assert autodiff.hessian_vector(model.log)(x, _tensors=v).tolist() == [2.0, 0.0]
    assert autodiff.jacobian(model.log)(x).tolist() == [2.0, 4.0]
    assert model.history == [5.0, 5.0, 5.0]
    value, pull = autodiff.vjp(model.count, x)
    assert (value, model.nfev) == (5.0, 1)


def test_what_is_kept_is_what_plain_python_would_keep():
    model, x = Model(), np.array([1.0, 2.0])
    autodiff.function(model.remember)(x)
    assert model.last is x
    result = autodiff.function(model.result_is_kept)(x)
    assert model.last is result
    assert model.history[0] is result
    front, back = model.front, model.back
    autodiff.function(model.swap)(np.ones(3))
    assert model.front is back
    assert model.back is front


NUMBER = 0


def test_globals_and_variables_of_enclosing_functions():
    calls = 0

    def f(x):
        global NUMBER
        nonlocal calls
        NUMBER += 2
        calls += 1

        def deeper():
            nonlocal calls
            calls += 10

        deeper()
        return x * calls + NUMBER

    gradient, value = autodiff.gradient(f), autodiff.function(f)
    assert (gradient(2.0), NUMBER, calls) == (11.0, 2, 11)
    assert (value(2.0), NUMBER, calls) == (48.0, 4, 22)
    assert (gradient(2.0), NUMBER, calls) == (33.0, 6, 33)
    assert len(value.cache) == 1


def test_a_counter_does_not_compile_anew_at_every_call():
    model = Model()
    compiled = autodiff.function(model.count)
    assert [compiled(np.ones(2)) for _ in range(50)] == [2.0 * k for k in range(1, 51)]
    assert len(compiled.cache) == 1


def test_a_failing_call_has_its_effects_once(capsys):
    model = Model()
    compiled = autodiff.function(model.fails_late)
    assert compiled(np.array([1.0, 5.0])) == 10.0
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 2"):
        compiled(np.array([4.0, 5.0]))
    assert (model.nfev, model.history) == (2, [1.0, 4.0])
    assert capsys.readouterr().out == "evaluated 1.0\nevaluated 4.0\n"


def test_a_failing_call_draws_its_numbers_once():
    def f(x, rng):
        y = x[0] + rng.normal()
        return y + x[int(x[0])]

    compiled = autodiff.function(f)
    rng = np.random.default_rng(0)
    compiled(np.array([1.0, 5.0]), rng)
    with pytest.raises(IndexError):
        compiled(np.array([4.0, 5.0]), rng)
    plain = np.random.default_rng(0)
    assert rng.normal() == plain.normal(size=3)[2]


# -- what is not compiled: right all the same, with one warning ----------------------------------------
def use_of_a_changed_list(model, x):
    model.history.append(x * 2)
    return model.history[-1] ** 2


def length_of_a_changed_list(model, x):
    model.history.append(x)
    return x * len(model.history)


def appended_and_changed(model, x):
    y = np.zeros(2)
    model.history.append(y)
    y[0] = x
    return x * y[0]


def dict_of_a_changed_object(model, x):
    model.nfev += 1
    return x * model.__dict__["nfev"]


def other_change_of_a_list(model, x):
    model.history.insert(0, x)
    return x * x


def kept_twice(model, x):
    model.last = {"at": x, "value": x * x}
    model.history.append(model.last)
    return x * x


def appended_twice(model, x):
    pair = [x, x * x]
    model.history.append(pair)
    model.history.append({"pair": pair})
    return x * x


UNCOMPILED = [
    (kept_twice, "a dict that is kept outside in two places"),
    (appended_twice, "a list that is kept outside in two places"),
    (use_of_a_changed_list, "an item of a list that the function changes"),
    (length_of_a_changed_list, "the length of a list that the function changes"),
    (appended_and_changed, "an array that is appended to a list from outside and changed later"),
    (dict_of_a_changed_object, "the __dict__ of a Model that the function changes"),
    (other_change_of_a_list, "a change of a list from outside of the function"),
]


@pytest.mark.parametrize(("function", "reason"), UNCOMPILED)
def test_other_changes_run_uncompiled_with_one_warning(function, reason):
    plain, ours = Model(), Model()
    values = [function(plain, x) for x in (2.0, 3.0)]
    compiled = autodiff.function(lambda x: function(ours, x))
    line = function.__code__.co_firstlineno
    with pytest.warns(
        autodiff.FallbackWarning, match=f"{reason} .*test_effects.py, line"
    ) as caught:
        assert [compiled(x) for x in (2.0, 3.0)] == values
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert [x is ours.last for x in ours.history] == [x is plain.last for x in plain.history]
    named = int(str(caught[0].message).rsplit("line ", 1)[1].rstrip(")"))
    assert line < named <= line + 4
    assert described(ours) == described(plain)
    with pytest.raises(autodiff.errors.UnsupportedError, match=reason):
        autodiff.function(lambda x: function(ours, x), on_fallback="error")(2.0)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("function", [f for f, _ in UNCOMPILED])
def test_derivatives_flow_through_what_the_uncompiled_tier_stores(function):
    plain, ours = Model(), Model()
    for x in (2.0, 3.0):
        steps = []
        for t in (1e-6, -1e-6):
            import copy

            steps.append(function(copy.deepcopy(plain), x + t))
        function(plain, x)
        got = autodiff.gradient(lambda x: function(ours, x))(x)
        assert np.isclose(got, (steps[0] - steps[1]) / 2e-6)
    assert described(ours) == described(plain)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_an_uncompiled_derivative_begins_with_what_an_array_outside_held():
    lock, kept = threading.Lock(), np.array([1.0, 2.0])

    def f(x, a):
        with lock:
            kept[0] = kept[0] * a + x
        return kept[0] * x * a

    for _ in range(2):
        before = kept[0]
        found = autodiff.gradient(f)(1.5, 2.0)
        assert kept.tolist() == [before * 2.0 + 1.5, 2.0]
        assert found == pytest.approx((2.0 * (2.0 * before + 3.0), 1.5 * (4.0 * before + 1.5)))


def test_a_list_argument_that_the_function_changes():
    def f(x, log):
        log.append(x)
        log[0] = -x
        return x * x

    compiled = autodiff.function(f)
    log = [1.0]
    assert compiled(3.0, log) == 9.0
    assert log == [-3.0, 3.0]
    log = [1.0]
    assert autodiff.gradient(f, wrt="x")(3.0, log) == 6.0
    assert log == [1.0]  # derivatives leave arguments as they are


# -- derivatives that need several sweeps ------------------------------------------------------------
def draws_in_a_loop(x, rng):
    y = x
    for _ in range(6):
        y = y * rng.normal()
    return y * x


def prints_in_a_branch(x, rng):
    y = x
    if x[0] > 0:
        print("positive")
        y = y * 2
    return y * x


@ENGINES
@pytest.mark.parametrize("f", [draws_in_a_loop, prints_in_a_branch])
def test_a_jacobian_draws_and_prints_once(f, engine, capsys):
    x = np.array([1.0, -0.5, 2.0])
    expected = np.diag(2 * f(x, np.random.default_rng(5)) / x)
    printed = capsys.readouterr().out
    got = autodiff.jacobian(f, wrt="x", engine=engine)(x, np.random.default_rng(5))
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert capsys.readouterr().out == printed
    total = autodiff.hessian(lambda x, rng: np.sum(f(x, rng)), wrt="x", engine=engine)
    got = total(x, np.random.default_rng(5))
    np.testing.assert_allclose(got, np.diag(np.diag(expected) / x), rtol=1e-12)
    assert capsys.readouterr().out == printed


def shown_before_a_branch(x, rng):
    total = 0.0
    for k in range(3):
        total += x[k]
        print(k)
    return x if total > 0 else None


def drawn_before_a_branch(x, rng):
    total = 0.0
    for k in range(3):
        total += rng.uniform() * x[k]
    return x if total > 0 else None


def shown_on_one_path_before_a_branch(x, rng):
    total = x.sum()
    if total > 0:
        print("above")
        total = total * 2.0
    return "large" if total > 1 else None


def shown_while_before_a_size(x, rng):
    k = 0
    while x[k] > 0 and k < 2:
        print(x[k])
        k += 1
    return [k] * k


def raised_before_a_branch(x, rng):
    total = 0.0
    for k in range(3):
        if x[k] > 5:
            raise ValueError(f"{x[k]} is too large")
        total += x[k]
    return x if total > 0 else None


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize(
    "f",
    [
        shown_before_a_branch,
        drawn_before_a_branch,
        shown_on_one_path_before_a_branch,
        shown_while_before_a_size,
        raised_before_a_branch,
    ],
    ids=lambda f: f.__name__,
)
def test_a_value_that_python_needs_is_found_without_effects(f, engine, capsys):
    # Which program is compiled depends on the value; only the program acts.
    compiled = autodiff.function(f, engine=engine)
    ours, theirs = np.random.default_rng(3), np.random.default_rng(3)
    for x in (np.ones(3), -np.ones(3), np.array([1.0, 9.0, 1.0]), np.full(3, 0.1)):
        outcomes = []
        for function, rng in ((f, theirs), (compiled, ours)):
            try:
                result = function(x, rng)
            except ValueError as error:
                result = str(error)
            outcomes.append((repr(result), capsys.readouterr().out, rng.bit_generator.state))
        assert outcomes[0] == outcomes[1]


def test_the_order_of_effects_costs_as_much_as_the_program_is_long() -> None:
    """Loops in loops with a print: each operation is looked at a few times, however deep it is."""
    from autodiff.capture import effects
    from tests.capture.support import program_of

    def nest(depth):
        lines = ["def f(x):", "    s = x"]
        for k in range(depth):
            lines.append("    " * (k + 1) + f"for i{k} in range(7):")
        lines += ["    " * (depth + 1) + "s = s * 0.5 + x", "    " * (depth + 1) + "print(s)"]
        return "\n".join([*lines, "    return s"])

    from tests.programs.reference import compile_source

    looked_at = []
    for depth in (3, 6, 9):
        f = compile_source(nest(depth), f"<nest {depth}>", {})["f"]
        block = program_of(f, 0.5).block
        seen = 0
        fails = effects._fails

        def counting(operation, fails=fails):
            nonlocal seen
            seen += 1
            return fails(operation)

        effects._fails = counting
        try:
            assert effects.order_effects(block) in (True, False)
        finally:
            effects._fails = fails
        looked_at.append(seen)
    assert looked_at[2] - looked_at[1] <= 2 * (looked_at[1] - looked_at[0])


# -- the line that a warning names ---------------------------------------------------------------------
def warns_of_a_value(x):
    if x > 1:
        warnings.warn(
            f"large: {x}",
            UserWarning,
            stacklevel=1,
        )
    return x * x


def warns_of_its_caller(x):
    _warn_above(x)
    return x * 2.0


def _warn_above(x):
    warnings.warn("above", DeprecationWarning, stacklevel=2)


def warns_of_who_calls_it(x):
    warnings.warn(RuntimeWarning("outside"), stacklevel=2)
    return x * 1.0


def warns_of_who_calls_that(x):
    warnings.warn("further outside", stacklevel=3)
    return x * 1.0


def warns_in_loops(x):
    for _ in range(3):
        warnings.warn("for", stacklevel=1)
    while x > 0:
        x = x - 1.0
        warnings.warn("while")  # noqa: B028
    return x * 1.0


def warns_past_files(x):
    _warn_past(x, (os.path.dirname(__file__),))
    _warn_past(x, ("nowhere",))
    return x * 1.0


def _warn_past(x, files):
    how = {} if sys.version_info < (3, 12) else {"skip_file_prefixes": files}
    warnings.warn("past", **how)  # noqa: B028
    warnings.warn("further past", stacklevel=3, **how)


def warns_of_a_call_by_map(x):
    list(map(_warn_above, [x, x]))
    return x


@ENGINES
@pytest.mark.parametrize("rule", ["always", "default"])
@pytest.mark.parametrize(
    "f",
    [
        warns_of_a_value,
        warns_of_its_caller,
        warns_of_who_calls_it,
        warns_of_who_calls_that,
        warns_in_loops,
        warns_of_a_call_by_map,
        warns_past_files,
    ],
)
def test_a_warning_names_the_users_line(f, rule, engine):
    def given_by(function):
        globals().pop("__warningregistry__", None)  # of what was given already
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter(rule)
            for _ in range(3):
                function(2.0)
        return [(str(w.message), w.category, w.filename, w.lineno) for w in found]

    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    expected, *found = [given_by(g) for g in (f, value, slope)]  # of one line
    assert expected
    assert found == [expected, expected]


@pytest.mark.parametrize("options", [{"nothing": 1}, {"skip_file_prefixes": ["a"]}])
def test_options_that_warn_has_not_are_refused_in_its_words(options):
    def f(x):
        warnings.warn("said", **options)  # noqa: B028
        return x * 1.0

    with pytest.raises(TypeError) as plain:
        f(2.0)
    with pytest.raises(TypeError) as ours:
        autodiff.function(f)(2.0)
    assert str(ours.value).partition("\n")[0] == str(plain.value)


def test_the_parts_of_a_path_are_constants():
    def f(x):
        return x * len(os.path.join(os.path.dirname("a/b.txt"), "c")) + len(
            os.path.splitext("d.e")[1]
        )

    assert autodiff.function(f, on_fallback="error")(2.0) == f(2.0)
