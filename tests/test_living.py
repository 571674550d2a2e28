"""Living with others: processes, threads at once, the disk cache shared, no leaks; all bounded in time.

What a call does wrong in another process or thread shows as a wrong value, a deadlock (the tests give
up after `PATIENCE` seconds) or memory that grows. Each comparison is with plain NumPy.
"""

import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import garbage
from autodiff.capture import running
from autodiff.engines.native import symbols

PATIENCE = 120.0
ROOT = Path(__file__).parents[1]


def loss(x):
    y = np.sin(x) ** 2
    for i in range(len(x)):
        if x[i] > 1:
            y[i] = x[i] ** 3
    return np.sum(y)


def slope_of_loss(x):
    return np.where(x > 1, 3 * x**2, np.sin(2 * x))


@autodiff.gradient
def decorated(x):
    return loss(x)


class Model:
    def __init__(self, weights):
        self.weights = weights

    @autodiff.gradient
    def slope(self, x):
        return np.sum(self.weights * loss(x))

    def plain(self, x):
        return np.sum(self.weights * loss(x))


gradient_of_loss = autodiff.gradient(loss)
X = np.linspace(-1, 2, 7)

# What users send to other processes: by name, by pickle, with an object.
SENT = {
    "decorated": decorated,
    "called": gradient_of_loss,
    "bound": Model(np.ones(1)).slope,
    "gradient of bound": autodiff.gradient(Model(np.ones(1)).plain),
    "numpy engine": autodiff.gradient(loss, engine="numpy"),
    "threads": autodiff.gradient(loss, threads=2),
}


def apply(job):
    function, x = job
    return function(x)


# -- processes ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_compiled_functions_work_in_other_processes(method) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    for function in SENT.values():
        function(X)  # compiled before the children start
    jobs = [(function, X + k) for function in SENT.values() for k in range(3)]
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = list(pool.map(apply, jobs, timeout=PATIENCE))
    for (_, x), value in zip(jobs, found, strict=True):
        np.testing.assert_allclose(value, slope_of_loss(x), rtol=1e-12)


