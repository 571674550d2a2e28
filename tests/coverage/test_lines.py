"""The line that an error or warning names is the user's, also where a library is interpreted."""

import ast
import linecache
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from scipy import integrate, optimize
from scipy.spatial.transform import Rotation, RotationSpline

import autodiff
from autodiff.errors import AutodiffError, FallbackWarning
from tests.coverage.measure import ARGUMENTS, CONSTANTS, _modules, weighed
from tests.coverage.rows import rows

_PLACE = re.compile(r"^ +(\S.*), line (\d+), in |\((\S+), line (\d+)\)", re.M)
_NO_LINE = ("AD103", "changes of more than")  # what is about the call, or about no one line


def said(f: Callable[..., Any], args: list[Any], transform: Any) -> Iterator[str]:
    """The texts of our own errors and warnings of a call."""
    options = {} if transform is autodiff.function else {"wrt": tuple(range(len(args)))}
    with warnings.catch_warnings(record=True) as given, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            transform(f, **options)(*[x.copy() if hasattr(x, "copy") else x for x in args])
        except AutodiffError as error:
            yield str(error)
        except Exception as error:
            assert not isinstance(error, AssertionError)
    for w in given:
        if issubclass(w.category, FallbackWarning):
            yield str(w.message)


def elsewhere(f: Callable[..., Any], args: list[Any], transform: Any) -> list[str]:
    """The texts that name no line, or one of another file than that of the function."""
    found = []
    for text in said(f, args, transform):
        if not any(x in text for x in _NO_LINE):
            files = [a or b for a, _, b, _ in _PLACE.findall(text)]
            if not files or not {*files} <= {f.__code__.co_filename, weighed.__code__.co_filename}:
                found.append(text)
    return found


def _matrix(x: Any) -> Any:
    return sp.csr_array((x, ([0, 1, 2], [0, 1, 2])), shape=(3, 3))


_KNOWN = sp.csr_array(2 * np.eye(3))


def different(x):
    return (_matrix(x) != _KNOWN).sum() * x.sum()


def blocks(x):
    return sp.bsr_array(np.outer(x, x)).sum()


def between_rotations(x):
    rotations = Rotation.from_rotvec(np.outer(x, x) + np.eye(3))
    return RotationSpline(x, rotations)(x[1]).as_rotvec().sum()


def own_function_in_a_library(x):
    return integrate.quad(lambda t: np.frombuffer(x.tobytes())[0] * t, 0, 1)[0]


def objective_in_a_library(x):
    return optimize.minimize(lambda v: float(str(np.sum((v - x) ** 2))), x).fun


def of_a_triangle(x):
    return scipy.linalg.expm(np.diag(x)).sum() + len(str(scipy.linalg.sqrtm(np.diag(x)))) * x[0]


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize(
    "f",
    [
        different,
        own_function_in_a_library,
        objective_in_a_library,
        *(
            pytest.param(f, marks=pytest.mark.slow)
            for f in (blocks, between_rotations, of_a_triangle)
        ),
    ],
    ids=lambda f: f.__name__,
)
def test_lines_are_those_of_the_function(f, transform) -> None:
    assert not elsewhere(f, [np.array([0.5, 1.0, 2.0])], transform)


def test_a_line_of_a_library_is_the_one_that_called_it() -> None:
    (text,) = set(said(different, [np.array([0.5, 1.0, 2.0])], autodiff.function))
    line = different.__code__.co_firstlineno + 1
    assert f"test_lines.py, line {line})" in text


def call_of(row: Any) -> tuple[Callable[..., Any], list[Any]]:
    """The call of a row as a function of its letters."""
    tree = ast.parse(row.call)
    *before, last = ast.unparse(tree).split("\n")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    letters = [letter for letter in ARGUMENTS if letter in used]
    lines = [f"def call({', '.join(letters)}):", *(f"    {x}" for x in before)]
    text = "\n".join([*lines, f"    return weighed({last})", ""])
    file = f"<lines of {row.space}.{row.name} {row.call!r}>".replace(" ", "_")
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {**CONSTANTS, **_modules(), "__name__": "coverage"}
    exec(compile(text, file, "exec"), names)
    return names["call"], [ARGUMENTS[letter] for letter in letters]


_SPACES = sorted({row.space for row in rows() if row.call})


@pytest.mark.slow
@pytest.mark.parametrize("space", _SPACES)
def test_lines_are_those_of_every_call(space: str) -> None:
    found = []
    for row in rows():
        if row.call and row.space == space:
            f, args = call_of(row)
            found += elsewhere(f, args, autodiff.gradient)
            found += elsewhere(f, args, autodiff.function)
    assert not found, "\n".join(found)
