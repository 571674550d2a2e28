"""Signals while native code runs: their handlers run, what they raise ends the call, and nothing is left."""

import ctypes
import functools
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import pytest

import autodiff
from autodiff.compiled import compiling
from autodiff.engines.native import callbacks, pool, session, signals, symbols
from autodiff.engines.native.writer import VECTOR, Step
from autodiff.errors import is_signal_handlers

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="timers that raise signals are those of POSIX"
)

SOON = 0.05
LATEST = 2.0  # of a machine that is busy; alone it is some milliseconds


def endless(x):
    while x > 0:
        x = x * 1.0
    return x


def endless_with_a_branch(x):
    steps = 0
    while x > 0:
        if steps % 3 == 0:
            x = x * 0.5
        else:
            x = x * 2.0 if x < 1.0 else x
        steps += 1
        if x == 0.0:
            x = 1.0
    return x


def recurrence(x, n):
    s = 0.0
    for _ in range(n):
        s = s * 0.999999 + np.sin(s + x)
    return s


def nested(x, n):
    total = 0.0
    for _ in range(n):
        t = x
        for _ in range(1000000):
            t = t * 0.999999 + 1e-9
        total += t
    return total


def iterated(x, n):
    for _ in range(n):
        x = np.sin(x) * 0.5 + 1
    return x.sum()


def stencil(x, n):
    x = x.copy()
    for _ in range(n):
        x[1:-1] = 0.25 * (x[:-2] + 2 * x[1:-1] + x[2:])
    return x.sum()


def products(x, n):
    for _ in range(n):
        x = x @ x * 1e-3
    return x.sum()


def pairs(x, n):
    total = 0.0
    for _ in range(n):
        total += np.sum(np.exp(-((x[:, None] - x[None, :]) ** 2)))
    return total


def stored(x, n):
    for _ in range(n):
        x *= 0.999
        x += 1.0
    return x.sum()


def sorted_by_python(x, n):
    total = 0.0
    for i in range(n):
        total += np.sort(x + i)[3]
    return total


def long_nest(x):
    return np.sum(np.sin(x) * np.exp(np.cos(x)) + np.tanh(x))


LOOPS = {
    "while": (endless, (-1.0,), (1.0,)),
    "while with a branch": (endless_with_a_branch, (-1.0,), (1.0,)),
    "for": (recurrence, (1.0, 5), (1.0, 10**11)),
    "for in for": (nested, (1.0, 2), (1.0, 10**7)),
    "arrays": (iterated, (np.ones(1000), 3), (np.ones(1000), 10**9)),
    "small arrays": (iterated, (np.ones(3), 3), (np.ones(3), 10**10)),
    "stencil": (stencil, (np.arange(1000.0), 3), (np.arange(1000.0), 10**9)),
    "products": (products, (np.ones((5, 5)), 3), (np.ones((300, 300)), 10**7)),
    "pairs": (pairs, (np.ones(5), 2), (np.ones(3000), 10**6)),
    "stores": (stored, (np.ones(50), 3), (np.ones(5000), 10**9)),
    "calls of Python": (sorted_by_python, (np.ones(10), 2), (np.arange(9e4) % 77, 3000)),
}


class Late(Exception):
    """What a handler of a timeout raises."""


@pytest.fixture
def alarm():
    """Set an alarm with a handler; afterwards there is none."""
    before = signal.getsignal(signal.SIGALRM)

    def set_alarm(handler, after=SOON):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, after)
        return time.perf_counter() + after

    yield set_alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def raise_late(number, frame):
    raise Late("too long")


def same(a, b):
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


