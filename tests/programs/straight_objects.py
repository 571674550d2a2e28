"""Straight-line programs with Python's objects: classes, dataclasses, named tuples, containers.

Methods, properties, operators, callable objects, inheritance, static and class methods, closures
that hold arrays, dict, list and dataclass arguments, results that are containers.

The functions are written as users write them; nothing here imports `autodiff`.
"""

import dataclasses
import math
from collections import namedtuple
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .registry import normal, program, uniform


@dataclass
class Layer:
    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, x):
        return np.tanh(self.weight @ x + self.bias)


@program(
    inputs=[
        (Layer(normal(1, 3, 2), normal(2, 3)), normal(3, 2)),
        (Layer(normal(4, 2, 4), normal(5, 2)), normal(6, 4)),
    ],
    features="straight object container",
)
def dataclass_argument(layer, x):
    return layer(x).sum() + 0.1 * np.sum(layer.weight**2)


@program(
    inputs=[
        ({"w": normal(7, 3), "b": 0.5}, normal(8, 4, 3)),
        ({"w": normal(9, 2), "b": -1.0}, normal(10, 2, 2)),
    ],
    features="straight container",
)
def dict_argument(params, X):
    return np.mean((X @ params["w"] + params["b"]) ** 2)


@program(
    inputs=[([normal(11, 2), normal(12, 3)],), ([normal(13, 1), normal(14, 1), normal(15, 4)],)],
    features="straight container",
)
def list_argument(arrays):
    return sum(np.prod(1 + a**2) for a in arrays)


@program(
    inputs=[((0.5, (normal(16, 2), [1.0, 2.0])),), ((1.5, (normal(17, 3), [0.1, -2.0])),)],
    features="straight container",
)
def nested_containers(tree):
    scale, (v, (a, b)) = tree
    return scale * np.sum(v**2) + a * b


Point = namedtuple("Point", "x y")


@program(
    inputs=[(Point(0.5, 1.0), Point(2.0, -1.0)), (Point(1.5, 0.0), Point(0.3, 0.2))],
    features="straight container",
)
def named_tuples(p, q):
    return math.hypot(p.x - q.x, p.y - q.y) + p[0] * q[1]


class State(NamedTuple):
    position: NDArray[np.float64]
    velocity: NDArray[np.float64]


@program(
    inputs=[(normal(18, 2), normal(19, 2), 0.1), (normal(20, 3), normal(21, 3), 0.5)],
    features="straight object container",
)
def named_tuple_state(x, v, dt):
    state = State(x, v)
    state = state._replace(velocity=state.velocity - dt * state.position)
    state = State(position=state.position + dt * state.velocity, velocity=state.velocity)
    return {"energy": 0.5 * np.sum(state.velocity**2), "x": state.position}


class Spring:
    """A spring with a rest length."""

    count = 0

    def __init__(self, k, rest=1.0):
        self.k = k
        self.rest = rest

    @property
    def stiffness(self):
        return self.k**2

    def energy(self, length):
        return 0.5 * self.stiffness * (length - self.rest) ** 2

    @staticmethod
    def length(a, b):
        return np.sqrt(np.sum((a - b) ** 2))

    @classmethod
    def soft(cls, k):
        return cls(0.1 * k)


@program(
    inputs=[(2.0, normal(22, 3), normal(23, 3)), (0.7, normal(24, 2), normal(25, 2))],
    features="straight object",
)
def object_made_inside(k, a, b):
    spring = Spring(k)
    weak = Spring.soft(k)
    d = Spring.length(a, b)
    return spring.energy(d) + weak.energy(2 * d)


class Vector2:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector2(self.x + other.x, self.y + other.y)

    def __mul__(self, s):
        return Vector2(self.x * s, self.y * s)

    __rmul__ = __mul__

    def __matmul__(self, other):
        return self.x * other.x + self.y * other.y

    def __abs__(self):
        return math.sqrt(self @ self)


@program(inputs=[(0.5, 1.0, 2.0), (-1.0, 0.3, 0.7)], features="straight object")
def operators_of_a_class(a, b, s):
    u = Vector2(a, b)
    w = s * u + Vector2(b, 1.0) * 2
    return abs(w) + w @ u


class Dual:
    """Forward-mode differentiation by hand: derivatives of derivatives."""

    def __init__(self, value, slope=0.0):
        self.value = value
        self.slope = slope

    def __mul__(self, other):
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)

    def sin(self):
        return Dual(np.sin(self.value), np.cos(self.value) * self.slope)


