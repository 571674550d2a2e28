"""Sample calls of SciPy, in the form of :mod:`tests.coverage.numpy_calls`."""

LINALG = """
bandwidth: {f}(s)
block_diag: {f}(x, s)
cdf2rdf: {f}(*linalg.eig(s))[0]
cho_factor: {f}(a)[0][0, 0]
cho_solve: {f}(linalg.cho_factor(a), x)
cho_solve_banded: {f}((linalg.cholesky_banded(B + 0 * t), False), y)
cholesky: {f}(a)
cholesky_banded: {f}(B * t)
circulant companion fiedler fiedler_companion hankel toeplitz leslie: {f}(y) if '{m}' != 'leslie' else linalg.leslie(y, s[0])
clarkson_woodruff_transform: {f}(x, 2, seed=np.random.RandomState(1))
convolution_matrix: {f}(y, 3)
coshm cosm sinhm sinm tanhm tanm expm signm: {f}(a * 0.3)
logm sqrtm: {f}(a)
expm_cond: {f}(s)
expm_frechet: {f}(s, s[::-1])
fractional_matrix_power: {f}(a, 0.3)
funm: {f}(a, lambda v: v * v)
cossin: {f}(linalg.qr(s)[0], 1, 1, separate=True)[1]
det inv pinv: {f}(s)
pinvh: {f}(a)
dft: {f}(4).real @ y
diagsvd: {f}(y[:3], 3, 4)
eig: np.sort({f}(a)[0].real)
eigvals: np.sort({f}(a).real)
eig_banded: {f}(B * t)[0]
eigvals_banded: {f}(B * t)
eigh: w, v = {f}(a); [w, v * v]
eigvalsh: {f}(a)
eigh_tridiagonal: w, v = {f}(y + 4, s[0]); [w, v * v]
eigvalsh_tridiagonal: {f}(y + 4, s[0])
hadamard: {f}(4) @ y
helmert: {f}(4) @ y
hilbert invhilbert pascal invpascal: {f}(4) @ y * 1e-3
hessenberg: {f}(s)
ishermitian issymmetric: {f}(a)
khatri_rao: {f}(s, s)
ldl: {f}(a)[1]
lstsq: {f}(x.T, y)[0]
lu: {f}(s)
lu_factor: {f}(s)[0]
lu_solve: {f}(linalg.lu_factor(s), x)
matmul_toeplitz: {f}(y, y)
matrix_balance: {f}(s)[0]
norm: {f}(x)
null_space: v = {f}(x); v @ v.T
orth: v = {f}(x.T); v @ v.T
orthogonal_procrustes: {f}(s, a)
polar: {f}(s)
qr rq: {f}(s)
qr_multiply: {f}(s, s)[0]
qr_delete: {f}(*linalg.qr(s), 0)
qr_insert: {f}(*linalg.qr(s), y[:3], 1)
qr_update: {f}(*linalg.qr(s), y[:3], y[1:])
qz: {f}(s, a)[0]
ordqz: {f}(s, a)[0]
rsf2csf: np.abs({f}(*linalg.schur(s))[0])
schur: {f}(a)[0]
solve: {f}(s, x)
solve_banded: {f}((1, 1), np.stack([y, y + 6, y]), y)
solve_circulant: {f}(y + np.array([5.0, 0, 0, 0]), y)
solve_continuous_are: {f}(s, s[:, :2], a + a.T, np.eye(2) * t)
solve_discrete_are: {f}(s, s[:, :2], a + a.T, np.eye(2) * t)
solve_continuous_lyapunov solve_lyapunov: {f}(a, s)
solve_discrete_lyapunov: {f}(s * 0.3, a)
solve_sylvester: {f}(a, a, s)
solve_toeplitz: {f}(y + np.array([5.0, 0, 0, 0]), y)
solve_triangular: {f}(s, x)
solveh_banded: {f}(B * t, y)
subspace_angles: {f}(x[:, :1], x[:, 1:2])
svd: {f}(x, full_matrices=False)[1]
svdvals: {f}(x)
- exceptions, and routines rather than results: LinAlgError LinAlgWarning find_best_blas_type get_blas_funcs get_lapack_funcs
"""

