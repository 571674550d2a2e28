"""The public transformations: decorators and calls that compile and differentiate.

    function(f)            f itself, compiled
    gradient(f)            gradient of a scalar result
    value_and_gradient(f)  both, sharing the work
    hessian_vector(f)      Hessian times a vector
    jacobian(f)  hessian(f)
    jvp(f, primals, tangents)   vjp(f, *primals)   linearize(f, *primals)
    vmap(f)                for each lane of a batch

Each can be called (``gradient(f)``), used as a decorator (``@gradient``) and as a decorator with
options (``@gradient(wrt="x")``), on functions, methods, static and class methods, lambdas and
callable objects.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

import numpy as np

from autodiff import debug
from autodiff.engines import ENGINES
from autodiff.errors import ArgumentError, AutodiffError, NameArgumentError, UnsupportedError
from autodiff.garbage import few_collections
from autodiff.later import later
from autodiff.spellings import option_remedy
from autodiff.stack import lock_of_the_process, users_depth, with_room
from autodiff.stored.loading import Again, Described
from autodiff.stored.waiting import Waiting
from autodiff.tracebacks import hide_frames

# A call that is answered from disk needs none of these, which are most of what there is to load.
if TYPE_CHECKING:
    import autodiff.compiled as compiling
    from autodiff import (
        batching,
        containers,
        dims,
        explain,
        inlining,
        ladder,
        sparse,
        transform,
        tree,
    )
    from autodiff.capture import naming, texts
    from autodiff.capture.naming import Tags
    from autodiff.compiled import Compiled, devices, running
    from autodiff.engines.jax import platform
    from autodiff.engines.native import pool
    from autodiff.ir import printing
    from autodiff.ops import tracer
    from autodiff.transform import Transformation, Wrt
else:
    batching = later("autodiff.batching")
    compiling = later("autodiff.compiled")
    containers = later("autodiff.containers")
    devices = later("autodiff.compiled.devices")
    dims = later("autodiff.dims")
    explain = later("autodiff.explain")
    inlining = later("autodiff.inlining")
    ladder = later("autodiff.ladder")
    naming = later("autodiff.capture.naming")
    platform = later("autodiff.engines.jax.platform")
    pool = later("autodiff.engines.native.pool")
    printing = later("autodiff.ir.printing")
    running = later("autodiff.compiled.running")
    sparse = later("autodiff.sparse")
    texts = later("autodiff.capture.texts")
    tracer = later("autodiff.ops.tracer")
    transform = later("autodiff.transform")
    tree = later("autodiff.tree")


_LOADING = lock_of_the_process()  # one thread loads what compiles a function

P = ParamSpec("P")  # the parameters of a function, which its derivatives keep
Q = ParamSpec("Q")
R = TypeVar("R")  # what a call returns
S = TypeVar("S")


class Options(TypedDict, total=False):
    """What each transformation can be told; see :class:`Transformed`."""

    engine: str
    device: str | None
    threads: int
    use_cache: bool
    on_fallback: str


class DerivativeOptions(Options, total=False):
    """What derivatives can be told besides."""

    holomorphic: bool
    checkpoint: str | None
    memory: int | None


class MatrixOptions(DerivativeOptions, total=False):
    """What Jacobians and Hessians can be told besides."""

    mode: str


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
        cut into as many pieces (not on Windows); a sum may then differ in its last digits.  BLAS
        has threads of its own, which its environment variables set.
    use_cache : bool
        False: capture anew at every call and run uncompiled.
    on_fallback : {"warn", "error"}
        What to do when a function cannot be compiled.
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
                remedy="pass the function itself, not the result of calling it",
            )
        if engine not in ENGINES:
            raise NameArgumentError(
                f"there is no engine {engine!r}.",
                code="AD107",
                remedy=f"choose one of {', '.join(ENGINES)}",
            )
        _refuse_device(engine, device, use_cache)
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
        return Described.of(type(self), function, told)

    def _made(self, function: Any, described: Described | None) -> Compiled:
        """What compiles the function under the transformation."""
        transformation = self._transformation(self._wrt)
        if self._holomorphic and not transformation.takes_holomorphic:
            raise ArgumentError(
                f"{transformation.name} has no option 'holomorphic'.",
                remedy="use it with gradient, jacobian, hessian or hessian_vector; jvp and vjp of "
                "complex numbers need no option",
            )
        transformation.holomorphic = bool(self._holomorphic)
        transformation.budget = self._budget
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
        return transform.Transformation()

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
            except Exception as error:
                hide_frames(error)
                raise
            if result is not NotImplemented:
                return result
        trace = naming.capturing()
        try:
            if trace is not None and tracer.is_traced([*args, *kwargs.values()]):
                # Python itself calls it with traced values: from a function without source.
                return self.__autodiff_inline__(trace, list(args), kwargs)
            result = self._compiled.call(args, kwargs)
            return result
        except Exception as error:
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
        return _restore, (type(self), self.__wrapped__, self._wrt, options)

    def __repr__(self) -> str:
        name = getattr(self.__wrapped__, "__qualname__", repr(self.__wrapped__))
        wrt = f", wrt={transform.written(self._wrt)}" if self._wrt is not None else ""
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

    def llvm(self, *args: Any, **kwargs: Any) -> str:
        """The LLVM text for these arguments (native engine)."""
        return self._text(args, kwargs, "llvm")

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
        except Exception as error:
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
    if found_by_name and given.keys() <= set(_OPTIONS):
        # A pool of processes unpickles it for each task; it is to be compiled once in each process.
        made: Transformed[..., Any] = _product(cls, function, given)
        return made
    return cls(function, **given)


class Function(Transformed[P, R]):
    """``f`` compiled: returns what ``f`` returns.  See :class:`Transformed` for the options."""

    _is_stored = True


def planned(
    f: Any, options: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Compiled, Any, Any]:
    """What a call of a transformed function, or of a plain one's value, is compiled from.

    Its :class:`Compiled`, what was captured and the plan, for those who show or measure it.
    """
    transformed: Any = f
    if not isinstance(f, (Transformed, BoundTransformed)):
        transformed = Function(f, **options)
    if isinstance(transformed, BoundTransformed):
        args, transformed = (transformed.__self__, *args), transformed.__func__
    with transformed._compilable():
        compiled = transformed._compiled
        captured, plan = compiled.first_way(compiled.plan, args, kwargs)
    return compiled, captured, plan


class Gradient(Transformed[P, R]):
    """The exact gradient of a scalar function.  See :class:`Transformed` for the options."""

    _is_stored = True

    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.Gradient(wrt)


class ValueAndGradient(Transformed[P, R]):
    """The value and the gradient of a scalar function, in one run."""

    _is_stored = True

    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.Gradient(wrt, value=True)


class _Matrix(Transformed[P, R]):
    """What is made by sweeps: ``mode`` says by which."""

    def __init__(self, function: Any, *, mode: str = "auto", **options: Any) -> None:
        super().__init__(function, **options)
        transformation = self._compiled.transformation
        if mode not in ("auto", "forward", "reverse"):
            raise NameArgumentError(
                f"mode={mode!r} is not known.", remedy="use 'forward', 'reverse' or 'auto'"
            )
        self._mode = transformation.mode = mode

    def __reduce__(self) -> Any:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        restore, (cls, function, wrt, options) = found
        return restore, (cls, function, wrt, {**options, "mode": self._mode})


class Jacobian(_Matrix[P, R]):
    """The Jacobian, shape ``(*result, *argument)``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.Jacobian(wrt)


