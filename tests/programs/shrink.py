"""Make a failing random program small: drop statements while it still fails in the same way.

    python -m tests.programs.shrink numpy 35 vectors      # engine, seed, generator

prints the smallest program found and the error.  A statement is dropped, a block replaced by its
body, an expression by one of its operands, whenever what is left runs plainly and fails with the same
type of error.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import random
import signal
import sys
from collections.abc import Callable

from .reference import compile_source
from .test_random_programs import check, fixed_program, tame
from .writing import Program

HEAD = "def program("  # before it stand the functions that programs call


def failure(program: Program, engine: str) -> str | None:
    """The type of error the comparison ends with, or None."""
    signal.alarm(20)
    try:
        check(program, engine)
    except Exception as error:
        return f"{type(error).__name__} {str(error).strip()[:12]}"
    finally:
        signal.alarm(0)
    return None


def rebuild(program: Program, tree: ast.Module) -> Program:
    """The program with another syntax tree."""
    source = program.source[: program.source.index(HEAD)] + ast.unparse(tree) + "\n"
    names = dict(program.function.__globals__)
    function = compile_source(source, f"<shrunk {random.getrandbits(64):x}>", names)["program"]
    return dataclasses.replace(program, source=source, function=function)


Change = tuple[int, str, int, str]  # which node (in order of `ast.walk`), field, item, what is done


def changes(tree: ast.Module) -> list[Change]:
    """All ways to drop a statement, to open a block, to put an operand in place of an expression."""
    found: list[Change] = []
    for number, node in enumerate(ast.walk(tree)):
        for name, value in ast.iter_fields(node):
            if isinstance(node, ast.Module):
                continue
            for k, item in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(item, ast.stmt):
                    found.append((number, name, k, "drop"))
                    if hasattr(item, "body"):
                        found.append((number, name, k, "open"))
                elif isinstance(item, ast.expr) and isinstance(
                    getattr(item, "ctx", ast.Load()), ast.Load
                ):
                    operands = [n for n in ast.iter_child_nodes(item) if isinstance(n, ast.expr)]
                    found += [(number, name, k, f"operand {i}") for i in range(len(operands))]
    return found


def changed(tree: ast.Module, change: Change) -> ast.Module:
    """The tree with one of `changes` made."""
    number, name, k, action = change
    fresh = copy.deepcopy(tree)
    node = list(ast.walk(fresh))[number]
    value = getattr(node, name)
    block = value if isinstance(value, list) else [value]
    if action == "drop":
        block[k : k + 1] = []
    elif action == "open":
        block[k : k + 1] = block[k].body
    else:
        operands = [n for n in ast.iter_child_nodes(block[k]) if isinstance(n, ast.expr)]
        block[k] = operands[int(action.split()[1])]
    if name == "body" and isinstance(value, list) and not block:
        block.append(ast.Pass())
    if not isinstance(value, list):
        setattr(node, name, block[0])
    return ast.fix_missing_locations(fresh)


def shrink(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The smallest program on the way down for which `fails` stays true."""
    tree = ast.parse(program.source[program.source.index(HEAD) :])
    best, size = program, len(program.source) + 1
    while len(best.source) < size:
        size = len(best.source)
        at = 0
        while at < len(possible := changes(tree)):
            candidate = changed(tree, possible[at])
            try:
                trial = rebuild(program, candidate)
                good = len(trial.source) < len(best.source) and tame(trial) and fails(trial)
            except Exception:  # what is left may use names that are gone
                good = False
            if good:
                tree, best = candidate, trial  # the next change now stands at the same place
            else:
                at += 1
    return best


def overrun(*_: object) -> None:
    """Answer the alarm."""
    raise TimeoutError("more than 20 s")


def main(arguments: list[str]) -> int:
    """Shrink the program of one seed and print it."""
    engine, seed = arguments[0], int(arguments[1])
    generator = arguments[2] if len(arguments) > 2 else "vectors"
    signal.signal(signal.SIGALRM, overrun)
    program = fixed_program(seed, generator)
    cause = failure(program, engine)
    if cause is None:
        print(f"seed {seed} does not fail on {engine}")
        return 0
    best = shrink(program, lambda trial: failure(trial, engine) == cause)
    print(best.source[best.source.index(HEAD) :])
    print(cause)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
