"""Calls of SciPy's integrators of functions: operations whose attributes hold the integrand.

    integral(a, b, *arguments, *read; programs, like, options, watches)

integrals of w(t) programs[0](t, *read) over t, with a weight w if ``options`` names one.  There is one for
each output of the program, element by element, and the estimate of the error: of the first, or of all.
The shape of an integral is ``like[k]``: None is a number, an int an operand of that shape, a tuple itself.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from autodiff.dims import Extent
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.control import CheckFailed
from autodiff.ops.entries import Entry, Kernel, OfPrograms, register
from autodiff.ops.jumps import Observer
from autodiff.ops.solvers import FLOAT, Evaluator
from autodiff.plain_data import dataclass

Like = int | tuple[Extent, ...] | None


@dataclass(frozen=True, eq=False)
class Quadrature:
    """How one of SciPy's integrators of functions is called.

    Parameters
    ----------
    function : callable
        ``quad`` or ``quad_vec``.
    name : str
        What the user calls it.
    count : int
        How many of the operands after the limits are further arguments.
    keywords : callable
        From the values of those operands to the options of the call.
    call : callable
        Calls ``function``; see :func:`autodiff.ops.solvers.calling_from`.
    is_vector : bool
        Whether it integrates all elements at once.
    weight : str or None
        The name of the weight, whose variable is the first of those operands.
    errors : threading.local or None
        Of an integral in several dimensions: where the largest estimate of an error is noted, which is
        what SciPy gives.  All the integrals in it share it.
    is_outer : bool
        Whether it is the outermost of them.
    is_derivative : bool
        Whether its integrand is made of derivatives, which may have no value where the integrand has one.
    source : Source or None
        The user's line.
    is_full : bool
        Whether the user asks for all that SciPy tells: of an integral that has failed that is more.
    """

    function: Callable[..., Any]
    name: str
    count: int
    keywords: Callable[[Sequence[Any]], dict[str, Any]]
    call: Callable[[Any, dict[str, Any]], Any]
    is_vector: bool = False
    weight: str | None = None
    errors: threading.local | None = field(default=None)
    is_outer: bool = True
    is_derivative: bool = False
    source: Source | None = None
    is_full: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def first(self) -> int:
        """The position of the first operand that the integrand reads."""
        return 2 + self.count


def _integral_meaning(
    a: Any,
    b: Any,
    *others: Any,
    programs: Sequence[Evaluator],
    like: tuple[Any, ...],
    options: Quadrature,
    watches: int | None,
) -> tuple[np.ndarray, ...]:
    read = others[options.count :]
    shapes = _NUMBER if like == (None,) else _shapes(like, others)
    given = {"a": float(a), "b": float(b), **options.keywords(others[: options.count])}
    if options.weight is not None:
        given["weight"] = options.weight
    if options.errors is not None and options.is_outer:
        options.errors.largest = 0.0
    fast = None
    if watches is None and not options.is_vector:
        fast = _without_python(programs[0], read, options, given, shapes)
    line, error = fast or _by_python(programs, read, options, given, shapes, watches)
    if options.is_derivative and options.weight in ("cos", "sin"):
        for end in (given["a"], given["b"]):
            if math.isinf(end):
                _refuse_lasting(options, programs[0](*read), end)
    if options.errors is not None:
        error = options.errors.largest = max(getattr(options.errors, "largest", 0.0), error)
    if shapes is _NUMBER:  # an inner integral is one of many
        return np.array(line[0]), np.array(error)
    sizes = [math.prod(shape) for shape in shapes]
    parts = np.split(np.asarray(line), np.cumsum(sizes)[:-1])
    integrals = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    return (*integrals, np.asarray(error, float))


_NUMBER: tuple[tuple[int, ...], ...] = ((),)


def _shapes(like: tuple[Any, ...], others: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
    """Those of the integrals."""
    return tuple(
        [() if k is None else k if isinstance(k, tuple) else np.shape(others[k - 2]) for k in like]
    )


def _by_python(
    programs: Sequence[Evaluator],
    read: Sequence[Any],
    options: Quadrature,
    given: dict[str, Any],
    shapes: Sequence[tuple[int, ...]],
    watches: int | None,
) -> tuple[Any, float]:
    """The numbers of all integrals, and the estimate of the error."""
    is_number = len(shapes) == 1 and not shapes[0]
    evaluate = programs[0](*read)
    integrand = _Integrand(evaluate, is_number)
    if options.is_vector:
        if watches is None:
            found, error = options.call(options.function, given | {"f": _bare(evaluate, shapes)})
        if watches is not None or (options.is_derivative and np.isnan(found).any()):
            function = integrand.number if is_number else integrand.line
            found, error = integrand.answer(options, given | {"f": function})
        line = np.ravel(found)
    else:
        given["func"] = integrand.element
        given["full_output"] = options.is_full
        count = sum(math.prod(shape) for shape in shapes)
        found = [integrand.answer(options, given | {"args": (number,)}) for number in range(count)]
        if any(len(one) > 3 for one in found):
            raise CheckFailed(f"{options.name} has a message: {found[0][-1]}")
        line = np.array([one[0] for one in found])
        error = found[0][1] if found else 0.0
    if watches is not None:
        _refuse_jumps(options, Observer(programs[1](*read[:watches])), integrand.places)
    if options.is_derivative and np.isnan(line).any():
        _refuse_undefined(options, integrand, read)
    return line, error


def _without_python(
    program: Evaluator,
    read: Sequence[Any],
    options: Quadrature,
    given: dict[str, Any],
    shapes: Sequence[tuple[int, ...]],
) -> tuple[list[float], float] | None:
    """The integrals, and the estimate of the error, by code that SciPy calls without Python.

    None where there is no such code, or where anything has gone wrong: then Python is asked, which
    warns and raises as ever.
    """
    make = getattr(program, "for_quadpack", None)
    compiled = make() if make is not None else None
    if compiled is None:
        return None
    block = compiled.lent(read)
    routine = _routine(options, given)
    if routine is None:
        given = {**given, "func": block.callable, "full_output": True}
    line: list[float] = []
    error = 0.0
    try:
        count = 1 if shapes is _NUMBER else sum([math.prod(shape) for shape in shapes])
        for number in range(count):
            if count > 1:
                block.words[1] = number
            messages: Any
            if routine is None:
                value, estimate, _, *messages = options.call(options.function, given)
            else:
                value, estimate, messages = routine(block.callable)
            if block.words[0]:
                error_of_python = compiled.host.take_error()
                if not isinstance(error_of_python, (Exception, type(None))):
                    raise error_of_python  # of a signal, which nothing else will raise again
                return None
            if messages or value != value:
                return None
            line.append(value)
            error = error if number else estimate
    except (TypeError, ValueError):  # what SciPy says of its options is said by its own call
        return None
    finally:
        compiled.give_back(block)
    return line, error


_SIMPLE = frozenset(("a", "b", "epsabs", "epsrel", "limit"))


def _routine(options: Quadrature, given: dict[str, Any]) -> Callable[[Any], tuple[Any, ...]] | None:
    """What ``quad`` calls for an integral without points and weights, from an integrand to three numbers.

    The integral, the estimate of its error, and a code that is not 0 where there is a message.  An
    inner integral is one of many: the arrays of ``full_output``, which nobody reads, and the choice
    of the routine cost more than the integral.  None: it is to be asked the ordinary way.
    """
    a, b = given["a"], given["b"]
    if options.function is not sys.modules["scipy.integrate"].quad or not a < b:
        return None
    routines = sys.modules.get("scipy.integrate._quadpack")
    if not given.keys() <= _SIMPLE or not hasattr(routines, "_qagse"):
        return None
    get = given.get
    how = (), 0, get("epsabs", 1.49e-8), get("epsrel", 1.49e-8), get("limit", 50)
    if math.isfinite(a) and math.isfinite(b):
        finite = routines._qagse  # type: ignore[union-attr]
        return lambda f: finite(f, a, b, *how)
    infinite = routines._qagie  # type: ignore[union-attr]
    if math.isfinite(a):
        return lambda f: infinite(f, a, 1, *how)
    if math.isfinite(b):
        return lambda f: infinite(f, b, -1, *how)
    return lambda f: infinite(f, 0.0, 2, *how)


def _bare(
    evaluate: Callable[..., Sequence[Any]], shapes: Sequence[tuple[int, ...]]
) -> Callable[[Any], Any]:
    """What SciPy calls where nobody asks at which places it did: a number of Python's, or a vector."""
    if len(shapes) > 1:
        return lambda t: np.concatenate([np.ravel(v) for v in evaluate(t)])
    if not shapes[0]:
        return lambda t: float(evaluate(t)[0])
    if len(shapes[0]) == 1:
        return lambda t: evaluate(t)[0]
    return lambda t: evaluate(t)[0].reshape(-1)


