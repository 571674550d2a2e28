"""Run CPython's own tests of its containers and scopes through capture, and count what became of each.

python -m tests.cpython [MODULE ...] [--write]
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
import unittest
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("AUTODIFF_CHECK", "1")

import autodiff

from .subject import MODULES, cases, with_numbers_given

SECONDS = 60
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cpython.md"
WAYS = ("as written", "numbers given")


def attempt(case: unittest.TestCase, way: str) -> tuple[str, str]:
    """What became of a method, and why."""
    method = getattr(type(case), case._testMethodName)
    arguments: tuple[object, ...] = (case,)
    if way == "numbers given":
        made = with_numbers_given(method)
        if made is None or not made[1]:
            return "none", ""
        method, numbers = made
        arguments = (case, numbers)
    if not passes(case, lambda: method(*arguments)):
        return "none", ""
    compiled = autodiff.function(method)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            case.setUp()
            compiled(*arguments)
            case.tearDown()
            case.doCleanups()
        except BaseException as error:
            return "wrong", "".join(traceback.format_exception(error)[-4:])
    for warning in seen:
        if issubclass(warning.category, autodiff.FallbackWarning):
            return "plain", str(warning.message)
    return "compiled", ""


def passes(case: unittest.TestCase, body: Callable[[], object]) -> bool:
    """Whether a method holds in plain Python, without what it needs around it."""
    try:
        case.setUp()
        body()
        case.tearDown()
        case.doCleanups()
    except BaseException:
        return False
    return True


def in_a_process(case: unittest.TestCase, way: str, seconds: int = SECONDS) -> tuple[str, str]:
    """What became of a method, tried where it can do no harm."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(seconds)
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        what, why = attempt(case, way)
        os.write(writer, f"{what}\0{why[-4000:]}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if not said:
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGALRM:
            return "late", f"no end after {seconds} seconds"
        return "wrong", f"the process ended with {code}"
    what, why = said.split("\0")
    return what, why


def table(counts: Counter[tuple[str, str, str]]) -> str:
    """The counts as a page of the documentation."""
    lines = [
        "# CPython's own tests",
        "",
        "The methods of CPython's tests of its containers and scopes, run through `autodiff.function`:",
        "`compiled` natively, `plain` with one warning that says why, `late` where compiling had not ended after",
        f"{SECONDS} seconds. A method is run as written, and once more",
        "with each number that it writes given as an argument. None may be wrong. Made by",
        "`python -m tests.cpython --write`, with Python "
        f"{sys.version_info.major}.{sys.version_info.minor}.",
        "",
        "| tests of | way | methods | compiled | plain | late | wrong |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in dict.fromkeys(name for name, _, _ in counts):
        for way in WAYS:
            kinds = ("compiled", "plain", "late", "wrong")
            compiled, plain, late, wrong = (counts[name, way, kind] for kind in kinds)
            methods = compiled + plain + late + wrong
            if methods:
                share = f"{compiled} ({100 * compiled // methods} %)"
                lines.append(
                    f"| {name} | {way} | {methods} | {share} | {plain} | {late} | {wrong} |"
                )
    return "\n".join([*lines, ""])


def main(arguments: list[str]) -> int:
    """Run, print what is not compiled, and the counts; the exit code says whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.cpython")
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--write", action="store_true", help="write docs/reference/cpython.md")
    options = parser.parse_args(arguments)
    counts: Counter[tuple[str, str, str]] = Counter()
    for name in options.modules:
        for case in cases(name):
            for way in [options.way] if options.way else WAYS:
                what, why = in_a_process(case, way)
                counts[name, way, what] += 1
                if what in ("plain", "late", "wrong"):
                    print(f"{what}: {name} {case.id().split('.')[-1]} ({way}): {why}", flush=True)
    print(table(counts))
    if options.write:
        PAGE.write_text(table(counts))
    return int(any(what == "wrong" for _, _, what in counts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