class Hessian(_Matrix[P, R]):
    """The Hessian of a scalar function, shape ``(*argument, *argument)``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.Hessian(wrt)


class Vmap(Transformed[P, R]):
    """``f`` for each lane of a batch; see :func:`vmap`."""

    def __init__(
        self,
        function: Any,
        *,
        in_axes: Any = 0,
        out_axes: Any = 0,
        axis_size: int | None = None,
        **options: Any,
    ) -> None:
        self._axes: dict[str, Any] = {
            "in_axes": in_axes,
            "out_axes": out_axes,
            "axis_size": axis_size,
        }
        super().__init__(function, **options)

    def _transformation(self, wrt: Wrt) -> Transformation:
        return batching.Batched(self)

    def _what_runs(self, function: Any) -> Any:
        self.lanes: Any = batching.Lanes(function, **self._axes)
        return self.lanes

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call of this object inside of another function."""
        lanes = trace.wrapped(self, "lanes")
        return lanes.__autodiff_inline__(trace, args, kwargs)

    def __reduce__(self) -> Any:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        restore, (cls, function, wrt, options) = found
        return restore, (cls, function, wrt, {**options, **self._axes})


def _sparse(name: str, wrt: Wrt) -> Transformation:
    """A sparse transformation; SciPy's sparse arrays are loaded by who asks for one."""
    transformation: Transformation = getattr(sparse, name)(wrt)
    return transformation


