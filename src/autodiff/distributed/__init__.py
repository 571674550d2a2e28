"""A sum over shards of data as one objective: on the threads of this process, or on a Dask cluster.

    def loss(params, x, y):                       # of one shard, in plain NumPy
        return np.sum((np.tanh(x @ params) - y) ** 2)

    objective = autodiff.distributed.sum_over(loss, shards, client)
    autodiff.optimize.minimize(objective, np.zeros(3))

The data go to the workers once and stay there. A call sends parameters and brings back sums: each
worker runs the compiled value and gradient (or Hessian product, or Jacobian) of its shards, and the
results are added in a tree that depends on the number of shards alone, so that the sum is the same
to the last bit for any number of workers.

Dask is the extra ``autodiff-numpy[dask]``, and is needed only where a client is given.
"""

from .objective import ModelOver, RowsOver, SumOver, map, model_over, rows_over, sum_over  # noqa: A004

__all__ = ["ModelOver", "RowsOver", "SumOver", "map", "model_over", "rows_over", "sum_over"]
