"""Sample calls of ``scipy.sparse``, in the form of :mod:`tests.coverage.numpy_calls`.

Matrices are made of their elements, so that these can be differentiated by, where the class allows it.
"""

SPARSE = """
csr_array csr_matrix csc_array csc_matrix: {f}((x[0], i, np.array([0, 1, 2, 4])), shape=(3, 7)).toarray() if 'csr' in '{m}' else {f}((x[0], i, np.array([0, 1, 2, 4])), shape=(7, 3)).toarray()
coo_array coo_matrix: {f}((x[0], (i, j)), shape=(7, 7)).toarray()
dia_array dia_matrix: {f}((x, [0, 1, -1]), shape=(4, 4)).toarray()
bsr_array bsr_matrix: {f}((z[:, :2, :2], np.array([0, 1]), np.array([0, 1, 2])), shape=(4, 4)).toarray()
dok_array dok_matrix lil_array lil_matrix: o = {f}((3, 4)); o[1, 2] = t; o.toarray()
block_array bmat: {f}([[scipy.sparse.csr_array(FOOT) * t, None], [None, scipy.sparse.csr_array(FOOT)]]).toarray()
block_diag: {f}([scipy.sparse.csr_array(FOOT) * t, scipy.sparse.csr_array(FOOT)]).toarray()
hstack vstack: {f}([scipy.sparse.csr_array(FOOT) * t, scipy.sparse.csr_array(FOOT)]).toarray()
kron kronsum: {f}(scipy.sparse.csr_array(FOOT[:, :2]) * t, scipy.sparse.csr_array(FOOT[:, :2])).toarray()
diags diags_array: {f}([y[:3], y], offsets=[-1, 0]).toarray()
spdiags: {f}(x[:2], [-1, 0], 4, 4).toarray()
eye eye_array identity: ({f}(3) * t).toarray()
expand_dims: {f}(scipy.sparse.coo_array(FOOT) * t).toarray()
permute_dims swapaxes: {f}(scipy.sparse.coo_array(FOOT) * t, *((1, 0) if '{m}' == 'swapaxes' else ((1, 0),))).toarray()
find: {f}(scipy.sparse.csr_array(FOOT) * t)[2]
tril triu: {f}(scipy.sparse.csr_array((x[0], (i, j)), shape=(7, 7))).toarray()
rand random: ({f}(3, 4, 0.5, rng=1) * t).toarray()
random_array: ({f}((3, 4), density=0.5, rng=1) * t).toarray()
issparse isspmatrix isspmatrix_bsr isspmatrix_coo isspmatrix_csc isspmatrix_csr isspmatrix_dia isspmatrix_dok isspmatrix_lil: {f}(scipy.sparse.csr_array(FOOT)) * t
get_index_dtype: x * np.zeros(1, {f}(maxval=9))
safely_cast_index_arrays: {f}(scipy.sparse.csr_array(FOOT), np.int32)[0] * t
- a base class: sparray spmatrix
- files and warnings: load_npz save_npz SparseEfficiencyWarning SparseWarning
"""

# Methods and attributes of a compressed array; what other formats have besides is named after them.
SPARSE_METHODS = """
toarray todense tocoo tocsc tocsr todia tobsr todok tolil: np.asarray(({c}.{m}() if '{m}' in ('toarray', 'todense') else {c}.{m}().toarray()))
T real imag: {c}.{m}.toarray()
dtype format has_canonical_format has_sorted_indices ndim nnz shape size: {c}.{m} if '{m}' not in ('dtype', 'format') else {c}.{m} == 'csr'
arcsin arctan arcsinh arctanh ceil deg2rad expm1 floor log1p rad2deg rint sign sin sinh sqrt tan tanh trunc: (0.1 * abs({c})).{m}().toarray()
asformat: {c}.asformat('coo').toarray()
astype: {c}.astype(np.float32).toarray()
conj conjugate copy transpose: {c}.{m}().toarray()
count_nonzero: {c}.count_nonzero()
diagonal trace sum mean: {c}.{m}()
max min nanmax nanmin: {c}.{m}()
argmax argmin: {c}.{m}()
dot: {c}.dot(w[:7])
maximum minimum multiply: {c}.{m}({c}.T).toarray()
power: {c}.power(2).toarray()
nonzero: {c}.nonzero()
reshape: {c}.reshape((1, 49)).toarray()
resize: o = {c}; o.resize((5, 5)); o.toarray()
setdiag: o = {c}; o.setdiag(w[:7]); o.toarray()
check_format eliminate_zeros prune sort_indices sum_duplicates: o = {c}; o.{m}(); o.toarray()
sorted_indices: {c}.sorted_indices().toarray()
"""
SPARSE_ARRAY = "scipy.sparse.csr_array((x[0], (i, j)), shape=(7, 7))"