SIGNAL = """
convolve correlate fftconvolve oaconvolve: [{f}(x, s, m) for m in ('full', 'same', 'valid')]
convolve2d correlate2d: [{f}(x, s, m) for m in ('full', 'same')]
sepfir2d: {f}(s, np.array([0.2, 0.5, 0.2]), np.array([0.3, 0.4, 0.3]))
choose_conv_method: {f}(x, s)
correlation_lags: {f}(3, 4)
order_filter: {f}(x, np.ones((3, 3)), 2)
medfilt medfilt2d: {f}(x, 3)
wiener: {f}(x, 3)
hilbert hilbert2 envelope: [np.real({f}(x)), np.imag({f}(x))]
lfilter: [{f}(s[0], np.array([2.0, 0.3, 0.1]), x), {f}(np.array([1.0, t]), np.array([1.0, 0.2]), x)]
lfilter_zi: {f}(s[0], np.array([2.0, 0.3, 0.1]) * t)
lfiltic: {f}(s[0], np.array([2.0, 0.3, 0.1]), y[:2])
sosfilt: {f}(SOS, x)
sosfilt_zi: {f}(SOS * (1 + 0 * t))
sosfiltfilt filtfilt: {f}(SOS, w) if '{m}' == 'sosfiltfilt' else signal.filtfilt(s[0], np.array([2.0, 0.3, 0.1]), w)
deconvolve: {f}(y, np.array([1.0, t]))
detrend: [{f}(x), {f}(x, type='constant')]
resample: {f}(w, 15)
resample_poly: {f}(w, 3, 2)
upfirdn: {f}(s[0], w, 2, 3)
decimate: [{f}(w, 2, n=2), {f}(w, 2, ftype='fir')]
savgol_filter: {f}(w, 5, 2)
savgol_coeffs: {f}(5, 2) @ np.ones(5) * t
periodogram welch: {f}(w, nperseg=8)[1] if '{m}' == 'welch' else signal.periodogram(w)[1]
csd: np.real({f}(w, w[::-1], nperseg=8)[1])
coherence: {f}(w, w[::-1], nperseg=8)[1]
spectrogram: {f}(w, nperseg=8)[2]
stft: v = {f}(w, nperseg=8)[2]; [v.real, v.imag]
istft: {f}(signal.stft(w, nperseg=8)[2], nperseg=8)[1]
lombscargle: {f}(np.arange(4.0), y, np.array([0.5, 1.0]))
vectorstrength: {f}(y, t)
ShortTimeFFT: v = {f}(signal.windows.hann(8), 4, 1.0).stft(w); [v.real, v.imag]
closest_STFT_dual_window: {f}(signal.windows.hann(8) * t, 4)[0]
czt zoom_fft: v = {f}(w) if '{m}' == 'czt' else signal.zoom_fft(w, [0.1, 0.4]); [v.real, v.imag]
CZT ZoomFFT: v = ({f}(20) if '{m}' == 'CZT' else signal.ZoomFFT(20, [0.1, 0.4]))(w); [v.real, v.imag]
czt_points: {f}(4).real * t
argrelmax argrelmin: {f}(w)
argrelextrema: {f}(w, np.greater)
find_peaks: {f}(w)[0]
find_peaks_cwt: {f}(w, np.arange(1, 4))
peak_prominences peak_widths: {f}(w, signal.find_peaks(w)[0])[0]
chirp: {f}(u, 1.0, 1.0, t)
gausspulse: {f}(u, 5.0)
sawtooth square: {f}(u * t)
sweep_poly: {f}(u, np.poly1d([1.0, 2.0]))
max_len_seq: {f}(3)[0]
unit_impulse: {f}(4) * y
get_window: {f}('hann', 20) * w
gauss_spline: {f}(x, 3)
cspline1d qspline1d: {f}(w)
cspline1d_eval qspline1d_eval: {f}(w, np.array([1.2, 3.4]) * t / 2.5)
cspline2d qspline2d: {f}(np.outer(w, w))
spline_filter: {f}(np.outer(w, w), 0.5)
symiirorder1: {f}(w, 0.5, 0.1)
symiirorder2: {f}(w, 0.1, 0.3)
bilinear: {f}(y[:2], np.array([1.0, t]))
bilinear_zpk lp2bp_zpk lp2bs_zpk lp2hp_zpk lp2lp_zpk: {f}([-1.0], [-2.0, -3.0], t, 1.0, *([1.0] if 'b' in '{m}'[3:4] else []))[2]
lp2bp lp2bs lp2hp lp2lp: {f}([1.0], [1.0, 2.0, t])[1]
freqs freqz: v = {f}(s[0], np.array([2.0, 0.3, t]), 5)[1]; [v.real, v.imag]
freqz_sos sosfreqz: v = {f}(SOS * np.array([t, t, t, 1, t, t]), 5)[1]; [v.real, v.imag]
freqs_zpk freqz_zpk: v = {f}([0.5], [0.2, 0.1], t, 5)[1]; [v.real, v.imag]
group_delay: {f}((s[0], np.array([2.0, 0.3, t])), 5)[1]
minimum_phase: {f}(signal.windows.hann(9) * t, 'hilbert')
firwin: {f}(5, u[0, 0] * 0 + 0.3) * t
firwin2: {f}(5, [0.0, 0.5, 1.0], [1.0, t, 0.0])
firwin_2d: {f}((3, 3), ('hamming', 'hamming'), fc=0.4) * s
firls remez: {f}(5, [0, 0.1, 0.2, 0.5], [1, 1, 0, 0] if '{m}' == 'firls' else [1, 0], fs=1.0) * t
residue: np.sort({f}(y[:2], np.array([1.0, 3.0, t - 1]))[0].real)
residuez: np.sort({f}(y[:2], np.array([1.0, 3.0, t - 1]))[0].real)
invres invresz: {f}([t, 1.0], [0.5, 0.3], [])[0]
normalize: {f}(y, np.array([t, 1.0]))
tf2zpk tf2ss: {f}(y[:2], np.array([2.0, 0.3, 0.1 * t]))[0]
zpk2tf zpk2ss zpk2sos: {f}([0.5], [0.2, 0.1], t)[0]
sos2tf sos2zpk: {f}(SOS * t)[0]
ss2tf ss2zpk: {f}(s[:2, :2], s[:2, 2:], s[2:, :2], np.array([[t]]))[0]
StateSpace TransferFunction ZerosPolesGain lti dlti: signal.lti([1.0], [1.0, t]).den
impulse step: {f}(([1.0], [1.0, t]), T=np.linspace(0, 1, 5))[1]
lsim: {f}(([1.0], [1.0, 2.0]), w, np.arange(20.0))[1]
dlsim: {f}(([1.0], [1.0, 0.5], 1.0), w)[1]
dimpulse dstep: {f}(([1.0], [1.0, 0.5], 1.0), n=5)[1][0] * t
bode freqresp: {f}(([1.0], [1.0, t]), np.array([0.5, 1.0]))[1].real
dbode dfreqresp: {f}(([1.0], [1.0, 0.5], 1.0), np.array([0.5, 1.0]))[1].real * t
cont2discrete: {f}((s[:2, :2], s[:2, 2:], s[2:, :2], np.array([[t]])), 0.1)[0]
abcd_normalize: {f}(s, s, s, s)[0]
place_poles: {f}(s, s[:, :2], np.array([-1.0, -2.0, -3.0])).gain_matrix
unique_roots: {f}(y)[0]
butter cheby1 cheby2 ellip bessel iirfilter iirdesign iirnotch iirpeak iircomb gammatone: signal.butter(2, 0.3)[0][0] * t
kaiser_atten kaiser_beta: {f}(5, 0.3) * t if '{m}' == 'kaiser_atten' else signal.kaiser_beta(60.0) * t
check_COLA check_NOLA: {f}('hann', 8, 4)
band_stop_obj besselap buttap cheb1ap cheb2ap ellipap buttord cheb1ord cheb2ord ellipord kaiserord findfreqs: signal.buttap(2)[2] * t
- second derivatives take minutes to compile: tf2sos
- a warning: BadCoefficients
"""

