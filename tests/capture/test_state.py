"""What a function reads from outside may change between calls: the next call sees it.

Each case makes a world of its own: a function of one number, and a change.  Value and gradient of
one compiled object are compared with the plain function before and after the change.
"""

import contextvars
import dataclasses
import math
import types

import numpy as np
import pytest

import autodiff


class World:
    """Everything that can be changed, in one namespace that the cases use as their globals."""

    def __init__(self):
        class Settings:
            count = 1.0
            flag = True
            array = np.ones(2)

            class Inner:
                value = 1.0

            @property
            def doubled(self):
                return self.single * 2

            @classmethod
            def of_class(cls, x):
                return cls.count * x

            @staticmethod
            def of_nobody(x):
                return 2 * x

            def method(self, x):
                return x * 3

            def __getattr__(self, name):
                try:
                    return self.__dict__["extra"][name]
                except KeyError:
                    raise AttributeError(name) from None

        @dataclasses.dataclass
        class Record:
            weight: float = 1.0

        def helper(x, a=2.0, *, b=3):
            return a * x * b

        self.Settings, self.Record, self.helper = Settings, Record, helper
        self.module = types.ModuleType("settings_of_a_test")
        self.module.scale, self.module.n, self.module.function = 2.0, 3, lambda x: x * 2
        self.array = np.array([1.0, 2.0])
        self.table = {"a": 1.0, "list": [1.0, np.array([1.0, 1.0])], "n": 2}
        self.list = [1.0, 2]
        self.tuple = (1.0, [2.0, {"z": 3.0}])
        self.settings = Settings()
        self.settings.single = 1.0
        self.settings.extra = {"weight": 2.0}
        self.record = Record()
        self.record.rule = Settings.rule = self.module.rule = math.sin


w = World()


def with_default_lookup(x):
    return x * getattr(w.settings, "absent", 2.0)


def with_attribute_error(x):
    try:
        return x * w.record.absent
    except AttributeError:
        return -x


def with_name_error(x):
    try:
        return x * name_that_is_not_there  # noqa: F821
    except NameError:
        return -x


def with_key_error(x):
    try:
        return x * w.table["absent"]
    except KeyError:
        return -x


def other_code(x, a=2.0, *, b=3):
    return x**2


