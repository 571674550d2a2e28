"""Tables, pictures and the check against recorded ratios, of what `python -m bench` has measured.

    {"machine": "…", "copy": bytes/s, "gemm": flops/s, "benchmarks": [
        {"name": "…", "family": "…", "moved": bytes, "flops": …, "peers": {
            "jax": {"steady": s, "first": s, "warm": s, "bytes": …, "difference": …} or {"failed": "…"} or {"unsuited": "…"}}}]}

Ratios are of the best peer to autodiff: more than 1 where autodiff is faster.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

SLACK = 1.25  # a ratio that has fallen by more than this fails the check
Found = dict[str, Any]


def seconds_text(seconds: float | None) -> str:
    """Three significant digits with a unit."""
    if seconds is None:
        return "–"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return (
                f"{seconds / scale:.3g} {unit}"
                if seconds / scale < 999.5
                else f"{seconds / scale:.0f} {unit}"
            )
    return f"{seconds / 1e-9:.0f} ns"


def ratio_text(theirs: float | None, ours: float | None) -> str:
    """Theirs in units of ours."""
    return "–" if theirs is None or ours is None else f"{theirs / ours:.3g}"


def megabytes_text(size: float | None) -> str:
    """Whole megabytes."""
    return "–" if size is None else f"{size / 2**20:.0f} MB"


def of(found: Found, peer: str, what: str) -> float | None:
    """A figure of a peer, if there is one."""
    value = found["peers"].get(peer, {}).get(what)
    return None if value is None else float(value)


def best(found: Found, what: str) -> tuple[str, float] | None:
    """The peer with the least figure among the others that differentiate, and the figure."""
    others = [
        (value, peer)
        for peer in found["peers"]
        if peer not in ("numpy", "autodiff") and (value := of(found, peer, what)) is not None
    ]
    return (min(others)[1], min(others)[0]) if others else None


def ratio(found: Found, what: str = "steady") -> float | None:
    """How many times longer the best of the peers takes."""
    ours, theirs = of(found, "autodiff", what), best(found, what)
    return None if theirs is None or not ours else theirs[1] / ours


def table(headings: list[str], rows: list[list[str]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(headings) + " |", "| --- |" + " ---: |" * (len(headings) - 1)]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows])


def cell(found: Found, peer: str) -> str:
    """A steady time, or that there is none."""
    entry = found["peers"].get(peer, {})
    return "fails" if "failed" in entry else seconds_text(entry.get("steady"))


def steady_table(group: list[Found], peers: list[str], machine: Found) -> str:
    """Seconds a call of every peer."""
    others = [p for p in peers if p not in ("numpy", "autodiff")]
    rows = []
    for found in group:
        ours = of(found, "autodiff", "steady")
        limits = [
            f"{found[what] / ours / machine[rate]:.2f}" if found.get(what) and ours else "–"
            for what, rate in (("moved", "copy"), ("flops", "gemm"))
        ]
        first = ratio(found)
        rows.append(
            [found["name"], cell(found, "numpy"), cell(found, "autodiff"), *(cell(found, p) for p in others)]
            + ["–" if first is None else f"{first:.3g}", *limits]
        )  # fmt: skip
    headings = [
        "benchmark",
        "NumPy (value)",
        "autodiff",
        *others,
        "best / autodiff",
        "of copy",
        "of gemm",
    ]
    return table(headings, rows)


def first_table(group: list[Found], peers: list[str]) -> str:
    """First calls, next functions and memory."""
    compiled = [p for p in peers if p != "numpy"]
    rows = []
    for found in group:
        cells = [found["name"]]
        for what, text in (
            ("first", seconds_text),
            ("warm", seconds_text),
            ("bytes", megabytes_text),
        ):
            cells += [text(of(found, p, what)) for p in compiled]
        rows.append(cells)
    names = [f"{what}, {p}" for what in ("first", "next", "memory") for p in compiled]
    return table(["benchmark", *names], rows)


def geometric_mean(values: list[float]) -> float:
    """The exponential of the mean logarithm."""
    return math.exp(sum(math.log(v) for v in values) / len(values))


def summary(results: Found) -> str:
    """By family: the best peer's time in units of autodiff's, the mean and the least."""
    rows = []
    for family in dict.fromkeys(b["family"] for b in results["benchmarks"]):
        group = [b for b in results["benchmarks"] if b["family"] == family]
        cells = [family]
        for what in ("steady", "first", "bytes"):
            known = [r for b in group if (r := ratio(b, what)) is not None and r > 0]
            cells += [f"{geometric_mean(known):.3g}", f"{min(known):.3g}"] if known else ["–", "–"]
        rows.append(cells)
    headings = [
        "family",
        "steady: mean",
        "least",
        "first call: mean",
        "least",
        "memory: mean",
        "least",
    ]
    return table(headings, rows)


def notes(found: Found, tolerance: float) -> list[str]:
    """What a row cannot show: failures, and disagreements of value or gradient with autodiff."""
    lines = []
    for peer, entry in found["peers"].items():
        if "failed" in entry:
            lines.append(f"- {found['name']}: {peer} fails: {entry['failed']}")
        difference = entry.get("difference")
        if difference is not None and not difference <= tolerance:
            lines.append(
                f"- {found['name']}: {peer} and autodiff differ by {difference:.1e} (relative to the largest entry)"
            )
    return lines


EXPLANATION = """\
Value and gradient with respect to the first argument, NumPy arrays in and out. Each peer runs in a process of its own, with one
thread on one core; the processes take turns, and the least of the turns' medians counts. NumPy's column is the value alone.
`best / autodiff` is the time of the fastest other peer in units of autodiff's. `of copy` is the share of the bandwidth of a copy of a
large array that is reached by the bytes that value and gradient must move, `of gemm` that of the rate of a product of large matrices.
First call: from the function to its first value and gradient in a fresh process, imports done, no cache. Next: the same after an
unrelated function was compiled in that process. Memory: how far the process rose above imports and arguments. Seconds are
processor time of the process, which other programs of the machine change little; a machine that is shared changes caches and clock
nevertheless. A peer without a time has no code for that benchmark, or its code asks for what the peer lacks. How each
is called, and the code of every version, is in `bench/`."""


def document(results: Found, tolerances: dict[str, float]) -> str:
    """All tables as a page."""
    peers = results["peers"]
    parts = [
        "# Benchmark results of every tool",
        "Written by `python -m bench --write`.",
        results["machine"],
    ]
    parts += [
        f"A copy reaches {results['copy'] / 1e9:.3g} GB/s, a product of matrices {results['gemm'] / 1e9:.3g} GFLOP/s.",
        EXPLANATION,
        "## The best of the peers, in units of autodiff",
        summary(results),
    ]
    remarks: list[str] = []
    for family in dict.fromkeys(b["family"] for b in results["benchmarks"]):
        group = [b for b in results["benchmarks"] if b["family"] == family]
        parts += [f"## {family}", steady_table(group, peers, results)]
        if any(of(b, "autodiff", "first") is not None for b in group):
            parts += [first_table(group, peers)]
        for found in group:
            remarks += notes(found, tolerances[found["name"]])
    if remarks:
        parts += ["## Failures and disagreements", "\n".join(remarks)]
    return "\n\n".join(parts) + "\n"


def fallen(results: Found, recorded: Found) -> list[str]:
    """Benchmarks whose ratio to NumPy or to the best peer is less than recorded, by more than ``SLACK``."""
    before = {b["name"]: b for b in recorded["benchmarks"]}
    lines = []
    for found in results["benchmarks"]:
        old = before.get(found["name"])
        if old is None:
            continue
        for what in ("numpy", "best peer"):
            now, then = (_against(b, what) for b in (found, old))
            if now is not None and then is not None and now < then / SLACK:
                lines.append(
                    f"{found['name']}: {what} / autodiff is {now:.3g}, recorded is {then:.3g}"
                )
        if (
            old["peers"].get("autodiff", {}).get("steady")
            and "failed" in found["peers"]["autodiff"]
        ):
            lines.append(f"{found['name']}: {found['peers']['autodiff']['failed']}")
    return lines


def _against(found: Found, what: str) -> float | None:
    if what == "best peer":
        return ratio(found)
    theirs, ours = of(found, "numpy", "steady"), of(found, "autodiff", "steady")
    return None if theirs is None or not ours else theirs / ours


def draw(results: Found, folder: Path) -> list[Path]:
    """Bars of ratios, lines over sizes, and what is reached of the machine's limits, as SVG files."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    shown = [(b["name"], r) for b in results["benchmarks"] if (r := ratio(b)) is not None]
    figure, axes = plt.subplots(figsize=(8, 0.22 * len(shown) + 1))
    axes.barh([name for name, _ in shown][::-1], [r for _, r in shown][::-1])
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="time of the fastest other peer / time of autodiff")
    made.append(_saved(figure, folder / "ratios.svg"))

    sizes = [b for b in results["benchmarks"] if b["family"] == "Sizes"]
    if sizes:
        figure, axes = plt.subplots(figsize=(6, 4))
        for peer in results["peers"]:
            points = [
                (float(b["name"].split("n=")[1]), s)
                for b in sizes
                if (s := of(b, peer, "steady")) is not None
            ]
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", label=peer)
        axes.set(
            xscale="log", yscale="log", xlabel="n", ylabel="seconds a call", title="Rosenbrock"
        )
        axes.legend()
        made.append(_saved(figure, folder / "sizes.svg"))

    limited = [
        (b["name"], b[what] / ours / results[rate])
        for b in results["benchmarks"]
        for what, rate in (("moved", "copy"), ("flops", "gemm"))
        if b.get(what) and (ours := of(b, "autodiff", "steady"))
    ]
    if limited:
        figure, axes = plt.subplots(figsize=(8, 0.25 * len(limited) + 1))
        axes.barh([name for name, _ in limited][::-1], [r for _, r in limited][::-1])
        axes.axvline(1.0, color="black", linewidth=0.8)
        axes.set(xlabel="share of the bandwidth of a copy, or of the rate of gemm")
        made.append(_saved(figure, folder / "limits.svg"))
    return made


def _saved(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path)
    return path
