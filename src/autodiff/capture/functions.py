"""The user's functions: a call binds the arguments and interprets the body.

    def scaled(x, *, by=weight):          call_function(trace, scaled, [x], {})
        return by * x

Defaults are read where the function keeps them, so that the ``weight`` above is an input of the
program.  A function met while interpreting, a ``def`` or a ``lambda``, is a :class:`Closure`, which
sees the variables of its frame as they are when it is called.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import CellType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from autodiff.capture import choices, generators
from autodiff.capture.frames import UNBOUND, Scope
from autodiff.capture.interpreter import Frame, function_scope
from autodiff.capture.iterators import Iterating
from autodiff.capture.lists import TracedList
from autodiff.capture.paths import Guard, Path
from autodiff.capture.sourcecode import FunctionNode, Syntax, describe, syntax_of
from autodiff.capture.standing import leave_scope
from autodiff.capture.trace import Declined, Trace
from autodiff.errors import InternalError
from autodiff.later import later
from autodiff.ops.tracer import Tracer
from autodiff.signals import apply_users

if TYPE_CHECKING:
    from autodiff.capture import sourceless
else:
    sourceless = later("autodiff.capture.sourceless")

DEEPEST_STAGED_RECURSION = 6  # calls of one function within itself, inside of a staged branch


class Closure:  # noqa: D101 - each has a __doc__ of its own
    # A function defined inside captured code; calling it interprets its body.  What it is made of is no attribute of
    # the function, of which ``functools.wraps`` and the user's code see the ``__dict__``.
    __slots__ = (
        "__dict__", "__doc__", "__name__", "__qualname__", "__weakref__", "cells", "defaults", "frame",
        "keyword_defaults", "node", "syntax",
    )  # fmt: skip

    def __init__(self, frame: Frame, node: FunctionNode, syntax: Syntax) -> None:
        self.frame = frame
        self.node = node
        self.syntax = syntax
        self.cells: dict[str, CellType] = {}  # of a method: that of its class
        self.__name__ = getattr(node, "name", "<lambda>")
        self.__qualname__ = f"{frame.scope.qualname}.<locals>.{self.__name__}"
        self.__doc__ = None if isinstance(node, ast.Lambda) else ast.get_docstring(node)
        arguments = node.args
        self.defaults = [frame.evaluate(d) for d in arguments.defaults]
        self.keyword_defaults = [
            UNBOUND if d is None else frame.evaluate(d) for d in arguments.kw_defaults
        ]

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "__module__":  # that of its frame, whatever ``functools.wraps`` says
            object.__setattr__(self, name, value)

    def __get__(self, obj: Any, cls: type | None = None) -> Any:
        return self if obj is None else MethodType(self, obj)

    @property
    def __signature__(self) -> inspect.Signature:
        """For ``inspect.signature``: transformations name arguments by it."""
        return inspect.Signature(_parameters(self.node.args, self.defaults, self.keyword_defaults))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        scope = Scope(self.syntax, self.frame.scope.globals, self.cells, self.frame.scope)
        scope.qualname = self.__qualname__
        bound = bind(
            self.__qualname__, self.node.args, self.defaults, self.keyword_defaults, args, kwargs
        )
        scope.locals.update(_with_own_keywords(self.frame.trace, self.node.args, bound))
        frame = Frame(self.frame.trace, scope, self.__name__)
        if self.syntax.is_generator:
            return generators.start(frame, self.node)
        return run_body(frame, self.node)


def standing_for(closure: Closure) -> Callable[..., Any]:
    """A function that Python calls as it calls a closure in its errors."""
    function = _like(closure.__qualname__, closure.node.args)
    module: Any = closure.frame.scope.globals.get("__name__")
    function.__module__ = module
    return function


def guard_property(trace: Trace, cls: type, name: str, function: Any, static: Any) -> None:
    """A property is the one that was seen; that of a class made by the function is made with it."""
    if not isinstance(function, Closure):
        trace.guard_class(cls, name, static)


def make_closure(frame: Frame, node: FunctionNode) -> Closure:
    """A closure over the frame for a ``def`` or ``lambda`` met while interpreting."""
    syntax = describe(node, frame.scope.syntax.file)
    if any(isinstance(part, ast.Nonlocal) for part in ast.walk(node)):
        frame.trace.kept_scopes[id(frame.scope)] = frame.scope
    return Closure(frame, node, syntax)


def bind(
    name: str,
    arguments: ast.arguments,
    defaults: Sequence[Any],
    keyword_defaults: Sequence[Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> dict[str, Any]:
    """Python's binding of arguments to parameters, with Python's errors."""
    parameters = _parameters(arguments, defaults, keyword_defaults)
    try:
        bound = inspect.Signature(parameters).bind(*args, **kwargs)
    except TypeError:
        bound = None
    if bound is None:
        apply_users(_like(name, arguments), args, kwargs)
        raise InternalError(f"arguments of {name} that Python takes")
    bound.apply_defaults()
    return dict(bound.arguments)


def _like(name: str, arguments: ast.arguments) -> Callable[..., Any]:
    """A function of this name that takes such arguments, and does nothing."""
    made = copy.deepcopy(arguments)
    nothing = ast.Constant(None)
    made.defaults = [nothing for _ in made.defaults]
    made.kw_defaults = [None if d is None else nothing for d in made.kw_defaults]
    for argument in ast.walk(made):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(made, nothing)))
    function: FunctionType = eval(compile(tree, "<signature>", "eval"), {})
    function.__qualname__ = name
    return function


def _with_own_keywords(
    trace: Trace, arguments: ast.arguments, bound: dict[str, Any]
) -> dict[str, Any]:
    """The bound arguments; the dict of ``**options`` is the function's own, which it may change."""
    if arguments.kwarg is not None:
        trace.fresh(bound[arguments.kwarg.arg])
    return bound


