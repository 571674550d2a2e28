"""The command line: demo, check, show, doctor.

    python -m autodiff demo
    python -m autodiff check model.py:loss --at "np.ones(3), 2.0"
    python -m autodiff show model.py:loss --at "np.ones(3), 2.0" --llvm
    python -m autodiff doctor

``--at`` is what would stand between the parentheses of a call, keyword arguments included; `np`
and everything that the file defines can be used in it.

Exit codes: 0 all well, 1 something disagrees or failed, 2 the command could not be understood.
Errors are sentences on standard error, without a traceback unless AUTODIFF_DEBUG is set.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import inspect
import io
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodiff.errors import AutodiffError
from autodiff.later import later

if TYPE_CHECKING:
    from autodiff.ops import function_table
else:
    function_table = later("autodiff.ops.function_table")


class UsageError(Exception):
    """What the command line asks for cannot be done; the text says why and what to do."""


class UserError(Exception):
    """The user's function raised an error of its own; the text says which and where."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except UsageError as error:
        print(f"autodiff: {error}", file=sys.stderr)
        return 2
    except AutodiffError as error:
        if _debugging():
            raise
        print(f"autodiff: {type(error).__name__} {error}", file=sys.stderr)
        return 1
    except UserError as error:
        if _debugging():
            raise
        print(f"autodiff: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has seen enough, as in `autodiff show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _debugging() -> bool:
    return os.environ.get("AUTODIFF_DEBUG", "0") not in ("", "0")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m autodiff",
        description="Derivatives and native speed for unmodified NumPy code.",
    )
    from autodiff import __version__

    parser.add_argument("--version", action="version", version=f"autodiff {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="fit the 27 NIST regression problems")
    demo.add_argument("problems", nargs="*", metavar="PROBLEM", help="only these, by NIST's name")
    demo.add_argument("--picture", default="autodiff_demo.png", metavar="FILE",
                      help="where to save the picture (default: %(default)s)")  # fmt: skip
    demo.add_argument("--no-picture", action="store_true", help="draw none")
    demo.set_defaults(run=_demo)

    check = commands.add_parser(
        "check", help="compare a function's value and derivative with NumPy and with differences"
    )
    _add_target(check)
    check.set_defaults(run=_check)

    show = commands.add_parser("show", help="print the program that a function becomes")
    _add_target(show)
    show.add_argument("--gradient", action="store_true", help="the gradient's program instead")
    show.add_argument("--llvm", action="store_true", help="LLVM's text instead")
    show.set_defaults(run=_show)

    doctor = commands.add_parser("doctor", help="versions, processor, engines, cache")
    doctor.set_defaults(run=_doctor)
    return parser


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="FILE.py:FUNCTION", help="where the function is")
    parser.add_argument("--at", default="", metavar="ARGUMENTS",
                        help='the call\'s arguments, as in "np.ones(3), scale=2.0"; none if left out')  # fmt: skip
    parser.add_argument("--engine", choices=("native", "numpy", "jax"), default="native")


# ---------------------------------------------------------------------------------- the target


def load_call(target: str, at: str) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """The function named by ``FILE.py:FUNCTION`` and the arguments that `at` stands for."""
    file, separator, name = target.rpartition(":")
    if not separator or not name or not file:
        raise UsageError(
            f"{target!r} names no function. Write FILE.py:FUNCTION, as in model.py:loss."
        )
    namespace = _load_file(Path(file))
    function: Any = namespace
    for part in name.split("."):
        if not hasattr(function, part):
            found = [key for key, value in vars(namespace).items()
                     if callable(value) and getattr(value, "__module__", "") == namespace.__name__]  # fmt: skip
            has = f"it has {', '.join(found)}" if found else "it defines no functions"
            raise UsageError(f"{file} has no {name!r}; {has}.")
        function = getattr(function, part)
    if not callable(function):
        raise UsageError(f"{name!r} in {file} is a {type(function).__name__}, not a function.")
    args, kwargs = _with_defaults(function, *_evaluate_arguments(at, namespace))
    return function, args, kwargs


