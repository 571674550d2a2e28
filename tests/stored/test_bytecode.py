"""The bytecode of a first call's modules in one file: who reads it gets the modules that their files make."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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
    "at hand": sum(type(m.__spec__.loader).__module__ == "autodiff.stored.bytecode" for m in ours),
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
    assert files.pop("at hand") == 0
    assert one.pop("at hand") > 150
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


def test_a_package_without_files_has_none() -> None:
    assert bytecode._key_of(()) is None
