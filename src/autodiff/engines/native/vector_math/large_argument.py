"""Leave rare, large arguments to the C library, behind a branch that vectorised loops can carry.

`where_large(x, "sin")` is sin(x) where |x| >= BOUND, and anything elsewhere. A branch would keep a loop from
being vectorised. So a function is called for every element, and LLVM is told that it has forms for several elements
("vector-function-abi-variant"): these test all lanes at once and nearly always return at once, in a nanosecond or two.
The library function is an argument, so all functions of one module share these helpers.
"""

from __future__ import annotations

import platform
from functools import cache

from autodiff.engines.native.vector_math.emit import Format, Value, literal

# Where the reduction in `trigonometric` ends. A float32 beyond 2**11 knows its angle to 1e-4 only.
BOUND = {"f64": 2.0**20, "f32": 2.0**11}

# Those of all functions among them: LLVM describes the processor anew for each set of its options that it meets.
_ATTRIBUTES = "noinline optsize nounwind willreturn memory(none) #0"
RARELY = '!prof !{!"branch_weights", i32 1, i32 10000}'


def lanes_of(form: Format) -> tuple[int, ...]:
    """Vector lengths worth a form of their own: those of AVX and AVX-512, or of 128-bit registers and two of them.

    Where another length is asked for, LLVM calls the scalar form for each element.
    """
    smallest = (256 if platform.machine().lower() in ("x86_64", "amd64") else 128) // form.bits
    return smallest, 2 * smallest


def _scalar(form: Format) -> str:
    type, name = form.type, form.name
    return f"""
define weak_odr {type} @ad.large.{name}({type} %x, ptr %function) {_ATTRIBUTES} {{
  %size = call {type} @llvm.fabs.{name}({type} %x)
  %large = fcmp oge {type} %size, {literal(BOUND[name], type)}
  br i1 %large, label %some, label %done, {RARELY}
some:
  %result = call {type} %function({type} %x)
  ret {type} %result
done:
  ret {type} %x
}}
"""


def _vector(form: Format, lanes: int) -> str:
    type, name = form.type, form.name
    vector = f"<{lanes} x {type}>"
    return f"""
define weak_odr {vector} @ad.large.v{lanes}{name}({vector} %x, ptr %function) {_ATTRIBUTES} {{
  %size = call {vector} @llvm.fabs.v{lanes}{name}({vector} %x)
  %large = fcmp oge {vector} %size, splat ({type} {literal(BOUND[name], type)})
  %mask = bitcast <{lanes} x i1> %large to i{lanes}
  %any = icmp ne i{lanes} %mask, 0
  br i1 %any, label %some, label %done, {RARELY}
some:
  %buffer = alloca {vector}
  store {vector} %x, ptr %buffer
  br label %lane
lane:
  %i = phi i64 [0, %some], [%next, %lane]
  %place = getelementptr inbounds {type}, ptr %buffer, i64 %i
  %one = load {type}, ptr %place
  %value = call {type} @ad.large.{name}({type} %one, ptr %function)
  store {type} %value, ptr %place
  %next = add nuw nsw i64 %i, 1
  %last = icmp eq i64 %next, {lanes}
  br i1 %last, label %all, label %lane
all:
  %result = load {vector}, ptr %buffer
  ret {vector} %result
done:
  ret {vector} %x
}}
"""


@cache
def _helpers(form: Format) -> tuple[str, ...]:
    """Module-level texts: the declared intrinsics, then the functions."""
    lanes = lanes_of(form)
    types = [(form.type, form.name), *((f"<{n} x {form.type}>", f"v{n}{form.name}") for n in lanes)]
    declared = (f"declare {type} @llvm.fabs.{name}({type})" for type, name in types)
    return (*declared, _scalar(form), *(_vector(form, n) for n in lanes))


def where_large(x: Value, function: str) -> Value:
    """`function` of the C library where |x| >= BOUND or infinite; elsewhere not meaningful."""
    form = x.format
    library = "@" + function + ("" if form.bits == 64 else "f")
    x.code.declarations[f"declare {form.type} {library}({form.type})"] = None
    for text in _helpers(form):
        x.code.declarations[text] = None
    variants = ",".join(
        f"_ZGV_LLVM_N{n}vu_ad.large.{form.name}(ad.large.v{n}{form.name})" for n in lanes_of(form)
    )
    call = f"call {form.type} @ad.large.{form.name}({form.type} {x.text}, ptr {library})"
    attributes = f'nounwind willreturn memory(none) "vector-function-abi-variant"="{variants}"'
    return x.code.emit(form.type, f"{call} {attributes}")
