"""Generators, ``try`` and ``with``: compiled where Python decides while capturing, else right."""

import asyncio
import contextlib
import io
import math
import os
import threading
import warnings

import numpy as np
import pytest
import scipy.interpolate
import scipy.special

import autodiff

from .support import ENGINES

X = np.array([1.5, 2.0, 3.0])
OVER_ENGINES = pytest.mark.parametrize("engine", ENGINES)


def slopes(function, x):
    """The gradient by central differences."""
    steps = 1e-6 * np.eye(len(x))
    return np.array([(function(x + d) - function(x - d)) / 2e-6 for d in steps])


POINTS = (X, X[::-1].copy(), -X, X)


def agrees(function, engine="native", xs=POINTS):
    """One compiled object gives value and gradient of the plain function, at every point."""
    compiled = autodiff.function(function, engine=engine)
    gradient = autodiff.gradient(function, engine=engine)
    retraced = autodiff.gradient(function, engine=engine, use_cache=False)
    both = autodiff.value_and_gradient(function, engine=engine)
    for x in xs:
        expected, slope = function(x.copy()), slopes(function, x)
        assert compiled(x) == pytest.approx(expected, rel=1e-12)
        for found in (gradient(x), retraced(x), both(x)[1]):
            np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-6)
        assert both(x)[0] == pytest.approx(expected, rel=1e-12)
    return compiled


# -- generators -------------------------------------------------------------------------------------
def squares(x):
    for v in x:
        if v > 1.7:
            yield v * v
        else:
            yield v


def of_a_nested_generator(x):
    def parts():
        for k in range(len(x)):
            yield x[k] ** 2 * (k + 1)

    return sum(parts())


def of_a_for_loop(x):
    total = 0.0
    for v in squares(x):
        total = total + v
    return total


def of_a_list(x):
    return np.prod(np.array(list(squares(x))))


def of_unpacking(x):
    def inner():
        yield x[0]
        yield x[1]

    def outer():
        done = yield from inner()
        assert done is None
        yield x[2]

    a, b, c = outer()
    return a * b + c


def of_next(x):
    def fibonacci():
        a, b = x[0], x[1]
        while True:
            yield a
            a, b = b, a + b

    numbers = fibonacci()
    return sum([next(numbers) for _ in range(6)])


def of_send(x):
    def accumulator():
        total = 0.0
        while True:
            given = yield total
            total += given**2

    box = accumulator()
    next(box)
    box.send(x[0])
    return box.send(x[2]) * x[1]


def of_return_and_finally(x):
    log = []

    def parts():
        try:
            yield x[0]
            return x[2]
        finally:
            log.append(2.0)

    def outer():
        last = yield from parts()
        yield last * x[1]

    return sum(outer()) * log[0]


def of_an_unfinished_one(x):
    def parts():
        yield x[0] * 2
        raise AssertionError("never reached")

    for part in parts():
        return part * x[1]


def of_the_end_of_another(x):
    def doubled(items):
        items = iter(items)
        while True:
            try:
                item = next(items)
            except StopIteration:
                return
            yield 2 * item

    return sum(doubled([x[0], x[1] * x[2]]))


def of_a_round_robin(x):
    def in_turn(*sequences):
        running = [iter(s) for s in sequences]
        while running:
            for items in list(running):
                try:
                    yield next(items)
                except StopIteration:
                    running.remove(items)

    found = in_turn([x[0], x[1]], [x[2]], [1.0, x[0] * x[1], x[2]])
    return sum((k + 1) * item for k, item in enumerate(found))


def of_a_returned_value(x):
    def parts():
        yield x[0]
        return x[1] * x[2]

    running = parts()
    first = next(running)
    try:
        next(running)
    except StopIteration as end:
        return first * end.value


def of_an_exception_thrown_in(x):
    def parts():
        try:
            yield x[0]
        except ValueError:
            yield x[1] * x[2]

    running = parts()
    return next(running) * running.throw(ValueError("other part"))


