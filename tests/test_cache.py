"""Machine code on disk: kept, checked, shared between processes, limited, and never in the way."""

import os
import subprocess
import sys
import threading

import pytest

from autodiff import cache

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


def test_a_user_without_a_home_has_no_cache(tmp_path, monkeypatch):
    for name in ("AUTODIFF_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # of a number without a name
    monkeypatch.chdir(tmp_path)
    key = cache.key_of("x")
    assert not cache.is_on()
    assert not cache.write(key, CODE) and cache.read(key) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the variable is of Linux")
def test_a_relative_place_for_caches_is_ignored(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTODIFF_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache.directory() == tmp_path / ".cache" / "autodiff"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    assert cache.directory() == tmp_path / "there" / "autodiff"


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
from autodiff import cache
from autodiff.engines.native import session
compiled = []
optimise = session._Llvm.optimise
session._Llvm.optimise = lambda self, *args: (compiled.append(1), optimise(self, *args))
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


# -- files that are not what their name says, or not the user's -----------------------------------
posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")
root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)


def test_code_under_the_name_of_other_code_is_not_read():
    one, other = cache.key_of("one"), cache.key_of("other")
    cache.write(one, CODE)
    cache.write(other, b"other " + CODE)
    content = cache.path_of(other).read_bytes()
    cache.path_of(one).write_bytes(content)
    assert cache.read(one) is None
    assert cache.read(other) == b"other " + CODE
    assert cache.write(one, CODE)
    assert cache.read(one) == CODE


def _link(path, target):
    path.rename(target)
    path.symlink_to(target, target_is_directory=target.is_dir())


def _hidden(path):
    """A name beside the cache, for what a link leads to."""
    return cache.directory().parent / f"real {path.name}"


_PLACES = {
    "directory": lambda key: cache.directory(),
    "folder": lambda key: cache.path_of(key).parent,
    "file": lambda key: cache.path_of(key),
}
_STATES = {
    "group may write": lambda path: path.chmod(path.stat().st_mode | 0o020),
    "all may write": lambda path: path.chmod(path.stat().st_mode | 0o002),
    "link": lambda path: _link(path, _hidden(path)),
    "another owner": lambda path: os.chown(path, 65534, -1),
}


@posix
@pytest.mark.parametrize("place", _PLACES)
@pytest.mark.parametrize(
    "state", [s if s != "another owner" else pytest.param(s, marks=root) for s in _STATES]
)
def test_what_others_may_change_is_not_read(place, state):
    key = cache.key_of("x")
    assert cache.write(key, CODE)
    _STATES[state](_PLACES[place](key))
    assert cache.read(key) is None
    kept = cache.write(key, CODE)
    # A file is replaced by one that is the user's; a folder that others may write stays unused.
    assert kept == (place == "file")
    assert cache.read(key) == (CODE if kept else None)


@posix
def test_modes_of_what_is_written_do_not_depend_on_the_umask():
    before = os.umask(0)
    try:
        key = cache.key_of("x")
        assert cache.write(key, CODE)
    finally:
        os.umask(before)
    for path in (cache.directory(), cache.path_of(key).parent, cache.path_of(key)):
        assert path.stat().st_mode & 0o077 == 0, path
    assert cache.read(key) == CODE


@posix
def test_nothing_is_removed_from_a_directory_that_others_may_write():
    key = cache.key_of("x")
    cache.write(key, CODE)
    cache.directory().chmod(0o777)
    cache.clear()
    assert cache.path_of(key).exists()


@posix
def test_a_pipe_in_the_place_of_a_file_does_not_hold_up_the_reader():
    key = cache.key_of("x")
    cache.write(key, CODE)
    cache.path_of(key).unlink()
    os.mkfifo(cache.path_of(key), 0o600)
    assert cache.read(key) is None


# -- faults in the middle of a write ----------------------------------------------------------------
def _files():
    return [path for path in cache.directory().rglob("*") if path.is_file()]


class _FullDisk:
    """A file that takes the first bytes and then no more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *error):
        return self.file.__exit__(*error)

    def write(self, content):
        self.file.write(content[: self.room])
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("room", [0, 10, 30, 500])
@pytest.mark.parametrize("before", [False, True])
def test_a_full_disk_leaves_what_was_there(monkeypatch, room, before):
    key = cache.key_of("x")
    if before:
        cache.write(key, CODE)
    real = os.fdopen
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", lambda *args: _FullDisk(real(*args), room))
        assert not cache.write(key, b"new " + CODE)
    assert cache.read(key) == (CODE if before else None)
    assert len(_files()) == before
    assert cache.write(key, b"new " + CODE)
    assert cache.read(key) == b"new " + CODE


@pytest.mark.parametrize("name", ["replace", "fdopen", "mkdir"])
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), PermissionError(13, "no")])
def test_a_call_that_fails_leaves_nothing(monkeypatch, name, error):
    key = cache.key_of("x")

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        assert not cache.write(key, CODE)
    assert cache.read(key) is None
    assert not cache.directory().exists() or not _files()
    assert cache.write(key, CODE)
    assert cache.read(key) == CODE


def test_an_interrupt_in_the_middle_of_a_write_leaves_nothing(monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.write(cache.key_of("x"), CODE)
    assert _files() == []


_KILLED = """
import os, signal, sys
from autodiff import cache
def kill(*args): os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "replace":
    os.replace = kill
else:
    real = os.fdopen
    class File:
        def __init__(self, file): self.file = file
        def __enter__(self): return self
        def __exit__(self, *error): pass
        def write(self, content):
            self.file.write(content[:40]); self.file.flush(); kill()
    os.fdopen = lambda *args: File(real(*args))
cache.write(cache.key_of("x"), b"machine code" * 100)
"""


@posix
@pytest.mark.parametrize("where", ["write", "replace"])
def test_a_process_killed_in_the_middle_of_a_write_leaves_no_entry(where):
    key = cache.key_of("x")
    ended = subprocess.run([sys.executable, "-c", _KILLED, where], timeout=60)
    assert ended.returncode == -9
    assert cache.read(key) is None
    (left,) = _files()
    assert left.name.endswith(".tmp")
    assert cache.write(key, CODE)
    assert cache.read(key) == CODE
    cache.trim()
    assert left.exists()  # it could be that of a process at work
    os.utime(left, (1000, 1000))
    cache.trim()
    assert not left.exists()
    assert cache.read(key) == CODE


_LIMITED = """
import resource, signal
from autodiff import cache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
print(cache.write(cache.key_of("small"), b"x" * 1000), cache.write(cache.key_of("large"), b"x" * 10**6))
print(cache.read(cache.key_of("small")) == b"x" * 1000, cache.read(cache.key_of("large")))
"""


@posix
def test_a_file_that_the_system_cuts_short_is_not_kept():
    ended = subprocess.run(
        [sys.executable, "-c", _LIMITED], capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.splitlines() == ["True False", "True None"], ended.stderr
    assert len(_files()) == 1


def test_a_small_file_system_that_is_full(tmp_path, monkeypatch):
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(place)]
    try:
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("mounting is not permitted")
    except OSError:
        pytest.skip("there is no mount")
    try:
        monkeypatch.setenv("AUTODIFF_CACHE_DIR", str(place / "cache"))
        content = {cache.key_of(str(k)): bytes([k]) * 9000 for k in range(20)}
        kept = {key: cache.write(key, code) for key, code in content.items()}
        assert 0 < sum(kept.values()) < 20
        for key, code in content.items():
            assert cache.read(key) == (code if kept[key] else None)
        assert len(_files()) == sum(kept.values())
    finally:
        subprocess.run(["umount", str(place)], check=True)
