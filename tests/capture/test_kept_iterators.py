"""Iterators, generators and methods that a function stores outside: nothing of the capture is in them."""

import functools
import itertools
import types

import numpy as np
import pytest

import autodiff

KEPT = {
    "of a list": lambda x: iter([x[0], x[1]]),
    "of a tuple": lambda x: iter((x[0], x[1])),
    "of an array": iter,
    "of a dict": lambda x: iter({"a": x[0]}.values()),
    "of items": lambda x: iter({"a": x[0]}.items()),
    "generator": lambda x: (2 * v for v in x),
    "map": lambda x: map(lambda v: 2 * v, x),
    "zip": lambda x: zip(x, x, strict=True),
    "enumerate": enumerate,
    "reversed": lambda x: reversed([x[0], x[1]]),
    "chain": lambda x: itertools.chain([x[0]], [x[1]]),
    "count": lambda x: itertools.islice(itertools.count(x[0]), 2),
    "cycle": lambda x: itertools.islice(itertools.cycle([x[0]]), 2),
    "method of a list": lambda x: functools.partial([x[0]].count, 1.0),
    "bound": lambda x: [x[0], x[1]].copy,
    "in a list": lambda x: [iter([x[0]])],
    "in a dict": lambda x: {"a": (v for v in x)},
}


def told(kept):
    """What is in an object that was kept."""
    if isinstance(kept, (list, dict)):
        return [told(v) for v in (kept.values() if isinstance(kept, dict) else kept)]
    if callable(kept):
        return told_plainly(kept())
    return told_plainly(list(kept) if hasattr(kept, "__next__") else kept)


def told_plainly(x):
    return repr(x)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient, autodiff.hessian])
@pytest.mark.parametrize("name", KEPT)
def test_what_goes_through_values_holds_numbers_or_is_refused(name, transform, cached):
    box = types.SimpleNamespace(kept=None)

    def f(x):
        box.kept = KEPT[name](x)
        return np.sum(x * x)

    f(np.ones(2))
    wanted = told(box.kept)
    compiled = transform(f, use_cache=cached)
    for _ in range(2):
        box.kept = None
        try:
            compiled(np.ones(2))
        except autodiff.UnsupportedError as error:
            assert "kept outside" in str(error) and transform is not autodiff.function
        else:
            assert told(box.kept) == wanted
