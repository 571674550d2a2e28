"""Deep recursion: as deep as plain Python goes, no deeper, and nothing else is seen of it."""

import contextlib
import contextvars
import linecache
import sys
import threading

import numpy as np
import pytest

import autodiff
from autodiff import stack

ENGINES = ["native", "numpy"]


def written(name: str, text: str):
    """The function ``f`` of a source text."""
    path = f"<{name}>"
    linecache.cache[path] = (len(text), None, text.splitlines(True), path)
    space = {"np": np}
    exec(compile(text, path, "exec"), space)
    return space["f"]


def down(x, n):
    if n == 0:
        return x
    return x + down(x, n - 1)


def folded(values, k=0):
    return values[k] ** 2 + folded(values, k + 1) if k < len(values) else 0.0


class Chain:
    def __init__(self, n):
        self.inner = Chain(n - 1) if n else None

    def __call__(self, x):
        return np.sin(x) if self.inner is None else 0.5 * x + self.inner(x)


def walk(tree, x):
    return x if tree is None else sum([walk(part, x) for part in tree]) * 1.5


def deep_tree(n):
    tree = None
    for _ in range(n):
        tree = [tree]
    return tree


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "depth", [10, *(pytest.param(n, marks=pytest.mark.slow) for n in (150, 400)), 800]
)
def test_recursion_of_known_depth_is_compiled(engine, depth):
    f = autodiff.function(down, engine=engine, on_fallback="error")
    assert f(1.5, depth) == down(1.5, depth)
    slope = autodiff.gradient(down, wrt="x", engine=engine, on_fallback="error")
    assert slope(1.5, depth) == depth + 1


