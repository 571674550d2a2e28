"""A user's function under a transformation: the object that is called, bound, pickled and asked.

    slope = autodiff.gradient(f)      an object that holds f and its options
    slope(x)                          what answers: an entry on disk, or a specialisation made now
    model.slope(x)                    of a decorated method: bound to its object

The classes of the single transformations are in ``classes``; they say what is compiled.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from autodiff import debug
from autodiff.api.options import (
    OPTIONS,
    budget_of,
    no_function_remedy,
    refuse_device,
    refuse_unknown,
)
from autodiff.engines import ENGINES
from autodiff.errors import ArgumentError, NameArgumentError, UnsupportedError
from autodiff.garbage import few_collections
from autodiff.later import later
from autodiff.stack import lock_of_the_process, users_depth, with_room
from autodiff.stored.loading import Again, Described
from autodiff.stored.waiting import Waiting
from autodiff.tracebacks import hide_frames, without_our_frames

# A call that is answered from disk needs none of these, which are most of what there is to load.
if TYPE_CHECKING:
    import autodiff.compiled as compiling
    from autodiff import dims, explain, inlining, ladder, spellings
    from autodiff.capture import naming, texts
    from autodiff.capture.naming import Tags
    from autodiff.compiled import Compiled
    from autodiff.ir import printing
    from autodiff.ops import tracer
    from autodiff.stored import bytecode
    from autodiff.transform import arguments, plans
    from autodiff.transform.arguments import Wrt
    from autodiff.transform.plans import Transformation
else:
    arguments = later("autodiff.transform.arguments")
    bytecode = later("autodiff.stored.bytecode")
    compiling = later("autodiff.compiled")
    dims = later("autodiff.dims")
    explain = later("autodiff.explain")
    inlining = later("autodiff.inlining")
    ladder = later("autodiff.ladder")
    naming = later("autodiff.capture.naming")
    plans = later("autodiff.transform.plans")
    printing = later("autodiff.ir.printing")
    spellings = later("autodiff.spellings")
    texts = later("autodiff.capture.texts")
    tracer = later("autodiff.ops.tracer")


_LOADING = lock_of_the_process()  # one thread loads what compiles a function

P = ParamSpec("P")  # the parameters of a function, which its derivatives keep
Q = ParamSpec("Q")
R = TypeVar("R")  # what a call returns
S = TypeVar("S")


class Transformed(Generic[P, R]):
    """A user's function under a transformation.  Call it like the function itself.

    Parameters
    ----------
    function : callable
        The function, method, or callable object.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, by name or position; by default every argument of the call
        that is a number, an array or a container with some (not parameters left at their default).
    engine : {"native", "numpy", "jax"}
        What runs the program: machine code, NumPy operation by operation, or JAX, on a GPU, TPU or
        CPU (extra ``jax``; what it cannot run is an error).
    device : {None, "cpu", "gpu", "gpu:1", ...}
        Where ``engine="jax"`` runs.  None: where the arrays are, or JAX's own choice.
    threads : int
        The most threads a call may use.  Above one, array operations on 100,000 elements or more are
        cut into as many pieces (not on Windows), and so are the lanes of ``vmap`` where they are enough
        work; a sum may then differ in its last digits, a lane does not.  BLAS
        has threads of its own, which its environment variables set.
    use_cache : bool
        False: capture anew at every call and run uncompiled.
    on_fallback : {"warn", "error"}
        What to do when a function cannot be compiled.
    solver_jacobians : bool
        True: SciPy's solvers inside of the function (``root``, ``least_squares``, ``minimize``, ``solve_ivp`` …) get exact
        Jacobians, gradients and Hessians where they take one and none is given.  They then take other steps,
        so results differ from those of the plain function, within the tolerances asked for.
    holomorphic : bool
        Of derivatives: whether df/dz is asked for, of complex results by complex arguments.
    checkpoint : {None, "auto"}
        Of derivatives: "auto" has loops keep no more for the way back than ``memory``, in bytes (by
        default a quarter of the machine's): those that keep most are cut into segments, as by
        :func:`autodiff.checkpoint`, and into segments of segments, as far as need be.
    memory : int, optional
        Bytes, with ``checkpoint="auto"``.
    """

    __autodiff_wraps__ = True
    _is_stored = False  # whether specialisations of the class may be kept on disk

    def __init__(
        self,
        function: Any,
        *,
        wrt: Wrt = None,
        engine: str = "native",
        device: str | None = None,
        threads: int = 1,
        use_cache: bool = True,
        on_fallback: str = "warn",
        solver_jacobians: bool = False,
        holomorphic: bool = False,
        checkpoint: str | None = None,
        memory: int | None = None,
    ) -> None:
        self._binding = None
        if isinstance(function, (staticmethod, classmethod)):
            self._binding = type(function)
            function = function.__func__
        if isinstance(function, Transformed) and function._binding is not None:
            self._binding = function._binding
        if not callable(function):
            raise ArgumentError(
                f"{self._transformation(wrt).name} needs a function, not {type(function).__name__}.",
                remedy=no_function_remedy(function, self._transformation(wrt).name),
            )
        if engine not in ENGINES:
            raise NameArgumentError(
                f"there is no engine {engine!r}.",
                code="AD107",
                remedy=spellings.engine_remedy(engine, ENGINES),
            )
        refuse_device(engine, device, use_cache)
        if type(threads) is not int or threads < 1:
            raise NameArgumentError(
                f"threads={threads!r} is not a number of threads.", remedy="pass 1 or more"
            )
        if on_fallback not in ("warn", "error"):
            raise NameArgumentError(
                f"on_fallback={on_fallback!r} is not known.", remedy="use 'warn' or 'error'"
            )
        if debug.finding_nan():
            engine, device = "numpy", None
        if not isinstance(solver_jacobians, bool):
            raise NameArgumentError(
                f"solver_jacobians={solver_jacobians!r} is not known.", remedy="use True or False"
            )
        self._hands_jacobians = solver_jacobians
        self._options: dict[str, Any] = {
            "engine": engine,
            "device": device,
            "threads": threads,
            "use_cache": use_cache,
            "on_fallback": on_fallback,
        }
        self._wrt = wrt
        self._holomorphic = holomorphic
        self._budget = budget_of(checkpoint, memory)
        described = self._describe(function)
        # What answers calls: at first perhaps only what is on disk.
        self._answers: Compiled | Waiting = (
            self._made(function, None) if described is None else Waiting(described)
        )
        functools.update_wrapper(self, function, updated=())
        self.__wrapped__ = function

    def _describe(self, function: Any) -> Described | None:
        """What names the specialisations on disk; None where there are none of such a transformation."""
        # A class that is derived from one of these may give something else.
        if not vars(type(self)).get("_is_stored", False):
            return None
        told = {**self._options, "wrt": self._wrt, "holomorphic": self._holomorphic}
        if self._budget is not None:
            told["memory"] = self._budget
        if self._hands_jacobians:
            told["solver_jacobians"] = True
        return Described.of(type(self), function, told)

    def _made(self, function: Any, described: Described | None) -> Compiled:
        """What compiles the function under the transformation."""
        bytecode.use()
        transformation = self._transformation(self._wrt)
        if self._holomorphic and not transformation.takes_holomorphic:
            raise ArgumentError(
                f"{transformation.name} has no option 'holomorphic'.",
                remedy="use it with gradient, jacobian, hessian or hessian_vector; jvp and vjp of "
                "complex numbers need no option",
            )
        transformation.holomorphic = bool(self._holomorphic)
        transformation.budget = self._budget
        transformation.handing = inlining.derivative_at if self._hands_jacobians else None
        return compiling.Compiled(
            self._what_runs(function), transformation, **self._options, described=described
        )

    @property
    def _compiled(self) -> Compiled:
        """The specialisations and what makes them, which is loaded when it is first asked for."""
        answers = self._answers
        if not isinstance(answers, Waiting):
            return answers
        with _LOADING:
            if self._answers is answers:
                self._answers = with_room(users_depth(), self._loaded, answers)
        return self._compiled

    def _loaded(self, answers: Waiting) -> Compiled:
        with few_collections():
            texts.keep_text(answers.coded, answers.lines)
            return self._made(answers.coded, answers.described)

    def _transformation(self, wrt: Wrt) -> Transformation:
        return plans.Transformation()

    def _what_runs(self, function: Any) -> Any:
        """What is captured, where it is not the function itself."""
        return function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        compiled = self._answers
        if compiled.code is not compiled.coded.__code__:
            compiled.follow()
        result: Any
        if not kwargs:
            try:
                result = compiled.fast(*args)
                if result is NotImplemented and type(compiled) is Waiting:
                    result = compiled.answer(args)
            except Again:
                result = NotImplemented
            except BaseException as error:
                hide_frames(error)
                raise
            if result is not NotImplemented:
                return result
        elif named := compiled.named.get((len(args), *kwargs.keys())):
            try:
                result = named(args, kwargs)
            except BaseException as error:
                hide_frames(error)
                raise
            if result is not NotImplemented:
                return result
        if type(compiled) is Waiting:  # what compiles it is to be loaded, perhaps
            bytecode.use()
        trace = naming.capturing()
        try:
            if trace is not None and tracer.is_traced([*args, *kwargs.values()]):
                # Python itself calls it with traced values: from a function without source.
                return self.__autodiff_inline__(trace, list(args), kwargs)
            result = self._compiled.call(args, kwargs)
            return result
        except BaseException as error:
            hide_frames(error)
            raise

    @overload
    def __get__(self, obj: None, cls: type | None = None) -> Self: ...
    @overload
    def __get__(
        self: Transformed[Concatenate[Any, Q], S], obj: object, cls: type | None = None
    ) -> BoundTransformed[Q, S]: ...
    def __get__(self, obj: Any, cls: type | None = None) -> Any:
        if self._binding is staticmethod:
            return self
        if self._binding is classmethod:
            return BoundTransformed(self, cls if cls is not None else type(obj))
        return self if obj is None else BoundTransformed(self, obj)

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call of this object inside of another function."""
        return inlining.inline_call(self, trace, args, kwargs)

    def __reduce__(self) -> Any:
        # A decorated function is found again under its name, like a plain one.
        home: Any = sys.modules.get(getattr(self, "__module__", ""))
        name = getattr(self, "__qualname__", "")
        for part in name.split("."):
            home = getattr(home, part, None)
        if home is self:
            return name
        options = {**self._options, "holomorphic": self._holomorphic}
        if self._budget is not None:
            options |= {"checkpoint": "auto", "memory": self._budget}
        if self._hands_jacobians:
            options["solver_jacobians"] = True
        return _restore, (type(self), self.__wrapped__, self._wrt, options)

    def _lacks(self, name: str) -> Any:
        advice = "" if name.startswith("_") else spellings.attribute_advice(name)
        try:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{advice}"
            )
        except AttributeError as error:
            if advice:
                hide_frames(error)
            raise

    if not TYPE_CHECKING:  # a checker would take every misspelt attribute for one that is there
        __getattr__ = _lacks

    def __repr__(self) -> str:
        name = getattr(self.__wrapped__, "__qualname__", repr(self.__wrapped__))
        wrt = f", wrt={arguments.written(self._wrt)}" if self._wrt is not None else ""
        count = len(self.cache)
        return f"<autodiff.{self._compiled.transformation.name} of {name}{wrt}; {count} specialisation{'s' * (count != 1)}>"

    @property
    def cache(self) -> list[Any]:
        """The specialisations compiled so far, or read from disk."""
        if isinstance(self._answers, Waiting):
            return list(self._answers.loaded)
        return [s for group in self._compiled.specialisations.values() for s in group]

    @property
    def s_vars(self) -> Tags:
        """The values tagged by :func:`autodiff.tag`, by key, once a call has been compiled."""
        found: dict[Any, Any] = {}
        specialisations = self._compiled.specialisations.values()
        for specialisation in [s for group in specialisations for s in group]:
            tags = specialisation.captured.naming.tags
            found.update({key: values[-1] for key, values in tags.items()})
        return naming.Tags(found, self._compiled.signature.title)

    @without_our_frames
    def ir(self, *args: Any, **kwargs: Any) -> Any:
        """The program for these arguments after the last pass; ``print`` shows it."""
        with self._compilable():
            return self._compiled.first_way(self._compiled.plan, args, kwargs)[1].program

    @contextmanager
    def _compilable(self) -> Iterator[None]:
        """Say in the user's words that there is no program to show."""
        try:
            yield
        except (ladder.Bail, dims.UndecidedExtent) as problem:
            raise UnsupportedError(
                f"{self._compiled.signature.title} is not compiled: {problem}.",
                code="AD304",
                source=getattr(problem, "source", None),
                remedy="rewrite that line; until then calls run as plain Python",
            ) from None

    @without_our_frames
    def llvm(self, *args: Any, **kwargs: Any) -> str:
        """The LLVM text for these arguments (native engine)."""
        return self._text(args, kwargs, "llvm")

    @without_our_frames
    def assembly(self, *args: Any, **kwargs: Any) -> str:
        """The machine code for these arguments as assembly text (native engine)."""
        return self._text(args, kwargs, "assembly")

    def _text(self, args: tuple[Any, ...], kwargs: dict[str, Any], what: str) -> str:
        with self._compilable():
            specialisation = self._compiled.first_way(self._compiled.compile, args, kwargs)
        text = getattr(specialisation.run, what)
        if text is None:
            raise NameArgumentError(
                f"the {self._options['engine']} engine has no {what} text.",
                code="AD107",
                remedy="use engine='native'",
            )
        return printing.Text(text())

    @without_our_frames
    def explain(self, *args: Any, **kwargs: Any) -> str:
        """What happens for these arguments: inputs, guards, how loops were compiled, operations."""
        return explain.explain(self._compiled, args, kwargs)