def _with_defaults(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call's arguments in the signature's order, defaults filled in.

    An argument that holds floats is differentiated, given or not; so all of them are here.
    """
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return args, kwargs  # the call itself will say what is wrong
    bound.apply_defaults()
    return bound.args, bound.kwargs


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise UsageError(f"there is no file {path}. The path is relative to {Path.cwd()}.")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise UsageError(f"{path} is not a Python file. Its name must end in .py.")
    module = importlib.util.module_from_spec(specification)
    # The file may import its neighbours, and its classes may be looked up by module name.
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[path.stem] = module
    try:
        specification.loader.exec_module(module)
    except AutodiffError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} does not run: {type(error).__name__}: {error}") from error
    return module


def _evaluate_arguments(at: str, namespace: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    import numpy as np

    def arguments(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, kwargs

    names = {"np": np, **vars(namespace), "__arguments__": arguments}
    try:
        found = eval(f"__arguments__({at})", names)
    except Exception as error:
        raise UsageError(
            f"--at {at!r} does not evaluate: {type(error).__name__}: {error}. "
            'Write what stands between the parentheses of a call, as in "np.ones(3), 2.0".'
        ) from error
    args, kwargs = found
    return args, kwargs


@contextmanager
def _errors_of(target: str) -> Iterator[None]:
    """Turn an error that the user's function raises into a sentence with its line."""
    try:
        yield
    except (AutodiffError, UsageError, BrokenPipeError):
        raise
    except Exception as error:
        file = Path(target.rpartition(":")[0]).resolve()
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if Path(frame.filename).resolve() == file]
        where = f"\n  {inside[-1].filename}, line {inside[-1].lineno}\n    {inside[-1].line}" if inside else ""  # fmt: skip
        raise UserError(f"{target} raised {type(error).__name__}: {error}{where}") from error


# -------------------------------------------------------------------------------- the commands


def _demo(options: argparse.Namespace) -> int:
    from autodiff import demo, nist

    unknown = [name for name in options.problems if name not in nist.names()]
    if unknown:
        raise UsageError(
            f"no NIST problem is named {', '.join(unknown)}. There are {', '.join(nist.names())}."
        )
    good = demo.run(options.problems, picture=None if options.no_picture else options.picture)
    return 0 if good else 1


def _show(options: argparse.Namespace) -> int:
    import autodiff

    function, args, kwargs = load_call(options.target, options.at)
    transform = autodiff.gradient if options.gradient else autodiff.function
    with _errors_of(options.target):
        transformed = transform(function, engine=options.engine)
        shown = transformed.llvm if options.llvm else transformed.ir
        text = shown(*args, **kwargs)
    if text is not None:
        print(text)
    return 0


def _check(options: argparse.Namespace) -> int:
    function, args, kwargs = load_call(options.target, options.at)
    with _errors_of(options.target):
        agreed = [
            _check_value(function, args, kwargs, options.engine),
            _check_derivative(function, args, kwargs, options.engine),
        ]
    print("All agree." if all(agreed) else "Not all agree.")
    return 0 if all(agreed) else 1


