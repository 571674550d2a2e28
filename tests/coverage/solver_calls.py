"""Sample calls of SciPy's interpolators, integrators, minimisers and clusters, in the form of :mod:`tests.coverage.numpy_calls`.

What they take as a function is written in the call; it reads what is differentiated by, where such a function is allowed to.
"""

INTERPOLATE = """
AAA: {f}(np.arange(9.0), np.sin(0.4 * np.arange(9.0)) * t)(u)
Akima1DInterpolator PchipInterpolator CubicSpline KroghInterpolator BarycentricInterpolator: {f}(np.arange(4.0), y)(u)
FloaterHormannInterpolator: {f}(np.arange(4.0), y)(u)
BPoly PPoly: {f}(s, np.arange(4.0))(u)
BSpline: {f}(np.arange(8.0), y, 3)(3 + u)
CubicHermiteSpline: {f}(np.arange(4.0), y, y[::-1])(u)
NdBSpline: {f}((np.arange(6.0), np.arange(7.0)), x, 2)(np.stack([2 + u[0], 2 + u[1]], -1))
NdPPoly: {f}(x.reshape(2, 2, 1, 3), (np.arange(2.0), np.arange(4.0)))(np.stack([u[0], u[1] * 3], -1))
LinearNDInterpolator NearestNDInterpolator CloughTocher2DInterpolator RBFInterpolator: {f}(QH, w[:5])(np.stack([0.3 + 0.4 * u[0], 0.3 + 0.4 * u[1]], -1))
griddata: {f}(QH, w[:5], np.stack([0.3 + 0.4 * u[0], 0.3 + 0.4 * u[1]], -1))
Rbf: {f}(np.arange(4.0), y)(u)
RegularGridInterpolator: {f}((np.arange(3.0), np.arange(4.0)), x)(np.stack([u[0] * 2, u[1] * 3], -1))
interpn: {f}((np.arange(3.0), np.arange(4.0)), x, np.stack([u[0] * 2, u[1] * 3], -1))
RectBivariateSpline: {f}(np.arange(3.0), np.arange(4.0), x, kx=2, ky=2).ev(u[0] * 2, u[1] * 3)
SmoothBivariateSpline: {f}(np.cos(np.arange(20.0)), np.sin(2.0 * np.arange(20.0)), w, kx=1, ky=1).ev(0.1, 0.2)
LSQBivariateSpline: {f}(np.cos(np.arange(20.0)), np.sin(2.0 * np.arange(20.0)), w, [], [], kx=1, ky=1).ev(0.1, 0.2)
BivariateSpline: isinstance(scipy.interpolate.RectBivariateSpline(np.arange(3.0), np.arange(4.0), x, kx=2, ky=2), {f})
RectSphereBivariateSpline: {f}(np.linspace(0.3, 2.8, 5), np.linspace(0.0, 6.0, 4), w.reshape(5, 4)).ev(1.0, 2.0)
SmoothSphereBivariateSpline: {f}(1.5 + np.cos(np.arange(20.0)), 3 + 3 * np.sin(2.0 * np.arange(20.0)), w, s=50.0).ev(1.0, 2.0)
LSQSphereBivariateSpline: {f}(1.5 + np.cos(np.arange(20.0)), 3 + 3 * np.sin(2.0 * np.arange(20.0)), w, [1.6], [3.0]).ev(1.0, 2.0)
UnivariateSpline InterpolatedUnivariateSpline: {f}(np.arange(20.0), w)(u * 9)
LSQUnivariateSpline: {f}(np.arange(20.0), w, [5.0, 12.0])(u * 9)
approximate_taylor_polynomial: {f}(np.sin, t, 3, 0.5).coef
barycentric_interpolate krogh_interpolate pchip_interpolate: {f}(np.arange(4.0), y, u)
bisplrep: {f}(np.cos(np.arange(20.0)), np.sin(2.0 * np.arange(20.0)), w, kx=1, ky=1, s=50.0)[2]
bisplev: {f}(0.5 * t, 1.5, [np.array([0.0, 0, 2, 2]), np.array([0.0, 0, 3, 3]), y, 1, 1])
generate_knots: len(list({f}(np.arange(20.0), w, s=0.1)))
insert: {f}(1.5, scipy.interpolate.splrep(np.arange(4.0), y))[1][:5]
interp1d: [{f}(np.arange(4.0), y, k)(u) for k in ('linear', 'cubic')]
lagrange: {f}(np.arange(4.0), y).coef
make_interp_spline: {f}(np.arange(4.0), y)(u)
make_lsq_spline: {f}(np.arange(20.0), w, np.array([0.0, 0, 0, 0, 9.5, 19, 19, 19, 19]))(u)
make_smoothing_spline: {f}(np.arange(20.0), w, lam=0.5)(u)
make_splprep: {f}([w, e], s=0)[0](np.array([0.3]))
make_splrep: {f}(np.arange(20.0), w, s=0)(u * 9)
pade: {f}(y, 2)[0].coef
splrep: {f}(np.arange(20.0), w)[1]
splprep: {f}([w, e], s=0)[0][1]
splev: {f}(u * 9, scipy.interpolate.splrep(np.arange(20.0), w))
splder splantider: {f}(scipy.interpolate.splrep(np.arange(20.0), w))[1]
splint: {f}(0.5, t, scipy.interpolate.splrep(np.arange(20.0), w))
spalde: {f}(0.5, scipy.interpolate.splrep(np.arange(20.0), w))
sproot: {f}(scipy.interpolate.splrep(np.arange(20.0), w))
- no longer in SciPy, which raises an error: interp2d
"""

