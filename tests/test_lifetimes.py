"""What the first call was given is the caller's: nothing of it is kept alive by what was compiled."""

import functools
import gc
import json
import sys
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import integrate

import autodiff

ENGINES = ["native", "numpy"]


def loss(x):
    return np.sum(x * x)


def stores(x):
    x[0] = 2.0
    return np.sum(x)


def branches(x):
    s = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            s += x[k] ** 2
    return s


def by_length(x):
    return np.sum(x.reshape(2, -1) @ np.ones(len(x) // 2))


def by_value(x):
    return np.sum(x) * len("ab" * int(x[0]))


def sliced(x):
    y = x[1:]
    return np.sum(y[::-1] * x[:-1])


def prints(x):
    print(np.sum(x))
    return np.sum(x)


def in_try(x):
    try:
        return np.linalg.inv(x[:, None] * x + np.eye(4)).sum()
    except np.linalg.LinAlgError:
        return 0.0


FUNCTIONS = [loss, stores, branches, by_length, by_value, sliced, prints, in_try]


pytestmark = pytest.mark.usefixtures("new_objects_only", "garbage_as_usual")


def assert_dead(*references):
    gc.collect()
    for reference in references:
        assert reference() is None, [type(x) for x in gc.get_referrers(reference())]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_arrays_given_are_not_kept(f, transform, engine):
    compiled = transform(f, engine=engine)
    for n in (4, 4) if f is in_try else (4, 6, 8):
        x = np.arange(1.0, n + 1)
        reference = weakref.ref(x)
        compiled(x)
        del x
        assert_dead(reference)


KEPT = []


def keeps_what_is_chosen(x, y):
    best = y
    for k in range(3):
        if np.sum(x * k) > np.sum(best):
            best = x * k
            KEPT.append(best)
    return best


def test_attempts_at_what_is_kept_outside_keep_nothing():
    compiled = autodiff.function(keeps_what_is_chosen)
    given = [np.arange(1.0, 4.0), np.arange(3.0)]
    seen = [weakref.ref(x) for x in given]
    compiled(*given)
    KEPT.clear()
    given.clear()
    gc.collect()
    assert [x() for x in seen] == [None, None]


@pytest.mark.parametrize(
    "transform", [autodiff.hessian, autodiff.jacobian, autodiff.value_and_gradient]
)
def test_nor_by_other_transformations(transform):
    x = np.arange(1.0, 4.0)
    reference = weakref.ref(x)
    transform(loss)(x)
    del x
    assert_dead(reference)


@dataclass
class Model:
    weights: np.ndarray
    calls: int = 0


def of_model(m, x):
    m.calls += 1
    return np.sum(m.weights * x)


class Holder:
    def __init__(self, weights):
        self.weights = weights

    def loss(self, x):
        return np.sum(self.weights * x)


def of_holder(holder, x):
    return holder.loss(x) + np.sum(holder.weights)


@pytest.mark.parametrize(
    "make, f", [(Model, lambda m, x: np.sum(m.weights * x)), (Holder, of_holder)]
)
def test_objects_given_and_what_they_hold_are_not_kept(make, f):
    compiled = autodiff.function(f)
    for _ in range(2):
        model, x = make(np.ones(3)), np.ones(3)
        references = [weakref.ref(y) for y in (model, model.weights, x)]
        compiled(model, x)
        del model, x
        assert_dead(*references)


def test_containers_given_are_not_kept():
    compiled = autodiff.gradient(lambda p: np.sum(p["w"] * p["b"][0]))
    w, b = np.ones(3), np.ones(3)
    references = [weakref.ref(w), weakref.ref(b)]
    compiled({"w": w, "b": [b]})
    del w, b
    assert_dead(*references)


class Device:
    def __init__(self, gain):
        self.gain = gain


SPARE = Device(0.5)


def given_back(x, device):
    return np.sum(x) * device.gain, device


def given_back_in_places(x, device):
    return {"of": [device, x * device.gain], "first": device}


def one_of_two(x, device):
    return device if x[0] > 0.0 else SPARE


def labels_too(x, labels):
    return np.sum(x[labels == "a"]), labels


def devices_in(result, cls):
    if isinstance(result, dict):
        result = tuple(result.values())
    parts = result if isinstance(result, (list, tuple)) else [result]
    for part in parts:
        if isinstance(part, (list, tuple)):
            yield from devices_in(part, cls)
        elif isinstance(part, cls) and getattr(part, "dtype", None) != np.float64:
            yield part


def new_labels(k):
    return np.array(["a", "b" * k])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("f", "make", "programs"),
    [
        (given_back, lambda k: Device(float(k)), 2),
        (given_back_in_places, lambda k: Device(float(k)), 2),
        (one_of_two, lambda k: Device(float(k)), 3),
        (labels_too, new_labels, 5),
    ],
)
def test_an_object_that_is_given_back_is_that_of_the_call_and_not_kept(f, make, programs, engine):
    function, kept = autodiff.function(f, engine=engine), []
    for k in range(5):
        thing, x = make(k), np.full(2, (-1.0) ** k)
        ours, plain = ([*devices_in(t(x, thing), type(thing))] for t in (function, f))
        assert len(ours) == len(plain)
        assert all(a is b for a, b in zip(ours, plain, strict=True))
        kept.append(weakref.ref(thing))
        del thing, ours, plain
    gc.collect()
    assert [one() for one in kept] == [None] * 5
    assert len(function.cache) <= programs


@dataclass
class Measured:
    at: np.ndarray
    device: object


def measured(m):
    return m.device.gain * m.at**2


def in_a_list(ms):
    return sum(m["at"] * m["device"].gain for m in ms) ** 2


WITH_DEVICES = {
    "dataclass": (measured, lambda device: Measured(np.ones(2), device), lambda d: d.device),
    "list of dicts": (
        in_a_list,
        lambda device: [{"at": np.ones(2), "device": device}] * 2,
        lambda d: d[1]["device"],
    ),
}
PRODUCTS = {
    "gradient": lambda f, engine: autodiff.gradient(lambda m: np.sum(f(m)), engine=engine),
    "jacobian": lambda f, engine: autodiff.jacobian(f, engine=engine),
    "vjp": lambda f, engine: lambda m: autodiff.vjp(f, m, engine=engine)[1](np.ones(2))[0],
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("case", WITH_DEVICES)
def test_an_object_in_a_derivative_is_that_of_the_call_and_not_kept(case, product, engine):
    f, make, device_of = WITH_DEVICES[case]
    derivative = PRODUCTS[product](f, engine)
    kept = []
    for gain in (1.0, 2.0):
        device = Device(gain)
        assert device_of(derivative(make(device))) is device
        kept.append(weakref.ref(device))
    del device
    gc.collect()
    assert [one() for one in kept] == [None, None]


WEIGHTS = np.ones(3)


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_arrays_read_from_outside_are_not_kept(transform, monkeypatch):
    compiled = transform(lambda x: np.sum(WEIGHTS * x))
    monkeypatch.setattr(sys.modules[__name__], "WEIGHTS", np.ones(3))
    reference = weakref.ref(WEIGHTS)
    compiled(np.ones(3))
    globals()["WEIGHTS"] = np.full(3, 2.0)
    assert_dead(reference)
    compiled(np.ones(3))


def test_a_guard_on_contents_compares_with_what_they_were():
    f = lambda x, y: y * len("ab" * int(np.sum(x)))  # noqa: E731
    compiled = autodiff.function(f)
    x = np.ones(3)
    for value in (1.0, 2.0, 1.0):
        x[:] = value
        assert compiled(x, 0.5) == f(x, 0.5)


# -- functions that are arguments: (the function, what else must go) ------------------------------
def of_closure(big):
    return lambda x: np.sum(big * x), []


def of_nested_closure(big):
    def scaled(x):
        return big * x

    def h(x):
        return np.sum(scaled(x))

    return h, [scaled]


def of_default(big):
    def h(x, *, by=big):
        return np.sum(by * x)

    return h, []


def of_method(big):
    holder = Holder(big)
    return holder.loss, [holder]


class Callable:
    def __init__(self, weights):
        self.weights = weights

    def __call__(self, x):
        return np.sum(self.weights * x)


def of_object(big):
    return Callable(big), []


def of_local_class(big):
    class Local:
        def __call__(self, x):
            return np.sum(big * x)

    return Local(), [Local]


def of_method_of_local_class(big):
    class Base:
        def loss(self, x):
            return np.sum(big * x)

    class Local(Base):
        pass

    return Local().loss, [Local, Base]


def of_partial(big):
    return functools.partial(lambda weights, x: np.sum(weights * x), big), []


def of_partial_by_keyword(big):
    return functools.partial(lambda x, weights: np.sum(weights * x), weights=big), []


def of_wrapper(big):
    def h(x):
        return np.sum(big * x)

    @functools.wraps(h)
    def wrapper(*args, **kwargs):
        return 2 * h(*args, **kwargs)

    return wrapper, [h]


def of_cached(big):
    @functools.lru_cache
    def scale(n):
        return float(big[0]) * n

    return lambda x: scale(2) * np.sum(x), [scale]


def of_gradient(big):
    return autodiff.gradient(lambda x: np.sum(big * x * x)), []


def of_vectorize(big):
    return np.vectorize(lambda x: x * big[0]), []


def of_custom_gradient(big):
    def h(x):
        return np.sum(big * x)

    return autodiff.custom_gradient(h, vjp=lambda ct, y, x: ct * big), [h]


def of_functions_in_a_list(big):
    functions = [lambda x: np.sum(big * x)]
    return lambda x: functions[0](x), functions[:]


def of_dict(big):
    options = {"weights": big, "times": 2}
    return lambda x: np.sum(options["weights"] * x) * options["times"], []


GIVEN = [
    of_closure, of_nested_closure, of_default, of_method, of_object, of_local_class,
    of_method_of_local_class, of_partial, of_partial_by_keyword, of_wrapper, of_cached, of_gradient,
    of_vectorize, of_custom_gradient, of_functions_in_a_list, of_dict,
]  # fmt: skip


def called(g, x):
    return np.sum(g(x))


def called_of_dict(p, x):
    return np.sum(p["g"][0](x))


class HasFunction:
    def __init__(self, g):
        self.g = g


def called_of_object(model, x):
    return np.sum(model.g(x))


PASSED = [
    (called, lambda g: g),
    (called_of_dict, lambda g: {"g": [g]}),
    (called_of_object, HasFunction),
]


def assert_functions_go(make, f, passed, engine):
    value = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, wrt="x", engine=engine)
    for number in range(
        3
    ):  # memory is used again: another function may have the address of the last
        big = np.arange(1.0, 4.0) + number
        h, others = make(big)
        x = np.ones(3)
        for _ in range(2):
            assert np.allclose(value(passed(h), x), f(passed(h), x))
            step = np.array([1e-3, 2e-3, -1e-3])
            change = f(passed(h), x + step) - f(passed(h), x - step)
            assert np.allclose(slope(passed(h), x) @ step * 2, change)
        references = [weakref.ref(obj) for obj in (h, big, *others)]
        del h, big, others
        assert_dead(*references)
    assert len(value.cache) <= 1  # those of functions that are gone go too


@pytest.mark.parametrize("make", GIVEN, ids=lambda make: make.__name__)
def test_functions_given_and_what_they_hold_are_not_kept(make):
    assert_functions_go(make, *PASSED[0], "native")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f, passed", PASSED, ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("make", GIVEN, ids=lambda make: make.__name__)
def test_nor_are_those_in_containers_and_objects(make, f, passed, engine):
    assert_functions_go(make, f, passed, engine)


def test_methods_of_many_objects_are_one_program():
    compiled = autodiff.function(called)
    for k in range(40):
        holder = Holder(np.full(3, float(k)))
        assert compiled(holder.loss, np.ones(3)) == 3.0 * k
    assert len(compiled.cache) == 1


def test_functions_without_end_are_each_compiled_and_forgotten():
    compiled = autodiff.function(called)
    for k in range(40):
        assert compiled(lambda x, k=k: k * x, np.ones(3)) == 3.0 * k
    assert len(compiled.cache) <= 2


def test_the_same_function_twice_and_another_one_later():
    compiled = autodiff.function(lambda g, h, x: (g(x), h(x), g is h))
    one, two = of_closure(np.ones(3))[0], of_closure(np.full(3, 2.0))[0]
    for g, h in [(one, one), (one, two), (two, two), (two, one)]:
        assert compiled(g, h, np.ones(3)) == (g(np.ones(3)), h(np.ones(3)), g is h)


def in_a_loop(g, x):
    s = 0.0
    for k in range(10):
        s += g(x * k)
    return s


def on_sides(g, x):
    return g(x) if x[0] > 0 else g(-x)


def in_a_try(g, x):
    try:
        return g(x) / x[5]
    except IndexError:
        return g(x)


def differentiated(g, x):
    return autodiff.gradient(g)(x).sum()


def integrated(g, x):
    return integrate.quad(lambda t: g(x * t), 0, 1)[0]


def in_lanes(g, x):
    return autodiff.vmap(g)(np.stack([x, x])).sum()


def uncompiled(g, x):
    return g(x) * len(json.dumps([1]))


def raising(g, x):
    raise ValueError(g(x))


WAYS = [in_a_loop, on_sides, in_a_try, differentiated, integrated, in_lanes, uncompiled, raising]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [f if f in WAYS[3::3] else pytest.param(f, marks=pytest.mark.slow) for f in WAYS],
    ids=lambda f: f.__name__,
)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_whatever_is_done_with_them(f, engine):
    for transformed in (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt="x", engine=engine),
    ):
        big = np.ones(3)
        h, _ = of_closure(big)
        for _ in range(2):
            try:
                transformed(h, np.ones(3))
            except ValueError:
                assert f is raising
        references = [weakref.ref(h), weakref.ref(big)]
        del h, big
        assert_dead(*references)


