"""LLVM for the whole process: from the text of a module to addresses that can be called.

    machine = load(text, ("kernel",))
    machine.address("kernel")        # valid while `machine` lives
    machine.assembly()

A machine is made of up to two modules that are linked together: the *kernel*, which goes through
LLVM's full optimising pipeline (loop and SLP vectorisation for this very CPU), and the *glue*,
which is already written as it should run and goes straight to machine code: optimising an entry
point gains nanoseconds a call and costs several milliseconds once.

Undefined names are resolved through ``symbols`` (or ``extra`` addresses given by the caller) when
a module is linked; object code holds names only and is kept on disk by ``cache``.  Linking uses
LLVM's ORC layer, where every machine is a library of its own: its memory goes when it does, and
its names never meet those of another user of llvmlite in the process.

LLVM is loaded on first use (`llvm.py`).  All functions may be called from several threads.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import platform
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from autodiff import cache
from autodiff.engines.native import callbacks, llvm, signals, symbols
from autodiff.engines.native.vector_math import library
from autodiff.errors import InternalError, NameArgumentError
from autodiff.later import later
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native import small_matrices
else:
    small_matrices = later("autodiff.engines.native.small_matrices")

# Raised when the meaning of cached code changes without a change of the text it is made from.
_FORMAT = "session 3"

# Processors that lower their clock for 512-bit vectors so far that 256 bits are faster.
_SLOW_512 = ("skylake-avx512", "cascadelake", "cooperlake", "cannonlake")

EFFORT = "passes"
"""What kernels are compiled with; `translation` makes slow code quickly, for those that run once."""

_MACHINES_PER_LINKER = 64

_lock = threading.RLock()
_numbers = itertools.count()


@dataclass(frozen=True)
class Host:
    """What code is generated for."""

    triple: str
    cpu: str
    features: str
    vector_bits: int
    llvm: str

    @property
    def environment(self) -> str:
        """Everything besides a module's text that its machine code depends on."""
        parts = (_FORMAT, self.triple, self.cpu, self.features, self.llvm, *self.code_model)
        return "\n".join(map(str, parts))

    @property
    def uses_jitlink(self) -> bool:
        """Whether LLVM's newer linker serves this platform (ELF and Mach-O on 64 bits)."""
        return sys.platform != "win32" and platform.machine().lower() in (
            "x86_64",
            "amd64",
            "aarch64",
            "arm64",
        )

    @property
    def code_model(self) -> tuple[str, str]:
        """Relocation and code model.

        The small model addresses constants relative to the instruction pointer, so a vector
        instruction takes them from memory directly; the large one spends a register on each.
        """
        return ("pic", "small") if self.uses_jitlink else ("default", "jitdefault")


OLDEST_LLVM = 22
"""LLVM 20 ends functions of the convention ``preserve_mostcc`` with ``popq %rcx``, a register that they promise to
leave alone: loops that ask for signals (`signals.py`) then end too early, and results are wrong."""


def _refuse_old(version: Sequence[int], llvmlite: str) -> None:
    """An error for an LLVM whose code would be wrong; pip does not check what was installed by force."""
    if version[0] < OLDEST_LLVM:
        raise NameArgumentError(
            f"the native engine cannot use llvmlite {llvmlite}: its LLVM {version[0]} makes wrong code.",
            code="AD107",
            remedy="python -m pip install --upgrade 'llvmlite>=0.48', or use engine='numpy'",
        )


