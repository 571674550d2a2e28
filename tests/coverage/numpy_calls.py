"""Sample calls of NumPy: namespace -> lines ``names: call``, or ``- reason: names``.

``{f}`` stands for the callable with its module, ``{m}`` for its name alone. What the letters mean is in
:data:`tests.coverage.measure.ARGUMENTS`. Statements before the last ``;`` are run first.
"""

# Names that some versions lack: NumPy 2.5 and newer, NumPy 2.1.
GONE = ("row_stack", "matvec", "vecmat")

NUMPY = """
abs absolute fabs sin cos tan sinh cosh tanh arctan atan arcsinh asinh exp exp2 expm1 cbrt square: {f}(x)
positive negative sign signbit rint fix floor ceil trunc conj conjugate deg2rad degrees rad2deg radians: {f}(x)
real imag isfinite isinf isnan isneginf isposinf isreal iscomplex sinc i0 nan_to_num angle spacing: {f}(x)
sqrt log log2 log10 log1p reciprocal: {f}(p)
arcsin asin arccos acos arctanh atanh: {f}(u)
arccosh acosh: {f}(p + 1)
add subtract multiply divide true_divide maximum minimum fmax fmin hypot copysign arctan2 atan2 logaddexp logaddexp2: {f}(x, p)
floor_divide mod remainder fmod divmod heaviside nextafter: {f}(x, p)
power pow float_power: {f}(p, x)
less less_equal greater greater_equal equal not_equal logical_and logical_or logical_xor: {f}(x, p)
logical_not: {f}(x)
bitwise_and bitwise_or bitwise_xor gcd lcm: {f}(i, j)
left_shift right_shift bitwise_left_shift bitwise_right_shift: {f}(i, 2)
bitwise_count bitwise_invert bitwise_not invert: {f}(i)
frexp: np.frexp(x)[0]
modf: {f}(x)
ldexp: np.ldexp(x, 3)
isnat: {f}(np.array(['2020-01-01', 'NaT'], 'M8[D]'))
matmul dot inner: {f}(x, x.T) if '{m}' != 'inner' else np.inner(x, x)
matvec: np.matvec(x, y)
vecmat: np.vecmat(y, x.T)
vecdot: np.vecdot(x, y)
vdot outer kron: {f}(x, x + 1)
tensordot: np.tensordot(x, z, ([0, 1], [1, 2]))
einsum: np.einsum('ij,kij->k', x, z)
einsum_path: {f}('ij,jk,k->i', x, x.T, y[:3])[0]
cross: np.cross(s, s[::-1])
sum prod mean std var max min amax amin median average nansum nanprod nanmean nanstd nanvar nanmax nanmin nanmedian ptp: {f}(x, axis=1)
cumsum cumprod nancumsum nancumprod cumulative_sum cumulative_prod: {f}(x, axis=1)
diff ediff1d gradient: {f}(y)
all any count_nonzero argmax argmin nanargmax nanargmin: {f}(x, axis=1)
percentile nanpercentile: {f}(x, 30, axis=1)
quantile nanquantile: {f}(x, 0.3, axis=1)
cov corrcoef: {f}(x)
histogram: np.histogram(x, bins=4, weights=p)[0]
histogram2d: np.histogram2d(y, y**2, bins=3, weights=np.abs(y))[0]
histogramdd: np.histogramdd((y, y**2), bins=3, weights=np.abs(y))[0]
histogram_bin_edges: {f}(x, 4)
bincount: np.bincount(i, weights=y)
digitize: np.digitize(x, np.array([-1.0, 0.0, 1.0]))
searchsorted: np.searchsorted(np.array([-1.0, 0.0, 1.0]), y)
sort argsort partition argpartition sort_complex: {f}(y, 2) if 'partition' in '{m}' else {f}(y)
lexsort: np.lexsort((y, np.round(y)))
unique unique_values: {f}(y)
unique_all unique_counts unique_inverse: {f}(y)[0]
union1d intersect1d setdiff1d setxor1d: {f}(y, np.array([0.5, 3.0]))
isin: np.isin(y, np.array([0.5, 3.0]))
where: np.where(x > 0, x, p)
select: np.select([x > 1, x > 0], [x, p], 0.5)
piecewise: np.piecewise(y, [y < 0, y >= 0], [lambda v: v * v, lambda v: 3 * v])
choose: np.choose(np.array([0, 1, 2, 0]), x)
compress: np.compress([True, False, True], x, axis=0)
extract: np.extract(x > 0, x)
clip: np.clip(x, -0.5, u)
interp: np.interp(u, np.array([0.0, 0.4, 1.0]), s[0])
convolve correlate: {f}(y, s[0], 'same')
trapezoid: np.trapezoid(x, axis=1)
unwrap: np.unwrap(4 * x)
round around: {f}(x, 1)
isclose allclose: {f}(x, x + 1)
array_equal array_equiv: {f}(x, x + 1)
array asarray asanyarray ascontiguousarray asfortranarray asarray_chkfinite copy atleast_1d atleast_2d atleast_3d squeeze ravel transpose permute_dims matrix_transpose: {f}(x)
flip fliplr flipud rot90 trace diag diagonal diagflat tril triu: {f}(x)
astype: np.astype(x, np.float32)
require: np.require(x, np.float64, 'C')
reshape: np.reshape(x, (4, 3))
resize: np.resize(x, (2, 7))
expand_dims: np.expand_dims(x, 1)
broadcast_to: np.broadcast_to(y, (3, 4))
broadcast_arrays: np.broadcast_arrays(x, y)
swapaxes moveaxis rollaxis: {f}(z, 2, 0)
roll: np.roll(x, 1, axis=1)
repeat: np.repeat(x, 2, axis=1)
tile: np.tile(x, (2, 1))
stack vstack hstack dstack column_stack row_stack concatenate concat: {f}([x, p])
block: np.block([[x, p], [p, x]])
bmat: np.asarray(np.bmat([[x, p]]))
append: np.append(x, p, axis=0)
insert: np.insert(x, 1, y, axis=0)
delete: np.delete(x, 1, axis=0)
split array_split: {f}(x, 2, axis=1)
hsplit: np.hsplit(x, 2)
vsplit: np.vsplit(x, 3)
dsplit: np.dsplit(z, 2)
unstack: np.unstack(x)
pad: np.pad(x, 1, mode='reflect')
take: np.take(x, [0, 2], axis=1)
take_along_axis: np.take_along_axis(x, np.array([[0], [1], [2]]), axis=1)
put: c = x.copy(); np.put(c, [0, 5], y[:2]); c
place: c = x.copy(); np.place(c, x > 0, y[:2]); c
putmask: c = x.copy(); np.putmask(c, x > 0, p); c
put_along_axis: c = x.copy(); np.put_along_axis(c, np.array([[0], [1], [2]]), t, axis=1); c
copyto: c = x.copy(); np.copyto(c, p, where=x > 0); c
fill_diagonal: c = s.copy(); np.fill_diagonal(c, t); c
trim_zeros: np.trim_zeros(y)
zeros_like ones_like: {f}(x) * 0 + x
empty_like: np.zeros({f}(x).shape) + x
full_like: np.full_like(x, t)
zeros ones: {f}(3) * 0 + s[0]
empty: np.zeros({f}(3).shape) + s[0]
full: np.full(3, t)
eye identity tri: {f}(3) * s
arange: np.arange(4.0) * y
linspace logspace: {f}(0.1, t, 4)
geomspace: np.geomspace(0.1, t, 4)
vander: np.vander(y, 3)
meshgrid: np.meshgrid(y, s[0])
ix_: x[np.ix_([0, 2], [1, 3])]
indices: np.indices((3, 4))[0] * x
diag_indices: s[np.diag_indices(3)]
diag_indices_from: s[np.diag_indices_from(s)]
tril_indices triu_indices: s[{f}(3)]
tril_indices_from triu_indices_from: s[{f}(s)]
mask_indices: s[np.mask_indices(3, np.triu)]
unravel_index: x[np.unravel_index(5, (3, 4))]
ravel_multi_index: y[np.ravel_multi_index((0, 1), (2, 2))]
nonzero flatnonzero argwhere: {f}(x > 0)
shape ndim size: np.shape(x)
fromfunction: np.fromfunction(lambda a, b: a + b, (3, 4)) * x
fromiter: np.fromiter((v * v for v in y), float)
frombuffer: np.frombuffer(b'\\x01\\x02', np.uint8)
apply_along_axis: np.apply_along_axis(lambda v: v * v.sum(), 1, x)
apply_over_axes: np.apply_over_axes(np.sum, z, (0, 2))
vectorize: np.vectorize(lambda v: v * v)(y)
frompyfunc: np.frompyfunc(lambda v: v * v, 1, 1)(y).astype(float)
ndenumerate: sum([v * (k[0] + 1) for k, v in np.ndenumerate(y)])
ndindex: sum([x[k] for k in np.ndindex(3, 4)])
nditer: sum([v * v for v in np.nditer(y)])
nested_iters: len(np.nested_iters(x, [[1], [0]]))
broadcast: np.broadcast(x, y).shape
broadcast_shapes: np.broadcast_shapes((3, 1), (4,))
poly: np.poly(y)
poly1d: np.poly1d(y)(t)
polyadd polysub polymul: {f}(y, s[0])
polydiv: np.polydiv(y, s[0][:2])
polyder polyint: {f}(y)
polyfit: np.polyfit(np.arange(4.0), y, 2)
polyval: np.polyval(y, s)
roots: np.sort(np.roots(np.array([1.0, -6.0, 11.0, -6.0]) + 0.01 * y).real)
bartlett blackman hamming hanning: {f}(4) * y
kaiser: np.kaiser(4, 2.0) * y
packbits: np.packbits(x > 0)
unpackbits: np.unpackbits(np.array([3], np.uint8))
real_if_close: np.real_if_close(x)
isrealobj iscomplexobj isscalar iterable isfortran: {f}(x)
may_share_memory shares_memory: {f}(x, x)
common_type: np.common_type(x)
result_type min_scalar_type: {f}(x)
promote_types: np.promote_types('f4', 'f8')
can_cast: np.can_cast('f4', 'f8')
issubdtype isdtype: np.issubdtype(x.dtype, np.floating)
mintypecode: np.mintypecode('fd')
typename: np.typename('d')
array_repr array_str array2string: {f}(y)
format_float_positional format_float_scientific: {f}(t)
base_repr binary_repr: {f}(5)
is_busday busday_offset: {f}(np.datetime64('2020-01-01'), *([] if '{m}' == 'is_busday' else [0]))
busday_count: np.busday_count('2020-01', '2020-02')
datetime_as_string: np.datetime_as_string(np.datetime64('2020-01-01'))
datetime_data: np.datetime_data('M8[D]')
errstate: x * 1 if np.errstate() else x
bool bool_ byte ubyte short ushort intc uintc int_ uint intp uintp int8 int16 int32 int64 uint8 uint16 uint32 uint64 long ulong longlong ulonglong: {f}(2.5)
double float64 single float32 half float16 longdouble float128: {f}(t)
cdouble complex128 csingle complex64 clongdouble complex256: {f}(2.5)
ndarray: np.ndarray.sum(x)
matrix asmatrix: np.asarray({f}(x) * 2)
finfo: np.finfo(x.dtype).eps * x
iinfo: np.iinfo(np.int64).max
dtype: x.astype(np.dtype('f8'))
fromstring: np.fromstring('1 2', sep=' ')
- abstract class of types: character flexible floating complexfloating generic inexact integer number signedinteger unsignedinteger ufunc
- text, bytes, dates, objects and records hold no numbers to differentiate: bytes_ str_ object_ void record recarray datetime64 timedelta64 busdaycalendar
- files, streams and foreign memory: from_dlpack fromfile fromregex genfromtxt load loadtxt memmap save savetxt savez savez_compressed
- settings and descriptions of NumPy: __array_namespace_info__ get_include get_printoptions getbufsize geterr geterrcall info printoptions set_printoptions setbufsize seterr seterrcall show_config show_runtime test flatiter
"""