WINDOWS = """
barthann bartlett blackman blackmanharris bohman boxcar cosine flattop hamming hann lanczos nuttall parzen triang: {f}(20) * w
chebwin: {f}(20, 60.0) * w
dpss: {f}(20, 2.5) * w
exponential: [{f}(20, tau=t)]
gaussian: {f}(20, t)
general_cosine: {f}(20, y)
general_gaussian: {f}(20, t, t)
general_hamming: {f}(20, t)
get_window: {f}('hann', 20) * w
kaiser: {f}(20, t)
kaiser_bessel_derived: {f}(20, 2.0) * w
taylor: {f}(20) * w
tukey: {f}(20, 0.3) * w
"""

NDIMAGE = """
convolve correlate: [{f}(x, s), {f}(x, s, mode='constant', cval=1.0)]
convolve1d correlate1d: {f}(x, s[0], axis=1)
gaussian_filter: {f}(x, 0.8)
gaussian_filter1d: [{f}(x, 0.8), {f}(x, 0.8, order=1)]
gaussian_gradient_magnitude gaussian_laplace: {f}(x, 0.8)
generic_filter: {f}(x, np.sum, 3)
generic_filter1d: {f}(x, lambda a, b: np.copyto(b, a[2:] * a[1:-1]), 3)
generic_gradient_magnitude: {f}(x, ndimage.sobel)
generic_laplace: {f}(x, lambda a, axis, o, m, c: ndimage.correlate1d(a, [1, -2, 1], axis, o, m, c, 0))
laplace prewitt sobel: {f}(x)
uniform_filter: {f}(x, 3)
uniform_filter1d: {f}(x, 3)
maximum_filter minimum_filter median_filter: {f}(x, 3)
maximum_filter1d minimum_filter1d: {f}(x, 3)
percentile_filter rank_filter: {f}(x, 1 if '{m}' == 'rank_filter' else 30, 3)
vectorized_filter: {f}(x, np.sum, size=3)
grey_closing grey_dilation grey_erosion grey_opening morphological_gradient morphological_laplace black_tophat white_tophat: {f}(x, 3)
affine_transform: [{f}(x, np.array([[0.9, 0.1], [0.0, 1.1]]), order=o) for o in (0, 1, 2, 3)]
shift: [{f}(x, 0.3, order=o) for o in (0, 1, 2, 3)]
zoom: [{f}(x, 1.5, order=o) for o in (0, 1, 2, 3)]
rotate: [{f}(x, 20.0, order=o) for o in (0, 1, 2, 3)]
map_coordinates: [{f}(x, p[:2] * 0.9, order=o) for o in (1, 3)]
geometric_transform: {f}(x, lambda q: (q[0] + 0.3, q[1] - 0.2))
spline_filter: {f}(x)
spline_filter1d: {f}(x)
fourier_gaussian fourier_uniform fourier_ellipsoid: {f}(x, 1.5)
fourier_shift: {f}(x, 1.5).real
center_of_mass: {f}(p)
sum sum_labels mean standard_deviation variance maximum minimum median: {f}(x, L, [1, 2])
maximum_position minimum_position: {f}(x, L, [1, 2])
extrema: {f}(x, L, [1, 2])[:2]
histogram: {f}(x, -3, 3, 4)
labeled_comprehension: {f}(x, L, [1, 2], np.sum, float, 0.0)
label: {f}(x > 0)[0]
find_objects: len({f}(L))
value_indices: len({f}(L))
binary_closing binary_dilation binary_erosion binary_fill_holes binary_hit_or_miss binary_opening binary_propagation: {f}(x > 0)
distance_transform_bf distance_transform_cdt distance_transform_edt: {f}(x > 0)
generate_binary_structure: {f}(2, 1)
iterate_structure: {f}(np.ones((3, 3), bool), 2)
watershed_ift: {f}(np.array(np.abs(L), np.uint8), L)
"""

