"""Tracing through several functions, and naming what was met on the way.

    tracer = Symbolic()
    a = tracer.trace(f, x)                # runs f(x), and remembers
    b = tracer.trace(g, a)
    slope = tracer.compile_gradient(inputs=x, outputs=b, wrt=weights, reduction=np.sum)

A :class:`Symbolic` keeps a recording: which functions were called with which objects, and what they
returned.  A compiled function replays the recording, with the objects that are named as inputs
replaced by its arguments; it is captured like any function (:class:`Replay` is what capture meets),
so its branches, loops, guards and shapes behave as those of ``autodiff.function``.  What a recording
read and nobody named keeps the value it had when it was traced.

``tag`` names a value from within a function, ``constant`` makes one part of the program.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture import Captured
from autodiff.capture.naming import Tags
from autodiff.compiled import Call, Compiled
from autodiff.dims import UndecidedExtent
from autodiff.errors import (
    ArgumentError,
    AutodiffError,
    FallbackWarning,
    NameArgumentError,
    NotScalarError,
    UnrollWarning,
    UnsupportedError,
)
from autodiff.ladder import Bail
from autodiff.signals import refuse_ours
from autodiff.symbolic.combination import Combination, SymbolicFunction
from autodiff.symbolic.names import NO_VALUE, Names, Reduction, as_list, positions, reduction_of
from autodiff.symbolic.recording import (
    Recording,
    Step,
    constant,
    has_identity,
    last_name,
    leaves_of,
    own_floats,
    recording_now,
    tag,
)
from autodiff.symbolic.replay import Lone, Replay
from autodiff.tracebacks import depth_of_user, without_our_frames
from autodiff.transform.plans import Transformation

__all__ = ["Symbolic", "SymbolicFunction", "constant", "tag"]


class Symbolic:
    """A recording of traced calls, from which functions and derivatives are compiled.

    ``trace`` runs functions on arrays and remembers what they did.  Any array or number met on the
    way can then be named as an input, as an output, or as what to differentiate by: arguments,
    globals, values of closures, attributes and results by the object itself; values inside of a
    function by their :func:`tag`.

    What is not named as an input keeps the value it had when it was traced; arrays are not stored
    into, while counts and the like on objects are kept at every run.  Branches and loops are
    compiled as by :func:`autodiff.function`, so a compiled function takes the path that its
    arguments ask for; where an int, a flag or a function that shaped the recording changes, it is
    captured again.

    A Python float is known by its object too; one that was met in several places that the outputs
    depend on is refused as a name, since Python shares equal literals.  Ints and bools have no identity: tag them, or use
    NumPy's.

    Parameters
    ----------
    engine, device, threads, on_fallback
        As for :func:`autodiff.function`; they hold for every function compiled.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> weights = np.array([1.0, 2.0, 3.0])
    >>> def shift(x):
    ...     return x + 2
    >>> def weigh(x):
    ...     return x * weights
    >>> def local(x):
    ...     z = autodiff.tag(np.ones(3), "z")
    ...     return (x + z) ** 2
    >>> x = np.zeros(3)
    >>> tracer = autodiff.Symbolic()
    >>> a = tracer.trace(shift, x)
    >>> b = tracer.trace(weigh, a)
    >>> c = tracer.trace(local, b)
    >>> value = tracer.compile_function(inputs=[x, weights, "z"], outputs=c)
    >>> value(np.ones(3), np.ones(3), np.zeros(3))
    array([9., 9., 9.])
    >>> slope = tracer.compile_gradient(inputs=x, outputs=c, wrt=weights, reduction=np.sum)
    >>> slope(x)
    array([12., 20., 28.])
    """

    def __init__(
        self,
        *,
        engine: str = "native",
        device: str | None = None,
        threads: int = 1,
        on_fallback: str = "warn",
    ) -> None:
        self._options = {
            "engine": engine,
            "device": device,
            "threads": threads,
            "on_fallback": on_fallback,
        }
        self._recording = Recording()

    def __repr__(self) -> str:
        steps = self._recording.steps
        return f"<autodiff.Symbolic: {', '.join(s.title for s in steps) or 'nothing traced'}>"

    @property
    def s_vars(self) -> Tags:
        """The tagged values of the traced functions, by key."""
        return Tags(dict(self._recording.shown), "the traced functions")

    # -- tracing ---------------------------------------------------------------------------------
    @without_our_frames
    def trace(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Run ``fn(*args, **kwargs)`` and remember it.

        Parameters
        ----------
        fn : callable
            Plain NumPy code: a function, a method, a callable object, an autodiff function.
        *args, **kwargs
            Its arguments.  A result of an earlier trace is followed back through that trace.

        Returns
        -------
        object
            What ``fn`` returns: ordinary NumPy values.

        Raises
        ------
        NameArgumentError
            (a ``ValueError``) if an array was changed since an earlier trace, or if a Python int may
            be the result of an earlier trace.
        """
        while isinstance(fn, partial):
            args, kwargs = (*fn.args, *args), {**fn.keywords, **kwargs}
            fn = fn.func
        if not callable(fn):
            raise ArgumentError(
                f"trace needs a function, not {type(fn).__name__}.",
                remedy="pass the function itself and its arguments: trace(f, x)",
            )
        recording = self._recording
        step = Step(fn, args, kwargs, getattr(fn, "__name__", type(fn).__name__))
        recording.alive += [fn, args, kwargs]
        self._refuse_earlier_ints(step)
        captured, run = self._looked_into(step)
        self._note_reads(step, captured)
        recording.refuse_changes(step)
        result = run() if run is not None else self._run(step)
        step.result = result = own_floats(result)
        step.results = leaves_of(result)
        recording.alive += step.results
        recording.note_changes(step)
        for obj in step.results:
            place = (f"the result of {step.title}", step.code)
            recording.meet(obj, f"a result of {step.title}", place, step)
        if captured is not None:
            step.tags = set(captured.naming.tags)
            recording.shown.update({k: v[-1] for k, v in captured.naming.tags.items()})
        recording.steps.append(step)
        return result

    def _run(self, step: Step) -> Any:
        token = recording_now.set(self._recording)
        try:
            return step.function(*step.args, **step.kwargs)
        finally:
            recording_now.reset(token)

    def _refuse_earlier_ints(self, step: Step) -> None:
        """A Python int is one object for all its uses: whose result it is cannot be known."""
        given = [x for a in (*step.args, *step.kwargs.values()) for x in leaves_of(a)]
        for before in self._recording.steps:
            for result in before.results:
                if isinstance(result, (int, np.bool_)) and any(result is x for x in given):
                    raise NameArgumentError(
                        f"the {type(result).__name__} {result!r} may be what {before.title} "
                        "returned: it has no identity to follow it by.",
                        remedy=f"have {before.title} return np.int64({int(result)}), or, if it is "
                        "another one, pass that",
                    )

    def _looked_into(self, step: Step) -> tuple[Captured | None, Callable[[], Any] | None]:
        """A capture of one step alone, which finds what it reads.

        Where it cannot be compiled, its path is traced as it runs; then the run is the result.
        """
        single_step = Replay(Recording(), [step], (), (), (), None, step.title)
        compiled = Compiled(Lone(single_step), Transformation())
        call = compiled.bind((), {})
        try:
            return compiled.captured(call), None
        except (Bail, UndecidedExtent, UnsupportedError) as problem:
            return self._traced_as_it_runs(compiled, call, step, problem)
        except (AutodiffError, UnrollWarning):
            raise
        except Exception as error:  # most likely the user's own, which the plain run raises
            refuse_ours(error)
            return None, None

    def _traced_as_it_runs(
        self, compiled: Compiled, call: Call, step: Step, problem: Exception
    ) -> tuple[Captured, Callable[[], Any]]:
        text = getattr(problem, "message", None) or str(problem)
        if self._options["on_fallback"] == "error":
            raise UnsupportedError(
                f"{step.title} cannot be compiled: {text}.",
                code="AD304",
                source=getattr(problem, "source", None),
                remedy="rewrite that line, or allow uncompiled calls with on_fallback='warn'",
            )
        warnings.warn(
            f"{step.title} is traced uncompiled: {text}", FallbackWarning, depth_of_user()
        )
        specialisation = compiled.compile(call, eager=True)
        return specialisation.captured, lambda: compiled.run_once(specialisation, call)

    def _note_reads(self, step: Step, captured: Captured | None) -> None:
        recording = self._recording
        given = [*enumerate(step.args), *step.kwargs.items()]
        for name, argument in given:
            where = f"argument {name} of {step.title}"
            if tree.is_container(argument):
                recording.meet_container(argument, where)
                step.reads.add(id(argument))
            for k, leaf in enumerate(leaves_of(argument)):
                if has_identity(leaf):
                    earlier = any(leaf is r for s in recording.steps for r in s.results)
                    part = f"part {k} of {where}" if tree.is_container(argument) else where
                    place = None if earlier else (part, step.code)
                    recording.meet(leaf, where, place, step)
                    step.reads.add(id(leaf))
        if captured is None:
            return
        assert captured.trace is not None
        # Objects whose attributes or items were read, and those that were stored into.
        recording.alive.append(captured.trace.keep_alive)
        step.reads |= set(captured.trace.paths)
        step.changed |= {id(place.owner) for place in captured.trace.state.places.values()}
        step.changed |= set(captured.trace.state.appended)
        of_cell = {r.cell: r for r in captured.inputs}
        for text, tracer in captured.trace.by_path.items():
            record = of_cell.get(tracer.cell)
            if record is None or not has_identity(record.example):
                continue
            obj = record.example
            step.reads.add(id(obj))
            if any(obj is leaf for _, a in given for leaf in leaves_of(a)) and text.startswith(
                "_a"
            ):
                continue
            name = last_name(text)
            title = f"{name} in {step.title}" if name else step.title
            recording.meet(obj, title, (text, None), step)
            step.by_path[text] = id(obj)
            recording.alive.append(record.path)

    # -- compiling -------------------------------------------------------------------------------
    @without_our_frames
    def compile(
        self,
        inputs: Any = None,
        outputs: Any = None,
        wrt: Any = None,
        function: bool = False,
        gradient: bool = False,
        hessian_vector: bool = False,
        reduction: Reduction = None,
    ) -> SymbolicFunction:
        """Compile any of value, gradient and Hessian-vector product.

        Parameters
        ----------
        inputs : array, number, tag, or list of them, optional
            What the compiled function takes, in this order; by default the floating-point arguments
            of the traces that are no results of others.  Everything else keeps its value.
        outputs : array, number, tag, or container of them, optional
            What it returns, in the same structure; by default the result of the last trace.
        wrt : array, number, tag, or list of them, optional
            What to differentiate by, inputs or not, results in the order given; by default the
            inputs.  For a result of a trace: through everything computed from it.
        function, gradient, hessian_vector : bool
            What to compute, in this order; several give a tuple.
        reduction : callable or str, optional
            What makes one number of the output before it is differentiated: ``np.sum``, ``"mean"``.

        Returns
        -------
        SymbolicFunction
            Called with one value per input, and ``_tensors=v`` for a Hessian-vector product.

        Raises
        ------
        NameArgumentError
            (a ``ValueError``) if something named was not met, does not reach the outputs, or names
            several values.
        NotScalarError
            (a ``TypeError``) if the output to differentiate is not one number.
        """
        if not (function or gradient or hessian_vector):
            raise NameArgumentError(
                "compile was asked for nothing.",
                remedy="pass function=True, gradient=True or hessian_vector=True",
            )
        if not self._recording.steps:
            raise NameArgumentError(
                "nothing has been traced yet.", remedy="call trace(f, x) before compile"
            )
        names = Names(self._recording)
        if outputs is None:
            outputs = names.last_result()
        found, definition = (
            tree.flatten(outputs) if tree.is_container(outputs) else ([outputs], None)
        )
        wanted = [names.output(o) for o in found]
        chosen = (
            names.default_inputs(names.needed(wanted, ()))
            if inputs is None
            else [names.named(x, "inputs") for x in as_list(inputs)]
        )
        names.refuse_twice(chosen)
        asked_wrt = [] if wrt is None else [names.named(x, "wrt") for x in as_list(wrt)]
        steps = names.needed(wanted, chosen)
        for x, role in [(c, "inputs") for c in chosen] + [(w, "wrt") for w in asked_wrt]:
            names.refuse_unconnected(x, role, steps, wanted)
            names.refuse_ambiguous(x, role, steps)
        for x in wanted:
            names.refuse_ambiguous(x, "outputs", steps)
        derived = gradient or hessian_vector
        reduce = reduction_of(reduction)
        if derived and len(wanted) != 1:
            raise NotScalarError(
                f"a derivative of {len(wanted)} outputs was asked for.",
                remedy="name one output",
            )
        if not derived:
            reduce = None
        titles = names.parameters(chosen)
        title = steps[-1].title if steps else "f"
        replay = Replay(self._recording, steps, chosen, titles, wanted, reduce, title)
        combination = Combination(
            replay, definition, positions(chosen, asked_wrt), function, gradient, hessian_vector
        )
        compiled = SymbolicFunction(replay, combination, **self._options)
        values = [names.value(x) for x in chosen]
        if derived and reduce is None:
            names.refuse_no_scalar(found[0])
        if all(v is not NO_VALUE for v in values):
            compiled._compiled.prepare(tuple(values))
        return compiled

    @without_our_frames
    def compile_function(self, inputs: Any = None, outputs: Any = None) -> SymbolicFunction:
        """Compile the outputs as a function of the inputs; see :meth:`compile`.

        Examples
        --------
        >>> import numpy as np, autodiff
        >>> tracer, x = autodiff.Symbolic(), np.ones(2)
        >>> y = tracer.trace(lambda x: 3 * x, x)
        >>> tracer.compile_function(inputs=x, outputs=y)(np.array([1.0, 2.0]))
        array([3., 6.])
        """
        return self.compile(inputs, outputs, function=True)

    @without_our_frames
    def compile_gradient(
        self, inputs: Any = None, outputs: Any = None, wrt: Any = None, reduction: Reduction = None
    ) -> SymbolicFunction:
        """Compile the gradient of one output as a function of the inputs; see :meth:`compile`.

        Examples
        --------
        >>> import numpy as np, autodiff
        >>> tracer, x = autodiff.Symbolic(), np.ones(2)
        >>> y = tracer.trace(lambda x: 3 * x**2, x)
        >>> tracer.compile_gradient(x, y, reduction="sum")(np.array([1.0, 2.0]))
        array([ 6., 12.])
        """
        return self.compile(inputs, outputs, wrt, gradient=True, reduction=reduction)

    @without_our_frames
    def compile_function_gradient(
        self, inputs: Any = None, outputs: Any = None, wrt: Any = None, reduction: Reduction = None
    ) -> SymbolicFunction:
        """Compile output and gradient, as a tuple, in one program; see :meth:`compile`.

        Examples
        --------
        >>> import numpy as np, autodiff
        >>> tracer, x = autodiff.Symbolic(), np.ones(2)
        >>> y = tracer.trace(lambda x: 3 * x**2, x)
        >>> tracer.compile_function_gradient(x, y, reduction="sum")(np.array([1.0, 2.0]))
        (array([ 3., 12.]), array([ 6., 12.]))
        """
        return self.compile(inputs, outputs, wrt, function=True, gradient=True, reduction=reduction)
