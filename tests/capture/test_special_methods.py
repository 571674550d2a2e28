"""Special methods that the user's class defines: interpreted wherever Python calls them, so that loops and branches stay.

    grid[k % 4] = v          grid.__setitem__ has an ``if`` on v: the loop is one loop, the branch a branch
    del grid[k], Point.__new__, an own __setattr__ that ends in object.__setattr__: likewise

Each program is compared with plain Python at two inputs, its slope with a difference, and is one loop of any length.
"""

import math
from collections import UserDict
from collections.abc import MutableMapping

import numpy as np
import pytest

import autodiff
from tests.capture.support import (
    ENGINES,
    agrees,
    agrees_with_slopes,
    kinds,
    one_loop_for_any_length,
    program_of,
)


def bent(v):
    return v if v > 1.0 else 0.5 * v


class Grid:
    def __init__(self, n=4):
        self.items, self.t, self.n = np.zeros(n), 0.0, n

    def __setitem__(self, i, v):
        if i >= self.n:
            raise IndexError("outside of the grid")
        if v > 1.0:
            self.items[i] = v
        else:
            self.items[i] = 0.5 * v

    def __getitem__(self, i):
        return bent(self.items[i])

    def __delitem__(self, i):
        self.items[i] = 0.0

    def __contains__(self, v):
        return bool(self.t > v)

    def __call__(self, v):
        self.t = self.t + bent(v)
        return self.t

    def __enter__(self):
        self.t = self.t * 0.9
        return self

    def __exit__(self, *error):
        self.t = bent(self.t)

    def __bool__(self):
        return bool(self.t < 1.0)

    def __iadd__(self, v):
        self.t += bent(v)
        return self

    def __neg__(self):
        return -bent(self.t)

    def __abs__(self):
        return bent(self.t) if self.t > 0 else -self.t

    def __float__(self):
        return float(self.t)

    def __lt__(self, other):
        return self.t < other

    def __divmod__(self, other):
        return bent(self.t), other

    def __iter__(self):
        for k in range(self.n):
            yield bent(self.items[k])

    def __reversed__(self):
        for k in range(self.n):
            yield bent(self.items[self.n - 1 - k])


class Doubling:
    def __setattr__(self, name, v):
        object.__setattr__(self, name, v * 2 if v > 1.0 else v)


class Doubled(Doubling):
    def __setattr__(self, name, v):
        super().__setattr__(name, v * 0.5)


class Bent:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, obj, owner=None):
        return bent(getattr(obj, self.name))

    def __set__(self, obj, v):
        setattr(obj, self.name, v if v > 1.0 else 0.1 * v)


class Described:
    d = Bent()


class Made:
    def __new__(cls, v):
        made = super().__new__(cls)
        made.v = bent(v)
        return made


class Items:
    def __init__(self, xs):
        self.k, self.xs = 0, xs

    def __iter__(self):
        return self

    def __next__(self):
        if self.k >= len(self.xs):
            raise StopIteration
        self.k += 1
        return bent(self.xs[self.k - 1])


class Mapping(MutableMapping):
    """Of the module that Python has compiled into itself come ``update``, ``get``, ``values`` and more."""

    def __init__(self):
        self.known = {}

    def __getitem__(self, key):
        return self.known[key]

    def __setitem__(self, key, v):
        self.known[key] = bent(v)

    def __delitem__(self, key):
        del self.known[key]

    def __iter__(self):
        return iter(self.known)

    def __len__(self):
        return len(self.known)


class Matrix:
    """A matrix of rows, as a textbook has it."""

    def __init__(self, n, m):
        self.n, self.m = n, m
        self.rows = [[0.0] * m for _ in range(n)]

    def __getitem__(self, at):
        return self.rows[at[0]][at[1]]

    def __setitem__(self, at, v):
        self.rows[at[0]][at[1]] = v

    def __matmul__(self, other):
        made = Matrix(self.n, other.m)
        for i in range(self.n):
            for j in range(other.m):
                for k in range(self.m):
                    made[i, j] += self[i, k] * other[k, j]
        return made


def setitem(xs, a):
    grid = Grid()
    for k in range(len(xs)):
        grid[k % 4] = xs[k] * a
    return grid.items.sum() * a


def setitem_of_a_choice(xs, a):
    first, second = Grid(), Grid()
    for v in xs:
        grid = first if v > 1.0 else second
        grid[1] = v * a
        grid[2] += v
    return first[1] * second[1] + first[2] + second[2]


def setitem_that_raises(xs, a):
    grid, missed = Grid(), 0.0
    for k in range(len(xs)):
        try:
            grid[k] = xs[k] * a
        except IndexError:
            missed += xs[k] * a
    return grid.items.sum() + missed * 2


