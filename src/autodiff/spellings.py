"""What other libraries call it: names and options of JAX, autograd, PyTorch and Numba, each with ours.

autodiff.grad                AttributeError: … has no attribute 'grad': it is autodiff.gradient.
gradient(f, argnums=1)       ArgumentError: … Remedy: use wrt=1, or better a name, wrt="x"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_PLAIN = "plain NumPy is differentiated: import numpy as np"
_LOOPS = "Python's own for, while and if are compiled as they are"
_NOTHING = "leave it out: what shapes the program is found, and compared at every call"

NAMES: dict[str, str] = {
    "grad": "it is autodiff.gradient",
    "egrad": "it is autodiff.vmap(autodiff.gradient(f))",
    "elementwise_grad": "it is autodiff.vmap(autodiff.gradient(f))",
    "deriv": "it is autodiff.gradient",
    "derivative": "it is autodiff.gradient",
    "value_and_grad": "it is autodiff.value_and_gradient",
    "grad_and_value": "it is autodiff.value_and_gradient",
    "jit": "it is autodiff.function",
    "njit": "it is autodiff.function",
    "compile": "it is autodiff.function",
    "jacfwd": 'it is autodiff.jacobian(f, mode="forward")',
    "jacrev": 'it is autodiff.jacobian(f, mode="reverse")',
    "jac": "it is autodiff.jacobian",
    "hess": "it is autodiff.hessian",
    "hvp": "it is autodiff.hessian_vector",
    "hessian_vector_product": "it is autodiff.hessian_vector",
    "make_hvp": "it is autodiff.hessian_vector",
    "make_jvp": "it is autodiff.jvp",
    "make_vjp": "it is autodiff.vjp",
    "pmap": "it is autodiff.vmap",
    "custom_jvp": "it is autodiff.custom_gradient(f, jvp=rule)",
    "custom_vjp": "it is autodiff.custom_gradient(f, vjp=rule)",
    "primitive": "it is autodiff.custom_gradient(f, vjp=rule)",
    "remat": "it is autodiff.checkpoint",
    "stop_grad": "it is autodiff.stop_gradient",
    "detach": "it is autodiff.stop_gradient",
    "no_grad": "it is autodiff.stop_gradient, around the value",
    "check_grad": "it is autodiff.check_gradient",
    "check_grads": "it is autodiff.check_gradient",
    "gradcheck": "it is autodiff.check_gradient",
    "debug_nans": "it is autodiff.find_nan",
    "numpy": _PLAIN,
    "np": _PLAIN,
    "scipy": "SciPy's own functions are differentiated: import scipy",
    "random": "NumPy's own draws are made at every call: np.random.default_rng(seed)",
    "array": _PLAIN,
    "tensor": _PLAIN,
    "Variable": _PLAIN,
    "lax": _LOOPS,
    "scan": _LOOPS,
    "cond": _LOOPS,
    "fori_loop": _LOOPS,
    "while_loop": _LOOPS,
    "tree_map": "containers may be given and returned as they are",
    "minimize": "it is autodiff.optimize.minimize",
    "curve_fit": "it is autodiff.optimize.curve_fit",
    "least_squares": "it is autodiff.optimize.least_squares",
    "backward": "it is autodiff.gradient, whose call gives the derivative",
    "GradientTape": "it is autodiff.gradient, around the function",
    "gradients": "it is autodiff.gradient",
    "Dual": "it is autodiff.jvp",
    "jacobian_vector_product": "it is autodiff.jvp",
    "vector_jacobian_product": "it is autodiff.vjp",
    "vectorize": "it is autodiff.vmap",
    "SX": _PLAIN,
    "MX": _PLAIN,
    "Parameter": "it is autodiff.optimize.Parameter",
}

_FORMULA = "what is differentiated is a function of NumPy, not a formula"
NAMES |= {
    "diff": f"it is autodiff.gradient: {_FORMULA}",
    "symbols": _FORMULA,
    "Symbol": _FORMULA,
    "lambdify": _FORMULA,
    "simplify": "programs are simplified as they are compiled",
    "make_jaxpr": "the program is autodiff.function(f).ir(*args)",
    "linear_transpose": "it is autodiff.vjp, whose second result is the transpose",
    "device_put": 'give device="gpu" and engine="jax" to the transformation',
    "devices": "they are listed by python -m autodiff doctor",
    "config": "there are options and environment variables instead: python -m autodiff doctor lists these",
    "value_and_jacobian": "it is autodiff.jacobian, and the function itself",
    "value_grad_and_hessian": "they are autodiff.value_and_gradient and autodiff.hessian",
    "functional": "its functions are autodiff.jvp, autodiff.vjp, autodiff.jacobian, autodiff.hessian",
    "func": "its functions are autodiff.jvp, autodiff.vjp, autodiff.jacobian, autodiff.vmap",
    "enable_grad": "derivatives are made by autodiff.gradient(f), and by nothing else",
    "guvectorize": "it is autodiff.function: loops over arrays are compiled as they are",
    "prange": "it is Python's range, and the option threads=n",
}

ATTRIBUTES: dict[str, str] = {
    "grad": "the derivative is autodiff.gradient(f)",
    "gradient": "the derivative is autodiff.gradient(f)",
    "backward": "the derivative is autodiff.gradient(f)",
    "jacobian": "the derivative is autodiff.jacobian(f)",
    "hessian": "the derivative is autodiff.hessian(f)",
    "lower": "its program is f.ir(*args), its machine code f.llvm(*args) and f.assembly(*args)",
    "inspect_llvm": "it is f.llvm(*args)",
    "inspect_asm": "it is f.assembly(*args)",
    "inspect_types": "it is f.explain(*args)",
    "signatures": "what has been compiled is f.cache",
    "py_func": "the function itself is f.__wrapped__",
    "clear_cache": "make a new one: autodiff.function(f)",
    "cache_clear": "make a new one: autodiff.function(f)",
}

OPTIONS: dict[str, str] = {
    "argnum": 'use wrt={given}, or better a name, wrt="x"',
    "argnums": 'use wrt={given}, or better a name, wrt="x"',
    "argnames": 'use wrt="x"',
    "has_aux": "differentiate what is one number, and return the rest by another function",
    "static_argnums": _NOTHING,
    "static_argnames": _NOTHING,
    "donate_argnums": "leave it out: memory is used again by itself",
    "nopython": "leave it out",
    "fastmath": "leave it out: arithmetic is NumPy's",
    "cache": "leave it out: machine code is kept on disk",
    "parallel": "use threads=n",
    "nthreads": "use threads=n",
    "backend": 'use engine="native", "numpy" or "jax"; with the last device="gpu" is possible',
    "allow_int": "leave it out: derivatives by integers are zero",
    "create_graph": "leave it out: derivatives may be differentiated again",
    "retain_graph": "leave it out",
    "requires_grad": 'leave it out: by default all numbers are differentiated by, else wrt="x"',
    "inputs": 'use wrt="x"',
    "variables": 'use wrt="x"',
    "persistent": "leave it out: a derivative may be called as often as you like",
    "jit": 'leave it out: all is compiled; engine="numpy" runs it operation by operation',
    "order": "use autodiff.hessian, or differentiate the derivative again",
    "sparse": "use it with autodiff.jacobian and autodiff.hessian",
    "mode": "use it with autodiff.jacobian and autodiff.hessian; a gradient is made in reverse",
    "vectorize": "leave it out",
    "in_dims": "use in_axes",
    "out_dims": "use out_axes",
    "chunk_size": "leave it out: lanes are a loop",
    "reduce_axes": "leave it out",
    "axis_name": "leave it out: lanes know nothing of each other",
    "keep_unused": "leave it out",
    "abstracted_axes": "leave it out: a program is for any number of rows",
    "grad_outputs": "use autodiff.vjp, whose second result takes the cotangents",
    "output_gradients": "use autodiff.vjp, whose second result takes the cotangents",
    "is_grads_batched": "use autodiff.vmap",
    "strict": "leave it out: what the result does not depend on has derivative 0",
    "nogil": "leave it out: machine code runs without the GIL",
    "forceobj": "leave it out",
    "boundscheck": "leave it out: bounds are checked",
    "error_model": "leave it out: divisions are NumPy's",
    "inline": "leave it out",
    "locals": "leave it out: types are found",
    "signature": "leave it out: types are found",
    "target": 'use engine="jax" and device="gpu"',
    "dynamic": "leave it out: a program is for any number of rows",
    "fullgraph": 'use on_fallback="error"',
    "jit_compile": "leave it out: all is compiled",
    "autograph": "leave it out: loops and branches are compiled as they are",
    "input_signature": "leave it out: types are found",
    "experimental_relax_shapes": "leave it out: a program is for any number of rows",
    "reduce_retracing": "leave it out: a program is for any number of rows",
    "unconnected_gradients": "leave it out: what the result does not depend on has derivative 0",
}


_MINIMIZE = "it is autodiff.optimize.minimize, with method="
_SOLVED = "it is autodiff.optimize.root_scalar; SciPy's own has a derivative inside of a function"
_FIRST_ORDER = (
    "a step of it is three lines of NumPy with autodiff.gradient; minimize has SciPy's methods"
)
OF_OPTIMIZE: dict[str, str] = {
    "fmin": f'{_MINIMIZE}"Nelder-Mead"',
    "fmin_bfgs": f'{_MINIMIZE}"BFGS"',
    "fmin_tnc": f'{_MINIMIZE}"TNC"',
    "fmin_cobyla": f'{_MINIMIZE}"COBYLA"',
    "fmin_powell": f'{_MINIMIZE}"Powell"',
    "brentq": _SOLVED,
    "brenth": _SOLVED,
    "bisect": _SOLVED,
    "ridder": _SOLVED,
    "toms748": _SOLVED,
    "Adam": _FIRST_ORDER,
    "adam": _FIRST_ORDER,
    "SGD": _FIRST_ORDER,
    "sgd": _FIRST_ORDER,
    "Model": "a model is a plain function: autodiff.optimize.fit(model, (x, y), parameters)",
    "Parameters": "parameters are a dict: {name: start} or {name: (start, low, high)}",
    "Minuit": "it is autodiff.optimize.fit(f, None, parameters, cost='likelihood')",
    "approx_fprime": "exact derivatives are autodiff.gradient and autodiff.jacobian",
    "check_grad": "it is autodiff.check_gradient",
}


def optimiser_advice(name: str, known: list[str]) -> str:
    """What to say of a name that ``autodiff.optimize`` does not have, after a colon; maybe nothing."""
    advice = OF_OPTIMIZE.get(name)
    if advice is None and not name.startswith("_"):
        near = _nearest(name, known)
        advice = f"did you mean autodiff.optimize.{near[0]}?" if near else None
    return "" if advice is None else f": {advice}"


def attribute_advice(name: str) -> str:
    """What to say of an attribute that a transformed function does not have; maybe nothing."""
    advice = ATTRIBUTES.get(name)
    return "" if advice is None else f": {advice}"


def name_advice(name: str, known: list[str]) -> str:
    """What to say of a name that this package does not have, after a colon; maybe nothing."""
    advice = NAMES.get(name)
    if advice is None:
        near = _nearest(name, known)
        advice = f"did you mean autodiff.{near[0]}?" if near else None
    return "" if advice is None else f": {advice}"


def _nearest(name: str, known: list[str]) -> list[str]:
    from difflib import get_close_matches  # loaded for a mistake only

    return get_close_matches(name, known, 1)


def engine_remedy(name: Any, known: Sequence[str]) -> str:
    """What to do about an engine that there is not."""
    if name in ("cuda", "gpu", "tpu", "xla", "cpu"):
        return 'use engine="jax", with device="gpu" or another; the CPU\'s own is engine="native"'
    near = _nearest(name, list(known)) if isinstance(name, str) else []
    options = f"choose one of {', '.join(known)}"
    return f"did you mean {near[0]!r}? ({options})" if near else options


def option_remedy(name: str, known: list[str], given: Any = None) -> str:
    """What to do about an option that there is not, and that was ``given``."""
    advice = OPTIONS.get(name)
    if advice is not None:
        advice = advice.replace("{given}", repr(given))
    if advice is None:
        near = _nearest(name, known)
        advice = f"did you mean {near[0]}?" if near else None
    options = f"its options are {', '.join(known)}"
    return options if advice is None else f"{advice} ({options})"
