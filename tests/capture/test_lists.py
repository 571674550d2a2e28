"""Lists kept in arrays: what is returned, what Python would say, what is not changed behind one's back."""

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, agrees, kinds, program_of

over_engines = pytest.mark.parametrize("engine", ENGINES)
data = np.random.default_rng(0).normal(size=9)


@over_engines
def test_a_returned_list_has_the_types_that_python_gives(engine) -> None:
    def f(x):
        mixed, table, flags, whole = [0], [0.0] * len(x), [], []
        for i in range(1, len(x)):
            mixed.append(mixed[-1] + x[i])
            table[i] = x[i]
            flags.append(x[i] > 0)
            whole.append(float(x[i]) * 2)
        return {"mixed": mixed, "rest": (table, flags, whole, mixed[2:])}

    agrees(f, (data,), (data[:7],), (data[:8],), engine=engine)


@over_engines
def test_a_list_that_may_be_empty(engine) -> None:
    def f(x):
        found = []
        for v in x:
            if v > 0:
                found.append(v)
        return found

    agrees(f, (data,), (-np.abs(data),), (np.abs(data),), engine=engine)


@over_engines
def test_reading_an_empty_list_in_a_loop_raises_what_python_raises(engine) -> None:
    def f(x):
        found = []
        for v in x:
            if v > 0:
                found.append(v)
            else:
                found.append(found[-1] * v)
        return sum(found)

    compiled = autodiff.function(f, engine=engine)
    assert compiled(np.abs(data)) == pytest.approx(f(np.abs(data)))
    with pytest.raises(IndexError) as caught:
        compiled(-np.abs(data))
    assert str(caught.value) == "list index out of range"


def test_derivatives_of_a_function_that_returns_a_list() -> None:
    def squares(x):
        found = []
        for v in x:
            found.append(v * v)
        return found

    assert np.allclose(autodiff.jacobian(squares)(data), np.diag(2 * data))
    value, tangent = autodiff.jvp(squares, (data,), (np.ones(9),))
    assert type(value) is list
    assert np.allclose(tangent, 2 * data)
    (pulled,) = autodiff.vjp(squares, data)[1]([1.0] * 9)
    assert np.allclose(pulled, 2 * data)


def test_a_list_of_arrays_that_change_later_is_not_kept_as_copies() -> None:
    def f(x):
        u, states = x.copy(), []
        for _ in range(9):
            u *= 0.5
            states.append(u)
        return np.array(states)

    agrees(f, (data,), engine="numpy")
    assert kinds(program_of(f, data))["for"] == 0


def test_a_list_of_constants_is_no_part_of_the_program() -> None:
    def f(x):
        order = []
        for k in range(50):
            order.append((7 * k) % len(x))
        return x[order[3]]

    program = autodiff.function(f, engine="numpy").ir(data)
    assert [operation.kind for operation in program.block.operations] == ["slice"]


def test_the_arrays_of_a_list_keep_their_identity() -> None:
    def f(x):
        rows = []
        for k in range(9):
            rows.append(x * k)
        return 1.0 * (rows[2] is rows[-7]) + 2.0 * (rows[1] is rows[2]) + x.sum()

    agrees(f, (data,), engine="numpy")


@over_engines
def test_a_list_kept_outside_of_the_function_is_a_list(engine) -> None:
    class Model:
        history = None

        def run(self, x):
            found = []
            for v in x:
                found.append(2 * v)
            self.history = found
            return sum(found)

    model = Model()
    autodiff.function(model.run, engine=engine)(data)
    assert type(model.history) is list
    assert model.history == list(2 * data)
