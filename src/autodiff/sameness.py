"""When two plain values are one: nothing that Python can do tells them apart.

    same_value(1, True)         False: equal, but written in another way
    same_value(0.0, -0.0)       False: 1 / x is not what it was
    same_value(nan, nan)        True
    told_apart((0.0, True))     a key that is equal for such tuples only

What shaped a program is compared with this, not with ``==``: a program made for the key 1 of a
dictionary would answer for True and 1.0 as well.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

_EXACT = (int, bool, str, bytes, bytearray)  # of one of these types, equal values are one
_FLOATS = (float, np.floating)


def same_value(a: Any, b: Any) -> bool:
    """Whether two values are of one type and nothing tells them apart; NaN is NaN."""
    if a is b:
        return True
    cls = type(a)
    if cls is not type(b):
        return False
    if cls in _EXACT or (isinstance(a, (np.integer, np.bool_)) and cls is not np.timedelta64):
        return bool(a == b)
    if isinstance(a, _FLOATS):
        return _one_float(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, (complex, np.complexfloating)):
        return _one_float(a.real, b.real) and _one_float(a.imag, b.imag)
    if isinstance(a, slice):
        return same_value((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, (set, frozenset)):
        return len(a) == len(b) and Counter(map(told_apart, a)) == Counter(map(told_apart, b))
    try:
        # Decimals of other lengths, empty ranges, times in other units are equal and not written alike.
        return bool(a == b or (a != a and b != b)) and repr(a) == repr(b)
    except Exception:  # a user's __eq__ may raise anything; then the values are not known equal
        return False


def told_apart(key: Any) -> Any:
    """What stands for a hashable value in comparisons that 1, 1.0, True, 0.0 and -0.0 must fail."""
    cls = type(key)
    if cls is str:
        return key
    if isinstance(key, tuple):
        return (cls, *map(told_apart, key))
    if isinstance(key, frozenset):
        return (cls, frozenset(map(told_apart, key)))
    if isinstance(key, (*_FLOATS, complex, np.complexfloating)) and (key == 0 or key != key):
        return (cls, repr(key))
    return (cls, key)


def _one_float(a: Any, b: Any) -> bool:
    if a == 0 or a != a:
        return bool((a == b or (a != a and b != b)) and np.signbit(a) == np.signbit(b))
    return bool(a == b)


__all__ = ["same_value", "told_apart"]