def _parameters(
    arguments: ast.arguments, defaults: Sequence[Any], keyword_defaults: Sequence[Any]
) -> list[inspect.Parameter]:
    """The parameters of a function from its syntax tree and the values of its defaults."""
    empty = inspect.Parameter.empty
    parameters = []
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(defaults)
    for k, parameter in enumerate(positional):
        kind = (
            inspect.Parameter.POSITIONAL_ONLY
            if k < len(arguments.posonlyargs)
            else inspect.Parameter.POSITIONAL_OR_KEYWORD
        )
        default = defaults[k - first_default] if k >= first_default else empty
        parameters.append(inspect.Parameter(parameter.arg, kind, default=default))
    if arguments.vararg is not None:
        parameters.append(inspect.Parameter(arguments.vararg.arg, inspect.Parameter.VAR_POSITIONAL))
    for parameter, default in zip(arguments.kwonlyargs, keyword_defaults, strict=True):
        default = empty if default is UNBOUND else default
        parameters.append(
            inspect.Parameter(parameter.arg, inspect.Parameter.KEYWORD_ONLY, default=default)
        )
    if arguments.kwarg is not None:
        parameters.append(inspect.Parameter(arguments.kwarg.arg, inspect.Parameter.VAR_KEYWORD))
    return parameters


def interpret(
    trace: Trace, function: Any, args: Sequence[Any], options: Mapping[str, Any] | None = None
) -> Any:
    """Run a function or method of a library, of which operations made a part of theirs."""
    options = options or {}
    if isinstance(function, Closure):
        return function(*args, **options)
    if isinstance(function, MethodType):
        cls, code = type(function.__self__), function.__func__
        names = (n for c in cls.__mro__ for n, v in vars(c).items() if v is code)
        for name in names:  # which that of a lambda is not
            trace.guard_class(cls, name, code)
        return interpret(trace, function.__func__, (function.__self__, *args), options)
    if isinstance(function, FunctionType):
        return call_function(trace, function, list(args), dict(options))
    return function(*args, **options)


