"""The numbers of functions that README.md gives are those of the tables."""

import inspect
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats

from autodiff.ops.dispatch import functions
from autodiff.ops.ufuncs import NAMES

README = (Path(__file__).parents[2] / "README.md").read_text()


def known(*modules: ModuleType) -> int:
    """How many functions of the modules have an entry, each counted once."""
    found = set()
    for module in modules:
        for name, value in vars(module).items():
            if name.startswith("_") or not callable(value) or inspect.isclass(value):
                continue
            if functions.get(value) is not None or value in NAMES:
                found.add(id(value))
    return len(found)


def test_functions_of_numpy() -> None:
    (claimed,) = re.findall(r"over (\d+) functions \|", README)
    assert int(claimed) < known(np, np.linalg, np.fft, np.lib.stride_tricks) <= int(claimed) + 20


def test_functions_of_scipy() -> None:
    (claimed,) = re.findall(r"`special`: (\d+) functions", README)
    assert int(claimed) <= known(scipy.special) <= int(claimed) + 10
    (distributions,) = re.findall(r"of (\d+) distributions", README)
    kinds = (scipy.stats.rv_continuous, scipy.stats.rv_discrete)
    found = {type(d) for d in vars(scipy.stats).values() if isinstance(d, kinds)}
    assert int(distributions) <= len(found) <= int(distributions) + 10