CASES = {
    "module float": (lambda x: x * w.module.scale, lambda: setattr(w.module, "scale", 5.0)),
    "module int": (lambda x: x**w.module.n, lambda: setattr(w.module, "n", 2)),
    "module function": (
        lambda x: w.module.function(x),
        lambda: setattr(w.module, "function", lambda x: x * 7),
    ),
    "array replaced": (
        lambda x: np.sum(w.array) * x,
        lambda: setattr(w, "array", np.array([3.0, 4.0, 5.0])),
    ),
    "array changed": (lambda x: np.sum(w.array) * x, lambda: w.array.__setitem__(0, 9.0)),
    "dict entry": (lambda x: w.table["a"] * x, lambda: w.table.__setitem__("a", 4.0)),
    "dict int": (lambda x: x ** w.table["n"], lambda: w.table.__setitem__("n", 4)),
    "array in a list in a dict": (
        lambda x: np.sum(w.table["list"][1]) * x,
        lambda: w.table["list"].__setitem__(1, np.array([2.0, 3.0, 4.0])),
    ),
    "new dict entry": (
        lambda x: sum(v for k, v in w.table.items() if k != "list") * x,
        lambda: w.table.__setitem__("new", 10.0),
    ),
    "dict membership": (
        lambda x: x if "k" in w.table else 2 * x,
        lambda: w.table.__setitem__("k", 1),
    ),
    "list entries": (
        lambda x: w.list[0] * x ** w.list[1],
        lambda: w.list.__setitem__(slice(None), [3.0, 3]),
    ),
    "list grows": (lambda x: sum(w.list) * x * len(w.list), lambda: w.list.append(5.0)),
    "type of a list entry": (
        lambda x: x if isinstance(w.list[1], int) else 3 * x,
        lambda: w.list.__setitem__(1, 2.5),
    ),
    "deep in a tuple": (
        lambda x: w.tuple[0] * w.tuple[1][0] * w.tuple[1][1]["z"] * x,
        lambda: w.tuple[1][1].__setitem__("z", 8.0),
    ),
    "class float": (lambda x: w.Settings.count * x, lambda: setattr(w.Settings, "count", 6.0)),
    "class flag": (
        lambda x: x if w.Settings.flag else -x,
        lambda: setattr(w.Settings, "flag", False),
    ),
    "class array": (
        lambda x: np.sum(w.settings.array) * x,
        lambda: setattr(w.Settings, "array", np.ones(4)),
    ),
    "inner class": (
        lambda x: w.settings.Inner.value * x,
        lambda: setattr(w.Settings.Inner, "value", 4.0),
    ),
    "instance over class": (
        lambda x: w.settings.count * x,
        lambda: setattr(w.settings, "count", 40.0),
    ),
    "class attribute deleted": (
        lambda x: x * w.Settings.count if hasattr(w.Settings, "count") else x * 100,
        lambda: delattr(w.Settings, "count"),
    ),
    "what a property reads": (
        lambda x: w.settings.doubled * x,
        lambda: setattr(w.settings, "single", 5.0),
    ),
    "property replaced": (
        lambda x: w.settings.doubled * x,
        lambda: setattr(w.Settings, "doubled", property(lambda self: 11.0)),
    ),
    "what a class method reads": (
        lambda x: w.settings.of_class(x),
        lambda: setattr(w.Settings, "count", 5.0),
    ),
    "static method replaced": (
        lambda x: w.settings.of_nobody(x),
        lambda: setattr(w.Settings, "of_nobody", staticmethod(lambda x: 9 * x)),
    ),
    "method replaced": (
        lambda x: w.settings.method(x),
        lambda: setattr(w.Settings, "method", lambda self, x: x * 13),
    ),
    "method of one instance": (
        lambda x: w.settings.method(x),
        lambda: setattr(w.settings, "method", lambda x: x * 17),
    ),
    "class of an instance": (
        lambda x: w.settings.method(x),
        lambda: setattr(
            w.settings,
            "__class__",
            type("Other", (w.Settings,), {"method": lambda self, x: 19 * x}),
        ),
    ),
    "what __getattr__ reads": (
        lambda x: x * w.settings.weight,
        lambda: w.settings.extra.__setitem__("weight", 7.0),
    ),
    "builtin of an instance": (
        lambda x: x * w.settings.extra["f"](x) if "f" in w.settings.extra else w.record.rule(x),
        lambda: setattr(w.record, "rule", math.cos),
    ),
    "builtin of a class": (
        lambda x: w.settings.rule(x),
        lambda: setattr(w.Settings, "rule", math.cos),
    ),
    "builtin of a module": (
        lambda x: w.module.rule(x),
        lambda: setattr(w.module, "rule", math.cos),
    ),
    "dataclass field": (lambda x: w.record.weight * x, lambda: setattr(w.record, "weight", 4.0)),
    "dataclass replaced": (
        lambda x: w.record.weight * x,
        lambda: setattr(w, "record", w.Record(9.0)),
    ),
    "default": (lambda x: w.helper(x), lambda: setattr(w.helper, "__defaults__", (7.0,))),
    "keyword default": (
        lambda x: w.helper(x),
        lambda: w.helper.__kwdefaults__.__setitem__("b", 9),
    ),
    "code replaced": (
        lambda x: w.helper(x),
        lambda: setattr(w.helper, "__code__", other_code.__code__),
    ),
    "getattr default": (with_default_lookup, lambda: setattr(w.settings, "absent", 3.0)),
    "caught AttributeError": (with_attribute_error, lambda: setattr(w.record, "absent", 3.0)),
    "caught NameError": (
        with_name_error,
        lambda: globals().__setitem__("name_that_is_not_there", 3.0),
    ),
    "caught KeyError": (with_key_error, lambda: w.table.__setitem__("absent", 3.0)),
}