class _Llvm:
    """The process's LLVM state: target, target machines, linker.  Made once, never freed."""

    def __init__(self) -> None:
        version = llvm.llvm_version()
        _refuse_old(version, llvm.version())
        llvm.initialise()
        cpu, features = llvm.host_cpu(), llvm.host_features()
        wide = features.get("avx512f", False) and cpu not in _SLOW_512
        self.host = Host(
            llvm.host_triple(),
            cpu,
            ",".join([("+" if there else "-") + name for name, there in sorted(features.items())]),
            512 if wide else 256 if features.get("avx", False) else 128,
            f"{'.'.join(map(str, version))} llvmlite {llvm.version()}",
        )
        self.optimiser = self.target_machine(3)
        self.translator = self.target_machine(0)
        self._linker: llvm.Linker | None = None
        self._linked = 0

    def target_machine(self, level: int) -> llvm.TargetMachine:
        """A target machine for this CPU; ``level`` is the effort of code generation."""
        host = self.host
        return llvm.TargetMachine(host.triple, host.cpu, host.features, level, *host.code_model)

    def linker(self) -> llvm.Linker:
        """The linker for the next machine.

        LLVM keeps some 10 kB for every library that a linker ever made, so linkers are changed
        now and then; one is freed after the last machine that it made.
        """
        if self._linker is None or self._linked == _MACHINES_PER_LINKER:
            self._linker = llvm.Linker(self.optimiser, self.host.uses_jitlink)
            self._linked = 0
        self._linked += 1
        return self._linker

    def optimise(self, module: llvm.Module, text: str) -> None:
        """Run LLVM's passes on a module that was made of ``text``, in place.

        Level 1 has the vectoriser of loops as level 3 does, and less of what clever rewriting
        needs: the kernel was written with equal expressions shared and loop invariants outside.
        Joining scalar operations into vectors (SLP) found nothing that pays.  No benchmark of the
        project ran slower by either, and first calls take 15 to 25 percent less time in LLVM.

        Where there is no loop, a few passes make the same code in a fifth of the time.
        """
        short = llvm.SHORT_PASSES if _is_straight(text) else None
        llvm.run_passes(module, self.optimiser, short)

    def parse(self, text: str) -> llvm.Module:
        """A module in a context of its own, checked."""
        try:
            return llvm.Module(text)
        except RuntimeError as error:
            raise InternalError(f"LLVM rejects the module: {error}\n{_numbered(text)}") from error


@functools.cache
def _make_state() -> _Llvm:
    return _Llvm()


def _state() -> _Llvm:
    _guard_forks()
    with _lock:  # functools.cache alone would let two threads build it
        return _make_state()


@functools.cache
def _guard_forks() -> None:
    """Let a fork wait until no thread is compiling, or the child would wait for ever."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_stop, after_in_parent=_go_on, after_in_child=_go_on)


_held: list[contextlib.AbstractContextManager[None]] = []  # by the thread that forks


def _stop() -> None:
    _lock.acquire()
    _held.append(llvm.lock())
    _held[-1].__enter__()


def _go_on() -> None:
    _held.pop().__exit__(None, None, None)
    _lock.release()


@functools.cache
def prepare() -> threading.Thread:
    """Load LLVM in the background; whoever needs it before it is ready waits for it.

    Loading takes about as long as compiling a small program, and mostly waits for the disk and
    the dynamic linker, which another thread may do while Python captures the program.
    """

    def work() -> None:
        # Any failure shows again, and is reported, where LLVM is really needed.
        with contextlib.suppress(Exception):
            _state()

    _guard_forks()
    thread = threading.Thread(target=work, name="autodiff-prepare")
    thread.start()
    return thread


def host() -> Host:
    """The CPU and versions that code is generated for."""
    return _state().host


def attributes() -> str:
    """The attributes of group ``#0``, which every kernel function should carry."""
    words = ["nounwind", f'"prefer-vector-width"="{host().vector_bits}"']
    words.append('"no-trapping-math"="true"')  # the floating-point flags are not looked at
    return f"attributes #0 = {{ {' '.join(words)} }}\n"


@dataclass(eq=False)
class Machine:
    """Machine code in memory.  Freed with this object: keep it while an address is in use."""

    text: str
    glue: str
    _library: llvm.Library
    _names: tuple[str, ...]
    _keep: Any = field(default=None)
    optimised: bool = True

    def address(self, name: str) -> int:
        """The address of one of the ``names`` given to :func:`load`."""
        if name not in self._names:
            raise InternalError(f"{name!r} was not asked of load()")
        return self._library.addresses[name]

    def optimised_ir(self) -> str:
        """The kernel's LLVM IR after optimisation."""
        with _lock:
            state = _state()
            module = state.parse(_complete(self.text))
            state.optimise(module, self.text)
            return str(module)

    def assembly(self) -> str:
        """The kernel's assembly."""
        with _lock:
            state = _state()
            module = state.parse(_complete(self.text))
            state.optimise(module, self.text)
            return state.optimiser.assembly(module)


