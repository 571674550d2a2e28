"""An interpreter of the traces of ``heap_model`` that knows no condition: it works on capture's heap.

What it leaves is looked at for one path at a time: leaves and predicates are expressions, evaluated with the
answers that an oracle has given.  It does what capture's interpreter does, in the small: a statement whose
operands may not be there, or be of two kinds, is a branch; a branch is two outcomes that merge; a loop is carried,
or its first iteration is peeled.  Where the heap refuses a branch, the answer of the oracle is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autodiff.capture.heap import CONTENT
from autodiff.capture.predicates import Node, Refused
from tests.capture import heap_model as model
from tests.capture.heap_carries import Carried, carry
from tests.capture.heap_entries import Heap, Made, Object, Snapshot
from tests.capture.heap_kinds import ARRAY, DICT, INSTANCE, LIST, VARIABLES, Kind
from tests.capture.heap_kinds import kind_of as kind_of_container
from tests.capture.heap_merge import Outcome, merge, run
from tests.capture.heap_model import Instance, Oracle
from tests.capture.heap_originals import Originals
from tests.capture.heap_references import (
    UNBOUND,
    Choice,
    Leaf,
    Maybe,
    Reference,
    Static,
    To,
    Unbound,
    alternatives,
    bound,
)

MOST_SPLITS = 4  # conditions that one statement is done under; then they are decided

KINDS: dict[str, tuple[Kind, Any]] = {
    "list": (LIST, []),
    "dict": (DICT, {}),
    "instance": (INSTANCE, Instance()),
    "array": (ARRAY, None),
}


# -- leaves ---------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Expression:
    """What a leaf is: an operation and its operands; one object for each."""

    kind: str
    operands: tuple[Any, ...]


@dataclass(eq=False)
class Loop:
    """A loop whose results are expressions."""

    question: Any
    start: int
    index: Expression
    carried: Carried | None = None


class Algebra:
    """Leaves as expressions; types are dynamic but for truth values."""

    def __init__(self) -> None:
        self.known: dict[Any, Expression] = {}
        self.operations = 0

    def make(self, kind: str, *operands: Any) -> Expression:
        key = (kind, *[x if isinstance(x, Expression) else (type(x), repr(x)) for x in operands])
        if key not in self.known:
            self.known[key] = Expression(kind, operands)
            self.operations += 1
        return self.known[key]

    def hole(self, *name: Any) -> Expression:
        self.operations += 1
        return Expression("hole", (*name, self.operations))

    def key(self, leaf: Any) -> Any:
        return leaf

    def lift(self, x: Any) -> Expression | None:
        return self.make("constant", x) if isinstance(x, (bool, int, float)) else None

    def select(self, p: Any, a: Any, b: Any) -> Expression:
        return a if a is b else self.make("select", p, a, b)

    def negated(self, p: Any) -> Expression:
        return self.make("not", p)

    def both(self, p: Any, q: Any) -> Expression:
        return self.make("and", p, q)

    def either(self, p: Any, q: Any) -> Expression:
        return self.make("or", p, q)

    def type_of(self, leaf: Any) -> str:
        if leaf.kind == "constant":
            return type(leaf.operands[0]).__name__
        return leaf.operands[0] if leaf.kind == "hole" else "number"

    def widened(self, type: str, other: str) -> str:
        return type if type == other else "number"

    def placeholder(self, type: str) -> Expression:
        return self.hole(type)

    def filler(self, type: str) -> Expression:
        return self.make("constant", 0)

    def equal(self, a: Any, b: Any) -> Any:
        if a is b:
            return True
        if a.kind == b.kind == "constant":
            return a.operands == b.operands
        return self.make("equal", a, b)

    def numbered(self, index: Any, step: int, offset: int) -> Expression:
        return self.make("numbered", index, step, offset)


class Evaluation:
    """The values of expressions on one path."""

    def __init__(self, oracle: Oracle, holes: dict[Expression, Any] | None = None) -> None:
        self.oracle = oracle
        self.holes = holes or {}
        self.known: dict[Expression, Any] = {}
        self.loops: dict[Loop, list[Any]] = {}

    def holds(self, p: Any) -> bool:
        while isinstance(p, Node):
            p = p.high if self.value(p.atom) else p.low
        return p if isinstance(p, bool) else bool(self.value(p))

    def value(self, x: Expression) -> Any:
        if x not in self.known:
            self.known[x] = self.holes[x] if x.kind == "hole" else self._compute(x.kind, x.operands)
        return self.known[x]

    def _compute(self, kind: str, operands: tuple[Any, ...]) -> Any:
        if kind == "constant":
            return operands[0]
        if kind == "select":
            p, a, b = operands
            return self.value(a if self.value(p) else b)
        if kind == "input":
            return model.unknown(operands[0], self.where(operands[1]))
        if kind == "asked":
            return bool(self.answer(("if", operands[0], self.where(operands[1]))))
        if kind == "more":
            return self.answer(("repeat", operands[0], self.where(operands[1]))) > operands[2]
        if kind == "loop":
            loop, k = operands
            return self.results(loop)[k]
        if kind == "numbered":
            return self.value(operands[0]) * operands[1] + operands[2]
        values = [self.value(x) for x in operands]
        if kind == "not":
            return not values[0]
        a, b = values
        return {"and": a and b, "or": a or b, "equal": a == b, "add": a + b}[kind]

    def answer(self, question: Any) -> int:
        return self.oracle.known.get(question, 0)

    def where(self, path: tuple[Any, ...]) -> tuple[int, ...]:
        return tuple(k if isinstance(k, int) else self.value(k[0]) + k[1] for k in path)

    def results(self, loop: Loop) -> list[Any]:
        if loop not in self.loops:
            assert loop.carried is not None
            slots = loop.carried.slots
            values = [self.value(slot.start) for slot in slots]
            label, where = loop.question
            trips = self.answer(("repeat", label, self.where(where)))
            for k in range(trips - loop.start):
                holes = dict(zip([slot.placeholder for slot in slots], values, strict=True))
                inner = Evaluation(self.oracle, {**self.holes, **holes, loop.index: k})
                values = [inner.value(slot.end) for slot in slots]
            self.loops[loop] = values
        return self.loops[loop]

    def resolve(self, reference: Reference) -> Any:
        """The object, the number or other value that a reference is; UNBOUND where it is nothing."""
        while isinstance(reference, (Choice, Maybe)):
            if isinstance(reference, Maybe):
                reference = reference.reference if self.holds(reference.predicate) else UNBOUND
            else:
                reference = reference.a if self.holds(reference.predicate) else reference.b
        if isinstance(reference, To):
            return reference.object
        if isinstance(reference, Unbound):
            return UNBOUND
        return reference.value if isinstance(reference, Static) else self.value(reference.value)


# -- the interpreter --------------------------------------------------------------------------------
class Split(Exception):
    """What a statement does depends on a predicate."""

    def __init__(self, predicate: Any) -> None:
        self.predicate = predicate


class Nothing(Exception):
    """Python would refuse the statement."""


@dataclass
class Machine:
    """See the module header."""

    oracle: Oracle | None = None  # where branches are decided that do not merge
    checking: bool = True
    where: tuple[Any, ...] = ()
    rolled: int = 0
    splits: int = 0  # that the statement being done is in
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.algebra = Algebra()
        self.heap = Heap(self.algebra, checking=self.checking)
        self.frame = self.heap.new(VARIABLES, Made("frame"))

    def run(self, trace: model.Trace) -> None:
        saved, self.splits = self.splits, 0
        for statement in trace:
            self.do(statement)
            if self.checking:
                self.heap.verify()
        self.splits = saved

    def do(self, statement: model.Statement) -> None:
        before = self.heap.snapshot()
        try:
            try:
                self.step(statement)
            except Refused:
                self.heap.undo(before)
                self.split_operands(statement)
                raise
        except Nothing:
            pass
        except Split as split:
            self.heap.undo(before)
            self.splits += 1
            try:
                again = lambda: self.do(statement)
                self.branch(split.predicate, again, again, self.splits > MOST_SPLITS)
            finally:
                self.splits -= 1

    def branch(
        self, p: Any, then: Callable[[], Any], orelse: Callable[[], Any], is_decided: bool = False
    ) -> None:
        heap = self.heap

        def side(thunk: Callable[[], Any], holds: bool) -> Any:
            with heap.assuming(p, holds):
                return run(heap, lambda: thunk() or ())

        before = heap.snapshot()
        try:
            if is_decided:
                raise Refused("a statement that depends on too many conditions")
            self.merged(p, side(then, True), side(orelse, False))
        except Refused as refused:
            self.reasons.append(refused.reason)
            heap.undo(before)
            taken = self.decide(p, refused)
            with heap.assuming(p, taken):
                (then if taken else orelse)()

    def merged(self, p: Any, then: Outcome, orelse: Outcome) -> None:
        merge(self.heap, p, then, orelse)

    def decide(self, p: Any, refused: Refused) -> bool:
        if self.oracle is None:
            raise refused
        try:
            return Evaluation(self.oracle).holds(p)
        except KeyError:  # another one in each iteration
            raise refused from None

    def split_operands(self, statement: model.Statement) -> None:
        """Where a statement is refused that has an operand which is one of several: do it for each."""
        if isinstance(statement, (model.If, model.Repeat, model.Call)):
            return
        for name in vars(statement).values():
            if isinstance(name, str) and isinstance(self.read(name), (Choice, Maybe)):
                raise Split(self.read(name).predicate)
        if isinstance(statement, (model.Store, model.Delete)) and statement.key is not None:
            reference, kind = self.owner(statement.owner)
            found = self.heap.read_through(reference, key_of(kind, statement.key))
            if isinstance(found, Maybe):
                raise Split(found.predicate)

    # -- names and objects
    def read(self, name: str) -> Any:
        return self.heap.read((self.frame, name))

    def value(self, name: str) -> Reference:
        """What a name means; a branch where it may be bound or not."""
        return self.present(self.heap.read((self.frame, name)))

    def present(self, reference: Reference) -> Reference:
        if isinstance(reference, Maybe):
            raise Split(reference.predicate)
        if reference is UNBOUND:
            raise Nothing
        return reference

    def owner(self, name: str) -> tuple[Reference, Kind]:
        """An object, or one of several of one kind."""
        reference = self.value(name)
        found = list(alternatives(reference))
        kinds = {x.object.kind if isinstance(x, To) else None for x in found}
        if len(kinds) > 1:
            assert isinstance(reference, Choice)
            raise Split(reference.predicate)
        (kind,) = kinds
        if kind is None:
            raise Nothing
        return reference, kind

    def number(self, name: str) -> Any:
        reference = self.value(name)
        leaf = self.heap.logic.number(reference)
        if leaf is None and isinstance(reference, Choice):
            raise Split(reference.predicate)
        if leaf is None:
            raise Nothing
        return leaf

    def single(self, reference: Reference) -> Object:
        if isinstance(reference, Choice):
            raise Split(reference.predicate)
        assert isinstance(reference, To)
        return reference.object

    def bind(self, name: str, reference: Reference) -> None:
        self.heap.write((self.frame, name), reference)

    # -- statements
    def step(self, s: model.Statement) -> None:
        make = self.algebra.make
        match s:
            case model.Constant(target, value):
                self.bind(target, Static(value))
            case model.Input(target, label):
                self.bind(target, Leaf(make("input", label, self.where)))
            case model.New(target, kind, parts):
                self.new(target, kind, parts)
            case model.Alias(target, source):
                self.bind(target, self.value(source))
            case model.Load(target, owner, key):
                reference, kind = self.owner(owner)
                found = self.heap.read_through(reference, key_of(kind, key))
                self.bind(target, self.present(found))
            case model.Store(owner, key, source):
                self.store(*self.owner(owner), key, source)
            case model.Append(owner, source):
                self.append(*self.owner(owner), source)
            case model.Delete(owner, None):
                self.value(owner)
                self.bind(owner, UNBOUND)
            case model.Delete(owner, key):
                self.delete(*self.owner(owner), key)
            case model.Is(target, a, b):
                same = self.heap.identical(self.thing(a), self.thing(b))
                known = isinstance(same, bool)
                self.bind(target, Static(same) if known else Leaf(self.heap.logic.leaf(same)))
            case model.Add(target, a, b):
                self.bind(target, Leaf(make("add", self.number(a), self.number(b))))
            case model.If(label, then, orelse):
                asked = make("asked", label, self.where)
                self.branch(asked, lambda: self.run(then), lambda: self.run(orelse))
            case model.Repeat():
                self.repeat(s, 0)
            case model.Call(target, parameters, body, result):
                self.call(target, parameters, body, result)

    def new(self, target: str, kind: str, parts: tuple[str, ...]) -> None:
        references = [self.value(part) for part in parts]
        if kind == "array":
            leaf = self.number(parts[0]) if parts else self.algebra.lift(0)
            references = [Leaf(leaf)]
        row, like = KINDS[kind]
        made = self.heap.new(row, Made("display"), like)
        for key, reference in enumerate(references):
            self.heap.write((made, key_of(row, key)), reference)
        self.bind(target, To(made))

    def store(self, reference: Reference, kind: Kind, key: int, source: str) -> None:
        at = key_of(kind, key)
        new = Leaf(self.number(source)) if kind is ARRAY else self.value(source)
        if kind is LIST:
            self.present(self.heap.read_through(reference, at))
        self.heap.write_through(reference, at, new)

    def append(self, reference: Reference, kind: Kind, source: str) -> None:
        if kind is not LIST:
            raise Nothing
        new = self.value(source)
        self.append_through(reference, lambda old: new)

    def append_through(
        self, reference: Reference, change: Callable[[Reference], Reference]
    ) -> None:
        join = self.heap.logic.join
        if isinstance(reference, To):
            self.settle_length(reference.object)
            place = (reference.object, self.heap.length(reference.object))
            self.heap.write(place, change(UNBOUND))
        elif isinstance(reference, Choice):
            p = reference.predicate
            self.append_through(reference.a, lambda old: join(p, change(old), old))
            self.append_through(reference.b, lambda old: join(p, old, change(old)))

    def settle_length(self, items: Object) -> None:
        """Know which items a list has."""
        if items.unsure:
            for key in self.heap.keys(items):
                self.present(self.heap.read((items, key)))

    def delete(self, reference: Reference, kind: Kind, key: int) -> None:
        if kind is ARRAY:
            raise Nothing
        at = key_of(kind, key)
        self.present(self.heap.read_through(reference, at))
        if kind is not LIST:
            self.heap.write_through(reference, at, UNBOUND)
            return
        items = self.single(reference)
        self.settle_length(items)
        n = self.heap.length(items)
        for k in range(key, n - 1):
            self.heap.write((items, k), self.heap.read((items, k + 1)))
        self.heap.write((items, n - 1), UNBOUND)

    def split_of(self, reference: Reference) -> Any:
        assert isinstance(reference, Choice)
        return reference.predicate

    def thing(self, name: str) -> Reference:
        reference = self.value(name)
        numbers = {self.heap.logic.number(x) is not None for x in alternatives(reference)}
        if len(numbers) > 1:
            raise Split(self.split_of(reference))
        if numbers == {True}:
            raise Nothing
        return reference

    def call(
        self, target: str, parameters: tuple[tuple[str, str], ...], body: model.Trace, result: str
    ) -> None:
        given = [(name, self.value(outer)) for name, outer in parameters]
        caller, self.frame = self.frame, self.heap.new(VARIABLES, Made("frame"))
        try:
            for name, reference in given:
                self.bind(name, reference)
            self.run(body)
            found, has = bound(self.heap.read((self.frame, result)))
            for name in self.heap.keys(self.frame):
                self.bind(name, UNBOUND)
        finally:
            self.frame = caller
        if has is True:
            self.bind(target, found)
        elif has is not False:
            self.branch(has, lambda: self.bind(target, found), lambda: None)

    # -- loops
    def repeat(self, s: model.Repeat, start: int) -> None:
        """From iteration ``start`` on."""
        if start == s.most:
            return
        before = self.heap.snapshot()
        try:
            self.roll(s, start)
            return
        except Refused as refused:
            self.reasons.append(refused.reason)
            self.heap.undo(before)

        def peeled() -> None:
            self.iteration(s, start)
            self.repeat(s, start + 1)

        self.branch(self.more(s, start), peeled, lambda: None)

    def more(self, s: model.Repeat, start: int) -> Expression:
        return self.algebra.make("more", s.label, self.where, start)

    def iteration(self, s: model.Repeat, k: Any) -> None:
        saved = self.where
        self.where = (*saved, k)
        try:
            self.run(s.body)
        finally:
            self.where = saved

    def roll(self, s: model.Repeat, start: int) -> None:
        loop = Loop((s.label, self.where), start, self.algebra.hole("index"))
        loop.carried = carry(
            self.heap,
            lambda: self.iteration(s, (loop.index, start)),
            lambda attempt: attempt(),
            loop.index,
            s.label,
        )
        results = [self.algebra.make("loop", loop, k) for k in range(len(loop.carried.slots))]
        loop.carried.finish(results, self.more(s, start))
        self.rolled += 1


def key_of(kind: Kind, key: int) -> Any:
    if kind is ARRAY:
        return CONTENT
    return {DICT: "pq"[key], INSTANCE: "xy"[key]}.get(kind, key)


# -- looking at what it leaves -------------------------------------------------------------------------
def difference(machine: Machine, oracle: Oracle, expected: dict[str, Any]) -> str | None:
    """Where the heap, on one path, does not hold what the model has; identity included."""
    values = Evaluation(oracle)
    twins: dict[int, Any] = {}
    seen: dict[Object, int] = {}

    def parts(x: Any) -> dict[Any, Any]:
        if isinstance(x, dict):
            return x
        if isinstance(x, list):
            return dict(enumerate(x))
        return {CONTENT: x.content} if isinstance(x, model.Array) else vars(x)

    def compare(at: str, mine: Object, other: Any, ordered: bool) -> str | None:
        held = {
            key: found
            for key in machine.heap.keys(mine)
            if (found := values.resolve(machine.heap.read((mine, key)))) is not UNBOUND
        }
        keys, wanted = list(held), list(parts(other))
        if keys != wanted and (ordered or set(keys) != set(wanted)):
            return f"{at} has the keys {keys}, expected {wanted}"
        for key, x in parts(other).items():
            found = look(f"{at}[{key!r}]", held[key], x)
            if found is not None:
                return found
        return None

    def look(at: str, mine: Any, other: Any) -> str | None:
        if not isinstance(mine, Object):
            same = type(mine) is type(other) and mine == other
            return None if same else f"{at} is {mine!r}, expected {other!r}"
        if id(other) in twins or mine in seen:
            same = twins.get(id(other)) is mine and seen.get(mine) == id(other)
            return None if same else f"{at} is {mine}, which is another object than expected"
        if KIND_OF.get(type(other)) is not mine.kind:
            return f"{at} is a {mine.kind}, expected {other!r}"
        twins[id(other)], seen[mine] = mine, id(other)
        return compare(at, mine, other, True)

    return compare("frame", machine.frame, expected, False)


KIND_OF = {list: LIST, dict: DICT, Instance: INSTANCE, model.Array: ARRAY}


# -- objects from before the call ----------------------------------------------------------------------
def kind_of(x: Any) -> Kind | None:
    """The kind of an object of the model."""
    return ARRAY if isinstance(x, model.Array) else kind_of_container(x)


def machine_on(
    variables: dict[str, Any], oracle: Oracle | None = None
) -> tuple[Machine, Originals, Snapshot]:
    """A machine whose variables begin with Python objects that were there before."""
    machine = Machine(oracle, checking=oracle is None)

    def lift(x: Any, path: Any) -> Any:
        return machine.algebra.lift(x.content if isinstance(x, model.Array) else x)

    originals = Originals(lift, kind_of)
    originals.heap, machine.heap.loader = machine.heap, originals
    for name, x in variables.items():
        machine.bind(name, originals.reference(x, (name,)))
    return machine, originals, machine.heap.snapshot()


class AfterRun(Evaluation):
    """What is known when the program has run along one path."""

    def __init__(self, oracle: Oracle, originals: Originals) -> None:
        super().__init__(oracle)
        self.originals = originals

    def existing(self, object: Object) -> Any:
        return self.originals.originals[object]

    def array(self, object: Object, content: Any) -> Any:
        made = model.Array()
        made.content = self.resolve(content)
        return made


def same_graph(mine: Any, other: Any) -> bool:
    """Whether two graphs of Python objects are alike, identity and the order of keys included."""
    twins: dict[int, Any] = {}
    back: dict[int, Any] = {}
    pending = [(mine, other)]
    while pending:
        x, y = pending.pop()
        if type(x) is not type(y):
            return False
        if not isinstance(x, (list, dict, Instance, model.Array)):
            if x != y:
                return False
            continue
        if id(x) in twins or id(y) in back:
            if twins.get(id(x)) is not y or back.get(id(y)) is not x:
                return False
            continue
        twins[id(x)], back[id(y)] = y, x
        parts = [
            z if isinstance(z, dict) else dict(enumerate(z)) if isinstance(z, list) else vars(z)
            for z in (x, y)
        ]
        if list(parts[0]) != list(parts[1]):
            return False
        pending += zip(parts[0].values(), parts[1].values(), strict=True)
    return True