@pytest.fixture(autouse=True)
def fresh_world():
    global w
    w = World()
    yield
    globals().pop("name_that_is_not_there", None)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("case", CASES)
def test_a_change_is_seen_by_value_and_gradient(case, engine):
    f, change = CASES[case]
    value, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)

    def check():
        slope = (f(2 + 1e-6) - f(2 - 1e-6)) / 2e-6
        for _ in range(2):
            assert value(2.0) == pytest.approx(f(2.0), rel=1e-14)
            assert type(value(2.0)) is type(f(2.0))
            assert gradient(2.0) == pytest.approx(slope, rel=1e-6)

    check()
    before = f(2.0)
    change()
    assert f(2.0) != before
    check()


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_two_arguments_that_are_one_object_and_two_objects(engine):
    def f(x, a, b):
        return x * a.weight + x**2 * b.weight

    one, other = types.SimpleNamespace(weight=1.0), types.SimpleNamespace(weight=10.0)
    for first in ((one, one), (one, other)):
        value = autodiff.function(f, engine=engine)
        gradient = autodiff.gradient(f, wrt="x", engine=engine)
        for a, b in (first, (one, other), (other, other), (other, one), (one, one)):
            assert value(3.0, a, b) == f(3.0, a, b)
            assert gradient(3.0, a, b) == a.weight + 6.0 * b.weight


def test_two_arguments_that_are_one_object_that_changes():
    def f(x, a, b):
        a.weight += x
        b.weight *= 2.0
        return a.weight * x

    def pair(same):
        a = types.SimpleNamespace(weight=1.0)
        return a, a if same else types.SimpleNamespace(weight=10.0)

    for order in ((True, False, True), (False, True, False)):
        value = autodiff.function(f)
        for same in order:
            ours, plain = pair(same), pair(same)
            assert value(3.0, *ours) == f(3.0, *plain)
            assert ours == plain


# -- classes that are reached through their instances ---------------------------------------------------
class Tally:
    count = 0
    last = None

    @classmethod
    def note(cls, x):
        cls.last = x
        cls.count += 1

    def add(self, x):
        type(self).count += 1
        self.__class__.last = [x]


class Special(Tally):
    pass


CONTEXT = contextvars.ContextVar("CONTEXT", default=None)
TALLY, SPECIAL = Tally(), Special()


def by_class_method(x):
    TALLY.note(x[0])
    TALLY.note(x[1])
    return x[0] * Tally.count


def by_type(x):
    TALLY.add(x[0])
    Tally().add(x)
    return x[0]


def by_subclass(x):
    SPECIAL.note(x[0])
    return x[0] * Special.count


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize("options", [{}, {"use_cache": False}], ids=["cached", "traced"])
@pytest.mark.parametrize("f", [by_class_method, by_type, by_subclass], ids=lambda f: f.__name__)
def test_a_class_reached_through_an_instance_is_changed_once_a_call(f, options, transform) -> None:
    def left(run, x):
        for cls in (Tally, Special):
            cls.count, cls.last = 0, None
        run(x)
        return [(cls.count, repr(cls.last)) for cls in (Tally, Special)]

    compiled = transform(f, **options)
    for k in range(3):
        x = np.array([1.0, 2.0]) * k
        assert left(compiled, x) == left(f, x)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_a_context_variable_gets_the_value_of_each_call() -> None:
    def f(x):
        CONTEXT.set(x * 2.0)
        return x

    compiled = autodiff.function(f)
    for x in (1.0, 3.0):
        compiled(x)
        assert CONTEXT.get() == x * 2.0


@pytest.mark.parametrize("options", [{}, {"use_cache": False}], ids=["cached", "traced"])
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_no_function_of_captured_code_is_left_behind(options) -> None:
    box = types.SimpleNamespace(f=None)

    def f(x):
        box.f = lambda y: y * x
        return x * x

    with pytest.raises(NotImplementedError, match="AD304"):
        autodiff.gradient(f, **options)(2.0)
    assert box.f is None
