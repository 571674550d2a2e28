"""LLVM, by those functions of llvmlite's library that the engine calls.

    machine = TargetMachine(host_triple(), cpu, features, level=3, reloc="pic", model="small")
    module = Module(text)                       # parsed and verified, in a context of its own
    run_passes(module, machine, SHORT_PASSES)
    code = machine.emit(module)                 # an object file
    library = Linker(machine, jit_link=True).link("name", [code], (), imports, exports)
    library.addresses["kernel"]                 # valid while `library` lives

``llvmlite.binding`` declares four hundred functions in 18 modules, and loads a dozen modules of the standard
library to find its own file: 20 ms, of which a first call has no use.  Here the forty that are needed are declared,
in `FUNCTIONS`, as llvmlite declares them in the versions of `KNOWN`.  Of any other version, llvmlite's own
declarations are loaded and compared with these, and what differs is refused: a call with other arguments than
the library expects would write anywhere.

Objects own what they point to, and free it when they go.  Each call is made under llvmlite's lock where
llvmlite is loaded (by Numba, say), and under one of ours otherwise; see `lock`.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from ctypes import byref, c_bool, c_char_p, c_int, c_size_t, c_uint, c_uint8, c_uint64, c_void_p
from typing import Any

from autodiff.errors import NameArgumentError

KNOWN = ("0.48.", "0.49.", "0.50.")
"""Versions of llvmlite whose declarations are those below; 0.48.0, 0.49.0 and 0.50.0 were compared."""

# The type of the result, then those of the arguments: p pointer, s text, i int, b bool, u unsigned, z size, v nothing.
FUNCTIONS = {
    "GetVersionInfo": "u",
    "InitializeNativeTarget": "v",
    "InitializeNativeAsmPrinter": "v",
    "GetDefaultTargetTriple": "vp",
    "GetHostCPUName": "vp",
    "GetHostCPUFeatures": "ip",
    "DisposeString": "vp",
    "GetTargetFromTriple": "psp",
    "CreateTargetMachine": "ppsssissiis",
    "DisposeTargetMachine": "vp",
    "TargetMachineEmitToMemory": "pppip",
    "GetBufferStart": "pp",
    "GetBufferSize": "zp",
    "DisposeMemoryBuffer": "vp",
    "ContextCreate": "p",
    "ContextDispose": "vp",
    "ParseAssembly": "ppsp",
    "VerifyModule": "bpp",
    "PrintModuleToString": "vpp",
    "DisposeModule": "vp",
    "CreatePipelineTuningOptions": "p",
    "PTOSetLoopVectorization": "vpb",
    "PTOSetSLPVectorization": "vpb",
    "DisposePipelineTuningOptions": "vp",
    "CreatePassBuilder": "ppp",
    "DisposePassBuilder": "vp",
    "buildPerModuleDefaultPipeline": "ppi",
    "CreateNewModulePassManager": "p",
    "RunNewModulePassManager": "vppp",
    "DisposeNewModulePassManger": "vp",  # llvmlite's spelling
    "module_AddAlwaysInlinerPass": "vp",
    "module_AddGlobalDCEPass": "vp",
    "module_AddSROAPass": "vp",
    "module_AddSimplifyCFGPass": "vp",
    "module_AddInstCombinePass": "vp",
    "module_AddDCEPass": "vp",
    "CreateLLJITCompiler": "ppbbp",
    "LLJITDispose": "vp",
    "LLJIT_Link": "ppspzpzpzp",
    "LLJIT_Dylib_Tracker_Dispose": "bpp",
}

SHORT_PASSES = (
    "AlwaysInliner",
    "GlobalDCE",
    "SROA",
    "SimplifyCFG",
    "InstCombine",
    "SimplifyCFG",
    "DCE",
)
"""What makes the same code as LLVM's own pipeline where there are no loops, in a fifth of the time."""

