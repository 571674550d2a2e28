"""``try`` around what raises for values of the run: the handler is a branch of the program.

Each program is called with arguments for which nothing is raised and with some for which something is, through one
object, and compared with plain Python, derivatives with differences. Of those that are compiled the program has no check
left; of the others plain Python runs the handler, and the values are as right.
"""

import contextlib
import itertools
import math

import numpy as np
import pytest

import autodiff
from autodiff.ladder import Rung
from tests.capture.support import ENGINES, kinds, same

GOOD, BAD = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 2.0], [2.0, 1.0]])
FEW, ZERO = [0.5, 1.0, 2.0, 3.0, 0.7], [0.5, 1.0, 0.0, 3.0, 0.0]


class Refused(Exception):
    def __init__(self, code):
        self.code = code


# -- compiled -----------------------------------------------------------------------------------------
def handler_changes(numbers):
    total = 0.0
    for v in numbers:
        try:
            total += 1 / v
        except ZeroDivisionError:
            total -= 1
    return total


def handler_returns(numbers):
    total = 0.0
    for v in numbers:
        try:
            total += 1 / v
        except ZeroDivisionError:
            return -total
    return total


def handler_breaks(numbers):
    total = 0.0
    for v in numbers:
        try:
            total += 1 / v
        except ZeroDivisionError:
            break
        total *= 1.1
    else:
        total += 100
    return total


def handler_continues(numbers):
    total = 0.0
    for v in numbers:
        try:
            w = 1 / v
        except ZeroDivisionError:
            continue
        total += w
    return total


def with_else_and_finally(numbers):
    total, passes = 0.0, 0
    for v in numbers:
        try:
            w = 1 / v
        except ZeroDivisionError:
            w = 3 * total
        else:
            total += w * w
        finally:
            passes += 1
        total += w * passes
    return total


def in_nested_loops(numbers):
    total = 0.0
    for a in numbers:
        for b in numbers:
            try:
                total += a / b
            except ZeroDivisionError:
                if a > 1:
                    break
                continue
        else:
            total += 0.5
    return total


def returned(x):
    try:
        return 1 / x
    except (KeyError, ArithmeticError):
        return x + 1


def two_kinds(x):
    try:
        y = math.log(x - 1) / x
    except ZeroDivisionError:
        y = 1.0
    except ValueError:
        y = 2.0 * x
    return y


def raised_in_a_handler(x):
    try:
        try:
            y = 1 / x
        except ZeroDivisionError:
            raise ValueError("none") from None
    except ValueError:
        y = 5 * x + 1
    return y


def raised_by_a_function(x):
    def checked(x):
        size = x * x
        if size < 1:
            raise Refused(3)
        return size

    try:
        return checked(x) + 1
    except Refused as refused:
        return x * refused.code


def changed_before(x):
    n = 1.0
    try:
        n = 2.0
        y = math.log(x - 1)
        n = 3.0
    except ValueError:
        return n * x
    return y * n


def array_made_on_the_way(x):
    def made():
        a = np.zeros(2)
        a[0] = x
        a[1] = math.log(x - 1)
        return a

    try:
        y = made()
    except ValueError:
        y = np.ones(2)
    return y.sum()


def other_check_before(x, i):
    items = [1.0, 2.0, x, 4.0]
    try:
        y = items[i] + 1 / x
    except ZeroDivisionError:
        y = 5.0
    except IndexError:
        y = 6.0 * x
    return y


def finally_returns(x):
    try:
        y = 1 / x
    except ZeroDivisionError:
        y = 2.0
    finally:
        return 5 * x  # noqa: B012
    return y


def factor(m):
    try:
        return np.linalg.cholesky(m).sum()
    except np.linalg.LinAlgError:
        return (m * m).sum()


def inverted(m):
    try:
        c = np.linalg.inv(m)
    except np.linalg.LinAlgError:
        c = m * 2
    return c.sum()


def factors_of_a_stack(ms):
    total, bad = 0.0, 0
    for m in ms:
        try:
            total = total + np.linalg.cholesky(m).sum()
        except np.linalg.LinAlgError:
            bad = bad + 1
            if bad > 1:
                break
            total = total + m.sum() * bad
    return total


def more_on_the_diagonal(ms):
    total = 0.0
    for m in ms:
        extra = 0.0
        while True:
            try:
                c = np.linalg.cholesky(m + extra * np.eye(2))
                break
            except np.linalg.LinAlgError:
                extra = extra + 0.7
        total = total + c.sum()
    return total