class _Integrand:
    """What SciPy calls.  It remembers what was raised, and the elements at each place."""

    def __init__(self, evaluate: Callable[..., Sequence[Any]], is_number: bool) -> None:
        self.evaluate = evaluate
        self.is_number = is_number
        self.known: dict[float, np.ndarray] = {}
        self.places: set[float] = set()
        self.raised: list[BaseException] = []

    def all(self, t: float) -> np.ndarray:
        """Every element of the integrands at ``t``: most points serve all of them."""
        found = self.known.get(t)
        if found is None:
            values = self._values(t)
            found = self.known[t] = np.concatenate([np.ravel(v) for v in values])
        return found

    def line(self, t: float) -> np.ndarray:
        """As ``all``, where no point is asked for twice."""
        values = self._values(t)
        if len(values) == 1:
            return values[0].reshape(-1)
        return np.concatenate([np.ravel(v) for v in values])

    def number(self, t: float) -> float:
        """The only integrand, which is a number: Python's, with which SciPy's sums are quicker."""
        return float(self._values(t)[0])

    def element(self, t: float, number: int) -> float:
        """One of the elements."""
        return float(self._values(t)[0] if self.is_number else self.all(t)[number])

    def _values(self, t: float) -> Sequence[Any]:
        self.places.add(t)
        try:
            return self.evaluate(t)
        except BaseException as error:
            self.raised.append(error)
            raise

    def answer(self, options: Quadrature, given: dict[str, Any]) -> Any:
        """The integral and the estimate of its error."""
        try:
            return options.call(options.function, given)
        except BaseException:
            if self.raised:
                raise self.raised[0] from None
            raise