def call_function(
    trace: Trace, function: FunctionType, args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """Interpret a call of a user's Python function."""
    syntax = syntax_of(function)
    if syntax is None:
        return sourceless.call_without_source(trace, function, args, kwargs)
    if trace.depth:  # the code of a function may be replaced, as reloading tools do
        at = Path.root(function, "f").attribute("__code__")
        trace.guards.append(Guard(at, "is", function.__code__))
    scope = function_scope(function, syntax)
    frame = Frame(trace, scope, function.__name__)
    path = Path.root(function, "f")
    defaults = _lifted_defaults(trace, function, path)
    keyword_defaults = [
        _keyword_default(trace, function, p.arg, path) for p in syntax.node.args.kwonlyargs
    ]
    bound = bind(function.__qualname__, syntax.node.args, defaults, keyword_defaults, args, kwargs)
    scope.locals.update(_with_own_keywords(trace, syntax.node.args, bound))
    if syntax.is_generator:
        return generators.start(frame, syntax.node)
    return run_body(frame, syntax.node)


def run_text(trace: Trace, text: Callable[..., Any], *args: Any) -> Any:
    """Interpret a call of a function of ours that stands for one of Python's (``library_in_python``)."""
    assert isinstance(text, FunctionType)
    return call_function(trace, text, args, {})


def run_body(frame: Frame, node: FunctionNode) -> Any:
    """Run the body of a function in its frame; what it returns."""
    trace = frame.trace
    if trace.users_depth + trace.depth >= sys.getrecursionlimit():
        raise RecursionError("maximum recursion depth exceeded")
    _refuse_endless_recursion(frame, node)
    waiting, trace.is_alone = not trace.is_alone, False
    trace.waiting += waiting
    trace.depth += 1
    trace.active.append(node)
    trace.scopes.append(frame.scope)
    caller, trace.calling = trace.calling, frame
    outer = trace.builder.source
    trace.calls.append((frame.scope, outer))
    try:
        with trace.noting():
            if isinstance(node, ast.Lambda):
                frame.statement = node
                return frame.evaluate(node.body)
            completion = frame.execute(node.body)
            leave_scope(trace, frame.scope, node)
            return None if completion is None else completion.value
    finally:
        trace.waiting -= waiting
        trace.depth -= 1
        trace.active.pop()
        trace.scopes.pop()
        trace.calls.pop()
        trace.calling = caller or frame
        trace.builder.source = outer
        if outer is None and frame.statement is not None:
            trace.left_at = frame.source(frame.statement)


def _refuse_endless_recursion(frame: Frame, node: FunctionNode) -> None:
    """A recursion that a traced value ends would be interpreted for ever: both sides are.

    From then on, branches in this function follow the path of this call.
    """
    trace = frame.trace
    inside_region = len(trace.made) > 1
    if inside_region and trace.active.count(node) > DEEPEST_STAGED_RECURSION:
        trace.endless.add(node)
        raise Declined(f"the recursion of {frame.name} on values known only when it runs")


def _lifted_defaults(trace: Trace, function: FunctionType, path: Path) -> list[Any]:
    values = function.__defaults__ or ()
    at = path.attribute("__defaults__")
    return [trace.lift(v, at.item(k)) for k, v in enumerate(values)]


def _keyword_default(trace: Trace, function: FunctionType, name: str, path: Path) -> Any:
    values = function.__kwdefaults__ or {}
    if name not in values:
        return UNBOUND
    return trace.lift(values[name], path.attribute("__kwdefaults__").item(name))


def descriptor(trace: Trace, obj: Any, name: str, static: Any) -> Any:
    """A descriptor of an object's class, whose own attributes are read at every call."""
    for cls in type(obj).__mro__:
        if vars(cls).get(name) is static:
            return trace.lift(static, Path.root(cls, "t").attribute("__dict__").item(name))
    return static


def of_class(cls: type, name: str) -> Any:
    """What a class or one it inherits from has by a name, where Python looks for special methods; else None."""
    return next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)


def own_method(frame: Frame, obj: Any, name: str | None) -> Any:
    """A special method that the user's class defines in Python, so that it is interpreted; given a choice as any other."""
    if name is None or isinstance(obj, (Tracer, TracedList, Iterating)):
        choices.refuse(obj)
        return None
    cls = choices.class_of(obj)
    method = of_class(cls, name)
    if isinstance(method, FunctionType):
        frame.trace.guard_class(cls, name, method)
    if isinstance(method, (FunctionType, Closure)):
        return method
    choices.refuse(obj)
    return None