SPATIAL = """
distance_matrix: {f}(x, p)
minkowski_distance minkowski_distance_p: {f}(x, p, 3)
procrustes: {f}(x, p)[1]
geometric_slerp: {f}(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([0.3])) * t
KDTree cKDTree: {f}(x).query(p)[0]
Rectangle: {f}(y + 1, y).volume()
ConvexHull: {f}(QH).volume * t
Delaunay: len({f}(QH).simplices)
Voronoi: len({f}(QH).vertices)
SphericalVoronoi: len({f}(np.concatenate([np.eye(3), -np.eye(3)])).vertices)
HalfspaceIntersection: len({f}(np.array([[-1.0, 0, 0], [0, -1, 0], [1, 1, -1]]), np.array([0.2, 0.2])).intersections)
tsearch: {f}(scipy.spatial.Delaunay(QH), np.array([[0.5, 0.5]]))
- an exception, and pictures: QhullError convex_hull_plot_2d delaunay_plot_2d voronoi_plot_2d
"""

METRICS = (
    "braycurtis canberra chebyshev cityblock correlation cosine euclidean jensenshannon sqeuclidean"
)
DISTANCE = """
braycurtis canberra chebyshev cityblock correlation cosine euclidean sqeuclidean: {f}(y, y[::-1] ** 2)
jensenshannon: {f}(np.abs(y), y * y)
minkowski: {f}(y, y[::-1] ** 2, 3)
seuclidean: {f}(y, y[::-1] ** 2, np.abs(y) + 1)
mahalanobis: {f}(s[0], s[1], a)
dice hamming jaccard rogerstanimoto russellrao sokalsneath yule: {f}(y > 0, y > 0.5)
directed_hausdorff: {f}(x, p)[0]
cdist: {f}(x, p)
pdist: {f}(x)
squareform: {f}(scipy.spatial.distance.pdist(x))
is_valid_dm: {f}(a)
is_valid_y: {f}(s[0])
num_obs_dm: {f}(a)
num_obs_y: {f}(s[0])
"""
CDIST = (
    "braycurtis canberra chebyshev cityblock correlation cosine euclidean jensenshannon mahalanobis "
    "minkowski seuclidean sqeuclidean dice hamming jaccard rogerstanimoto russellrao sokalsneath yule"
)

