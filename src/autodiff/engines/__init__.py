"""Engines: programs to callables.  Each is loaded when it is first used.

``executable(program, inputs, outputs, result, engine, threads, device)`` gives an :class:`Executable`;
see ``choosing``, which is loaded when one of these names is asked for: a call that is answered from
the disk needs the names of the engines only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

ENGINES = ("native", "numpy", "jax")

if TYPE_CHECKING:
    from autodiff.engines.choosing import Executable as Executable
    from autodiff.engines.choosing import InputForm as InputForm
    from autodiff.engines.choosing import executable as executable
    from autodiff.engines.choosing import matches as matches
    from autodiff.engines.choosing import run_native as run_native
    from autodiff.engines.choosing import runner as runner
else:
    _NAMES = ("Executable", "InputForm", "executable", "matches", "run_native", "runner")

    def __getattr__(name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module("autodiff.engines.choosing"), name)
        globals()[name] = found
        return found
