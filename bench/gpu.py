"""The JAX engine against the same computation written by hand for ``jax.jit``, on a GPU.

    python -m bench.gpu                  checks and times on the first GPU, writes RESULTS-gpu.md
    python -m bench.gpu --device cpu     the same on JAX's CPU, smaller, writes RESULTS-jax-cpu.md

Each task is a NumPy function, its arguments, and what a user of JAX would write for the same value and
gradient.  First the results are compared, with NumPy's engine and by hand; then both are timed on
arrays that are on the device already: the first call (capture and XLA's compilation; the shorter of
two), and calls after it, in turn, of which the shortest counts: other work on the machine makes calls
longer, never shorter.  Without such a device the script says so and ends well.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autodiff

RESULTS = {
    kind: Path(__file__).parent / f"RESULTS-{name}.md"
    for kind, name in (("gpu", "gpu"), ("tpu", "tpu"), ("cpu", "jax-cpu"))
}
SECONDS = 4.0  # of steady calls for each task, both ways together


@dataclass
class Task:
    """One computation: plain NumPy, and by hand in JAX."""

    name: str
    ours: Callable[..., Any]  # from engine and device to a compiled function
    arguments: tuple[Any, ...]
    by_hand: Callable[..., Any] | None  # a function of JAX arrays, to be jitted
    note: str = ""


# -- the tasks: NumPy on the left, JAX by hand below it -----------------------------------------------
def pointwise(x: Any) -> Any:
    return np.sum(np.exp(-x * x) * np.sin(3 * x) + np.log1p(x * x) / (1 + np.abs(x)))


def mlp(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ w1 + b1)
    return np.mean((hidden @ w2 + b2 - y) ** 2)


def n_body(position: Any, velocity: Any, mass: Any) -> Any:
    """Energy after some leapfrog steps, by positions and velocities."""
    for _ in range(10):
        apart = position[None, :, :] - position[:, None, :]
        cubed = (np.sum(apart * apart, axis=-1) + 1e-3) ** 1.5
        velocity = velocity + 0.01 * np.sum(mass[None, :, None] * apart / cubed[:, :, None], axis=1)
        position = position + 0.01 * velocity
    return np.sum(mass[:, None] * velocity**2) + np.sum(position**2)


def option(spot: Any, volatility: Any, draws: Any) -> Any:
    """An arithmetic Asian option over paths of 64 steps, with its sensitivities."""
    steps = (0.02 - 0.5 * volatility**2) / 64 + volatility * np.sqrt(1 / 64) * draws
    paths = spot * np.exp(np.cumsum(steps, axis=1))
    return np.exp(-0.02) * np.mean(np.maximum(np.mean(paths, axis=1) - 100.0, 0.0))


def relaxation(u: Any, source: Any) -> Any:
    """Jacobi sweeps of a Poisson problem until they change little: how many, the data decide."""
    change = 1.0
    while change > 1e-3:
        inner = 0.25 * (
            u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + source[1:-1, 1:-1]
        )
        change = np.max(np.abs(inner - u[1:-1, 1:-1]))
        u = u.copy()
        u[1:-1, 1:-1] = inner
    return np.sum(u * u)


TIMES = np.linspace(0.0, 1.0, 32)


def decay_fit(data: Any) -> Any:
    """A fit of amplitude and rate to one series, by Gauss-Newton until it stands still."""
    a, k = 1.0, 1.0
    size = 1.0
    while size > 1e-10:
        e = np.exp(-k * TIMES)
        r = data - a * e
        ja, jk = e, -a * TIMES * e
        aa, ak, kk = np.sum(ja * ja), np.sum(ja * jk), np.sum(jk * jk)
        ra, rk = np.sum(ja * r), np.sum(jk * r)
        det = aa * kk - ak * ak
        da, dk = (kk * ra - ak * rk) / det, (aa * rk - ak * ra) / det
        a, k = a + da, k + dk
        size = np.abs(da) + np.abs(dk)
    return np.array([a, k])


def _by_hand(jax: Any) -> dict[str, Callable[..., Any]]:
    jnp = jax.numpy

    def pointwise(x: Any) -> Any:
        return jnp.sum(jnp.exp(-x * x) * jnp.sin(3 * x) + jnp.log1p(x * x) / (1 + jnp.abs(x)))

    def mlp(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        dot = lambda a, b: jnp.matmul(a, b, precision="highest")  # noqa: E731
        return jnp.mean((dot(jnp.tanh(dot(x, w1) + b1), w2) + b2 - y) ** 2)

    def n_body(position: Any, velocity: Any, mass: Any) -> Any:
        def step(state: Any, _: Any) -> Any:
            position, velocity = state
            apart = position[None, :, :] - position[:, None, :]
            cubed = (jnp.sum(apart * apart, axis=-1) + 1e-3) ** 1.5
            velocity = velocity + 0.01 * jnp.sum(
                mass[None, :, None] * apart / cubed[:, :, None], axis=1
            )
            return (position + 0.01 * velocity, velocity), None

        (position, velocity), _ = jax.lax.scan(step, (position, velocity), None, length=10)
        return jnp.sum(mass[:, None] * velocity**2) + jnp.sum(position**2)

    def option(spot: Any, volatility: Any, draws: Any) -> Any:
        steps = (0.02 - 0.5 * volatility**2) / 64 + volatility * jnp.sqrt(1 / 64) * draws
        paths = spot * jnp.exp(jnp.cumsum(steps, axis=1))
        return jnp.exp(-0.02) * jnp.mean(jnp.maximum(jnp.mean(paths, axis=1) - 100.0, 0.0))

    def relaxation(u: Any, source: Any) -> Any:
        def sweep(state: Any) -> Any:
            u, _ = state
            inner = 0.25 * (
                u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + source[1:-1, 1:-1]
            )
            change = jnp.max(jnp.abs(inner - u[1:-1, 1:-1]))
            return u.at[1:-1, 1:-1].set(inner), change

        u, _ = jax.lax.while_loop(lambda s: s[1] > 1e-3, sweep, (u, jnp.asarray(1.0)))
        return jnp.sum(u * u)

    def decay_fit(data: Any) -> Any:
        times = jnp.asarray(TIMES)

        def step(state: Any) -> Any:
            a, k, _ = state
            e = jnp.exp(-k * times)
            r = data - a * e
            ja, jk = e, -a * times * e
            aa, ak, kk = jnp.sum(ja * ja), jnp.sum(ja * jk), jnp.sum(jk * jk)
            ra, rk = jnp.sum(ja * r), jnp.sum(jk * r)
            det = aa * kk - ak * ak
            da, dk = (kk * ra - ak * rk) / det, (aa * rk - ak * ra) / det
            return a + da, k + dk, jnp.abs(da) + jnp.abs(dk)

        one = jnp.asarray(1.0)
        a, k, _ = jax.lax.while_loop(lambda s: s[2] > 1e-10, step, (one, one, one))
        return jnp.stack([a, k])

    return {
        "pointwise": jax.value_and_grad(pointwise),
        "mlp": jax.value_and_grad(mlp, argnums=(0, 1, 2, 3)),
        "n_body": jax.value_and_grad(n_body, argnums=(0, 1)),
        "option": jax.value_and_grad(option, argnums=(0, 1)),
        "relaxation": relaxation,
        "decay_fit": jax.vmap(decay_fit),
    }


def tasks(jax: Any, scale: int) -> list[Task]:
    """All tasks; ``scale`` 1 is for a CPU, larger ones for a GPU."""
    rng = np.random.default_rng(0)
    hand = _by_hand(jax)
    normal = rng.standard_normal
    width = 128 * scale
    layers = (
        normal((width, width)) / width**0.5, np.zeros(width), normal((width, 10)) / width**0.5,
        np.zeros(10), normal((256 * scale, width)), normal((256 * scale, 10)),
    )  # fmt: skip
    bodies = (normal((64 * scale, 3)), normal((64 * scale, 3)), rng.uniform(0.5, 1.5, 64 * scale))
    side = 32 * scale
    grid = (np.zeros((side, side)), normal((side, side)))
    amplitude = rng.uniform(0.8, 1.2, 512 * scale * scale)
    rate = rng.uniform(0.8, 1.4, 512 * scale * scale)
    series = amplitude[:, None] * np.exp(-rate[:, None] * TIMES)
    series += 0.001 * normal(series.shape)
    with_gradient = autodiff.value_and_gradient

    def of(f: Any, **how: Any) -> Callable[..., Any]:
        return lambda **options: with_gradient(f, **how, **options)

    return [
        Task("pointwise, value and gradient", of(pointwise), (normal(1_000_000 * scale),), hand["pointwise"]),
        Task("MLP, value and gradient", of(mlp, wrt=("w1", "b1", "w2", "b2")), layers, hand["mlp"]),
        Task("N-body, 10 steps, value and gradient", of(n_body, wrt=("position", "velocity")), bodies, hand["n_body"]),
        Task("Monte Carlo, value and gradient", of(option, wrt=("spot", "volatility")),
             (np.asarray(100.0), np.asarray(0.2), normal((4096 * scale * scale, 64))), hand["option"]),
        Task("while loop, value", lambda **o: autodiff.function(relaxation, **o), grid, hand["relaxation"]),
        Task("while loop, value and gradient", of(relaxation, wrt="source"), grid, None,
             "JAX has no reverse mode through `while_loop`"),
        Task("batch of fits, vmap", lambda **o: autodiff.vmap(decay_fit, **o), (series,), hand["decay_fit"]),
        Task("batch of fits, sensitivities, vmap",
             lambda **o: autodiff.vmap(autodiff.jacobian(decay_fit, mode="reverse"), **o),
             (series,), None, "JAX has no reverse mode through `while_loop`"),
    ]  # fmt: skip


# -- checks and times ---------------------------------------------------------------------------------
def _flat(jax: Any, found: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree_util.tree_leaves(found)]


def _agree(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest difference, relative to the largest element."""
    worst = 0.0
    for a, b in zip(one, other, strict=True):
        scale = max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
        worst = max(worst, float(np.max(np.abs(a - b), initial=0.0)) / scale)
    return worst


