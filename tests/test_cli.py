"""The command line: what it prints, where, and the exit code."""

import importlib.metadata
import re
import subprocess
import sys

import numpy as np
import pytest

import autodiff
from autodiff.cli import central_differences, doctor, main

PROGRAM = """
import numpy as np

START = np.array([0.5, 2.0])

def loss(x, scale=1.0):
    return scale * np.sum((x - 1.0) ** 4)

def residuals(x, t):
    return x[0] * np.exp(-x[1] * t)

class Model:
    @staticmethod
    def energy(x):
        return np.sum(np.sin(x))

number = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(PROGRAM)
    return path


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# -------------------------------------------------------------------------------------- check


def test_check_reports_agreement(capsys, file):
    code, out, err = run(capsys, "check", f"{file}:loss", "--at", "np.array([0.5, 2.0]), scale=3.0")
    assert (code, err) == (0, "")
    assert re.search(r"^value +3\.1875$", out, re.MULTILINE)
    assert re.search(r"^plain NumPy +3\.1875$", out, re.MULTILINE)
    assert out.count(": agrees") == 2
    assert re.search(r"^gradient +.*-1\.5, +12\. .*1\.0625", out, re.MULTILINE)
    assert re.search(r"time per call: NumPy [\d.]+ .s, autodiff.function [\d.]+ .s", out)
    assert re.search(r"time per call: autodiff.gradient [\d.]+ .s", out)
    assert out.endswith("All agree.\n")


def test_check_of_an_array_result_checks_the_jacobian(capsys, file):
    code, out, _ = run(capsys, "check", f"{file}:residuals", "--at", "START, np.arange(3.0)")
    assert code == 0
    assert "jacobian " in out


def test_check_takes_names_from_the_file_and_dotted_functions(capsys, file):
    code, out, _ = run(capsys, "check", f"{file}:Model.energy", "--at", "START")
    assert code == 0
    assert "All agree." in out


def test_check_fails_when_the_derivative_is_wrong(capsys, file, monkeypatch):
    import autodiff

    monkeypatch.setattr(
        autodiff, "gradient", lambda f, **_: lambda *args: (np.array([1.0, 1.0]), 0.0)
    )
    code, out, _ = run(capsys, "check", f"{file}:loss", "--at", "START")
    assert code == 1
    assert "DISAGREES" in out
    assert out.endswith("Not all agree.\n")


def test_check_fails_when_the_value_is_wrong(capsys, file, monkeypatch):
    import autodiff

    monkeypatch.setattr(autodiff, "function", lambda f, **_: lambda *args: 0.0)
    code, out, _ = run(capsys, "check", f"{file}:loss", "--at", "START")
    assert code == 1
    assert "1.0e+00: DISAGREES" in out


# --------------------------------------------------------------------------------------- show


def test_show_prints_the_program(capsys, file):
    code, out, err = run(capsys, "show", f"{file}:loss", "--at", "START")
    assert (code, err) == (0, "")
    assert "model.py:7" in out


def test_show_prints_the_gradients_program_and_llvm(capsys, file):
    _, value, _ = run(capsys, "show", f"{file}:loss", "--at", "START")
    _, gradient, _ = run(capsys, "show", f"{file}:loss", "--at", "START", "--gradient")
    assert gradient != value
    code, llvm, _ = run(capsys, "show", f"{file}:loss", "--at", "START", "--llvm")
    assert code == 0
    assert "define " in llvm


# ------------------------------------------------------------------------------------- doctor


def test_doctor_reports_versions_processor_engines_and_cache(capsys):
    code, out, _ = run(capsys, "doctor")
    assert code == 0
    names = [name for name, _ in doctor()]
    assert names[:8] == ["autodiff", "python", "numpy", "scipy", "llvmlite", "optree", "tqdm",
                         "matplotlib"]  # fmt: skip
    assert {"processor", "vectors", "threads", "engine numpy", "engine native", "cache"} <= set(
        names
    )
    assert np.__version__ in out
    assert re.search(r"^engine native +works$", out, re.MULTILINE)


class Distribution:
    """What `importlib.metadata` knows of a package that is installed."""

    def __init__(self, version, files):
        self.version = version
        self.files = None if files is None else [importlib.metadata.PackagePath(f) for f in files]


@pytest.mark.parametrize(
    ("installed", "expected", "code"),
    [
        ({}, [], 0),
        ({"autodiff-numpy": ("HERE", None)}, [], 0),
        (
            {"pyautodiff": ("0.3.2", ["pyautodiff/__init__.py"])},
            ["other project  pyautodiff 0.3.2 is not this one, and does not disturb it"],
            0,
        ),
        (
            {"autodiff": ("0.9.1", ["autodiff/__init__.py"])},
            [
                "clash          autodiff 0.9.1 has files under the same import name: python -m pip uninstall autodiff "
                "and python -m pip install --force-reinstall autodiff-numpy"
            ],
            1,
        ),
        ({"autodiff": ("0.9.1", None)}, ["other project  autodiff 0.9.1 is not this one, and does not disturb it"], 0),
        (
            {"autodiff-numpy": ("0.0.1", [])},
            [
                "clash          what is imported is version HERE: python -m pip install --force-reinstall autodiff-numpy"
            ],
            1,
        ),
    ],
)  # fmt: skip
def test_doctor_sees_other_packages_of_the_same_name(
    capsys, monkeypatch, installed, expected, code
):
    def distribution(name):
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        version, files = installed[name]
        return Distribution(version.replace("HERE", autodiff.__version__), files)

    def version(name):
        return distribution(name).version

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    monkeypatch.setattr(importlib.metadata, "version", version)
    found, out, _ = run(capsys, "doctor")
    told = [line for line in out.splitlines() if line.startswith(("clash", "other project"))]
    assert told == [line.replace("HERE", autodiff.__version__) for line in expected]
    assert found == code


# --------------------------------------------------------------------------------------- demo


def test_demo_runs_the_problems_named(capsys):
    code, out, _ = run(capsys, "demo", "Rat42", "--no-picture")
    assert code == 0
    assert "start 2: 1 of 1 agree to 6 digits or more" in out


# ------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "{dir}/model.py", "--at", "1"], "names no function. Write FILE.py:FUNCTION"),
        (["check", "{dir}/other.py:f", "--at", "1"], "there is no file"),
        (["check", "{dir}/model.py:lose", "--at", "1"],
         "has no 'lose'; it has loss, residuals, Model."),
        (["check", "{dir}/model.py:number", "--at", "1"], "'number' in"),
        (["check", "{dir}/model.py:loss", "--at", "np.ones("], "does not evaluate: SyntaxError"),
        (["check", "{dir}/model.py:loss", "--at", "nothing"], "NameError: name 'nothing'"),
        (["check", "{dir}/broken.py:f", "--at", "1"], "does not run: ZeroDivisionError"),
        (["check", "{dir}/unfinished.py:f", "--at", "1"], "does not run: SyntaxError"),
        (["check", "{dir}/leaving.py:f", "--at", "1"], "does not run: SystemExit: 5"),
        (["show", ":f"], "':f' names no function"),
        (["check", "{dir}/notes.txt:f", "--at", "1"], "Its name must end in .py"),
        (["demo", "Misra"], "no NIST problem is named Misra. There are Misra1a"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_a_sentence_and_exit_code_2(capsys, file, arguments, message):
    (file.parent / "broken.py").write_text("1 / 0\n")
    (file.parent / "unfinished.py").write_text("def f(x):\n    return x +\n")
    (file.parent / "leaving.py").write_text("raise SystemExit(5)\n")
    (file.parent / "notes.txt").write_text("words\n")
    code, out, err = run(capsys, *[word.format(dir=file.parent) for word in arguments])
    assert code == 2
    assert out == ""
    assert err.startswith("autodiff: ")
    assert message in err
    assert "Traceback" not in err


def test_functions_without_arguments_or_derivatives(capsys, file):
    file.write_text(
        PROGRAM
        + "\ndef constant():\n    return np.sum(START**2)\n"
        + "\ndef told(x):\n    print('told', x)\n"
        + "\ndef named(x):\n    return 'name'\n"
    )
    code, out, err = run(capsys, "check", f"{file}:constant")
    assert (code, err) == (0, "")
    assert "derivative         none: no argument holds floating-point numbers\nAll agree.\n" in out
    code, out, err = run(capsys, "check", f"{file}:told", "--at", "2.0")
    assert (code, err) == (0, "")
    assert out.count("told 2.0") == 2  # once for each of the two values
    code, out, err = run(capsys, "check", f"{file}:named", "--at", "2.0")
    assert (code, err) == (0, "")
    assert "derivative         none: the result is not made of numbers\nAll agree.\n" in out


def test_show_of_a_function_that_is_not_compiled(capsys, file):
    file.write_text(
        PROGRAM
        + "\ndef spectrum(x):\n    return np.abs(ellip_harm(5, 8, 1, 1, x))\nfrom scipy.special import ellip_harm\n"
    )
    code, out, err = run(capsys, "show", f"{file}:spectrum", "--at", "START")
    assert (code, out) == (1, "")
    assert err == (
        "autodiff: UnsupportedError AD304: spectrum is not compiled: scipy.special.ellip_harm, "
        "which is not known to autodiff.\n"
        f"  {file}, line 20, in spectrum\n"
        "    return np.abs(ellip_harm(5, 8, 1, 1, x))\n"
        "                  ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  Remedy: rewrite that line; until then calls run as plain Python\n"
    )


def test_version(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--version"])
    assert exit.value.code == 0
    assert capsys.readouterr().out == f"autodiff {autodiff.__version__}\n"


def test_unknown_commands_are_explained(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["fit"])
    assert exit.value.code == 2
    assert "invalid choice: 'fit'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "show"])
def test_errors_of_the_function_itself_show_its_line(capsys, file, command):
    file.write_text(PROGRAM + "\ndef shapes(x):\n    return np.sum(x @ np.ones((3, 3)))\n")
    code, _, err = run(capsys, command, f"{file}:shapes", "--at", "START")
    assert code == 1
    assert "return np.sum(x @ np.ones((3, 3)))" in err
    assert "model.py, line 20" in err
    assert "Traceback" not in err


def test_python_dash_m_autodiff_runs(file):
    done = subprocess.run(
        [sys.executable, "-m", "autodiff", "check", f"{file}:loss", "--at", "START"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("All agree.\n")


# --------------------------------------------------------------------------------- differences


def test_central_differences_run_over_results_then_arguments():
    def f(x, y):
        return np.array([x[0] * y, x[1] ** 2])

    found = central_differences(f, (np.array([2.0, 3.0]), 5.0), {})
    # d f / d x as (result, entry of x), then d f / d y, as autodiff.jacobian gives them
    np.testing.assert_allclose(found, [5, 0, 0, 6, 2, 0], atol=1e-8)


def test_integer_arguments_are_not_moved_unless_alone():
    np.testing.assert_allclose(central_differences(lambda x, n: x**n, (2.0, 3), {}), [12])
    np.testing.assert_allclose(central_differences(lambda x: x * x, (3,), {}), [6])
