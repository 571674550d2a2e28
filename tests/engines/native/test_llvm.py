"""LLVM without llvmlite's own modules: the same functions, called in the same way, or an error."""

import ctypes
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import llvmlite
import pytest
from llvmlite.binding import ffi

from autodiff.engines.native import llvm
from autodiff.errors import NameArgumentError


def test_functions_are_declared_as_llvmlite_declares_them() -> None:
    assert llvm.differences(ffi.lib) == []
    assert llvm.version() == llvmlite.__version__
    assert llvm.llvm_version() == llvmlite.binding.llvm_version_info


def declared(**changed: Any) -> SimpleNamespace:
    """llvmlite's declarations, but for some."""
    same = {f"LLVMPY_{name}": getattr(ffi.lib, f"LLVMPY_{name}") for name in llvm.FUNCTIONS}
    return SimpleNamespace(**(same | changed), _name=ffi.lib._name)


OTHERS = {
    "one argument more": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]),
    "a number for a pointer": (ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]),
    "another result": (ctypes.c_bool, [ctypes.c_void_p, ctypes.c_void_p]),
    "nothing declared": (ctypes.c_void_p, None),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_called_in_another_way_is_found(other: str) -> None:
    result, arguments = OTHERS[other]
    changed = SimpleNamespace(restype=result, argtypes=arguments)
    assert llvm.differences(declared(LLVMPY_CreatePassBuilder=changed)) == ["CreatePassBuilder"]
    assert llvm.differences(declared(LLVMPY_CreatePassBuilder=None)) == ["CreatePassBuilder"]


def test_an_unknown_version_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llvm, "version", lambda: "0.99.0")
    assert llvm._path() == ffi.lib._name
    nothing = SimpleNamespace(restype=None, argtypes=[])
    monkeypatch.setattr(ffi, "lib", declared(LLVMPY_DisposeModule=nothing))
    with pytest.raises(NameArgumentError) as error:
        llvm._path()
    assert str(error.value) == (
        "AD107: the native engine cannot use llvmlite 0.99.0: LLVMPY_DisposeModule is called in another way.\n"
        "  Remedy: python -m pip install --upgrade autodiff or 'llvmlite>=0.48,<0.51', or use engine='numpy'"
    )


def test_what_is_not_there_is_said_as_by_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llvm.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="llvmlite"):
        llvm._path()


def test_llvmlites_lock_is_held_where_it_is_loaded() -> None:
    seen: list[str] = []
    ffi.register_lock_callback(lambda: seen.append("held"), lambda: seen.append("released"))
    try:
        with llvm.lock():
            assert seen == ["held"]
    finally:
        ffi.lib._lock._cblist.clear()


def test_a_call_begun_before_llvmlite_was_loaded_ends_before_others_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    inside, loaded, leave = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.delitem(sys.modules, "llvmlite.binding.ffi")

    def first() -> None:
        with llvm.lock():
            inside.set()
            loaded.wait(10)
            with llvm.lock():  # what is freed meanwhile does not wait for llvmlite's lock
                order.append("freed")
            leave.wait(10)
            order.append("first")

    def second() -> None:
        with llvm.lock():
            order.append("second")

    one, other = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    assert inside.wait(10)
    monkeypatch.setitem(sys.modules, "llvmlite.binding.ffi", ffi)
    with ffi.lib._lock:  # another user of llvmlite
        loaded.set()
        other.start()
        leave.set()
        one.join(10)
        assert order == ["freed", "first"]
    other.join(10)
    assert order == ["freed", "first", "second"]


def test_the_first_native_call_loads_no_module_of_llvmlite() -> None:
    code = (
        "import sys\nfrom autodiff.engines.native import session\n"
        "text = 'define double @f(double %x) {\\n  ret double %x\\n}\\n'\n"
        "machine = session.load(text, ('f',))\n"
        "print([m for m in sys.modules if m.startswith('llvmlite')], 'zipfile' in sys.modules)\n"
        "import llvmlite.binding\n"  # as Numba does: one library serves both
        "again = session.load(text.replace('@f', '@g'), ('g',))\n"
        "module = llvmlite.binding.parse_assembly(text)\nmodule.verify()\n"
        "print(again.address('g') > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == ["[] False", "True"]


def test_modules_and_machines_are_freed() -> None:
    """A module's context, its passes and the object's buffer: some 50 kB each."""

    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1])

    if sys.platform != "linux":
        pytest.skip("no /proc here")
    text = "define double @f(double %x) {\n  %y = fadd double %x, %x\n  ret double %y\n}\n"
    llvm.initialise()
    features = ",".join(f"{'+' if on else '-'}{name}" for name, on in llvm.host_features().items())
    machine = llvm.TargetMachine(
        llvm.host_triple(), llvm.host_cpu(), features, 1, "default", "jitdefault"
    )

    def make() -> None:
        module = llvm.Module(text)
        llvm.run_passes(module, machine, llvm.SHORT_PASSES)
        assert machine.emit(module)
        assert "f" in machine.assembly(module)
        assert "@f" in str(module)

    for _ in range(20):
        make()
    before = resident()
    for _ in range(100):
        make()
    assert resident() - before < 300  # pages