# -- SciPy's newer integrators, as ``quad_vec`` is called ------------------------------------------------
def by_tanhsinh(f: Callable[[float], Any], a: float, b: float, **how: Any) -> tuple[Any, Any]:
    """``tanhsinh`` of each element of a function by itself."""
    shape: list[tuple[int, ...]] = []

    def element(x: Any, number: int) -> Any:
        values = [np.asarray(f(float(t))) for t in np.ravel(x)]
        shape[:] = [values[0].shape]
        return np.reshape([np.ravel(v)[number] for v in values], np.shape(x))

    line: list[Any] = []
    error: Any = 0.0
    while not line or len(line) < math.prod(shape[0]):
        number = len(line)
        found = sys.modules["scipy.integrate"].tanhsinh(
            lambda x, number=number: element(x, number), a, b, **how
        )
        if not found.success:
            # Of 0, as a derivative may be, no error is small; beside what is added up it may be.
            size = (
                sys.modules["scipy.integrate"]
                .tanhsinh(lambda x, number=number: np.abs(element(x, number)), a, b, maxlevel=6)
                .integral
            )
            if not found.error <= max(1e-10, how.get("rtol") or 0.0) * size:
                raise CheckFailed("tanhsinh has not converged")
        error = error if line else found.error
        line.append(found.integral)
    return np.reshape(line, shape[0]), error


