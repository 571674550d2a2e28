"""The tools that are compared: how each is called with the code that its users would write.

    numpy      the value alone                         autograd, mygrad    the same code, with np bound to theirs
    autodiff   value_and_gradient(f)                   torch               the same, tensors; eager, as it is used by default
    jax        jit(value_and_grad(f))                  pytensor, casadi    symbols through the same code, compiled
    c          written by hand, where it is short      (cc -O3 -march=native)

`prepare(peer, benchmark, arguments)` gives a function of the first argument, a NumPy array, to the value and the gradient
as NumPy has them; the other arguments are data, and are converted once. A benchmark whose code is the same for all
(`Benchmark.portable`) is tried with every peer; where the code asks for something that a peer lacks, the table shows it.

Each peer runs in a process of its own (`worker.py`), and only where it is installed.
"""

from __future__ import annotations

import ctypes
import importlib
import inspect
import pkgutil
import shutil
import subprocess
import tempfile
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.harness import Benchmark

Call = Callable[[Any], Any]
MODULES = {
    "numpy": "numpy",
    "autodiff": "autodiff",
    "jax": "jax",
    "autograd": "autograd",
    "pytensor": "pytensor",
    "casadi": "casadi",
    "torch": "torch",
    "mygrad": "mygrad",
    "c": "numpy",
}
PEERS = tuple(MODULES)


class Unsuited(Exception):
    """A benchmark is not written for a peer."""


def load(peer: str) -> None:
    """Do the imports of a peer, so that first calls are timed without them."""
    _LOAD.get(peer, lambda: importlib.import_module(MODULES[peer]))()


def _load_autodiff() -> None:
    package = importlib.import_module("autodiff")
    # Running uncompiled is not what is measured: it counts as a failure.
    warnings.simplefilter("error", package.FallbackWarning)
    for module in pkgutil.walk_packages(package.__path__, "autodiff."):
        # Translations to another library want that library.
        if not module.name.endswith("__main__") and ".engines.jax" not in module.name:
            importlib.import_module(module.name)
    for name in (
        "llvmlite.binding",
        "scipy.linalg.cython_blas",
        "scipy.linalg.cython_lapack",
        "optree",
    ):
        importlib.import_module(name)


def _load_jax() -> None:
    jax = importlib.import_module("jax")
    for name in ("jax.numpy", "jax.lax", "jax.scipy.linalg"):
        importlib.import_module(name)
    jax.devices()


def _load_torch() -> None:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)


_LOAD: dict[str, Callable[[], Any]] = {
    "autodiff": _load_autodiff,
    "jax": _load_jax,
    "torch": _load_torch,
    "autograd": lambda: [importlib.import_module(f"autograd{x}") for x in ("", ".numpy")],
    "pytensor": lambda: importlib.import_module("pytensor.tensor"),
}


def bound(function: Any, module: Any) -> Any:
    """The same code with ``np`` bound to another module, in the functions of its file that it calls too."""
    names = dict(function.__globals__)
    names["np"] = module
    for name, x in function.__globals__.items():
        if isinstance(x, types.FunctionType) and x.__module__ == function.__module__:
            names[name] = types.FunctionType(x.__code__, names, x.__name__, x.__defaults__)
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)


