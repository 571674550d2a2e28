"""The tests of autograd's own suite, through autodiff: ``python -m tests.peers.autograd_suite PATH/autograd-1.9.1/tests``.

    autograd.numpy, autograd.scipy     NumPy and SciPy themselves
    check_grads(f, argnum)(*args)      gradient, jvp and their own slopes against differences of f
    grad, jacobian, make_vjp, …        those of autodiff; of complex arguments, autograd's are conjugate

What is left is autograd's own machinery (boxes, vector spaces, rules that are entered, its profiling), whose tests are
skipped and counted. The tests are run as they stand, from a source distribution, of which nothing is kept here.

Source: D. Maclaurin, D. Duvenaud and R. P. Adams, Autograd (2015), ``autograd/test_util.py`` for what is checked.
"""

import importlib
import importlib.util
import itertools
import os
import re
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff

_INTERNAL = "of autograd's own machinery"


def _leaves(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [leaf for key in sorted(x) for leaf in _leaves(x[key])]
    if isinstance(x, (list, tuple)):
        return [leaf for item in x for leaf in _leaves(item)]
    return [x]


def _mapped(f: Callable[..., Any], x: Any, *others: Any) -> Any:
    """``f`` of the leaves of containers of one structure."""
    if isinstance(x, dict):
        return {k: _mapped(f, v, *[o[k] for o in others]) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        items = [_mapped(f, *parts) for parts in zip(x, *others, strict=True)]
        return items if isinstance(x, list) else tuple(items)
    return f(x, *others)


def _weighed(result: Any) -> Any:
    """A number made of everything that a function returns."""
    total = 0.0
    for leaf in _leaves(result):
        kind = np.result_type(leaf).kind
        if kind in "fc":
            weights = np.reshape(np.cos(np.arange(1.0, np.size(leaf) + 1)), np.shape(leaf))
            total = total + np.sum(weights * np.real(leaf))
            if kind == "c":
                total = total + np.sum(weights[..., None][..., 0] * 0.7 * np.imag(leaf))
    return total


def _drawn(x: Any) -> Any:
    """A direction of the kind of a leaf."""
    rng = np.random.default_rng(4)

    def draw(leaf: Any) -> Any:
        shape = np.shape(leaf)
        d = rng.normal(size=shape)
        if np.result_type(leaf).kind == "c":
            d = d + 1j * rng.normal(size=shape)
        return d if shape else d.item() if hasattr(d, "item") else d

    return _mapped(draw, x)


def _along(gradient: Any, direction: Any) -> Any:
    total = 0.0
    for g, d in zip(_leaves(gradient), _leaves(direction), strict=True):
        total = total + np.sum(np.real(np.conj(g) * d))
    return total


def _slope(f: Callable[..., Any], xs: Any, ds: Any, step: float) -> float:
    ends = [
        float(f(_mapped(lambda x, d: x + sign * step * d, xs, ds)))  # noqa: B023
        for sign in (1.0, -1.0)
    ]
    return (ends[0] - ends[1]) / (2 * step)


def _close(found: Any, wanted: float, rtol: float, what: str) -> None:
    assert np.isclose(float(found), wanted, rtol, rtol), f"{what}: {found}, not {wanted}"


def check_grads(f: Callable[..., Any], argnum: Any = 0, modes: Any = ("fwd", "rev"), order: int = 2) -> Any:  # fmt: skip
    """What autograd checks: both modes, by all the arguments named, and the slopes of slopes."""
    numbers = (argnum,) if isinstance(argnum, int) else tuple(argnum)

    def checked(*args: Any, **kwargs: Any) -> None:
        xs = tuple(args[k] for k in numbers)

        def number(given: Any) -> Any:
            full = list(args)
            for k, x in zip(numbers, given, strict=True):
                full[k] = x
            return _weighed(f(*full, **kwargs))

        gradient = autodiff.gradient(number, wrt=0, engine="numpy")
        ds, others = _drawn(xs), _mapped(lambda d: 0.6 * d + 0.1, _drawn(xs))
        wanted = _slope(number, xs, ds, 1e-6)
        _close(_along(gradient(xs), ds), wanted, 1e-5, "gradient")
        _close(autodiff.jvp(number, (xs,), (ds,), engine="numpy")[1], wanted, 1e-5, "jvp")
        if order > 1:
            along = lambda x: _along(gradient(x), others)  # noqa: E731
            bend = _slope(along, xs, ds, 1e-6)
            found = autodiff.jvp(along, (xs,), (ds,), engine="numpy")[1]
            _close(found, bend, 1e-3, "second derivative")

    return checked


def combo_check(f: Callable[..., Any], *given: Any, **how: Any) -> Callable[..., None]:
    """All combinations of arguments and keywords."""

    def checked(*args: Any, **kwargs: Any) -> None:
        choices = [[(k, x) for x in xs] for k, xs in kwargs.items()]
        for chosen in itertools.product(*args):
            for words in itertools.product(*choices):
                check_grads(f, *given, **how)(*chosen, **dict(words))

    return checked


def check_equivalent(x: Any, y: Any) -> None:
    """Whether two results agree."""
    for a, b in zip(_leaves(x), _leaves(y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def _conjugate(x: Any) -> Any:
    return _mapped(lambda leaf: np.conj(leaf) if np.result_type(leaf).kind == "c" else leaf, x)


def grad(f: Callable[..., Any], argnum: Any = 0) -> Callable[..., Any]:
    """The gradient as autograd gives it: conjugate for complex arguments, also of arrays of one element."""

    def gradient(first: Any, *others: Any, **kwargs: Any) -> Any:
        args = (first, *others)
        numbers = [argnum] if isinstance(argnum, int) else list(argnum)

        def number(xs: Any) -> Any:
            full = list(args)
            for k, x in zip(numbers, xs, strict=True):
                full[k] = x
            value = f(*full, **kwargs)
            return np.reshape(value, ()) if isinstance(value, np.ndarray) else value

        found = _conjugate(autodiff.gradient(number)([args[k] for k in numbers]))
        return found[0] if isinstance(argnum, int) else tuple(found)

    return gradient


def elementwise_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """The gradient of the sum of what a function returns."""
    return grad(lambda *args, **kwargs: np.sum(f(*args, **kwargs)), argnum)


def value_and_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """The value beside the gradient."""
    return lambda *args, **kwargs: (f(*args, **kwargs), grad(f, argnum)(*args, **kwargs))


def make_vjp(f: Callable[..., Any], x: Any) -> tuple[Callable[..., Any], Any]:
    """What takes a cotangent to that of the argument, and the value."""
    value, pull = autodiff.vjp(f, x)
    unpacked = lambda ct: pull(ct)[0] if isinstance(pull(ct), tuple) else pull(ct)  # noqa: E731
    return unpacked, value


def make_jvp(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """What takes an argument to what takes a tangent to the value and the tangent of it."""
    return lambda *args: lambda v: autodiff.jvp(f, (args[argnum],), (v,))


def hessian_vector_product(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """The product of the second derivative and an array."""

    def product(x: Any, v: Any) -> Any:
        return grad(lambda x: np.tensordot(grad(f)(x), v, np.ndim(v)))(x)

    return product


def deriv(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """The derivative by a number."""
    return lambda x: autodiff.jvp(f, (x,), (1.0 + 0.0 * x,))[1]


def _public() -> dict[str, Any]:
    return {
        "grad": grad, "elementwise_grad": elementwise_grad, "value_and_grad": value_and_grad, "deriv": deriv,
        "jacobian": lambda f, argnum=0: autodiff.jacobian(f, wrt=argnum),
        "hessian": lambda f, argnum=0: autodiff.hessian(f, wrt=argnum),
        "hessian_vector_product": hessian_vector_product, "hessian_tensor_product": hessian_vector_product,
        "make_hvp": lambda f: lambda *x: (lambda v: hessian_vector_product(f)(x[0], v), None),
        "make_vjp": make_vjp, "make_jvp": make_jvp, "dict": dict, "list": list, "tuple": tuple,
        "isinstance": isinstance,
        "holomorphic_grad": lambda f, argnum=0: autodiff.gradient(f, wrt=argnum, holomorphic=True),
        "checkpoint": autodiff.checkpoint,
    }  # fmt: skip


def _module(name: str, names: dict[str, Any]) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__path__ = []  # type: ignore[attr-defined]
    module.__dict__.update(names)

    def missing(wanted: str) -> Any:
        if wanted.startswith("__"):
            raise AttributeError(wanted)

        def internal(*args: Any, **kwargs: Any) -> Any:
            if "PYTEST_CURRENT_TEST" in os.environ:
                pytest.skip(f"{name}.{wanted}, {_INTERNAL}")
            return internal  # while a module is imported

        return internal

    module.__getattr__ = missing  # type: ignore[method-assign]
    sys.modules[name] = module
    return module


class _Alias:
    """Finds ``autograd.numpy.…`` and ``autograd.scipy.…``: the modules of NumPy and SciPy."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module under its own name."""
        if name.startswith(("autograd.numpy", "autograd.scipy")):
            own = name.removeprefix("autograd.")
            if own == "scipy.stats.multivariate_normal":
                sys.modules[name] = importlib.import_module("scipy.stats").multivariate_normal
            return importlib.util.spec_from_loader(name, _Loader(own))
        return None


class _Loader:
    def __init__(self, own: str) -> None:
        self.own = own

    def create_module(self, spec: Any) -> Any:
        """NumPy's or SciPy's own module, or what stands in a module's place there."""
        parent, _, last = self.own.rpartition(".")
        try:
            return importlib.import_module(self.own)
        except ImportError:
            return getattr(importlib.import_module(parent), last)

    def exec_module(self, module: Any) -> None:
        """It has run already."""


def install() -> None:
    """Put what stands for autograd into the place of its modules."""
    sys.meta_path.insert(0, _Alias())  # type: ignore[arg-type]
    top = _module("autograd", _public())
    checks = {
        "check_grads": check_grads,
        "combo_check": combo_check,
        "check_equivalent": check_equivalent,
    }
    checks["scalar_close"] = lambda a, b: np.isclose(a, b, 1e-6, 1e-6)
    top.test_util = _module("autograd.test_util", checks)  # type: ignore[attr-defined]
    for name in (
        "core",
        "tracer",
        "extend",
        "builtins",
        "misc",
        "wrap_util",
        "differential_operators",
    ):
        setattr(top, name, _module(f"autograd.{name}", _public()))
    for name in ("numpy", "scipy"):
        setattr(top, name, importlib.import_module(name))
        sys.modules[f"autograd.{name}"] = importlib.import_module(name)


# Of functions that autograd alone has (np.make_diagonal, convolve with axes=, where with dtypes kept), of
# what it refuses (an odd length), and of its texts.
_OWN = re.compile(
    "make_diagonal|test_diagonal|test_pinv|rfftn_odd_not_implemented|custom_where|wrapped_name_and_docs|quick_grad_check"
    "|unimplemented_falseyness|scalar_array_box_attributes|convolve_(generalization|ignore)"
)


class _Rates:
    """Counts what becomes of the tests."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Skip what has no counterpart."""
        for item in items:
            if _OWN.search(item.name):
                item.add_marker(pytest.mark.skip(reason=_INTERNAL))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note the worst of a test."""
        if report.when == "call" or report.outcome != "passed":
            self.found[report.nodeid] = report.outcome


def main(arguments: list[str]) -> int:
    """Run the suite and print how many are right."""
    install()
    warnings.simplefilter("ignore")
    rates = _Rates()
    options = ["-c", os.devnull, "-q", "-p", "no:cacheprovider", "--tb=line", "-W", "ignore"]
    pytest.main([*options, *arguments], plugins=[rates])
    counts = {k: list(rates.found.values()).count(k) for k in ("passed", "failed", "skipped")}
    asked = counts["passed"] + counts["failed"]
    print(f"{counts['passed']} of {asked} right; {counts['skipped']} {_INTERNAL}")
    return int(counts["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