def of_an_exception_thrown_through(x):
    def parts():
        try:
            yield x[0]
        except ValueError:
            yield x[1] * x[2]

    def whole():
        yield from parts()

    running = whole()
    return next(running) * running.throw(ValueError("other part"))


def of_items_until_none_is_left(x):
    items, total = iter([x[0], x[1] * x[2]]), 0.0
    with contextlib.suppress(StopIteration):
        while True:
            total += next(items)
    return total


GENERATORS = [f for name, f in list(globals().items()) if name.startswith("of_")]


@OVER_ENGINES
@pytest.mark.parametrize("f", GENERATORS, ids=lambda f: f.__name__)
def test_generators_are_compiled(f, engine):
    compiled = agrees(f, engine)
    assert compiled.cache


@pytest.mark.parametrize("raises", [lambda: next(iter([])), lambda: {}["key"]])
def test_what_a_generator_raises_is_what_python_makes_of_it(raises):
    def f(x):
        def parts():
            yield x
            raises()

        return sum(parts())

    with pytest.raises((RuntimeError, KeyError)) as wanted:
        f(1.5)
    for transform in (autodiff.function, autodiff.gradient):
        with pytest.raises(type(wanted.value), match=f"^{wanted.value}$"):
            transform(f)(1.5)


def test_a_generator_that_is_resumed_in_a_branch():
    def f(x):
        def parts():
            for v in x:
                yield v * v

        numbers = parts()
        total = next(numbers)
        if x[0] > 1.7:
            total = total + next(numbers)
        return total * next(numbers)

    agrees(f)


def test_a_generator_as_result_has_no_derivative():
    compiled = autodiff.function(squares)
    with pytest.warns(autodiff.FallbackWarning, match="a result that is a generator or coroutine"):
        assert list(compiled(X)) == list(squares(X))
    with pytest.raises(autodiff.AutodiffError, match="it is a generator, whose"):
        autodiff.gradient(squares)(X)


# -- try ---------------------------------------------------------------------------------------------
SCALES = {"known": 2.0}


def a_lookup_that_fails(x):
    try:
        scale = SCALES["unknown"]
    except KeyError as error:
        scale = len(str(error))
    return np.sum(x**2) * scale


def a_division_by_zero(x):
    try:
        return 1.0 / (float(x[0]) - 1.5)
    except ZeroDivisionError:
        return 5.0 * x[1]


def a_singular_matrix(x):
    try:
        y = np.linalg.solve(np.outer(x, x), x)
    except np.linalg.LinAlgError:
        y = x * 7
    return np.sum(y)


def an_error_of_its_own(x):
    try:
        if x[0] > 1.7:
            raise ValueError("large")
        y = x[1]
    except (KeyError, ValueError) as error:
        y = x[2] ** 2 * len(str(error))
    else:
        y = y * 3
    finally:
        y = y + x[0]
    return y


def a_domain_error(x):
    try:
        return math.sqrt(float(x[0]) - 2.0)
    except ValueError:
        return x[1] ** 2


def shapes_that_do_not_fit(x):
    try:
        return np.sum(x + np.ones(5))
    except ValueError as error:
        return x[0] * len(str(error))


def an_index_in_a_loop(x):
    total = 0.0
    for i in range(5):
        try:
            total += x[i]
        except IndexError:
            total += 10 * x[0]
            break
    return total


def raised_again(x):
    try:
        try:
            raise KeyError("a")
        except KeyError:
            raise
    except LookupError as error:
        return x[0] ** 2 * len(error.args)


def an_error_in_else_is_not_caught(x):
    try:
        try:
            y = x[0]
        except ZeroDivisionError:
            y = x[1]
        else:
            raise ZeroDivisionError
    except ZeroDivisionError:
        y = y * x[2]
    return y


def returned_from_finally(x):
    for _ in range(2):
        try:
            return x[0]
        finally:
            x = x * 2
            break  # noqa: B012
    return x[1]


def in_a_called_function(x):
    def checked(v):
        if v < 1.8:
            raise ArithmeticError(f"{v} is small")
        return v * v

    total = 0.0
    for v in x:
        try:
            total = total + checked(v)
        except ArithmeticError:
            total = total + 3 * v
    return total


