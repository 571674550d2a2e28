"""From the text of a module to code that runs: linking, names, errors, lifetime, threads."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest

from autodiff.engines.native import session
from autodiff.errors import InternalError

ADD = """
define double @add(double %a, double %b) #0 {
  %s = fadd double %a, %b
  ret double %s
}
"""

SUM = """
define double @total(ptr noalias %x, i64 %n) #0 {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %loop ]
  %at = getelementptr inbounds double, ptr %x, i64 %i
  %value = load double, ptr %at
  %sum.next = fadd reassoc double %sum, %value
  %next = add nuw nsw i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret double %sum.next
}
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODIFF_CACHE_DIR", str(tmp_path))


def binary(address):
    return ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(address)


def test_a_module_runs():
    machine = session.load(ADD, ("add",))
    assert binary(machine.address("add"))(2.0, 3.5) == 5.5


def test_names_resolve_in_every_family():
    text = """
    declare double @hypot(double, double)
    declare double @ddot(ptr, ptr, ptr, ptr, ptr)
    declare ptr @PyFloat_FromDouble(double)
    @type.float = external global i8
    define double @f(double %x, double %y) #0 {
      %n = alloca i32
      store i32 1, ptr %n
      %px = alloca double
      store double %x, ptr %px
      %h = call double @hypot(double %x, double %y)
      %d = call double @ddot(ptr %n, ptr %px, ptr %n, ptr %px, ptr %n)
      %s = fadd double %h, %d
      ret double %s
    }
    define ptr @box(double %x) #0 {
      %o = call ptr @PyFloat_FromDouble(double %x)
      ret ptr %o
    }
    define ptr @kind() #0 {
      ret ptr @type.float
    }
    """
    machine = session.load(text, ("f", "box", "kind"))
    assert binary(machine.address("f"))(3.0, 4.0) == 5.0 + 9.0
    box = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_double)(machine.address("box"))
    assert box(1.5) == 1.5
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p)(machine.address("kind"))
    assert kind() == id(float)


def test_calls_that_llvm_forms_itself_resolve():
    text = """
    declare double @llvm.pow.f64(double, double)
    declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
    define double @f(double %x, double %y) #0 {
      %big = alloca [4096 x i8]
      %n = fptoui double %y to i64
      call void @llvm.memset.p0.i64(ptr %big, i8 0, i64 %n, i1 false)
      %at = getelementptr i8, ptr %big, i64 1
      %zero = load volatile i8, ptr %at
      %z = sitofp i8 %zero to double
      %p = call double @llvm.pow.f64(double %x, double %y)
      %s = fadd double %p, %z
      ret double %s
    }
    """
    machine = session.load(text, ("f",))
    assert binary(machine.address("f"))(2.0, 7.0) == 128.0


def test_only_functions_of_the_c_library_that_are_used_are_looked_up():
    body = "\n  %y = call double @cbrt(double %x)\n  ret double %y\n"
    text = f"declare double @cbrt(double)\ndefine double @f(double %x) {{{body}}}"
    code = session._compile(text, "code", fresh=True)
    assert set(session._library_calls([code])) == {"cbrt"}
    assert set(session._library_calls([b"\xcf\xfa\xed\xfe _cbrt\0"])) == {"cbrt"}  # of macOS


def test_addresses_given_by_the_caller_are_used():
    callback = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x + 10)
    text = """
    declare double @host.0(double)
    define double @f(double %x, double %y) {
      %r = call double @host.0(double %x)
      ret double %r
    }
    """
    address = ctypes.cast(callback, ctypes.c_void_p).value
    machine = session.load(text, ("f",), extra={"host.0": address}, keep=callback)
    assert binary(machine.address("f"))(1.0, 0.0) == 11.0


def test_glue_calls_the_kernel():
    glue = """
    declare double @add(double, double)
    @calls = global i64 0
    define double @twice(double %a, double %b) {
      %n = load i64, ptr @calls
      %m = add i64 %n, 1
      store i64 %m, ptr @calls
      %s = call double @add(double %a, double %b)
      %t = fadd double %s, %s
      ret double %t
    }
    """
    first = session.load(ADD, ("twice", "calls"), glue=glue)
    second = session.load(ADD, ("twice", "calls"), glue=glue)
    assert binary(first.address("twice"))(1.0, 2.0) == 6.0
    calls = [ctypes.c_int64.from_address(m.address("calls")).value for m in (first, second)]
    assert calls == [1, 0]  # machines share nothing, not even when their text is the same


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("define i32 @f() {\n  ret i64 0\n}\n", "LLVM rejects the module"),
        ("declare double @nonsense()\ndefine double @f() {\n  %x = call double @nonsense()\n"
         "  ret double %x\n}\n", "no native symbol is called 'nonsense'"),
        ("define i32 @g() {\n  ret i32 0\n}\n", "the module does not link"),
    ],
)  # fmt: skip
def test_bad_modules_are_refused(text, message, capfd):
    with pytest.raises(InternalError, match=message):
        session.load(text, ("f",))


