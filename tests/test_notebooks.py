"""Notebooks and the prompt: what is shown there, and functions that are written there."""

import html.parser
import linecache
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import autodiff
from autodiff.errors import FallbackWarning
from autodiff.ir.printing import as_html
from autodiff.optimize import History, minimize

X = np.array([1.0, -2.0, 3.0])


def loss(x):
    return np.sum(np.where(x > 0, x**2, -x))


class Shown(html.parser.HTMLParser):
    """The text of a page, and whether its tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.open = "", []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


# -- what notebooks show -------------------------------------------------------------------------------
def test_programs_are_shown_as_their_text() -> None:
    program = autodiff.gradient(loss).ir(X)
    page = program._repr_html_()
    assert Shown(page).text == repr(program)
    assert page.startswith("<pre")
    assert '<span style="color: gray">  # float64[3]' in page


def test_reports_on_calls_are_shown_line_by_line() -> None:
    gradient = autodiff.gradient(loss)
    for text in (gradient.explain(X), gradient.llvm(X), gradient.assembly(X)):
        assert isinstance(text, str)
        assert repr(text) == text  # at the prompt too, without quotes and \n
    for text in (gradient.llvm(X), gradient.assembly(X)):
        assert Shown(text._repr_html_()).text == text
    folded = Shown(gradient.explain(X)._repr_html_()).text
    assert all(line.split(maxsplit=1)[1] in folded for line in gradient.explain(X).splitlines()[1:])


def test_gradient_checks_and_histories_are_shown_as_tables() -> None:
    report = autodiff.check_gradient(loss, X)
    text = Shown(report._repr_html_()).text
    assert "agrees with finite differences" in text
    assert "args[0]" in text
    history = minimize(lambda x: np.sum(x**2), X, history=True).history
    text = Shown(history._repr_html_()).text
    assert f"evaluations{len(history)}" in text
    assert "least value" in text
    assert "evaluations0" in Shown(History()._repr_html_()).text


def test_html_is_escaped() -> None:
    text = 'def <lambda>(x):  # <script>alert("&")</script>'
    page = as_html(text)
    assert "<script>" not in page
    assert "&lt;lambda&gt;" in page
    assert Shown(page).text == text
    page = autodiff.gradient(lambda x: x * x).ir(2.0)._repr_html_()
    assert "<lambda>" not in page


# -- functions written in cells and at the prompt ---------------------------------------------------------
def cell(name: str, text: str, namespace: dict) -> None:
    """Run a cell as IPython does: its source is in linecache, under a name that is no file."""
    source = textwrap.dedent(text)
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), namespace)


def test_functions_of_a_cell_have_source_and_may_be_defined_again() -> None:
    namespace: dict = {}
    cell("<ipython-input-1-aaa>", "import numpy as np\nimport autodiff", namespace)
    definition = """
        def f(x):
            total = 0.0
            for v in x:
                if v > 0:
                    total += {power} * v
            return total
        g = autodiff.gradient(f)
    """
    for number, power in ((2, 3.0), (3, 5.0)):
        cell(f"<ipython-input-{number}-bbb>", definition.format(power=power), namespace)
        np.testing.assert_array_equal(namespace["g"](X), power * (X > 0))
        np.testing.assert_array_equal(namespace["g"](-X), power * (X < 0))
        assert f"<ipython-input-{number}-bbb>:" in str(autodiff.function(namespace["f"]).ir(X))
    # A notebook may give the same name to the text of a cell that has changed.
    cell("<ipython-input-3-bbb>", definition.format(power=7.0), namespace)
    np.testing.assert_array_equal(namespace["g"](X), 7 * (X > 0))


def test_functions_made_by_exec_have_no_source_and_work() -> None:
    namespace: dict = {"np": np}
    exec("def f(x):\n    if x > 0:\n        return x**2\n    return -x", namespace)
    gradient = autodiff.gradient(namespace["f"])
    assert gradient(3.0) == 6.0
    assert gradient(-3.0) == -1.0
    assert gradient(4.0) == 8.0


PROMPT = """
import numpy as np, autodiff
def f(x):
    return np.sum(x**2)

autodiff.gradient(f)(np.ones(2))
def f(x):
    return np.sum(x**3)

autodiff.gradient(f)(np.ones(2))
autodiff.gradient(lambda x: x * np.sin(x))(0.0)
@autodiff.gradient
def h(x):
    while x < 10:
        x = x * 2
    return x

h(3.0), h(6.0), h(20.0)
autodiff.gradient(f)
"""


def answers(command: list[str]) -> str:
    done = subprocess.run(
        command, input=PROMPT, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


def expected_in(shown: str) -> None:
    for text in (
        "array([2., 2.])",
        "array([3., 3.])",
        "0.0",
        "(4.0, 2.0, 1.0)",
        "<autodiff.gradient of f; 0 specialisations>",
    ):
        assert text in shown, text


def test_functions_typed_at_the_prompt() -> None:
    expected_in(answers([sys.executable, "-i", "-q"]))


def test_functions_typed_into_ipython() -> None:
    pytest.importorskip("IPython")
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "--quick"]
    expected_in(answers(command))


def test_a_function_of_the_prompt_that_cannot_be_compiled_says_where() -> None:
    namespace: dict = {"np": np}
    cell(
        "<ipython-input-9-ccc>",
        "def f(x):\n    return np.unique((x * 1j).reshape(-1, 1), axis=0)",
        namespace,
    )
    with pytest.warns(FallbackWarning, match=r"<ipython-input-9-ccc>, line 2"):
        autodiff.function(namespace["f"])(X)
