"""Memory of large results: used again when nobody can reach it, never before, and not too much."""

import ctypes
import gc
import sys
import threading

import numpy as np
import pytest

import autodiff
from autodiff.dims import Dim
from autodiff.engines.native import entry, pool, session
from autodiff.engines.native.entry import ArrayOutput, ScalarInput, Signature

N = Dim.symbol("n")
F8, I8 = np.dtype("f8"), np.dtype("i8")

FILL = """
define i32 @kernel(i64 %n, double %v, ptr %y, ptr %work) #0 {
entry:
  %any = icmp sgt i64 %n, 0
  br i1 %any, label %loop, label %done
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %p = getelementptr double, ptr %y, i64 %i
  store double %v, ptr %p
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret i32 0
}
"""

LARGE = pool.LARGE_BYTES // 8
HANDLER = np._core.multiarray.get_handler_name


@pytest.fixture(scope="module")
def fill():
    """fill(n, v): n times v."""
    signature = Signature([(I8, ()), (F8, ())], [(F8, (N,))], extents={"n": 0})
    built = entry.build(signature, [ScalarInput(int, 0), ScalarInput(float, 1)], ArrayOutput(0))
    machine = session.load(FILL, built.names, glue=built.text, extra=built.extra)
    return entry.callable_of(machine, built)


def test_large_results_are_ordinary_arrays(fill):
    y = fill(LARGE, 2.0)
    assert HANDLER(y) == "autodiff_pool"
    assert type(y) is np.ndarray and y.base is None
    assert y.flags.owndata and y.flags.writeable and y.flags.c_contiguous
    assert (y == 2.0).all()
    y.resize((2 * LARGE,), refcheck=False)
    assert (y[:LARGE] == 2.0).all() and (y[LARGE:] == 0.0).all()
    y.resize((3,), refcheck=False)
    assert list(y) == [2.0] * 3


def test_other_arrays_keep_their_own_allocator(fill):
    assert HANDLER(fill(LARGE - 1, 2.0)) == "default_allocator"
    fill(LARGE, 2.0)
    assert HANDLER(np.empty(LARGE)) == "default_allocator"
    assert HANDLER() == "default_allocator"


def test_memory_is_used_again(fill):
    addresses = set()
    for _ in range(20):
        y = fill(LARGE, 1.0)
        addresses.add(y.ctypes.data)
        del y
    assert len(addresses) == 1


@pytest.mark.usefixtures("new_objects_only")
def test_no_array_in_reach_is_overwritten(fill):
    kept = [fill(LARGE, float(k)) for k in range(10)]
    views = [fill(LARGE, float(k))[5:7] for k in range(10)]
    gc.collect()
    for _ in range(5):
        fill(LARGE, -1.0)
    assert all((y == k).all() for k, y in enumerate(kept))
    assert all((y == k).all() for k, y in enumerate(views))


def test_free_memory_is_limited(fill, monkeypatch: pytest.MonkeyPatch):
    limit = ctypes.c_int64.from_address(pool._machine().address("limit"))
    assert limit.value == pool.kept_limit() >= 256 * 2**20
    monkeypatch.setattr(limit, "value", 256 * 2**20)
    arrays = [fill(8 * 2**20, 1.0) for _ in range(8)]  # 64 MiB each
    before = pool.kept_bytes()
    del arrays
    assert 0 < pool.kept_bytes() <= max(limit.value, before)


def running(x):
    y = np.cumsum(x)
    return np.sum(np.cumsum(y[::-1] * x) * y)


def test_work_memory_of_sizes_known_at_run_time_is_used_again():
    f = autodiff.gradient(running)
    f(np.ones(3))
    f(np.ones(4))  # one program for all sizes from here on
    for n in (2**20, 2**20 + 1, 5, 2**19):
        x = np.random.default_rng(n).random(n) / n
        wanted = autodiff.gradient(running, engine="numpy")(x)
        np.testing.assert_allclose(f(x), wanted, 1e-11, 1e-12 * np.abs(wanted).max())
    kept = []
    for _ in range(6):
        f(np.ones(2**20))
        kept.append(pool.kept_bytes())
    assert kept[-1] == kept[-2] == kept[-3] >= 2 * 8 * 2**20  # the same blocks, again and again


def grown(n):
    items = []
    for k in range(n):
        items.append(k * 0.5)
    return sum(items)


@pytest.mark.parametrize("n", [10, 2**18 - 1, 2**18, 2**18 + 1, 2**20])
def test_lists_grow_into_large_blocks(n):
    assert autodiff.function(grown)(n) == grown(n)


@pytest.mark.skipif(
    sys.platform not in pool._WHOLE_SIZES, reason="the system does not tell the size of a block"
)
def test_blocks_that_are_used_for_less_and_less_stay_large(fill):
    held = []
    for k in range(6):  # nothing is free then
        free = 0
        while free != pool.kept_bytes():
            free = pool.kept_bytes()
            held.append(fill(LARGE << k, 1.0))
    before = pool.kept_bytes()
    y = fill(8 * LARGE, 1.0)
    address = y.ctypes.data
    del y
    y = fill(5 * LARGE, 1.0)
    assert y.ctypes.data == address
    del y
    assert pool.kept_bytes() - before >= 8 * pool.LARGE_BYTES
    assert fill(3 * LARGE, 1.0).ctypes.data != address


def test_a_small_result_does_not_take_a_huge_block(fill):
    del_me = fill(16 * LARGE, 1.0)
    block = del_me.ctypes.data
    del del_me
    assert fill(LARGE, 1.0).ctypes.data != block


def test_more_than_there_is_is_a_miss_with_a_status_of_its_own(fill):
    assert fill(2**58, 1.0) is NotImplemented
    assert fill.__self__.status == entry.NO_MEMORY
    assert HANDLER() == "default_allocator"
    assert HANDLER(fill(LARGE, 1.0)) == "autodiff_pool"


def test_threads_never_share_a_block(fill):
    wrong = []

    def work(k):
        last = None
        for i in range(60):
            y = fill(LARGE + 1000 * (i % 3), float(k))
            if last is not None and not (last == k).all():
                wrong.append(k)
            last = y

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
