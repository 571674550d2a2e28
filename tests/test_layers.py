"""Imports point down: every module of autodiff imports only from layers below its own.

The table is the architecture. A unit is a module or package directly under `autodiff` (for `engines`, each engine is a unit of
its own); its row is its layer. Imports are read with `ast`, those inside functions and under TYPE_CHECKING too: where an
import stands decides when it happens, not which way it points.

Inside of the packages modules import one way as well. CIRCLES lists those that do not yet, and IN_FUNCTIONS how many imports
stand in functions; both only ever shrink.
"""

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYERS: dict[str, int] = {
    "__main__": 9,
    "cli": 8,  # a user of the public names, as is the demonstration
    "demo": 8,
    "__init__": 7,  # collects the public names
    "api": 6,
    "symbolic": 6,
    "optimize": 6,
    "testing": 6,
    "finding": 6,
    "numpy_calls": 6,
    "numpy_source": 6,
    "profiling": 6,
    "pictures": 6,
    "distributed": 6,
    "interop": 6,
    "nist": 6,
    "plot": 6,
    "explain": 6,
    "custom": 6,
    "inlining": 6,
    "batching": 6,
    "compiled": 5,
    "stored": 5,
    "recall": 5,
    "transform": 5,
    "sparse": 5,
    "engines": 4,  # chooses one
    "engines.numpy": 4,
    "engines.native": 4,
    "engines.jax": 4,
    "capture": 3,
    "differentiate": 3,
    "passes": 3,
    "ops": 2,
    "ir": 1,
    "errors": 0,
    "cache": 0,
    "patterns": 0,
    "later": 0,
    "lookups": 0,
    "dims": 0,
    "labelled": 0,
    "containers": 0,
    "tables": 0,
    "columns": 0,
    "tree": 0,
    "nesting": 0,
    "sameness": 0,
    "lasting": 0,
    "debug": 0,
    "floating": 0,
    "tracebacks": 0,
    "signals": 0,
    "ladder": 0,
    "plain_data": 0,
    "garbage": 0,
    "spellings": 0,
    "stack": 0,
}
# In these layers units are alternatives or stages beside each other: none imports another.
SIBLINGS = {3, 4}
# A package's own front door may import what it contains.
FRONT_DOORS = {
    ("engines", "engines.numpy"), ("engines", "engines.native"), ("engines", "engines.jax"),
}  # fmt: skip
# The modules of a layer that may import each other, by the direction written here only.
WITHIN = {
    ("cli", "demo"),
    ("plot", "optimize"), ("plot", "nist"),
    ("testing", "api"), ("finding", "api"), ("numpy_source", "api"), ("profiling", "api"), ("profiling", "explain"), ("pictures", "api"), ("numpy_source", "numpy_calls"),
    ("api", "explain"),
    ("api", "inlining"), ("api", "batching"),
    ("symbolic", "api"),
    ("compiled", "transform"), ("compiled", "recall"), ("compiled", "stored"),
    ("sparse", "transform"), ("sparse", "compiled"),
    ("optimize", "api"),
    ("distributed", "optimize"), ("distributed", "api"),
    ("interop", "api"), ("interop", "optimize"),
    ("api", "testing"),
    ("tree", "containers"), ("tree", "plain_data"), ("tree", "later"), ("tree", "nesting"), ("tables", "plain_data"), ("tables", "containers"), ("columns", "containers"),
    ("tree", "labelled"), ("tree", "tables"), ("columns", "tables"), ("tree", "sameness"), ("labelled", "errors"),
    ("debug", "errors"), ("dims", "errors"), ("tree", "errors"), ("errors", "debug"), ("tree", "debug"),
    ("tracebacks", "debug"), ("later", "garbage"), ("ladder", "signals"), ("signals", "errors"), ("signals", "tracebacks"), ("dims", "signals"), ("lookups", "stack"),
    ("signals", "patterns"), ("ladder", "plain_data"), ("containers", "plain_data"), ("dims", "plain_data"), ("signals", "plain_data"), ("floating", "plain_data"),
}  # fmt: skip

