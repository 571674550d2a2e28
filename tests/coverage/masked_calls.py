"""Sample calls of ``numpy.ma``, in the form of :mod:`tests.coverage.numpy_calls`: ``M`` is a masked matrix, ``V`` a masked vector."""

MA = """
abs absolute fabs sin cos tan sinh cosh tanh arctan arcsinh exp negative conjugate floor ceil: {f}({M}).filled(0.0)
sqrt log log2 log10 arccosh: {f}({P} + 1).filled(0.0)
arcsin arccos arctanh: {f}({U}).filled(0.0)
angle: {f}({M}).filled(0.0)
add subtract multiply divide true_divide maximum minimum hypot arctan2 floor_divide fmod mod remainder: {f}({M}, {P}).filled(0.0)
power: {f}({P}, x).filled(0.0)
equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor: {f}({M}, {P}).filled(False)
logical_not: {f}({M}).filled(False)
bitwise_and bitwise_or bitwise_xor left_shift right_shift: {f}(np.ma.array(i, mask=i > 4), 2).filled(0)
all any alltrue sometrue: {f}({M}, axis=1).filled(False)
argmax argmin: {f}({M}, axis=1)
argsort: {f}({V})
sort: {f}({V}).filled(0.0)
sum prod product mean std var max min amax amin ptp median: {f}({M}, axis=1).filled(0.0)
average: {f}({M}, axis=1, weights=np.arange(4.0)).filled(0.0)
anom anomalies cumsum cumprod: {f}({M}, axis=1).filled(0.0)
count count_masked: {f}({M}, axis=1)
allclose allequal: {f}({M}, {P})
append: {f}({M}, {P}, axis=0).filled(0.0)
apply_along_axis: {f}(lambda v: v.sum(), 1, {M}).filled(0.0)
apply_over_axes: {f}(np.sum, {M}, [1]).filled(0.0)
arange identity ones zeros: {f}(3).filled(0) * s
empty: {f}(3).shape[0] * s
empty_like ones_like zeros_like: {f}({M}).shape[0] * s
masked_all: {f}((3, 3)).shape[0] * s
masked_all_like: {f}(x).shape[0] * s
indices: {f}((3, 4))[0].filled(0) * x
fromfunction: {f}(lambda a, b: a + b, (3, 4)).filled(0) * x
frombuffer: {f}(b'01234567', np.uint8).filled(0)
fromflex: {f}(np.ma.array([1.0, 2.0], mask=[0, 1]).toflex()).filled(0.0)
array asarray asanyarray masked_array MaskedArray copy: {f}({M}).filled(0.0)
atleast_1d atleast_2d atleast_3d: {f}({M}).filled(0.0)
around round round_: {f}({M}, 1).filled(0.0)
choose: {f}([0, 1, 2, 0], {M}).filled(0.0)
clip: {f}({M}, -0.5, 0.5).filled(0.0)
clump_masked clump_unmasked: len({f}({V}))
common_fill_value: {f}({M}, {P})
default_fill_value maximum_fill_value minimum_fill_value: {f}({M})
compress: {f}([True, False, True], {M}, axis=0).filled(0.0)
compress_cols compress_nd compress_rowcols compress_rows: {f}(np.ma.array(s, mask=np.eye(3) * [0, 1, 0]))
compressed: {f}({M})
concatenate dstack hstack row_stack stack vstack column_stack: {f}([{M}, {P}]).filled(0.0)
convolve correlate: {f}({V}, np.arange(3.0)).filled(0.0)
corrcoef cov: {f}({M}).filled(0.0)
diag diagonal trace: np.ma.filled({f}({M}), 0.0)
diagflat: {f}({V}).filled(0.0)
diff ediff1d: {f}({V}).filled(0.0)
dot inner innerproduct outer outerproduct: {f}({V}, {V}).filled(0.0) if 'outer' in '{m}' else {f}({V}, {V}) * 1.0
expand_dims: {f}({M}, 1).filled(0.0)
filled: {f}({M}, 0.0)
fix_invalid: {f}({M}).filled(0.0)
flatnotmasked_contiguous flatnotmasked_edges: len({f}({V}))
notmasked_contiguous notmasked_edges: len({f}({M}))
getdata: {f}({M})
getmask getmaskarray: {f}({M})
harden_mask soften_mask: {f}({M}).filled(0.0)
hsplit: {f}({M}, 2)[0].filled(0.0)
ids: len({f}({M}))
in1d isin: {f}({V}, np.array([0.5, 3.0])).filled(False)
intersect1d setdiff1d setxor1d union1d: {f}({V}, np.array([0.5, 3.0])).filled(0.0)
isMA isMaskedArray isarray is_masked: {f}({M})
is_mask: {f}(np.ma.getmask({M}))
make_mask: {f}(x > 0)
make_mask_none: {f}((3, 4))
mask_or: {f}(x > 0, p > 1)
mask_cols mask_rows mask_rowcols: {f}({M}).filled(0.0)
masked_equal masked_not_equal masked_greater masked_greater_equal masked_less masked_less_equal masked_values: {f}(x, 0.5).filled(0.0)
masked_inside masked_outside: {f}(x, -0.5, 0.5).filled(0.0)
masked_invalid: {f}(x).filled(0.0)
masked_object: {f}(np.array([1, 2], object), 2).filled(0)[0]
masked_where: {f}(x > 0, x).filled(0.0)
ndenumerate: sum(v for _, v in {f}({M}))
ndim shape size: {f}({M})
nonzero: {f}({M})
polyfit: {f}(np.arange(4.0), {V}, 1)
put: c = {M}; {f}(c, [0, 5], y[:2]); c.filled(0.0)
putmask: c = {M}; {f}(c, x > 0, p); c.filled(0.0)
ravel squeeze transpose: {f}({M}).filled(0.0)
repeat: {f}({M}, 2, axis=1).filled(0.0)
reshape: {f}({M}, (4, 3)).filled(0.0)
resize: {f}({M}, (2, 7)).filled(0.0)
set_fill_value: c = {M}; {f}(c, 2.0); c.filled()
swapaxes: {f}({M}, 0, 1).filled(0.0)
take: {f}({M}, [0, 2], axis=1).filled(0.0)
unique: {f}({V}).filled(0.0)
vander: {f}({V}, 3)
where: {f}(x > 0, {M}, {P}).filled(0.0)
flatten_mask: {f}(np.array([True, False]))
bool_: {f}(2.5)
- records, their masks, and an exception: MAError MaskError MaskType mvoid make_mask_descr flatten_structured_array
"""
MASKED = {
    "M": "np.ma.array(x, mask=k > 3)",
    "P": "np.ma.array(p, mask=k == 2)",
    "U": "np.ma.array(u, mask=k > 3)",
    "V": "np.ma.array(y, mask=i > 4)",
}
