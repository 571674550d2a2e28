"""A program and what was compiled of it: equal in everything that a caller can see.

`check` calls one compiled object at all variants of the arguments and compares, each time, with plain
Python: result (types, dtypes, structure), arguments afterwards, printed text, exception, which results and
arguments share memory or are one object, and at some variants the derivative.  `Mismatch` says what differs.

Numbers in text are compared as numbers: compiled code may round the last digit otherwise.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

import autodiff
from autodiff.errors import AutodiffError, FallbackWarning, InternalError
from autodiff.ladder import Decision, Rung
from tests.programs.reference import Point, derivative, flatten
from tests.programs.registry import Call

from .helpers import OBJECTS
from .programs import RETYPED, Program

SECONDS = 60.0  # of the processor, for the comparison of one program
LINES = 20_000  # of one program, at all variants; written ones run some hundreds
DIFFERENTIATED = (0, 2)  # variants at which the derivative is compared

NUMBERS = {bool, int, float, np.float32, np.float64}
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
FLOAT64 = re.compile(r"np\.float\d+\(([^()]*)\)")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf)")


class Mismatch(AssertionError):
    """What is compiled differs from plain Python; `kind` says in what."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


@dataclass(frozen=True)
class Allowance:
    """In what results may differ.

    ``single``: numbers may be of single precision.  ``lists``: the numbers in a list that loops store into
    have one type, the wider, where in plain Python each has its own.
    """

    single: bool = False
    lists: bool = False
    used: Counter[str] = field(default_factory=Counter)

    @property
    def tolerances(self) -> tuple[float, float]:
        """How far numbers may be apart, relatively and absolutely."""
        return (1e-4, 1e-5) if self.single else (1e-9, 1e-10)

    def covers(self, what: str) -> bool:
        """Whether a difference in the type of an item is met with, which is counted."""
        self.used[what] += self.lists
        return self.lists


@dataclass
class Outcome:
    """What one call did."""

    result: Any
    error: Exception | None
    printed: str
    arguments: Call


@dataclass
class Seen:
    """How the calls of a program were run."""

    reasons: Counter[str] = field(default_factory=Counter)  # why it ran uncompiled
    calls: int = 0
    raised: int = 0
    gradients: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # why there was no gradient
    specialisations: int = 0
    allowed: Counter[str] = field(default_factory=Counter)  # differences that are known limits
    ways: set[str] = field(default_factory=set)  # "staged", "specialised": of the programs compiled

    @property
    def plain(self) -> bool:
        """Whether some call ran uncompiled."""
        return bool(self.reasons)


@dataclass(frozen=True)
class Failure:
    """In what a program fails, and the whole text."""

    kind: str
    text: str


# --- which programs -------------------------------------------------------------------------------


def attempt(function: Callable[..., Any], arguments: Call) -> Outcome:
    """Call, and note what happened."""
    printed = io.StringIO()
    result, error = None, None
    with contextlib.redirect_stdout(printed):
        try:
            result = function(*arguments.args)
        except Exception as raised:
            error = raised
    return Outcome(result, error, printed.getvalue(), arguments)


def is_tame(program: Program) -> bool:
    """Whether plain Python computes moderate numbers without a warning, and at the first variant raises
    nothing; and comes to an end."""
    with warnings.catch_warnings(), limited(LINES):
        warnings.simplefilter("error")
        for variant in program.variants:
            try:
                outcome = attempt(program.loss(), program.arguments(variant))
            except Endless:
                return False
            if isinstance(outcome.error, Warning) or (variant == 0 and outcome.error):
                return False
            if outcome.error is None and not abs(outcome.result) < 1e4:
                return False
    return True


class Endless(BaseException):
    """A program has run for more lines than one that ends; no handler of the program takes it for its own."""


@contextlib.contextmanager
def limited(lines: int) -> Iterator[None]:
    """Inside of the block, `Endless` is raised once a random program has run so many lines.

    Lines and not seconds, so that the answer is the same at each time.
    """
    left = lines
    before = sys.gettrace()

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= event == "line"
        if left < 0:
            raise Endless
        return count

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return (
            count(frame, event, argument)
            if frame.f_code.co_filename.startswith("<random ")
            else None
        )

    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


# --- comparison -----------------------------------------------------------------------------------


