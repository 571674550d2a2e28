"""A heap of every kind of object: what each location holds, who refers to an object, what has changed since.

    Object(kind, origin)        identity: a frame's variables, an array's memory, a list, a dict, an instance
    (Object, key)               a location: a variable, an attribute, a dict key, an index, CONTENT
    heap.read(location)         the reference that it holds, O(1)
    heap.write(location, r)     ... from now on, O(1), noted in the one journal
    heap.snapshot()             O(1);  heap.undo(to) and heap.changed(since) cost what was written since

The references, predicates and stores through a choice are those of captures (:class:`autodiff.capture.heap.Heap`), in which
only arrays are on a heap.

    y = x                       (frame, "y") holds To(A)
    y[0] = 3                    (A, CONTENT) holds another leaf; x sees it, for it holds To(A) too

An object is *made* by the captured code or comes from *outside*.  What outside objects hold is asked of a
:class:`Loader` when it is first read, and holds for the whole capture, however deep in branches it was asked:
it is what was there when the call began.

The order of keys needs no table of its own: an entry remembers when its key was stored first, and undo puts
that back with it.

With ``checking`` the heap keeps an image of itself with every snapshot, and :meth:`Heap.verify` compares what it
counts and notes with what is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from autodiff.capture import heap
from autodiff.capture.predicates import Predicate, Refused
from autodiff.errors import InternalError
from autodiff.plain_data import dataclass
from tests.capture.heap_kinds import Kind, Order
from tests.capture.heap_references import (
    UNBOUND,
    Algebra,
    Choice,
    Logic,
    Maybe,
    Reference,
    To,
    bound,
    objects_of,
)


@dataclass(frozen=True)
class Made:
    """Of an object that the captured code makes: where."""

    site: Any = None


@dataclass(frozen=True)
class Outside:
    """Of an object that was there before the call: how a call reaches it."""

    path: Any


@dataclass(frozen=True)
class Argument:
    """Of an object that is an argument, or part of one: its number."""

    leaf: Any


Origin = Made | Outside | Argument


class Entry(NamedTuple):
    """What a key holds, and when it was stored first; None of what was there before the call."""

    since: int | None
    reference: Reference


class Object(heap.Object):
    """Something with identity.  What it holds is the heap's affair.

    ``like`` is what never changes of it: of Python's containers an empty one of its class, of which others are
    made (``deque(maxlen=3)`` among them).
    """

    __slots__ = (
        "entries",
        "holders",
        "is_shared",
        "kind",
        "number",
        "origin",
        "present",
        "unsure",
    )

    def __init__(self, kind: Kind, origin: Origin, like: Any, number: int) -> None:
        super().__init__(like)
        self.kind = kind
        self.origin = origin
        self.number = number  # objects are numbered as they come up
        self.entries: dict[Any, Entry] = {}
        self.present = 0  # keys bound, beyond those that were there before the call
        self.unsure = 0  # keys bound on some paths
        self.holders = 0  # times that locations refer to it
        self.is_shared = False  # whether it stands for one that others may hold (in a loop's body)

    @property
    def is_made(self) -> bool:
        """Whether the captured code makes it, so that nothing outside refers to it."""
        return isinstance(self.origin, Made)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.number}>"


class Location(NamedTuple):
    """A place that holds a reference."""

    object: Object
    key: Any


class Loader(Protocol):
    """What the objects from outside held when the call began."""

    def load(self, object: Object, key: Any) -> Reference:
        """What is there; UNBOUND where nothing is."""

    def keys(self, object: Object) -> Sequence[Any]:
        """The keys, in Python's order."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A moment: how much had been written, how many objects there were."""

    written: int
    objects: int
    stores: int
    image: dict[Object, dict[Any, Entry]] | None = None


class Change(NamedTuple):
    """What a location held at a snapshot and holds now."""

    before: Entry | None
    after: Entry | None