# -- what is found outside: (a function, what puts another thing in its place, what must go) ------
class Stores:
    """What a function may be found in: a namespace, a table, an attribute, a list, a class."""

    def __init__(self, thing):
        self.thing = thing
        self.table = {"f": [thing]}


def in_a_table(make):
    table = {"f": make(1.0)}
    return lambda x: np.sum(table["f"](x)), lambda y: table.update(f=y), table["f"]


def in_a_list_in_a_table(make):
    table = {"f": [make(1.0)]}
    return lambda x: np.sum(table["f"][0](x)), lambda y: table.update(f=[y]), table["f"][0]


def in_a_closure(make):
    thing = make(1.0)

    def put(other):
        nonlocal thing
        thing = other

    return lambda x: np.sum(thing(x)), put, thing


def in_an_attribute(make):
    owner = Stores(make(1.0))
    return lambda x: np.sum(owner.thing(x)), lambda y: Stores.__init__(owner, y), owner.thing


def in_an_object_of_itself(make):
    class Model(Stores):
        def loss(self, x):
            return np.sum(self.thing(x) + self.table["f"][0](x))

    model = Model(make(1.0))
    return model.loss, lambda y: Stores.__init__(model, y), model.thing


def in_a_class(make):
    class Namespace:
        thing = staticmethod(make(1.0))

    def put(y):
        Namespace.thing = staticmethod(y)

    return lambda x: np.sum(Namespace.thing(x)), put, Namespace.thing


