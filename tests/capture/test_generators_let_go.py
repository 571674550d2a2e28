"""Generators that are let go while they stand still: Python runs what they have for their end there and then."""

import contextlib
import warnings

import numpy as np
import pytest

import autodiff


def left_by_a_function(x, n):
    log = []

    def gen():
        try:
            for i in range(10):
                yield x * i
        finally:
            log.append(x)

    def outer():
        yield from gen()

    def use(it):
        for v in it:
            if v > n:
                break

    use(gen())
    log.append(-1.0)
    use(outer())
    log.append(-2.0)
    next(outer())
    log.append(-3.0)
    return log


def a_temporary(x, n):
    log = []

    def gen():
        try:
            yield x
            yield x
        finally:
            log.append(x)

    next(gen())
    log.append(2 * x)
    return log


def a_name_bound_anew(x, n):
    log = []

    def gen():
        try:
            yield x
            yield x
        finally:
            log.append(x)

    g = gen()
    next(g)
    log.append(3.0)
    g = None
    log.append(2 * x)
    return log


def a_with_in_a_function(x, n):
    log = []

    @contextlib.contextmanager
    def cm():
        log.append(1.0)
        try:
            yield x
        finally:
            log.append(2.0)

    def gen():
        with cm() as v:
            yield v
            yield v

    def one():
        g = gen()
        return next(g)

    r = one()
    log.append(5.0)
    (a,) = (v for v in [next(gen())])
    log.append(6.0)
    return log, r, a


def in_a_branch(x, n):
    log = []

    def gen():
        try:
            yield x
            yield x
        finally:
            log.append(x)

    if x > 1:
        next(gen())
    log.append(7.0)
    return log


def let_go_by_a_branch(x, n):
    log = []

    def gen():
        try:
            yield x
            yield x
        finally:
            log.append(x)

    g = gen()
    next(g)
    if x > 1:
        g = None
    log.append(7.0)
    return log, g is None


def in_a_list(x, n):
    log = []

    def gen(k):
        try:
            yield x
            yield x
        finally:
            log.append(k)

    gs = [gen(1.0), gen(2.0)]
    for g in gs:
        next(g)
    gs.pop()
    log.append(8.0)
    g = None
    log.append(8.5)
    gs.clear()
    log.append(9.0)
    return log


def handed_on(x, n):

    def gen():
        try:
            yield x
            yield x
        finally:
            print("fin", x)

    def hold(g):
        next(g)
        return g

    def use(g, y):
        return next(g) + y

    r = use(hold(gen()), hold(gen()).__next__())
    return r


def zipped_and_left(x, n):
    log = []

    def gen():
        try:
            while True:
                yield x
        finally:
            log.append(x)

    for a, b in zip(gen(), range(3), strict=False):
        log.append(a * b)
    log.append(n)
    for a in gen():
        if len(log) > 5:
            break
        log.append(a)
    log.append(99.0)
    return log


def until_the_function_ends(x, n):
    def gen():
        try:
            yield x
        finally:
            print("end", x)

    g = gen()
    next(g)
    return 2 * x


FUNCTIONS = [
    left_by_a_function,
    a_temporary,
    a_name_bound_anew,
    a_with_in_a_function,
    in_a_branch,
    let_go_by_a_branch,
    in_a_list,
    handed_on,
    zipped_and_left,
    until_the_function_ends,
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_generator_that_nobody_has_is_closed(f, capsys):
    compiled = autodiff.function(f, engine="numpy")
    for arguments in [(1.5, 3), (0.5, 2), (0.25, 5)]:
        expected, text = f(*arguments), capsys.readouterr().out
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert compiled(*arguments) == expected
        assert capsys.readouterr() == (text, "")  # nor does Python complain
        assert not said or f in (let_go_by_a_branch,)


def test_a_capture_that_is_given_up_ends_generators_without_a_word(capsys):
    def f(x):
        def gen():
            try:
                yield x
            finally:
                print("ended")

        g = gen()
        next(g)
        return np.frompyfunc(lambda v: v, 1, 1)(x) + len(str(g)[:3])

    with warnings.catch_warnings(), contextlib.suppress(autodiff.errors.AutodiffError):
        warnings.simplefilter("ignore")
        autodiff.gradient(f)(1.5)
    said = capsys.readouterr()
    assert said.err == ""


def test_derivatives_pass_generators_that_are_let_go():
    def f(x):
        total = [0.0]

        def gen():
            try:
                yield x * x
                yield 0.0
            finally:
                total[0] += 3.0 * x

        first = next(gen())
        return first * total[0]

    assert autodiff.gradient(f)(2.0) == pytest.approx(9.0 * 4.0)
