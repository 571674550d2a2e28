"""Machine code on disk: kept, checked, shared between processes, limited, and never in the way."""

import os
import subprocess
import sys
import threading

import pytest

from autodiff.engines.native import cache

CODE = b"machine code" * 100


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODIFF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTODIFF_CACHE", raising=False)


def test_what_is_written_is_read():
    key = cache.key_of("text", "environment")
    assert cache.read(key) is None
    assert cache.write(key, CODE)
    assert cache.read(key) == CODE


def test_keys_tell_texts_apart():
    keys = [cache.key_of("ab", "c"), cache.key_of("a", "bc"), cache.key_of("abc"), cache.key_of()]
    assert len(set(keys)) == 4


def test_it_can_be_turned_off(monkeypatch):
    key = cache.key_of("x")
    assert cache.write(key, CODE)
    monkeypatch.setenv("AUTODIFF_CACHE", "0")
    assert cache.read(key) is None
    assert not cache.write(key, CODE)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content[:-5] + b"?" + content[-4:],
        lambda content: b"other" + content[5:],
    ],
)
def test_damaged_files_are_ignored_and_written_anew(damage):
    key = cache.key_of("x")
    cache.write(key, CODE)
    path = cache.path_of(key)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.read(key) is None
    assert cache.write(key, CODE)
    assert cache.read(key) == CODE


def test_a_directory_that_cannot_be_used_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTODIFF_CACHE_DIR", str(tmp_path / "file"))
    assert not cache.write(cache.key_of("x"), CODE)
    assert cache.read(cache.key_of("x")) is None
    cache.trim()
    cache.clear()


def test_no_temporary_files_stay():
    for k in range(5):
        cache.write(cache.key_of(str(k)), CODE)
    files = [path for path in cache.directory().rglob("*") if path.is_file()]
    assert len(files) == 5
    assert all(path.suffix == ".machinecode" for path in files)


def test_the_oldest_are_evicted():
    keys = [cache.key_of(str(k)) for k in range(10)]
    for age, key in enumerate(keys):
        cache.write(key, CODE)
        os.utime(cache.path_of(key), (1000 + age, 1000 + age))
    cache.read(keys[0])  # used now
    cache.trim(6 * len(CODE))
    kept = [k for k, key in enumerate(keys) if cache.read(key) is not None]
    assert kept[0] == 0
    assert kept[1:] == list(range(10 - len(kept) + 1, 10))
    assert len(kept) == 5


def test_files_of_others_are_left_alone():
    cache.write(cache.key_of("x"), CODE)
    other = cache.directory() / "ab" / "object.o"
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(b"mine")
    cache.clear()
    assert other.read_bytes() == b"mine"
    assert cache.read(cache.key_of("x")) is None


def test_writing_trims_now_and_then(monkeypatch):
    monkeypatch.setattr(cache, "LIMIT_BYTES", 10 * len(CODE))
    monkeypatch.setattr(cache, "_TRIM_EVERY", 1)
    for k in range(30):
        cache.write(cache.key_of(str(k)), CODE)
    assert len(list(cache.directory().rglob("*.machinecode"))) <= 10


def test_threads_write_the_same_file():
    key = cache.key_of("x")
    wrong = []

    def work():
        for _ in range(30):
            cache.write(key, CODE)
            if cache.read(key) != CODE:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


PROGRAM = """
import ctypes
from autodiff.engines.native import cache, session
compiled = []
optimise = session._Llvm.optimise
session._Llvm.optimise = lambda self, module: (compiled.append(1), optimise(self, module))
text = "declare double @sin(double)\\ndefine double @f(double %x) {\\n" \\
       "  %y = call double @sin(double %x)\\n  ret double %y\\n}\\n"
machine = session.load(text, ("f",))
f = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(machine.address("f"))
print(len(compiled), f(0.5))
"""


def test_code_compiled_by_one_process_runs_in_the_next():
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    (first, value), (second, same) = (run.stdout.split() for run in runs)
    assert (first, second) == ("1", "0")
    assert value == same