TRIES = [
    a_lookup_that_fails,
    a_division_by_zero,
    a_singular_matrix,
    an_error_of_its_own,
    a_domain_error,
    shapes_that_do_not_fit,
    an_index_in_a_loop,
    raised_again,
    an_error_in_else_is_not_caught,
    returned_from_finally,
    in_a_called_function,
]


@pytest.mark.filterwarnings(
    "ignore:.*'return' in a 'finally'|.*'break' in a 'finally':SyntaxWarning"
)
@OVER_ENGINES
@pytest.mark.parametrize("f", TRIES, ids=lambda f: f.__name__)
def test_try_gives_what_plain_python_gives_without_a_warning(f, engine):
    points = (np.array([1.6, 2.0, 3.0]), np.array([2.5, 1.0, 0.5]), np.array([1.9, 2.1, 3.0]))
    if f is a_singular_matrix:
        assert autodiff.function(f, engine=engine)(X) == f(X)
        with pytest.raises(np.linalg.LinAlgError):
            np.linalg.solve(np.outer(X, X), X)
        np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(X), [7.0, 7.0, 7.0])
        return
    if f is a_division_by_zero:
        assert autodiff.function(f, engine=engine)(X) == 10.0
        assert autodiff.gradient(f, engine=engine)(X).tolist() == [0.0, 5.0, 0.0]
    agrees(f, engine, points)


def test_the_users_error_arrives_through_a_handler_for_another_one():
    def f(x):
        try:
            if x[0] > 0:
                raise KeyError("mine")
        except IndexError:
            return x[1]
        return x[0]

    for compiled in (autodiff.function(f), autodiff.gradient(f)):
        compiled(-X)
        with pytest.raises(KeyError, match="mine"):
            compiled(X)


def test_a_handler_does_not_catch_what_cannot_be_differentiated():
    def f(x):
        try:
            return os.cpu_count() * scipy.special.ellip_harm(5, 8, 1, 1, x[0])
        except Exception:
            return x[1]

    gradient = autodiff.gradient(f)
    with pytest.raises(autodiff.DerivativeError, match="ellip_harm"):
        with pytest.warns(autodiff.FallbackWarning):
            gradient(X)


def test_clean_up_runs_when_a_derivative_is_refused_after_an_effect():
    lock, log = threading.Lock(), []

    class Noted:
        def __enter__(self):
            log.append("in")

        def __exit__(self, kind, error, traceback):
            log.append(kind)
            return True

    def inner(x):
        lock.acquire()
        try:
            return scipy.interpolate.AAA([1.0, 2.0, 3.0], [x[0], 2.0, 4.0])(1.5) * x[1]
        finally:
            lock.release()
            return x[2]  # noqa: B012 - as users may

    def f(x):
        with open(os.devnull), Noted():
            try:
                return inner(x)
            except Exception:
                return x[1]
            finally:
                log.append("finally")

    gradient = autodiff.gradient(f)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            with pytest.raises(autodiff.DerivativeError, match="AAA"):
                gradient(X)
        assert log == ["in", "finally", autodiff.DerivativeError]
        assert not lock.locked()
        log.clear()


@pytest.mark.parametrize(
    "write", [np.array2string, np.array_repr, lambda x: np.array2string(x, formatter={"all": str})]
)
def test_numpys_guard_against_recursion_in_printing_is_left_as_it_was(write):
    def f(x):
        os.cpu_count()
        return sum(len(write(x * k)) for k in range(3)) * x[0]

    with pytest.warns(autodiff.FallbackWarning):
        np.testing.assert_allclose(autodiff.gradient(f)(X), [f(X) / X[0], 0, 0])


# -- with --------------------------------------------------------------------------------------------
@contextlib.contextmanager
def doubled(x, log):
    log.append("in")
    try:
        yield x * 2
    finally:
        log.append("out")


def a_generator_as_context(x):
    log = []
    with doubled(x, log) as y, doubled(y, log) as z:
        result = np.sum(y * z)
    return result * len(log)


