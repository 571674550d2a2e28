"""One compiled program, when it applies, and how it shows itself.

    <specialisation for (x: float64[3]); reads weight: float64[3]; guards exponent equal 2>

Its guards are asked, and what it reads beside the arguments is found, by one generated function,
``reader``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from autodiff.capture import Captured
from autodiff.capture.trace import GUARD
from autodiff.compiled.after import After
from autodiff.compiled.generality import Generality
from autodiff.engines import Executable
from autodiff.ir.data import Program, walk
from autodiff.ir.printing import format_type
from autodiff.plain_data import dataclass
from autodiff.transform.plans import Plan

if TYPE_CHECKING:
    from autodiff.compiled.writing import Write


@dataclass
class Specialisation:
    """One compiled program and when it applies."""

    captured: Captured
    plan: Plan
    run: Executable
    reader: Callable[[tuple[Any, ...]], tuple[Any, ...] | None]
    input_leaves: list[int]
    input_dtypes: list[Any]
    # Whether a run gives the result itself, not the outputs that it is made of; both, where effects follow.
    ready: bool
    make: Callable[[Sequence[Any]], Any] | None = (
        None  # the result of the outputs, if this makes it
    )
    generality: Generality = field(default_factory=Generality)
    calls: int = 0
    used: int = 0  # when it was used last, by the clock of its function
    # Inputs that are lists of numbers: number, type of the items, whether ints are taken as floats.
    lists: tuple[tuple[int, type | None, bool], ...] = ()
    recalled: bool = False  # whether calls are recognised as calls for it
    arguments: tuple[str, ...] = ()
    after: tuple[After, ...] = ()  # effects that follow a run
    writes: tuple[Write, ...] = ()  # outputs that go into arrays after a run
    # Makes an executable of another program with the same results, of inputs of these forms.
    remake: Callable[[Program, list[Any]], Executable] | None = None
    # For the numbers of inputs in Fortran order what takes their transposes, how many elements of
    # them were copied so far, or None: they are copied always (``orders``).
    orders: dict[tuple[int, ...], Any] = field(default_factory=dict)
    is_value: bool = True  # whether the outputs are the results of the function itself

    @property
    def reads(self) -> tuple[str, ...]:
        """What is read at every call beside the arguments: ``weights: float64[3]``."""
        return tuple(
            f"{r.path.describe()}: {format_type(r.value.type)}"
            for r in self.captured.inputs
            if r.leaf is None
        )

    @property
    def guards(self) -> tuple[str, ...]:
        """What is compared at every call; a change leads to another specialisation.

        Conditions on values that the program computes are told by the line that asked for them.
        """
        found = dict.fromkeys(g.describe() for g in self.captured.guards)
        for operation in walk(self.captured.program.block):
            if operation.kind == "check" and operation.attributes.get("message") == GUARD:
                found[f"a value at {operation.source}"] = None
        return tuple(found)

    @property
    def is_dead(self) -> bool:
        """Whether it is for an object that is no more, so that no call fits it."""
        return any(guard.is_dead for guard in self.captured.guards)

    def __repr__(self) -> str:
        parts = [f"<specialisation for ({', '.join(self.arguments)})"]
        if self.reads:
            parts.append(f"reads {', '.join(self.reads)}")
        parts.append(f"guards {'; '.join(self.guards) or 'none'}")
        return "; ".join(parts) + ">"
