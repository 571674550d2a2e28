"""Arrays that an expression holds while a call in it stores into them and binds their name anew."""

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES


class Model:
    """Ten passes that change the array of before and then make another one."""

    def __init__(self, x):
        self.u = np.zeros(3) + x

    def advance(self):
        for _ in range(10):
            self.u[0] = self.u[0] * 1.25 + 1
            self.u = self.u * 0.75
        return self.u

    def states(self):
        yield self.u
        for _ in range(10):
            self.u[0] = self.u[0] * 1.25 + 1
            self.u = self.u * 0.75
        yield self.u

    def stations(self):
        for _ in range(3):
            yield self.u
            self.advance()

    @property
    def later(self):
        return self.advance()

    def __add__(self, other):
        return self.u + other.later


def left_operand(x):
    model = Model(x)
    return np.sum((model.u + model.advance()) * np.array([1.0, 2.0, 3.0]))


def first_argument(x):
    model = Model(x)
    return np.dot(model.u, model.advance())


def item_of_a_tuple(x):
    model = Model(x)
    before, after = model.u, model.advance()
    return before[0] * 100 + after[0]


def item_of_a_list(x):
    model = Model(x)
    both = [model.u, model.advance()]
    return both[0][0] * 100 + both[1][0]


def items_of_a_comprehension(x):
    model = Model(x)
    every = [model.advance() for _ in range(3)]
    return every[0][0] * 100 + every[1][0] * 10 + every[2][0]


def value_of_a_dict(x):
    model = Model(x)
    both = {"before": model.u, "after": model.advance()}
    return both["before"][0] * 100 + both["after"][0]


def container_of_an_item(x):
    model = Model(x)
    return model.u[int(model.advance()[0] < -1e9)]


def comparison(x):
    model = Model(x)
    return np.where(model.u < model.advance() + 20, 1.0, 2.0) @ model.u


def in_a_function_that_is_alone(x):
    model = Model(x)

    def both():
        return model.u[:] * 1.0 + 0 * model.u, model.u, model.advance()

    _, before, after = both()
    return before[0] * 100 + after[0]


def method_of_an_array(x):
    model = Model(x)
    return model.u.dot(model.advance())


def variable_of_a_function_around(x):
    u = np.zeros(3) + x

    def advance():
        nonlocal u
        for _ in range(10):
            u[0] = u[0] * 1.25 + 1
            u = u * 0.75
        return u

    return np.sum((u + advance()) * np.array([1.0, 2.0, 3.0]))


def what_a_generator_has_yielded(x):
    def states():
        u = np.zeros(3) + x
        yield u
        for _ in range(10):
            u[0] = u[0] * 1.25 + 1
            u = u * 0.75
        yield u

    first, last = list(states())
    return first[0] * 100 + last[0]


def what_a_method_has_yielded(x):
    first, last = list(Model(x).states())
    return first[0] * 100 + last[0]


def what_was_yielded_before_a_call(x):
    first, second, third = list(Model(x).stations())
    return first[0] * 100 + second[0] * 10 + third[0]


def operand_of_a_property(x):
    model = Model(x)
    return np.sum((model.u * model.later + (model + model)) * np.array([1.0, 2.0, 3.0]))


def leaf_of_a_structure(x):
    class Held:
        def __init__(self, v):
            self.v = v

    held = Held(np.zeros(3) + x)

    def advance():
        nonlocal held
        for _ in range(10):
            held.v[0] = held.v[0] * 1.25 + 1
            held = Held(held.v * 0.75)
        return held.v

    return np.sum(held.v * advance())


def item_of_a_loop_that_is_still_to_come(x):
    model, total = Model(x), 0.0
    for k, u in enumerate((np.ones(3), model.u)):
        model.advance()
        total = total + u[0] * (k + 1)
    return total


def values_of_a_dict_that_are_still_to_come(x):
    model, total = Model(x), 0.0
    for u in {"a": np.ones(3), "b": model.u}.values():
        for _ in range(10):
            model.u[0] = model.u[0] * 1.25 + 1
            model.u = model.u * 0.75
        total = total + u[0]
    return total


def attribute_of_a_class(x):
    model = Model(x)

    class Held:
        u = model.u

    model.advance()
    return Held.u[0] * 100 + model.u[0]


