"""Imports point down: every module of autodiff imports only from layers below its own.

The table is the architecture. A unit is a module or package directly under `autodiff` (for `engines`, each engine is a unit of
its own); its row is its layer. Imports are read with `ast`, those inside functions and under TYPE_CHECKING too: where an
import stands decides when it happens, not which way it points.
"""

import ast
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
    "nist": 6,
    "plot": 6,
    "explain": 6,
    "custom": 6,
    "inlining": 6,
    "compiled": 5,
    "recall": 5,
    "transform": 5,
    "engines": 4,  # chooses one
    "engines.numpy": 4,
    "engines.native": 4,
    "capture": 3,
    "differentiate": 3,
    "passes": 3,
    "ops": 2,
    "ir": 1,
    "errors": 0,
    "dims": 0,
    "labelled": 0,
    "containers": 0,
    "tree": 0,
    "debug": 0,
    "floating": 0,
    "tracebacks": 0,
    "signals": 0,
    "ladder": 0,
    "stack": 0,
}
# In these layers units are alternatives or stages beside each other: none imports another.
SIBLINGS = {3, 4}
# A package's own front door may import what it contains.
FRONT_DOORS = {("engines", "engines.numpy"), ("engines", "engines.native")}
# The modules of a layer that may import each other, by the direction written here only.
WITHIN = {
    ("cli", "demo"),
    ("plot", "optimize"), ("plot", "nist"),
    ("testing", "api"),
    ("api", "explain"),
    ("api", "inlining"),
    ("symbolic", "api"),
    ("compiled", "transform"), ("compiled", "recall"),
    ("optimize", "api"),
    ("api", "testing"),
    ("tree", "labelled"), ("labelled", "errors"),
    ("debug", "errors"), ("dims", "errors"), ("tree", "errors"), ("errors", "debug"), ("tree", "debug"),
    ("tracebacks", "debug"), ("ladder", "signals"), ("signals", "errors"), ("signals", "tracebacks"), ("dims", "signals"),
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


def imports(module: str, path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything of autodiff that a module imports."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
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
        for line, name in imports(module, path, path.read_text(encoding="utf-8"))
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