ROTATION = """
as_matrix as_quat as_rotvec as_mrp magnitude: {c}.from_rotvec(s).{m}()
as_euler: {c}.from_rotvec(s).as_euler('xyz')
as_davenport: {c}.from_rotvec(s).as_davenport(np.eye(3), 'extrinsic')
from_matrix: {c}.from_matrix(scipy.linalg.expm(s - s.T)).as_rotvec()
from_quat: {c}.from_quat(y).as_matrix()
from_rotvec from_mrp: {c}.{m}(s).as_matrix()
from_euler: {c}.from_euler('xyz', s).as_matrix()
from_davenport: {c}.from_davenport(np.eye(3), 'extrinsic', s[0]).as_matrix()
apply: {c}.from_rotvec(s[0]).apply(s)
inv: {c}.from_rotvec(s).inv().as_matrix()
mean: {c}.from_rotvec(s).mean().as_matrix()
reduce: {c}.from_rotvec(s).reduce().as_matrix()
align_vectors: {c}.align_vectors(s, s[::-1])[0].as_matrix()
approx_equal: {c}.from_rotvec(s).approx_equal({c}.from_rotvec(s))
concatenate: {c}.concatenate([{c}.from_rotvec(s), {c}.from_rotvec(s[0])]).as_matrix()
create_group: len({c}.create_group('O')) * t
identity: {c}.identity().as_matrix() @ s
random: {c}.random(rng=1).as_matrix() @ s
shape single: {c}.from_rotvec(s).{m}
"""
TRANSFORM = """
Rotation: {f}.from_rotvec(s).as_matrix()
Slerp: {f}([0, 1, 2], scipy.spatial.transform.Rotation.from_rotvec(s))([0.5]).as_matrix()
RotationSpline: {f}([0, 1, 2], scipy.spatial.transform.Rotation.from_rotvec(s))([0.5]).as_matrix()
RigidTransform: {f}.from_translation(s).as_matrix()
"""