INTEGRATE = """
BDF DOP853 LSODA RK23 RK45 Radau: o = {f}(lambda q, v: -t * v, 0.0, y, 1.0); o.step(); o.y
ode complex_ode: o = {f}(lambda q, v: -t * v); o = o.set_initial_value(y, 0.0); o.integrate(1.0)
OdeSolution: scipy.integrate.solve_ivp(lambda q, v: -t * v, (0.0, 1.0), y, dense_output=True).sol(0.5)
cubature: {f}(lambda v: np.exp(-t * v[:, 0]), [0.0], [1.0]).estimate
cumulative_simpson cumulative_trapezoid simpson trapezoid: {f}(x)
romb: {f}(w[:17])
dblquad: {f}(lambda b, a: np.exp(-t * a * b), 0.0, 1.0, 0.0, 1.0)[0]
tplquad: {f}(lambda c, b, a: np.exp(-t * a * b) * c, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)[0]
nquad: {f}(lambda b, a: np.exp(-t * a * b), [[0.0, 1.0], [0.0, 1.0]])[0]
fixed_quad: {f}(lambda v: np.sin(v * t), 0.0, 1.0)[0]
lebedev_rule newton_cotes: {f}(3)[1] * t if '{m}' == 'lebedev_rule' else scipy.integrate.newton_cotes(3)[0] * t
nsum: {f}(lambda k: 1 / k**t, 1.0, np.inf).sum
qmc_quad: {f}(lambda v: np.exp(-v[0] * t), [0.0], [1.0], qrng=stats.qmc.Sobol(1, seed=1)).integral
quad: {f}(lambda v: np.exp(-v * v * t), 0.0, np.inf)[0]
quad_vec: {f}(lambda v: np.exp(-v * p), 0.0, t)[0]
tanhsinh: {f}(lambda v: np.exp(-v * t), 0.0, 1.0).integral
solve_ivp: {f}(lambda q, v: -t * v, (0.0, 1.0), y, rtol=1e-9, atol=1e-9).y[:, -1]
odeint: {f}(lambda v, q: -t * v, y, np.linspace(0.0, 1.0, 4), rtol=1e-9, atol=1e-9)
solve_bvp: {f}(lambda q, v: np.stack([v[1], -t * v[0]]), lambda l, r: np.array([l[0], r[0] - 1.0]), np.linspace(0.0, 1.0, 9), np.ones((2, 9)), tol=1e-8).y[0, 4]
- a base class: DenseOutput OdeSolver
- a warning: IntegrationWarning ODEintWarning
"""