class _Sparse(Transformed[P, R]):
    """Transformations whose results are sparse: they are made of a run of the program."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        compiled = self._compiled
        if compiled.code is not compiled.coded.__code__:
            compiled.follow()
        try:
            return compiled.call(args, kwargs)
        except Exception as error:
            hide_frames(error)
            raise

    def __autodiff_inline__(self, trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Inside of another function it is called as it is: a program has no sparse arrays."""
        raise ladder.NotStaged(f"{self._compiled.transformation.name} gives a sparse array")


class SparseJacobian(_Sparse[P, R], _Matrix[P, R]):
    """The Jacobian as ``csr_array``, shape (elements of the result, elements of the argument)."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return _sparse("SparseJacobian", wrt)


class SparseHessian(_Sparse[P, R], _Matrix[P, R]):
    """The Hessian of a scalar function as ``csr_array``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return _sparse("SparseHessian", wrt)


class Sparsity(_Sparse[P, R]):
    """Which elements of the Jacobian may be other than zero."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return _sparse("Sparsity", wrt)


class _WithVectors(Transformed[P, R]):
    """Transformations whose call brings vectors along."""

    def _call_with(self, args: tuple[Any, ...], kwargs: dict[str, Any], vectors: Any) -> Any:
        compiled = self._compiled
        if compiled.code is not compiled.coded.__code__:
            compiled.follow()
        if not kwargs and (type(vectors) is np.ndarray or compiled.engine == "jax"):
            # One vector as it is; the compiled entry itself refuses one that does not fit.
            result = compiled.fast_with(args, (vectors,))
            if result is not NotImplemented:
                return result
        try:
            if compiled.engine == "jax":
                return devices.looked_at(self._call_slowly, args, kwargs, vectors)
            return self._call_slowly(args, kwargs, vectors)
        except Exception as error:
            hide_frames(error)
            raise

    def _call_slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any], vectors: Any) -> Any:
        compiled = self._compiled
        call = compiled.bind_whole(args, kwargs)
        try:
            extra = compiled.vectors_for(call, vectors)
        except AutodiffError:
            with suppress(ladder.Bail):  # what is wrong with the function comes first
                compiled.transformation.refuse(compiled.signature, compiled.captured(call))
            raise
        return compiled.call(args, kwargs, extra)


class HessianVector(_WithVectors[P, R]):
    """The Hessian of a scalar function times a vector: ``hv(*args, _tensors=v)``."""

    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.HessianVector(wrt)

    def __call__(self, *args: Any, _tensors: Any = None, **kwargs: Any) -> Any:
        if _tensors is None:
            raise NameArgumentError(
                "hessian_vector needs the vectors to multiply with.",
                code="AD108",
                remedy="pass _tensors=v, with a tuple of vectors for several arguments",
            )
        trace = naming.capturing()
        if trace is not None and tracer.is_traced([*args, *kwargs.values(), _tensors]):
            return self.__autodiff_inline__(trace, list(args), {**kwargs, "_tensors": _tensors})
        return self._call_with(args, kwargs, _tensors)


class _Jvp(_WithVectors[P, R]):
    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.Jvp(wrt)


class _Linearize(Transformed[P, R]):
    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.Linearize(wrt)


class _Vjp(_WithVectors[P, R]):
    def _transformation(self, wrt: Wrt) -> Transformation:
        return transform.Vjp(wrt)


def _decorator(cls: type[Transformed[..., Any]], function: Any, options: dict[str, Any]) -> Any:
    known = [n for n in _OPTIONS if cls is not Function or n not in _OF_DERIVATIVES]
    known += ["mode"] if issubclass(cls, _Matrix) else []
    _refuse_unknown(lambda: cls._transformation(cls.__new__(cls), None).name, options, known)
    if function is None:
        return lambda f: cls(f, **options)
    return cls(function, **options)


def _refuse_unknown(title: Callable[[], str], options: Mapping[str, Any], known: list[str]) -> None:
    """An error for an option that there is not, in the words of who uses another library."""
    for name in options:
        if name not in known:
            raise ArgumentError(
                f"{title()} has no option {name!r}.", remedy=option_remedy(name, known)
            )


_OF_DERIVATIVES = ("wrt", "holomorphic", "checkpoint", "memory")
_OPTIONS = ("wrt", "engine", "device", "threads", "use_cache", "on_fallback", *_OF_DERIVATIVES[1:])


def budget_of(checkpoint: Any, memory: Any) -> int | None:
    """The bytes that loops may keep for the way back; None for as many as it takes."""
    if checkpoint is None:
        if memory is not None:
            raise ArgumentError(
                'memory is for checkpoint="auto".', remedy='give checkpoint="auto" as well'
            )
        return None
    if checkpoint != "auto":
        raise NameArgumentError(
            f"checkpoint={checkpoint!r} is not known.",
            remedy='use "auto", or mark a loop: for k in autodiff.checkpoint(range(n))',
        )
    if memory is None:
        return (pool.memory_of_the_machine() or 2**32) // 4
    if isinstance(memory, bool) or not isinstance(memory, (int, float, np.integer)) or memory < 1:
        raise ArgumentError(
            f"memory={memory!r} is no number of bytes.", remedy="pass bytes, such as memory=2**30"
        )
    return int(memory)


def _refuse_device(engine: str, device: Any, use_cache: bool) -> None:
    """An error for a device that is no device's name, or of an engine that has none."""
    if engine == "jax" and not use_cache:
        raise NameArgumentError(
            "use_cache=False runs uncompiled, by NumPy, and engine='jax' never does.",
            remedy="leave one of them out",
        )
    if device is None:
        return
    if engine != "jax":
        raise NameArgumentError(
            f"device={device!r} is for engine='jax'; engine={engine!r} runs on the CPU.",
            remedy="give engine='jax' as well, or leave the device out",
        )
    platform.parsed(device)