class Level:
    def __init__(self):
        self.level = 0

    def __enter__(self):
        self.level += 1
        return self.level

    def __exit__(self, kind, error, trace):
        self.level -= 1
        return kind is ZeroDivisionError


level = Level()


def a_class_as_context(x):
    with level as n:
        y = np.sum(x**2) * (n + level.level)
    return y + level.level


def a_context_that_takes_an_error(x):
    y = x[0]
    with level:
        y = x[1] * 2
        raise ZeroDivisionError
    return y * x[0]


def suppressed(x):
    y = x[0]
    with contextlib.suppress(KeyError):
        y = SCALES["unknown"] * x[1]
    return y * x[2]


CONTEXTS = [a_generator_as_context, a_class_as_context, a_context_that_takes_an_error, suppressed]


@OVER_ENGINES
@pytest.mark.parametrize("f", CONTEXTS, ids=lambda f: f.__name__)
def test_context_managers_are_compiled(f, engine):
    compiled = agrees(f, engine)
    assert len(compiled.cache) == 1
    assert level.level == 0


def test_an_errstate_that_raises_has_its_handler_run_by_plain_python():
    def f(x):
        with np.errstate(all="raise"):
            try:
                y = np.log(x)
            except FloatingPointError:
                y = x**2
        return np.sum(y)

    compiled, slope = autodiff.function(f), autodiff.gradient(f)
    for _ in range(2):
        assert compiled(-X) == f(-X)
        assert compiled(X) == f(X)
        np.testing.assert_allclose(slope(X), 1 / X)
        with pytest.raises(autodiff.UnsupportedError, match="np.errstate that raises or calls"):
            slope(-X)


# -- the uncompiled tier -------------------------------------------------------------------------------
def with_a_file(x):
    with open(os.devnull, "w") as log:
        log.write(f"{x[0]:.3f}\n")
        print(x, file=log)
    return np.sum(x**2)


def with_exec(x):
    names = {"x": x, "np": np}
    exec("y = np.sum(x ** 2)", names)
    return names["y"] * x[0]


def with_eval(x):
    scale = 2.0  # noqa: F841
    return eval("scale * x[0] * x[1]") + x[2]


def with_coroutines(x):
    async def square(v):
        await asyncio.sleep(0)
        return v * v

    async def main():
        a = await square(x[0]) + 2 * x[1]
        both = await asyncio.gather(square(x[1]), square(x[2]))
        return a * both[0] + both[1]

    return asyncio.run(main())


def with_a_text_buffer(x):
    buffer = io.StringIO()
    np.savetxt(buffer, x)
    return np.sum(x * x) + len(buffer.getvalue()) * 0.0


UNCOMPILED = [with_a_file, with_exec, with_eval, with_coroutines, with_a_text_buffer]


@pytest.mark.parametrize("f", UNCOMPILED, ids=lambda f: f.__name__)
def test_what_is_out_of_reach_runs_uncompiled_with_one_warning(f):
    compiled, gradient = autodiff.function(f), autodiff.gradient(f)
    hessian = autodiff.hessian(f, use_cache=False)
    for call, expected in ((compiled, f), (gradient, lambda x: slopes(f, x))):
        with pytest.warns(
            autodiff.FallbackWarning, match=r"test_generators\.py, line \d+"
        ) as caught:
            for x in (X, -X, 2 * X, X, X):
                np.testing.assert_allclose(call(x), expected(x), rtol=1e-5, atol=1e-6)
        assert len(caught) == 1
        assert caught[0].filename == __file__
    np.testing.assert_allclose(
        autodiff.jvp(f, (X,), (np.ones(3),), use_cache=False)[1], sum(slopes(f, X)), rtol=1e-6
    )
    value, pull = autodiff.vjp(f, X, use_cache=False)
    assert value == pytest.approx(f(X))
    np.testing.assert_allclose(pull(1.0)[0], slopes(f, X), rtol=1e-6)
    second = hessian(X)
    np.testing.assert_allclose(
        autodiff.hessian_vector(f, use_cache=False)(X, _tensors=np.ones(3)), second.sum(0)
    )
    with pytest.raises(autodiff.UnsupportedError, match="AD304: .* cannot be compiled: "):
        autodiff.gradient(f, on_fallback="error")(X)


