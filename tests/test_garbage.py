"""Searches for garbage are put off, and Python's settings are as before."""

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import garbage
from autodiff.garbage import few_collections

pytestmark = pytest.mark.usefixtures("garbage_as_usual")


def test_blocks_may_be_nested_and_raise() -> None:
    with pytest.raises(KeyError), few_collections(), few_collections():
        assert gc.get_threshold()[0] > 700
        raise KeyError
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("chosen", [(0, 10, 10), (10**6, 5, 5)])
def test_who_wants_few_searches_or_none_keeps_them(chosen: tuple[int, int, int]) -> None:
    gc.set_threshold(*chosen)
    with few_collections():
        assert gc.get_threshold() == chosen
    assert gc.get_threshold() == chosen


def test_what_is_set_in_the_block_stays() -> None:
    with few_collections():
        gc.set_threshold(123, 4, 5)
    assert gc.get_threshold() == (123, 4, 5)


def test_threads_share_a_block() -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with few_collections():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    with few_collections():
        thread.start()
        inside.wait(10)
    assert gc.get_threshold()[0] > 700
    leave.set()
    thread.join()
    assert gc.get_threshold() == (700, 10, 10)


def test_what_the_user_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        count = gc.get_freeze_count()
        assert count
        with few_collections():
            pass
        assert gc.get_freeze_count() > count // 2
    finally:
        gc.unfreeze()


def test_a_compiled_call_leaves_all_as_it_was() -> None:
    before = gc.get_threshold()
    assert autodiff.gradient(lambda x: np.sum(x * x))(np.ones(2)).tolist() == [2.0, 2.0]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
    assert gc.isenabled()


class _Node:
    """May be in a cycle."""

    other: Any = None


@pytest.mark.parametrize(("left", "many", "stays"), [(0, True, 0), (1, True, 0), (1, False, 1)])
def test_what_later_blocks_and_small_ones_leave_is_found(
    left: int, many: bool, stays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "_left", left)
    monkeypatch.setattr(garbage, "_frozen", False)
    gc.unfreeze()
    gc.collect()
    with few_collections():
        node = _Node()
        node.other = node
        gone = weakref.ref(node)
        del node
        made = [[k] for k in range(garbage._MANY if many else 0)]
    assert len(made) == many * garbage._MANY
    kept = [[k] for k in range(2000)]
    assert len(kept) == 2000
    assert (gone() is None) is (left == stays)
    assert garbage._left == stays