class _FunctionDecorator(Protocol):
    """``function`` with options, waiting for its function."""

    def __call__(self, f: Callable[P, R]) -> Function[P, R]: ...


@overload
def function(f: Callable[P, R], **options: Unpack[Options]) -> Function[P, R]: ...
@overload
def function(f: None = None, **options: Unpack[Options]) -> _FunctionDecorator: ...
def function(f: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function of NumPy arrays.

    Parameters
    ----------
    f : callable
        Plain NumPy code.  It is not changed.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    Function
        Called like ``f``, returns what ``f`` returns: same shapes, dtypes and containers.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> norm2 = autodiff.function(lambda x: np.sum(x * x))
    >>> norm2(np.array([3.0, 4.0]))
    np.float64(25.0)
    """
    return _decorator(Function, f, options)


class _GradientDecorator(Protocol):
    """``gradient`` with options, waiting for its function."""

    def __call__(self, f: Callable[P, R]) -> Gradient[P, Any]: ...


@overload
def gradient(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> Gradient[P, Any]: ...
@overload
def gradient(
    f: None = None, wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> _GradientDecorator: ...
def gradient(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """The exact gradient of a function that returns one number.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns one floating-point number.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, results in the order given; by default every argument of
        the call that is a number, an array or a container with some, whatever its dtype (but not
        Python's bools, strings, objects, or parameters left at their default).  One argument gives
        one result, several a tuple; containers keep their structure.  Derivatives by integers and
        bools are zero (float64), except that an integer *number* counts as a float where it is named
        here or where no argument holds a float.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Raises
    ------
    NotScalarError
        (a ``TypeError``) if the result is not one number.
    NameArgumentError
        (a ``ValueError``) if ``wrt`` names no argument.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.gradient(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    >>> autodiff.gradient(lambda x: x * x)(3)
    6.0
    >>> autodiff.gradient(lambda x, n: x**n)(3.0, 2)
    (6.0, 0.0)
    """
    return _decorator(Gradient, f, {"wrt": wrt, **options})


class _ValueAndGradientDecorator(Protocol):
    """``value_and_gradient`` with options, waiting for its function."""

    def __call__(self, f: Callable[P, R]) -> ValueAndGradient[P, tuple[R, Any]]: ...


@overload
def value_and_gradient(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> ValueAndGradient[P, tuple[R, Any]]: ...
@overload
def value_and_gradient(
    f: None = None, wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> _ValueAndGradientDecorator: ...
def value_and_gradient(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """The value and the gradient together; arguments as for :func:`gradient`.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.value_and_gradient(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return _decorator(ValueAndGradient, f, {"wrt": wrt, **options})


class _HessianVectorDecorator(Protocol):
    """``hessian_vector`` with options, waiting for its function."""

    def __call__(self, f: Callable[P, R]) -> HessianVector[P, Any]: ...


@overload
def hessian_vector(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> HessianVector[P, Any]: ...
@overload
def hessian_vector(
    f: None = None, wrt: Wrt = None, **options: Unpack[DerivativeOptions]
) -> _HessianVectorDecorator: ...
def hessian_vector(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian.

    The vector is passed as ``_tensors``: one array for one argument, a tuple for several.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> hv = autodiff.hessian_vector(lambda x: np.sum(x**3))
    >>> hv(np.array([1.0, 2.0]), _tensors=np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    return _decorator(HessianVector, f, {"wrt": wrt, **options})


class _JacobianDecorator(Protocol):
    """``jacobian`` with options, waiting for its function."""

    def __call__(self, f: Callable[P, Any]) -> Transformed[P, Any]: ...


@overload
def jacobian(
    f: Callable[P, Any], wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> Transformed[P, Any]: ...
@overload
def jacobian(
    f: None = None, wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> _JacobianDecorator: ...
def jacobian(
    f: Callable[..., Any] | None = None, wrt: Wrt = None, sparse: bool = False, **options: Any
) -> Any:
    """The Jacobian of an array-valued function: shape ``(*result, *argument)``.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns floating-point arrays.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, as for :func:`gradient`.
    sparse : bool
        Whether to give a ``scipy.sparse.csr_array`` of shape (elements of the result, elements of the
        argument), both in C order; of several results or arguments one each, arranged as the full
        ones are.  It holds the elements that :func:`sparsity` tells of, also those that happen to be 0.
        Columns (or rows) that have no element in common are found by one product.
    **options
        ``mode``: "reverse" makes it row by row, "forward" column by column (of sparse ones by groups of
        them), "auto" by whichever are fewer.  A function that prints, draws or calls Python inside of a loop or branch, or that
        takes eigenvectors, is always swept in reverse.  ``holomorphic``, ``engine``, ``device``, ``threads``,
        ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    >>> steps = autodiff.jacobian(lambda x: x[1:] * x[:-1], sparse=True)(np.arange(1.0, 100_001.0))
    >>> steps.shape, steps.nnz
    ((99999, 100000), 199998)
    """
    return _decorator(SparseJacobian if sparse else Jacobian, f, {"wrt": wrt, **options})


class _HessianDecorator(Protocol):
    """``hessian`` with options, waiting for its function."""

    def __call__(self, f: Callable[P, Any]) -> Transformed[P, Any]: ...


@overload
def hessian(
    f: Callable[P, Any], wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> Transformed[P, Any]: ...
@overload
def hessian(
    f: None = None, wrt: Wrt = None, sparse: bool = False, **options: Unpack[MatrixOptions]
) -> _HessianDecorator: ...
def hessian(
    f: Callable[..., Any] | None = None, wrt: Wrt = None, sparse: bool = False, **options: Any
) -> Any:
    """The Hessian of a scalar function: shape ``(*argument, *argument)``.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns one floating-point number.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, as for :func:`gradient`.
    sparse : bool
        Whether to give a ``scipy.sparse.csr_array``, as for :func:`jacobian`.
    **options
        ``mode`` says how the Jacobian of the gradient is made, as for :func:`jacobian`: "forward"
        over reverse, or "reverse" over reverse.  ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0]))
    array([[0., 4.],
           [4., 2.]])
    >>> rosenbrock = lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> autodiff.hessian(rosenbrock, sparse=True)(np.ones(100_000)).nnz
    299998
    """
    return _decorator(SparseHessian if sparse else Hessian, f, {"wrt": wrt, **options})


class _SparsityDecorator(Protocol):
    """``sparsity`` with options, waiting for its function."""

    def __call__(self, f: Callable[P, R]) -> Sparsity[P, Any]: ...


@overload
def sparsity(
    f: Callable[P, R], wrt: Wrt = None, **options: Unpack[Options]
) -> Sparsity[P, Any]: ...
@overload
def sparsity(f: None = None, wrt: Wrt = None, **options: Unpack[Options]) -> _SparsityDecorator: ...
def sparsity(f: Callable[..., Any] | None = None, wrt: Wrt = None, **options: Any) -> Any:
    """Which elements of the Jacobian may be other than zero: a ``csr_array`` of bool that shows itself.

    Exact in what indices, slices and stores do; an operation is taken to depend on all of its operands, a
    routine of linear algebra on all of its matrix, and of a branch on floating-point numbers both
    sides count.  That of the Hessian is ``sparsity(gradient(f))``.  ``autodiff.plot.sparsity`` draws it.

    Parameters
    ----------
    f : callable
        Plain NumPy code that returns floating-point arrays.
    wrt : str, int or sequence of them, optional
        Arguments to differentiate by, as for :func:`gradient`.
    **options
        ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> print(autodiff.sparsity(lambda x: x[1:] * x[:-1])(np.ones(4)))
    3 x 4, 6 elements, at most 2 in a row and 2 in a column
    X X . .
    . X X .
    . . X X
    """
    return _decorator(Sparsity, f, {"wrt": wrt, **options})


class _VmapDecorator(Protocol):
    """``vmap`` with options, waiting for its function."""

    def __call__(self, f: Callable[..., Any]) -> Vmap[..., Any]: ...


@overload
def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    **options: Unpack[Options],
) -> Vmap[..., Any]: ...
@overload
def vmap(
    f: None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    **options: Unpack[Options],
) -> _VmapDecorator: ...
def vmap(
    f: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    **options: Any,
) -> Any:
    """A function of one lane as a function of many at once.

    ``vmap(f)(xs, ys)`` is ``np.stack([f(x, y) for x, y in zip(xs, ys)])``, as one compiled loop:
    each lane has the value of running alone, takes its own branches and makes its own number of
    iterations, and what lanes print, draw or store happens in their order.  It may be
    nested, differentiated, and put around derivatives: ``vmap(gradient(f))``.

    Parameters
    ----------
    f : callable
        Plain NumPy code for one lane, or a transformation of such.
    in_axes : int, None, or tuple of them
        Along which axis the lanes of each argument lie; None for what all lanes share.  One entry
        for all arguments, or a tuple of one for each; in place of an entry a container of
        entries, with the structure of the argument's first levels.  An argument given by keyword
        has the entry of its parameter, one that only goes by keyword axis 0.
    out_axes : int, None, or container of them
        Along which axis the lanes of each result lie; None for a result that is the same in all
        lanes, which is then given once.
    axis_size : int, optional
        The number of lanes, where no argument tells it.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    Vmap
        Called like ``f``.  Numbers become arrays, arrays have an axis more, containers keep their
        structure and None stays None.

    Raises
    ------
    ShapeError
        (a ``ValueError``) if the numbers of lanes differ, or an argument has no such axis.
    ArgumentError
        (a ``TypeError``) if entries do not fit what they are for, or a lane returns what is no
        number and no array.

    Notes
    -----
    A lane gets views of its part of the arrays, so what it stores there is stored in the batch, as
    in the loop.  Where lanes return numbers of two types, the stack has the wider one.  Without lanes
    the result is empty, and the effects of ``f`` do not happen.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.vmap(lambda x, w: x @ w, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    >>> slopes = autodiff.vmap(autodiff.gradient(lambda x: x**3))
    >>> slopes(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    known = [name for name in _OPTIONS if name not in _OF_DERIVATIVES]
    _refuse_unknown(lambda: "vmap", options, ["in_axes", "out_axes", "axis_size", *known])
    axes = {"in_axes": in_axes, "out_axes": out_axes, "axis_size": axis_size}
    if f is None:
        return lambda function: Vmap(function, **axes, **options)
    return Vmap(f, **axes, **options)


_PRODUCTS: OrderedDict[Any, Any] = OrderedDict()
MOST_PRODUCTS = 256  # that are remembered: a function made anew for each call stays in none


def _product(cls: type[Transformed[..., Any]], f: Any, options: Mapping[str, Any]) -> Any:
    """One compiled object per function, so that repeated products compile once."""
    if not options.keys() <= set(_OPTIONS):
        name = cls._transformation(cls.__new__(cls), None).name
        _refuse_unknown(lambda: name, options, [*_OPTIONS])
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


def jvp(
    f: Callable[..., R],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    wrt: Wrt = None,
    **options: Unpack[Options],
) -> tuple[R, R]:
    """The result of ``f(*primals)`` and its directional derivative along ``tangents``.

    Parameters
    ----------
    f : callable
        Plain NumPy code.  Works inside of other compiled and differentiated functions, too.
    primals : tuple
        The arguments of ``f``.
    tangents : tuple
        One per primal, of its shape and structure.  Those of primals that hold no floating-point
        number (an int, an integer array) are not looked at.
    wrt : str, int, array or sequence of them, optional
        What moves along the tangents instead of the primals, as for :func:`gradient`; one tangent
        for each.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    tuple
        The result, and its tangent in the same structure.

    Raises
    ------
    NameArgumentError
        (a ``ValueError``) if there is not one tangent per primal.
    ShapeError
        (a ``ValueError``) if a tangent does not have the shape of its primal.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    _refuse_bare(primals, tangents)
    compiled = _product(_Jvp, f, options if wrt is None else {"wrt": wrt, **options})
    if wrt is None:
        tangents = _of_chosen(compiled._compiled.signature, primals, tangents, "jvp")
    vectors = tangents[0] if len(tangents) == 1 else tuple(tangents)
    return compiled._call_with(tuple(primals), {}, vectors)


def _refuse_bare(primals: Any, tangents: Any) -> None:
    """An array alone would be taken for a tuple of its rows."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise ArgumentError(
                f"jvp takes {name} as a tuple, one for each argument, not as one "
                f"{type(given).__name__}.",
                remedy="write jvp(f, (x,), (dx,))",
            )


def _one_tangent_per_primal(
    primals: Sequence[Any], tangents: Sequence[Any], what: str = "jvp"
) -> None:
    if len(tangents) != len(primals):
        raise NameArgumentError(
            f"{what} has {len(primals)} primals and {len(tangents)} tangents.",
            code="AD108",
            remedy="pass one tangent per primal",
        )


def vjp(
    f: Callable[..., R], *primals: Any, wrt: Wrt = None, **options: Unpack[Options]
) -> tuple[R, Callable[[Any], tuple[Any, ...]]]:
    """The result of ``f(*primals)`` and a function from its cotangent to those of the primals.

    The function returns a tuple with one cotangent per primal (zeros for an int or an integer array),
    or, with ``wrt``, one for each thing named there.  Works inside of other compiled and
    differentiated functions, too.

    Parameters
    ----------
    f : callable
        Plain NumPy code.
    *primals
        The arguments of ``f``.
    wrt : str, int, array or sequence of them, optional
        What to differentiate by, as for :func:`gradient`.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Raises
    ------
    ShapeError
        (a ``ValueError``) if the cotangent does not have the shape of the result.

    Notes
    -----
    The derivative is that at the primals as they were given, whatever is stored into them later. What ``f``
    reads from outside is read when the derivative is computed.

    Examples
    --------
    >>> import autodiff
    >>> value, pull = autodiff.vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> value, pull(1.0)
    (6.0, (3.0, 2.0))
    """
    kept, wrt = _kept(primals, wrt)
    compiled = _product(_Vjp, f, options if wrt is None else {"wrt": wrt, **options})
    value = _product(Function, f, options)(*primals)
    signature = compiled._compiled.signature
    chosen = transform.by_default(transform.by_parameter(signature, primals), signature)
    several = isinstance(wrt, (list, tuple)) and len(wrt) != 1

    def pull(cotangent: Any) -> tuple[Any, ...]:
        cotangent = transform.as_cotangent(value, cotangent)
        result: Any = compiled._call_with(kept, {}, cotangent)
        if wrt is not None:
            return result if several else (result,)
        found = dict(zip(chosen, (result,) if len(chosen) == 1 else result, strict=True))
        return transform.by_position(signature, found, kept, _no_cotangent)

    return value, pull


def linearize(
    f: Callable[..., R], *primals: Any, wrt: Wrt = None, **options: Unpack[Options]
) -> tuple[R, Callable[..., R]]:
    """The result of ``f(*primals)`` and its derivative there, a function of tangents.

    ``value, push = linearize(f, x)``; then ``push(dx)`` is the tangent that ``jvp(f, (x,), (dx,))``
    gives beside the value, without running ``f`` again: what the derivative reads is kept.

    Parameters
    ----------
    f : callable
        Plain NumPy code.  Works inside of other compiled and differentiated functions, too.
    *primals
        The arguments of ``f``.
    wrt : str, int, array or sequence of them, optional
        What moves along the tangents instead of the primals, as for :func:`gradient`.
    **options
        ``engine``, ``device``, ``threads``, ``use_cache``, ``on_fallback``; see :class:`Transformed`.

    Returns
    -------
    tuple
        The result, and ``push``, which takes one tangent for each primal (or thing named in ``wrt``)
        and returns that of the result in its structure.

    Raises
    ------
    NameArgumentError
        (a ``ValueError``) if ``push`` is not given one tangent for each.
    ShapeError
        (a ``ValueError``) if a tangent does not have the shape of its primal.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> value, push = autodiff.linearize(lambda x: x**2, np.array([1.0, 2.0]))
    >>> value, push(np.array([1.0, 0.0])), push(np.array([0.0, 1.0]))
    (array([1., 4.]), array([2., 0.]), array([0., 4.]))
    """
    made = _product(_Linearize, f, options if wrt is None else {"wrt": wrt, **options})
    value, kept, linear = made(*primals)
    compiled = made._compiled
    call = compiled.bind(primals, {})

    def push(*tangents: Any) -> Any:
        if wrt is None:
            tangents = _of_chosen(compiled.signature, primals, tangents, "linearize")
        vectors = tangents[0] if len(tangents) == 1 else tangents
        engine, device = made._options["engine"], made._options["device"]
        return linear(engine, device, kept, compiled.vectors_for(call, vectors))

    return value, push


def _of_chosen(
    signature: Any, primals: Sequence[Any], tangents: Sequence[Any], what: str
) -> tuple[Any, ...]:
    """Of one tangent for each primal, those of what is differentiated by."""
    _one_tangent_per_primal(primals, tangents, what)
    moved = transform.by_parameter(signature, tangents)
    slots = transform.by_parameter(signature, primals)
    return tuple([moved[k] for k in transform.by_default(slots, signature)])


def _kept(primals: tuple[Any, ...], wrt: Any) -> tuple[tuple[Any, ...], Any]:
    """Arguments as they are now, for a derivative that is asked for later, and what ``wrt`` names of them."""
    found: list[Any] = []

    def is_array(x: Any) -> bool:
        return isinstance(x, np.ndarray) and np.may_share_memory(x, x) and x.size > 0

    def is_opaque(x: Any) -> bool:
        return not tree.is_container(x)

    def noted(x: Any) -> Any:
        found.append(x)
        return x

    for x in primals:
        containers.replaced(x, is_array, noted, stop=is_opaque)
    made = {id(x): copy for x, copy in zip(found, running.copied_together(found), strict=True)}
    kept = tuple(
        [containers.replaced(x, is_array, lambda y: made[id(y)], stop=is_opaque) for x in primals]
    )
    if isinstance(wrt, (list, tuple)):
        return kept, type(wrt)([made.get(id(x), x) for x in wrt])
    return kept, made.get(id(wrt), wrt)


def _no_cotangent(x: Any) -> Any:
    """The cotangent of a primal that holds no floating-point number: zeros, None for an object."""
    if isinstance(x, np.ndarray):
        return np.zeros(x.shape)
    return 0.0 if isinstance(x, (int, np.generic)) else None


def _jvp_inside(trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    def inside(f: Any, primals: Any, tangents: Any, wrt: Any = None, **options: Any) -> Any:
        _refuse_bare(primals, tangents)
        if wrt is None:
            _one_tangent_per_primal(primals, tangents)
        given = options if wrt is None else {"wrt": wrt, **options}
        return inlining.inline_jvp(
            _product(_Jvp, f, given), trace, primals, tangents, wrt is not None
        )

    return inside(*args, **kwargs)


def _vjp_inside(trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return inlining.inline_vjp(_product(_Vjp, args[0], kwargs), trace, args[1:])


def _linearize_inside(trace: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return inlining.inline_linearize(_product(_Jvp, args[0], kwargs), trace, args[1:])


# How capture treats calls of these inside of other functions.
jvp.__autodiff_inline__ = _jvp_inside  # type: ignore[attr-defined]
vjp.__autodiff_inline__ = _vjp_inside  # type: ignore[attr-defined]
linearize.__autodiff_inline__ = _linearize_inside  # type: ignore[attr-defined]
