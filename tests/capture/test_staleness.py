"""The world changes between calls: one compiled object always gives what plain Python gives.

Each case is a generator: it yields a function first, then changes something and yields again.
After every change the value is compared with plain Python, and the gradient with one made anew.
"""

import abc
import builtins
import collections
import collections.abc
import copy
import enum
import functools
import math
import operator
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import FallbackWarning
from tests.capture.support import same, uncompiled_allowed

V = np.array([0.5, 1.5, 2.5])
World = Iterator[Any]
COMPILED: list[Callable[[], World]] = []
UNCOMPILED: list[Callable[[], World]] = []  # right, and run as plain Python


def compiled(world: Callable[[], World]) -> Callable[[], World]:
    COMPILED.append(world)
    return world


def uncompiled(world: Callable[[], World]) -> Callable[[], World]:
    UNCOMPILED.append(world)
    return world


def total_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: np.sum(function(x))


def outcome(function: Callable[..., Any], x: np.ndarray) -> Any:
    try:
        return function(x.copy())
    except FallbackWarning:
        raise
    except Exception as error:
        return type(error), str(error).split("\n")[0]


def check(world: Callable[[], World]) -> None:
    steps = world()
    function = next(steps)
    ours = autodiff.function(function)
    slope = autodiff.gradient(total_of(function))
    while True:
        expected = outcome(function, V)
        same(outcome(ours, V), expected)
        if not isinstance(expected, tuple):
            same(outcome(slope, V), autodiff.gradient(total_of(function))(V))
        try:
            next(steps)
        except StopIteration:
            return


@pytest.mark.parametrize("world", COMPILED, ids=lambda w: w.__name__)
def test_compiled_code_follows_the_world(world) -> None:
    check(world)


@pytest.mark.parametrize("world", UNCOMPILED, ids=lambda w: w.__name__)
def test_what_is_not_compiled_follows_the_world(world) -> None:
    with uncompiled_allowed():
        check(world)


# -- arrays and numbers --------------------------------------------------------------------------------
@compiled
def an_array_becomes_something_else() -> World:
    w: Any = np.ones(3)
    yield lambda x: w + w + 0 * x[0]
    for w in (np.ones(3, np.float32), np.ones(3, int), np.ones(3, bool), np.full(3, 2.0)):
        yield
    for w in (1.0, np.array(1.0), np.float64(1.0), np.ones((2, 3))):
        yield


@uncompiled
def an_array_becomes_none_or_text() -> World:
    w: Any = np.ones(3)
    yield lambda x: w * x
    for w in (None, "a", np.ones(3), [1.0, 2.0, 3.0], (1.0, 2.0, 3.0)):
        yield


@compiled
def arrays_that_are_no_inputs() -> World:
    names, dates = np.array(["a", "b"]), np.array(["2020-01-01"], "M8[D]")
    phases, records = np.array([1 + 2j, 3]), np.zeros(2, [("a", float)])
    yield (
        lambda x: (
            x * (2 if names[0] == "a" else 3) * float(phases[0].real)
            + records["a"][0]
            + dates[0].astype(int) % 7
        )
    )
    names[0] = "z"
    yield
    phases[0] = 5
    yield
    records["a"][0] = 4.0
    yield
    dates[0] = np.datetime64("2020-01-05")
    yield


@uncompiled
def arrays_of_objects_and_masked_arrays() -> World:
    objects = np.array([1.0, None], object)
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    yield lambda x: x * objects[0] * float(masked.sum())
    objects[0] = 4.0
    yield
    masked[0] = 5.0
    yield


@compiled
def a_memory_map_changes(tmp: Any = None) -> World:
    import tempfile

    with tempfile.TemporaryFile() as file:
        held = np.memmap(file, float, "w+", shape=3)
        held[:] = 1.0
        yield lambda x: held * x + held[0]
        held[0] = 5.0
        yield


# -- methods, partials, getters --------------------------------------------------------------------------
class Gadget:
    def __init__(self, k: float = 2.0) -> None:
        self.k, self.w = k, np.ones(3)

    def scaled(self, x: Any) -> Any:
        return self.k * self.w * x

    def __call__(self, x: Any) -> Any:
        return self.k * x