def check(program: Program, engine: str, with_gradient: bool = True) -> Seen:
    """Compare one program, compiled once, with plain Python at all variants."""
    seen = Seen()
    function = autodiff.function(program.function, engine=engine)
    gradient = autodiff.gradient(program.loss(), wrt=program.floats, engine=engine)
    with_gradient = with_gradient and program.is_differentiated
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # running uncompiled is allowed, being wrong is not
        for variant in program.variants:
            plain = attempt(program.function, program.arguments(variant))
            ours = attempt(function, program.arguments(variant))
            single = program.is_single or variant in RETYPED
            allowance = Allowance(single, program.has_lists, seen.allowed)
            compare(ours, plain, program.parameters, allowance, f"variant {variant}")
            seen.calls += 1
            seen.raised += plain.error is not None
            if with_gradient and variant in DIFFERENTIATED and not plain.error:
                seen.gradients += 1
                try:
                    compare_derivatives(program, gradient, variant)
                except InternalError:
                    raise
                except AutodiffError as refusal:  # names its reason: allowed, and counted
                    seen.refused[str(refusal)] += 1
        for warning in caught:
            if issubclass(warning.category, FallbackWarning):
                seen.reasons[str(warning.message)] += 1
    seen.specialisations = len(function.cache)
    seen.ways = {way_of(made.captured.decisions) for made in function.cache}
    return seen


def way_of(decisions: Iterable[Decision]) -> str:
    """Whether branches and loops are in the program, or some of them as this call takes them."""
    worst = max((decision.rung for decision in decisions), default=Rung.ROLLED)
    return "specialised" if worst >= Rung.UNROLLED else "staged"