def value_on_its_way_out(x):
    model = Model(x)

    def given():
        try:
            return model.u
        finally:
            model.advance()

    return given()[0] * 100 + model.u[0]


def exception_that_is_handled(x):
    model = Model(x)
    try:
        try:
            raise ValueError(model.u)
        except ValueError:
            model.advance()
            raise
    except ValueError as error:
        return error.args[0][0] * 100 + model.u[0]


class Left:
    """A context that tells at its end what its array holds then."""

    def __init__(self, u, found):
        self.u, self.found = u, found

    def __enter__(self):
        return None

    def __exit__(self, *error):
        self.found.append(self.u[0])
        return False


def manager_of_a_context(x):
    model, found = Model(x), []
    with Left(model.u, found):
        model.advance()
    return found[0] * 100 + model.u[0]


def by_map(x):
    model = Model(x)
    every = list(map(lambda _: model.advance(), range(3)))
    return every[0][0] * 100 + every[1][0] * 10 + every[2][0]


def keys_of_an_order(x):
    model = Model(x)
    order = sorted([3.0, 1.0, 2.0], key=lambda k: k * model.advance()[1])
    return model.u[0] * order[0] + order[2]


FUNCTIONS = [
    left_operand, first_argument, item_of_a_tuple, item_of_a_list, items_of_a_comprehension,
    value_of_a_dict, container_of_an_item, comparison, in_a_function_that_is_alone,
    method_of_an_array, variable_of_a_function_around, what_a_generator_has_yielded, by_map,
    what_a_method_has_yielded, what_was_yielded_before_a_call, operand_of_a_property, leaf_of_a_structure,
    item_of_a_loop_that_is_still_to_come, values_of_a_dict_that_are_still_to_come, attribute_of_a_class,
    value_on_its_way_out, exception_that_is_handled, manager_of_a_context,
    keys_of_an_order,
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_waits_sees_the_store_of_the_first_pass(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x in (2.0, 0.5):
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13)
    slope = (f(2.0 + 1e-6) - f(2.0 - 1e-6)) / 2e-6
    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(2.0), slope, rtol=1e-6)


class Buffers:
    """Two arrays that change places in each pass."""

    def __init__(self, u):
        self.u, self.new = u.copy(), u.copy()

    def run(self, n):
        for _ in range(n):
            self.new[1:-1] = self.u[1:-1] + 0.1 * (self.u[2:] - 2 * self.u[1:-1] + self.u[:-2])
            self.u, self.new = self.new, self.u
        return self.u


def alone(x):
    return np.sum(Buffers(x).run(20))


def first(x):
    return 2.0 * np.sum(Buffers(x).run(20) * x)


def second(x):
    y = x * 2
    return float(np.sum(y * Buffers(x).run(20)))


@pytest.mark.parametrize("f", [alone, first, second])
def test_where_nothing_waits_two_buffers_are_carried_by_their_contents(f) -> None:
    x = np.linspace(0.0, 1.0, 9) ** 2
    compiled = autodiff.function(f)
    np.testing.assert_allclose(compiled(x), f(x), rtol=1e-14)
    assert "select" not in str(compiled.ir(x))  # no store that depends on which buffer it is


class Pair:
    def __init__(self, v, w):
        self.v, self.w = v, w


def object_that_no_pass_binds_anew(x, n):
    pair = Pair(x, 1.0)

    def advance():
        nonlocal pair
        for _ in range(n):
            pair = Pair(pair.v * 1.5, pair.w + 1.0)
        return pair

    before, after = pair, advance()
    after.v = after.v + 10
    return before.v * 100 + after.v


def dict_that_no_pass_binds_anew(x, n):
    table = {"v": x, "w": 1.0}

    def advance():
        nonlocal table
        while table["v"] < n:
            table = {"v": table["v"] * 1.5, "w": table["w"] + 1.0}
        return table

    def changed(before, after):
        after["v"] = after["v"] + 10
        return before["v"] * 100 + after["v"] + before["w"]

    return changed(table, advance())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [object_that_no_pass_binds_anew, dict_that_no_pass_binds_anew])
def test_what_waits_is_what_the_loop_leaves_if_it_does_not_run(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for n in (3, 0, 1, 5):
        assert compiled(2.0, n) == pytest.approx(f(2.0, n), rel=1e-14)
        assert compiled(0.5, n) == pytest.approx(f(0.5, n), rel=1e-14)