def _check_value(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], engine: str
) -> bool:
    import copy

    import autodiff

    # Each gets its own arguments: the function may write into them.
    expected = function(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    compiled = autodiff.function(function, engine=engine)
    found = compiled(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    agreed, difference = _compare(found, expected, rtol=1e-9)
    print(f"value              {_brief(found)}")
    print(f"plain NumPy        {_brief(expected)}")
    print(f"  largest relative difference {difference:.1e}: {_verdict(agreed)}")
    plain_seconds = _seconds(lambda: function(*args, **kwargs))
    print(f"  time per call: NumPy {_duration(plain_seconds)}, "
          f"autodiff.function {_duration(_seconds(lambda: compiled(*args, **kwargs)))}")  # fmt: skip
    return agreed


def _check_derivative(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], engine: str
) -> bool:
    import numpy as np

    import autodiff
    from autodiff import tree

    with _quiet():
        value = function(*args, **kwargs)
    if not _differentiable(tree.flatten((args, list(kwargs.values())))[0]):
        print("derivative         none: no argument holds floating-point numbers")
        return True
    if any(np.asarray(leaf).dtype.kind not in "fiub" for leaf in tree.flatten(value)[0]):
        print("derivative         none: the result is not made of numbers")
        return True
    scalar = np.ndim(value) == 0 if isinstance(value, np.ndarray | np.generic | float | int) else 0
    name = "gradient" if scalar else "jacobian"
    transformed = getattr(autodiff, name)(function, engine=engine)
    with _quiet():
        found = transformed(*args, **kwargs)
        expected = central_differences(function, args, kwargs)
    # Central differences themselves are right to about ten digits of the largest entry.
    agreed, difference = _compare(_entries(found), expected, rtol=1e-5)
    print(f"{name:<18} {_brief(found)}")
    print(f"  largest difference from finite differences, relative to the largest entry "
          f"{difference:.1e}: {_verdict(agreed)}")  # fmt: skip
    seconds = _seconds(lambda: transformed(*args, **kwargs))
    print(f"  time per call: autodiff.{name} {_duration(seconds)}")
    return agreed


def central_differences(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """All derivatives with respect to the float arguments, as one flat array.

    Four-point central differences, error of order h**4 (Abramowitz and Stegun 1964, 25.3.6).
    Results run slowest, arguments in order, entries of an argument fastest.
    """
    import numpy as np

    from autodiff import tree

    # A list, because a dict would be flattened in the order of its sorted keys.
    leaves, structure = tree.flatten((args, list(kwargs.values())))
    chosen = _differentiable(leaves)

    def at(index: int, place: Any, shift: float) -> list[Any]:
        moved = list(leaves)
        array = np.array(leaves[index], dtype=np.float64)
        array[place] += shift
        moved[index] = array if isinstance(leaves[index], np.ndarray) else float(array)
        new_args, values = tree.unflatten(structure, moved)
        result = function(*new_args, **dict(zip(kwargs, values, strict=True)))
        return [np.asarray(leaf, dtype=np.float64) for leaf in tree.flatten(result)[0]]

    columns: list[list[Any]] = []
    for index in chosen:
        for place in np.ndindex(np.shape(leaves[index])):
            # Balances the truncation error h**4 against the rounding error eps/h.
            h = np.finfo(float).eps ** 0.2 * max(1.0, abs(float(np.asarray(leaves[index])[place])))
            points = [at(index, place, k * h) for k in (-2, -1, 1, 2)]
            columns.append([(a - 8 * b + 8 * c - d) / (12 * h)
                            for a, b, c, d in zip(*points, strict=True)])  # fmt: skip
    bands = []
    for result in range(len(columns[0]) if columns else 0):
        start = 0
        for index in chosen:
            size = int(np.size(leaves[index]))
            block = [column[result] for column in columns[start : start + size]]
            bands.append(np.ravel(np.stack(block, axis=-1)))
            start += size
    return np.concatenate(bands) if bands else np.zeros(0)


def _differentiable(leaves: list[Any]) -> list[int]:
    """Which leaves have derivatives: floats, or the only argument even if it is an integer."""
    import numpy as np

    floats = [i for i, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind == "f"]
    return floats or ([0] if len(leaves) == 1 else [])


def _entries(results: Any) -> Any:
    import numpy as np

    from autodiff import tree

    leaves = [np.ravel(np.asarray(leaf)) for leaf in tree.flatten(results)[0]]
    return np.concatenate(leaves) if leaves else np.zeros(0)


def _compare(found: Any, expected: Any, *, rtol: float) -> tuple[bool, float]:
    """Whether two results agree, and the largest difference relative to the largest entry."""
    import numpy as np

    a, b = _entries(found), _entries(expected)
    if a.shape != b.shape:
        return False, float("inf")
    if not a.size:
        return True, 0.0
    if a.dtype.kind not in "fiubc":
        return bool(np.all(a == b)), 0.0
    a, b = a.astype(float), b.astype(float)
    scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))) or 1.0
    with np.errstate(invalid="ignore"):  # inf - inf where both are inf, which is agreement
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b) / scale)
    worst = float(np.max(apart))
    return worst <= rtol, worst


def _verdict(agreed: bool) -> str:
    return "agrees" if agreed else "DISAGREES"


def _brief(result: Any) -> str:
    import numpy as np

    with np.printoptions(precision=8, threshold=12, edgeitems=3):
        return str(result).replace("\n", "\n" + " " * 19)


def _seconds(call: Callable[[], Any]) -> float:
    """Seconds per call: the best of five batches of at least ten milliseconds in all."""
    with _quiet():
        began = time.perf_counter()
        call()
        once = max(time.perf_counter() - began, 1e-7)
        count = max(1, min(100_000, int(0.01 / once)))
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(count):
                call()
            best = min(best, (time.perf_counter() - began) / count)
    return best


