"""Where shards are kept and worked on: the threads of this process, or the workers of Dask.

Both have three methods: ``gathered(task, *arguments)`` is ``task(program, *arguments, shard)`` of every shard,
in their order, ``total(task, *arguments)`` the sum of these, and ``shapes()`` says how many there are.

Threads are started for a call and joined at its end, as native code does (docs/decisions/threads.md):
nothing is left that a fork could break.

Dask recomputes what a dead worker has computed, but not data that were sent to it. Those that come from this
process are sent again from here, which is why they are kept here too.
"""

from __future__ import annotations

import contextvars
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FunctionType
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.errors import ArgumentError, MissingPackageError, WorkerError

from . import tasks

_LARGE = 100_000  # bytes, from where on a function or a sum is left on the workers
_TRIES = 4  # at a call that workers die in
_WORTH = 1e-3  # seconds, from where on threads are started for a call


class Threads:
    """Shards in this process."""

    def __init__(self, function: Callable[..., Any], shards: Any) -> None:
        self.shards = _computed(_listed(shards))
        self._program = tasks.Local(function)
        self._seconds: dict[Any, float] = {}

    @property
    def count(self) -> int:
        """How many shards there are."""
        return len(self.shards)

    def shapes(self) -> int:
        """How many kinds of shards there are, by their shapes and types."""
        return len({tasks.signature(shard) for shard in self.shards})

    def gathered(self, task: Callable[..., Any], *arguments: Any) -> list[Any]:
        """``task(program, *arguments, shard)`` of every shard, in their order."""
        which = (task, arguments[:1] if task is tasks.evaluate else ())
        count = min(self.count, _cores())
        if count == 1 or self._seconds.get(which, 0.0) < _WORTH:
            return self._alone(which, task, arguments)
        # What the caller has set for its thread (np.errstate) holds in these too.
        contexts = [contextvars.copy_context() for _ in self.shards]

        def one(context: contextvars.Context, shard: Any) -> Any:
            return context.run(task, self._program, *arguments, shard)

        with ThreadPoolExecutor(count, "autodiff-shard") as pool:
            return list(pool.map(one, contexts, self.shards))

    def _alone(self, which: Any, task: Callable[..., Any], arguments: tuple[Any, ...]) -> list[Any]:
        """One after the other; how long that takes decides of the next call."""
        start = time.perf_counter()
        found = [task(self._program, *arguments, shard) for shard in self.shards]
        known = which in self._seconds  # the first call compiles
        self._seconds[which] = time.perf_counter() - start if known else 0.0
        return found

    def total(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """The sum of these."""
        return tasks.tree_sum(self.gathered(task, *arguments), tasks.add)


class Dask:
    """Shards on the workers of a `dask.distributed.Client`."""

    def __init__(self, client: Any, function: Callable[..., Any], shards: Any) -> None:
        self._client = _checked(client)
        self.shards = _listed(shards)
        self._futures: list[Any] = [None] * len(self.shards)
        program = tasks.pickled(function)
        self._bytes = program
        self._program: Any = None if len(program) > _LARGE else program
        self._place()

    @property
    def count(self) -> int:
        """How many shards there are."""
        return len(self.shards)

    def _place(self) -> None:
        """Send what is not on the workers: everything at first, later what has been lost."""
        self._together: list[list[int]] | None = None
        lost = [
            k for k, f in enumerate(self._futures)
            if f is None or f.status in ("cancelled", "lost", "error")
        ]  # fmt: skip
        here = [k for k in lost if not _is_lazy(self.shards[k])]
        there = [k for k in lost if _is_lazy(self.shards[k])]
        # A list is scattered item by item; hash=False, or equal shards would be one, on one worker.
        sent = self._client.scatter([self.shards[k] for k in here], hash=False) if here else []
        computed = self._client.compute([self.shards[k] for k in there]) if there else []
        for k, future in zip([*here, *there], [*sent, *computed], strict=True):
            self._futures[k] = self._submit(_aligned, future)
        if len(self._bytes) > _LARGE:
            if self._program is None or self._program.status != "finished":
                self._program = self._client.scatter(self._bytes, broadcast=True, hash=False)

    def shapes(self) -> int:
        """How many kinds of shards there are, by their shapes and types."""
        return len(set(self.gathered(tasks.kind)))

    def total(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """The sum over all shards: of many numbers it is formed on the workers."""
        if _size(arguments) <= _LARGE:
            return tasks.tree_sum(self.gathered(task, *arguments), tasks.add)

        def sum_there() -> Any:
            # Once to each worker, not once for each shard.
            [sent] = self._client.scatter([arguments], broadcast=True, hash=False)
            started = [self._submit(_one, f, task, self._program, sent) for f in self._futures]
            last = tasks.tree_sum(started, lambda a, b: self._submit(tasks.add, a, b))
            return self._client.gather(last)

        return self._survived(sum_there)

    def gathered(self, task: Callable[..., Any], *arguments: Any) -> list[Any]:
        """``task(program, *arguments, shard)`` of every shard, in their order."""

        def gather() -> list[Any]:
            sent: Any = arguments
            if _size(arguments) > _LARGE:
                [sent] = self._client.scatter([arguments], broadcast=True, hash=False)
            groups = self._groups()
            started = [
                self._submit(_many, [self._futures[k] for k in group], task, self._program, sent)
                for group in groups
            ]
            parts: list[Any] = [None] * self.count
            for group, found in zip(groups, self._client.gather(started), strict=True):
                for k, part in zip(group, found, strict=True):
                    parts[k] = part
            return parts

        found: list[Any] = self._survived(gather)
        return found

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.submit(function, *arguments, pure=False, retries=2)

    def _groups(self) -> list[list[int]]:
        """The shards of each thread of each worker: one task each, as a task costs a millisecond."""
        if self._together is None:
            where = self._client.who_has(self._futures)
            threads = self._client.nthreads()
            of_worker: dict[str, list[int]] = {}
            for k, future in enumerate(self._futures):
                addresses = where.get(future.key)
                if not addresses:  # not computed yet: where it will be is for Dask to say
                    return [[n] for n in range(self.count)]
                of_worker.setdefault(min(addresses), []).append(k)
            self._together = []
            for address, shards in sorted(of_worker.items()):
                count = max(1, threads.get(address, 1))
                self._together += [shards[n::count] for n in range(min(count, len(shards)))]
        return self._together

    def _survived(self, work: Callable[[], Any]) -> Any:
        """`work()`, again where workers died and took what they had been sent with them."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        for attempt in range(_TRIES):
            try:
                return work()
            except (KilledWorker, FutureCancelledError, TimeoutError):
                if attempt == _TRIES - 1:
                    raise
                self._place()
            except ModuleNotFoundError as error:
                if (error.name or "").split(".")[0] != "autodiff":
                    raise
                _check_workers(self._client)  # a worker that came later
                raise
        raise AssertionError


def _size(arguments: tuple[Any, ...]) -> int:
    """The bytes of the arrays among them."""
    leaves = tree.flatten(list(arguments))[0]
    return sum(x.nbytes for x in leaves if isinstance(x, np.ndarray))


def _aligned(shard: Any) -> Any:
    """The shard with its arrays where machine code takes them: in a message they lie anywhere."""
    if isinstance(shard, tuple):
        return tuple([_aligned(x) for x in shard])
    return shard.copy() if isinstance(shard, np.ndarray) and not shard.flags.aligned else shard


def _one(shard: Any, task: Callable[..., Any], program: Any, arguments: tuple[Any, ...]) -> Any:
    return task(program, *arguments, shard)


def _many(
    shards: list[Any], task: Callable[..., Any], program: Any, arguments: tuple[Any, ...]
) -> list[Any]:
    return [task(program, *arguments, shard) for shard in shards]


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# -- shards ----------------------------------------------------------------------------------------
def _listed(shards: Any) -> list[Any]:
    """Shards in a list: what is here as it is, collections of Dask's as one delayed object each."""
    if _is_delayed(shards):
        raise ArgumentError(
            "one delayed object is one shard", remedy="pass a list of delayed objects"
        )
    if _is_collection(shards):
        return [_delayed_tuple([part]) for part in _parts(shards)]
    if isinstance(shards, tuple) and shards and all(map(_is_collection, shards)):
        columns = [_parts(s) for s in shards]
        if len({len(column) for column in columns}) > 1:
            counts = ", ".join(str(len(column)) for column in columns)
            raise ArgumentError(
                f"the collections have {counts} partitions", remedy="rechunk them alike"
            )
        return [_delayed_tuple(list(row)) for row in zip(*columns, strict=True)]
    if isinstance(shards, np.ndarray) or not hasattr(shards, "__iter__"):
        raise ArgumentError(
            f"shards is one {type(shards).__name__}, not a list of shards",
            remedy="cut it, for example with np.array_split",
        )
    listed = list(shards)
    if not listed:
        raise ArgumentError("there are no shards", remedy="pass at least one")
    return listed


def _is_lazy(x: Any) -> bool:
    """Whether `x` is of Dask, which is only loaded where something of it is."""
    return "dask" in sys.modules and bool(sys.modules["dask"].is_dask_collection(x))


def _is_delayed(x: Any) -> bool:
    """Whether it is one delayed object (which claims to have every attribute)."""
    return _is_lazy(x) and type(x).__module__ == "dask.delayed"


def _is_collection(x: Any) -> bool:
    return _is_lazy(x) and not _is_delayed(x) and hasattr(x, "to_delayed")


def _parts(collection: Any) -> list[Any]:
    """The partitions of a collection of Dask's, which must be cut along its first axis alone."""
    blocks = np.asarray(collection.to_delayed(), dtype=object)
    if blocks.size != (blocks.shape[0] if blocks.ndim else 1):
        raise ArgumentError(
            f"an array in {' x '.join(map(str, blocks.shape))} chunks has no order of shards",
            remedy="rechunk it such that only the first axis is cut: x.rechunk({1: -1})",
        )
    return list(blocks.ravel())


def _delayed_tuple(parts: list[Any]) -> Any:
    from dask import delayed

    return delayed(tuple)(parts)


def _computed(shards: list[Any]) -> list[Any]:
    if not any(_is_lazy(shard) for shard in shards):
        return shards
    import dask

    return list(dask.compute(*shards, scheduler="threads"))


# -- workers ---------------------------------------------------------------------------------------
def _checked(client: Any) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise MissingPackageError("distributed", "dask") from None
    if not isinstance(client, Client):
        raise ArgumentError(
            f"client is a {type(client).__name__}, not a dask.distributed.Client",
            remedy="pass a client, or None for the threads of this process",
        )
    _check_workers(client)
    return client


def _check_workers(client: Any) -> None:
    """Say which workers cannot do the work, before they are given any."""
    ours = _probe_by_value()()
    for address, found in client.run(_probe_by_value()).items():
        if "error" in found:
            raise WorkerError(
                f"the worker {address} has no autodiff: {found['error']}",
                remedy=f"install autodiff-numpy in the environment of {found['python']}",
            )
        differ = [k for k in ("autodiff", "version") if found[k] != ours[k]]
        if differ:
            names = {"autodiff": "autodiff", "version": "Python"}
            named = ", ".join(f"{names[k]} {found[k]} there and {ours[k]} here" for k in differ)
            raise WorkerError(
                f"the worker {address} has other versions: {named}",
                remedy="use one environment for client and workers",
            )


def _probe() -> dict[str, str]:
    import importlib
    import sys

    found = {"python": sys.executable, "version": ".".join([str(n) for n in sys.version_info[:2]])}
    try:
        package = importlib.import_module("autodiff")
    except ImportError as error:
        found["error"] = str(error)
    else:
        found["autodiff"] = package.__version__
    return found


def _probe_by_value() -> Callable[[], dict[str, str]]:
    """`_probe` as a function that is pickled with its code: the worker may not have this module."""
    probe = FunctionType(_probe.__code__, {"__builtins__": __builtins__}, "autodiff_probe")
    probe.__module__ = "__main__"
    return probe


Backend = Threads | Dask


def backend(client: Any, function: Callable[..., Any], shards: Sequence[Any]) -> Backend:
    """Where to work: Dask's workers, or this process for None."""
    return Threads(function, shards) if client is None else Dask(client, function, shards)
