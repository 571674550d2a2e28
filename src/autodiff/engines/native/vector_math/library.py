"""Functions of the catalogue as code of their own, compiled once and called from then on.

    text(["library.exp.v8f64"])      a module that defines exp of eight float64 at once
    declarations([("exp", "f64")])   how another module declares this and the other forms
    call("exp", "f64", ["%x"])       a call of the scalar form, which LLVM may widen to the others

Inlined, a function is optimised anew wherever it is used, and that takes most of the time to compile a small program.
A call costs a nanosecond or two more; so code that runs often inlines, and the rest calls.

The forms for several elements are the lines of the scalar one with vector types: every line of the catalogue is an
operation of each element by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autodiff.engines.native import vector_math
from autodiff.engines.native.vector_math.emit import FORMATS
from autodiff.engines.native.vector_math.large_argument import RARELY, lanes_of
from autodiff.patterns import pattern

_INTRINSIC = pattern(r"declare (\w+) @(llvm\.\w+)\.(f64|f32)\((.*)\)")
_CALL = pattern(r"call (\w+) @([\w.]+)\.(f64|f32)\(([^)]*)\)")
_PLAIN = pattern(r"(\w+(?: [a-z]{2,3})?) (double|float|i64|i32|i1) ([^,]+)(?:, ([^,]+))?")
_ATTRIBUTES = "nounwind willreturn memory(none)"


def symbol(name: str, dtype: str, lanes: int = 1) -> str:
    """The name of a form, without '@'."""
    return f"library.{name}.{'' if lanes == 1 else f'v{lanes}'}{dtype}"


def is_form(name: str) -> bool:
    """Whether a name is that of a form of a function."""
    return name.startswith("library.")


def _vector(type: str, lanes: int) -> str:
    return type if type == "ptr" else f"<{lanes} x {type}>"


def _operand(text: str, type: str) -> str:
    """A value by its name; a constant for every element."""
    return text if text[0] in "%@" else f"splat ({type} {text})"


def _typed(text: str, lanes: int) -> str:
    type, operand = text.split(" ")
    return f"{_vector(type, lanes)} {_operand(operand, type)}"


def widened(instruction: str, lanes: int) -> str:
    """An instruction of the catalogue, of so many elements at once."""
    call = _CALL.match(instruction)
    if call is not None:
        type, name, form, operands = call.groups()
        listed = ", ".join(_typed(x, lanes) for x in operands.split(", "))
        return f"call {_vector(type, lanes)} @{name}.v{lanes}{form}({listed})"
    if instruction.startswith("select "):
        operands = instruction.removeprefix("select ").split(", ")
        return "select " + ", ".join(_typed(x, lanes) for x in operands)
    instruction, _, target = instruction.partition(" to ")
    plain = _PLAIN.fullmatch(instruction)
    assert plain is not None, instruction
    word, type, *found = plain.groups()
    listed = ", ".join(_operand(x, type) for x in found if x is not None)
    cast = f" to {_vector(target, lanes)}" if target else ""
    return f"{word} {_vector(type, lanes)} {listed}{cast}"


def _definition(name: str, dtype: str, lanes: int, head: str, tail: str) -> str:
    """A form of a function; ``head`` is what it is called."""
    type = _vector(FORMATS[dtype].type, lanes) if lanes > 1 else FORMATS[dtype].type
    listed = ", ".join(f"{type} {x}" for x in ("%x", "%y")[: vector_math.arity(name)])
    lines = [f"define {head.replace('TYPE', type)}({listed}) {tail} {{"]
    *body, last = vector_math.definition(name, dtype).splitlines()[1:-1]
    if lanes == 1 and _LARGE in " ".join(body[-2:-1]):
        *body, call, chosen = body
        condition, _, other = (part.split()[-1] for part in chosen.split(", "))
        lines += [*body, *_branch(type, condition, call)]
        return "\n".join([*lines, f"  ret {type} {other}\n}}"])
    for line in body:
        result, instruction = line.strip().split(" = ", 1)
        lines.append(f"  {result} = {widened(instruction, lanes) if lanes > 1 else instruction}")
    lines.append(f"  ret {type} {last.split()[-1]}\n}}")
    return "\n".join(lines)


_LARGE = "@ad.large."


def _branch(type: str, condition: str, call: str) -> list[str]:
    """What a form of one element does with a large argument: no loop is vectorised around a branch in there.

    A function that is called for each element takes LLVM as long as a fifth of the form.
    """
    result, _, called = call.strip().partition(" = ")
    argument, function = (
        part.split()[-1] for part in called.partition(")")[0].partition("(")[2].split(", ")
    )
    return [
        f"  br i1 {condition}, label %large, label %usual, {RARELY}",
        "large:",
        f"  {result} = call {type} {function}({type} {argument})",
        f"  ret {type} {result}",
        "usual:",
    ]


def _widened_declarations(line: str, lanes: int) -> list[str]:
    """The declarations of an intrinsic of one element, and of several."""
    if lanes == 1:
        return [line]
    match = _INTRINSIC.fullmatch(line)
    if match is None:
        return [line]
    type, name, form, operands = match.groups()
    listed = ", ".join([_vector(type, lanes)] * len(operands.split(", ")))
    return [line, f"declare {_vector(type, lanes)} @{name}.v{lanes}{form}({listed})"]


def text(symbols: Sequence[str]) -> str:
    """The module that defines these forms of functions."""
    declared: dict[str, None] = {}
    defined: dict[str, None] = {}
    for symbol in symbols:
        _, name, form = symbol.split(".")
        dtype, lanes = form[-3:], int(form[1:-3] or 1)
        required = vector_math.requires(name, dtype)
        for function in (name, *required):
            for part in vector_math.declarations(function, dtype):
                if _serves(part, lanes) and not (lanes == 1 and _LARGE in part):
                    declared.update(dict.fromkeys(_widened_declarations(part, lanes)))
        for other in required:
            head = f"internal TYPE @ad.{other}.{form}"
            defined[_definition(other, dtype, lanes, head, "#0")] = None
        defined[_definition(name, dtype, lanes, f"TYPE @{symbol}", "#0")] = None
    return "\n".join([*declared, *defined]) + "\n"


def _serves(part: str, lanes: int) -> bool:
    """Whether a text at module level is for one element, or for so many."""
    head = part.strip().partition("(")[0]
    _, vector, rest = head.partition("<")
    return not vector or int(rest.partition(" x")[0]) == lanes


def declarations(functions: Iterable[tuple[str, str]]) -> str:
    """The declarations of all forms of some (name, dtype).

    The list of what is used keeps LLVM from dropping those for several elements before it needs them.
    """
    lines, names = [], []
    for name, dtype in sorted(functions):
        for lanes in (1, *lanes_of(FORMATS[dtype])):
            type = _vector(FORMATS[dtype].type, lanes) if lanes > 1 else FORMATS[dtype].type
            listed = ", ".join([type] * vector_math.arity(name))
            names.append(f"ptr @{symbol(name, dtype, lanes)}")
            lines.append(f"declare {type} {names[-1][4:]}({listed}) {_ATTRIBUTES}")
    used = f"@llvm.compiler.used = appending global [{len(names)} x ptr] [{', '.join(names)}]"
    return "\n".join([*lines, f'{used}, section "llvm.metadata"'])


def call(name: str, dtype: str, operands: Sequence[str]) -> str:
    """A call of the scalar form that a vectorised loop may replace by one of the others."""
    type = FORMATS[dtype].type
    kinds = "v" * len(operands)
    variants = ",".join(
        f"_ZGV_LLVM_N{n}{kinds}_{symbol(name, dtype)}({symbol(name, dtype, n)})"
        for n in lanes_of(FORMATS[dtype])
    )
    listed = ", ".join(f"{type} {x}" for x in operands)
    return (
        f"call {type} @{symbol(name, dtype)}({listed}) {_ATTRIBUTES} "
        f'"vector-function-abi-variant"="{variants}"'
    )
