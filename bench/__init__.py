"""Benchmarks: the same computation in plain NumPy, autodiff and JAX, measured in one run.

    python -m bench                 # all, as a table on the terminal
    python -m bench rosenbrock lu   # those whose names contain one of the words
    python -m bench --write         # all, and write bench/RESULTS.md

`harness.py` holds what a benchmark is and how it is measured, `worker.py` the process that measures, `__main__.py` the
table; the other modules hold the computations. JAX comes with the extra `bench`; without it its columns stay empty.
"""