def in_a_child(work) -> int:
    """The exit code of a forked child that runs `work`; -1 if it did not end in time."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(7)
        except BaseException:
            os._exit(1)
    ended = threading.Event()
    code = []

    def wait() -> None:
        code.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    if not ended.wait(PATIENCE / 4):
        os.kill(child, 9)
        return -1
    return code[0]


def check(function, x) -> None:
    np.testing.assert_allclose(function(x), slope_of_loss(x), rtol=1e-12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_another_thread_compiles_the_same_function_can_call_it() -> None:
    compiled = autodiff.gradient(loss)
    held, release = threading.Event(), threading.Event()

    def compile_slowly() -> None:
        with compiled._compiled.lock:
            held.set()
            release.wait(PATIENCE)

    other = threading.Thread(target=compile_slowly)
    other.start()
    held.wait(PATIENCE)
    try:
        assert in_a_child(lambda: check(compiled, X)) == 7
    finally:
        release.set()
        other.join()
    check(compiled, X)


LOCKS = {
    "garbage": lambda: garbage._lock,
    "objects": lambda: running.changing_objects,
    "symbols": lambda: symbols._lock,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", LOCKS)
def test_a_child_does_not_wait_for_a_lock_that_another_thread_held(name) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with LOCKS[name]():
            held.set()
            release.wait(PATIENCE)

    def take() -> None:
        with LOCKS[name]():
            check(autodiff.gradient(lambda w: loss(w) * 1.0), X)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(PATIENCE)
    try:
        assert (
            in_a_child(take if name != "garbage" else lambda: check(autodiff.gradient(loss), X))
            == 7
        )
    finally:
        release.set()
        other.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.usefixtures("garbage_as_usual")
def test_a_child_keeps_the_locks_and_blocks_of_the_thread_that_forked() -> None:
    before = gc.get_threshold()

    def leave_and_enter() -> None:
        assert garbage._inside == 1

    with garbage.few_collections(), running.changing_objects:
        inner = gc.get_threshold()
        assert in_a_child(leave_and_enter) == 7
        with running.changing_objects:
            assert gc.get_threshold() == inner
    assert gc.get_threshold() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_children_forked_while_threads_call_and_compile() -> None:
    shared, stop, failures = autodiff.gradient(loss), threading.Event(), []

    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        try:
            while not stop.is_set():
                check(shared, random.normal(size=random.integers(1, 9)))
                check(autodiff.gradient(loss), X)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    codes = [in_a_child(lambda k=k: check(shared, X[: k + 1])) for k in range(6)]
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failures, failures[0]
    assert codes == [7] * 6


def test_processes_share_one_disk_cache(tmp_path) -> None:
    code = textwrap.dedent("""
        import numpy as np, autodiff
        x = np.linspace(-1, 2, 7)
        for k in range(4):
            def f(x, k=float(k)):
                return np.sum(np.sin(k * x) ** 2)
            for n in (3, 7):
                found = autodiff.gradient(f, wrt="x")(x[:n])
                np.testing.assert_allclose(found, k * np.sin(2 * k * x[:n]), rtol=1e-12, atol=1e-15)
        print("right")
    """)
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {
        **os.environ,
        "AUTODIFF_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT / "src"),
    }
    for _ in range(2):  # all at once into an empty cache, then all at once from a full one
        running = [
            subprocess.Popen(
                [sys.executable, str(script)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for _ in range(4)
        ]
        for process in running:
            out, err = process.communicate(timeout=PATIENCE)
            assert out == "right\n", err
    files = [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert files
    assert all(p.suffix == ".machinecode" for p in files)


def test_joblib_in_processes_and_threads() -> None:
    joblib = pytest.importorskip("joblib")
    for how in ({"backend": "loky"}, {"backend": "threading"}):
        jobs = [joblib.delayed(apply)((function, X)) for function in SENT.values()]
        for value in joblib.Parallel(2, timeout=PATIENCE, **how)(jobs):
            np.testing.assert_allclose(value, slope_of_loss(X), rtol=1e-12)


# -- threads -----------------------------------------------------------------------------------------
def all_at_once(work, count: int = 8) -> list[Any]:
    """The results of `work(k)` in `count` threads that start together."""
    barrier = threading.Barrier(count)

    def start(k: int) -> Any:
        barrier.wait(PATIENCE)
        return work(k)

    with ThreadPoolExecutor(count) as pool:
        return [future.result(PATIENCE) for future in [pool.submit(start, k) for k in range(count)]]


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_the_first_call_at_once_from_many_threads(engine) -> None:
    for _ in range(4):
        compiled = autodiff.gradient(loss, engine=engine)
        all_at_once(lambda k: check(compiled, X + k))
        assert len(compiled.cache) == 1


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_different_shapes_at_once_from_many_threads(engine) -> None:
    compiled = autodiff.gradient(loss, engine=engine)

    def work(k: int) -> None:
        for repeat in range(20):
            check(compiled, np.linspace(-1, 2, 1 + (k + repeat) % 9))

    all_at_once(work)


def test_several_functions_that_call_one_another_at_once() -> None:
    inner = autodiff.function(loss)

    def outer(x):
        return inner(x) ** 2

    compiled = autodiff.gradient(outer)

    def work(k: int) -> None:
        x = X[: 2 + k % 3]
        np.testing.assert_allclose(compiled(x), 2 * loss(x) * slope_of_loss(x), rtol=1e-12)
        np.testing.assert_allclose(inner(x), loss(x), rtol=1e-12)

    all_at_once(work)


def test_errors_in_threads_are_those_of_each_call() -> None:
    @autodiff.function
    def f(x):
        if np.sum(x) < 0:
            raise ValueError(f"the sum is {np.sum(x)}")
        return np.log(x)

    def work(k: int) -> None:
        for n in range(1, 30):
            value = float(k + n)
            if (k + n) % 2:
                np.testing.assert_allclose(f(np.full(2, value)), np.log(value), rtol=1e-15)
            else:
                with pytest.raises(ValueError, match=f"the sum is {-2 * value}"):
                    f(np.full(2, -value))

    all_at_once(work)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_value(threads) -> None:
    x = np.linspace(0.1, 3, 100_000)
    value, gradient = autodiff.value_and_gradient(
        lambda x: np.sum(np.log(x) * np.sin(x)), threads=threads
    )(x)
    np.testing.assert_allclose(value, np.sum(np.log(x) * np.sin(x)), rtol=1e-12)
    np.testing.assert_allclose(
        gradient, np.sin(x) / x + np.log(x) * np.cos(x), rtol=1e-11, atol=1e-13
    )


def test_globals_that_change_under_many_threads_are_read_whole() -> None:
    table = {"w": np.full(4, 1.0)}
    compiled = autodiff.function(lambda x: x * table["w"])
    stop = threading.Event()

    def change() -> None:
        k = 0
        while not stop.is_set():
            k += 1
            table["w"] = np.full(4, float(k))

    changing = threading.Thread(target=change)
    changing.start()

    def work(k: int) -> None:
        for _ in range(300):
            found = compiled(np.ones(4))
            assert (found == found[0]).all()

    try:
        all_at_once(work, 4)
    finally:
        stop.set()
        changing.join(PATIENCE)


# -- leaks -------------------------------------------------------------------------------------------
def fails(x):
    if x[0] > 0:
        raise ValueError("positive")
    return np.sum(x)


def calls() -> dict[str, Any]:
    """What is called many times: one call of each kind."""
    value = autodiff.function(lambda x: x * 2)
    both = autodiff.value_and_gradient(loss)
    tree = autodiff.gradient(lambda p: np.sum(p["a"] ** 2) + p["b"] ** 2)
    mutating = autodiff.function(lambda x: x.sort())
    failing = autodiff.function(fails)
    unsupported = autodiff.gradient(lambda x: x)
    product = autodiff.hessian_vector(loss)
    model = Model(np.ones(1))
    p = {"a": np.ones(3), "b": 2.0}

    def refused() -> None:
        try:
            failing(np.ones(2))
        except ValueError:
            return
        raise AssertionError("no error")

    def refused_dtype() -> None:
        try:
            unsupported(np.array(["text"]))
        except TypeError:
            return
        raise AssertionError("no error")

    return {
        "value": lambda: value(X),
        "value and gradient": lambda: both(X),
        "other shapes": lambda: (both(X[:3]), both(X[:4]), both(X[:5])),
        "container": lambda: tree(p),
        "method": lambda: model.slope(X),
        "stores": lambda: mutating(X.copy()),
        "product": lambda: product(X, _tensors=X),
        "error of the function": refused,
        "error of ours": refused_dtype,
    }


KINDS = tuple(calls())


def grows_by(call, times: int) -> tuple[int, int]:
    """How many bytes and objects are more after `times` calls than before."""
    for _ in range(50):
        call()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(
            300
        ):  # what tracing itself allocates at first, and what Python keeps to use again
            call()
        gc.collect()
        before, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
        for _ in range(times):
            call()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, len(gc.get_objects()) - objects
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("new_objects_only")
@pytest.mark.parametrize("kind", KINDS)
def test_calls_leave_nothing_behind(kind) -> None:
    call, times = calls()[kind], 1000
    bytes_, objects = grows_by(call, times)
    assert objects < times / 20
    assert bytes_ < 20 * times  # a float left behind in each call is 24 bytes


def resident() -> int:
    """Bytes of this process that lie in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