@pytest.fixture
def work_alarm():
    """An alarm after so much time that this process has worked, whatever else the machine does."""
    before = signal.getsignal(signal.SIGPROF)

    def set_alarm(handler, after=SOON):
        signal.signal(signal.SIGPROF, handler)
        signal.setitimer(signal.ITIMER_PROF, after)
        return time.process_time() + after

    yield set_alarm
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_handler_ends_a_function(loop, work_alarm):
    f, short, long = LOOPS[loop]
    compiled = autodiff.function(f, on_fallback="error")

    def call():
        return compiled(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in short])

    right = call()
    call()
    if (
        len(long) > 1
    ):  # compiled before: Python drops what is raised in callbacks of weak references
        compiled(np.copy(long[0]), 1)
    before = [np.copy(a) if isinstance(a, np.ndarray) else a for a in long]
    due = work_alarm(raise_late)
    with pytest.raises(Late, match="too long"):
        compiled(*long)
    assert time.process_time() - due < LATEST
    assert all(map(same, before, long)), "an argument changed"
    assert call() == pytest.approx(right, rel=1e-12)  # another specialisation may answer now


@pytest.mark.parametrize("loop", ["for in for", "arrays", "stencil", "pairs", "stores"])
def test_a_handler_ends_a_gradient(loop, work_alarm):
    f, short, long = LOOPS[loop]
    slope = autodiff.gradient(f, wrt="x", on_fallback="error")
    right = slope(*short)
    slope(*short)
    long = (long[0], min(long[1], 10**4 if isinstance(long[0], np.ndarray) else 10**6))
    slope(long[0], 1)
    before = np.copy(long[0])
    due = work_alarm(raise_late)
    with pytest.raises(Late):
        for _ in range(10**6):  # a machine may be done with one call before
            slope(*long)
    assert time.process_time() - due < LATEST
    assert same(before, long[0]) or before == long[0]
    assert slope(*short) == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_handler_ends_a_long_nest_on_all_threads(threads, alarm):
    compiled = autodiff.function(long_nest, threads=threads)
    x = np.linspace(0, 9, 10**7)
    right = compiled(x)
    due = alarm(raise_late, 0.02)
    with pytest.raises(Late):
        while True:
            compiled(x)
    assert time.perf_counter() - due < LATEST
    assert compiled(x) == right
    assert threading.active_count() == len(threading.enumerate())


def test_what_a_handler_raises_as_a_host_call_is_entered_is_kept():
    """The signal comes after the last look of native code, before the first statement of Python."""

    class Caller:
        error = None
        made = 0

        def __call__(self, number, operands, results):
            self.made += 1

    caller = Caller()
    text = f"""\
declare i32 @raise(i32)
{callbacks.DECLARATION}
{callbacks.GLOBAL}
define i32 @kernel() {{
  %sent = call i32 @raise(i32 {int(signal.SIGUSR1)})
  %status = call i32 @{callbacks.NAME}(ptr @{callbacks.CALLER}, i64 0, ptr null, ptr null)
  ret i32 %status
}}
"""
    known = {callbacks.CALLER: id(caller), "raise": symbols.process_address("raise")}
    machine = session.load(text, ["kernel"], extra=known, keep=caller)
    call = ctypes.PYFUNCTYPE(ctypes.c_int32)(machine.address("kernel"))

    def handler(number, frame):
        raise KeyboardInterrupt("sent")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        status = call()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert status == 1 and caller.made == 0
    assert isinstance(caller.error, KeyboardInterrupt) and caller.error.args == ("sent",)


def test_control_c_is_a_keyboard_interrupt(control_c):
    compiled = autodiff.function(endless)
    compiled(-1.0)
    timer = threading.Timer(SOON, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        compiled(1.0)
    timer.join()
    assert compiled(-2.0) == -2.0


def test_a_handler_that_returns_lets_the_call_go_on(alarm):
    compiled = autodiff.function(recurrence)
    seen = []
    compiled(1.0, 5)
    compiled(1.0, 6)
    expected = compiled(1.0, 2 * 10**6)

    def note(number, frame):
        seen.append(compiled(1.0, 5))  # it may call the very function that it interrupts
        if len(seen) < 3:
            signal.setitimer(signal.ITIMER_REAL, 0.002)

    alarm(note, 0.002)
    while len(seen) < 3:
        assert compiled(1.0, 2 * 10**6) == expected
    assert seen == [compiled(1.0, 5)] * 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM])