class Heap(heap.Heap):
    """Locations and what they hold; see the module header."""

    logic_over = Logic
    logic: Logic

    def __init__(
        self, algebra: Algebra, loader: Loader | None = None, checking: bool = False
    ) -> None:
        super().__init__(algebra)
        self.loader = loader
        self.journal: list[tuple[Object, Any, Entry | None]] = []
        self.objects = 0
        self.stores = 0
        self.loops: list[Any] = []  # those that are being studied, innermost last
        self.asked: set[Object] = set()  # objects whose identity the code has looked at
        self.checking = checking
        self.all: list[Object] = []  # where it is checked

    def new(self, kind: Kind, origin: Origin, like: Any = None) -> Object:
        """An object that holds nothing yet, or what the loader says of one from outside."""
        made = Object(kind, origin, like, self.objects)
        made.born = self.path
        self.objects += 1
        if self.checking:
            self.all.append(made)
        return made

    # -- reading ------------------------------------------------------------------------------------
    def entry(self, object: Object, key: Any) -> Entry | None:
        """The entry of a key; None where nothing is or was."""
        found = object.entries.get(key)
        if found is None and self.loader is not None and not object.is_made:
            reference = self.loader.load(object, key)
            if reference is not UNBOUND:
                # No write: what was there before the call was there on every path.
                found = object.entries[key] = Entry(None, reference)
                _count_holders(reference, 1)
        return found

    def read(self, location: tuple[Object, Any]) -> Reference:
        """What a location holds, as far as it is known on the path that is interpreted."""
        found = self.entry(*location)
        return UNBOUND if found is None else self.known(found.reference)

    def known(self, reference: Any) -> Any:
        """A reference with the choices taken that the branches around have decided."""
        if isinstance(reference, (Choice, Maybe)):
            return self.logic.known(reference, self.path)
        return reference

    def read_through(self, reference: Any, key: Any) -> Any:
        """What an object holds that is one of several; UNBOUND where it is no object."""
        if isinstance(reference, Maybe):
            found = self.read_through(reference.reference, key)
            return self.known(self.logic.join(reference.predicate, found, UNBOUND))
        if isinstance(reference, (To, Choice)):
            return super().read_through(reference, key)
        return UNBOUND

    def identical(self, a: Reference, b: Reference) -> Predicate:
        """``a is b``.  From then on it matters which objects these are."""
        self.asked.update(objects_of(a))
        self.asked.update(objects_of(b))
        return self.decided(self.logic.identical(a, b))

    def keys(self, object: Object) -> list[Any]:
        """The keys that are bound, or may be on this path, in Python's order."""
        before: Sequence[Any] = ()
        if self.loader is not None and not object.is_made:
            before = self.loader.keys(object)
        keys = [k for k in before if (e := self.entry(object, k)) and e.since is None]
        later = [(e.since, k) for k, e in object.entries.items() if e.since is not None]
        if object.kind.is_sequence:
            keys = sorted([*keys, *[k for _, k in later]])
        else:
            keys += [k for _, k in sorted(later, key=lambda pair: pair[0])]
        return [k for k in keys if self.read((object, k)) is not UNBOUND]

    def length(self, object: Object) -> int:
        """How many keys are bound, O(1) but within branches that bind some; refused where unknown."""
        if object.unsure:
            keys = self.keys(object)
            if any(isinstance(self.read((object, k)), Maybe) for k in keys):
                raise Refused(f"a {object.kind} whose length depends on a branch")
            return len(keys)
        before = 0
        if self.loader is not None and not object.is_made:
            before = len(self.loader.keys(object))
        return before + object.present

    # -- writing ------------------------------------------------------------------------------------
    def write(self, location: tuple[Object, Any], reference: Reference) -> None:
        """Let a location hold something else, or nothing."""
        object, key = location
        old = self.entry(object, key)
        since: int | None = self.stores
        if old is not None and self.known(old.reference) is not UNBOUND:
            if object.kind.order is Order.STORES and isinstance(old.reference, Maybe):
                self._refuse_two_orders(object, key, old, reference)
            since = old.since
        else:
            self.stores += 1
        new: Entry | None = Entry(since, reference)
        if reference is UNBOUND and object.is_made:
            new = None
        self.journal.append((object, key, old))
        _put(object, key, old, new)

    def _refuse_two_orders(self, object: Object, key: Any, old: Entry, new: Reference) -> None:
        """A key that is bound on some paths keeps its place on these, and comes last on the others."""
        _, before = bound(old.reference)
        _, after = bound(new)
        # On this path: it was bound wherever it will be.
        if self.logic.implies(self.logic.both(self.path, after), before):
            return
        if self.keys(object)[-1] != key:
            raise Refused(f"a {object.kind} whose keys come in an order that depends on a branch")

    def write_through(self, reference: Reference, key: Any, new: Reference) -> None:
        """Store into an object that is one of several: to each, where it is that one."""
        self.update_through(reference, key, lambda old: new)

    # -- undoing ------------------------------------------------------------------------------------
    def snapshot(self) -> Snapshot:
        """What to compare with later, or to go back to."""
        image = {x: dict(x.entries) for x in self.all} if self.checking else None
        return Snapshot(len(self.journal), self.objects, self.stores, image)

    def undo(self, to: Snapshot) -> None:
        """Have every location hold what it held then."""
        while len(self.journal) > to.written:
            object, key, old = self.journal.pop()
            _put(object, key, object.entries.get(key), old)

    def changed(self, since: Snapshot) -> dict[Location, Change]:
        """The locations that hold something else than then, in the order of their first change."""
        first: dict[Location, Entry | None] = {}
        for object, key, old in self.journal[since.written :]:
            first.setdefault(Location(object, key), old)
        found = {}
        for location, old in first.items():
            now = location.object.entries.get(location.key)
            if now is not old:
                found[location] = Change(old, now)
        return found

    # -- checking -----------------------------------------------------------------------------------
    def verify(self, since: Snapshot | None = None) -> None:
        """Raise an InternalError where the heap contradicts itself (needs ``checking``)."""
        holders: Counter[Object] = Counter()
        for x in self.all:
            self._verify_object(x)
            for entry in x.entries.values():
                holders.update(objects_of(entry.reference))
        for x in self.all:
            if x.holders != holders[x]:
                raise InternalError(f"{x} has {holders[x]} holders, {x.holders} are counted")
        if since is not None:
            self._verify_journal(since)

    def _verify_object(self, x: Object) -> None:
        present = unsure = 0
        for key, entry in x.entries.items():
            for target in objects_of(entry.reference):
                if not 0 <= target.number < self.objects:
                    raise InternalError(
                        f"{x}[{key!r}] leads to {target}, which is not of this heap"
                    )
            _refuse_unnormal(entry.reference)
            unsure += isinstance(entry.reference, Maybe)
            present += _is_bound(entry) and entry.since is not None
            if entry.since is None and x.is_made:
                raise InternalError(f"{x}, made here, holds {key!r} from before the call")
        if x.unsure != unsure or (x.is_made and x.present != present):
            raise InternalError(f"{x} has {present} keys, {unsure} of them on some paths only")
        with self.assuming(x.born):
            if self.path is not False and x.kind.is_sequence:
                keys = self.keys(x)
                if keys != list(range(len(keys))):
                    raise InternalError(f"{x} has gaps: {keys}")

    def _verify_journal(self, since: Snapshot) -> None:
        assert since.image is not None
        noted = self.changed(since)
        for x in self.all:
            before = since.image.get(x, {})
            for key in before.keys() | x.entries.keys():
                now = x.entries.get(key)
                loaded = key not in before and now is not None and now.since is None
                if now is not before.get(key) and not loaded and Location(x, key) not in noted:
                    raise InternalError(f"{x}[{key!r}] changed, and the journal does not say so")