_TYPES: dict[str, Any] = {
    "p": c_void_p, "s": c_char_p, "i": c_int, "b": c_bool, "u": c_uint, "z": c_size_t, "v": None,
}  # fmt: skip
_FILES = {"win32": "llvmlite.dll", "darwin": "libllvmlite.dylib"}


# -- the library ----------------------------------------------------------------------------------
@functools.cache
def _functions() -> dict[str, Callable[..., Any]]:
    """The functions of ``FUNCTIONS``, of the library that llvmlite would load."""
    loaded = ctypes.CDLL(_path())
    functions: dict[str, Callable[..., Any]] = {}
    for name, types in FUNCTIONS.items():
        function = loaded[f"LLVMPY_{name}"]  # an object of our own: llvmlite's keep their types
        function.restype, *function.argtypes = [_TYPES[letter] for letter in types]
        functions[name] = function
    return functions


def _path() -> str:
    path = os.path.join(_folder(), "binding", _FILES.get(sys.platform, "libllvmlite.so"))
    if version().startswith(KNOWN) and os.path.isfile(path):
        return path
    from llvmlite.binding import ffi  # which finds it, and says how its functions are called

    differing = differences(ffi.lib)
    if differing:
        raise NameArgumentError(
            f"the native engine cannot use llvmlite {version()}: LLVMPY_{differing[0]} is called in another way.",
            code="AD107",
            remedy="python -m pip install --upgrade autodiff or 'llvmlite>=0.48,<0.51', or use engine='numpy'",
        )
    return str(ffi.lib._name)


def _folder() -> str:
    package = importlib.util.find_spec("llvmlite")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'llvmlite'", name="llvmlite")
    return os.path.dirname(package.origin)


@functools.cache
def version() -> str:
    """llvmlite's version, read of its file where it stands as ever: to import the package takes longer."""
    try:
        with open(os.path.join(_folder(), "_version.py"), encoding="utf-8") as file:
            _, found, rest = file.read().partition("\nversion_version = '")
    except OSError:
        found = rest = ""
    if found:
        return rest.partition("'")[0]
    import llvmlite

    return str(llvmlite.__version__)


def differences(declared: Any) -> list[str]:
    """Names of the functions that llvmlite's ``ffi.lib`` calls with other types than ``FUNCTIONS``."""
    return [name for name, types in FUNCTIONS.items() if not _agrees(declared, name, types)]


def _agrees(declared: Any, name: str, types: str) -> bool:
    function = getattr(declared, f"LLVMPY_{name}", None)
    if function is None:
        return False
    result, *arguments = list(types.replace("s", "p"))
    # c_int is what ctypes takes where nothing is declared: of results that nobody looks at.
    right = _letter(function.restype) in (("v", "i") if result == "v" else (result,))
    declared_arguments = function.argtypes
    if declared_arguments is None and arguments == ["p"]:
        return right  # DisposeString, whose only argument llvmlite does not declare
    return right and [*map(_letter, declared_arguments or ())] == arguments


def _letter(type: Any) -> str:
    """The letter of ``FUNCTIONS`` for a type of ctypes; all pointers are one."""
    if type in (c_void_p, c_char_p) or (type is not None and issubclass(type, ctypes._Pointer)):
        return "p"
    return next((letter for letter, known in _TYPES.items() if known is type), "?")


# -- calls ----------------------------------------------------------------------------------------
_own_lock = threading.RLock()
_mine = (
    threading.local()
)  # .calls: how many calls this thread is in, one in another, under our lock


@contextmanager
def lock() -> Iterator[None]:
    """What is held during each call, also of those that free something: one caller of LLVM at a time.

    Another thread may load llvmlite while a call is made under our lock.  Calls that begin then wait for it to
    end before they take llvmlite's, and what it leads to in its own thread (an object that is freed) stays under
    ours: no thread waits for llvmlite's lock while it holds ours, so none waits for ever.
    """
    with _own_lock:
        calls = getattr(_mine, "calls", 0)
        theirs = None if calls else _lock_of_llvmlite()
        if theirs is None:
            _mine.calls = calls + 1
            try:
                yield
            finally:
                _mine.calls = calls
            return
    with theirs:
        yield