def kalman(y, q):
    p, x, total = np.eye(2) * q, np.zeros(2), 0.0
    h, f = np.array([[1.0, 0.0]]), np.array([[1.0, 0.1], [0.0, 1.0]])
    for v in y:
        x = f @ x
        p = f @ p @ f.T + q * np.eye(2)
        s = h @ p @ h.T + 0.1
        try:
            c = np.linalg.cholesky(s)
        except np.linalg.LinAlgError:
            return -np.inf
        k = np.linalg.solve(s, h @ p).T
        r = v - h @ x
        x = x + k @ r
        p = p - k @ h @ p
        total = total - np.log(c[0, 0]) - 0.5 * r[0] ** 2 / s[0, 0]
    return total


PAIRS, STACK = (
    [(2.0,), (0.5,)],
    [(np.stack([GOOD] * 5),), (np.stack([GOOD, BAD, GOOD, BAD, GOOD]),)],
)
NUMBERS = [(FEW,), (ZERO,), (FEW[::-1],)]
MATRICES = [(GOOD,), (BAD,), (np.ones((2, 2)),), (np.arange(1.0, 10.0).reshape(3, 3),)]
# function, arguments by which it is called in turn
COMPILED = [
    (handler_changes, NUMBERS), (handler_returns, NUMBERS), (handler_breaks, NUMBERS),
    (handler_continues, NUMBERS), (with_else_and_finally, NUMBERS), (in_nested_loops, NUMBERS),
    (returned, [(2.0,), (0.0,)]),
    (two_kinds, [(2.0,), (0.5,), (0.0,)]), (raised_in_a_handler, [(2.0,), (0.0,)]),
    (raised_by_a_function, PAIRS), (changed_before, PAIRS), (array_made_on_the_way, PAIRS),
    (other_check_before, [(2.0, 3), (0.0, 3), (2.0, 7), (0.0, 7)]),
    (finally_returns, [(2.0,), (0.0,)]), (factor, MATRICES), (inverted, MATRICES),
    (factors_of_a_stack, STACK), (more_on_the_diagonal, STACK),
    (kalman, [(np.array(FEW), 1.0), (np.array(FEW), -1.0)]),
]  # fmt: skip


# -- left to plain Python -----------------------------------------------------------------------------
def attribute_changed_before(x):
    box = Refused(0.0)

    def go():
        box.code = x
        return math.log(x - 1)

    try:
        y = go()
    except ValueError:
        return box.code * x
    return y + box.code


def list_changed_before(x):
    seen = []

    def go():
        seen.append(x)
        return math.log(x - 1)

    try:
        y = go()
    except ValueError:
        y = 1.0
    return y + sum(seen) + len(seen)


def array_changed_before(x):
    a = np.zeros(2)

    def go():
        a[0] = x
        return math.log(x - 1)

    try:
        y = go()
    except ValueError:
        y = 1.0
    return y + a.sum()


def iterator_advanced(x):
    items = iter([1.0, 2.0, 3.0])
    try:
        y = next(items) * math.log(x - 1)
    except ValueError:
        y = x
    return y + next(items)


def generator_advanced(x):
    items = itertools.count()
    own = (float(k) for k in [1, 2, 3])
    try:
        y = next(own) * math.log(x - 1)
    except ValueError:
        y = x
    return y + next(own) + next(items)


def drawn_before(x):
    rng = np.random.default_rng(0)
    try:
        y = rng.normal() * math.log(x - 1)
    except ValueError:
        y = x
    return y + rng.normal()


def text_of_the_error(x):
    try:
        return 1 / x
    except ZeroDivisionError as error:
        return 4.0 * len(str(error))


def error_that_holds_a_value(x):
    def checked(x):
        if x < 1:
            raise Refused(x * 2)
        return x * x

    try:
        return checked(x) + 1
    except Refused as refused:
        return x * refused.code


def finally_in_between(x):
    n = 0.0
    try:
        try:
            y = 1 / x
        finally:
            n = x + 1
    except ZeroDivisionError:
        y = n
    return y + n


def suppressed(x):
    y = 1.0
    with contextlib.suppress(ZeroDivisionError):
        y = 1 / x
    return y + x


def loop_in_the_body(numbers):
    total = 1.0
    try:
        for v in numbers:
            total = total + 1 / v
    except ZeroDivisionError:
        return total * 10
    return total


def changed_on_a_side_that_raises(x):
    y = 0.0
    try:
        if x > 1:
            y = x
            raise KeyError("large")
        y = 3 * x
        raise KeyError("small")
    except KeyError:
        return y + 1