OPTIMIZE = """
BFGS SR1: o = {f}(); o.initialize(4, 'hess'); o.update(y, y + y**3); o.get_matrix()
LbfgsInvHessProduct: {f}(x[:1], x[:1] * p[:1])(y)
BroydenFirst KrylovJacobian InverseJacobian: o = scipy.optimize.BroydenFirst() if '{m}' != 'KrylovJacobian' else {f}(); o.setup(y, y * t, lambda v: v * t); o.solve(y)
Bounds: {f}(-y, y + t).ub
LinearConstraint: {f}(x, -t, t).residual(y)[0]
NonlinearConstraint: {f}(lambda v: v * t, 0.0, 1.0).fun(y)
OptimizeResult: {f}(x=y).x
RootResults: scipy.optimize.root_scalar(lambda v: v * v - t, bracket=(0.0, 9.0)).root
anderson broyden1 broyden2 newton_krylov: {f}(lambda v: v + 0.1 * np.sin(v) - y, np.zeros(4), f_tol=1e-12)
diagbroyden excitingmixing linearmixing: {f}(lambda v: y - v - 0.1 * np.sin(v), np.zeros(4), f_tol=1e-10, alpha=0.9)
approx_fprime: {f}(y, lambda v: np.sum(v**3) * t, 1e-6)
check_grad: {f}(lambda v: np.sum(v**3), lambda v: 3.1 * v * v, y)
basinhopping: {f}(lambda v: np.sum((v - y) ** 2), np.zeros(4), niter=2, rng=1).x
differential_evolution dual_annealing direct shgo: {f}(lambda v: np.sum((v - 0.1 * t) ** 2), [(-1.0, 1.0)], **({} if '{m}' in ('direct', 'shgo') else {'maxiter': 20, 'rng': 1})).x
brute: {f}(lambda v: np.sum((v - 0.1 * t) ** 2), [(-1.0, 1.0)], Ns=5)
bisect brenth brentq ridder toms748: {f}(lambda v: v**3 - t, 0.0, 3.0)
newton: {f}(lambda v: v**3 - t, 1.0)
root_scalar: {f}(lambda v: v**3 - t, bracket=(0.0, 3.0)).root
fsolve: {f}(lambda v: v + 0.1 * np.sin(v) - y, np.zeros(4))
root: {f}(lambda v: v + 0.1 * np.sin(v) - y, np.zeros(4)).x
fixed_point: {f}(lambda v: np.cos(v) * t / 4, 0.3)
brent golden: {f}(lambda v: (v - t) ** 2 + 0.1 * v**4)
bracket: {f}(lambda v: (v - t) ** 2)[:3]
fminbound: {f}(lambda v: (v - t) ** 2 + 0.1 * v**4, 0.0, 3.0)
minimize_scalar: {f}(lambda v: (v - t) ** 2 + 0.1 * v**4).x
curve_fit: {f}(lambda v, a, b: a * np.exp(-0.1 * b * v), np.arange(4.0), np.exp(-np.arange(4.0)) + 0.1 * y)[0]
fmin fmin_powell: {f}(lambda v: np.sum((v - y[:2]) ** 2), np.zeros(2), xtol=1e-9, ftol=1e-9, disp=0)
fmin_bfgs fmin_cg: {f}(lambda v: np.sum((v - y) ** 2) + 0.1 * np.sum(v**4), np.zeros(4), disp=0)
fmin_cobyla: {f}(lambda v: np.sum((v - y[:2]) ** 2), np.zeros(2), [], rhoend=1e-9)
fmin_l_bfgs_b: {f}(lambda v: np.sum((v - y) ** 2) + 0.1 * np.sum(v**4), np.zeros(4), approx_grad=True)[0]
fmin_tnc: {f}(lambda v: np.sum((v - y) ** 2) + 0.1 * np.sum(v**4), np.zeros(4), lambda v: 2 * (v - y) + 0.4 * v**3, disp=0)[0]
fmin_ncg: {f}(lambda v: np.sum((v - y) ** 2) + 0.1 * np.sum(v**4), np.zeros(4), lambda v: 2 * (v - y) + 0.4 * v**3, disp=0)
fmin_slsqp: {f}(lambda v: np.sum((v - y) ** 2), np.zeros(4), eqcons=[lambda v: v[0] - t], iprint=0)
minimize: {f}(lambda v: np.sum((v - y) ** 2) + 0.1 * np.sum(v**4), np.zeros(4)).x
isotonic_regression: {f}(w).x
least_squares: {f}(lambda v: np.concatenate([v - y, 0.3 * v**2]), np.zeros(4), xtol=1e-12, ftol=1e-12, gtol=1e-12).x
leastsq: {f}(lambda v: np.concatenate([v - y, 0.3 * v**2]), np.zeros(4))[0]
line_search: {f}(lambda v: np.sum((v - y) ** 2), lambda v: 2 * (v - y), np.zeros(4), y)[0]
linear_sum_assignment: s[{f}(s)]
linprog: {f}(-p[0], A_ub=p[1:], b_ub=np.array([1.0, t])).x
lsq_linear: {f}(x.T, y).x
milp: {f}(-p[0], constraints=scipy.optimize.LinearConstraint(p[1:], -np.inf, np.array([1.0, t]))).x
nnls: {f}(p.T, np.abs(y))[0]
quadratic_assignment: {f}(s, a).col_ind
rosen rosen_der rosen_hess: {f}(0.1 * y) * 0.01
rosen_hess_prod: {f}(0.1 * y, y + 1) * 0.01
- a base class: HessianUpdateStrategy
- an exception, a warning, or text: NoConvergence OptimizeWarning linprog_verbose_callback show_options
"""
# What a search or a solver of differential equations leaves: some 8 digits of a value, fewer of a minimum.
ROUGH = frozenset(
    "anderson broyden1 broyden2 newton_krylov diagbroyden excitingmixing linearmixing basinhopping "
    "differential_evolution dual_annealing direct shgo brute brent golden fminbound minimize_scalar "
    "fmin fmin_powell fmin_bfgs fmin_cg fmin_cobyla fmin_l_bfgs_b fmin_tnc fmin_ncg fmin_slsqp "
    "minimize approx_fprime fixed_point curve_fit leastsq fsolve root newton solve_ivp odeint "
    "solve_bvp OdeSolution nsum qmc_quad".split()
)

