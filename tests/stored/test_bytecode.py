"""The bytecode of a first call's modules in one file: who reads it gets the modules that their files make."""

import importlib.util
import json
import marshal
import os
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autodiff import cache
from autodiff.stored import bytecode, loading

FIRST = """
import importlib, inspect, json, pkgutil, sys
import numpy as np, autodiff
gradient = autodiff.gradient(lambda x: np.sum(x**POWER))(np.arange(3.0)).tolist()
ours = [m for n, m in sys.modules.items() if n.partition(".")[0] == "autodiff"]
import autodiff.capture.lists as lists, autodiff.engines.native.entry as entry
import autodiff.capture.matching  # which no first call has loaded
told = {
    "gradient": gradient,
    "at hand": sum(type(m.__spec__.loader).__name__ == "_Loader" for m in ours),
    "from files": sum(type(m.__spec__.loader).__name__ == "_Reader" for m in ours),
    "files": sorted([m.__name__, m.__file__, m.__spec__.origin, m.__cached__, m.__package__,
                     list(getattr(m, "__path__", ())), m.__spec__.parent] for m in ours),
    "text": [inspect.getsource(lists.TracedList), lists.__loader__.get_source(lists.__name__)],
    "folder": sorted(m.name for m in pkgutil.iter_modules(sys.modules["autodiff.capture"].__path__)),
    "again": importlib.reload(entry) is entry and type(entry.__spec__.loader).__name__,
}
print(json.dumps(told))
"""


def first(place: Path, power: int, setting: str = "1") -> dict[str, Any]:
    """What a process says of its modules that makes a gradient, with this cache, of what is not in it."""
    settings = {**os.environ, "AUTODIFF_CACHE": setting, "AUTODIFF_CACHE_DIR": str(place)}
    command = [sys.executable, "-c", FIRST.replace("POWER", str(power))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=settings)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.skipif(os.name == "nt", reason="paths of another form")
