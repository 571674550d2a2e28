"""Generators that end before their last value: what they have for their end sees GeneratorExit, as in Python."""

import contextlib
import sys

import pytest

import autodiff


class Commit:
    def __init__(s, l):
        s.l = l

    def __enter__(s):
        return s

    def __exit__(s, t, v, b):
        s.l.append("commit" if t is None else t.__name__)
        s.l.append(isinstance(v, GeneratorExit))


class Swallow(Commit):
    def __exit__(s, t, v, b):
        super().__exit__(t, v, b)
        return True


def with_exit(x, log, kind=Commit):
    with kind(log):
        for i in range(5):
            yield x * i
    log.append("after")


def handlers(x, log, kind=0):
    try:
        for i in range(5):
            yield x * i
    except GeneratorExit:
        log.append("exit")
        raise
    finally:
        log.append("fin")


def base(x, log):
    try:
        for i in range(5):
            yield x * i
    except BaseException as e:
        log.append(type(e).__name__)


def bare(x, log):
    try:
        for i in range(5):
            yield x * i
    except:
        log.append("bare")
        raise
    else:
        log.append("else")


def order(x, log):
    try:
        with Commit(log):
            try:
                for i in range(5):
                    yield x * i
            except ValueError:
                log.append("no")
            except Exception:
                log.append("no exception")
            finally:
                log.append("inner")
    except GeneratorExit:
        log.append("exit")
    log.append("end")


@contextlib.contextmanager
def cm(log):
    log.append("in")
    try:
        yield
    except BaseException as e:
        log.append("cm " + type(e).__name__)
        raise
    else:
        log.append("no error")
    finally:
        log.append("out")


def managed(x, log):
    with cm(log):
        for i in range(5):
            yield x * i


def nested(x, log):
    try:
        yield from order(x, log)
    except GeneratorExit:
        log.append("outer")
        raise


def handled_return(x, log):
    try:
        for i in range(5):
            yield x * i
    except GeneratorExit:
        log.append("r")
        return
    finally:
        log.append(x)


def suppress(x, log):
    with contextlib.suppress(GeneratorExit):
        for i in range(5):
            yield x * i
    log.append("suppressed")


def swallow(x, log):
    with Swallow(log):
        for i in range(5):
            yield x * i
    log.append("after")


def yields_again(x, log):
    try:
        yield x
    except GeneratorExit:
        log.append("ignored")
        yield 2 * x


def raises_other(x, log):
    try:
        yield x
        yield x
    except GeneratorExit:
        log.append("v")
        raise ValueError("other") from None


GENERATORS = [
    with_exit,
    handlers,
    base,
    bare,
    order,
    managed,
    nested,
    handled_return,
    suppress,
    swallow,
    yields_again,
    raises_other,
]


def left_by_break(g, x, n):
    log = []
    for v in g(x, log):
        if v > n:
            break
    log.append("done")
    return log


def closed(g, x, n):
    log = []
    it = g(x, log)
    next(it)
    log.append("x")
    it.close()
    log.append("done")
    return log


def deleted(g, x, n):
    log = []
    it = g(x, log)
    next(it)
    del it
    log.append("done")
    return log


def a_temporary(g, x, n):
    log = []
    r = next(g(x, log))
    log.append("done")
    return log, r


def zipped(g, x, n):
    log = []
    r = [a * b for a, b in zip(range(2), g(x, log), strict=False)]
    log.append("done")
    return log, r


def zipped_first(g, x, n):
    log = []
    r = [a * b for a, b in zip(g(x, log), range(2), strict=False)]
    log.append("done")
    return log, r


def asked_by_any(g, x, n):
    log = []
    r = any(v > n for v in g(x, log))
    log.append("done")
    return log, r


def unpacked(g, x, n):
    log = []
    try:
        a, b = g(x, log)
    except ValueError as e:
        log.append(str(e))
    log.append("done")
    return log


def searched(g, x, n):
    log = []
    r = x in g(x, log)
    log.append("done")
    return log, r


def left_by_return(g, x, n):
    log = []

    def first():
        for v in g(x, log):
            if v > n:
                return v

    r = first()
    log.append("done")
    return log, r


def left_by_an_exception(g, x, n):
    log = []
    try:
        for v in g(x, log):
            if v > n:
                raise KeyError("k")
    except KeyError:
        log.append("key")
    log.append("done")
    return log


def left_standing(g, x, n):
    log = []
    it = g(x, log)
    next(it)
    return log


def thrown_into(g, x, n):
    log = []
    it = g(x, log)
    next(it)
    try:
        it.throw(GeneratorExit)
    except GeneratorExit:
        log.append("thrown")
    except StopIteration:
        log.append("stop")
    log.append("done")
    return log


def run_to_its_end(g, x, n):
    log = []
    r = sum(g(x, log))
    log.append("done")
    return log, r


USES = [
    left_by_break,
    closed,
    deleted,
    a_temporary,
    zipped,
    zipped_first,
    asked_by_any,
    unpacked,
    searched,
    left_by_return,
    left_by_an_exception,
    left_standing,
    thrown_into,
    run_to_its_end,
]


def delegating(x, log):
    yield from order(x, log)


def passing_on(x, log):
    yield from iter([x, 2 * x, 3 * x])
    log.append("not reached")


def in_a_with_of_others(x, log):
    try:
        yield from map(lambda v: 2 * v, order(x, log))
    except GeneratorExit:
        log.append("mapped")
        raise


GENERATORS += [delegating, passing_on, in_a_with_of_others]


def outcome(f, *arguments):
    try:
        return f(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("use", USES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("generator", GENERATORS, ids=lambda f: f.__name__)
def test_an_end_is_seen_as_in_python(generator, use, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda told: None)

    def program(x, n):
        return use(generator, x, n)

    expected = outcome(program, 1.5, 2.0)
    for engine in ("native", "numpy"):
        assert outcome(autodiff.function(program, engine=engine), 1.5, 2.0) == expected


def test_what_sees_its_end_is_compiled():
    for generator in (with_exit, handlers, base, bare, order, managed, nested, suppress):
        for use in (left_by_break, closed, deleted, a_temporary, zipped, asked_by_any, unpacked):
            compiled = autodiff.function(
                lambda x, n, use=use, generator=generator: use(generator, x, n),
                on_fallback="error",
            )
            compiled(1.5, 2.0)