def judge(program: Program, engine: str, kind: str = "") -> Seen | Failure:
    """The outcome of `check` under a time limit.

    `kind` is what the program failed in before: nothing else need be tried.
    """
    signal.signal(signal.SIGPROF, overrun)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return check(program, engine, with_gradient=kind in ("", "derivative", "exception"))
    except Mismatch as error:
        return Failure(error.kind, str(error))
    except InternalError as error:
        return Failure("internal error", str(error))
    except Exception as error:
        return Failure(type(error).__name__, f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def overrun(*_: object) -> None:
    """Answer the alarm."""
    raise TimeoutError(f"more than {SECONDS:.0f} s")


def compare(
    ours: Outcome, plain: Outcome, parameters: tuple[str, ...], allowance: Allowance, where: str
) -> None:
    """Everything that a caller sees of one call."""
    if (ours.error is None) != (plain.error is None) or type(ours.error) is not type(plain.error):
        raise Mismatch("exception", f"{where}: {ours.error!r} instead of {plain.error!r}")
    same_text(str(ours.error), str(plain.error), f"{where}: text of the exception", allowance)
    same_text(ours.printed, plain.printed, f"{where}: printed text", allowance)
    compare_values(ours.result, plain.result, f"{where}: result", allowance)
    for name, one, other in zip(parameters, ours.arguments.args, plain.arguments.args, strict=True):
        compare_values(one, other, f"{where}: argument {name} afterwards", allowance)
    if plain.error is None:
        compare_sharing(ours, plain, where)


def same_text(ours: str, plain: str, where: str, allowance: Allowance) -> None:
    """Equal text, but for addresses, the last digits of numbers and the blanks that these need."""
    ours, plain = (ADDRESS.sub("0x", text) for text in (ours, plain))
    if ours != plain and "np.float" in ours + plain and allowance.covers("text"):
        ours, plain = (FLOAT64.sub(r"\1", text) for text in (ours, plain))
    one, other = (" ".join(NUMBER.sub("#", text).split()) for text in (ours, plain))
    rtol, atol = max(allowance.tolerances[0], 1e-7), 1.1e-3
    numbers = [[float(number) for number in NUMBER.findall(text)] for text in (ours, plain)]
    if one != other or not np.allclose(*numbers, rtol=rtol, atol=atol, equal_nan=True):
        raise Mismatch("text", f"{where}: {ours!r} instead of {plain!r}")


def compare_values(ours: Any, plain: Any, where: str, allowance: Allowance) -> None:
    """Equal types, dtypes, structure and numbers."""
    types = {type(ours), type(plain)}
    if len(types) == 2 and types <= NUMBERS and allowance.covers("type of a number"):
        ours, plain = float(ours), float(plain)
    if type(ours) is not type(plain):
        raise Mismatch("type", f"{where}: {kind_of(ours)} instead of {kind_of(plain)}")
    if isinstance(plain, (np.ndarray, np.generic)):
        if ours.dtype != plain.dtype:
            raise Mismatch("dtype", f"{where}: {ours.dtype} instead of {plain.dtype}")
        if ours.shape != plain.shape:
            raise Mismatch("shape", f"{where}: {ours.shape} instead of {plain.shape}")
    if isinstance(plain, (np.ndarray, np.generic, float)):
        rtol, atol = allowance.tolerances
        if not np.allclose(ours, plain, rtol=rtol, atol=atol, equal_nan=True):
            raise Mismatch("value", f"{where}: {ours!r} instead of {plain!r}")
    elif isinstance(plain, str):
        same_text(ours, plain, where, allowance)
    elif isinstance(plain, dict):
        compare_keys([*ours], [*plain], where, allowance)
        for one, other, key in zip(ours.values(), plain.values(), plain, strict=True):
            compare_values(one, other, f"{where}[{key!r}]", allowance)
    elif isinstance(plain, (set, frozenset)):
        compare_values(sorted(ours), sorted(plain), where, allowance)
    elif hasattr(plain, "__iter__"):
        if len(ours) != len(plain):
            raise Mismatch("structure", f"{where}: {len(ours)} items instead of {len(plain)}")
        for k, (one, other) in enumerate(zip(ours, plain, strict=True)):
            compare_values(one, other, f"{where}[{k}]", allowance)
    elif hasattr(plain, "__dict__"):
        compare_values(vars(ours), vars(plain), where, allowance)
    elif ours != plain:
        raise Mismatch("value", f"{where}: {ours!r} instead of {plain!r}")


def compare_keys(ours: list[Any], plain: list[Any], where: str, allowance: Allowance) -> None:
    """Equal keys, in order."""
    if len(ours) != len(plain):
        raise Mismatch("structure", f"{where}: keys {ours} instead of {plain}")
    for one, other in zip(ours, plain, strict=True):
        compare_values(one, other, f"{where}: key", allowance)


def kind_of(value: Any) -> str:
    """The type of a value, and a glimpse of it."""
    return f"{type(value).__name__} {str(value)[:60]}"


def compare_sharing(ours: Outcome, plain: Outcome, where: str) -> None:
    """What shares memory, and what is one list, dict or object, does so in plain Python, too.

    The converse holds of objects that the program has made.  Of others it does not: the result is a copy of an
    argument where a loop may have bound it anew, and of an array, list or dict that a branch or loop chose.
    """
    for kind, is_one in ((np.ndarray, np.shares_memory), ((list, dict), same), (OBJECTS, same)):
        found, expected = ([*parts((o.result, o.arguments.args), kind)] for o in (ours, plain))
        given = {id(x) for x in parts(plain.arguments.args, kind)}
        for i, k in itertools.combinations(range(len(found)), 2):
            here, there = is_one(found[i], found[k]), is_one(expected[i], expected[k])
            exact = kind is OBJECTS and id(expected[i]) not in given
            if here > there or (exact and here < there):
                verdict = "are one, and" if here else "are two, but"
                text = f"parts {i} and {k}, {kind_of(found[i])} and {kind_of(found[k])}, {verdict}"
                raise Mismatch("sharing", f"{where}: {text} not so in plain Python")


def same(one: Any, other: Any) -> bool:
    """Whether two names are of one object."""
    return one is other


def parts(tree: Any, kind: Any) -> Iterator[Any]:
    """Arrays, or containers, in nested containers, in order."""
    if isinstance(tree, kind):
        yield tree
    if isinstance(tree, dict):
        tree = tree.values()
    elif hasattr(tree, "__dict__") and not isinstance(tree, type):
        tree = vars(tree).values()
    if not isinstance(tree, (str, np.ndarray, np.generic)) and hasattr(tree, "__iter__"):
        for item in tree:
            yield from parts(item, kind)


# --- derivatives ------------------------------------------------------------------------------------


def compare_derivatives(program: Program, gradient: Any, variant: int) -> None:
    """Equal derivatives along two random directions; the arguments stay as they were."""
    arguments = program.arguments(variant)
    before = copy.deepcopy(arguments)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        slopes = flatten(slopes_of(gradient, arguments))
        for name, one, other in zip(program.parameters, arguments.args, before.args, strict=True):
            compare_values(one, other, f"gradient at {variant}: argument {name}", Allowance())
        point = point_of(program, program.twin(), variant)
        origin = point.position()
        if not _is_like_its_twin(program, point, variant):
            return
        for direction in np.random.default_rng(variant).uniform(-1, 1, (2, origin.size)):
            value, error = slope_along(point, origin, direction)
            if not error <= 1e-6 * max(1.0, abs(value)):
                continue  # a kink within the steps
            single = program.is_single
            rtol, atol = (1e-4, 1e-4) if single else (1e-6, 1e-8)
            found = slopes @ direction
            if not np.isclose(found, value, rtol=rtol, atol=atol + 50 * float(error)):
                again, _ = slope_along(point, origin, direction, 0.7e-3)
                if not np.isclose(again, value, rtol=rtol):
                    continue  # the function jumps (the length of a text), by chance in proportion
                raise Mismatch("derivative", f"variant {variant}: {found} instead of {value}")


def _is_like_its_twin(program: Program, point: Point, variant: int) -> bool:
    """Whether rounding to single precision decides nothing: a maximum among equal numbers, say."""
    if not program.is_single:
        return True
    origin = point.position()
    own = point_of(program, program.loss(), variant).value(origin)
    return bool(np.isclose(own, point.value(origin), rtol=1e-4, atol=1e-4))


def slopes_of(gradient: Any, arguments: Call) -> Any:
    """The gradient, which must not raise what the function did not."""
    try:
        return list(gradient(*arguments.args))
    except AutodiffError:
        raise
    except Exception as error:
        raise Mismatch("exception", f"gradient: {error!r}") from error


def slope_along(
    point: Point, origin: Any, direction: Any, step: float = 1e-3
) -> tuple[float, float]:
    """The derivative along a direction by differences, and its error; infinite where they raise."""
    try:
        value, error = derivative(lambda t: point.value(origin + t * direction), step)
    except Exception:  # a step crosses the condition for an exception
        return 0.0, np.inf
    return float(value), float(error)


def point_of(program: Program, function: Callable[..., Any], variant: int) -> Point:
    """Arguments in double precision, and which of them move."""
    doubled = Call(tuple(in_double(a) for a in program.arguments(variant).args))
    return Point(function, doubled, program.floats)


def in_double(argument: Any) -> Any:
    """Arrays of float32 as arrays of float64."""
    single = isinstance(argument, np.ndarray) and argument.dtype == np.float32
    return argument.astype(np.float64) if single else argument


def check_second_order(program: Program, engine: str) -> None:
    """jvp and gradient agree; a Hessian-vector product is the derivative of the gradient."""
    f, wrt = program.loss(), program.floats
    gradient = autodiff.gradient(f, wrt=wrt, engine=engine)
    product = autodiff.hessian_vector(f, wrt=wrt, engine=engine)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for variant in DIFFERENTIATED:
            arguments = program.arguments(variant)
            point = Point(f, arguments, wrt)
            if attempt(f, program.arguments(variant)).error is not None:
                continue
            origin = point.position()
            direction = np.random.default_rng(variant).uniform(-1, 1, origin.size)
            moved = Point(f, point.moved(direction), wrt).bound()
            vectors = tuple(moved[name] for name in wrt)
            slopes = flatten(list(gradient(*arguments.args)))
            _, along = autodiff.jvp(f, arguments.args, vectors, wrt=wrt, engine=engine)
            if not np.isclose(along, slopes @ direction, rtol=1e-8, atol=1e-8):
                raise Mismatch("jvp", f"{along} instead of {slopes @ direction}")
            value, error = change_of_gradient(gradient, point, origin, direction)
            if np.max(error) <= 1e-5 * max(1.0, np.max(np.abs(value))):
                found = flatten(list(product(*arguments.args, _tensors=vectors)))
                atol = 1e-6 + 50 * np.max(error)
                if not np.allclose(found, value, rtol=1e-5, atol=atol):
                    raise Mismatch("second derivative", f"{found} instead of {value}")


def change_of_gradient(gradient: Any, point: Point, origin: Any, direction: Any) -> Any:
    """The derivative of a gradient along a direction, by differences, and its error."""
    try:
        return derivative(
            lambda t: flatten(list(gradient(*point.moved(origin + t * direction).args))), 1e-3
        )
    except Exception:  # a step crosses the condition for an exception
        return np.zeros(origin.size), np.full(origin.size, np.inf)