CLUSTER_VQ = """
kmeans: {f}(x, 2, rng=1)[1]
kmeans2: {f}(x, x[:2], minit='matrix')[0]
vq: {f}(x, p[:2])[1]
whiten: {f}(x)
"""
HIERARCHY = """
average centroid complete median single ward weighted linkage: {f}(x)[:, 2]
cophenet: {f}(scipy.cluster.hierarchy.average(x))
inconsistent: {f}(scipy.cluster.hierarchy.average(x))[:, 0]
maxdists: {f}(scipy.cluster.hierarchy.average(x))
maxinconsts: Z = scipy.cluster.hierarchy.average(x); {f}(Z, scipy.cluster.hierarchy.inconsistent(Z))
maxRstat: Z = scipy.cluster.hierarchy.average(x); {f}(Z, scipy.cluster.hierarchy.inconsistent(Z), 0)
fcluster: {f}(scipy.cluster.hierarchy.average(x), 1.5)
fclusterdata: {f}(x, 1.0)
cut_tree: {f}(scipy.cluster.hierarchy.average(x), 2)
leaders: Z = scipy.cluster.hierarchy.average(x); {f}(Z, scipy.cluster.hierarchy.fcluster(Z, 0.9))[0]
leaves_list: {f}(scipy.cluster.hierarchy.average(x))
optimal_leaf_ordering: {f}(scipy.cluster.hierarchy.average(x), x)[:, 2]
correspond: {f}(scipy.cluster.hierarchy.average(x), distance.pdist(x))
is_isomorphic: {f}(i, i[::-1])
is_monotonic is_valid_linkage num_obs_linkage: {f}(scipy.cluster.hierarchy.average(x))
is_valid_im: {f}(scipy.cluster.hierarchy.inconsistent(scipy.cluster.hierarchy.average(x)))
from_mlab_linkage: {f}(np.array([[1.0, 2.0, 1.0 * t], [3.0, 4.0, 2.0 * t]]))[:, 2]
to_mlab_linkage: {f}(scipy.cluster.hierarchy.average(x))[:, 2]
to_tree: {f}(scipy.cluster.hierarchy.average(x)).dist
ClusterNode: {f}(0, dist=t).dist
DisjointSet: o = {f}(range(4)); o.merge(1, 2); x * o.n_subsets
- a picture: dendrogram set_link_color_palette
"""

CONSTANTS = """
convert_temperature: {f}(x, 'C', 'F')
lambda2nu nu2lambda: {f}(p) / scipy.constants.c
precision value: {f}('electron mass') * x
find unit: len({f}('electron mass')) * x
- a warning: ConstantWarning
"""
DIFFERENTIATE = """
derivative: {f}(np.sin, u).df
jacobian: {f}(lambda v: v * v * v[::-1], y[:2]).df
hessian: {f}(lambda v: v[0] ** 2 * v[1], y[:2]).ddf
"""