def test_only_names_that_were_asked_for_have_an_address():
    machine = session.load(ADD, ("add",))
    with pytest.raises(InternalError, match="was not asked"):
        machine.address("other")


def test_loops_are_vectorised_for_this_cpu():
    machine = session.load(SUM, ("total",))
    assert f"<{session.host().vector_bits // 64} x double>" in machine.optimised_ir()
    assert "total" in machine.assembly()
    values = (ctypes.c_double * 100)(*range(100))
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p, ctypes.c_int64)
    assert function(machine.address("total"))(ctypes.addressof(values), 100) == 4950.0


@pytest.mark.usefixtures("new_objects_only")
def test_what_a_machine_keeps_goes_with_it():
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    machine = session.load(ADD, ("add",), keep=thing)
    del thing
    gc.collect()
    assert gone() is not None
    del machine
    gc.collect()
    assert gone() is None


@pytest.mark.usefixtures("new_objects_only")
def test_memory_of_dropped_machines_is_used_again():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])

    try:
        resident()
    except OSError:
        pytest.skip("no /proc here")
    for _ in range(50):
        session.load(ADD, ("add",))
    before = resident()
    for _ in range(600):
        session.load(ADD, ("add",))
    gc.collect()
    assert resident() - before < 300  # pages: one page kept for each would be 600 or more


def test_threads_compile_at_the_same_time():
    results = {}

    def work(k):
        text = ADD.replace("fadd double %a, %b", f"fadd double %a, {float(k)}")
        results[k] = binary((machine := session.load(text, ("add",))).address("add"))(1.0, 0.0)
        del machine

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: 1.0 + k for k in range(8)}


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()


def test_llvm_loads_on_first_use_or_in_the_background():
    code = (
        "import sys\nfrom autodiff.engines.native import session\n"
        "made = session._make_state.cache_info\n"
        "print(made().currsize)\nsession.prepare()\nsession.prepare().join()\n"
        "print(made().currsize, len(session.host().cpu) > 0)"
    )
    assert run(code) == ["0", "1", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_while_threads_compile_can_compile():
    code = f"""
import os, threading
from autodiff.engines.native import session
text = {ADD!r}
stop = []
def work():
    k = 0
    while not stop:
        k += 1
        session.load(text.replace("double %b\\n", f"double {{float(k)}}\\n"), ("add",))
thread = threading.Thread(target=work)
thread.start()
good = 0
for _ in range(5):
    child = os.fork()
    if child == 0:
        session.load(text, ("add",))
        os._exit(7)
    good += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
stop.append(1)
thread.join()
print(good)
"""
    assert run(code) == ["5"]


# -- object files from disk that are no good ------------------------------------------------------
UNLINKABLE = {
    "empty": lambda code: b"",
    "text": lambda code: b"no object file at all" * 10,
    "header and junk": lambda code: code[:16] + b"junk" * 1000,
    "first half": lambda code: code[: len(code) // 2],
    "32 bits": lambda code: code[:4] + b"\x01" + code[5:],
}


@pytest.mark.parametrize("way", ["kernel", "glue"])
@pytest.mark.parametrize("damage", UNLINKABLE)
def test_an_entry_that_does_not_link_is_made_anew(damage, way, tmp_path, monkeypatch):
    text = ADD.replace("@add", "@sum").replace("#0", "" if way == "glue" else "#0")
    parts = {"text": "", "glue": text} if way == "glue" else {"text": text}
    session.load(**parts, names=("sum",))
    (path,) = tmp_path.rglob("*.machinecode")
    good = path.read_bytes()
    # As if the cache itself had kept it: key and digest are right.
    assert session.cache.write(path.stem, UNLINKABLE[damage](session.cache.read(path.stem)))
    session._recent_glue.clear()
    machine = session.load(**parts, names=("sum",))
    assert binary(machine.address("sum"))(2.0, 3.5) == 5.5
    assert path.read_bytes() == good


def test_a_module_that_really_does_not_link_is_told():
    text = "declare double @dot_product_of_nobody(double)\n" + ADD.replace(
        "fadd double %a, %b", "call double @dot_product_of_nobody(double %a)"
    )
    with pytest.raises(InternalError, match="dot_product_of_nobody"):
        session.load(text, ("add",))


def _chain(length: int, before_end: str = "") -> str:
    steps = "\n".join(f"  %v{k + 1} = fadd double %v{k}, 1.0" for k in range(length))
    return f"""
define double @chain(double %v0) #0 {{
start:
{steps}
{before_end}
  br label %end
end:
  ret double %v{length}
}}
"""


def test_good_code_is_made_of_what_is_short_or_repeats():
    long = session._LONG
    loop = f"br i1 false, label %start, label %last\nlast:\n  %x = fadd double %v{long}, 1.0"
    assert session._is_long_and_straight(_chain(long))
    assert not session._is_long_and_straight(_chain(long - 100))
    assert not session._is_long_and_straight(_chain(long, loop))
    assert binary(session.load(_chain(long), ("chain",)).address("chain"))(0.5, 0.0) == long + 0.5