def test_a_second_process_has_the_modules_of_the_first_from_one_file(tmp_path: Path) -> None:
    files, one = first(tmp_path, 3), first(tmp_path, 4)
    largest = max(tmp_path.rglob("*.*"), key=lambda file: file.stat().st_size).read_bytes()
    codes = marshal.loads(largest[len(cache._MAGIC) + cache._DIGEST_BYTES :])
    assert "autodiff.capture" in codes and "autodiff.api" not in codes  # which has looked for it
    assert files.pop("at hand") == 0
    assert one.pop("at hand") > 150
    assert files.pop("from files") > 150
    assert one.pop("from files") < 40  # what the file has not
    assert one.pop("again") == "SourceFileLoader" == files.pop("again")
    added = [each for each in one["files"] if each not in files["files"]]
    assert added == []
    assert one["text"] == files["text"] and one["folder"] == files["folder"]
    assert (files["gradient"], one["gradient"]) == ([0.0, 3.0, 12.0], [0.0, 4.0, 32.0])
    # Nothing of it where only machine code is kept, or nothing.
    assert first(tmp_path, 5, "code")["at hand"] == 0
    assert first(tmp_path, 6, "0")["at hand"] == 0


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A cache for the test, and the name of the file in it."""
    monkeypatch.setenv("AUTODIFF_CACHE", "1")
    monkeypatch.setenv("AUTODIFF_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(bytecode, "_noted", [loading.__name__, "autodiff.api.classes"])
    bytecode._key.cache_clear()
    key = bytecode._key()
    assert key is not None
    yield key
    bytecode._key.cache_clear()


def test_what_is_written_is_what_the_files_say(own_cache: str) -> None:
    bytecode._write(os.getpid())
    content = cache.read(own_cache, large=True)
    assert content is not None and len(content) > 10_000
    assert cache.read(own_cache) is None  # another digest


def test_nothing_is_written_once_a_file_is_another(
    own_cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytecode, "sources_now", lambda: (*loading.sources(), "another file"))
    bytecode._write(os.getpid())
    assert cache.read(own_cache, large=True) is None
    assert bytecode._key_of(bytecode.sources_now()) != own_cache


def test_a_child_writes_nothing(own_cache: str) -> None:
    bytecode._write(os.getpid() + 1)
    assert cache.read(own_cache, large=True) is None


def module_in(folder: Path, text: str) -> ModuleType:
    """A module of this folder as the finder makes it; its bytecode file is written if there is none that holds."""
    (folder / "some.py").write_text(text)
    spec = bytecode._Finder().find_spec("autodiff.some", [str(folder)])
    assert spec is not None and isinstance(spec.loader, bytecode._Reader)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_bytecode_file_is_read_while_it_is_of_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(bytecode._Reader, "moved", False)
    read: list[bool] = []
    usual = bytecode._Reader._read

    def noted(self: Any, *of: Any) -> Any:
        found = usual(self, *of)
        read.append(found is not None)
        return found

    monkeypatch.setattr(bytecode._Reader, "_read", noted)
    one = module_in(tmp_path, "x = 1")
    again = module_in(tmp_path, "x = 1")
    os.utime(tmp_path / "some.py", (0, 0))
    assert (one.x, again.x, one.__cached__) == (1, 1, again.__cached__)
    assert module_in(tmp_path, "x = 12").x == 12  # of another size
    cached = Path(again.__cached__)
    whole = cached.read_bytes()
    for bad in (b"", whole[:10], b"\0" * 16 + whole[16:]):
        cached.write_bytes(bad)
        assert module_in(tmp_path, "x = 12").x == 12
    cached.write_bytes(whole[:-1])
    with pytest.raises(EOFError):  # as Python does
        module_in(tmp_path, "x = 12")
    py_compile.compile(
        str(tmp_path / "some.py"), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
    )
    assert module_in(tmp_path, "x = 12").x == 12
    (tmp_path / "moved").mkdir()
    moved = module_in(tmp_path / "moved", "x = 12")  # with bytecode of a file elsewhere
    time = (tmp_path / "moved" / "some.py").stat().st_mtime
    os.utime(tmp_path / "some.py", (time, time))
    py_compile.compile(str(tmp_path / "some.py"), cfile=moved.__cached__)
    assert module_in(tmp_path / "moved", "x = 12").x == 12
    assert bytecode._Reader.moved
    assert bytecode._Finder().find_spec("autodiff.some", [str(tmp_path)]) is None
    assert read[:3] == [False, True, False] and True not in read[3:]


def test_who_asks_again_is_answered_by_python(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text("x = 1")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    finder = bytecode._Finder()
    for name, place in (("some", "some.py"), ("inner", "inner/__init__.py")):
        spec, usual = finder.find_spec(f"autodiff.{name}", [str(tmp_path)]), None
        usual = PathFinder.find_spec(f"autodiff.{name}", [str(tmp_path)])
        assert spec is not None and usual is not None
        assert spec.origin == str(tmp_path / place) == usual.origin
        assert spec.submodule_search_locations == usual.submodule_search_locations
        assert (spec.cached, spec.has_location) == (usual.cached, usual.has_location)
        assert finder.find_spec(f"autodiff.{name}", [str(tmp_path)]) is None
    for name, path in (("autodiff.absent", [str(tmp_path)]), ("some", None), ("other.some", ["x"])):
        assert finder.find_spec(name, path) is None


def test_hooks_of_users_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hook:
        find_spec = None

    first, last = Hook(), Hook()
    monkeypatch.setattr(sys, "meta_path", [first, *bytecode._USUAL, last])
    bytecode._look()
    bytecode._look()  # as if this package had been loaded anew
    assert [type(finder) for finder in sys.meta_path[:2]] == [Hook, bytecode._Finder]
    assert sys.meta_path[2:] == [*bytecode._USUAL, last]

    class Own(SourceFileLoader):
        """Of a hook of paths."""

    monkeypatch.setattr(bytecode.__spec__, "loader", Own("autodiff.stored.bytecode", "file"))
    bytecode._look()
    assert sys.meta_path == [first, *bytecode._USUAL, last]


def test_a_package_without_files_has_none() -> None:
    assert bytecode._key_of(()) is None