def by_cubature(f: Callable[[Any], Any], a: float, b: float, **how: Any) -> tuple[Any, Any]:
    """``cubature`` of a function of a point between two corners, its ``ends``."""
    low, high = how.pop("ends")
    found = sys.modules["scipy.integrate"].cubature(
        lambda x: np.array([f(t) for t in x]), low, high, **how
    )
    if found.status != "converged":
        raise CheckFailed("cubature has not converged")
    return found.estimate, np.max(found.error, initial=0.0)


def _refuse_undefined(options: Quadrature, integrand: _Integrand, read: Sequence[Any]) -> None:
    """Raise where derivatives have no value (0 times infinity) although all that they are made of has."""
    if any(np.isnan(np.asarray(x, float)).any() for x in read):
        return
    for t in sorted(integrand.places):
        values = [np.asarray(x) for x in integrand.evaluate(t)]
        if np.isfinite(t) and any(np.isnan(v).any() for v in values):
            raise DerivativeError(
                f"{options.name} has no derivative here: at {t:.6g} the derivative of the integrand is "
                "not a number, by overflow or where it has none.",
                code="AD305",
                source=options.source,
                remedy="integrate over fewer numbers, or write the integrand so that its derivative has a value",
            )


_FAR = 1e6, 1e12  # what tends to 0 is smaller at the second than at the first


def _refuse_lasting(options: Quadrature, evaluate: Callable[..., Any], end: float) -> None:
    """Raise where the derivative of an integrand of a Fourier integral does not tend to 0.

    QUADPACK's routine assumes it, and extrapolates to a wrong number without a message: ``t * 1/t``
    by the frequency.
    """
    near, far = (evaluate(math.copysign(t, end)) for t in _FAR)
    if any(np.any(np.abs(y) > 0.75 * np.abs(x)) for x, y in zip(near, far, strict=True)):
        raise DerivativeError(
            f"{options.name} with weight={options.weight!r} has no derivative that can be computed: far "
            "out the derivative of the integrand does not tend to 0.",
            code="AD305",
            source=options.source,
            remedy="integrate by parts first, so that the integrand decays faster, or up to a finite limit",
        )


def _refuse_jumps(options: Quadrature, observer: Observer, places: set[float]) -> None:
    """Raise where the integrand jumps between the places where it was looked at."""
    line = sorted(places)
    states, results = [], []
    for t in line:
        state, found = observer.look(t)
        states.append(state)
        results += [float(x) for r in found for x in np.ravel(np.abs(r)) if np.isfinite(x)]
    scale = max(results, default=0.0)
    for low, high, before, after in zip(line, line[1:], states, states[1:], strict=False):
        where = None if before == after else observer.jump(low, high, lambda t: (t,), scale)
        if where is not None:
            raise DerivativeError(
                f"{options.name} has no derivative here: at {where:.6g} the integrand or its "
                "derivative jumps, and what is differentiated decides where.",
                code="AD305",
                source=options.source,
                remedy="integrate up to the jump and from there on, in two calls: a derivative by the "
                "limits of an integral is known",
            )


def _integral_types(
    types: tuple[ArrayType, ...],
    programs: Any,
    like: tuple[Like, ...],
    options: Quadrature,
    watches: int | None,
) -> tuple[ArrayType, ...]:
    def type_of(k: Like) -> ArrayType:
        if isinstance(k, int):
            return ArrayType(types[k].dtype, types[k].shape)
        return ArrayType(FLOAT, () if k is None else k)

    return (*map(type_of, like), ArrayType(FLOAT, ()))


register(Entry("integral", _integral_types, _integral_meaning, Kernel("integral"), OfPrograms()))

__all__ = ["Like", "Quadrature", "by_cubature", "by_tanhsinh"]
