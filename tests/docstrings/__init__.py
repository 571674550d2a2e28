"""The examples in the docstrings of NumPy and SciPy, as functions: what is compiled returns what plain Python returns."""