def _lock_of_llvmlite() -> Any:
    """The lock of llvmlite's own calls; None where it is not loaded."""
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    return getattr(library, "_lock", None)


def _call(name: str, *arguments: Any) -> Any:
    with lock():
        return _functions()[name](*arguments)


def _told(name: str, *arguments: Any) -> tuple[Any, str]:
    """What a function returns, and the text that it writes to its last argument."""
    text = c_char_p()
    result = _call(name, *arguments, byref(text))
    try:
        return result, (text.value or b"").decode("utf-8")
    finally:
        if text:
            _call("DisposeString", ctypes.cast(text, c_void_p))


class _Owner:
    """What owns something of LLVM's, which is freed with it."""

    _pointer: int | None = None
    _free: str
    keep: Any = None  # what is to live as long

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if self._pointer is not None and not is_finalizing():
            self._dispose()
            self._pointer = None

    def _dispose(self) -> None:
        _call(self._free, self._pointer)


# -- this machine ---------------------------------------------------------------------------------
def initialise() -> None:
    """Have LLVM know the processor that it runs on."""
    _call("InitializeNativeTarget")
    _call("InitializeNativeAsmPrinter")


def llvm_version() -> tuple[int, ...]:
    """LLVM's own version."""
    number = _call("GetVersionInfo")
    return tuple([number >> shift & 0xFF for shift in (16, 8, 0)])


def host_triple() -> str:
    """What LLVM calls this system."""
    return _told("GetDefaultTargetTriple")[1]


def host_cpu() -> str:
    """What LLVM calls this processor."""
    return _told("GetHostCPUName")[1]


def host_features() -> dict[str, bool]:
    """The features of this processor by name; none where LLVM cannot tell."""
    known, text = _told("GetHostCPUFeatures")
    words = [word for word in text.split(",") if word] if known else []
    return {word[1:]: word[0] == "+" for word in words}


class TargetMachine(_Owner):
    """What makes machine code for one processor; ``level`` is its effort, 0 to 3."""

    _free = "DisposeTargetMachine"

    def __init__(
        self, triple: str, cpu: str, features: str, level: int, reloc: str, model: str
    ) -> None:
        target, problem = _told("GetTargetFromTriple", triple.encode())
        if not target:
            raise RuntimeError(problem)
        if os.name == "nt" and model == "jitdefault":
            triple += "-elf"  # the linker of code in memory knows no other format there
        words = [word.encode() for word in (triple, cpu, features, reloc, model)]
        self._pointer = _call(
            "CreateTargetMachine", target, *words[:3], level, *words[3:], 0, 1, b""
        )
        if not self._pointer:
            raise RuntimeError("LLVM cannot make code for this processor")

    def emit(self, module: Module) -> bytes:
        """The object file of a module."""
        return self._emitted(module, True)

    def assembly(self, module: Module) -> str:
        """The assembly text of a module."""
        return self._emitted(module, False).decode("utf-8")

    def _emitted(self, module: Module, as_object: bool) -> bytes:
        buffer, problem = _told(
            "TargetMachineEmitToMemory", self._pointer, module._pointer, int(as_object)
        )
        if not buffer:
            raise RuntimeError(problem)
        try:
            return ctypes.string_at(_call("GetBufferStart", buffer), _call("GetBufferSize", buffer))
        finally:
            _call("DisposeMemoryBuffer", buffer)


# -- modules --------------------------------------------------------------------------------------
class _Context(_Owner):
    _free = "ContextDispose"

    def __init__(self) -> None:
        self._pointer = _call("ContextCreate")