@pytest.mark.parametrize("depth", [30, 300])
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_recursion_through_methods_and_comprehensions(transform, depth):
    chain = Chain(depth)
    tree = deep_tree(depth // 3)
    h = 1e-6
    for f in (chain, lambda x: walk(tree, x)):
        got = transform(f, on_fallback="error")(0.3)
        want = f(0.3) if transform is autodiff.function else (f(0.3 + h) - f(0.3 - h)) / (2 * h)
        assert got == pytest.approx(want, rel=1e-7)


def test_recursion_over_an_array():
    x = np.linspace(0.1, 1, 200)
    f = autodiff.function(folded, on_fallback="error")
    assert f(x) == pytest.approx(np.sum(x**2), rel=1e-13)
    np.testing.assert_allclose(autodiff.gradient(folded)(x), 2 * x)


def rescued(x, n):
    try:
        return down(x, n)
    except RecursionError:
        return -x


@pytest.mark.parametrize("n", [50, 700, 10**5])
def test_a_handler_of_recursion_errors_runs_where_it_does_in_python(n):
    assert autodiff.function(rescued)(1.5, n) == rescued(1.5, n)
    slope = autodiff.gradient(rescued, wrt="x")(1.5, n)
    assert slope == (n + 1 if n < 1000 else -1)


def endless(x):
    return x * endless(x)


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_endless_recursion_is_pythons_error(transform):
    with pytest.raises(RecursionError, match="maximum recursion depth exceeded"):
        transform(endless)(1.5)


def test_a_call_from_deep_inside_of_the_users_stack():
    slope = autodiff.gradient(lambda x: np.sum(np.sort(x) ** 2))

    def called_at(depth):
        return called_at(depth - 1) if depth else slope(np.array([1.0, 2.0]))

    np.testing.assert_allclose(called_at(sys.getrecursionlimit() - 200), [2.0, 4.0])


def test_recursion_beyond_pythons_usual_limit():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(2200)
    try:
        assert autodiff.gradient(down, wrt="x", on_fallback="error")(1.5, 1500) == 1501
    finally:
        sys.setrecursionlimit(limit)


TERMS = " + ".join(f"x * {k}" for k in range(2500))
LINES = "".join(f"    s = s + x * {k}\n" for k in range(10_000))
NAMES = [f"a{k}" for k in range(2000)]


@pytest.mark.parametrize("engine", ENGINES)
def test_long_sums(engine):
    f = written("terms", f"def f(x):\n    return {TERMS}\n")
    assert autodiff.function(f, engine=engine, on_fallback="error")(1.5) == f(1.5)
    assert autodiff.gradient(f, engine=engine)(1.5) == sum(range(2500))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_sums_of_ten_thousand_terms(engine):
    f = written("lines", f"def f(x):\n    s = 0.0\n{LINES}    return s\n")
    assert autodiff.function(f, engine=engine, on_fallback="error")(1.5) == f(1.5)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(6000)  # more than 3000 terms in an expression need that in any case
    try:
        terms = " + ".join(f"x * {k}" for k in range(10_000))
        g = written("expression", f"def f(x):\n    return {terms}\n")
        assert autodiff.gradient(g, engine=engine)(1.5) == sum(range(10_000))
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_thousand_arguments(engine):
    products = " + ".join(f"{name} * {k}" for k, name in enumerate(NAMES))
    f = written("arguments", f"def f({', '.join(NAMES)}):\n    return {products}\n")
    values = [0.5] * 2000
    assert autodiff.function(f, engine=engine, on_fallback="error")(*values) == f(*values)
    got = autodiff.gradient(f, engine=engine)(*values)
    assert got == tuple(float(k) for k in range(2000))


# -- the stack itself ---------------------------------------------------------------------------------
def test_what_is_raised_and_returned_goes_through_and_context_is_kept():
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(3)
    main = threading.get_ident()

    def inside():
        assert threading.get_ident() != main
        assert stack.thread_identity() == main
        return variable.get()

    assert stack.in_new_thread(0, inside) == 3
    with pytest.raises(ZeroDivisionError):
        stack.in_new_thread(0, lambda: 1 / 0)
    assert stack.in_new_thread(0, stack.in_new_thread, 0, inside) == 3
    assert stack.thread_identity() == main


def test_a_lock_is_that_of_all_threads_that_stand_for_one():
    lock = stack.Lock()

    def again():
        with lock:
            return True

    with lock:
        assert stack.in_new_thread(0, again)
        other = threading.Thread(target=again)
        other.start()
        other.join(0.05)
        assert other.is_alive()
    other.join()
    with lock:
        assert again()


def test_an_interrupt_ends_the_thread_that_works(control_c):
    waiting = threading.Event()

    def work():
        waiting.set()
        while True:
            pass

    def interrupt():
        waiting.wait()
        import _thread

        _thread.interrupt_main()

    other = threading.Thread(target=interrupt)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        stack.in_new_thread(0, stack.in_new_thread, 0, work)
    other.join()


# -- what a level costs ----------------------------------------------------------------------------------
def guarded_down(x, k):
    if x > 1e9:
        return x
    y, z = x * 1.5, np.minimum(x, 2.0)
    if k == 0:
        return y - z
    return guarded_down(0.5 * y, k - 1) + z


def down_to_a_traced_number(x, n):
    if n <= 0:
        return x
    y = x * 0.5
    return down_to_a_traced_number(y, n - 1) + x


@pytest.mark.parametrize("f", [guarded_down, down_to_a_traced_number], ids=lambda f: f.__name__)
def test_a_level_costs_the_same_however_deep_it_is(f, monkeypatch):
    from autodiff.capture.parts import Parts

    def work(depth):
        """Calls of Python functions while capturing, and variables that were copied."""
        calls, copied = [0], [0]
        plain = Parts.region

        def region(self, made):
            with plain(self, made) as opened:
                try:
                    yield opened
                finally:
                    copied[0] += sum(len(before) for _, before in opened.saved.values())

        def count(frame, event, argument):
            calls[0] += event == "call"

        compiled = autodiff.function(f, on_fallback="error")
        with monkeypatch.context() as patched:
            patched.setattr(Parts, "region", contextlib.contextmanager(region))
            threading.setprofile(count)
            sys.setprofile(count)
            try:
                compiled._compiled.captured(compiled._compiled.bind((1.0, depth), {}))
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
        return calls[0], copied[0]

    work(20)  # what is done once: syntax, imports
    few, some, many = (work(depth) for depth in (40, 80, 120))
    assert few[0] > 1000
    for a, b, c in zip(few, some, many, strict=True):
        assert c - b <= 1.1 * (b - a)