LINALG = """
cholesky: np.linalg.cholesky(a)
cond: np.linalg.cond(s)
cross: np.linalg.cross(s, s[::-1])
det inv pinv: {f}(s)
slogdet: np.linalg.slogdet(s)
matrix_rank: np.linalg.matrix_rank(x)
diagonal trace matrix_transpose: {f}(s)
eig: np.sort(np.linalg.eig(a)[0])
eigvals: np.sort(np.linalg.eigvals(a))
eigh: w, v = np.linalg.eigh(a); [w, v * v]
eigvalsh: np.linalg.eigvalsh(a)
lstsq: np.linalg.lstsq(x.T, y)[0]
matmul: np.linalg.matmul(x, x.T)
matrix_norm vector_norm norm: {f}(x)
matrix_power: np.linalg.matrix_power(s, 3)
multi_dot: np.linalg.multi_dot([s, x, x.T])
outer: np.linalg.outer(y, y)
qr: np.linalg.qr(s)
solve: np.linalg.solve(s, x)
svd: np.linalg.svd(x, full_matrices=False)[1]
svdvals: np.linalg.svdvals(x)
tensordot: np.linalg.tensordot(x, x, axes=2)
tensorinv: np.linalg.tensorinv(s.reshape(3, 3, 1), ind=1)
tensorsolve: np.linalg.tensorsolve(s, y[:3])
vecdot: np.linalg.vecdot(x, p)
- an exception: LinAlgError
"""