@compiled
def bound_methods_in_variables_and_containers() -> World:
    gadget = Gadget()
    method, table, calls = gadget.scaled, {"m": gadget.scaled}, [gadget.scaled]
    holder = types.SimpleNamespace(back=gadget.scaled)
    yield lambda x: method(x) + table["m"](x) + sum(f(x) for f in calls) + holder.back(x)
    gadget.k = 3.0
    yield
    gadget.w[0] = 4.0
    yield
    gadget.w = np.zeros(3)
    yield
    method = Gadget(7.0).scaled
    yield
    holder.back = Gadget(9.0).scaled
    yield
    holder.back.__self__.k = 1.0
    yield
    calls[0].__self__.k = 8.0
    yield


@compiled
def bound_methods_in_classes() -> World:
    class Scale:
        def __init__(self, by: float) -> None:
            self.by = by

        def __call__(self, x: Any) -> Any:
            return self.by * x

        of = __call__

    class Namespace:
        stored = Scale(2.0).of
        static = staticmethod(Scale(3.0).of)
        table: Any = {"f": Scale(4.0).of}

    yield lambda x: Namespace.stored(x) + Namespace.static(x) + Namespace.table["f"](x)
    Namespace.stored = Scale(5.0).of
    yield
    Namespace.static = staticmethod(Scale(6.0).of)
    yield
    Namespace.table["f"] = Scale(7.0).of
    yield
    Namespace.stored.__self__.by = 8.0
    yield


@compiled
def partials() -> World:
    gadget = Gadget()

    def affine(a: Any, x: Any, c: Any = 1.0) -> Any:
        return a * x + c

    made = functools.partial(affine, 2.0, c=3.0)
    of_method = functools.partial(gadget.scaled)
    yield lambda x: made(x) + of_method(x)
    made = functools.partial(affine, 5.0, c=3.0)
    yield
    made.keywords["c"] = 9.0
    yield
    gadget.k = 4.0
    yield
    made = functools.partial(np.power, 2.0)
    yield


@compiled
def methods_of_arrays_and_containers_that_were_kept() -> World:
    matrix, table, items = np.arange(9.0).reshape(3, 3), {"a": 2.0}, [1.0, 2.0]
    dot, get, at = matrix.dot, table.get, items.__getitem__
    first, name = operator.itemgetter("a"), operator.attrgetter("k")
    gadget = Gadget()
    yield lambda x: dot(x) * get("a") * at(0) + first(table) + name(gadget)
    matrix[0, 0] = 7.0
    yield
    dot = (2 * matrix).dot
    yield
    table["a"] = 3.0
    yield
    items[0] = 5.0
    yield
    gadget.k = 8.0
    yield
    name = operator.attrgetter("k.real")
    yield


@compiled
def overloads_by_the_class_of_the_argument() -> World:
    @functools.singledispatch
    def twice(x: Any) -> Any:
        return x * 1.0

    @twice.register(np.ndarray)
    def of_arrays(x: Any) -> Any:
        return x * 3

    table = {np.ndarray: lambda x: x * 2}
    yield lambda x: twice(x) + table[x.__class__](x) + len(x.__class__.__name__)
    twice.register(np.ndarray, lambda x: x * 7)
    yield
    table[np.ndarray] = np.sin
    yield


# -- objects ----------------------------------------------------------------------------------------------
@compiled
def attributes_that_getattr_makes() -> World:
    class Lazy:
        def __init__(self) -> None:
            self.table = {"a": 2.0}

        def __getattr__(self, name: str) -> Any:
            if name == "table" or name not in self.table:
                raise AttributeError(name)
            return self.table[name]

    lazy: Any = Lazy()
    yield lambda x: lazy.a * x + (lazy.b if hasattr(lazy, "b") else 0.0)
    lazy.table["a"] = 3.0
    yield
    lazy.a = 10.0
    yield
    del lazy.a
    yield
    lazy.table["b"] = 1.0
    yield
    Lazy.a = 4.0  # type: ignore[attr-defined]
    yield


