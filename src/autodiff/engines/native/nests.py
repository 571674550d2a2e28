"""Loop nests: stores, reductions and contractions over one domain.

    for i:                      a nest of two jobs, y[i] = f(x[i]) and s += g(x[i])
        load x[i]
        y[i] = …;  s = s + …

Loads come before stores in each iteration, so a job may overwrite what the nest reads at the same
index.  When every job can compute an element from its position alone, the axes collapse into one
loop.  Where pieces meet (concatenations, updates of slices), the range of a loop is split there,
so that the loops have no selects.  A long sum runs in blocks whose sums are added up exactly but
for the last rounding: the error grows with the block, not with the length.  Only the accumulating
addition within a block may be reassociated, which is what lets the loop be vectorised.  A product
is taken in order, as NumPy takes it: another order may leave the range of the numbers on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.dims import Dim, Extent, bounds, maximum, minimum, product, same_shape
from autodiff.engines.native.elements import Indices, element, pointwise
from autodiff.engines.native.generator import Generator
from autodiff.engines.native.planning import Node, Root
from autodiff.engines.native.scalars import BOOL, Element
from autodiff.engines.native.storage import Buffer, linear
from autodiff.engines.native.writer import literal, memory_type, register_type
from autodiff.ir.data import Value
from autodiff.later import later
from autodiff.ops.entries import ENTRIES, Pointwise, Reduction
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native import threads
else:
    threads = later("autodiff.engines.native.threads")

UNROLL = 4  # iterations of a whole nest up to which no loop is written
SHORT = 8  # elements of an extremum up to which NumPy compares one after the other
BLOCK = 4096  # elements summed straight on
MAXIMUM_PIECES = 9

Compute = Callable[[Indices], Element]


@dataclass(eq=False)
class Job:
    """One thing a nest computes; ``axes`` are the reduced axes of the domain."""

    domain: tuple[Extent, ...]
    compute: Compute
    place: Buffer | None  # None: a reduction to a scalar
    order: tuple[int, ...] = ()
    combine: str = ""  # of a reduction; "" is a store
    axes: frozenset[int] = frozenset()
    position: Callable[[Indices], Extent] | None = None
    adds: bool = False  # a store that adds to what is there
    may_fuse: bool = False  # … and the addition belongs to a derivative
    in_turn: bool = False  # several elements may go to one place: the last one stays
    keeps_rest: bool = False  # a sum to which what its additions round off is added
    flat: bool = False
    whole: bool = False  # a store of every element of its place
    source: Value | None = None  # whose pieces split the loops
    dtype: np.dtype[Any] = BOOL
    accumulators: list[str] = field(default_factory=list)
    rest: str = ""
    result: Element | None = None


# -- combining --------------------------------------------------------------------------------------
def identity(combine: str, dtype: np.dtype[Any]) -> str:
    """The neutral element of a reduction."""
    if combine in ("sum", "any"):
        return literal(0, dtype)
    if combine in ("prod", "all"):
        return literal(1, dtype)
    if dtype.kind == "f":
        return literal(-np.inf if combine == "max" else np.inf, dtype)
    if dtype.kind == "b":
        return literal(combine == "min", dtype)
    limits = np.iinfo(dtype)
    return literal(limits.min if combine == "max" else limits.max, dtype)


def combined(g: Generator, combine: str, a: Element, b: Element, in_order: bool = False) -> Element:
    """One step of a reduction; ``in_order``, an extremum keeps that of two zeros that NumPy keeps.

    Else it is LLVM's, which can be spread over lanes.  NumPy's own depends on the processor there.
    """
    if a.dtype.kind == "b":
        return g.s.or_(a, b) if combine in ("sum", "any", "max") else g.s.and_(a, b)
    if combine in ("max", "min"):
        if in_order:
            return g.s.maximum(a, b) if combine == "max" else g.s.minimum(a, b)
        return g.s.extremum(combine, a, b)
    if a.dtype.kind != "f":
        return g.s.add(a, b) if combine == "sum" else g.s.mul(a, b)
    word = "fadd reassoc contract" if combine == "sum" else "fmul"
    type = register_type(a.dtype)
    text = f"{word} {type} {a.name}, {b.name}"
    return Element(g.w.op(text, a.name, b.name), a.dtype)


# -- jobs ---------------------------------------------------------------------------------------------
def store_job(g: Generator, value: Value, place: Buffer, flat: bool) -> Job:
    """Store every element of a value."""
    shape = value.shape
    return Job(
        shape,
        lambda indices: element(g, value, indices),
        place,
        tuple(range(len(shape))),
        position=lambda indices: indices[0] if len(indices) == 1 else linear(indices, shape),
        flat=flat,
        whole=True,
        source=value,
        dtype=value.dtype,
    )


def _root_job(g: Generator, root: Root) -> Job:
    value = root.value
    operation = value.owner
    plan = g.scope.plan
    assert plan is not None
    if root.kind == "store":
        if root.sink is not None:
            place = g.scope.sinks[root.sink]()
            assert place is not None
            job = store_job(g, value, place, plan.is_flat(value))
        else:
            assert operation is not None
            flat = _computes_flat(g, value)
            job = store_job(g, value, g.destination(value), flat)
        return job
    assert operation is not None
    place = g.destination(value) if value.shape else None
    if root.kind == "contract":
        return _contraction_job(g, root, place)
    lowering = ENTRIES[operation.kind].lowering
    assert isinstance(lowering, Reduction)
    (x,) = operation.operands
    axes = frozenset(operation.attributes["axes"])
    dtype = value.dtype

    def compute(indices: Indices) -> Element:
        return g.s.cast(element(g, x, indices), dtype)

    full = len(axes) == len(x.shape)
    return Job(
        x.shape, compute, place, root.order, lowering.combine, axes,
        keeps_rest=operation.attributes.get("order") == "floats",
        flat=full and plan.is_flat(x), source=x, dtype=dtype,
    )  # fmt: skip


def _computes_flat(g: Generator, value: Value) -> bool:
    operation, plan = value.owner, g.scope.plan
    assert operation is not None and plan is not None
    if len(value.shape) <= 1:
        return True
    if isinstance(ENTRIES[operation.kind].lowering, Pointwise) or operation.kind == "reshape":
        return all(plan.is_flat(x) for x in operation.operands)
    return operation.kind == "broadcast" and operation.operands[0].shape == ()


def _contraction_job(g: Generator, root: Root, place: Buffer | None) -> Job:
    operation = root.value.owner
    assert operation is not None
    a, b = operation.operands
    (ca, cb), (ba, bb) = operation.attributes["contract"], operation.attributes["batch"]
    free_a = [k for k in range(len(a.shape)) if k not in ca and k not in ba]
    free_b = [k for k in range(len(b.shape)) if k not in cb and k not in bb]
    kept = len(root.value.shape)

    def compute(indices: Indices) -> Element:
        at_a: list[Extent] = [0] * len(a.shape)
        at_b: list[Extent] = [0] * len(b.shape)
        for k, (i, j) in enumerate(zip(ba, bb, strict=True)):
            at_a[i] = at_b[j] = indices[k]
        for k, i in enumerate(free_a, len(ba)):
            at_a[i] = indices[k]
        for k, j in enumerate(free_b, len(ba) + len(free_a)):
            at_b[j] = indices[k]
        for k, (i, j) in enumerate(zip(ca, cb, strict=True), kept):
            at_a[i] = at_b[j] = indices[k]
        x, y = element(g, a, tuple(at_a)), element(g, b, tuple(at_b))
        g.s.may_fuse = True  # NumPy's own products of matrices fuse with the sum
        return g.s.and_(x, y) if x.dtype.kind == "b" else g.s.mul(x, y)

    axes = frozenset(range(kept, len(root.domain)))
    return Job(root.domain, compute, place, root.order, "sum", axes, dtype=root.value.dtype)


def emit_node(g: Generator, node: Node) -> None:
    """Write the nest of a node and bind its results."""
    jobs = [_root_job(g, root) for root in node.roots]
    emit(g, jobs)
    for root, job in zip(node.roots, jobs, strict=True):
        if root.sink is not None:
            continue
        if job.place is not None:
            g.bind(root.value, job.place)
        else:
            assert job.result is not None
            g.bind(root.value, job.result)


def emit_stores(g: Generator, stores: list[tuple[Value, Buffer]]) -> None:
    """Write values to places; those of equal shape share a nest."""
    from autodiff.engines.native.views import is_flat_now

    left = list(stores)
    while left:
        shape = left[0][0].shape
        chosen = [(v, p) for v, p in left if same_shape(v.shape, shape)]
        left = [(v, p) for v, p in left if not same_shape(v.shape, shape)]
        emit(g, [store_job(g, v, p, is_flat_now(g, v)) for v, p in chosen])


# -- the nest -------------------------------------------------------------------------------------------
def emit(g: Generator, jobs: list[Job]) -> None:
    """Write a nest; scalar results are left in ``Job.result``."""
    zeros = [job for job in jobs if job.whole and job.source and _is_zeros(job.source)]
    rest = [job for job in jobs if job not in zeros]
    if rest:
        _emit_loops(g, rest)
    # Last: what is computed beside may read the elements that are cleared.
    for job in zeros:
        assert job.place is not None
        g.memory.clear(job.place)


def _emit_loops(g: Generator, jobs: list[Job]) -> None:
    if len(jobs[0].domain) > 1 and all(job.flat for job in jobs):
        for job in jobs:
            job.domain = (product(job.domain),)
            job.order = (0,)
            job.axes = frozenset((0,)) if job.combine else frozenset()
    for job in jobs:
        if job.combine and job.place is not None and not _is_trailing(job):
            fill(g, job.place, identity(job.combine, job.dtype))
    was = g.in_nest
    g.in_nest = True
    try:
        with g.w.scope():
            if g.threads < 2 or not (threads.can_cut(g, jobs) and threads.emit(g, jobs)):
                Nest(g, jobs).write()
    finally:
        g.in_nest = was
    for job in jobs:
        if job.result is not None:
            g.w.settle(job.result.name)


def _is_zeros(value: Value) -> bool:
    """Whether all bits of an array are zero, as the program says."""
    operation = value.owner
    while operation is not None and operation.kind in ("broadcast", "reshape"):
        operation = operation.operands[0].owner
    if operation is None or operation.kind != "constant":
        return False
    array = np.ascontiguousarray(operation.attributes["value"])
    return not array.reshape(-1).view(np.uint8).any()


def _is_trailing(job: Job) -> bool:
    """Whether the reduced axes are the innermost loops."""
    n = len(job.axes)
    return n > 0 and frozenset(job.order[len(job.order) - n :]) == job.axes


def fill(g: Generator, place: Buffer, name: str) -> None:
    """Set every element of a buffer to a constant."""
    if name == literal(0, place.dtype):
        g.memory.clear(place)
        return
    job = Job(
        (product(place.shape),), lambda indices: Element(name, place.dtype), place, (0,),
        position=lambda indices: indices[0], dtype=place.dtype,
    )  # fmt: skip
    emit(g, [job])


class Nest:
    """The loops of a nest, from the outermost inwards; of the outermost only a chunk, if one is given."""

    def __init__(
        self, g: Generator, jobs: list[Job], chunk: tuple[Extent, Extent] | None = None
    ) -> None:
        self.g = g
        self.jobs = jobs
        self.chunk = chunk
        self.order = jobs[0].order
        domain = jobs[0].domain
        for job in jobs[1:]:
            if (
                len(job.domain) == 1
                and isinstance(job.domain[0], int)
                and isinstance(domain[0], int)
            ):
                domain = (max(domain[0], job.domain[0]),)
        self.domain = domain
        total = product(domain)
        self.unrolled = isinstance(total, int) and total <= UNROLL
        self.splits = self._find_splits()

    def write(self) -> None:
        """Write everything."""
        self._level(0, [0] * len(self.domain), self.jobs)

    # -- pieces
    def _find_splits(self) -> dict[int, list[int]]:
        from autodiff.engines.native.views import breakpoints

        splits: dict[int, list[int]] = {}
        pieces = 1
        for axis in reversed(self.order):
            n = self.domain[axis]
            if not isinstance(n, int) or self.unrolled:
                continue
            ends = {job.domain[axis] for job in self.jobs if len(self.domain) == 1}
            points: set[int] = set()
            for job in self.jobs:
                if job.source is not None and len(job.source.shape) == len(self.domain):
                    breakpoints(self.g, job.source, axis, points)
            inner = sorted(p for p in points if 0 < p < n)
            required = sorted(e for e in ends if isinstance(e, int) and 0 < e < n)
            if pieces * (len(inner) + 1) > MAXIMUM_PIECES:
                inner = []
            chosen = sorted(set(inner) | set(required))
            if chosen:
                splits[axis] = chosen
                pieces *= len(chosen) + 1
        return splits

    def _ranges(self, axis: int) -> list[tuple[Extent, Extent]]:
        n = self.domain[axis]
        bounds: list[Extent] = [0, *self.splits.get(axis, ()), n]
        return list(zip(bounds[:-1], bounds[1:], strict=True))

    # -- loops
    def _level(self, depth: int, indices: list[Extent], jobs: list[Job]) -> None:
        if depth == len(self.order):
            self._body(tuple(indices), jobs)
            return
        starting = [job for job in jobs if self._starts(job, depth)]
        for job in starting:
            self._begin(job)
        axis = self.order[depth]
        for low, high in self._ranges(axis):
            active = jobs
            if len(self.domain) == 1 and isinstance(low, int):
                active = [j for j in jobs if isinstance(j.domain[0], Dim) or low < j.domain[0]]
            self._range(depth, axis, low, high, indices, active)
        for job in starting:
            self._finish(job, tuple(indices))

    def _range(
        self,
        depth: int,
        axis: int,
        low: Extent,
        high: Extent,
        indices: list[Extent],
        jobs: list[Job],
    ) -> None:
        if self.chunk is not None and depth == 0:
            self._chunk(axis, low, high, indices, jobs)
            return
        if isinstance(low, int) and isinstance(high, int):
            if high <= low:
                return
            if self.unrolled or high - low == 1:
                for i in range(low, high):
                    indices[axis] = i
                    self._level(depth + 1, indices, jobs)
                return
        blocked = self._blocked(depth, jobs)
        if blocked and _is_long(high - low):
            self._blocks(axis, low, high, indices, jobs, blocked)
            return
        with self.g.w.loop(low, high) as index:
            indices[axis] = Dim.symbol(index)
            self._level(depth + 1, indices, jobs)

    def _blocked(self, depth: int, jobs: list[Job]) -> list[Job]:
        """The sums of an innermost loop, which are added up in blocks where it is long."""
        if depth != len(self.order) - 1:
            return []
        sums = [j for j in jobs if j.accumulators and j.combine == "sum" and j.dtype.kind == "f"]
        return [j for j in sums if not j.keeps_rest]

    def _chunk(
        self, axis: int, low: Extent, high: Extent, indices: list[Extent], jobs: list[Job]
    ) -> None:
        """The part of a range of the outermost loop that lies within the chunk."""
        assert self.chunk is not None
        first, last = maximum(self.chunk[0], low), minimum(self.chunk[1], high)
        blocked = self._blocked(0, jobs)
        if blocked:
            self._blocks(axis, first, last, indices, jobs, blocked, (low, high - 1))
            return
        with self.g.w.loop(first, last) as index:
            index.low, index.high = low, high - 1
            indices[axis] = Dim.symbol(index)
            self._level(1, indices, jobs)

    def _blocks(
        self, axis: int, low: Extent, high: Extent, indices: list[Extent], jobs: list[Job],
        blocked: list[Job], limits: tuple[Extent, Extent] | None = None,
    ) -> None:  # fmt: skip
        """A long innermost loop in blocks, with a sum for each block.

        The sums are added up with what each addition rounds off kept beside (Neumaier 1974), so
        that the error is that of a block, whatever the length.
        """
        rests = [self._rest(job) for job in blocked]
        blocks = (high - low + BLOCK - 1) // BLOCK
        with self.g.w.loop(0, blocks, covers=(high - low, BLOCK)) as block:
            start = low + Dim.symbol(block) * BLOCK
            for job in blocked:
                self._begin(job)
            with self.g.w.loop(start, minimum(high, start + BLOCK), BLOCK) as index:
                index.low, index.high = limits or (low, high - 1)
                indices[axis] = Dim.symbol(index)
                self._body(tuple(indices), jobs)
            for job, rest in zip(blocked, rests, strict=True):
                self._add_block(job, self._take(job), rest)
        for job, rest in zip(blocked, rests, strict=True):
            self._add_rest(job, rest)

    def _rest(self, job: Job) -> str:
        type = register_type(job.dtype)
        place = self.g.w.slot(type, 8)
        self.g.w.line(f"store {type} {literal(0, job.dtype)}, ptr {place}")
        return place

    def _add_block(self, job: Job, x: Element, rest: str) -> None:
        """Add to the accumulator, and what that rounds off (Knuth's sum of two) to the rest."""
        w, type, accumulator = self.g.w, register_type(job.dtype), job.accumulators[-1]

        def op(word: str, a: str, b: str) -> str:
            return w.op(f"{word} {type} {a}, {b}", a, b)

        old = w.here(f"load {type}, ptr {accumulator}")
        new = op("fadd", old, x.name)
        part = op("fsub", new, old)
        error = op("fadd", op("fsub", old, op("fsub", new, part)), op("fsub", x.name, part))
        lost = op("fadd", w.here(f"load {type}, ptr {rest}"), error)
        w.line(f"store {type} {new}, ptr {accumulator}")
        w.line(f"store {type} {lost}, ptr {rest}")

    def _add_rest(self, job: Job, rest: str) -> None:
        """Add the rest to the accumulator; it is NaN where the sum is not finite."""
        g, type, accumulator = self.g, register_type(job.dtype), job.accumulators[-1]
        total = Element(g.w.here(f"load {type}, ptr {accumulator}"), job.dtype)
        lost = Element(g.w.here(f"load {type}, ptr {rest}"), job.dtype)
        text = f"fadd {type} {total.name}, {lost.name}"
        both = Element(g.w.op(text, total.name, lost.name), job.dtype)
        kept = g.s.select(g.s.isfinite(lost), both, total)
        g.w.line(f"store {type} {kept.name}, ptr {accumulator}")

    # -- reductions
    def _trailing(self, job: Job) -> int:
        count = 0
        for axis in reversed(self.order):
            if axis not in job.axes:
                break
            count += 1
        return count

    def _starts(self, job: Job, depth: int) -> bool:
        trailing = self._trailing(job) if job.combine else 0
        return trailing > 0 and depth == len(self.order) - trailing

    def _begin(self, job: Job) -> None:
        type = register_type(job.dtype)
        accumulator = self.g.w.slot(type, 8)
        job.accumulators.append(accumulator)
        self.g.w.line(f"store {type} {identity(job.combine, job.dtype)}, ptr {accumulator}")
        if job.keeps_rest:
            job.rest = self._rest(job)

    def _take(self, job: Job) -> Element:
        accumulator = job.accumulators.pop()
        type = register_type(job.dtype)
        return Element(self.g.w.here(f"load {type}, ptr {accumulator}"), job.dtype)

    def _accumulate(self, job: Job, x: Element) -> None:
        if job.keeps_rest:
            self._add_block(job, x, job.rest)
            return
        type = register_type(job.dtype)
        accumulator = job.accumulators[-1]
        old = Element(self.g.w.here(f"load {type}, ptr {accumulator}"), job.dtype)
        new = combined(self.g, job.combine, old, x, _is_short(job))
        self.g.w.line(f"store {type} {new.name}, ptr {accumulator}")

    def _finish(self, job: Job, indices: Indices) -> None:
        if job.keeps_rest:
            self._add_rest(job, job.rest)
        total = self._take(job)
        if job.place is None:
            job.result = total
        elif _is_trailing(job):
            self.g.memory.store(total.name, job.place, self._kept(job, indices))
        else:
            self._combine_in_memory(job, total, indices)

    def _kept(self, job: Job, indices: Indices) -> Extent:
        kept = tuple([i for k, i in enumerate(indices) if k not in job.axes])
        assert job.place is not None
        return linear(kept, job.place.shape)

    def _combine_in_memory(self, job: Job, x: Element, indices: Indices) -> None:
        assert job.place is not None
        position = self._kept(job, indices)
        old = Element(self.g.memory.load(job.place, position, False), job.dtype)
        new = combined(self.g, job.combine, old, x, in_order=True)  # the lanes are other elements
        self.g.memory.store(new.name, job.place, position)

    # -- one iteration
    def _body(self, indices: Indices, jobs: list[Job]) -> None:
        computed = [(job, job.compute(indices)) for job in jobs]
        for job, x in computed:
            if job.accumulators:
                self._accumulate(job, x)
            elif job.combine:
                self._combine_in_memory(job, x, indices)
            else:
                assert job.place is not None and job.position is not None
                position = job.position(indices)
                if job.adds:
                    old = Element(self.g.memory.load(job.place, position, False), job.dtype)
                    self.g.s.may_fuse = job.may_fuse
                    x = self.g.s.or_(old, x) if x.dtype.kind == "b" else self.g.s.add(old, x)
                self.g.memory.store(x.name, job.place, position)


def _is_short(job: Job) -> bool:
    """Whether an extremum is of so few elements that they are not spread over lanes."""
    n = product(tuple(job.domain[k] for k in job.axes))
    return isinstance(n, int) and n <= SHORT


def _is_long(n: Extent) -> bool:
    """Whether so many elements are summed in blocks; a length of unknown bounds may be."""
    most = bounds(n)[1] if isinstance(n, Dim) else n
    return most is None or most > 2 * BLOCK


__all__ = ["Job", "emit", "emit_node", "emit_stores", "fill", "memory_type", "pointwise"]