def in_a_global(make):
    def put(y):
        globals()["FOUND"] = y

    put(make(1.0))
    return of_a_global, put, FOUND


def of_a_global(x):
    return np.sum(FOUND(x))


FOUND = None


def in_a_loop_over_a_table(make):
    table = {"f": make(1.0), "g": make(2.0)}

    def f(x):
        s = 0.0
        for g in table.values():
            s += np.sum(g(x))
        return s

    return f, lambda y: table.update(f=y), table["f"]


def by_a_function(make):
    """Found by another function that is found."""
    outer = {"f": of_found({"g": make(1.0)})}
    (table,) = [c.cell_contents for c in outer["f"].__closure__]
    return lambda x: np.sum(outer["f"](x)), lambda y: table.update(g=y), table["g"]


def of_found(table):
    return lambda x: table["g"](x)


def compared(make):
    table = {"f": make(1.0), "g": None}
    table["g"] = table["f"]

    def put(y):
        table.update(f=y, g=y)

    return lambda x: np.sum(table["f"](x)) * (1 + (table["f"] is table["g"])), put, table["f"]


PLACES = [
    in_a_table, in_a_list_in_a_table, in_a_closure, in_an_attribute, in_an_object_of_itself,
    in_a_class, in_a_global, in_a_loop_over_a_table, by_a_function, compared,
]  # fmt: skip