def nested(x):
    try:
        try:
            y = 1 / x
        except ZeroDivisionError:
            y = math.sqrt(x - 1)
        z = math.log(y)
    except ValueError:
        z = 7 * x
    return z * 2


def which_side_raises(x):
    try:
        if x > 1:
            raise KeyError("large")
        else:
            raise ValueError("small")
    except KeyError:
        return 1.0 * x
    except ValueError:
        return 2.0 * x + 1


ZEROS = [(2.0,), (0.0,)]
PLAIN = [
    (attribute_changed_before, PAIRS), (list_changed_before, PAIRS), (array_changed_before, PAIRS),
    (iterator_advanced, PAIRS), (generator_advanced, PAIRS), (drawn_before, PAIRS),
    (text_of_the_error, ZEROS), (error_that_holds_a_value, PAIRS), (finally_in_between, ZEROS),
    (suppressed, ZEROS), (loop_in_the_body, NUMBERS), (changed_on_a_side_that_raises, PAIRS),
    (which_side_raises, PAIRS), (nested, [(0.5,), (0.0,), (3.0,)]),
]  # fmt: skip


def _differences(f, args):
    """Derivatives by the first argument, where the function is smooth enough to have them."""
    x = np.array(args[0], dtype=float)
    found = np.full(x.shape, np.nan)
    for k in np.ndindex(x.shape):
        values = []
        for step in (1e-6, -1e-6):
            y = x.copy()
            y[k] += step
            values.append(f(y if isinstance(args[0], np.ndarray) else y.tolist(), *args[1:]))
        found[k] = (values[0] - values[1]) / 2e-6
    return found


def _is_smooth(args):
    """Not where what is raised is raised at this very value: there the function jumps."""
    values = np.asarray(args[0])
    return np.all(values != 0) and not any(
        values is m or values is n for (m,), (n,) in [MATRICES[2:]]
    )


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)])
@pytest.mark.parametrize(("f", "calls"), COMPILED + PLAIN, ids=lambda x: getattr(x, "__name__", ""))
def test_values_and_derivatives_are_those_of_plain_python(f, calls, engine) -> None:
    value, slope = (
        autodiff.function(f, engine=engine, on_fallback="error"),
        autodiff.gradient(f, engine=engine, wrt=0),
    )
    for args in calls * 2:
        same(value(*args), f(*args))
        found = slope(*args)
        if _is_smooth(args) and np.isfinite(f(*args)):
            expected = _differences(f, args)
            np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("f", "calls"), COMPILED, ids=lambda x: getattr(x, "__name__", ""))
def test_a_handler_is_compiled(f, calls) -> None:
    """No call fails a check: the one program has the answer for all of its length."""
    value = autodiff.function(f, on_fallback="error")
    for args in calls:
        same(value(*args), f(*args))
        assert value.cache[-1].run.failure() is None, args


def _captured(f, args):
    made = autodiff.function(f, engine="numpy")
    made(*args)
    return made.cache[-1].captured


@pytest.mark.parametrize(
    ("f", "make"),
    [
        (handler_returns, lambda n: ([0.5] * n,)),
        (handler_breaks, lambda n: ([0.5] * n,)),
        (with_else_and_finally, lambda n: ([0.5] * n,)),
        (factors_of_a_stack, lambda n: (np.stack([GOOD] * n),)),
        (kalman, lambda n: (np.ones(n), 1.0)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_loop_with_a_handler_is_one_loop(f, make) -> None:
    short, long = _captured(f, make(9)), _captured(f, make(40))
    assert kinds(short.program) == kinds(long.program)
    assert not any(d.rung is Rung.UNROLLED for d in short.decisions)


def never_raises(numbers, a):
    total = 0.0
    for v in numbers:
        try:
            total = total + np.float64(v) * a
        except ZeroDivisionError:
            return -1.0
    return total


def test_an_end_that_no_pass_takes_leaves_a_counted_loop() -> None:
    found = kinds(_captured(never_raises, ([0.5] * 9, 2.0)).program)
    assert found["for"] == 1
    assert found["while"] == 0


def test_the_derivative_is_that_of_the_handler() -> None:
    same(autodiff.gradient(factor)(BAD), 2 * BAD)
    same(autodiff.gradient(handler_changes)(ZERO), [-1 / v**2 if v else 0.0 for v in ZERO])


def test_what_numpy_finds_singular_is_singular() -> None:
    rng = np.random.default_rng(3)
    value = autodiff.function(inverted)
    for _ in range(60):
        m = rng.integers(-2, 3, (3, 3)).astype(float)
        m[2] = m[0] + m[1]
        same(value(m), inverted(m))
