"""Random NumPy programs, and the comparison of each with plain Python.

    python -m tests.programs.fuzz --minutes 10 --seed 0

    writer       from a table of forms to source: weights, names in scope, blocks
    expressions  numbers, conditions, vectors, matrices, dtypes
    statements   stores, views, control flow, functions, exceptions
    containers   lists, dicts, objects; text
    objects      objects that know one another: identity, members, histories
    helpers      functions and classes that programs call
    programs     one program with arguments for several calls
    checks       result, arguments, text, exception, sharing, derivative: as in plain Python
    shrink       a failing program made small
    __main__     the command: many programs, what fails is shrunk and counted

To have programs write something new: a line in a table.
"""
