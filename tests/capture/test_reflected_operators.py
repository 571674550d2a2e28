"""Which operand's method answers an operator, and in which order they are asked: as Python has it."""

import linecache

import pytest

import autodiff

BINARY = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
}  # fmt: skip
COMPARE = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
# Every method leaves a mark.  ``N``, ``R`` and ``I`` stand for the names of an operator's methods.
CLASSES = """
class A:
    def __init__(self, v): self.v = v
    def __N__(self, other): mark(1); return self.v * 2 + VALUE(other)
    def __R__(self, other): mark(2); return self.v * 3 + VALUE(other)
class Overriding(A):
    def __R__(self, other): mark(3); return self.v * 5 + VALUE(other)
class OverridingBoth(A):
    def __N__(self, other): mark(4); return self.v * 6 + VALUE(other)
    def __R__(self, other): mark(5); return self.v * 7 + VALUE(other)
class Not(A):
    w = 1.0
class Shy(A):
    def __N__(self, other): mark(6); return NotImplemented
    def __R__(self, other): mark(7); return NotImplemented
class Aside:
    def __init__(self, v): self.v = v
    def __R__(self, other): mark(8); return self.v * 9 + VALUE(other)
class ShyAside:
    def __init__(self, v): self.v = v
    def __N__(self, other): mark(6); return NotImplemented
class Nothing:
    def __init__(self, v): self.v = v
class Number(float):
    v = 2.0
    def __N__(self, other): mark(1); return self.v * 2 + VALUE(other)
    def __R__(self, other): mark(2); return self.v * 3 + VALUE(other)
class InPlace(A):
    def __I__(self, other): mark(9); self.v = self.v * 2; return self
class ShyInPlace(A):
    def __I__(self, other): mark(0); return NotImplemented
"""
PAIRS = (
    """
A A;A Overriding;A OverridingBoth;A Not;A Shy;A Aside;A ShyAside;A Nothing
Overriding A;OverridingBoth A;Not A;Not OverridingBoth;Not Overriding;Shy A;Shy Shy;Shy Aside
Aside A;Aside Aside;ShyAside Overriding;ShyAside ShyAside;ShyAside Nothing;Nothing A;Nothing Aside
float A;A float;float Shy;Shy float;float Number;Number float;Number Number;float ShyAside
""".replace("\n", ";")
    .strip(";")
    .split(";")
)
IN_PLACE = "InPlace A;A InPlace;InPlace Overriding;ShyInPlace A;ShyInPlace Overriding;A Overriding"


def program(name, operation, classes, pairs):
    """All pairs at once: the marks that are left, and the value or the type and text of the error."""
    lines = [
        "marks = []",
        "def mark(k): marks.append(k)",
        "def VALUE(x): return x.v if hasattr(type(x), 'v') or hasattr(x, 'v') else x",
        classes,
        "def f(x, y):",
        "    found = []",
    ]
    for pair in pairs:
        left, right = pair.split()
        lines += [
            f"    a = {left}(x); b = {right}(y)",
            "    try:",
            f"        {operation}",
            "        r = r.v if hasattr(r, 'v') else r",
            "    except TypeError as error: r = str(error)",
            "    found.append(r)",
        ]
    lines.append("    return found")
    text = "\n".join(lines)
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"__name__": __name__}
    exec(compile(text, name, "exec"), space)
    return space


OPERATIONS = {
    **{n: (n, f"r = a {s} b") for n, s in (BINARY | COMPARE).items()},
    **{
        f"operator.{n}": (n, f"import operator; r = operator.{n}(a, b)")
        for n in ("add", "lt", "eq", "pow")
    },
    **{f"i{n}": (n, f"r = a; r {s}= b") for n, s in BINARY.items()},
    "divmod": ("divmod", "r = divmod(a, b)"),
    "pow()": ("pow", "r = pow(a, b)"),
    "sum": ("add", "r = sum([b], a)"),
}


def spaces(kind):
    name, operation = OPERATIONS[kind]
    reflected = MIRRORED.get(name, "r" + name)
    classes = CLASSES
    for old, new in (("__N__", name), ("__R__", reflected), ("__I__", "i" + name)):
        classes = classes.replace(old, f"__{new}__")
    pairs = [p for p in PAIRS if not (kind[0] == "i" and "Number" in p)]
    if operation.endswith("= b"):
        pairs += IN_PLACE.split(";")
    return program(f"<{kind}>", operation, classes, pairs), pairs


@pytest.mark.parametrize("kind", OPERATIONS)
def test_methods_are_asked_in_pythons_order(kind):
    space, pairs = spaces(kind)
    f, marks = space["f"], space["marks"]
    compiled = autodiff.function(f, engine="numpy")
    for arguments in [(3.0, 4.0), (2.0, 2.0)]:
        marks.clear()
        expected = dict(zip(pairs, f(*arguments), strict=True)), [*marks]
        marks.clear()
        assert (dict(zip(pairs, compiled(*arguments), strict=True)), [*marks]) == expected
