"""A corpus of plain-NumPy programs, as different people write them, and what checks it.

The themed modules (``branches``, ``loops``, ``stores``, ...) hold small functions that know nothing
of automatic differentiation.  Each is registered with `registry.program`, together with inputs that
take every path.  ``test_reference`` proves the corpus itself valid with NumPy alone; ``test_corpus``
runs it through `autodiff` on every engine and compares value, mutated arguments, types and
derivatives with plain NumPy and with numerical derivatives (``reference``).

To add a program: write the function in the module of its theme, decorate it, run
``pytest tests/programs/test_reference.py -k NAME``.
"""