class BoundTransformed(Generic[P, R]):
    """A transformed method bound to its object: equal, copied and pickled like a bound method."""

    __autodiff_binds__ = True

    def __init__(self, transformed: Transformed[..., R], obj: Any) -> None:
        self.__func__ = transformed
        self.__self__ = obj
        self.__doc__ = transformed.__doc__
        self.__module__ = transformed.__module__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return self.__func__(self.__self__, *args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call of this method inside of another function."""
        owner = trace.wrapped(self, "__self__")
        return self.__func__.__autodiff_inline__(trace, [owner, *args], kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "__func__":  # asked for before __init__ ran, as copying does
            raise AttributeError(name)
        value = getattr(self.__func__, name)
        if name in ("ir", "llvm", "assembly", "explain"):
            return functools.partial(value, self.__self__)
        return value

    @property
    def __signature__(self) -> inspect.Signature:
        whole = inspect.signature(self.__func__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, BoundTransformed):
            return NotImplemented
        return self.__self__ is other.__self__ and self.__func__ is other.__func__

    def __hash__(self) -> int:
        return hash((id(self.__self__), self.__func__))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> BoundTransformed[P, R]:
        return BoundTransformed(self.__func__, copy.deepcopy(self.__self__, memo))

    def __reduce__(self) -> Any:
        # As for a bound method: found again under its name, so the class is what it is there.
        cls = self.__self__ if isinstance(self.__self__, type) else type(self.__self__)
        name: str = self.__name__
        if inspect.getattr_static(cls, name, None) is self.__func__:
            return getattr, (self.__self__, name)
        return BoundTransformed, (self.__func__, self.__self__)

    def __repr__(self) -> str:
        name = self.__func__._compiled.transformation.name
        return f"<bound autodiff.{name} of {self.__qualname__} of {self.__self__!r}>"


def _restore(
    cls: type[Transformed[..., Any]], function: Any, wrt: Wrt, options: dict[str, Any]
) -> Transformed[..., Any]:
    given = {"wrt": wrt, **options}
    home = sys.modules.get(getattr(function, "__module__", None) or "")
    found_by_name = getattr(home, getattr(function, "__name__", ""), None) is function
    if found_by_name and given.keys() <= set(OPTIONS):
        # A pool of processes unpickles it for each task; it is to be compiled once in each process.
        made: Transformed[..., Any] = product(cls, function, given)
        return made
    return cls(function, **given)


_PRODUCTS: OrderedDict[Any, Any] = OrderedDict()
MOST_PRODUCTS = 256  # that are remembered: a function made anew for each call stays in none


def product(cls: type[Transformed[..., Any]], f: Any, options: Mapping[str, Any]) -> Any:
    """One compiled object per function, so that repeated products compile once."""
    if not options.keys() <= set(OPTIONS):
        name = cls._transformation(cls.__new__(cls), None).name
        refuse_unknown(lambda: name, options, [*OPTIONS])
    # A method is another object whenever it is asked for; other callables that their class finds
    # equal may differ in what they compute.
    which = f if isinstance(f, (MethodType, BoundTransformed)) else id(f)
    key = (cls, which, tuple([(k, _option_key(v)) for k, v in sorted(options.items())]))
    try:
        made = _PRODUCTS.get(key)
    except TypeError:  # wrt is an array of captured code
        return cls(f, **options)
    if made is None:
        made = _PRODUCTS[key] = cls(f, **options)
        while len(_PRODUCTS) > MOST_PRODUCTS:
            _PRODUCTS.popitem(last=False)
    else:
        with suppress(KeyError):  # another thread has taken it out
            _PRODUCTS.move_to_end(key)
    return made


def _option_key(option: Any) -> Any:
    """An option for a dictionary: arrays to differentiate by are told apart by identity."""
    if isinstance(option, (list, tuple)):
        return tuple([_option_key(item) for item in option])
    return (type(option), option if isinstance(option, Hashable) else id(option))