# One row stands for the six classes.
POLYNOMIAL_METHODS = """
__call__: {c}(y)(u)
__add__ __sub__ __mul__: {c}(y).{m}({c}(y[:2])).coef
__truediv__: {c}(y).__truediv__(t).coef
__floordiv__ __mod__: {c}(y).{m}({c}(np.array([0.4, 1.0]) + 0.1 * y[:2])).coef
__divmod__: divmod({c}(y), {c}(np.array([0.4, 1.0]) + 0.1 * y[:2]))[0].coef
__pow__: ({c}(y) ** 2).coef
__neg__ __pos__: {c}(y).{m}().coef
copy: {c}(y).copy().coef
deriv integ: {c}(y).{m}().coef
fit: {c}.fit(np.arange(4.0), y, 2).coef
fromroots: {c}.fromroots(y).coef
roots: np.sort({c}(np.array([-6.0, 11.0, -6.0, 1.0]) + 0.01 * y).roots().real)
linspace: {c}(y).linspace(5)[1]
interpolate: np.polynomial.Chebyshev.interpolate(np.sin, 3)(y)
trim: {c}(y).trim().coef
truncate: {c}(y).truncate(2).coef
cutdeg: {c}(y).cutdeg(1).coef
degree: {c}(y).degree()
convert: {c}(y).convert(kind=np.polynomial.Polynomial).coef
cast: np.polynomial.Polynomial.cast({c}(y)).coef
basis: {c}.basis(2)(y)
identity: {c}.identity()(y)
mapparms: {c}(y).mapparms()
has_samecoef has_samedomain has_samewindow has_sametype: {c}(y).{m}({c}(y))
"""

