"""Other systems, as far as one machine can tell: the branches for Windows, macOS and Arm, and machine code for them.

LLVM writes code for any processor: programs that are lowered as on the other machine must become object files there. What
the C library there is called, where the cache lies and which allocator is used is asked with the platform's name replaced.
"""

import ctypes
import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding
from scipy import special

import autodiff
from autodiff import cache
from autodiff.engines.native import (
    compile,  # noqa: A004 - the module
    flags,
    pool,
    session,
    symbols,
    ufunc_calls,
)
from autodiff.engines.native.lowering import lower
from autodiff.engines.native.vector_math import large_argument
from autodiff.engines.native.vector_math.emit import F64
from autodiff.errors import NameArgumentError

TARGETS = {
    "Linux on Arm": ("aarch64-unknown-linux-gnu", "generic", "aarch64", "linux"),
    "macOS on Arm": ("arm64-apple-darwin", "apple-m1", "arm64", "darwin"),
    "Windows on x86": ("x86_64-pc-windows-msvc", "x86-64", "AMD64", "win32"),
}
X = np.array([0.5, -1.0, 2.0])


def loops(x: Any) -> Any:
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += np.exp(x[k]) * np.tanh(x[k])
    return total


def vectors(x: Any) -> Any:
    return np.sum(np.sin(x) * np.log1p(x * x)) + np.linalg.norm(x) + np.max(x**3)


def routines(x: Any) -> Any:
    a = np.eye(3) + np.outer(x, x)
    return np.sum(np.linalg.solve(a, x)) + np.sum(special.gammaln(1 + x * x)) + np.sort(x)[0]


@pytest.fixture(scope="module", autouse=True)
def _all_targets() -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("function", [loops, vectors, routines], ids=lambda f: f.__name__)
def test_programs_become_machine_code_of_other_systems(
    function: Any, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    triple, cpu, machine, _ = TARGETS[target]
    program = autodiff.value_and_gradient(function).ir(X)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    text = lower(program, 4).text
    assert ("x86" in text) <= (machine == "AMD64")
    module = binding.parse_assembly(text)
    module.triple = triple
    module.verify()
    made = binding.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3)
    assert len(made.emit_object(module)) > 500


@pytest.mark.parametrize("machine", ["aarch64", "arm64"])
def test_no_register_of_x86_is_read_on_arm(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(flags, "is_x86", flags.is_x86.__wrapped__)  # which is asked once
    assert not flags.is_x86()
    assert not ufunc_calls._is_x86()
    assert large_argument.lanes_of(F64) == (2, 4)
    flags.after_python(flags.before_python())  # there are no flags to read or set


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_allocator_is_valid_code_on_every_system(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    text = pool._text()
    binding.parse_assembly(text).verify()
    assert ("posix_memalign" in text) == (system != "win32")
    assert ("madvise" in text) == (system == "linux")


def test_the_cache_lies_where_each_system_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTODIFF_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("LOCALAPPDATA", "AppData/Local")
    monkeypatch.setenv("HOME", "/home/someone")
    found = {}
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", system)
        found[system] = cache.directory().as_posix()
    assert found == {
        "linux": "/home/someone/.cache/autodiff",
        "darwin": "/home/someone/Library/Caches/autodiff",
        "win32": "AppData/Local/autodiff",
    }


@pytest.mark.parametrize(
    ("system", "names"),
    [
        ("win32", ["ucrtbase", "vcruntime140"]),
        ("darwin", [None, "/usr/lib/libSystem.B.dylib"]),
        ("linux", [None, "libm.so.6", "libgcc_s.so.1"]),
    ],
)
def test_the_c_library_is_asked_by_its_name_of_the_system(
    system: str, names: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def load(name: str | None) -> ctypes.CDLL:
        asked.append(name)
        raise OSError(name)

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert symbols._c_libraries.__wrapped__() == ()
    assert asked == names


def test_what_native_code_allocates_is_freed_without_a_library_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``ctypes.CDLL(None)`` is an error on Windows."""

    def without(name: str | None) -> ctypes.CDLL:
        raise TypeError("no process handle on Windows")

    symbols.process_address("free")  # libraries are looked up once
    monkeypatch.setattr(ctypes, "CDLL", without)
    compile._free.cache_clear()
    program = autodiff.function(lambda x: x[x > 0]).ir(X)
    (found,) = compile.compile_program(program)([X])
    np.testing.assert_array_equal(found, [0.5, 2.0])


CALLS_OF_ONE_SYSTEM = (
    "os.fork", "os.getuid", "os.uname", "import fcntl", "import resource\n", "signal.SIGALRM", "signal.pthread",
    "mmap.mmap", "os.sched_getaffinity", "os.register_at_fork", "ctypes.CDLL(None)", "os.killpg", "import pwd",
)  # fmt: skip


def test_calls_of_one_system_stand_behind_a_question() -> None:
    """What Windows or macOS lacks is asked for before it is called."""
    unasked = []
    for path in (Path(autodiff.__file__).parent).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for call in CALLS_OF_ONE_SYSTEM:
            name = call.rpartition(".")[2]
            asked = (f'hasattr(os, "{name}")', 'if sys.platform != "linux"')
            if call in text and not any(question in text for question in asked):
                unasked.append(f"{path.name}: {call}")
    assert unasked == []


def test_an_llvm_that_makes_wrong_code_is_refused() -> None:
    """LLVM 20 clobbers a register in functions of the convention by which loops look for signals."""
    session._refuse_old(binding.llvm_version_info, "of today")
    with pytest.raises(NameArgumentError) as error:
        session._refuse_old((20, 1, 8), "0.47.0")
    assert str(error.value) == (
        "AD107: the native engine cannot use llvmlite 0.47.0: its LLVM 20 makes wrong code.\n"
        "  Remedy: python -m pip install --upgrade 'llvmlite>=0.48', or use engine='numpy'"
    )


def test_functions_that_promise_registers_keep_them() -> None:
    """The end of a function of `preserve_mostcc` writes to no register but those that it may."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("registers of x86")
    module = binding.parse_assembly(
        "declare i32 @asked()\n"
        "define preserve_mostcc i32 @look(ptr %stop, i64 %number) noinline {\n"
        "  %told = load i64, ptr %stop\n  %go = icmp eq i64 %told, 0\n"
        "  br i1 %go, label %ask, label %leave\n"
        "ask:\n  %raised = call preserve_mostcc i32 @asked()\n  ret i32 %raised\n"
        "leave:\n  ret i32 1\n}\n"
    )
    machine = binding.Target.from_default_triple().create_target_machine(opt=3)
    popped = set(re.findall(r"popq\s+%(\w+)", machine.emit_assembly(module)))
    assert popped <= {"r11", "rax"}
