"""NumPy's functions on tracers, written as compositions of the operations.

Each module enters its functions in the table of :mod:`autodiff.ops.function_table`, which loads it when
one of them is asked for; a function takes the arguments NumPy's takes.  Where possible a composition is plain NumPy on
tracers.
"""
