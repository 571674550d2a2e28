"""The pattern of a derivative as the user gets it: a boolean ``csr_array`` that shows itself.

>>> import numpy as np, autodiff
>>> print(autodiff.sparsity(lambda x: x[1:] - x[:-1])(np.ones(4)))
3 x 4, 6 elements, at most 2 in a row and 2 in a column
X X . .
. X X .
. . X X
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

MOST_ROWS = 40  # of a picture in text


class Structure(csr_array):
    """Which elements of a derivative may be other than zero: an array of bool, ``csr_array``.

    Its text is a picture; ``autodiff.plot.sparsity`` draws one with matplotlib.
    """

    def __str__(self) -> str:
        rows, columns = self.shape
        in_row = int(np.diff(self.indptr).max(initial=0))
        in_column = int(np.bincount(self.indices, minlength=1).max())
        head = (
            f"{rows} x {columns}, {self.nnz} element{'s' * (self.nnz != 1)}, "
            f"at most {in_row} in a row and {in_column} in a column"
        )
        return "\n".join([head, *self._picture()])

    def _picture(self) -> list[str]:
        """One character for each element, or for each square of equally many where there are many."""
        rows, columns = self.shape
        size = max(1, -(-max(rows, columns) // MOST_ROWS))
        seen = np.zeros((-(-rows // size), -(-columns // size)), bool)
        at = np.repeat(np.arange(rows), np.diff(self.indptr))
        seen[at // size, self.indices // size] = True
        lines = [" ".join(["X" if x else "." for x in row]) for row in seen]
        return [*lines, f"(each of these is {size} x {size} elements)"] if size > 1 else lines