def _is_bound(entry: Entry) -> bool:
    return entry.reference is not UNBOUND


def _put(object: Object, key: Any, old: Entry | None, new: Entry | None) -> None:
    """Exchange an entry, and count."""
    if new is None:
        object.entries.pop(key, None)
    else:
        object.entries[key] = new
    for entry, by in ((old, -1), (new, 1)):
        if entry is not None:
            object.present += by * _is_bound(entry)
            object.unsure += by * isinstance(entry.reference, Maybe)
            _count_holders(entry.reference, by)


def _count_holders(reference: Reference, by: int) -> None:
    if isinstance(reference, To):
        reference.object.holders += by
    elif isinstance(reference, (Choice, Maybe)):
        for target in objects_of(reference):
            target.holders += by


def _refuse_unnormal(reference: Reference) -> None:
    """References are built by ``Logic`` alone, which keeps their normal form."""
    if isinstance(reference, Maybe):
        if isinstance(reference.reference, (Maybe, type(UNBOUND))):
            raise InternalError("a Maybe inside of a Maybe")
        reference = reference.reference
    if isinstance(reference, Choice):
        for part in (reference.a, reference.b):
            if isinstance(part, (Maybe, type(UNBOUND))):
                raise InternalError("a Maybe inside of a Choice")
            _refuse_unnormal(part)


__all__ = [
    "Argument",
    "Change",
    "Entry",
    "Heap",
    "Loader",
    "Location",
    "Made",
    "Object",
    "Outside",
    "Snapshot",
]
