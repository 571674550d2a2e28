"""What type checkers see: signatures are kept, results are typed, mistakes are found.

`program.py` is a user's program. Both checkers must accept every line of it but those marked `# wrong`, and refuse each of these.
"""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autodiff

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAM = HERE / "program.py"
WRONG = {
    n
    for n, line in enumerate(PROGRAM.read_text("utf-8").splitlines(), 1)
    if line.endswith("# wrong")
}
COMMANDS = {
    "mypy": [
        "mypy",
        "--strict",
        "--no-incremental",
        "--config-file=",
        "--no-error-summary",
        str(PROGRAM),
    ],
    "pyright": ["pyright", "--project", str(HERE / "pyrightconfig.json")],
}


def lines_of_errors(text: str) -> set[int]:
    return {int(n) for n in re.findall(r"program\.py:(\d+):(?:\d+ - |\s)error", text)}


@pytest.mark.typing
@pytest.mark.parametrize("checker", COMMANDS)
def test_a_users_program_is_understood(checker: str) -> None:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    command = [sys.executable, "-m", *COMMANDS[checker]]
    # Beside the program, so that the package is found as an installed one is: by its files.
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment()
    )
    assert lines_of_errors(done.stdout) == WRONG, done.stdout + done.stderr


def environment() -> dict[str, str]:
    import os

    source = str(Path(autodiff.__file__).parents[1])
    return {**os.environ, "MYPYPATH": source, "PYTHONPATH": source}


def test_type_checkers_see_every_public_name() -> None:
    """What is imported for them is what is loaded at run time."""
    tree = ast.parse(Path(autodiff.__file__).read_text("utf-8"))
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    seen = {}
    for statement in block.body:
        assert isinstance(statement, ast.ImportFrom)
        for alias in statement.names:
            assert alias.asname == alias.name  # an import that is meant for others to see
            seen[alias.name] = statement.module
    homes = {**autodiff._HOME_OF, **dict.fromkeys(autodiff._MODULES, "autodiff")}
    assert seen == homes
    assert set(seen) | {"__version__"} == set(autodiff.__all__) | set(autodiff._MODULES)