def test_failing_operations_fail_where_they_stand_when_each_call_is_traced():
    def f(x, k):
        tried = []
        for attempt in (
            lambda: 1.0 / float(x[0] - x[0]),
            lambda: math.log(float(-x[0])),
            lambda: np.linalg.inv(np.outer(x, x)),
            lambda: x[int(x[0]) + k],
            lambda: int(float(x[0]) * np.inf),
        ):
            try:
                attempt()
            except Exception as error:
                tried.append(type(error).__name__)
        print(tried)
        return x[0] * len(tried)

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        f(X, 5)
        assert autodiff.gradient(f, wrt="x", use_cache=False)(X, 5).tolist() == [5.0, 0.0, 0.0]
    first, second = out.getvalue().splitlines()
    assert first == second
    assert first == str(
        ["ZeroDivisionError", "ValueError", "LinAlgError", "IndexError", "OverflowError"]
    )


# -- recursion ---------------------------------------------------------------------------------------
def power(x, n):
    return x if n == 0 else x * power(x, n - 1)


def halved(x):
    return x if x < 1.0 else 1.5 * halved(x / 2)


def bottomless(x):
    return bottomless(x + 1.0)


def test_recursion_of_a_depth_that_is_known_is_unrolled():
    compiled, gradient = autodiff.function(power), autodiff.gradient(power, wrt="x")
    for n in (0, 3, 7):
        assert compiled(2.0, n) == power(2.0, n)
        assert gradient(2.0, n) == (n + 1) * 2.0**n


def test_recursion_on_values_takes_the_path_of_the_call():
    compiled, gradient = autodiff.function(halved), autodiff.gradient(halved)
    for x in (0.5, 20.0, 3.0):
        assert compiled(x) == halved(x)
        assert gradient(x) == pytest.approx((halved(x + 1e-6) - halved(x - 1e-6)) / 2e-6)


def test_endless_recursion_is_a_recursion_error():
    with pytest.raises(RecursionError):
        autodiff.function(bottomless)(1.0)
    with pytest.raises((RecursionError, autodiff.UnsupportedError), match="recursion"):
        autodiff.gradient(bottomless)(1.0)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_generators_written_as_a_lambda(engine: str) -> None:
    def f(x):
        inner = lambda: (yield x * 2.0)  # noqa: E731
        outer = lambda: (yield from inner())  # noqa: E731
        found = []
        for make in (inner, outer):
            made = make()
            found.append(next(made))
            try:
                made.send(x + 1.0)
            except StopIteration as stop:
                found.append(stop.value)
        return sum(found)

    assert autodiff.function(f, engine=engine)(3.0) == f(3.0) == 20.0
    assert autodiff.gradient(f, engine=engine)(3.0) == 6.0


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_value_sent_before_the_first_yield_is_pythons_error(engine: str) -> None:
    def f(x):
        def numbers():
            yield x * 2.0

        made = numbers()
        try:
            made.send(1.0)
        except TypeError as error:
            assert str(error) == "can't send non-None value to a just-started generator"
            return next(made)
        return x

    assert autodiff.function(f, engine=engine)(3.0) == f(3.0) == 6.0
    assert autodiff.gradient(f, engine=engine)(3.0) == 2.0


class NoInstance(Exception):
    def __new__(cls, *args, **kwargs):
        return cls


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("thrown", [NoInstance, int, ValueError])
def test_a_class_thrown_into_a_generator(engine: str, thrown: type) -> None:
    def f(x):
        def numbers():
            try:
                yield x * 2.0
            except ValueError:
                yield x * 3.0

        made = numbers()
        first = next(made)
        try:
            return first + made.throw(thrown)
        except TypeError as error:
            return first, str(error)

    assert autodiff.function(f, engine=engine)(3.0) == f(3.0)