SOURCE = Path(__file__).parents[1] / "src" / "autodiff"


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def unit_of(module: str) -> str:
    """The row of LAYERS that a dotted module name belongs to."""
    parts = module.split(".")[1:]
    if not parts:
        return "__init__"
    two = ".".join(parts[:2])
    return two if two in LAYERS else parts[0]


@functools.cache
def nodes_of(path: Path) -> list[ast.AST]:
    """All nodes of a module's tree: parsed and walked once for all tests."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(module: str, path: Path, source: str | None = None) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything of autodiff that a module imports; by default that of the path."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes_of(path) if source is None else ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, base]).rstrip(".")
            # `from autodiff.ir import data` imports a module, `from autodiff.ir import Program` a name.
            whole = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else base for name in whole]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "autodiff")


def complaint(importer: str, imported: str) -> str | None:
    """Why the unit `importer` may not import the unit `imported`; None if it may."""
    if importer == imported or (importer, imported) in WITHIN | FRONT_DOORS:
        return None
    if imported not in LAYERS:
        return f"{imported} has no layer"
    upper, lower = LAYERS[importer], LAYERS[imported]
    if upper == lower:
        kind = "a sibling" if upper in SIBLINGS else "the same layer (not in WITHIN)"
        return f"{importer} imports {imported}: {kind}, layer {upper}"
    if upper < lower:
        return f"{importer} (layer {upper}) imports {imported} (layer {lower}) above it"
    return None


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    path = MODULES[module]
    unit = unit_of(module)
    assert unit in LAYERS, f"{module} has no layer: add {unit!r} to the table"
    found = [
        f"{path.name}:{line}: {why}"
        for line, name in imports(module, path)
        if (why := complaint(unit, unit_of(name))) is not None
    ]
    assert not found, "\n".join(found)


def test_the_modules_are_found() -> None:
    assert {"autodiff.ir", "autodiff.errors"} <= set(MODULES)


@pytest.mark.parametrize(
    ("module", "statement", "expected"),
    [
        ("autodiff.ir.data", "from autodiff.ops import entry", "ir (layer 1) imports ops (layer 2) above it"),
        ("autodiff.ir.data", "def f():\n    import autodiff.api", "ir (layer 1) imports api (layer 6) above it"),
        ("autodiff.passes.cse", "from ..capture import x", "passes imports capture: a sibling, layer 3"),
        ("autodiff.passes.cse", "from .. import capture", "passes imports capture: a sibling, layer 3"),
        ("autodiff.engines.native.emit", "from ..numpy import run", "engines.native imports engines.numpy: a sibling, layer 4"),
        ("autodiff.errors", "from autodiff import api", "errors (layer 0) imports api (layer 6) above it"),
        ("autodiff.compiled", "from autodiff import engines, errors", None),
        ("autodiff.ir.data", "from .printing import show\nimport numpy", None),
    ],
)  # fmt: skip
def test_the_reader_sees_every_form_of_import(
    module: str, statement: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("autodiff.api", "autodiff.capture", "autodiff.engines", "autodiff.errors"):
        monkeypatch.setitem(MODULES, name, SOURCE)
    found = imports(module, Path("module.py"), statement)
    reasons = [complaint(unit_of(module), unit_of(name)) for _, name in found]
    assert [r for r in reasons if r is not None] == ([] if expected is None else [expected])


# -- inside of packages ----------------------------------------------------------------------------
# Modules that reach each other by imports. Each set is a debt: take modules out, add none.
CIRCLES: list[set[str]] = [
    {
        "capture.access",
        "capture.assignment",
        "capture.callbacks",
        "capture.calls",
        "capture.construction",
        "capture.effects",
        "capture.formatting",
        "capture.functions",
        "capture.generators",
        "capture.library",
    },
    {
        "differentiate.custom",
        "differentiate.forward",
        "differentiate.jacobians",
        "differentiate.boundaries",
        "differentiate.large",
        "differentiate.minima",
        "differentiate.odes",
        "differentiate.reverse",
        "differentiate.reverse_control",
        "differentiate.rules",
        "differentiate.solvers",
        "differentiate.spectra",
    },
    {
        "engines.native.engine",
        "engines.native.host",
        "engines.native.lowering",
        "engines.native.steps",
    },
    {
        "engines.native.generator",
        "engines.native.nests",
        "engines.native.threads",
        "engines.native.views",
    },
    {
        "ir.data",
        "ir.printing",
    },
    {
        "ops.gamma_functions",
        "ops.incomplete_functions",
        "ops.special",
        "ops.special_rows",
        "ops.wave_functions",
    },
]
# Import statements of autodiff's own modules in functions, by package or module. The command line, the
# public names and the demonstration keep a plain `import autodiff` fast with theirs.
IN_FUNCTIONS: dict[str, int] = {
    "capture": 5,
    "cli": 12,  # each command loads what it needs
    "demo": 6,
    "differentiate": 4,
    "engines": 5,  # each engine is loaded when it is asked for
    "engines.jax": 1,  # what needs JAX itself
    "engines.native": 7,
    "ir": 3,
    "ops": 5,
    "optimize": 2,
}


@functools.cache
def inner_imports() -> tuple[dict[str, set[str]], Counter[str]]:
    """Which modules each module imports when it runs, and how many such statements are in functions."""
    graph: dict[str, set[str]] = {}
    lazy: Counter[str] = Counter()
    for module, path in MODULES.items():
        nodes = nodes_of(path)
        never_run = {
            line
            for node in nodes
            if isinstance(node, ast.If) and is_name(node.test, "TYPE_CHECKING")
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        inside = {
            line
            for node in nodes
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        found = [(n, name) for n, name in imports(module, path) if n not in never_run]
        graph[module] = {name for _, name in [*found, *awaited(nodes)] if name != module}
        lazy[unit_of(module)] += len({n for n, _ in found if n in inside})
    return graph, lazy


def is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def awaited(nodes: list[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and name of the modules that ``later`` stands for: they are imported, too, if not at once."""
    for node in nodes:
        if isinstance(node, ast.Call) and is_name(node.func, "later"):
            yield node.lineno, ast.literal_eval(node.args[0])


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The sets of nodes that reach each other (the strongly connected components of more than one)."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        pending = [start]
        while pending:
            for following in graph.get(pending.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    pending.append(following)
        return seen

    reach = {node: reached(node) for node in graph}
    found: list[set[str]] = []
    for node in graph:
        if node in reach[node] and not any(node in circle for circle in found):
            found.append({other for other in reach[node] if node in reach.get(other, ())})
    return found


def test_circles_inside_of_packages_only_shrink() -> None:
    found = [{name.removeprefix("autodiff.") for name in c} for c in circles(inner_imports()[0])]
    grown = [sorted(c) for c in found if not any(c <= allowed for allowed in CIRCLES)]
    assert not grown, f"new imports in a circle: {grown}"
    paid = [sorted(allowed) for allowed in CIRCLES if allowed not in found]
    assert not paid, f"smaller by now, change CIRCLES: {paid}"


def test_imports_in_functions_only_shrink() -> None:
    found = {unit: n for unit, n in inner_imports()[1].items() if n}
    assert found == IN_FUNCTIONS, "move the import up; where there are fewer, lower the number"


def test_circles_are_found() -> None:
    graph = {
        "a": {"b"},
        "b": {"c"},
        "c": {"a"},
        "d": {"a"},
        "e": {"f"},
        "f": {"e", "a"},
        "g": {"x"},
    }
    assert sorted(map(sorted, circles(graph))) == [["a", "b", "c"], ["e", "f"]]


MOST_LINES = 700  # of a module of capture
LONGER = {"autodiff.capture.kept": 815}  # only shrinks
MOST_OF_A_FUNCTION = 60


def test_modules_and_functions_of_capture_are_short() -> None:
    for module, path in MODULES.items():
        if module.startswith("autodiff.capture"):
            lines_of_it = path.read_text(encoding="utf-8").count("\n")
            assert lines_of_it <= LONGER.get(module, MOST_LINES), module
            for node in nodes_of(path):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    assert node.end_lineno is not None
                    lines = node.end_lineno - node.lineno + 1
                    assert lines <= MOST_OF_A_FUNCTION, f"{module}.{node.name}"
