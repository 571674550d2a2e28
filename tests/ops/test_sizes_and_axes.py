"""Sizes and axes that are no integers to NumPy, or larger than 64 bits, are refused in its words."""

import linecache
import warnings

import numpy as np
import pytest

import autodiff

SIZES = """
True; np.True_; (True, 2); (2, np.True_); [True, 6]; (6, True); 2.0; (2.0, 3); np.float64(2); 2**63; (2**63,); -2**63; 2**64; (3, -2**64)
-1; (-1, 2); 'a'; None; (None, 2); np.int64(2); np.array(2); np.array([2, 3]); np.array([2.0]); np.array([True]); (2, (3,)); []; (); {2}
range(2, 4); 1j; x[0, 0] > 0; (x[0, 0] > 0, 2); (0, 2**63); np.uint64(2**63); (True, True); 10**30
""".replace("\n", ";").split(";")
OF_SIZES = """
np.zeros(S); np.ones(S); np.full(S, 1.0); np.zeros_like(x, shape=S); np.reshape(x, S); x.reshape(S); np.broadcast_to(1.0, S); np.eye(S)
np.identity(S); np.sum(x, axis=S); x.max(axis=S); np.mean(x, S); np.std(x, S); np.argmax(x, S); np.cumsum(x, S); np.concatenate([x, x], S)
np.stack([x, x], S); np.take(x, [0], S); np.repeat(x, 2, S); np.squeeze(x, S); np.transpose(x, S); np.swapaxes(x, S, 0); np.sort(x, S)
np.moveaxis(x, S, 0); np.expand_dims(x, S); np.flip(x, S); np.average(x, S); np.unravel_index(3, S); np.eye(2, S)
""".replace("\n", ";").split(";")
OF_SMALL = (
    "np.resize(x, S); np.tile(x, S); np.repeat(x, S); np.pad(x, S); np.zeros(6).reshape(S)".split(
        ";"
    )
)
SMALL = [s for s in SIZES if "**" not in s]


def _functions():
    lines = ["import numpy as np"]
    bodies = [(f, s) for f in OF_SIZES for s in SIZES] + [(f, s) for f in OF_SMALL for s in SMALL]
    texts = [f.strip().replace("S", s.strip()) for f, s in bodies if f.strip() and s.strip()]
    for k, text in enumerate(texts):
        lines.append(
            f"def f{k}(x):\n    try:\n        return {text}\n"
            "    except Exception as error:\n        return type(error).__name__, str(error)\n"
        )
    source, name = "\n".join(lines), "<sizes and axes>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"__name__": "made"}
    exec(compile(source, name, "exec"), space)
    return [(text, space[f"f{k}"]) for k, text in enumerate(texts)]


def _seen(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = f(x.copy())
    return type(result), np.shape(result), repr(result)


FUNCTIONS = _functions()


@pytest.mark.parametrize("part", range(8))
def test_sizes_and_axes(part):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    wrong = [
        (text, got, want)
        for text, f in FUNCTIONS[part::8]
        if (got := _seen(autodiff.function(f, engine="numpy"), x)) != (want := _seen(f, x))
    ]
    assert wrong == []