def _quiet() -> Any:
    """What the user's function prints is seen once for each of the two values, not at every call."""
    return redirect_stdout(io.StringIO())


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _doctor(options: argparse.Namespace) -> int:
    lines = doctor()
    for name, text in lines:
        print(f"{name:<14} {text}")
    well = _engine_works("native") == "works" and all(name != "clash" for name, _ in lines)
    return 0 if well else 1


def doctor() -> list[tuple[str, str]]:
    """What `python -m autodiff doctor` reports, as (name, text) lines."""
    import autodiff

    lines = [("autodiff", autodiff.__version__)]
    lines.append(("python", f"{platform.python_version()} ({platform.python_implementation()})"))
    for package in ("numpy", "scipy", "llvmlite", "optree", "tqdm", "matplotlib"):
        lines.append((package, _version(package)))
    lines.extend(_installed(autodiff.__version__, Path(autodiff.__file__).parent))
    lines.append(("system", f"{platform.system()} {platform.release()} {platform.machine()}"))
    lines.extend(_processor())
    lines.append(("threads", f"1 by default; {_usable_cores()} cores can be used by threads=n"))
    for engine in ("numpy", "native"):
        lines.append((f"engine {engine}", _engine_works(engine)))
    lines.append(("engine jax", _jax()))
    unknown = function_table.unknown_libraries()
    said = "all of these versions are known" if not unknown else f"not known: {', '.join(unknown)}"
    lines.append(("libraries", said))
    lines.append(("cache", _cache()))
    settings = {key: value for key, value in os.environ.items() if key.startswith("AUTODIFF_")}
    lines.append(("settings", ", ".join(f"{k}={v}" for k, v in settings.items()) or "none"))
    return lines


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


# The name on the package index, and what else is there under names that one might guess.
DISTRIBUTION = "autodiff-numpy"
OTHER_PROJECTS = ("autodiff", "pyautodiff")


def _installed(imported: str, where: Path) -> list[tuple[str, str]]:
    """Which distribution is installed, and others that own the same import name."""
    version = _version(DISTRIBUTION)
    lines = [("package", f"{DISTRIBUTION} {version}, imported from {where}")]
    if version not in (imported, "not installed"):
        remedy = f"python -m pip install --force-reinstall {DISTRIBUTION}"
        lines.append(("clash", f"what is imported is version {imported}: {remedy}"))
    for other in OTHER_PROJECTS:
        try:
            found = importlib.metadata.distribution(other)
        except importlib.metadata.PackageNotFoundError:
            continue
        title = f"{other} {found.version}"
        if any(file.parts[0] == "autodiff" for file in found.files or ()):
            remedy = (
                f"python -m pip uninstall {other} and python -m pip install --force-reinstall "
                f"{DISTRIBUTION}"
            )
            lines.append(("clash", f"{title} has files under the same import name: {remedy}"))
        else:
            lines.append(("other project", f"{title} is not this one, and does not disturb it"))
    return lines


def _processor() -> list[tuple[str, str]]:
    try:
        from llvmlite import binding
    except ImportError:
        return [("processor", platform.processor() or "unknown")]
    features = [name for name, there in binding.get_host_cpu_features().items() if there]
    vector = [name for name in ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon", "sve")
              if name in features]  # fmt: skip
    return [
        ("processor", binding.get_host_cpu_name()),
        ("vectors", " ".join(vector) or "none"),
    ]


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _engine_works(engine: str) -> str:
    """Whether the engine differentiates x*x at 3."""
    import autodiff

    try:
        found = float(autodiff.gradient(_square, engine=engine)(3.0))
    except Exception as error:
        return f"fails: {type(error).__name__}: {str(error).splitlines()[0]}"
    return "works" if found == 6.0 else f"is wrong: the derivative of x*x at 3 came out as {found}"


def _jax() -> str:
    """Whether the JAX engine works, and on which devices."""
    from autodiff.engines.jax.platform import description

    if _version("jax") == "not installed":
        return 'not installed; pip install "jax" (for a GPU: pip install "jax[cuda12]")'
    try:
        found = description()
    except Exception as error:
        return f"fails: {type(error).__name__}: {error}"
    return f"{_engine_works('jax')}; {found}"


def _square(x: float) -> float:
    return x * x


def _cache() -> str:
    from autodiff import cache

    if not cache.is_on():
        return "off (AUTODIFF_CACHE); every process compiles anew"
    files = [path.stat().st_size for path in cache.directory().rglob("*") if path.is_file()]
    return f"{cache.directory()}, {len(files)} programs, {sum(files) / 2**20:.1f} MiB"
