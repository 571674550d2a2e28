"""A random program: its parameters, its source, and arguments for several calls.

    program = generate(random.Random(7))
    print(program.source)
    program.function(*program.arguments(2).args)

A program takes ``x`` (float64, ``n`` elements), ``a`` (a float), ``j`` (an int below ``n``), ``k`` (0 to 4),
``step``, ``flag``, ``word``, and some of: ``y``, ``h`` (float32), ``q`` (int64), ``t`` (bool), ``A`` (``n`` by ``m``), ``r`` (``m`` ints
below ``n``), a dict ``p``, a dataclass ``c``, a list ``L`` and a second ``K``, a list of arrays ``R``, a tuple ``T``.

It returns a float that depends on everything, and a tuple of what is alive at its end.
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tests.programs.reference import compile_source
from tests.programs.registry import Call

from . import containers, expressions, objects, statements
from .helpers import NAMES, Cell
from .writer import Form, Rules, Writer, read

# Of each variant of the arguments: n, m, k, step, word.
SHAPES = (
    (5, 3, 2, 1, "up"),
    (5, 3, 2, 1, "up"),  # other values alone: what is compiled already must not be bound to the old
    (3, 4, 0, -1, "up"),
    (6, 2, 3, 3, "down"),
    (1, 3, 4, -2, "up"),
    (4, 4, 2, 0, "down"),
)
RESHAPED = (3, 4, 5)  # variants of other sizes
ALIASED = (6, 7, 8)  # variants whose arguments share memory
RETYPED = (9, 10)  # variants whose arguments are of other types
ALWAYS = ("x", "a", "j", "k", "step", "flag", "word")
OPTIONAL = {
    "y": "vec:n", "h": "single:n", "q": "ints:n", "t": "mask:n", "A": "mat", "r": "into:n",
    "p": "dict", "c": "cell", "L": "list", "K": "list", "R": "rows", "T": "tuple",
}  # fmt: skip
COPIES = {"dict": "dict($x)", "list": "list($x)", "rows": "[*$x]"}
FLOATS = ("x", "y", "h", "A", "a", "p", "c", "L", "K", "R", "T")
ENDS = {**containers.ENDS, **objects.ENDS}
KINDS = {"x": "vec:n", "a": "num", "flag": "flag", **OPTIONAL}


@cache
def rules() -> Rules:
    """The whole grammar."""
    return read(expressions.FORMS + statements.FORMS + containers.FORMS + objects.FORMS)


@dataclass(frozen=True, repr=False)
class Program:
    """Source text, the function made of it, and the seed of its arguments."""

    source: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    seed: int
    features: frozenset[str] = frozenset()

    @property
    def variants(self) -> tuple[int, ...]:
        """The arguments of the calls, in order: what is compiled for the first must not be bound to it."""
        others = random.Random(self.seed).sample(sorted({*RESHAPED, *ALIASED, *RETYPED}), 3)
        return (0, 1, 2, 0, *others, 2)

    @property
    def is_differentiated(self) -> bool:
        """Whether the derivative is compared as well: of half of the programs."""
        return self.seed % 2 == 0

    @property
    def floats(self) -> tuple[str, ...]:
        """Parameters that are differentiated."""
        return tuple(name for name in self.parameters if name in FLOATS)

    def arguments(self, variant: int = 0) -> Call:
        """Fresh arguments; other variants have other sizes and take other paths."""
        draw = np.random.default_rng([self.seed, variant])
        n, m, k, step, word = SHAPES[variant % len(SHAPES)]
        x, y, u, v, w, z = (draw.uniform(-1.5, 1.5, n) for _ in range(6))
        A = draw.uniform(-1.5, 1.5, (n, m))
        L = draw.uniform(-1.5, 1.5, n + 1).tolist()
        K = draw.uniform(-1.5, 1.5, 3).tolist()
        R = [w, z]
        if variant == 6:
            y, u, K = x, x[::-1], L
        elif variant == 7:
            x, y = A[:, 0], A[::-1, 1]
        elif variant == 8:
            u, R = x, [x, x]
        p, c = (
            {"u": u, "s": float(draw.uniform(-1.5, 1.5))},
            Cell(v, float(draw.uniform(-1.5, 1.5))),
        )
        a: Any = float(draw.uniform(-1.5, 1.5))
        if variant == 9:
            x, a = x.astype(np.float32), np.float64(a)
        elif variant == 10:
            y, a, L = np.arange(n), 1, [0, *L[1:]]
        given = {
            **{"x": x, "y": y, "A": A, "L": L, "K": K, "R": R, "p": p, "c": c, "a": a},
            "T": tuple(draw.uniform(-1.5, 1.5, 3).tolist()),
            "h": draw.uniform(-1.5, 1.5, n).astype(np.float32),
            "q": draw.integers(-3, 4, n),
            "t": draw.uniform(size=n) < 0.5,
            "r": draw.integers(0, n, m),
            "j": int(draw.integers(0, n)),
            "flag": bool(draw.integers(0, 2)),
            **{"k": k, "step": step, "word": word},
        }
        return Call(tuple(given[name] for name in self.parameters))

    def loss(self) -> Callable[..., Any]:
        """The first result alone."""
        return self.function.__globals__["loss"]  # type: ignore[no-any-return]

    def twin(self) -> Callable[..., Any]:
        """The loss in double precision."""
        names = {**NAMES, "F": np.float64}
        return compile_source(self.source, f"<twin {hash(self.source):x}>", names)["loss"]  # type: ignore[no-any-return]

    @property
    def is_single(self) -> bool:
        """Whether it computes in single precision, too."""
        return any(word in self.source for word in ("F(", "=F", "(F)", "float32")) or (
            "h" in self.parameters
        )

    @property
    def has_lists(self) -> bool:
        """Whether there are lists of numbers, or may be."""
        made = (".append(", "list(", "] * ")
        return bool({"L", "K"} & {*self.parameters}) or any(word in self.source for word in made)

    def __repr__(self) -> str:
        return self.source


def made(
    source: str,
    parameters: tuple[str, ...],
    seed: int,
    features: frozenset[str] = frozenset(),
) -> Program:
    """The program of a source."""
    names = {**NAMES, "F": np.float32}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of what shrinking tries
        compiled = compile_source(source, f"<random {hash(source):x}>", names)
    return Program(source, compiled["program"], parameters, seed, features)


def generate(
    choose: random.Random,
    statements: int = 6,
    depth: int = 2,
    used: Counter[Form] | None = None,
) -> Program:
    """Write one program; all decisions are drawn from `choose`.

    Parameters
    ----------
    choose
        The source of decisions.
    statements
        How many stand in the outermost block.
    depth
        How deep control flow nests.
    used
        Is told which forms were drawn.
    """
    optional = [name for name in OPTIONAL if choose.random() < 0.45]
    parameters = (*ALWAYS, *optional)
    scope = {name: kind for name, kind in KINDS.items() if name in parameters}
    writer = Writer(choose, rules(), scope)
    writer.result = "total + $num, (x, $num0, $place_n)"
    for name, kind in scope.items():
        # A changed container that is an argument is run plainly: of most, the program has its own.
        if kind in COPIES and choose.random() < 0.6:
            writer.add(f"{name} = {COPIES[kind].replace('$x', name)}")
    for _ in range(choose.randrange(4)):
        writer.write("$new_any = $make", 0)
    writer.statements(depth, statements)
    terms = [ENDS[kind] for kind in writer.scope.values() if kind in ENDS]
    names = [name for name, kind in writer.scope.items() if kind in ENDS]
    numbers = [term.replace("$x", name) for (term, _), name in zip(terms, names, strict=True)]
    alive = [out.replace("$x", name) for (_, out), name in zip(terms, names, strict=True) if out]
    head = ", ".join(parameters)
    size = "A.shape[1]" if "A" in parameters else "len(x) // 2 + 1"
    lines = [
        f"def loss({head}):",
        f"    return program({head})[0]",
        "",
        "",
        f"def program({head}):",
        f"    n, m = len(x), {'len(r)' if 'r' in parameters else size}",
        "    w, u = np.linspace(0.5, 1.5, n), np.linspace(1.5, 0.5, m)",
        "    total = 0.0",
        *writer.lines,
        f"    return total + {' + '.join(numbers)}, ({', '.join(alive)},)",
        "",
    ]
    if used is not None:
        used.update(writer.used)
    features = frozenset(form.feature for form in writer.used)
    return made("\n".join(lines), parameters, choose.randrange(2**31), features)
