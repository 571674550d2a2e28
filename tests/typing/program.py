"""A user's program, checked by `mypy --strict` and pyright in `test_typing.py`.

`assert_type` says what a checker must know; a line that must be an error carries `# wrong`.
"""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import optimize

Array = NDArray[np.float64]


# -- decorators, bare and with options ----------------------------------------------------------
@autodiff.function
def area(width: float, height: float = 1.0) -> float:
    return width * height


@autodiff.function(engine="numpy", threads=2)
def volume(width: float, *, depth: float) -> float:
    return width * depth


@autodiff.value_and_gradient(wrt="width")
def cost(width: float, label: str) -> float:
    return width**2


@autodiff.gradient
def slope(x: Array) -> float:
    return float(np.sum(x**2))


assert_type(area(2.0), float)
assert_type(area(width=2.0, height=3.0), float)
assert_type(volume(2.0, depth=1.0), float)
assert_type(cost(2.0, "blue"), tuple[float, Any])
steep: Array = slope(np.ones(3))
area("wide")  # wrong
area(2.0, 3.0, 4.0)  # wrong
area(2.0, hight=3.0)  # wrong
volume(2.0, 1.0)  # wrong
cost(2.0)  # wrong
slope("x")  # wrong
autodiff.gradient(slope, argnums=0)  # wrong
autodiff.function(area, engine=3)  # wrong
autodiff.grad(slope)  # wrong


# -- called on functions ------------------------------------------------------------------------
def model(p: Array, t: Array) -> Array:
    curve: Array = p[0] * np.exp(-p[1] * t)
    return curve


fast = autodiff.function(model)
assert_type(fast(np.ones(2), np.ones(3)), Array)
fast(np.ones(2))  # wrong
rows: Array = autodiff.jacobian(model, wrt="p")(np.ones(2), np.ones(3))
matrix: Array = autodiff.hessian(lambda x: float(np.sum(x)), mode="reverse")(np.ones(2))
assert_type(
    autodiff.jvp(model, (np.ones(2), np.ones(3)), (np.ones(2), np.ones(3))), tuple[Array, Array]
)
value, pull = autodiff.vjp(model, np.ones(2), np.ones(3))
assert_type(value, Array)
assert_type(pull(np.ones(3)), tuple[Any, ...])
value, push = autodiff.linearize(model, np.ones(2), np.ones(3))
assert_type(push(np.ones(2), np.ones(3)), Array)
many: Array = autodiff.vmap(model, in_axes=(0, None))(np.ones((5, 2)), np.ones(3))
product: Array = autodiff.hessian_vector(slope)(np.ones(3), _tensors=np.ones(3))


# -- methods ------------------------------------------------------------------------------------
class Spring:
    def __init__(self, stiffness: float) -> None:
        self.stiffness = stiffness

    @autodiff.function
    def energy(self, x: float, y: float = 0.0) -> float:
        return 0.5 * self.stiffness * (x * x + y * y)

    @autodiff.value_and_gradient(wrt="x")
    def pulled(self, x: float) -> float:
        return self.stiffness * x


spring = Spring(2.0)
assert_type(spring.energy(1.0), float)
assert_type(spring.energy(x=1.0, y=2.0), float)
assert_type(spring.pulled(1.0), tuple[float, Any])
spring.energy()  # wrong
spring.energy("far")  # wrong


# -- rules and marks ----------------------------------------------------------------------------
@autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 2 * x)
def square(x: float) -> float:
    return x * x


def root(p: float) -> float:
    return float(np.sqrt(p))


assert_type(square(2.0), float)
assert_type(autodiff.implicit(root, lambda x, p: x * x - p)(2.0), float)
assert_type(autodiff.stop_gradient(2.0), float)
assert_type(autodiff.tag(steep, "steep"), Array)
for k in autodiff.checkpoint(range(3)):
    assert_type(k, int)
square("x")  # wrong


# -- where functions are wanted -----------------------------------------------------------------
def twice(f: Callable[[float], float]) -> float:
    return f(f(1.0))


assert_type(twice(area), float)
found = optimize.minimize(slope, np.ones(3), method="BFGS")
try:
    area(1.0)
except autodiff.ShapeError as error:
    print(error)