def measured(jax: Any, task: Task, device: Any, name: str) -> dict[str, Any]:
    """Differences and times of one task."""
    given = [jax.device_put(x, device) for x in task.arguments]
    row: dict[str, Any] = {"name": task.name, "note": task.note}
    row["first"] = np.inf
    for _ in range(2):
        ours = task.ours(engine="jax", device=name)
        start = time.perf_counter()
        found = jax.block_until_ready(ours(*given))
        row["first"] = min(row["first"], time.perf_counter() - start)
    native = task.ours()
    native_found = native(*task.arguments)
    start = time.perf_counter()
    native(*task.arguments)
    row["native"] = time.perf_counter() - start
    row["difference"] = _agree(_flat(jax, found), _flat(jax, native_found))
    hand = None
    if task.by_hand is not None:
        row["first by hand"] = np.inf
        for _ in range(2):
            hand = jax.jit(lambda *x: task.by_hand(*x))
            start = time.perf_counter()
            by_hand = jax.block_until_ready(hand(*given))
            row["first by hand"] = min(row["first by hand"], time.perf_counter() - start)
        row["difference by hand"] = _agree(_flat(jax, found), _flat(jax, by_hand))
    calls: tuple[Any, ...] = (ours,) if hand is None else (ours, hand)
    times: list[list[float]] = [[] for _ in calls]
    began = time.perf_counter()
    while len(times[0]) < 5 or (time.perf_counter() - began < SECONDS and len(times[0]) < 1000):
        for kept, call in zip(times, calls, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(call(*given))
            kept.append(time.perf_counter() - start)
    row["steady"] = min(times[0])
    if hand is not None:
        row["steady by hand"] = min(times[1])
    return row


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| task | engine jax | by hand, jax.jit | ratio | first call | by hand | ratio | engine native, CPU | difference |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        hand = row.get("steady by hand")
        ratio = f"{row['steady'] / hand:.2f}" if hand else ""
        first = f"{row['first'] / row['first by hand']:.2f}" if hand else ""
        lines.append(
            f"| {row['name']} | {_time(row['steady'])} | {_time(hand) or row['note']} | {ratio} | "
            f"{_time(row['first'])} | {_time(row.get('first by hand'))} | {first} | {_time(row['native'])} | "
            f"{max(row['difference'], row.get('difference by hand', 0.0)):.0e} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit code says whether all results agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--device", default="gpu", help='"gpu" (the default), "gpu:1", "tpu", "cpu"'
    )
    options = parser.parse_args(arguments)
    from autodiff.engines.jax import platform
    from autodiff.errors import EngineError

    try:
        device = platform.device_of(options.device)
    except EngineError as error:
        print(f"Nothing was measured. {error.message}\n{error.remedy}")
        return 0
    jax = platform.jax()
    rows = []
    with platform.double_precision(), jax.default_device(device):
        autodiff.gradient(lambda x: x * x, engine="jax", device=options.device)(2.0)  # load all
        jax.jit(jax.grad(lambda x: x * x))(2.0)
        for task in tasks(jax, 1 if device.platform == "cpu" else 8):
            print(f"{task.name} …", file=sys.stderr, flush=True)
            rows.append(measured(jax, task, device, options.device))
    shown = table(rows)
    print(shown)
    worst = max(max(row["difference"], row.get("difference by hand", 0.0)) for row in rows)
    good = worst < 1e-6
    print(f"results {'agree' if good else 'DIFFER'}: {worst:.0e} of the largest element at most")
    if good:
        kind = options.device.partition(":")[0]
        RESULTS[kind].write_text(
            f"# The JAX engine on a {kind.upper()}\n\n"
            f"`python -m bench.gpu --device {options.device}` on {device.device_kind}, JAX {jax.__version__}, "
            f"NumPy {np.__version__}; float64; the shortest of calls made in turn, with arrays on the device.\n"
            f"\n{shown}\n",
            encoding="utf-8",
        )
        print(f"written: {RESULTS[kind]}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
