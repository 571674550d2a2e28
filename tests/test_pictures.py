"""The program of a call as a picture, and the report on it."""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff import pictures
from tests.capture.support import corpus

SVG = "{http://www.w3.org/2000/svg}"


def kinked(x, n):
    y = np.sort(x)
    total = 0.0
    for i in range(n):
        total += np.sin(y[i]) * x[i]
        if total > 100.0:
            total = total * 0.5
    return total + np.sum(np.exp(y) / (1.0 + y))


X = np.random.default_rng(0).random(20)


def rects(root: ET.Element) -> list[ET.Element]:
    return list(root.iter(f"{SVG}rect"))


def test_a_gradient_is_drawn() -> None:
    picture = autodiff.picture(autodiff.gradient(kinked))(X, 20)
    root = ET.fromstring(picture)
    labels = [text.text for text in root.iter(f"{SVG}text")]
    assert {"sort", "argsort", "sin", "cos", "> 100", "× 0.5", "1 +", "then: float64"} <= set(
        labels
    )
    assert labels.count("for k in range(20)") == 2 and labels.count("if") == 2
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    line = kinked.__code__.co_firstlineno + 4
    said = f"test_pictures.py:{line}: total += np.sin(y[i]) * x[i]\n"
    assert any(title.startswith(said) for title in titles)
    assert any(title.startswith(f"derivative of {said}") for title in titles)
    assert {"input", "box", "derived", "frame", "output"} == {r.get("class") for r in rects(root)}


def test_pictures_are_saved_and_shown(tmp_path: Path) -> None:
    picture = autodiff.picture(lambda x: x * x)(2.0)
    picture.save(tmp_path / "square.svg")
    assert (tmp_path / "square.svg").read_text(encoding="utf-8") == str(picture)
    assert picture._repr_svg_() == str(picture) and repr(picture).startswith("<picture, ")


def area(rect: ET.Element) -> tuple[float, float, float, float]:
    x, y, w, h = (float(rect.get(k) or 0) for k in ("x", "y", "width", "height"))
    return x, y, x + w, y + h


@pytest.mark.parametrize("name", [name for k, name in enumerate(corpus()) if k % 30 == 7])
def test_no_two_boxes_overlap_and_all_lie_inside(name: str) -> None:
    root = ET.fromstring(pictures.of_program(corpus()[name][1].program))
    width, height = float(root.get("width") or 0), float(root.get("height") or 0)
    plain = [area(r) for r in rects(root) if r.get("class") != "frame"]
    for x, y, right, low in map(area, rects(root)):
        assert x >= 0 and y >= 0 and right <= width + 0.5 and low <= height + 0.5
    for k, a in enumerate(plain):
        for b in plain[k + 1 :]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, name


def test_explain_tells_what_is_kept_and_where_python_is_called() -> None:
    text = autodiff.gradient(kinked).explain(X, 20)
    lines = str(text).splitlines()
    loop = kinked.__code__.co_firstlineno + 3
    assert f"  keeps   float64[20] of the loop at line {loop}: 160 bytes" in lines
    assert not any(line.startswith("  host ") for line in lines)  # sorts are NumPy's C functions

    def called(x):
        return np.sum(scipy.linalg.expm(np.outer(x, x)))

    line = called.__code__.co_firstlineno + 1
    assert f"  host    expm at line {line}" in str(autodiff.function(called).explain(X[:3]))
    assert any(line.startswith("  native  ") and "1 argsort" in line for line in lines)
    assert any(line.startswith("  memory  ") for line in lines)
    html = text._repr_html_()
    assert html.count("<details>") >= 6 and "<summary>kept for the reverse sweep (" in html
    reference = str(autodiff.gradient(kinked, engine="numpy").explain(X, 20))
    assert "  native  " not in reference and "  keeps   " in reference