def getitem(xs, a):
    grid = Grid()
    grid.items, total = xs[:4] * a, 0.0
    for k in range(len(xs)):
        total += grid[k % 4] * xs[k]
    return total


def delitem(xs, a):
    grid = Grid()
    grid.items, total = xs[:4] * a, 0.0
    for k in range(len(xs)):
        if xs[k] < 0.6:
            del grid[k % 4]
        total += grid[k % 4]
    return total


def contains(xs, a):
    grid, total = Grid(), 0.0
    for v in xs:
        grid.t = v * a
        if 0.6 in grid:
            total += v * a
    return total


def called(xs, a):
    grid = Grid()
    for v in xs:
        grid(v * a)
    return grid.t


def entered(xs, a):
    grid = Grid()
    for v in xs:
        with grid as inner:
            inner.t += v * a
    return grid.t


def truth(xs, a):
    grid, total = Grid(), 0.0
    for v in xs:
        grid.t = v * a
        if grid:
            total += v * a
        total += v * 2 * a if not grid else 0.0
    return total


def in_place(xs, a):
    grid = Grid()
    for v in xs:
        grid += v * a
    return grid.t


def unary(xs, a):
    grid, total = Grid(), 0.0
    for v in xs:
        grid.t = v * a
        total += -grid + abs(grid) + float(grid) + math.sin(grid)
    return total


def compared(xs, a):
    grid, total = Grid(), 0.0
    for v in xs:
        grid.t = v * a
        if grid < 0.65:
            total += v * a
        first, second = divmod(grid, 2.0)
        total += first * second
    return total


def iterated(xs, a):
    grid = Grid()
    grid.items, total = xs[:4] * a, 0.0
    for v in xs:
        for item in grid:
            total += item * v
        for item in reversed(grid):
            total = total * 0.5 + item
    return total + sum(grid) + max(grid)


def own_setattr(xs, a):
    doubling = Doubling()
    doubling.y = a
    for v in xs:
        doubling.y = v * a + 0.1 * doubling.y
    return doubling.y


def setattr_by_super(xs, a):
    doubled = Doubled()
    doubled.y = a
    for v in xs:
        doubled.y = v * a + 0.1 * doubled.y
    return doubled.y


def descriptor(xs, a):
    described, total = Described(), 0.0
    described.d = a
    for v in xs:
        described.d = v * a
        total += described.d
    return total


def own_new(xs, a):
    total = 0.0
    for v in xs:
        total += Made(v * a).v
    return total


def own_next(xs, a):
    total = 0.0
    for v in xs:
        for item in Items(xs):
            total = total * 0.9 + item * v * a
    return total


def mapping(xs, a):
    table = Mapping()
    table.update(s=0.0, t=a)
    for v in xs:
        table["s"] = table["s"] + v * a
        table["t"] = table.get("t", 0.0) * 0.5
    return table["s"] + sum(table.values())


def user_dict(xs, a):
    table = UserDict(s=0.0)
    for v in xs:
        table["s"] = table["s"] + bent(v * a)
    return table["s"] + (1.0 if "s" in table else 0.0)


ROLLED = [
    setitem,
    setitem_of_a_choice,
    setitem_that_raises,
    getitem,
    delitem,
    contains,
    called,
    entered,
    truth,
    in_place,
    unary,
    compared,
    iterated,
    own_setattr,
    setattr_by_super,
    descriptor,
    own_new,
    own_next,
    mapping,
    user_dict,
]


@pytest.mark.parametrize("f", ROLLED, ids=lambda f: f.__name__)
def test_special_methods_in_a_loop(f) -> None:
    agrees_with_slopes(f, "numpy")
    one_loop_for_any_length(f)


@pytest.mark.parametrize("f", [setitem, setitem_of_a_choice, own_setattr, own_new])
def test_special_methods_are_compiled(f) -> None:
    agrees_with_slopes(f, "native")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_matrix_of_rows_that_a_loop_binds_to_its_product(engine) -> None:
    """The rows are as long as an attribute of the matrix of the pass before says: they were those of before the loop."""

    def power(x, passes=4):
        first, product = Matrix(3, 3), Matrix(3, 3)
        for i in range(3):
            for j in range(3):
                first[i, j] = x[(i + j) % 4]
                product[i, j] = x[i * j % 4]
        for _ in range(passes):
            product = first @ product
        return product[1, 1] + product[2, 0]

    x = np.array([0.5, 0.25, 1.5, 0.75])
    agrees(power, (x,), (x * 1.5,), engine=engine)
    lengths = {sum(kinds(program_of(power, x, passes)).values()) for passes in (9, 14)}
    assert len(lengths) == 1
    steps = 1e-6 * np.eye(4)
    difference = [(power(x + h) - power(x - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(autodiff.gradient(power, engine=engine)(x), difference, rtol=1e-7)
