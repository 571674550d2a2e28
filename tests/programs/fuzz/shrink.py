"""Make a failing random program small: drop statements while it still fails in the same way.

A statement is dropped, a block replaced by its body, an expression by one of its operands, whenever what is
left runs plainly, comes to an end (a loop may have lost what counts its passes) and fails in the same way.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import time
from collections.abc import Callable

from .checks import is_tame
from .programs import Program, made

HEADER = "def program("  # before it stands the loss


def rebuild(program: Program, tree: ast.Module) -> Program:
    """The program with another syntax tree."""
    source = program.source[: program.source.index(HEADER)] + ast.unparse(tree) + "\n"
    fresh = made(source, program.parameters, program.seed, program.features)
    return dataclasses.replace(program, source=source, function=fresh.function)


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


def shrink(program: Program, fails: Callable[[Program], bool], seconds: float = 120.0) -> Program:
    """The smallest program on the way down for which `fails` stays true, within a time."""
    tree = ast.parse(program.source[program.source.index(HEADER) :])
    best, size, end = program, len(program.source) + 1, time.process_time() + seconds
    while len(best.source) < size and time.process_time() < end:
        size = len(best.source)
        at = 0
        while at < len(possible := changes(tree)) and time.process_time() < end:
            candidate = changed(tree, possible[at])
            try:
                trial = rebuild(program, candidate)
                good = len(trial.source) < len(best.source) and is_tame(trial) and fails(trial)
            except Exception:  # what is left may use names that are gone
                good = False
            if good:
                tree, best = candidate, trial  # the next change now stands at the same place
            else:
                at += 1
    return best