# What holds the array: functions and objects.
THINGS = {
    "function": lambda big: of_closure(big)[0],
    "default": lambda big: of_default(big)[0],
    "object": lambda big: Callable(big),
    "method": lambda big: Holder(big).loss,
    "partial": lambda big: of_partial(big)[0],
    "class": lambda big: type("Local", (), {"__new__": lambda cls, x: np.sum(big * x)}),
    "custom gradient": lambda big: of_custom_gradient(big)[0],
    "gradient": lambda big: of_gradient(big)[0],
}


def assert_found_things_go(place, thing, transform, engine):
    arrays = []

    def make(k):
        big = np.arange(1.0, 4.0) * k
        arrays.append(weakref.ref(big))
        return THINGS[thing](big)

    f, put, *first = place(make)
    compiled = transform(f, engine=engine)
    plain = f if transform is autodiff.function else autodiff.gradient(f, engine="numpy")
    x = np.array([1.0, 2.0, 4.0])
    for k in range(3):  # the address of what was dropped is used again
        for _ in range(2):
            assert np.allclose(compiled(x), plain(x))
        gone = arrays[0] if k == 0 else arrays[-1]
        first.clear()
        put(make(k + 2.0))
        plain = f if transform is autodiff.function else autodiff.gradient(f, engine="numpy")
        assert_dead(gone)
    assert np.allclose(compiled(x), plain(x))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_functions_found_outside_are_not_kept(place):
    assert_found_things_go(place, "function", autodiff.function, "native")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_nothing_found_outside_is_kept(place, thing, transform, engine):
    assert_found_things_go(place, thing, transform, engine)


def test_a_function_that_holds_nothing_is_compared_as_it_is():
    compiled = autodiff.function(called_of_found)
    compiled(np.ones(3))
    (guard,) = [g for g in compiled.cache[0].captured.guards if g.expected is loss]
    assert guard.relation == "is"


def called_of_found(x):
    return loss(x)


class Counter:
    def __init__(self):
        self.n = 0.0

    def meets(self, other, x):
        other.n = other.n + x
        return (1.0 if self is other else 2.0) * self.n + x


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("order", [(0, 1, 0, 1), (1, 0, 0, 1)])
def test_a_method_may_be_given_its_own_object(order, engine):
    pairs = [[Counter(), Counter()] for _ in range(2)]
    plain, ours = pairs
    met = autodiff.function(ours[0].meets, engine=engine)
    for k, which in enumerate(order):
        assert met(ours[which], 1.0 + k) == plain[0].meets(plain[which], 1.0 + k)
        assert [x.n for x in ours] == [x.n for x in plain]