class Module(_Owner):
    """A module made of its text, in a context of its own; RuntimeError where the text is wrong."""

    _free = "DisposeModule"

    def __init__(self, text: str) -> None:
        self._context = _Context()  # freed after the module
        source = text.encode("utf-8")
        self._pointer, problem = _told("ParseAssembly", self._context._pointer, source)
        if problem or not self._pointer:
            raise RuntimeError(f"LLVM IR parsing error\n{problem}")
        wrong, problem = _told("VerifyModule", self._pointer)
        if wrong:
            raise RuntimeError(problem)

    def __str__(self) -> str:
        return _told("PrintModuleToString", self._pointer)[1]


def run_passes(module: Module, machine: TargetMachine, passes: Sequence[str] | None) -> None:
    """Run these passes on a module, in place; None: LLVM's pipeline of level 1, with its vectoriser of loops."""
    with ExitStack() as disposals:

        def made(what: str, dispose: str, *arguments: Any) -> Any:
            found = _call(what, *arguments)
            disposals.callback(_call, dispose, found)
            return found

        options = made("CreatePipelineTuningOptions", "DisposePipelineTuningOptions")
        _call("PTOSetLoopVectorization", options, True)
        _call("PTOSetSLPVectorization", options, False)
        builder = made("CreatePassBuilder", "DisposePassBuilder", machine._pointer, options)
        dispose = "DisposeNewModulePassManger"
        if passes is None:
            manager = made("buildPerModuleDefaultPipeline", dispose, builder, 1)
        else:
            manager = made("CreateNewModulePassManager", dispose)
        for name in passes or ():
            _call(f"module_Add{name}Pass", manager)
        _call("RunNewModulePassManager", manager, module._pointer, builder)


# -- linking --------------------------------------------------------------------------------------
class _Element(ctypes.Structure):
    _fields_ = (("kind", c_uint8), ("value", c_char_p), ("length", c_size_t))


class _Symbol(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("address", c_uint64))


_OBJECT, _LIBRARY = 2, 3  # kinds of elements


class Linker(_Owner):
    """LLVM's ORC layer: every library that it links has names and memory of its own."""

    _free = "LLJITDispose"

    def __init__(self, machine: TargetMachine, jit_link: bool) -> None:
        self._machine = machine
        self._pointer, problem = _told("CreateLLJITCompiler", machine._pointer, False, jit_link)
        if not self._pointer:
            raise RuntimeError(problem)

    def link(
        self,
        name: str,
        objects: Sequence[bytes],
        libraries: Sequence[str],
        imports: Mapping[str, int],
        exports: Sequence[str],
    ) -> Library:
        """A library of object files, which may use the names of other libraries; RuntimeError if something lacks."""
        parts = [(_OBJECT, code) for code in objects]
        parts += [(_LIBRARY, library.encode()) for library in libraries]
        elements = (_Element * len(parts))(
            *[_Element(kind, value, len(value)) for kind, value in parts]
        )
        given = [_Symbol(symbol.encode(), address) for symbol, address in imports.items()]
        known = (_Symbol * len(given))(*given)
        wanted = (_Symbol * len(exports))(*[_Symbol(symbol.encode(), 0) for symbol in exports])
        tracker, problem = _told(
            "LLJIT_Link", self._pointer, name.encode(), elements, len(elements), known, len(known),
            wanted, len(wanted),
        )  # fmt: skip
        if not tracker:
            raise RuntimeError(problem)
        found = {symbol: w.address for symbol, w in zip(exports, wanted, strict=True)}
        return Library(tracker, found)


class Library(_Owner):
    """Code in memory, and the addresses of what it exports; valid while this object and its linker live."""

    def __init__(self, tracker: int, addresses: dict[str, int]) -> None:
        self._pointer = tracker
        self.addresses = addresses

    def _dispose(self) -> None:
        _told("LLJIT_Dylib_Tracker_Dispose", self._pointer)