def load(
    text: str,
    names: Sequence[str],
    glue: str = "",
    extra: Mapping[str, int] | None = None,
    keep: Any = None,
    optimise: bool = True,
) -> Machine:
    """Compile, link and load a module.

    Parameters
    ----------
    text : str
        LLVM IR of the kernel, to be optimised.  Functions in attribute group ``#0`` get
        :func:`attributes`.
    names : sequence of str
        Functions and globals whose addresses are wanted.
    glue : str, optional
        LLVM IR that is linked with the kernel and translated as it stands.
    extra : mapping of str to int, optional
        Addresses of names that only this machine knows (callbacks, objects).
    keep : object, optional
        Kept alive as long as the machine.
    optimise : bool, optional
        Whether LLVM's passes over the IR run on the kernel.
    """
    with _lock:
        try:
            library = _link(text, glue, names, extra, optimise, fresh=False)
        except RuntimeError:  # object files from disk that no linker takes: make them anew
            try:
                library = _link(text, glue, names, extra, optimise, fresh=True)
            except RuntimeError as error:
                raise InternalError(f"the module does not link: {error}") from error
        return Machine(text, glue, library, tuple(names), keep, optimise)


def _link(
    text: str,
    glue: str,
    names: Sequence[str],
    extra: Mapping[str, int] | None,
    optimise: bool,
    fresh: bool,
) -> llvm.Library:
    """The library made of a kernel and its glue; ``fresh``: of object files compiled now."""
    state = _state()
    objects: list[bytes] = []
    wanted: dict[str, None] = {}
    defined: set[str] = set()
    effort = EFFORT if optimise else "code"
    for part, how in ((text, effort), (glue, "translation")):
        if part:
            part = _complete(part)
            code = _object_code(part, how, fresh)
            objects.append(code)
            uses, defines = _names(part)
            wanted |= dict.fromkeys(name for name in uses if _is_used(name, code))
            defined |= defines
    _compile_functions([name for name in wanted if name not in defined])
    addresses = _functions | dict(extra or {})
    imports: dict[str, int] = {}
    for name in wanted:
        if name not in defined and name not in symbols.LIBRARY_CALLS:
            known = addresses.get(name)
            imports[name] = symbols.address(name) if known is None else known
    imports |= _library_calls(objects)
    linker = state.linker()
    library = linker.link(f"autodiff.{next(_numbers)}", objects, (), imports, names)
    library.keep = linker  # outlives what it linked
    return library


SHARED = {"autodiff.poll": signals.FUNCTION, callbacks.NAME: callbacks.FUNCTION}
"""Functions of the run time that all kernels call: compiled once in a process."""

_functions: dict[str, int] = {}
"""The addresses of shared functions and forms of elementary ones that are compiled; they stay."""


def _is_used(name: str, code: bytes) -> bool:
    """Whether a name is to be linked: of elementary functions, LLVM uses some of the forms."""
    return not library.is_form(name) or name.encode() + b"\0" in code


def _library_calls(objects: Sequence[bytes]) -> dict[str, int]:
    """The functions of the C library that object files may use, which LLVM calls unasked: their names end there."""
    named = b"".join(map(_names_in, objects))
    found = [name for name in symbols.LIBRARY_CALLS if name.encode() + b"\0" in named]
    return {name: where for name in found if (where := symbols.process_address(name))}


def _names_in(code: bytes) -> bytes:
    """The parts of an object file that have the names: of ELF the tables of strings, else all of it."""
    if not code.startswith(_OBJECT_FILES[0]):
        return code

    def number(at: int, size: int) -> int:
        return int.from_bytes(code[at : at + size], sys.byteorder)

    first, size, count = number(0x28, 8), number(0x3A, 2), number(0x3C, 2)
    tables = [at for at in range(first, first + size * count, size or 1) if number(at + 4, 4) == 3]
    places = [(number(at + 0x18, 8), number(at + 0x20, 8)) for at in tables]
    return b"".join([code[start : start + length] for start, length in places])


def _compile_functions(names: Sequence[str]) -> None:
    """Compile forms of elementary functions, and what kernels share, where they are not yet.

    There is nothing in them that passes over LLVM's IR would improve, but in those of small matrices.
    """
    new = [name for name in names if name not in _functions]
    forms = sorted(name for name in new if library.is_form(name))
    modules = [([name], SHARED[name], False) for name in new if name in SHARED]
    if forms:
        modules.append((forms, library.text(forms), False))
    for name in new:
        if name.startswith(symbols.SMALL):
            modules.append(([name], small_matrices.text(name), True))
    for defined, text, optimise in modules:
        machine = load(text, defined, optimise=optimise)
        _keep.append(machine)
        _functions.update((name, machine.address(name)) for name in defined)


_keep: list[Machine] = []


