"""A report on one call: what is read and guarded, how loops and branches were compiled, how large it is."""

from __future__ import annotations

from collections import Counter
from typing import Any

from autodiff.compiled import Compiled
from autodiff.dims import UndecidedExtent
from autodiff.engines.jax import advice
from autodiff.ir import walk
from autodiff.ir.printing import Text
from autodiff.ladder import Bail


def explain(compiled: Compiled, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The report as text."""
    title = f"{compiled.transformation.name} of {compiled.signature.title}"
    try:
        captured, plan = compiled.first_way(compiled.plan, args, kwargs)
    except (Bail, UndecidedExtent) as problem:
        source = getattr(problem, "source", None)
        where = f" at {source}" if source is not None else ""
        return Text(f"{title}: runs uncompiled, because of {problem}{where}")
    lines = [f"{title}, engine {compiled.engine!r}"]
    for record in captured.inputs:
        kind = "argument" if record.leaf is not None else "read at every call"
        lines.append(f"  input   {record.path.describe():<24} {record.value.type}  ({kind})")
    for number in (n for n, _ in captured.mutated):
        lines.append(f"  stores  into {captured.inputs[number].path.describe()}")
    for guard in captured.guards:
        lines.append(f"  guard   {guard.describe()}")
    file = getattr(getattr(compiled.function, "__code__", None), "co_filename", "")
    for decision in captured.decisions:
        lines.append(f"  decided {decision.text(file)}")
    count: Counter[str] = Counter(op.kind for op in walk(plan.program.block))
    lines.append(
        f"  program {sum(count.values())} operations: "
        + ", ".join(f"{n} {k}" for k, n in count.most_common())
    )
    for value in plan.program.outputs:
        lines.append(f"  output  {value.type}")
    if compiled.engine == "jax":
        lines += [f"  slow    on a GPU: {text}" for text in advice.sequences(plan.program)]
    return Text("\n".join(lines))