RANDOM = """
beta: {r}.beta(p, 2 * u)
binomial: {r}.binomial(9, 0.5 + 1e-7 * u) * y
chisquare: {r}.chisquare(p)
dirichlet: {r}.dirichlet(np.abs(y) + 0.5)
exponential: {r}.exponential(p)
f: {r}.f(p + 1, 2 * p + 1)
gamma: {r}.gamma(p, 2 * u)
geometric: {r}.geometric(0.3 + 1e-7 * u) * y
gumbel laplace logistic normal: {r}.{m}(x, p)
hypergeometric: {r}.hypergeometric(5, 6, 4) * y
lognormal: {r}.lognormal(x, p)
logseries: {r}.logseries(0.3 + 1e-7 * u) * y
multinomial: {r}.multinomial(9, np.array([0.2, 0.3, 0.5])) * s
multivariate_normal: {r}.multivariate_normal(y[:3], (a + a.T) / 2)
negative_binomial: {r}.negative_binomial(4, 0.4 + 1e-7 * u) * y
noncentral_chisquare: {r}.noncentral_chisquare(p + 1, p)
noncentral_f: {r}.noncentral_f(p + 1, p + 2, p)
pareto power: {r}.{m}(p + 2)
permutation: {r}.permutation(y)
poisson: {r}.poisson(2.0 + 1e-7 * p) * y
random: {r}.random(4) * y
rayleigh: {r}.rayleigh(p)
shuffle: c = y.copy(); {r}.shuffle(c); c
standard_cauchy standard_exponential standard_normal: {r}.{m}(4) * y
standard_gamma: {r}.standard_gamma(p)
standard_t: {r}.standard_t(p + 1)
triangular: {r}.triangular(x - 1, x, x + p)
uniform: {r}.uniform(x, x + p)
vonmises: {r}.vonmises(x, p)
wald: {r}.wald(p, 2 * u)
weibull: {r}.weibull(p)
zipf: {r}.zipf(2.5 + 1e-7 * p) * y
choice: {r}.choice(y, 3)
bytes: len({r}.bytes(3))
integers: {r}.integers(3, 9, 4) * y
permuted: {r}.permuted(x, axis=1)
multivariate_hypergeometric: {r}.multivariate_hypergeometric([3, 4, 5], 4) * s
randint random_integers: {r}.randint(3, 9, 4) * y
rand randn: {r}.{m}(4) * y
random_sample ranf sample: {r}.random_sample(4) * y
tomaxint: {r}.tomaxint() * 0 + y
default_rng: np.random.default_rng(3).normal(size=4) * y
Generator: np.random.Generator(np.random.PCG64(3)).normal(size=4) * y
RandomState: np.random.RandomState(3).normal(size=4) * y
seed: np.random.seed(3); np.random.rand(4) * y
- the state of a generator, or what makes one: BitGenerator MT19937 PCG64 PCG64DXSM Philox SFC64 SeedSequence get_state set_state bit_generator spawn
"""

