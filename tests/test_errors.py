"""Error texts: code, sentence, place with a caret, remedy; and the built-in class one catches."""

import linecache
import re
from pathlib import Path
from typing import Any

import pytest

from autodiff import errors
from autodiff.errors import AutodiffError, locate
from autodiff.ir import Source

LINES = ["def loss(w, x):\n", "    return np.sum(w + x)\n", "\treturn 1 +  2\n", "\n"]


@pytest.fixture
def file() -> Any:
    name = "<model.py>"
    linecache.cache[name] = (sum(map(len, LINES)), None, LINES, name)
    yield name
    del linecache.cache[name]


@pytest.mark.parametrize(
    ("line", "column", "end_column", "lines"),
    [
        (2, 18, 23, ["    return np.sum(w + x)", "                  ^^^^^"]),
        (1, 0, 3, ["    def loss(w, x):", "    ^^^"]),
        (3, 8, 14, ["    return 1 +  2", "           ^^^^^^"]),
        (2, 18, 99, ["    return np.sum(w + x)", "                  ^^^^^^"]),
        (2, 18, 18, ["    return np.sum(w + x)", "                  ^"]),
        (4, 0, 0, []),
        (77, 0, 5, []),
    ],
)  # fmt: skip
def test_the_caret_stands_below_the_expression(
    file: str, line: int, column: int, end_column: int, lines: list[str]
) -> None:
    source = Source(file, line, column, end_column, "loss")
    expected = [f"  <model.py>, line {line}, in loss", *lines]
    assert locate(source).split("\n") == expected


def test_no_place_no_text() -> None:
    assert locate(None) == ""


def test_the_whole_text(file: str) -> None:
    source = Source(file, 2, 18, 23, "loss")
    error = errors.ShapeError(
        "add: shapes (2, 4) and (3, 2) do not broadcast.", source=source, remedy="reshape one"
    )
    assert str(error) == (
        "AD201: add: shapes (2, 4) and (3, 2) do not broadcast.\n"
        "  <model.py>, line 2, in loss\n"
        "    return np.sum(w + x)\n"
        "                  ^^^^^\n"
        "  Remedy: reshape one"
    )


def test_the_shortest_text() -> None:
    assert str(AutodiffError("No.")) == "AD000: No."
    assert str(AutodiffError("No.", code="AD777")) == "AD777: No."


@pytest.mark.parametrize(
    ("kind", "builtin", "code"),
    [
        (errors.ShapeError, ValueError, "AD201"),
        (errors.ArgumentError, TypeError, "AD101"),
        (errors.NameArgumentError, ValueError, "AD102"),
        (errors.NotScalarError, TypeError, "AD104"),
        (errors.DtypeError, TypeError, "AD105"),
        (errors.DerivativeError, NotImplementedError, "AD301"),
        (errors.UnsupportedError, NotImplementedError, "AD304"),
        (errors.InternalError, AssertionError, "AD900"),
    ],
)
def test_each_error_is_caught_as_the_built_in_one(
    kind: type[AutodiffError], builtin: type[Exception], code: str
) -> None:
    with pytest.raises(builtin) as caught:
        raise kind("Something.")
    assert isinstance(caught.value, AutodiffError)
    assert caught.value.code == code


def test_codes_belong_to_one_meaning_each() -> None:
    """A code given explicitly in the sources is not the default code of another class."""
    source = Path(errors.__file__).parent
    defaults = {
        c.code: c.__name__ for c in vars(errors).values() if isinstance(c, type) and issubclass(c, AutodiffError)
    }  # fmt: skip
    pattern = re.compile(r'(\w+Error)\((?:[^()]|\([^()]*\))*?code="(AD\d+)"', re.S)
    clashes = {
        f"{path.name}: {name} with {code} of {defaults[code]}"
        for path in source.rglob("*.py")
        for name, code in pattern.findall(path.read_text(encoding="utf-8"))
        if code in defaults and defaults[code] != name
    }
    assert not clashes
