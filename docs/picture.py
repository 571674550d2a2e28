"""Draw the picture of README.md from the figures of bench/RESULTS.md: `python docs/picture.py`.

What was drawn is written into the picture, so that a test can tell whether it is still true.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "_static" / "figures.png"
# Rows of the results, and what the picture calls them.
SHOWN = {
    "rosenbrock n=10": "Rosenbrock, n = 10",
    "rosenbrock n=1e6": "Rosenbrock, n = 1,000,000",
    "logistic regression 20000x50": "logistic regression",
    "gaussian process n=200": "Gaussian process",
    "softmax cross-entropy 1000x100": "softmax cross-entropy",
    "ten lines: mixture": "mixture density",
    "lorenz 2000 steps": "Lorenz, 2,000 steps",
    "recurrence with sine n=5000": "recurrence with a sine",
    "stencil 400x500": "stencil, 500 steps",
    "cholesky loop n=60, JAX by columns": "Cholesky by loops",
    "branchy loop n=5000": "loop with branches",
    "ADI 30x30, 3 steps": "ADI sweeps",
}
UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def seconds(text: str) -> float:
    """Of a text such as "289 ns"."""
    number, unit = text.split()
    return float(number) * UNITS[unit]


def figures() -> dict[str, tuple[float, float, float]]:
    """For each row shown: seconds of NumPy's value, and of autodiff's and JAX's value and gradient."""
    found = {}
    for line in (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in SHOWN and re.match(r"[\d.]+ \S+$", cells[1]):
            found[cells[0]] = (seconds(cells[1]), seconds(cells[2]), seconds(cells[3]))
    assert found.keys() == SHOWN.keys(), SHOWN.keys() - found.keys()
    return {name: found[name] for name in SHOWN}


def description(drawn: dict[str, tuple[float, float, float]]) -> str:
    """What is drawn, as a text."""
    return "; ".join(f"{name}: {values}" for name, values in drawn.items())


def main() -> None:
    """Draw, and save."""
    import matplotlib.pyplot as plt

    drawn = figures()
    fig, ax = plt.subplots(figsize=(9, 4.6), layout="constrained")
    for row, values in enumerate(reversed(drawn.values())):
        ax.plot([min(values), max(values)], [row, row], color="0.88", lw=5, zorder=0)
        for value, colour, marker in zip(
            values, ("0.55", "#1f5f8b", "#e08214"), "sod", strict=True
        ):
            ax.plot(value, row, marker, color=colour, ms=8)
    for colour, marker, label in (
        ("#1f5f8b", "o", "autodiff: value and gradient"),
        ("#e08214", "d", "JAX: value and gradient"),
        ("0.55", "s", "NumPy: value alone"),
    ):
        ax.plot([], [], marker, color=colour, ms=8, label=label)
    ax.set_xscale("log")
    ax.set_yticks(range(len(drawn)), [SHOWN[name] for name in reversed(drawn)])
    ax.set_xticks(
        [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2], ["0.1 µs", "1 µs", "10 µs", "0.1 ms", "1 ms", "10 ms"]
    )
    ax.minorticks_off()
    ax.grid(axis="x", color="0.93")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title("Time of a call, one thread", loc="left")
    fig.legend(loc="outside lower center", ncols=3, frameon=False)
    fig.savefig(PICTURE, dpi=110, metadata={"Description": description(drawn), "Software": None})


if __name__ == "__main__":
    main()