@pytest.mark.parametrize("kind", ["value", "value and gradient", "product"])
def test_a_million_calls_leave_nothing_behind(kind) -> None:
    call = calls()[kind]
    for _ in range(100_000):
        call()
    gc.collect()
    before = resident()
    for _ in range(1_000_000):
        call()
    gc.collect()
    assert resident() - before < 8e6  # 8 bytes a call would be 8 MB


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
@pytest.mark.parametrize("kind", ["container", "method", "stores", "other shapes"])
def test_many_slow_calls_leave_nothing_behind(kind) -> None:
    call = calls()[kind]
    for _ in range(2_000):
        call()
    gc.collect()
    before = resident()
    for _ in range(50_000):
        call()
    gc.collect()
    assert resident() - before < 2e6


def test_reference_counts_of_arguments_and_results() -> None:
    compiled, failing = autodiff.value_and_gradient(loss), autodiff.function(fails)
    x, positive = X.copy(), np.ones(2)
    compiled(x)
    with pytest.raises(ValueError, match="positive"):
        failing(positive)
    counts = sys.getrefcount(x), sys.getrefcount(positive), sys.getrefcount(x.dtype)
    for _ in range(200):
        value, gradient = compiled(x)
        try:
            failing(positive)
        except ValueError:
            pass
    assert sys.getrefcount(gradient) == 2
    assert sys.getrefcount(value) == 2
    after = sys.getrefcount(x), sys.getrefcount(positive), sys.getrefcount(x.dtype)
    assert after[:2] == counts[:2]
    assert abs(after[2] - counts[2]) < 20  # other arrays of this type may come and go


