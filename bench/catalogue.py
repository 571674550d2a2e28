"""The list of all benchmarks, in the order of the table."""

from bench import families, kernels, loops, ten_lines, vectors
from bench.harness import Benchmark

GROUPS: dict[str, list[Benchmark]] = {
    "Vector code": vectors.BENCHMARKS,
    "Ten-line functions": ten_lines.BENCHMARKS,
    "Loops": loops.BENCHMARKS,
    "Growth with the number of iterations": loops.GROWTH,
    "Kernels with loops and stores": kernels.BENCHMARKS,
    "Calls": families.CALLS,
    "Arrays": families.ARRAYS,
    "Linear algebra": families.LINEAR_ALGEBRA,
    "Second order": families.SECOND_ORDER,
    "Fourier transforms": families.FOURIER,
    "Threads": families.THREADS,
    "Sizes": families.SIZES,
}


def find(name: str) -> Benchmark:
    """Return the benchmark of that name."""
    for group in GROUPS.values():
        for benchmark in group:
            if benchmark.name == name:
                return benchmark
    raise KeyError(f"no benchmark is named {name!r}")
