"""How much capture does for the side of a branch, which the call may not take.

Both sides of a branch on a traced value are run at capture.  What Python computes there from constants
(the items of ``list(range(n))``, the digits of ``10**n``) is computed for nothing where the side is
not taken, and plain Python never computes it; it may be more than the memory holds.  So a side has an
allowance of items.  What goes beyond it is a bail, before it is made: the branch takes the path of the
call, under a guard, and there the work is that of plain Python.

    if x > 0:                             # 1.0: guarded, the list is not made
        return x
    return x * len(list(range(2**40)))
"""

from __future__ import annotations

import array
import math
import operator
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType
from typing import Any

from autodiff.capture.origins import owner_of
from autodiff.ladder import NotStaged
from autodiff.patterns import pattern

ITEMS = 2**17
"""Items that one side may go through or make, which takes about a tenth of a second."""
PASS = 16
"""Items that a pass of a loop counts for, which is interpreted."""
BITS = 64
"""Bits of a number that count for one item."""

_SEQUENCES = (str, bytes, bytearray, list, tuple, deque, array.array)
# What goes through all of an argument, or makes as many items as it says, in C.
_MAKERS: tuple[Any, ...] = (
    set, frozenset, dict, list, tuple, deque, bytes, bytearray, array.array, Counter, OrderedDict,
    defaultdict, sorted, min, max, sum, any, all, math.fsum, math.prod,
)  # fmt: skip
_DIGITS = pattern(r"(?<=[%.\d#+ -])\d{4,18}")
_SIZES = pattern(r"\d{4,18}")  # of a specification; Python refuses longer ones itself
# Methods of text, bytes and numbers that make as much as an integer says.
_WIDENING = frozenset(("ljust", "rjust", "center", "zfill", "expandtabs", "to_bytes", "__format__"))
_MAKING_METHODS = frozenset(("join", "extend", "update", "fromkeys", "union", "intersection"))


def _bits_of_power(base: int, exponent: int, modulus: int | None = None) -> int:
    return base.bit_length() * exponent if base > 1 and modulus is None else 0


def _bits_of_product(n: int, k: int | None = None) -> int:
    """Bits of ``n · (n - 1) · …``, of ``k`` factors."""
    return n.bit_length() * (n if k is None else min(k, n))


# What computes integers of very many digits, and how many bits they have at most.
_BITS: dict[Any, Callable[..., int]] = {
    pow: _bits_of_power,
    math.factorial: _bits_of_product,
    math.perm: _bits_of_product,
    math.comb: lambda n, k: _bits_of_product(n, min(k, max(n - k, 0))),
}


class Allowance:
    """What is left to the side that is explored; nothing is counted elsewhere."""

    def __init__(self) -> None:
        self.left: int | None = None

    @contextmanager
    def side(self) -> Iterator[None]:
        """Explore a side of a branch; one inside of it shares what is left."""
        outer = self.left
        if outer is None:
            self.left = ITEMS
        try:
            yield
        finally:
            if outer is None:
                self.left = None

    def take(self, items: int) -> None:
        """Take so many items from what is left, before they are made."""
        if self.left is None:
            return
        if items > self.left:
            raise NotStaged("the side that is not taken may go through very many items")
        self.left -= items

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items, each of which is taken when its turn has come."""
        for item in items:
            self.take(1)
            yield item

    def before_call(self, function: Callable[..., Any], args: list[Any]) -> list[Any]:
        """The arguments for a function in C, if it is one that makes no more than is left."""
        if self.left is None or not args:
            return args
        if (
            isinstance(function, type)
            and function in (bytes, bytearray)
            and isinstance(args[0], int)
        ):
            self.take(abs(args[0]))
        name = getattr(function, "__name__", "")
        if name in _WIDENING:
            self.take(sum(abs(x) for x in args if type(x) is int))
        elif name == "replace":
            self._before_replacing(owner_of(function), args)
        elif (
            isinstance(function, BuiltinFunctionType)
            and function in _BITS
            and all(type(x) is int for x in args)
        ):
            self.take(_BITS[function](*map(abs, args)) // BITS)
        if not (any(function is f for f in _MAKERS) or name in _MAKING_METHODS):
            return args
        if isinstance(owner_of(function), str) and name != "join":
            return args
        return [self._of_argument(x) for x in args]

    def _before_replacing(self, text: Any, args: list[Any]) -> None:
        kinds = {type(x) for x in (text, *args[:2])}
        if len(args) > 1 and (kinds == {str} or kinds == {bytes}):
            self.take(text.count(args[0]) * len(args[1]))

    def before_formatting(self, specification: str) -> None:
        """Before a value is written as wide and as precisely as a specification says."""
        if self.left is not None:
            self.take(sum(map(int, _SIZES.findall(specification))))

    def _of_argument(self, x: Any) -> Any:
        if isinstance(x, range):
            self.take(operator.length_hint(x) if x.stop - x.start < 2**62 else ITEMS + 1)
        elif hasattr(type(x), "__next__"):
            return self.counted(x)
        return x

    def before_operator(self, function: Callable[..., Any], left: Any, right: Any) -> None:
        """Before ``left op right`` of constants, which may be long: ``[0] * n``, ``10**n``."""
        if self.left is None:
            return
        kinds = (type(left), type(right))
        if function in (operator.mul, operator.imul):
            for items, times in ((left, right), (right, left)):
                if isinstance(items, _SEQUENCES) and type(times) is int and times > 0:
                    self.take(len(items) * times)
        elif function in (operator.mod, operator.imod) and isinstance(left, (str, bytes)):
            text = left if isinstance(left, str) else left.decode("latin-1")
            self.take(sum(int(n) for n in _DIGITS.findall(text)))  # widths and precisions
            if "*" in text and isinstance(right, tuple):
                self.take(sum(abs(n) for n in right if type(n) is int))
        elif kinds == (int, int) and right > 0:
            if function in (operator.pow, operator.ipow):
                self.take(abs(left).bit_length() * right // BITS if abs(left) > 1 else 0)
            elif function in (operator.lshift, operator.ilshift):
                self.take(right // BITS)


__all__ = ["ITEMS", "PASS", "Allowance"]
