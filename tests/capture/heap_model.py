"""What names, objects and stores mean, by running them: the executable specification of capture's heap.

A trace is a small program: it binds and aliases names, makes lists, dicts, instances and arrays, loads, stores,
deletes and appends, asks for identity, branches on conditions that nobody knows, loops, and calls.  Here it
is simply run, on Python's own objects, for one assignment of the unknown conditions; :func:`paths` runs
it for every one.  A statement that Python would refuse (a name that is not bound, an index that is not there)
does nothing.

One key serves all kinds: key 0 or 1 is that index of a list, the dict key "p" or "q", the attribute
``x`` or ``y``; an array has its content only.

    x = []; y = x; if ?0: y.append(x)        (New("x", "list"), Alias("y", "x"), If(0, (Append("y", "x"),), ()))
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

KINDS = ("list", "dict", "instance", "array")


class Instance:
    """An object with attributes."""


class Array:
    """A memory that holds one number."""

    def __init__(self) -> None:
        self.content: Any = 0

    def __setitem__(self, everything: Any, value: Any) -> None:
        self.content = value


# -- the language -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Constant:
    target: str
    value: Any


@dataclass(frozen=True)
class Input:
    """A number that nobody knows before the run, another one in each iteration."""

    target: str
    label: int


@dataclass(frozen=True)
class New:
    target: str
    kind: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alias:
    target: str
    source: str


@dataclass(frozen=True)
class Load:
    target: str
    owner: str
    key: int


@dataclass(frozen=True)
class Store:
    owner: str
    key: int
    source: str


@dataclass(frozen=True)
class Append:
    owner: str
    source: str


@dataclass(frozen=True)
class Delete:
    """``del owner[key]``, or ``del owner`` without a key."""

    owner: str
    key: int | None = None


@dataclass(frozen=True)
class Is:
    target: str
    a: str
    b: str


@dataclass(frozen=True)
class Add:
    target: str
    a: str
    b: str


@dataclass(frozen=True)
class If:
    """Which side is run, nobody knows; in each iteration anew."""

    label: int
    then: Trace
    orelse: Trace


@dataclass(frozen=True)
class Repeat:
    """How often the body is run, at most ``most`` times, nobody knows."""

    label: int
    most: int
    body: Trace


@dataclass(frozen=True)
class Call:
    """A frame of its own: parameters are bound to the caller's objects, ``result`` is given back."""

    target: str
    parameters: tuple[tuple[str, str], ...]
    body: Trace
    result: str


Statement = (
    Constant | Input | New | Alias | Load | Store | Append | Delete | Is | Add | If | Repeat | Call
)
Trace = tuple[Statement, ...]

# -- running -----------------------------------------------------------------------------------------
REFUSED = (NameError, LookupError, AttributeError, TypeError)


class Oracle:
    """The answers of one path: the first ones are given, later ones are the least."""

    def __init__(self, given: list[int]) -> None:
        self.given = given
        self.asked: list[tuple[int, int]] = []  # answers, and how many there are to choose from
        self.known: dict[Any, int] = {}

    def answer(self, question: Any, choices: int = 2) -> int:
        if question not in self.known:
            k = len(self.asked)
            self.known[question] = self.given[k] if k < len(self.given) else 0
            self.asked.append((self.known[question], choices))
        return self.known[question]


def paths(trace: Trace, most: int = 64) -> Iterator[tuple[Oracle, dict[str, Any]]]:
    """Every path through a trace, and what its variables mean at the end; ``most`` of them."""
    given: list[int] | None = []
    for _ in range(most):
        assert given is not None
        oracle, variables = Oracle(given), dict[str, Any]()
        run(trace, variables, oracle, ())
        yield oracle, variables
        given = following(oracle.asked)
        if given is None:
            return


def following(asked: list[tuple[int, int]]) -> list[int] | None:
    """The answers of the path after this one."""
    for k in range(len(asked) - 1, -1, -1):
        answer, choices = asked[k]
        if answer + 1 < choices:
            return [a for a, _ in asked[:k]] + [answer + 1]
    return None


def run(trace: Trace, names: dict[str, Any], oracle: Oracle, where: tuple[int, ...]) -> None:
    """Run a trace; ``where`` are the numbers of the iterations around it."""
    for statement in trace:
        try:
            step(statement, names, oracle, where)
        except REFUSED:
            pass


def step(s: Statement, names: dict[str, Any], oracle: Oracle, where: tuple[int, ...]) -> None:
    match s:
        case Constant(target, value):
            names[target] = value
        case Input(target, label):
            names[target] = unknown(label, where)
        case New(target, kind, parts):
            names[target] = make(kind, [names[part] for part in parts])
        case Alias(target, source):
            names[target] = names[source]
        case Load(target, owner, key):
            names[target] = load(names[owner], key)
        case Store(owner, key, source):
            store(names[owner], key, names[source])
        case Append(owner, source):
            items(names[owner]).append(names[source])
        case Delete(owner, None):
            del names[owner]
        case Delete(owner, key):
            delete(names[owner], key)
        case Is(target, a, b):
            names[target] = thing(names[a]) is thing(names[b])
        case Add(target, a, b):
            names[target] = number(names[a]) + number(names[b])
        case If(label, then, orelse):
            run(then if oracle.answer(("if", label, where)) else orelse, names, oracle, where)
        case Repeat(label, most, body):
            for k in range(oracle.answer(("repeat", label, where), most + 1)):
                run(body, names, oracle, (*where, k))
        case Call(target, parameters, body, result):
            inner = {name: names[outer] for name, outer in parameters}
            run(body, inner, oracle, where)
            names[target] = inner[result]


def unknown(label: int, where: tuple[int, ...]) -> int:
    """The number that an input is."""
    number = 1000 + label
    for k in where:
        number = 10 * number + k
    return number


def number(x: Any) -> Any:
    if not isinstance(x, (int, float)):
        raise TypeError("not a number")
    return x


def thing(x: Any) -> Any:
    if isinstance(x, (int, float)):
        raise TypeError("numbers have no identity here")
    return x


def items(x: Any) -> list[Any]:
    if type(x) is not list:
        raise TypeError("not a list")
    return x


def make(kind: str, parts: list[Any]) -> Any:
    made: Any = {"list": list, "dict": dict, "instance": Instance, "array": Array}[kind]()
    for key, part in enumerate(parts[:1] if kind == "array" else parts):
        if kind == "list":
            made.append(part)
        else:
            store(made, key, part)
    return made


def load(x: Any, key: int) -> Any:
    if isinstance(x, Array):
        return x.content
    if isinstance(x, Instance):
        return getattr(x, "xy"[key])
    return x["pq"[key]] if type(x) is dict else items(x)[key]


def store(x: Any, key: int, value: Any) -> None:
    if isinstance(x, Array):
        x.content = number(value)
    elif isinstance(x, Instance):
        setattr(x, "xy"[key], value)
    elif type(x) is dict:
        x["pq"[key]] = value
    else:
        items(x)[key] = value


def delete(x: Any, key: int) -> None:
    if isinstance(x, Instance):
        delattr(x, "xy"[key])
    elif type(x) is dict:
        del x["pq"[key]]
    else:
        del items(x)[key]