@pytest.mark.usefixtures("new_objects_only")
def test_specialisations_of_a_forgotten_function_are_freed() -> None:
    def one(k: int) -> None:
        autodiff.gradient(lambda x: np.sum(np.sin(x) * k))(X)

    for k in range(3):
        one(k)
    gc.collect()
    before = len(gc.get_objects())
    for k in range(20):
        one(k)
    gc.collect()
    # One specialisation is hundreds of objects (program, plan, guards).
    assert len(gc.get_objects()) - before < 20 * 60


def test_specialisations_for_sizes_do_not_pile_up() -> None:
    compiled = autodiff.gradient(loss)
    for n in range(2, 40):
        check(compiled, np.linspace(-1, 2, n))
    assert len(compiled.cache) <= 3


def test_pickles_are_small_and_hold_no_machine_code() -> None:
    compiled = autodiff.gradient(loss)
    fresh = pickle.dumps(compiled)
    compiled(X)
    assert pickle.dumps(compiled) == fresh
    assert len(fresh) < 500


# -- places that a function stores into ----------------------------------------------------------------
class Recorder:
    def __init__(self, count):
        for k in range(count):
            setattr(self, f"n{k}", 0)
        self.table = {}


def recording(count):
    lines = "".join(f"    r.n{k} += 1\n    r.table['n{k}'] = x * {k}\n" for k in range(count))
    return made(
        f"def f(r, x):\n{lines}    for _ in range(3):\n        r.n0 += 1\n        r.n1 += 2\n    return x * r.n1\n"
    )


def made(text):
    import linecache

    path = f"<recording {len(text)}>"
    linecache.cache[path] = (len(text), None, text.splitlines(True), path)
    space: dict = {}
    exec(compile(text, path, "exec"), space)
    return space["f"]


def test_captures_do_not_start_again_for_each_place_stored_into(monkeypatch):
    from autodiff import capture

    f, times = recording(20), []
    plain = capture._capture
    monkeypatch.setattr(capture, "_capture", lambda *a: times.append(1) or plain(*a))
    compiled = autodiff.function(f, on_fallback="error")
    mine, theirs = Recorder(20), Recorder(20)
    for k in range(3):
        assert compiled(mine, 1.5) == f(theirs, 1.5)
        assert vars(mine) == vars(theirs)
    # Once for the places that it finds, once to the end. Not once for each of the 40 places.
    assert len(times) == 2


def test_entries_that_a_call_made_are_stored_into_by_the_same_program():
    f = recording(20)
    compiled = autodiff.function(f, on_fallback="error")
    mine = Recorder(20)
    for _ in range(3):
        compiled(mine, 1.5)
    assert len(compiled.cache) == 1