def test_handlers_of_other_signals_run(number, alarm):
    compiled = autodiff.function(endless)
    compiled(-1.0)
    before = signal.signal(number, raise_late)
    try:
        timer = threading.Timer(SOON, os.kill, (os.getpid(), number))
        timer.start()
        with pytest.raises(Late):
            compiled(1.0)
        timer.join()
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(("function", "small", "long"), LOOPS.values(), ids=LOOPS)
def test_loops_in_another_thread_let_the_main_thread_run_and_end_by_its_exception(
    function, small, long
):
    compiled = autodiff.function(function)
    compiled(*small)
    compiled(*small)
    raised = []

    def run():
        try:
            compiled(*long)
        except Late as error:
            raised.append(error)

    # No long call ends by itself: this thread runs while it does, and is what ends it.
    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(5):
        time.sleep(0.001)
    set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
    assert set_exception(ctypes.c_ulong(thread.ident), ctypes.py_object(Late)) == 1
    thread.join()
    (error,) = raised
    frames = traceback.extract_tb(error.__traceback__)
    assert [frame.name for frame in frames][:1] == ["run"]
    assert "pause" not in [frame.name for frame in frames]


def test_interrupted_calls_leave_no_memory(alarm):
    resource = pytest.importorskip("resource")
    del resource

    def grown(x, n):
        items = np.zeros(n)
        for i in range(1, n):
            items[i] = np.sin(items[i - 1] + x)
        return items.sum() + items

    compiled = autodiff.function(grown)
    compiled(1.0, 5)
    compiled(1.0, 6)
    pool.handler()

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc")

    def interrupt():
        alarm(raise_late, 0.03)
        with pytest.raises(Late):
            while True:
                compiled(1.0, 4 * 10**6)

    for _ in range(3):
        interrupt()
    before = resident()
    for _ in range(12):
        interrupt()
    assert resident() - before < 3 * 32 * 2**20


class Deadline(ValueError):
    """A subclass of what the library itself catches."""


def test_a_timeout_in_the_middle_of_compiling_is_no_reason_to_compile_otherwise(alarm, monkeypatch):
    def expire(number, frame):
        raise Deadline

    monkeypatch.setattr(compiling, "optimize", lambda program: time.sleep(5))
    for make in (autodiff.function, autodiff.gradient):
        due = alarm(expire)
        with pytest.raises(Deadline):
            make(lambda x: x * 2.0)(1.0)
        assert time.perf_counter() - due < LATEST


def test_what_a_handler_raises_is_told_from_other_errors(alarm):
    def expire(number, frame):
        raise Deadline

    class Handler:
        def method(self, number, frame):
            raise Deadline

    for handler in (expire, Handler().method):
        alarm(handler)
        try:
            time.sleep(5)
        except Deadline as error:
            assert is_signal_handlers(error)
    try:
        raise Deadline
    except Deadline as error:
        assert not is_signal_handlers(error)


def halved(x, n):
    count = 0
    while x > 1.0:
        y = x
        for k in range(n):
            y = y - k if y > k else y
        x = x / 2 + 0.01 * y * 0
        count += 1
    return x * count


def table(x, n):
    rows = np.zeros((n, 3))
    for i in range(1, n):
        for j in range(3):
            rows[i, j] = rows[i - 1, j] * 0.5 + x * np.sin(i + j)
    return np.sum(rows**2)


def alternating(x, n):
    for _ in range(n):
        x = np.roll(x, 1) * 0.5 + x[::-1] * 0.25
    return np.sum(x * np.arange(len(x)))