@program(inputs=[(0.6,), (-1.4,)], features="straight object")
def dual_numbers(x):
    d = Dual(x, 1.0)
    y = (d * d).sin() * d
    return y.slope


class Activation:
    def __call__(self, x):
        return self.apply(x) + 0.01 * x

    def apply(self, x):
        raise NotImplementedError


class Swish(Activation):
    def apply(self, x):
        return x / (1 + np.exp(-x))


class ScaledSwish(Swish):
    def __init__(self, scale):
        self.scale = scale

    def apply(self, x):
        return self.scale * super().apply(x)


@program(inputs=[(normal(26, 4), 0.5), (normal(27, 3), 2.0)], features="straight object")
def inheritance_and_super(x, scale):
    return ScaledSwish(scale)(x) + Swish()(x)


def make_kernel(length):
    inverse = 1.0 / length

    def kernel(a, b):
        return np.exp(-np.sum((a - b) ** 2) * inverse)

    return kernel


@program(
    inputs=[(normal(28, 3), normal(29, 3), 1.5), (normal(30, 2), normal(31, 2), 0.4)],
    features="straight",
)
def function_from_a_factory(a, b, length):
    return make_kernel(length)(a, b) + make_kernel(2.0)(a, a + b)


_weights = np.array([[0.5, -0.2], [0.1, 0.9]])


def _make_model():
    offsets = np.array([0.3, -0.7])

    def model(x):
        return np.tanh(_weights @ x + offsets)

    return model


_model = _make_model()


@program(inputs=[(normal(32, 2),), (normal(33, 2) * 2,)], features="straight")
def closure_arrays(x):
    return _model(_model(x)).sum()


@dataclasses.dataclass(frozen=True)
class Gaussian:
    mean: float
    log_sd: float

    def logpdf(self, x):
        z = (x - self.mean) * np.exp(-self.log_sd)
        return -0.5 * z**2 - self.log_sd


@program(
    inputs=[(Gaussian(0.5, 0.1), normal(34, 4)), (Gaussian(-1.0, 0.4), normal(35, 2))],
    features="straight object container",
)
def frozen_dataclass(prior, x):
    shifted = dataclasses.replace(prior, mean=prior.mean + 1)
    return (prior.logpdf(x) + shifted.logpdf(x)).sum()


@program(inputs=[(normal(36, 3),), (normal(37, 2),)], features="straight container")
def several_results(x):
    norm = np.sqrt(x @ x)
    return x / norm, norm, [x.sum(), {"twice": 2 * x}]


@program(inputs=[(normal(38, 4), 0.2), (normal(39, 2), 1.1)], features="straight object")
def updates_of_attributes(x, c):
    class Accumulator:
        def __init__(self):
            self.total = 0.0
            self.steps = 0

        def add(self, value):
            self.total = self.total + value
            self.steps += 1
            return self

    acc = Accumulator()
    acc.add(x.sum()).add(c).add((x * c).max())
    return acc.total**2 / acc.steps


@program(
    inputs=[(0.5, 2.0, normal(40, 5)), (1.5, 0.3, normal(41, 3))], features="straight container"
)
def keywords_from_a_dict(a, b, x):
    def model(x, *, slope, intercept=0.0):
        return slope * x + intercept

    options = {"slope": a, "intercept": b}
    return np.sum(model(x, **options) ** 2) + model(*[1.0], slope=b)


@program(
    inputs=[
        (uniform(42, 0.5, 1, 3), uniform(43, 0.5, 1, 3)),
        (uniform(44, 0.5, 1, 2), uniform(45, 0.5, 1, 2)),
    ],
    features="straight",
)
def sorted_keys_and_zipped_names(a, b):
    table = dict(zip(["b", "a"], (b, a), strict=True))
    return sum((k + 1) * table[name].sum() ** 2 for k, name in enumerate(sorted(table)))


def make_counter(scale):
    total, count = [0.0], 0

    def add(value):
        nonlocal count
        count += 1
        total[0] += scale * value
        return total[0]

    return add, lambda: count


@program(
    inputs=[(normal(91, 4), 2.0), (normal(92, 3), 0.5), (normal(93, 6), 1.5)],
    features="for object",
)
def counting_closure(x, scale):
    add, count = make_counter(scale)
    for value in x:
        last = add(value)
    return last * count() + x[0]