class Weighed:
    """A class that says what truth, equality, order, containment and numbers are."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def __lt__(self, other: Any) -> bool:
        return bool(self.a < other.a)

    def __eq__(self, other: Any) -> bool:
        return bool(self.a == other.a)

    def __hash__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return bool(self.a > 0)

    def __contains__(self, x: Any) -> bool:
        return bool(x == self.a)

    def __float__(self) -> float:
        return float(self.a)

    def __int__(self) -> int:
        return int(self.a)

    def __iadd__(self, other: Any) -> Any:
        return self.a + other

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([self.a, 1.0])

    def __repr__(self) -> str:
        return f"Weighed({self.a})"

    def __round__(self, n: int = 0) -> Any:
        return round(self.a, n)


def _of_weighed(f: Callable[[Any, Any, Any], Any]) -> Callable[[], World]:
    def world() -> World:
        p, q = Weighed(2.0), Weighed(3.0)
        yield lambda x: f(x, p, q)
        for p.a in (20.0, -1.0, 3.0):
            yield

    return world


SEEN = {
    "if": lambda x, p, q: (2 if p else 3) * x,
    "not": lambda x, p, q: (2 if not p else 3) * x,
    "and": lambda x, p, q: (p and q).a * x,
    "any": lambda x, p, q: any([p, q]) * x + all([p, q]),
    "filter": lambda x, p, q: len(list(filter(None, [p, q]))) * x,
    "comprehension": lambda x, p, q: sum(v.a for v in (p, q) if v) * x,
    "in": lambda x, p, q: (3.0 in p) * x,
    "equal": lambda x, p, q: (p == q) * x,
    "float": lambda x, p, q: float(p) * x,
    "int": lambda x, p, q: int(p) * x,
    "array": lambda x, p, q: np.asarray(p)[0] * x,
    "key": lambda x, p, q: max([p, q], key=lambda v: v.a).a * x,
}
UNSEEN = {
    "in list": lambda x, p, q: (p in [q]) * x,
    "index": lambda x, p, q: [p, q].index(q) * x,
    "sorted": lambda x, p, q: sorted([p, q])[0].a * x,
    "max": lambda x, p, q: max(p, q).a * x,
    "text": lambda x, p, q: (len(str(p)) + len(f"{p}") + len("%s" % p)) * x,
    "copy": lambda x, p, q: copy.copy(p).a * x + copy.deepcopy(p).a,
    "round": lambda x, p, q: round(p, 1) * x,
}


@pytest.mark.parametrize("name", SEEN)
def test_special_methods_of_objects_from_outside_are_interpreted(name) -> None:
    check(_of_weighed(SEEN[name]))


@pytest.mark.parametrize("name", UNSEEN)
def test_what_python_itself_reads_of_objects_from_outside_is_not_frozen(name) -> None:
    with uncompiled_allowed():
        check(_of_weighed(UNSEEN[name]))


@compiled
def in_place_operators_of_a_class() -> World:
    p = Weighed(2.0)

    def f(x: Any) -> Any:
        y: Any = p
        y += x[0]
        return y * x

    yield f
    p.a = 5.0
    yield


@compiled
def classes_that_make_their_instances() -> World:
    factor = 2.0

    class Scaled:
        def __new__(cls, x: Any) -> Any:
            made = super().__new__(cls)
            made.extra = factor  # type: ignore[attr-defined]
            return made

        def __init__(self, x: Any) -> None:
            self.x = x

        def __class_getitem__(cls, k: Any) -> Any:
            return k * factor

    yield lambda x: Scaled(x).x * Scaled(x).extra + Scaled[3.0]  # type: ignore[attr-defined]
    factor = 5.0
    yield


@compiled
def bases_and_abstract_methods() -> World:
    class Base(abc.ABC):
        k = 1.0

        @abc.abstractmethod
        def g(self, x: Any) -> Any: ...

        def h(self, x: Any) -> Any:
            return self.g(x) * self.k

    class One(Base):
        def g(self, x: Any) -> Any:
            return x + 1

    class Two(Base):
        def g(self, x: Any) -> Any:
            return x - 1

    objects: list[Any] = [One(), Two()]
    yield lambda x: sum((i + 1) * o.h(x) for i, o in enumerate(objects))
    objects.reverse()
    yield
    Base.k = 3.0
    yield
    Two.g = lambda self, x: 100 * x  # type: ignore[method-assign,assignment]
    yield
    objects[0].k = 9.0
    yield


# -- containers -------------------------------------------------------------------------------------------
class Level(enum.IntEnum):
    LOW = 1


class Kind(enum.Enum):
    A = 1


@compiled
def dictionaries_with_any_keys() -> World:
    keys = [Level.LOW, Kind.A, np.float64(1.5), None, (1, Kind.A), math.inf, frozenset([1]), b"q"]
    table = {key: float(k) for k, key in enumerate(keys)}
    yield (
        lambda x: x * sum((k + 1) * table[key] for k, key in enumerate(keys)) + sum(table.values())
    )
    for key in keys:
        table[key] += 1.0
        yield


@compiled
def containers_of_the_standard_library() -> World:
    class Numbers(list):  # type: ignore[type-arg]
        pass

    class Table(dict):  # type: ignore[type-arg]
        pass

    class Missing(dict):  # type: ignore[type-arg]
        default = 2.0

        def __missing__(self, key: Any) -> Any:
            return self.default

    queue, ordered = collections.deque([1.0, 2.0]), collections.OrderedDict(a=1.0, b=2.0)
    chain = collections.ChainMap({}, {"a": 2.0})
    numbers, table, missing = Numbers([1.0, 2.0]), Table(a=1.0), Missing()
    base = {"a": 1.0}
    proxy = types.MappingProxyType(base)
    yield (
        lambda x: (
            x
            * (
                sum(queue)
                + np.sum(np.array(queue))
                + list(ordered.values())[0]
                + chain["a"]
                + sum(numbers)
                + np.array(numbers)[0]
                + max(numbers)
                + sum(table.values())
                + missing["q"]
                + proxy["a"]
                + sum(proxy.values())
            )
        )
    )
    queue.rotate(1)
    queue[0] = 7.0
    yield
    ordered.move_to_end("a")
    yield
    chain.maps[1]["a"] = 3.0
    yield
    chain["a"] = 9.0
    yield
    numbers[0] = 9.0
    yield
    table["a"] = 4.0
    yield
    missing.default = 5.0
    yield
    missing["q"] = 1.0
    yield
    base["a"] = 6.0
    yield


@uncompiled
def containers_of_the_users() -> World:
    class Names(collections.UserDict):  # type: ignore[type-arg]
        pass

    class Numbers(collections.UserList):  # type: ignore[type-arg]
        pass

    class View(collections.abc.Mapping):  # type: ignore[type-arg]
        def __init__(self, table: Any) -> None:
            self.table = table

        def __getitem__(self, key: Any) -> Any:
            return self.table[key]

        def __iter__(self) -> Any:
            return iter(self.table)

        def __len__(self) -> int:
            return len(self.table)

    names, numbers, view = Names(a=2.0), Numbers([1.0, 2.0]), View({"a": 2.0})
    yield (
        lambda x: (
            x
            * (
                names["a"]
                + names.get("c", 10.0)
                + sum(numbers)
                + view["a"]
                + sum(view.values())
                + {**view}["a"]
            )
        )
    )
    names["a"] = 3.0
    yield
    names["c"] = 1.0
    yield
    numbers[0] = 4.0
    yield
    numbers.append(1.0)
    yield
    view.table["a"] = 5.0
    yield


@compiled
def a_defaultdict_makes_items() -> World:
    table: Any = collections.defaultdict(lambda: 4.0)
    yield lambda x: x * table["q"]
    table["q"] = 5.0
    yield
    del table["q"]
    yield


@compiled
def lists_as_indices_operands_and_shapes() -> World:
    where, low, rows, shape = [0, 1], [1.0, 2.0, 3.0], [[1.0, 2.0], [3.0, 4.0]], [3, 1]

    def f(x: Any) -> Any:
        y = x.copy()
        y += low
        y[where] *= low[:2]
        y[:] = y + low
        inside = np.sum([low, low]) + np.stack((low, low))[1, 0] + np.where(x > 1, low, 0.0)[0]
        return np.sum(y * x.reshape(shape)) + inside + np.sum(np.array(rows) @ x[where]) + x[where]

    yield f
    where[0] = 2
    yield
    low[0] = 9.0
    yield
    rows[0][0] = 7.0
    yield
    rows[1] = [0.0, 0.0]
    yield
    shape[:] = [1, 3]
    yield


# -- names ------------------------------------------------------------------------------------------------
@compiled
def builtins_are_hidden_and_injected() -> World:
    builtins.injected = lambda x: 2 * x  # type: ignore[attr-defined]
    try:
        yield lambda x: sum(x) * injected(x)  # type: ignore[name-defined]  # noqa: F821
        builtins.injected = lambda x: 3 * x  # type: ignore[attr-defined]
        yield
        globals()["sum"] = lambda x: x[0]
        yield
    finally:
        globals().pop("sum", None)
        del builtins.injected  # type: ignore[attr-defined]


@compiled
def a_module_that_is_imported_inside() -> World:
    def module(k: float) -> Any:
        made = types.ModuleType("made_for_test")
        made.k = k  # type: ignore[attr-defined]
        return made

    def f(x: Any) -> Any:
        import made_for_test  # type: ignore[import-not-found]
        from made_for_test import k

        return x * made_for_test.k + k

    sys.modules["made_for_test"] = module(2.0)
    try:
        yield f
        sys.modules["made_for_test"].k = 3.0  # type: ignore[attr-defined]
        yield
        sys.modules["made_for_test"] = module(10.0)
        yield
    finally:
        del sys.modules["made_for_test"]


def test_a_default_that_is_changed_by_a_function_called_inside_keeps_the_change() -> None:
    def count(x: Any, n: Any = [0], *, seen: Any = {}) -> Any:  # noqa: B006
        n[0] += 1
        seen["n"] = seen.get("n", 0) + 1
        return x * n[0] * seen["n"]

    slope = autodiff.gradient(lambda x: np.sum(count(x)))
    value = autodiff.function(lambda x: count(x))
    same(value(V), V)
    same(slope(V), np.full(3, 4.0))
    same(value(V), 9 * V)
    assert count.__defaults__ == ([3],)
    assert count.__kwdefaults__ == {"seen": {"n": 3}}


def test_a_default_of_the_function_itself_remembers_changes() -> None:
    def f(x: Any, n: Any = [0], p: float = 1.0, *, seen: Any = {}) -> Any:  # noqa: B006
        n[0] += 1
        seen["x"] = x[0]
        return np.sum(x) * n[0] * p

    slope, value = autodiff.gradient(f, wrt=0), autodiff.function(f)
    with uncompiled_allowed():
        same(slope(V), np.full(3, 1.0))
        same(value(V, p=2.0), 4 * np.sum(V))
        same(slope(V, p=2.0), np.full(3, 6.0))
        f.__defaults__ = ([10], 1.0)
        same(value(V), 11 * np.sum(V))
        same(autodiff.gradient(f, wrt="n")(V), [float(np.sum(V))])
        assert f.__defaults__ == ([11], 1.0)
    assert f.__kwdefaults__ == {"seen": {"x": 0.5}}


# -- wrappers ---------------------------------------------------------------------------------------------
def test_a_wrapper_gets_arguments_in_the_way_they_are_given() -> None:
    def noting(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            verbose = kwargs.pop("verbose", 0)
            scale = (1 + len(args)) * (2 + len(kwargs)) + kwargs.get("p", 0) + 10 * verbose
            return function(*args, **kwargs) * scale

        return wrapper

    def power(x: Any, p: int = 2, q: float = 1.0) -> Any:
        return x**p * q

    noted = noting(power)
    ours, slope = autodiff.function(noted), autodiff.gradient(lambda x: np.sum(noted(x)))
    by_name = autodiff.gradient(noting(lambda x, k: np.sum(x * k)), wrt="k")
    same(by_name(V, 2.0), 3 * 2 * float(np.sum(V)))
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((V,), {}),
        ((V, 2), {}),
        ((V,), {"p": 2}),
        ((V,), {"p": 3}),
        ((V, 3), {"q": 2.0}),
        ((V, 2, 2.0), {}),
        ((V,), {"q": 2.0, "p": 2}),
    ]
    for _ in range(2):
        for args, kwargs in calls:
            same(ours(*args, **kwargs), noted(*args, **kwargs))
    power.__defaults__ = (1, 3.0)
    for args, kwargs in [*calls, ((V,), {"verbose": 1})]:
        same(ours(*args, **kwargs), noted(*args, **kwargs))
    same(slope(V), np.full(3, 2 * 2 * 3.0))


def test_a_call_that_does_not_bind_raises_pythons_own_error() -> None:
    def f(x: Any, /, *, k: float) -> Any:
        return x * k

    ours = autodiff.function(f)
    for args, kwargs in (((V,), {}), ((V, 1.0), {}), ((), {"x": V, "k": 1.0})):
        with pytest.raises(TypeError) as expected:
            f(*args, **kwargs)
        with pytest.raises(TypeError) as found:
            ours(*args, **kwargs)
        assert str(found.value) == str(expected.value)


# -- results ----------------------------------------------------------------------------------------------
VIEWS = {
    "slice": lambda x: x[1:],
    "step": lambda x: x[::-2],
    "transpose": lambda x: x.T,
    "new axis": lambda x: x[None, :, 1],
    "ravel": lambda x: x.ravel(),
    "reshape": lambda x: x.reshape(-1, 1),
    "diagonal": lambda x: np.diagonal(x),
    "broadcast": lambda x: np.broadcast_to(x, (2, *x.shape)),
    "split": lambda x: np.split(x, [1])[1],
    "row": lambda x: x[np.argmax(x[:, 0])],
    "flat": lambda x: x.flat[:],
    "itself": lambda x: x,
    "asarray": lambda x: np.asarray(x),
    "broadcast arrays": lambda x: np.broadcast_arrays(x, x)[0],
    "fancy": lambda x: x[[0, 1]],
    "of a view": lambda x: x[1:].T[..., ::-1],
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_returned_view_is_a_view_of_the_argument(name) -> None:
    function = VIEWS[name]
    ours = autodiff.function(function)
    for shape, order in [((2, 3), "C"), ((2, 3), "F"), ((3, 2), "C"), ((4, 4), "C"), ((5, 4), "C")]:
        x = np.array(np.arange(math.prod(shape)).reshape(shape), float, order=order)  # type: ignore[call-overload]
        y = x.copy(order="K")
        expected, found = function(x), ours(y)
        same(found, expected)
        assert found.flags.writeable == expected.flags.writeable
        assert np.shares_memory(found, y) == np.shares_memory(expected, x)
        if expected.flags.writeable:
            expected[...] = found[...] = 77.0
            same(y, x)


def test_what_is_found_outside_is_returned_itself() -> None:
    table, items = np.ones(3), [1.0]
    holder = types.SimpleNamespace(items=items, arrays=[table])
    found = autodiff.function(lambda x: (table, table[1:], items, holder.arrays[0], 2 * x))(V)
    assert found[0] is table
    assert found[2] is items
    assert found[3] is table
    found[1][:] = 5.0
    same(table, np.array([1.0, 5.0, 5.0]))
    method = autodiff.function(lambda x: holder)
    assert method(V) is holder
    holder = types.SimpleNamespace(items=items, arrays=[table])
    assert method(V) is holder


def test_parts_of_a_result_share_memory_as_in_numpy() -> None:
    def f(x: Any) -> Any:
        y = 2 * x
        return y[1:], y, y

    part, whole, again = autodiff.function(f)(V)
    assert again is whole
    whole[1] = 99.0
    assert part[0] == 99.0


def test_what_the_function_makes_is_made_at_every_call() -> None:
    ours = autodiff.function(lambda x: (2 * x, {1, 2}))
    ours(V)[1].add(5)
    assert ours(V)[1] == {1, 2}
    class_of = autodiff.function(lambda x: (2 * x, Gadget(1.0)))
    with uncompiled_allowed():
        class_of(V)[1].k = 9.0
        assert class_of(V)[1].k == 1.0


def test_traced_keys_and_members_of_a_result_are_values() -> None:
    keys = autodiff.function(lambda k: ({k: 1}, {k, 1.0}, [{2 * k: {k}}]))
    for k in (2.0, 3.0):
        found = keys(k)
        assert found == ({k: 1}, {k, 1.0}, [{2 * k: {k}}])
        assert all(type(key) is float for key in (*found[0], *found[1]))


# -- ints beside floats --------------------------------------------------------------------------------
def test_an_int_beside_floats_is_an_index_where_it_is_used_as_one() -> None:
    def loops(p: Any) -> Any:
        return sum(p["x"] ** k for k in range(p["n"]))

    def guarded(p: Any) -> Any:
        try:
            return p["x"][p["n"]] ** 2 + np.sum(p["x"][: p["n"]])
        except IndexError:
            return p["x"][0]

    same(autodiff.gradient(loops)({"x": 2.0, "n": 3}), {"x": 5.0, "n": 0.0})
    found = autodiff.gradient(guarded)({"x": np.ones(3), "n": 2})
    same(found, {"x": np.array([1.0, 1.0, 2.0]), "n": 0.0})
    of_rest = autodiff.gradient(lambda *a: a[0][a[1]] ** 2 * len(f"{a[1]:02d}"))
    same(of_rest(np.ones(3), 2), (np.array([0.0, 0.0, 4.0]), 0.0))


# -- random order --------------------------------------------------------------------------------------
def shuffled_array(x: Any, rng: Any) -> Any:
    y = np.outer(x, x)
    rng.shuffle(y)
    return y[0, 1] + 2 * y[1, 2]


def shuffled_positions(x: Any, rng: Any) -> Any:
    order = np.arange(3)
    rng.shuffle(order)
    return x[order[0]] + order[1]


def shuffled_list(x: Any, rng: Any) -> Any:
    order = [0, 1, 2]
    rng.shuffle(order)
    return x[order[0]] + order[1]


def filled(x: Any, rng: Any) -> Any:
    made = np.zeros(3)
    rng.random(out=made)
    return np.sum(made * x)


@pytest.mark.parametrize("function", [shuffled_array, shuffled_positions, shuffled_list, filled])
def test_generators_that_change_their_argument_change_it(function) -> None:
    plain, ours, theirs = (np.random.default_rng(3) for _ in range(3))
    value = autodiff.function(lambda x: function(x, ours))
    slope = autodiff.value_and_gradient(lambda x: function(x, theirs))
    with uncompiled_allowed():
        for _ in range(4):
            expected = function(V, plain)
            same(value(V), expected)
            same(slope(V)[0], expected)
    assert plain.random() == ours.random() == theirs.random()


# -- objects that are found, or told apart, by which one they are ---------------------------------
class Point:
    """An object of a class that compares by identity."""

    def __init__(self, at: float) -> None:
        self.at = at


def _by_identity(key: Point, first: Point, members: set[Point], table: dict[Point, int]) -> Any:
    def stored() -> float:
        made = {first: 1.0}
        made[key] = 2.0
        return made[first]

    return {
        "in a set": lambda: key in members,
        "in a frozen set": lambda: key in frozenset(members),
        "in a dictionary": lambda: key in table,
        "in its keys": lambda: key in table.keys(),  # noqa: SIM118
        "in a set made here": lambda: key in {first},
        "in a dictionary made here": lambda: key in {first: 1},
        "in a tuple": lambda: key in (first,),
        "in a list": lambda: key in [first],
        "in an iterator": lambda: key in map(lambda p: p, [first]),
        "in a tuple that is a key": lambda: (key, 1) in {(first, 1)},
        "a key": lambda: {first: 1.0}.get(key, 5.0),
        "in a key": lambda: {(first, 1): 1.0}.get((key, 1), 5.0),
        "size of a set": lambda: len({first, key}),
        "size of a set of a comprehension": lambda: len({p for p in (first, key)}),
        "size of a dictionary": lambda: len({first: 1, key: 1}),
        "size of a union": lambda: len(members | {key}),
        "size of an intersection": lambda: len(members & {key}),
        "superset": lambda: members.issuperset([key]),
        "a store": stored,
        "equal lists": lambda: [key] == [first],
        "equal dictionaries": lambda: {"p": key} != {"p": first},
        "counted": lambda: collections.Counter([first, key])[first],
        "count": lambda: [first, first].count(key),
        "index": lambda: [key, first].index(first),
        "equal": lambda: key == first,
        "the same": lambda: key is first,
        "id": lambda: id(key) == id(first),
    }


_BY_IDENTITY = list(_by_identity(Point(0), Point(0), set(), {}))


@pytest.mark.parametrize(
    "name",
    [
        x if k % 9 == 0 else pytest.param(x, marks=pytest.mark.slow)
        for k, x in enumerate(_BY_IDENTITY)
    ],
)
def test_which_object_it_is_is_asked_at_every_call(name) -> None:
    def world() -> World:
        first, other = Point(1.0), Point(1.0)
        members, table = {first}, {first: 1}
        key = first

        def f(x: Any) -> Any:
            found = _by_identity(key, first, members, table)[name]()
            return np.sum(x) * (1.0 + found)

        yield f
        for key in (other, first, other):
            yield f
        members, table = {other}, {other: 2}
        yield f
        first = other
        yield f

    with uncompiled_allowed():
        check(world)


class _WithDefaults:
    def method(self, x, k=2.0, *, m=1.0):
        return x * k * m

    def __call__(self, x, k=2.0):
        return x * k


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize("of_method", [True, False])
def test_defaults_of_methods_are_those_of_now(transform, of_method, monkeypatch):
    made = _WithDefaults()
    holder = _WithDefaults.method if of_method else _WithDefaults.__call__
    compiled = transform(made.method if of_method else made)
    for k in (2.0, 7.0, 3):
        monkeypatch.setattr(holder, "__defaults__", (k,))
        for _ in range(2):
            assert compiled(1.0) == k
    if of_method:
        monkeypatch.setattr(holder, "__kwdefaults__", {"m": 5.0})
        assert compiled(1.0) == 15.0


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize(
    "inside", [lambda x, k: x * k, lambda x, k=1.0: x * k, lambda x, **named: x * named["k"]]
)
def test_keywords_of_a_partial_are_those_of_now(transform, inside):
    part = functools.partial(inside, k=2.0)
    compiled = transform(part)
    for k in (2.0, 7.0, 3, 7.0):
        part.keywords["k"] = k
        for _ in range(3):
            assert compiled(1.0) == k
    if transform is autodiff.function:
        assert compiled(1.0, k=5.0) == 5.0
    part.keywords["other"] = 1.0
    if inside.__code__.co_argcount > 1 or inside.__defaults__:
        for _ in range(2):
            with pytest.raises(TypeError, match="got an unexpected keyword argument 'other'"):
                compiled(3.0)
    del part.keywords["other"]
    assert compiled(1.0) == 7.0
    del part.keywords["k"]
    if inside.__defaults__:
        assert compiled(3.0) == transform(inside)(3.0)
    else:
        with pytest.raises((TypeError, KeyError), match="k"):
            compiled(3.0)


class Holder:
    pass


@pytest.mark.parametrize(
    "make",
    [dict, lambda: [1.0], lambda: {1.0}, lambda: (1.0, *[]), bytearray, Holder, collections.deque],
)
def test_two_objects_that_are_one_later_are_told(make):
    holder = Holder()
    tests = [
        lambda x: x if holder.p is holder.q else 0.0,
        lambda x: x if holder.items[0] is not holder.items[1] else 0.0,
    ]
    for f in tests:
        compiled = autodiff.function(f, engine="numpy")
        for is_one in (False, True, True, False):
            holder.p = make()
            holder.q = holder.p if is_one else make()
            holder.items = [holder.p, holder.q]
            assert compiled(2.0) == f(2.0)
