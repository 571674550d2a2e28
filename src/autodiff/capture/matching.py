"""The ``match`` statement: patterns are tried in order, as Python tries them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from autodiff.capture import choices
from autodiff.capture.access import load_attribute, load_item
from autodiff.capture.calls import iterate
from autodiff.capture.frames import Completion
from autodiff.capture.interpreter import STATEMENTS, Frame
from autodiff.capture.operators import is_singleton
from autodiff.capture.origins import type_of
from autodiff.capture.python_builtins import _hasattr, _isinstance
from autodiff.capture.trace import Declined


def execute_match(frame: Frame, node: ast.Match) -> Completion | None:
    """Run the first case whose pattern and guard hold."""
    subject = frame.evaluate(node.subject)
    choices.refuse(subject)
    for case in node.cases:
        bindings: dict[str, Any] = {}
        if not _matches(frame, case.pattern, subject, bindings):
            continue
        for name, value in bindings.items():
            frame.store(name, value)
        if case.guard is None or frame.evaluate(case.guard):
            return frame.execute(case.body)
    return None


def _matches(frame: Frame, pattern: ast.pattern, subject: Any, bindings: dict[str, Any]) -> bool:
    if isinstance(pattern, ast.MatchValue):
        return bool(subject == frame.evaluate(pattern.value))
    if isinstance(pattern, ast.MatchSingleton):
        return is_singleton(subject, pattern.value)
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None and not _matches(frame, pattern.pattern, subject, bindings):
            return False
        if pattern.name is not None:
            bindings[pattern.name] = subject
        return True
    if isinstance(pattern, ast.MatchOr):
        return any(_matches(frame, p, subject, bindings) for p in pattern.patterns)
    if isinstance(pattern, ast.MatchSequence):
        return _matches_sequence(frame, pattern, subject, bindings)
    if isinstance(pattern, ast.MatchClass):
        return _matches_class(frame, pattern, subject, bindings)
    if isinstance(pattern, ast.MatchMapping):
        return _matches_mapping(frame, pattern, subject, bindings)
    raise Declined(f"{type(pattern).__name__} patterns", frame.source(pattern))


def _matches_sequence(
    frame: Frame, pattern: ast.MatchSequence, subject: Any, bindings: dict[str, Any]
) -> bool:
    cls = type_of(subject)
    if not issubclass(cls, Sequence) or issubclass(cls, (str, bytes, bytearray)):
        return False  # an ndarray is not a Sequence
    items = list(iterate(frame, subject))
    stars = [k for k, p in enumerate(pattern.patterns) if isinstance(p, ast.MatchStar)]
    if not stars:
        return len(items) == len(pattern.patterns) and all(
            _matches(frame, p, x, bindings) for p, x in zip(pattern.patterns, items, strict=True)
        )
    before, after = pattern.patterns[: stars[0]], pattern.patterns[stars[0] + 1 :]
    if len(items) < len(before) + len(after):
        return False
    star = pattern.patterns[stars[0]]
    rest = items[len(before) : len(items) - len(after)]
    if isinstance(star, ast.MatchStar) and star.name is not None:
        bindings[star.name] = rest
    ends = [
        *zip(before, items, strict=False),
        *zip(after, items[len(items) - len(after) :], strict=True),
    ]
    return all(_matches(frame, p, x, bindings) for p, x in ends)


# Classes whose one positional pattern matches the object itself (language reference, 8.6.4.8).
_WHOLE = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)


def _matches_class(
    frame: Frame, pattern: ast.MatchClass, subject: Any, bindings: dict[str, Any]
) -> bool:
    cls = frame.evaluate(pattern.cls)
    if not _isinstance(frame, subject, cls):
        return False
    names: list[Any] = []
    if pattern.patterns:
        if cls in _WHOLE:
            names = [None]
        else:
            names = list(getattr(cls, "__match_args__", ()))
        if len(pattern.patterns) > len(names):
            raise TypeError(
                f"{cls.__name__}() accepts {len(names)} positional sub-pattern"
                f"{'s' * (len(names) != 1)} ({len(pattern.patterns)} given)"
            )
    parts = [*zip(names, pattern.patterns, strict=False)]
    parts += [*zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True)]
    seen = set[str]()
    for name, _ in parts:  # all attributes are asked for before any is matched
        if name in seen:
            raise TypeError(f"{cls.__name__}() got multiple sub-patterns for attribute {name!r}")
        if name is not None and not _hasattr(frame, subject, name):
            return False
        seen.add(name)
    for name, part in parts:
        value = subject if name is None else load_attribute(frame, subject, name, pattern)
        if not _matches(frame, part, value, bindings):
            return False
    return True


def _matches_mapping(
    frame: Frame, pattern: ast.MatchMapping, subject: Any, bindings: dict[str, Any]
) -> bool:
    if not issubclass(type_of(subject), Mapping):
        return False
    keys = [frame.evaluate(key) for key in pattern.keys]
    for key, part in zip(keys, pattern.patterns, strict=True):
        if key not in subject:
            return False
        if not _matches(frame, part, load_item(frame, subject, key, pattern), bindings):
            return False
    if pattern.rest is not None:
        rest = {k: load_item(frame, subject, k, pattern) for k in subject if k not in keys}
        bindings[pattern.rest] = frame.trace.fresh(rest)
    return True


STATEMENTS[ast.Match] = execute_match