def objects_of(text: str, glue: str, undefined: Callable[[bytes], Sequence[str]]) -> list[bytes]:
    """The object files that a machine of this kernel and glue is linked of, with those of shared functions.

    ``undefined`` tells the names that an object file uses and does not define.
    """
    with _lock:
        found = [_compile(_complete(text), "passes", False)]
        found.append(_compile(_complete(glue), "translation", False))
        shared: list[Machine] = []
        for code in found:  # which grows
            for name in undefined(code):
                home = next((m for m in _keep if name in m._names), None)
                if home is not None and not any(home is m for m in shared):
                    shared.append(home)
                    effort = "passes" if home.optimised else "code"
                    found.append(_compile(_complete(home.text), effort, False))
        return found


def _names(text: str) -> tuple[list[str], set[str]]:
    """Names that a module uses and does not define, and those of the functions that it defines."""
    declared, defined = [], set()
    for line in text.splitlines():
        if line.startswith("  %"):  # most: an instruction
            continue
        line = line.lstrip()
        if line.startswith("declare "):
            declared.append(_function_of(line))
        elif line.startswith("@"):
            name, _, rest = line[1:].partition("=")
            if rest.lstrip().startswith("external "):
                declared.append(name.strip(' "'))
        elif line.startswith("define "):
            defined.add(_function_of(line))
    return [name for name in declared if not name.startswith("llvm.")], defined


def _function_of(line: str) -> str:
    """The name of the function that a line declares or defines."""
    return line.partition("@")[2].partition("(")[0].strip('"')


def _complete(text: str) -> str:
    return text if "attributes #0 =" in text or "#0" not in text else f"{text}\n{attributes()}"


_RECENT = 256  # object files of glue that stay in memory
_recent_glue: dict[str, bytes] = {}


def _object_code(text: str, effort: str, fresh: bool) -> bytes:
    """The object file of a module, from memory (glue repeats), from disk, or compiled now."""
    if effort != "translation":
        return _compile(text, effort, fresh)
    code = None if fresh else _recent_glue.get(text)
    if code is None:
        code = _compile(text, effort, fresh)
        if len(_recent_glue) >= _RECENT:
            del _recent_glue[next(iter(_recent_glue))]
        _recent_glue[text] = code
    return code


def _compile(text: str, effort: str, fresh: bool) -> bytes:
    """Compile with ``passes``, for good ``code`` of the IR as it stands, or by plain ``translation``."""
    state = _state()
    key = cache.key_of(state.host.environment, effort, text)
    code = None if fresh else cache.read(key)
    if code is not None and not _is_object(code):
        code = None
    if code is None:
        module = state.parse(text)
        if effort == "passes":
            state.optimise(module, text)
        quick = effort == "translation" or _is_long_and_straight(text)
        machine = state.translator if quick else state.optimiser
        code = machine.emit(module)
        cache.write(key, code)
    return bytes(code)


_LONG = 10_000
"""Lines of a kernel from which on good code takes longer to make than it saves, unless it repeats."""


def _is_long_and_straight(text: str) -> bool:
    """Whether a kernel has very many instructions, and executes each of them once at most.

    The time that LLVM takes for good code grows faster than the code: with its square, where
    thousands of numbers wait for the derivative.
    """
    return text.count("\n") >= _LONG and _is_straight(text)


def _is_straight(text: str) -> bool:
    """Whether no function of a module has a loop: no branch leads back."""
    seen: set[str] = set()
    for line in text.splitlines():
        if line.startswith("define"):
            seen.clear()
        elif line.endswith(":"):
            seen.add(line[:-1])
        elif "label %" in line and not seen.isdisjoint(_labels(line)):
            return False
    return True


def _labels(line: str) -> list[str]:
    """The blocks that an instruction may go on with."""
    return [part.replace(",", " ").partition(" ")[0] for part in line.split("label %")[1:]]


# The first bytes of an object file for 64 bits: ELF, Mach-O (either byte order), COFF for x86 and ARM.
_OBJECT_FILES = (b"\x7fELF\x02", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\x64\x86", b"\x64\xaa")


def _is_object(code: bytes) -> bool:
    """Whether bytes may be an object file, so that LLVM can be asked."""
    return len(code) >= 64 and code.startswith(_OBJECT_FILES)


def _numbered(text: str) -> str:
    return "\n".join(f"{k:5} {line}" for k, line in enumerate(text.splitlines(), 1))