# Numbers drawn by accepting and rejecting are compared with the quantile that keeps its probability: name ->
# what is drawn, its probability, and the quantile.
QUANTILES = {
    "noncentral_chisquare": (
        "{r}.noncentral_chisquare(p + 1, p)",
        "stats.ncx2.cdf(v, p + 1, p)",
        "stats.ncx2.ppf(q, p + 1, p)",
    ),
    "noncentral_f": (
        "{r}.noncentral_f(p + 1, p + 2, p)",
        "stats.ncf.cdf(v, p + 1, p + 2, p)",
        "stats.ncf.ppf(q, p + 1, p + 2, p)",
    ),
    "beta": ("{r}.beta(p, 2 * u)", "stats.beta.cdf(v, p, 2 * u)", "stats.beta.ppf(q, p, 2 * u)"),
    "chisquare": ("{r}.chisquare(p)", "stats.chi2.cdf(v, p)", "stats.chi2.ppf(q, p)"),
    "dirichlet": (
        "{r}.standard_gamma(np.abs(y) + 0.5)", "stats.gamma.cdf(v, np.abs(y) + 0.5)",
        "stats.gamma.ppf(q, np.abs(y) + 0.5) / stats.gamma.ppf(q, np.abs(y) + 0.5).sum()",
    ),
    "f": ("{r}.f(p + 1, 2 * p + 1)", "stats.f.cdf(v, p + 1, 2 * p + 1)", "stats.f.ppf(q, p + 1, 2 * p + 1)"),
    "gamma": ("{r}.gamma(p, 2 * u)", "stats.gamma.cdf(v / (2 * u), p)", "stats.gamma.ppf(q, p) * 2 * u"),
    "standard_gamma": ("{r}.standard_gamma(p)", "stats.gamma.cdf(v, p)", "stats.gamma.ppf(q, p)"),
    "standard_t": ("{r}.standard_t(p + 1)", "stats.t.cdf(v, p + 1)", "stats.t.ppf(q, p + 1)"),
    "vonmises": (
        "{r}.vonmises(x, p)", "stats.vonmises.cdf((v - x + np.pi) % (2 * np.pi) - np.pi, p)",
        "(x + stats.vonmises.ppf(q, p) + np.pi) % (2 * np.pi) - np.pi",
    ),
    "wald": (
        "{r}.wald(p, 2 * u)", "stats.invgauss.cdf(v, p / (2 * u), scale=2 * u)",
        "stats.invgauss.ppf(q, p / (2 * u), scale=2 * u)",
    ),
}  # fmt: skip