# A regular matrix with a few elements beside its diagonal.
REGULAR = "scipy.sparse.{format}_array((np.concatenate([np.full(4, 3.0), y]), ([0, 1, 2, 3, 0, 1, 2, 3], [0, 1, 2, 3, 1, 0, 3, 1])), shape=(4, 4))"
SPARSE_LINALG = """
bicg bicgstab cg cgs gcrotmk gmres lgmres minres qmr tfqmr: {f}({sym}, y + 1, rtol=1e-12)[0]
lsqr lsmr: {f}({csr}, y + 1, atol=1e-14, btol=1e-14)[0]
spsolve: {f}({csc}, y + 1)
spsolve_triangular: {f}(scipy.sparse.tril({csr}, format='csr'), y + 1)
factorized: {f}({csc})(y + 1)
splu SuperLU: scipy.sparse.linalg.splu({csc}).solve(y + 1)
spilu: {f}({csc}).solve(y + 1)
inv: {f}({csc}).toarray()
expm: {f}({csc}).toarray()
expm_multiply: {f}({csr}, y)
funm_multiply_krylov: {f}(linalg.expm, {csr}, y)
matrix_power: {f}({csr}, 3).toarray()
norm: {f}({csr})
onenormest: {f}({csr})
eigsh: {f}({sym}, 2, v0=np.ones(4))[0]
eigs: np.sort({f}({csr}, 2, v0=np.ones(4))[0].real)
svds: {f}({csr}, 2, v0=np.ones(4))[1]
lobpcg: {f}(scipy.sparse.diags_array(w + np.arange(20.0), format='csr'), np.eye(20)[:, :2] + 0.1, tol=1e-10, maxiter=200)[0]
LinearOperator: {f}((4, 4), matvec=lambda v: v * t, dtype=np.float64) @ y
LaplacianNd: {f}((4,)) @ y
aslinearoperator: {f}({csr}) @ y
is_sptriangular spbandwidth: {f}({csr})
- exceptions, and settings: ArpackError ArpackNoConvergence MatrixRankWarning use_solver
"""

GRAPH = "scipy.sparse.csr_array((p[0], ([0, 1, 2, 0], [1, 2, 3, 3])), shape=(4, 4))"
CSGRAPH = """
bellman_ford dijkstra floyd_warshall johnson shortest_path: np.minimum({f}({g}), 9.0)
breadth_first_order depth_first_order: {f}({g}, 0)[0]
breadth_first_tree depth_first_tree: {f}({g}, 0).toarray()
connected_components: {f}({g})[1]
construct_dist_matrix: np.minimum({f}({g}, scipy.sparse.csgraph.shortest_path({g}, return_predecessors=True)[1]), 9.0)
reconstruct_path: {f}({g}, np.array([-9999, 0, 1, 2], np.int32)).toarray()
csgraph_from_dense: {f}(a).toarray()
csgraph_from_masked: {f}(np.ma.array(a, mask=np.eye(3))).toarray()
csgraph_masked_from_dense: {f}(a).filled(0.0)
csgraph_to_dense: {f}({g})
csgraph_to_masked: {f}({g}).filled(0.0)
laplacian: {f}({g}).toarray()
maximum_bipartite_matching structural_rank reverse_cuthill_mckee: {f}({g})
maximum_flow: {f}(scipy.sparse.csr_array(([3, 2, 1], ([0, 1, 0], [1, 2, 2])), shape=(3, 3)), 0, 2).flow_value
min_weight_full_bipartite_matching: {f}(scipy.sparse.csr_array(a))
minimum_spanning_tree: {f}({g}).toarray()
yen: {f}(scipy.sparse.csr_array((p[0], np.array([1, 3, 2, 3], np.int32), np.array([0, 2, 3, 4, 4], np.int32)), shape=(4, 4)), 0, 3, 2)
- an exception: NegativeCycleError
"""
