"""Functions and classes that random programs use."""

from __future__ import annotations

import bisect
import copy
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

Point = namedtuple("Point", "u s")


class Refused(Exception):
    """Raised with a number."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class State:
    """An array, a number, a count and a list, which methods change."""

    def __init__(self, u: Any, s: Any) -> None:
        self.u, self.s = u, s
        self.count = 0
        self.log: list[Any] = []

    def push(self, v: Any) -> None:
        """Bind the array anew."""
        self.u = 0.5 * (self.u + v)
        self.count += 1

    def damp(self, s: Any) -> Any:
        """Change the array in place, and return it."""
        self.u *= np.cos(s)
        return self.u

    def take(self, v: Any) -> Any:
        """Let the array be another's."""
        self.u = v
        return self

    def note(self, s: Any) -> None:
        """Remember a number; of the large ones only the sine."""
        if s > 0.543219:
            s = np.sin(s)
        self.log.append(s)
        self.s = 0.5 * (self.s + s)

    def exchange(self, other: Any) -> None:
        """Swap the arrays of two."""
        self.u, other.u = other.u, self.u


@dataclass
class Cell:
    """An array and a number."""

    u: Any
    s: Any = 0.25

    def settle(self, limit: Any) -> int:
        """Change both while the number is large."""
        for k in range(3):
            if abs(self.s) < limit:
                return k
            self.s *= 0.6
            self.u[0] += 0.3 * self.s
        return 3


@dataclass(eq=False)
class Body:
    """Two numbers."""

    x: Any
    y: Any

    def step(self, t: Any) -> Body:
        """Another body, a little on."""
        return Body(self.x + 0.1 * t * self.y, self.y - 0.1 * t * self.x)

    def kick(self, s: Any) -> Body:
        """Change both numbers, or one; and return itself."""
        if s > 0.234567:
            self.x += 0.1 * s
        self.y = 0.7 * self.y + 0.1 * s
        return self


@dataclass(eq=False)
class Link:
    """A body and a number."""

    body: Body
    t: Any = 0.5


@dataclass(eq=False)
class Trail:
    """Where a body is, and where it was."""

    at: Body
    past: list[Body] = field(default_factory=list)

    def go(self, t: Any) -> None:
        """Bind the state anew, and keep the old one."""
        self.past.append(self.at)
        self.at = self.at.step(t)


def poke(v: Any, s: Any) -> Any:
    """Change an array and return it."""
    v[0] = s
    if s > 0.212121:
        return v
    v *= 0.7
    return v


def touch(c: Any, s: Any) -> Any:
    """Change an object, or do nothing."""
    if c.s > 0.876543:
        return c
    c.s += 0.3 * np.sin(s)
    c.u[-1] -= c.s
    return c


def fill(d: Any, v: Any) -> Any:
    """Change a dict: one entry in place or anew."""
    if v[0] > 0.111119:
        d["u"] = v
    else:
        d["u"][:] = 0.5 * v
    d["s"] = 0.5 * d["s"] + v[-1]
    return d


def rotate(rows: Any) -> Any:
    """Swap the ends of a list."""
    rows[0], rows[-1] = rows[-1], rows[0]
    return rows


def extend(numbers: Any, s: Any, k: int) -> None:
    """Append numbers, until one is small."""
    for i in range(k):
        if s < -0.765432 or len(numbers) > 6:
            return
        numbers.append(s - 0.3 * i)
        s = s - 0.4


def squash(v: Any, s: Any) -> Any:
    """Change an array in place and return a number."""
    v *= 0.5
    if s > 0.212121:
        v[0] = np.sin(s) + v[-1]
        return v.sum() * 0.2
    return v[-1]


def mix(p: Any, q: Any) -> Any:
    """One formula or another."""
    if p > q:
        return 0.6 * p - 0.3 * q
    return np.cos(p) * q


def smooth(v: Any) -> Any:
    """A recurrence."""
    out = np.empty_like(v)
    level = 0.0
    for i in range(len(v)):
        level = 0.5 * level + v[i]
        out[i] = level
    return out


def locate(v: Any, s: Any) -> Any:
    """Return from a nested loop."""
    for i in range(len(v)):
        for k in range(i, len(v)):
            if v[k] - v[i] > s:
                return i, v[k]
        if v[i] < -1.111111:
            return i, 0.5
    return len(v) - 1, s


def halve(v: Any, s: Any = 0.3, *, by: Any = 2) -> Any:
    """Change an array; return it or a view of it."""
    v /= by
    if s > 0.212121:
        return v
    return v[::-1]


def both(p: Any, q: Any) -> Any:
    """Two arrays in one order or the other."""
    return (p, q) if np.sum(p) > 0.0123 else (q, p)


def check(s: Any, v: Any) -> None:
    """Raise with the number, or return."""
    for k, e in enumerate(v):
        if e > 1.2345678:
            raise ValueError(f"element {k} is {e:.4f}")
    if s > 0.9876543:
        raise ValueError(f"{s:.4f} is too large")


def halves(v: Any) -> Any:
    """A generator, which ends early."""
    for e in v:
        if e < -1.3131313:
            return
        yield 0.5 * e


class Scaled:
    """An array that is multiplied inside of a ``with`` and divided after it."""

    def __init__(self, v: Any, s: Any) -> None:
        self.v, self.factor = v, 1.5 + s * s

    def __enter__(self) -> Any:
        self.v *= self.factor
        return self.factor

    def __exit__(self, *_: object) -> None:
        self.v /= self.factor


OBJECTS = (Cell, State, Body, Link, Trail)  # classes whose instances are compared by identity

NAMES: dict[str, Any] = {
    "math": math,
    "np": np,
    "bisect": bisect,
    "CUTS": [-0.61234, 0.12345, 0.71234],
    "copy": copy,
    "replace": replace,
    **{
        f.__name__: f
        for f in (
            *(Point, Refused, SimpleNamespace, *OBJECTS),
            *(Counter, OrderedDict, defaultdict, deque),
            *(poke, touch, fill, rotate, extend, squash, mix, smooth, locate, halve, both, check),
            *(suppress, halves, Scaled),
        )
    },
}