NDARRAY = """
T mT real imag flat: x.{m} * 2 if '{m}' != 'flat' else x.flat[2:5]
base device dtype flags itemsize nbytes ndim shape size strides: x.{m} if '{m}' in ('shape', 'size', 'ndim', 'nbytes', 'itemsize') else x * 1
all any argmax argmin: x.{m}(axis=1)
argsort: y.argsort()
argpartition: y.argpartition(2)
nonzero: x.nonzero()
max min mean sum prod std var cumsum cumprod: x.{m}(axis=1)
sort: c = x.copy(); c.sort(axis=1); c
partition: c = y.copy(); c.partition(2); c
astype: x.astype(np.float32)
choose: np.array([0, 1, 2, 0]).choose(x)
clip: x.clip(-0.5, u)
compress: x.compress([True, False, True], axis=0)
conj conjugate copy flatten ravel squeeze transpose trace tolist diagonal: x.{m}()
dot: x.dot(y)
fill: c = x.copy(); c.fill(t); c
item: x.item(3)
put: c = x.copy(); c.put([0, 5], y[:2]); c
repeat: x.repeat(2, axis=1)
reshape: x.reshape(4, 3)
resize: c = x.copy(); c.resize((2, 5)); c
round: x.round(1)
searchsorted: np.array([-1.0, 0.0]).searchsorted(y)
swapaxes: x.swapaxes(0, 1)
take: x.take([0, 2], axis=1)
view: x.view()
byteswap: i.byteswap()
getfield: x.getfield(np.float64)
setflags: c = x.copy(); c.setflags(write=True); c
to_device: x.to_device('cpu')
- memory and files: ctypes data dump dumps tobytes tofile setfield
"""

# Methods of every binary ufunc of floats; those of integers have integer results.
UFUNCS_OF_FLOATS = """
add subtract multiply divide maximum minimum fmax fmin hypot copysign arctan2 logaddexp logaddexp2 power float_power
floor_divide remainder fmod heaviside nextafter
logical_and logical_or logical_xor
"""
UFUNCS_OF_TRUTH = """
less less_equal greater greater_equal equal not_equal
"""
UFUNCS_OF_INTEGERS = """
bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm
"""
# NumPy 2.4 with AVX-512 reduces more than two numbers by power and arctan2 wrongly, along the last axis of arrays in C
# order and in reduceat.
UFUNC_METHODS = """
reduce: np.{u}.reduce(p.T.copy(), axis=0)
accumulate: np.{u}.accumulate(p, axis=1)
outer: np.{u}.outer(p, np.array([0.31, 0.47, 1.1, 2.3]) + 1e-3 * y)
reduceat: np.{u}.reduceat(p.T.copy(), [0, 2, 3], axis=0)
at: c = p.copy(); np.{u}.at(c, ([0, 1, 0], [1, 2, 1]), np.abs(y[:3]) + 0.2); c
"""
UFUNC_METHODS_OF_TRUTH = """
reduce: np.{u}.reduce(p > 1, axis=1)
accumulate: np.{u}.accumulate(p > 1, axis=1)
outer: np.{u}.outer(p, np.abs(y) + 0.3)
reduceat: np.{u}.reduceat(p > 1, [0, 2, 1], axis=1)
at: c = p.copy(); np.{u}.at(c, ([0, 1, 0], [1, 2, 1]), np.abs(y[:3]) + 0.2); c
"""
UFUNC_METHODS_OF_INTEGERS = """
reduce: np.{u}.reduce(k, axis=1)
accumulate: np.{u}.accumulate(k, axis=1)
outer: np.{u}.outer(k, i)
reduceat: np.{u}.reduceat(k, [0, 2, 1], axis=1)
at: c = k.copy(); np.{u}.at(c, ([0, 1, 0], [1, 2, 1]), i[:3]); c
"""
