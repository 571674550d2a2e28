"""What of a block is computed when: virtual values, loop nests, the order of steps.

    x -> multiply -> sin -> reduce_sum          one nest; multiply and sin never exist in memory
         multiply -> …other uses…

An array result is *virtual* (its elements are computed inside the loops that use them) or
*materialised* (it has a buffer).  Pointwise operations, views and creations are virtual unless
computing them once is cheaper.  What must be computed forms the *nodes* of a graph:

    scalar   an operation with a result of shape (); it lives in a register
    nest     loops over one domain that store arrays, reduce, contract (the *roots*)
    step     everything else: updates in place, kernels, control flow, checks

Roots with the same domain share a nest when what they depend on allows it: a root may read what
another root of its nest stores only at the very index of that iteration.  The nodes are then put
in an order close to the program's.  This module looks at one block at a time and writes nothing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Any

from autodiff.dims import Dim, Extent, product, same_shape, symbols
from autodiff.engines.native.scalars import CALLED, Costs
from autodiff.ir.data import Block, Operation, Value, attribute_symbols, free_values, walk
from autodiff.ops.entries import (
    ENTRIES,
    Control,
    Creation,
    Effect,
    Kernel,
    Pointwise,
    Reduction,
    Update,
    View,
)
from autodiff.plain_data import dataclass

MAXIMUM_COST = 10_000
EXPENSIVE = 10  # in additions: about the price of writing an element and reading it again
DEEP = 60  # operations between an element and memory; bounds the recursion of code generation
WRITTEN_OUT = 4  # products, whose sum is an expression like others rather than a loop
SMALL_WORK = 128  # multiplications for which a function of their sizes pays
INLINE_CONTRACTION = 16 * 16 * 16  # multiplications up to which a call of BLAS does not pay


@dataclass(eq=False)
class Root:
    """Something a nest computes for every index of its domain.

    ``kind``: ``store`` (value to memory), ``reduce``, ``contract``.  ``order`` lists the domain's
    axes from the outermost loop to the innermost.  ``sink`` is set for the store of a block
    output into a place that is given from outside.
    """

    kind: str
    value: Value
    domain: tuple[Extent, ...]
    order: tuple[int, ...]
    sink: int | None = None


@dataclass(eq=False)
class Node:
    """One step of a block."""

    kind: str
    position: int
    operation: Operation | None = None
    roots: list[Root] = field(default_factory=list)
    number: int = 0
    reads: set[Value] = field(default_factory=set)


def _pointwise_cost(operation: Operation) -> int:
    lowering = ENTRIES[operation.kind].lowering
    assert isinstance(lowering, Pointwise)
    dtype = operation.operands[0].dtype
    key = (operation.kind, dtype.kind)
    found = _COSTS.get(key)
    if found is None:
        counter = Costs(dtype)
        attributes = dict(operation.attributes)
        lowering.scalar(counter, *[object()] * len(operation.operands), **attributes)
        found = _COSTS[key] = counter.total
    return found


_COSTS: dict[tuple[str, str], int] = {}


def unit_axes_only(a: tuple[Extent, ...], b: tuple[Extent, ...]) -> bool:
    """Whether shapes differ by axes of extent 1 alone."""

    def proper(shape: tuple[Extent, ...]) -> tuple[Extent, ...]:
        return tuple([n for n in shape if not (isinstance(n, int) and n == 1)])

    return same_shape(proper(a), proper(b))


def terms_of_product(operation: Operation) -> int:
    """How many products an element of a ``dot_general`` sums, if few enough to be written out; or 0."""
    if operation.kind != "dot_general":
        return 0
    total = 1
    for axis in operation.attributes["contract"][0]:
        n = operation.operands[0].shape[axis]
        if isinstance(n, Dim):
            return 0
        total *= n
    return total if total <= WRITTEN_OUT else 0


def _may_fuse(operation: Operation) -> bool:
    """Whether LLVM may round an element once where the operation rounds it twice."""
    if operation.kind == "dot_general":
        return terms_of_product(operation) > 1
    return operation.is_derived and operation.kind in ("add", "subtract", "multiply", "negative")


def is_small_product(operation: Operation) -> bool:
    """Whether a ``dot_general`` is of matrices of known sizes that are made in registers, quicker than by BLAS.

    Loops of our own are quicker still where all terms of a sum are written out.
    """
    a, b = operation.operands
    (ca, cb), (ba, bb) = operation.attributes["contract"], operation.attributes["batch"]
    if a.dtype.kind != "f" or a.dtype.itemsize < 4 or len(ca) != 1:
        return False
    sizes = [
        n
        for x, used in ((a, (*ca, *ba)), (b, (*cb, *bb)))
        for k, n in enumerate(x.shape)
        if k not in used
    ]
    if len(sizes) != 2:
        return False
    m, n, k = *sizes, a.shape[ca[0]]
    if isinstance(m, Dim) or isinstance(n, Dim) or isinstance(k, Dim):
        return False
    batch = math.prod([SMALL_WORK if isinstance(a.shape[i], Dim) else a.shape[i] for i in ba])
    pays = m * n * k * batch >= SMALL_WORK and m * n * k <= INLINE_CONTRACTION
    return m > 1 and 4 < n <= 16 and k > WRITTEN_OUT and pays


def is_inline_contraction(operation: Operation) -> bool:
    """Whether a ``dot_general`` becomes loops of our own: small, of vectors, or not of floats."""
    a, b = operation.operands
    if a.dtype.kind != "f" or a.dtype.itemsize < 4:
        return True
    contract, batch = operation.attributes["contract"], operation.attributes["batch"]
    free_a = [n for k, n in enumerate(a.shape) if k not in contract[0] and k not in batch[0]]
    free_b = [n for k, n in enumerate(b.shape) if k not in contract[1] and k not in batch[1]]
    if not free_a or not free_b:
        return True
    total = 1
    for n in (*(n for k, n in enumerate(a.shape) if k not in batch[0]), *free_b):
        if isinstance(n, Dim):
            return False
        total *= n
    return total <= INLINE_CONTRACTION and not is_small_product(operation)


class Plan:
    """The plan of a block; ``materialised`` grows until computing twice is nowhere expensive."""

    def __init__(
        self,
        block: Block,
        sinks: dict[Value, list[int]],
        keep: Iterable[Value] = (),
        outer: Callable[[Value], dict[Value, bool]] | None = None,
    ) -> None:
        self.block = block
        self.outer = outer  # the leaves of values of enclosing blocks
        self.own = set(block.parameters)
        self.sinks = sinks
        self.kept = set(keep)  # outputs that are read when the block ends
        self.position: dict[Value, int] = {}
        self.users: dict[Value, list[Operation]] = {}
        self.forced: set[Value] = set()
        self._last_uses: dict[Value, int] = {}
        self._index()
        for _ in range(4):
            self._start()
            self._classify()
            self._build()
            if not self._force_shared():
                break
        self._order()
        self._find_last_reads()

    # -- facts about the block ------------------------------------------------------------------
    def _index(self) -> None:
        for number, operation in enumerate(self.block.operations):
            for value in operation.results:
                self.position[value] = number
            for value in operation.operands:
                self.users.setdefault(value, []).append(operation)
        self.region_values: dict[Operation, list[Value]] = {}
        for operation in self.block.operations:
            if operation.regions:
                found: dict[Value, None] = {}
                for region in operation.regions:
                    found.update(dict.fromkeys(free_values(region)))
                self.region_values[operation] = list(found)
        self.compared = self._find_compared()

    def _find_compared(self) -> set[Value]:
        """The values that some test for equality, as of ties of a maximum, is computed from."""
        compared: set[Value] = set()
        for operation in reversed(self.block.operations):
            inner = [operation, *(op for region in operation.regions for op in walk(region))]
            tests = [op for op in inner if op.kind in ("equal", "not_equal")]
            for test in tests:
                compared.update(test.operands)
            if not compared.isdisjoint(operation.results):
                compared.update(operation.operands)
        return compared

    def _start(self) -> None:
        self.virtual: set[Value] = set()
        self._cost: dict[Value, int] = {}
        self._depth: dict[Value, int] = {}
        self._leaves: dict[Value, dict[Value, bool]] = {}
        self._flat: dict[Value, bool] = {}
        self.updates: dict[Value, int] = {}  # chain length of virtual updates

    def is_virtual(self, value: Value) -> bool:
        """Whether a value is computed where it is used."""
        return value in self.virtual

    def cost(self, value: Value) -> int:
        """Additions that one element of a virtual value costs; 0 for what is in memory."""
        return self._cost.get(value, 0)

    def _classify(self) -> None:
        for operation in self.block.operations:
            for value in operation.results:
                if value.shape and value not in self.forced and self._may_be_virtual(operation):
                    self.virtual.add(value)
                    self._measure(operation, value)
                    if self._better_materialised(operation, value):
                        self._forget(value)

    def _forget(self, value: Value) -> None:
        self.virtual.discard(value)
        self._cost.pop(value, None)
        self._depth.pop(value, None)
        self.updates.pop(value, None)

    def _may_be_virtual(self, operation: Operation) -> bool:
        lowering = ENTRIES[operation.kind].lowering
        if isinstance(lowering, (Pointwise, Creation)):
            return True
        if isinstance(lowering, View):
            if operation.kind == "concatenate":
                return len(operation.operands) <= 4 and all(
                    isinstance(x.shape[operation.attributes["axis"]], int)
                    for x in operation.operands
                )
            return True
        if isinstance(lowering, Update) and operation.kind.startswith("slice_"):
            return self._virtual_update(operation)
        return terms_of_product(operation) > 0

    def _virtual_update(self, operation: Operation) -> bool:
        """Whether an update is ranges of a loop rather than a step of its own.

        That needs few and known ranges.  An array in memory is better updated in place, unless
        the update replaces or adds to most of it: then one pass over everything, for all updates
        of a chain, is cheaper than a pass for each.
        """
        x = operation.operands[0]
        if not x.type.is_static or self.updates.get(x, 0) >= 6:
            return False
        partial, changed, total = 0, 1, 1
        a = operation.attributes
        for n, start, size, step in zip(x.shape, a["starts"], a["sizes"], a["steps"], strict=True):
            if isinstance(start, Dim) or isinstance(size, Dim) or isinstance(step, Dim):
                return False
            assert isinstance(n, int)
            total *= n
            changed *= 1 if size is None else size
            if size is None:
                partial += 1
            elif not (start == 0 and step == 1 and size == n):
                if step != 1:
                    return False
                partial += 1
        return partial <= 1 and (x in self.virtual or 2 * changed > total > 8)

    def _measure(self, operation: Operation, value: Value) -> None:
        lowering = ENTRIES[operation.kind].lowering
        total = _pointwise_cost(operation) if isinstance(lowering, Pointwise) else 0
        if isinstance(lowering, Kernel):
            total += 2 * terms_of_product(operation) - 1
        if isinstance(lowering, Update):
            total += 1
            self.updates[value] = self.updates.get(operation.operands[0], 0) + 1
        depth = 0
        for x in operation.operands:
            total += self._cost.get(x, 0)
            depth = max(depth, self._depth.get(x, 0))
        self._cost[value] = min(total, MAXIMUM_COST)
        self._depth[value] = depth + 1

    def _better_materialised(self, operation: Operation, value: Value) -> bool:
        cost = self._cost[value]
        if self._depth[value] >= DEEP:
            return True
        if value in self.compared and _may_fuse(operation):
            return True  # computed twice, it could differ from itself
        if operation.kind == "slice" and self._outlives_its_array(operation, value):
            return True
        users = self.users.get(value, ())
        if cost >= EXPENSIVE and len(users) > 1:
            if any(
                isinstance(ENTRIES[u.kind].lowering, View) and u.kind != "reshape" for u in users
            ):
                return True
        for user in users:
            if user.kind == "reshape" and not self.is_flat(value):
                if not unit_axes_only(value.shape, user.attributes["shape"]):
                    return True
            if user.kind == "broadcast" and cost >= 4:
                return True
            if user.kind == "gather" and value is user.operands[0] and cost > 4:
                return True
            if user.kind == "nonzero" and cost > 4:
                return True  # counted, then looked for
            if user.kind == "dot_general" and cost > (4 if terms_of_product(user) == 1 else 1):
                return True
        if cost > 0 or operation.kind in ("concatenate", "gather"):
            for user, values in self.region_values.items():
                if user.kind != "cond" and value in values:
                    return True
        return False

    def _outlives_its_array(self, operation: Operation, value: Value) -> bool:
        """Whether a small part is read after the array that it is taken from is stored into.

        It could not be updated in place then: a copy of all of it for a part, at every turn of a loop.
        """
        x = operation.operands[0]
        is_row = len(value.shape) < len(x.shape)
        known = value.type.is_static and x.type.is_static
        if not is_row and not (known and 2 * product(value.shape) <= product(x.shape)):
            return False
        updates = [
            self.position[u.result]
            for u in self.users[x]
            if isinstance(ENTRIES[u.kind].lowering, Update) and u.operands[0] is x
        ]
        later = [at for at in updates if at > self.position[value]]
        return bool(later) and self._last_use(value) > min(later)

    def _last_use(self, value: Value) -> int:
        """Where a value, or what is computed of it without memory of its own, is used last."""
        if not self._last_uses:  # users come later: once for all, or each would ask its users again
            for operation in reversed(self.block.operations):
                for result in operation.results:
                    self._last_uses[result] = self._last_of_users(result)
        return self._last_uses[value]

    def _last_of_users(self, value: Value) -> int:
        last = -1
        for user in self.users.get(value, ()):
            made = user.results[0] if user.results else None
            if made is None or made not in self.position:
                return len(self.block.operations)
            last = max(last, self.position[made])
            lowering = ENTRIES[user.kind].lowering
            if made.shape and isinstance(lowering, (Pointwise, View)):
                last = max(last, self._last_uses[made])
        return last

    def is_flat(self, value: Value) -> bool:
        """Whether elements can be computed from their position in C order alone."""
        if value not in self.virtual or len(value.shape) <= 1:
            return True  # with one axis the index is the position
        found = self._flat.get(value)
        if found is None:
            operation = value.owner
            assert operation is not None
            lowering = ENTRIES[operation.kind].lowering
            if operation.kind == "reshape" or isinstance(lowering, Pointwise):
                found = all(self.is_flat(x) for x in operation.operands)
            elif operation.kind == "broadcast":
                found = operation.operands[0].shape == ()
            else:
                found = isinstance(lowering, Creation)
            self._flat[value] = found
        return found

    # -- what a value is computed from ------------------------------------------------------------
    def leaves(self, value: Value) -> dict[Value, bool]:
        """The values in memory or registers that an element is computed from.

        True where they are read at the element's own index only.
        """
        found = self._leaves.get(value)
        if found is not None:
            return found
        if value not in self.virtual:
            if self.outer is None or value in self.position or value in self.own:
                return {value: True}
            found = self._leaves[value] = self.outer(value)
            return found
        operation = value.owner
        assert operation is not None
        aligned = isinstance(ENTRIES[operation.kind].lowering, Pointwise)
        if operation.kind in ("slice_update", "slice_add"):
            aligned = False
        found = {}
        for x in operation.operands:
            for leaf, at_index in self.leaves(x).items():
                keeps = aligned or leaf.shape == ()
                found[leaf] = found.get(leaf, True) and at_index and keeps
        for symbol in _extent_symbols(operation):
            found.setdefault(symbol, True)
        self._leaves[value] = found
        return found

    # -- nodes ------------------------------------------------------------------------------------
    def _build(self) -> None:
        self.nodes: list[Node] = []
        self.producer: dict[Value, Node] = {}
        self.readers: dict[Value, list[Node]] = {}
        self.before: dict[Node, int] = {}  # bit set of the nodes that must come first
        self.followers: dict[Node, list[Node]] = {}  # nodes that must come later, by the earlier
        self.needed = 0  # bit set of the nodes that some node comes after
        self.hints: dict[Value, int] = {}
        self._hint()
        last_effect: Node | None = None
        for number, operation in enumerate(self.block.operations):
            lowering = ENTRIES[operation.kind].lowering
            if all(v in self.virtual for v in operation.results) and operation.results:
                if operation.kind == "gather":
                    # The bounds of its indices are checked once, ahead of any use.
                    node = self._add_node(Node("step", number, operation), operation.operands[1:])
                    self._require(node, _extent_symbols(operation))
                    self.producer[operation.result] = node
                continue
            if isinstance(lowering, (Pointwise, View, Creation)) and operation.result.shape == ():
                node = self._add_node(Node("scalar", number, operation), operation.operands)
                self._require(node, _extent_symbols(operation))
            elif isinstance(lowering, (Pointwise, Creation)) or (
                isinstance(lowering, View) and operation.kind not in ("concatenate", "gather")
            ):
                value = operation.result
                self._materialise(value, number)
            elif isinstance(lowering, Reduction):
                shape = operation.operands[0].shape
                root = Root("reduce", operation.result, shape, tuple(range(len(shape))))
                self._add_root(root, number, operation.operands, _extent_symbols(operation))
            elif (
                isinstance(lowering, Kernel)
                and operation.kind == "dot_general"
                and is_inline_contraction(operation)
            ):
                self._add_contraction(operation, number)
            else:
                last_effect = self._add_step(operation, number, lowering, last_effect)
        for value, places in self.sinks.items():
            taken = self.hints.get(value)
            for sink in places:
                if sink != taken or value in self.virtual:
                    root = Root("store", value, value.shape, tuple(range(len(value.shape))), sink)
                    self._add_root(root, len(self.block.operations), (value,), ())

    def _materialise(self, value: Value, number: int) -> None:
        operation = value.owner
        assert operation is not None
        root = Root("store", value, value.shape, tuple(range(len(value.shape))))
        self._add_root(root, number, operation.operands, _extent_symbols(operation))

    def _add_contraction(self, operation: Operation, number: int) -> None:
        a, b = operation.operands
        (ca, cb), (ba, _) = operation.attributes["contract"], operation.attributes["batch"]
        result = operation.result.shape
        domain = result + tuple(a.shape[k] for k in ca)
        free_a = len([k for k in range(len(a.shape)) if k not in ca and k not in ba])
        lead = tuple(range(len(ba) + free_a))
        free_b = tuple(range(len(lead), len(result)))
        contracted = tuple(range(len(result), len(domain)))
        order = lead + free_b + contracted
        if free_b and self.unit_axis(b) not in cb:
            # Row by row of b: c[i, :] += a[i, k] * b[k, :] has contiguous inner loops.
            order = lead + contracted + free_b
        elif not free_b and free_a and self.unit_axis(a) not in ca and len(contracted) == 1:
            order = lead[: len(ba)] + contracted + lead[len(ba) :]
        root = Root("contract", operation.result, domain, order)
        self._add_root(root, number, operation.operands, _extent_symbols(operation))

    def unit_axis(self, value: Value) -> int:
        """The axis along which neighbours lie side by side in memory, as well as is known."""
        operation = value.owner
        if value in self.virtual and operation is not None:
            if operation.kind == "transpose":
                return operation.attributes["axes"].index(self.unit_axis(operation.operands[0]))
            if isinstance(ENTRIES[operation.kind].lowering, Pointwise):
                for x in operation.operands:
                    if x.shape:
                        return self.unit_axis(x)
        return len(value.shape) - 1

    def _add_step(
        self, operation: Operation, number: int, lowering: Any, last_effect: Node | None
    ) -> Node | None:
        values = list(operation.operands) + self.region_values.get(operation, [])
        node = self._add_node(Node("step", number, operation), values)
        self._require(node, _extent_symbols(operation))
        # What is read may be overwritten here: earlier readers come first.
        for leaf in list(node.reads):
            if leaf.shape:
                for reader in self.readers.get(leaf, ()):
                    if reader is not node:
                        self._after(node, reader)
        if isinstance(lowering, (Effect, Control)):
            if last_effect is not None:
                self._after(node, last_effect)
            return node
        return last_effect

    def _add_node(self, node: Node, values: Iterable[Value]) -> Node:
        node.number = len(self.nodes)
        self.nodes.append(node)
        self.before[node] = 0
        for value in values:
            self._require(node, self.leaves(value))
            self._require_gathers(node, value)
        if node.operation is not None:
            for result in node.operation.results:
                self.producer[result] = node
        return node

    def _require_gathers(self, node: Node, value: Value) -> None:
        """Virtual gathers inside ``value`` must have had their indices checked."""
        for check in self._gathers(value):
            self._after(node, check)

    def _gathers(self, value: Value) -> list[Node]:
        found, pending, seen = [], [value], set()
        while pending:
            v = pending.pop()
            if v in self.virtual and v not in seen:
                seen.add(v)
                assert v.owner is not None
                if v.owner.kind == "gather" and v in self.producer:
                    found.append(self.producer[v])
                pending.extend(v.owner.operands)
        return found

    def _require(self, node: Node, leaves: Iterable[Value]) -> None:
        for leaf in leaves:
            node.reads.add(leaf)
            self.readers.setdefault(leaf, []).append(node)
            producer = self.producer.get(leaf)
            if producer is not None and producer is not node:
                self._after(node, producer)

    def _after(self, node: Node, earlier: Node) -> None:
        bits = self.before[earlier] | (1 << earlier.number)
        if bits & ~self.before[node]:
            self.before[node] |= bits
            self.followers.setdefault(earlier, []).append(node)
            self.needed |= bits
            mark = 1 << node.number
            if not self.needed & mark:
                return  # nothing comes after it yet
            for other in self.nodes:
                if self.before[other] & mark:
                    self.before[other] |= self.before[node]

    def _add_root(
        self, root: Root, number: int, operands: Iterable[Value], extra: Iterable[Value]
    ) -> None:
        leaves: dict[Value, bool] = {}
        for x in operands:
            aligned = root.kind != "contract" and (
                x.shape == () or same_shape(x.shape, root.domain)
            )
            operation = root.value.owner
            if root.kind == "store" and root.sink is None and operation is not None:
                aligned = aligned and isinstance(ENTRIES[operation.kind].lowering, Pointwise)
            for leaf, at_index in self.leaves(x).items():
                keep = at_index and (aligned or leaf.shape == ())
                leaves[leaf] = leaves.get(leaf, True) and keep
        required = [self.producer[leaf] for leaf in (*leaves, *extra) if leaf in self.producer]
        for x in operands:
            required += self._gathers(x)
        node = self._find_nest(root, leaves, required)
        if node is None:
            node = Node("nest", number)
            self._add_node(node, ())
        node.roots.append(root)
        for x in operands:
            self._require_gathers(node, x)
        self._require(node, [leaf for leaf in leaves if self.producer.get(leaf) is not node])
        node.reads.update(leaves)
        self._require(node, extra)
        if root.sink is None:
            self.producer[root.value] = node

    def _find_nest(
        self, root: Root, leaves: dict[Value, bool], required: list[Node]
    ) -> Node | None:
        beside = self._nest_beside(root.value)
        for node in (*([beside] if beside else []), *reversed(self.nodes[-40:])):
            if node.kind != "nest" or len(node.roots) >= 12:
                continue
            first = node.roots[0]
            if root.order != first.order or not _compatible(root.domain, first.domain):
                continue
            mark = 1 << node.number
            if any(self.before[other] & mark for other in required if other is not node):
                continue
            inside = [leaf for leaf in leaves if self.producer.get(leaf) is node]
            if any(not leaves[leaf] for leaf in inside):
                continue
            if any(r.value in inside and r.kind != "store" for r in node.roots):
                continue
            if not inside and not any(leaf.shape and leaf in node.reads for leaf in leaves):
                if not (root.kind == "store" and len(node.roots) < 4):
                    continue
            return node
        return None

    def _hint(self) -> None:
        """Where values that become outputs should be computed, back along chains of updates."""
        for value, places in self.sinks.items():
            v = value
            while v not in self.hints:
                if v not in self.virtual and v in self.position:
                    self.hints[v] = places[0]
                operation = v.owner
                if operation is None or operation.results[0] not in self.position:
                    break
                if isinstance(ENTRIES[operation.kind].lowering, Update) and v not in self.virtual:
                    v = operation.operands[0]
                elif operation.kind in ("for", "while"):
                    k = operation.results.index(v) - (operation.kind == "while")
                    if not 0 <= k < len(operation.operands):
                        break
                    v = operation.operands[k]
                else:
                    break

    # -- sharing ----------------------------------------------------------------------------------
    def _force_shared(self) -> bool:
        """Materialise expensive values that several nests would compute again."""
        where: dict[Value, set[int]] = {}
        direct: dict[Value, set[int]] = {}
        for node in self.nodes:
            if node.kind == "scalar":
                continue
            pending: list[Value] = []
            if node.kind == "nest":
                for root in node.roots:
                    if root.value in self.virtual:
                        pending.append(root.value)
                    elif root.sink is None and root.value.owner is not None:
                        pending.extend(root.value.owner.operands)
            elif node.operation is not None and node.operation.kind != "gather":
                pending.extend(node.operation.operands)
            for v in pending:
                direct.setdefault(v, set()).add(node.number)
            seen: set[Value] = set()
            while pending:
                v = pending.pop()
                if v in self.virtual and v not in seen:
                    seen.add(v)
                    where.setdefault(v, set()).add(node.number)
                    assert v.owner is not None
                    pending.extend(v.owner.operands)
        forced = False
        for value, nodes in where.items():
            nest = self._nest_beside(value)
            if nest is not None and nest.number not in nodes:
                self.forced.add(value)
                forced = True
                continue
            if len(nodes) < 2 or self.cost(value) < EXPENSIVE:
                continue
            covered = any(
                where.get(result) == nodes
                for user in self.users.get(value, ())
                for result in user.results
                if result in self.virtual and self.cost(result) >= EXPENSIVE
            )
            if not covered or direct.get(value):
                self.forced.add(value)
                forced = True
        return forced

    def _nest_beside(self, value: Value) -> Node | None:
        """The nest that stores what shares the work of a value: there it costs next to nothing."""
        operation = value.owner
        if operation is None or not ENTRIES[operation.kind].beside:
            return None
        if value.type.is_static and product(value.shape) <= CALLED:
            return None  # each is a call by itself
        other = ENTRIES[operation.kind].beside
        for user in self.users.get(operation.operands[0], ()):
            if user.kind == other and user.result not in self.virtual:
                node = self.producer.get(user.result)
                return node if node is not None and node.kind == "nest" else None
        return None

    # -- order ------------------------------------------------------------------------------------
    def _order(self) -> None:
        waiting = dict.fromkeys(self.nodes, 0)
        for earlier, later in self.followers.items():
            self.followers[earlier] = list(dict.fromkeys(later))
            for node in self.followers[earlier]:
                waiting[node] += 1
        ready = [(node.position, node.number) for node in self.nodes if not waiting[node]]
        heapq.heapify(ready)
        self.ordered: list[Node] = []
        while ready:
            _, number = heapq.heappop(ready)
            node = self.nodes[number]
            self.ordered.append(node)
            for other in self.followers.get(node, ()):
                waiting[other] -= 1
                if not waiting[other]:
                    heapq.heappush(ready, (other.position, other.number))
        assert len(self.ordered) == len(self.nodes), (
            "the nodes of a block depend on each other in a circle"
        )

    def _find_last_reads(self) -> None:
        self.last_read: dict[Value, int] = {}
        for number, node in enumerate(self.ordered):
            for value in node.reads:
                self.last_read[value] = number
        end = len(self.ordered)
        for value in self.kept:
            for leaf in self.leaves(value):
                self.last_read[leaf] = end
        for value in self.sinks:
            if value not in self.virtual:
                self.last_read[value] = end


def _compatible(a: tuple[Extent, ...], b: tuple[Extent, ...]) -> bool:
    """Whether two domains may share loops: equal, or lines of nearly the same length."""
    if same_shape(a, b):
        return True
    return (
        len(a) == len(b) == 1
        and isinstance(a[0], int)
        and isinstance(b[0], int)
        and abs(a[0] - b[0]) <= 4
        and min(a[0], b[0]) > 8
    )


def _extent_symbols(operation: Operation) -> list[Value]:
    found: list[Value] = []
    for attribute in operation.attributes.values():
        if isinstance(attribute, (Dim, tuple, list)):
            found.extend(attribute_symbols(attribute))
    for x in (*operation.operands, *operation.results):
        for extent in x.shape:
            if isinstance(extent, Dim):
                found.extend(s for s in symbols(extent) if s not in operation.results)
    return found