def prepare(peer: str, benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    """The peer's function of the first argument alone, to (value, gradient); plain NumPy's to the value."""
    return _PREPARE[peer](benchmark, arguments)


def _numpy(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    function, data = benchmark.function, arguments[1:]
    return lambda x: function(x, *data)


def _autodiff(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    autodiff = importlib.import_module("autodiff")
    function, data = benchmark.function, arguments[1:]
    first = next(iter(inspect.signature(function).parameters))
    if benchmark.second:
        product = autodiff.hessian_vector(function, wrt=first)
        return lambda x: (0.0, product(x, *data, _tensors=x))
    if not data:
        compiled: Call = autodiff.value_and_gradient(function, threads=benchmark.threads)
        return compiled
    compiled = autodiff.value_and_gradient(function, wrt=first, threads=benchmark.threads)
    return lambda x: compiled(x, *data)


def _jax(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    import jax

    function = benchmark.jax()
    if benchmark.second:
        gradient = jax.grad(function)
        value_and_grad = jax.jit(
            lambda x, *data: (0.0, jax.jvp(lambda x: gradient(x, *data), (x,), (x,))[1])
        )
    else:
        value_and_grad = jax.jit(jax.value_and_grad(function))
    on_device = tuple(jax.device_put(a) for a in arguments[1:])

    def call(x: Any) -> tuple[float, np.ndarray]:
        value, gradient = value_and_grad(x, *on_device)
        return float(value), np.asarray(gradient)

    return call


def _portable(benchmark: Benchmark) -> Any:
    if not benchmark.portable:
        raise Unsuited("its code is not the same for all")
    return benchmark.function


def _autograd(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    autograd, numpy = (importlib.import_module(n) for n in ("autograd", "autograd.numpy"))
    function, data = bound(_portable(benchmark), numpy), arguments[1:]
    if benchmark.second:
        product = autograd.hessian_vector_product(function)
        return lambda x: (0.0, product(x, *data, x))
    both = autograd.value_and_grad(function)
    return lambda x: both(x, *data)


def _mygrad(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    mygrad = importlib.import_module("mygrad")
    function, data = bound(_first_order(benchmark), mygrad), arguments[1:]

    def call(x: Any) -> tuple[float, Any]:
        tensor = mygrad.tensor(x)
        value = function(tensor, *data)
        value.backward()
        return float(value.item()), tensor.grad

    return call


def _torch(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    torch = importlib.import_module("torch")
    function = bound(_first_order(benchmark), torch)
    data = tuple(torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments[1:])

    def call(x: Any) -> tuple[float, Any]:
        tensor = torch.from_numpy(x).requires_grad_()
        value = function(tensor, *data)
        value.backward()
        return float(value), tensor.grad.numpy()

    return call


def _pytensor(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    pytensor, tensor = (importlib.import_module(n) for n in ("pytensor", "pytensor.tensor"))
    function = bound(_first_order(benchmark), tensor)
    symbols = [tensor.TensorType(a.dtype, a.shape)() for a in map(np.asarray, arguments)]
    value = function(*symbols)
    compiled = pytensor.function(symbols, [value, tensor.grad(value, symbols[0])])
    data = arguments[1:]

    def call(x: Any) -> tuple[float, Any]:
        value, gradient = compiled(x, *data)
        return float(value), gradient

    return call


class _Casadi:
    """NumPy's names for CasADi's functions of columns."""

    def __init__(self, casadi: Any) -> None:
        self.casadi = casadi

    def __getattr__(self, name: str) -> Any:
        return getattr(self.casadi, name)

    def sum(self, x: Any) -> Any:
        """The sum of all."""
        return self.casadi.sum1(self.casadi.vec(x))

    def mean(self, x: Any) -> Any:
        """The mean of all."""
        return self.sum(x) / x.numel()


def _casadi(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    casadi = importlib.import_module("casadi")
    function = bound(_first_order(benchmark), _Casadi(casadi))
    x = arguments[0]
    if x.ndim != 1 or x.size > 10_000:
        raise Unsuited("a graph of scalars of more than 10,000 numbers")
    symbol = casadi.SX.sym("x", x.size)
    value = function(symbol, *(casadi.DM(a) for a in arguments[1:]))
    compiled = casadi.Function("f", [symbol], [value, casadi.gradient(value, symbol)])

    def call(x: Any) -> tuple[float, Any]:
        value, gradient = compiled(x)
        return float(value), gradient.full().ravel()

    return call


def _first_order(benchmark: Benchmark) -> Any:
    if benchmark.second:
        raise Unsuited("second derivatives")
    return _portable(benchmark)


def _c(benchmark: Benchmark, arguments: tuple[Any, ...]) -> Call:
    compiler = shutil.which("cc")
    if benchmark.c is None or compiler is None:
        raise Unsuited("it is not written in C, or there is no compiler")
    folder = Path(tempfile.mkdtemp())
    (folder / "f.c").write_text(benchmark.c)
    command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", "f.c", "-o", "f.so", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    function = ctypes.CDLL(str(folder / "f.so")).value_and_gradient
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p]

    def call(x: Any) -> tuple[float, Any]:
        gradient = np.empty_like(x)
        value = function(x.ctypes.data, x.size, gradient.ctypes.data)
        return value, gradient

    return call


_PREPARE: dict[str, Callable[[Benchmark, tuple[Any, ...]], Call]] = {
    "numpy": _numpy,
    "autodiff": _autodiff,
    "jax": _jax,
    "autograd": _autograd,
    "mygrad": _mygrad,
    "torch": _torch,
    "pytensor": _pytensor,
    "casadi": _casadi,
    "c": _c,
}