SHORT = {
    "while": (halved, (100.0, 7)),
    "recurrence": (recurrence, (0.3, 37)),
    "table": (table, (0.7, 33)),
    "alternating": (alternating, (np.arange(9.0), 21)),
    "stencil": (stencil, (np.arange(40.0), 17)),
    "pairs": (pairs, (np.linspace(0, 1, 23), 5)),
    "products": (products, (np.eye(3) + 0.1, 9)),
    "stores": (stored, (np.ones(11), 19)),
}


@pytest.mark.parametrize("length", [960, 997, 1000, 1024, 4096])
@pytest.mark.parametrize("work", [500, 3000, 40_000])
def test_equal_stretches_go_through_all_elements(length, work, monkeypatch):
    monkeypatch.setattr(signals, "WORK", work)
    x = np.linspace(0.5, 1.5, length)
    compiled, slope = autodiff.function(lambda x: np.exp(x) - x), autodiff.gradient(np.sum)
    np.testing.assert_allclose(compiled(x), np.exp(x) - x, rtol=1e-15)
    np.testing.assert_array_equal(slope(x), np.ones(length))
    np.testing.assert_allclose(autodiff.function(np.sum)(x), length, rtol=1e-14)


def test_a_stretch_is_a_part_of_a_loop_that_fills_vectors():
    for lines, steps in itertools.product((3, 40, 900), (10**6, 2**20, 999_983, 10**13, 3 * 10**5)):
        step = Step(lines, lines)
        size = step.equal_stretch(steps)
        if size is not None:
            assert steps % size == 0 and size % VECTOR == 0
            assert step.stretch / 4 <= size <= 2 * step.stretch
    assert Step(25, 25).equal_stretch(10**6) == 20_000
    assert Step(25, 25).equal_stretch(999_983) is None


@pytest.mark.parametrize("work", [1, 60, 700])
@pytest.mark.parametrize("loop", SHORT)
def test_stretches_of_few_steps_change_no_result(loop, work, monkeypatch):
    f, arguments = SHORT[loop]

    def copies():
        return [np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments]

    expected = f(*copies())
    slope = autodiff.gradient(f, wrt="x")(*copies())
    monkeypatch.setattr(signals, "WORK", work)
    compiled, derivative = autodiff.function(f), autodiff.gradient(f, wrt="x")
    smaller = [a[:-1] if isinstance(a, np.ndarray) and a.ndim == 1 else a for a in copies()]
    for _ in range(2):  # of that very size, then of any
        np.testing.assert_allclose(compiled(*copies()), expected, rtol=1e-12)
        np.testing.assert_allclose(derivative(*copies()), slope, rtol=1e-12)
        compiled(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in smaller])
        derivative(*smaller)
    assert "autodiff.poll" in compiled.llvm(*copies())


def test_a_child_process_ends_by_control_c(control_c):
    code = (
        "import autodiff\n"
        "from tests.engines.native.test_signals import endless\n"
        "f = autodiff.function(endless); f(-1.0); print('ready', flush=True); f(1.0)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    time.sleep(SOON)
    child.send_signal(signal.SIGINT)
    try:
        _, text = child.communicate(timeout=20)
    finally:
        child.kill()
    assert "KeyboardInterrupt" in text


def test_what_another_thread_throws_in_while_a_function_is_captured_is_no_mistake(monkeypatch):
    # Takes what it is called with, and ignores it; raised is where the call has returned, which is our code.
    prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object, ctypes.py_object)
    throw = prototype(("PyThreadState_SetAsyncExc", ctypes.pythonapi))
    thrown_in = functools.partial(throw, threading.get_ident(), Late)
    monkeypatch.setattr(compiling, "optimize", thrown_in)
    with pytest.raises(Late):
        autodiff.function(lambda x: x * 2.0)(1.0)
    monkeypatch.undo()
    assert autodiff.function(lambda x: x * 2.0)(1.0) == 2.0
