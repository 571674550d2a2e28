"""Sample calls of ``scipy.stats``, in the form of :mod:`tests.coverage.numpy_calls`; distributions by method."""

STATS = """
abs exp log: v = {f}(stats.Normal(mu=t, sigma=1.0)) if '{m}' != 'log' else stats.log(stats.Uniform(a=1.0, b=t)); v.cdf(0.7)
Binomial: {f}(n=5, p=0.1 * t).pmf(2)
Logistic: {f}().cdf(w)
Mixture: {f}([stats.Normal(mu=t, sigma=1.0), stats.Normal()], weights=[0.3, 0.7]).pdf(w)
Normal: {f}(mu=t, sigma=1.5).pdf(w)
Uniform: {f}(a=-4.0, b=t + 1).pdf(w)
make_distribution: {f}(stats.gamma)(a=t).pdf(np.abs(w))
order_statistic: {f}(stats.Normal(), n=4, r=2).cdf(w)
truncate: {f}(stats.Normal(), lb=-1.0, ub=t).pdf(u)
CensoredData: {f}(w).num_censored()
Covariance: stats.multivariate_normal.logpdf(s, y[:3], {f}.from_diagonal(np.diag(a)))
alexandergovern f_oneway fligner kruskal levene bartlett: {f}(w[:6], w[6:13], w[13:]).statistic
anderson: {f}(e, 'norm', method='interpolate').statistic
anderson_ksamp: {f}([w[:6], w[6:13], w[13:]]).statistic
ansari mood cramervonmises_2samp ks_2samp mannwhitneyu ranksums brunnermunzel epps_singleton_2samp: {f}(w[:9], w[9:]).statistic
bws_test: {f}(w[:5], w[5:10]).statistic
ttest_ind ttest_rel: {f}(w[:10], w[10:])
ttest_1samp: {f}(w, t)
ttest_ind_from_stats: {f}(t, 1.2, 9, 0.3, 1.4, 8)
barnard_exact boschloo_exact fisher_exact: {f}([[8, 2], [1, 5]]).pvalue
bayes_mvs mvsdist: {f}(w)[0][0] if '{m}' == 'bayes_mvs' else stats.mvsdist(w)[0].mean()
binned_statistic: {f}(np.arange(4.0), y, 'mean', 2).statistic
binned_statistic_2d: {f}(k[0] % 2, np.array([0, 1, 0, 1]), y, 'mean', 2).statistic
binned_statistic_dd: {f}(np.stack([k[0] % 2, np.array([0, 1, 0, 1])], 1), y, 'mean', 2).statistic
binomtest: {f}(3, 15, 0.18 * t).pvalue
bootstrap: {f}((w,), np.mean, n_resamples=20, rng=1).standard_error
boxcox: [{f}(p.ravel(), t), {f}(p.ravel())[1]]
boxcox_llf yeojohnson_llf: {f}(t, p.ravel())
boxcox_normmax yeojohnson_normmax: {f}(p.ravel())
boxcox_normplot yeojohnson_normplot: {f}(p.ravel(), -2, 2, N=4)[1]
yeojohnson: [{f}(w, t), {f}(w)[1]]
ppcc_max: {f}(w, (0.1, 0.9))
ppcc_plot: {f}(e, 0.1, 0.9, N=4)[1]
probplot: {f}(e)[0][1]
chatterjeexi: {f}(w[:10], w[10:]).statistic
chi2_contingency: {f}(p * 20).statistic
chisquare power_divergence: {f}(p.ravel()).statistic
circmean circstd circvar: {f}(w)
directional_stats: {f}(x).mean_direction
combine_pvalues: {f}(u.ravel()).statistic
false_discovery_control: {f}(0.5 + 0.2 * e)
cramervonmises ks_1samp kstest: {f}(e, stats.norm.cdf).statistic
cumfreq relfreq: {f}(w, numbins=4)[0]
describe: {f}(w)[2:]
differential_entropy: [{f}(e, method=m) for m in ('vasicek', 'ebrahimi', 'van es', 'correa')]
entropy: [{f}(p.ravel()), {f}(p[0], p[1])]
dunnett tukey_hsd: {f}(w[:6], w[6:13], w[13:]).statistic if '{m}' == 'tukey_hsd' else stats.dunnett(w[:6], w[6:13], control=w[13:], rng=1).statistic
ecdf: {f}(w).cdf.probabilities
energy_distance wasserstein_distance: {f}(e[:9], e[9:])
wasserstein_distance_nd: {f}(x, p)
expectile: {f}(w, 0.3)
fit: {f}(stats.norm, w, {'loc': (-3, 3), 'scale': (0.1, 5)}).params.loc
friedmanchisquare: {f}(w[:6], w[6:12], w[12:18]).statistic
gaussian_kde: {f}(w)(y)
gmean hmean gstd iqr sem skew kurtosis median_abs_deviation variation tmax tmean tmin tsem tstd tvar: {f}(p.ravel())
pmean: {f}(p.ravel(), 1.5)
gzscore zscore: {f}(p)
zmap: {f}(y, w)
goodness_of_fit: {f}(stats.norm, e, n_mc_samples=9, rng=1).statistic
monte_carlo_test: {f}(w, lambda size: np.ones(size), np.mean, n_resamples=9).statistic
permutation_test: {f}((w[:4], w[4:8]), lambda a, b: np.mean(a) - np.mean(b), n_resamples=9, rng=1).statistic
jarque_bera normaltest skewtest kurtosistest: {f}(w).statistic
shapiro: {f}(e).statistic
kendalltau spearmanr spearmanrho somersd weightedtau: {f}(w[:10], w[10:])[0] if '{m}' != 'somersd' else stats.somersd(w[:10], w[10:]).statistic
kstat kstatvar: {f}(w, 2)
lmoment: {f}(e)
linregress siegelslopes theilslopes: {f}(w[:10], w[10:])[:2]
pearsonr pointbiserialr: {f}(w[:10], w[10:]) if '{m}' == 'pearsonr' else stats.pointbiserialr(w[:10] > 0, w[10:]).statistic
logrank: {f}(w[:10], w[10:]).statistic
median_test: {f}(w[:10], w[10:]).statistic
mode: {f}(w).mode
moment: {f}(w, 3)
multiscale_graphcorr: {f}(w[:6], w[6:12], reps=2, random_state=1).statistic
obrientransform: {f}(w[:10], w[10:])[0]
page_trend_test: {f}(x).statistic
percentileofscore: {f}(w, 0.1)
poisson_means_test: {f}(3, 10.0, 5, 12.0).statistic
power: {f}(stats.skewtest, np.random.default_rng(1).normal, 9, n_resamples=5, batch=5).power * t
quantile: {f}(e, 0.5 + 0.2 * e[:4], method='linear')
quantile_test: {f}(w, q=0.1, p=0.5).statistic
scoreatpercentile: {f}(w, 30)
rankdata tiecorrect: {f}(w)
rv_histogram: {f}(np.histogram(w, 4)).pdf(0.1 * t)
rv_discrete: {f}(values=([1, 2, 3], [0.2, 0.3, 0.5])).mean() * t
sigmaclip: {f}(w).clipped
trim1 trimboth: {f}(w, 0.1)
trim_mean: {f}(w, 0.1)
sobol_indices: {f}(func=lambda x: x.sum(axis=0), n=4, dists=[stats.uniform(), stats.uniform()], rng=1).first_order
wilcoxon: {f}(w).statistic
- exceptions, warnings and options: BootstrapMethod ConstantInputWarning DegenerateDataWarning FitError MonteCarloMethod NearConstantInputWarning PermutationMethod
- a class to derive from: rv_continuous
"""

MULTIVARIATE = """
multivariate_normal.pdf multivariate_normal.logpdf: {f}(s, y[:3], a)
multivariate_normal.cdf multivariate_normal.logcdf: {f}(np.array([0.3, 0.5]), y[:2], a[:2, :2])
multivariate_normal.entropy: {f}(y[:3], a)
multivariate_normal.rvs: {f}(y[:3], (a + a.T) / 2, random_state=1)
multivariate_normal.marginal: {f}([0, 2], y[:3], a).logpdf(s[:, :2])
multivariate_normal.fit: {f}(x)
multivariate_t.pdf multivariate_t.logpdf: {f}(s, y[:3], a, t)
multivariate_t.cdf: {f}(np.array([0.3, 0.5]), y[:2], a[:2, :2], 3, random_state=1)
multivariate_t.entropy: {f}(y[:3], a, t)
multivariate_t.rvs: {f}(y[:3], (a + a.T) / 2, 4, random_state=1)
multivariate_t.marginal: {f}([0, 2], y[:3], a, 3).logpdf(s[:, :2])
dirichlet.pdf dirichlet.logpdf: {f}(np.array([0.2, 0.5, 0.3]), p[0, :3])
dirichlet.entropy dirichlet.mean dirichlet.var dirichlet.cov: {f}(p[0, :3])
dirichlet.rvs: {f}(p[0, :3], random_state=1) * t
dirichlet_multinomial.pmf dirichlet_multinomial.logpmf: {f}(np.array([2, 1, 3]), p[0, :3], 6)
dirichlet_multinomial.mean dirichlet_multinomial.var dirichlet_multinomial.cov: {f}(p[0, :3], 6)
wishart.pdf wishart.logpdf invwishart.pdf invwishart.logpdf: {f}(a, 5.5, a + np.eye(3) * t)
wishart.entropy invwishart.entropy wishart.mean invwishart.mean wishart.var invwishart.var wishart.mode invwishart.mode: {f}(7.5, a)
wishart.rvs invwishart.rvs: {f}(5, a, random_state=1)
multinomial.pmf multinomial.logpmf: {f}(np.array([2, 1, 3]), 6, u[0, :3] / np.sum(u[0, :3]))
multinomial.entropy multinomial.mean multinomial.cov: {f}(6, u[0, :3] / np.sum(u[0, :3]))
multinomial.rvs: {f}(6, [0.2, 0.3, 0.5], random_state=1) * t
matrix_normal.pdf matrix_normal.logpdf: {f}(s, s * 0.3, a, np.eye(3) * t)
matrix_normal.entropy: {f}(a, np.eye(3) * t)
matrix_normal.rvs: {f}(s, a, np.eye(3) * t, random_state=1)
matrix_t.pdf matrix_t.logpdf: {f}(s, s * 0.3, a, np.eye(3) * t, 3)
matrix_t.rvs: {f}(s, a, np.eye(3) * t, 3, random_state=1)
multivariate_hypergeom.pmf multivariate_hypergeom.logpmf: {f}([1, 2], [3, 4], 3) * t
multivariate_hypergeom.mean multivariate_hypergeom.var multivariate_hypergeom.cov: {f}([3, 4], 3) * t
multivariate_hypergeom.rvs: {f}([3, 4], 3, random_state=1) * t
normal_inverse_gamma.pdf normal_inverse_gamma.logpdf: {f}(0.3, p[0, 0], t, 1.2, p[0, 1] + 1, 0.8)
normal_inverse_gamma.mean normal_inverse_gamma.var: {f}(t, 1.2, p[0, 1] + 2, 0.8)
normal_inverse_gamma.rvs: {f}(t, 1.2, 3.0, 0.8, random_state=1)
vonmises_fisher.pdf vonmises_fisher.logpdf: {f}(np.array([0.6, 0.8]), np.array([0.8, 0.6]), t)
vonmises_fisher.entropy: {f}(np.array([0.8, 0.6]), t)
vonmises_fisher.fit: {f}(np.array([[0.6, 0.8], [0.8, 0.6]]))[1]
vonmises_fisher.rvs: {f}(np.array([0.8, 0.6]), 2.0, random_state=1) * t
random_table.pmf random_table.logpmf: {f}([[1, 1], [0, 3]], [2, 3], [1, 4]) * t
random_table.mean: {f}([2, 3], [1, 4]) * t
random_table.rvs: {f}([2, 3], [1, 4], random_state=1) * t
ortho_group.rvs special_ortho_group.rvs uniform_direction.rvs: {f}(3, random_state=1) @ s
unitary_group.rvs: np.abs({f}(3, random_state=1)) @ s
random_correlation.rvs: {f}(np.array([0.5, 0.8, 1.7]), random_state=1) @ s
gaussian_kde.evaluate gaussian_kde.pdf gaussian_kde.logpdf: stats.gaussian_kde(w).{last}(y)
gaussian_kde.integrate_box_1d: stats.gaussian_kde(w).integrate_box_1d(t - 3, t)
gaussian_kde.integrate_box: stats.gaussian_kde(w).integrate_box(np.array([-1.0]), np.array([0.5]))
gaussian_kde.integrate_gaussian: stats.gaussian_kde(w).integrate_gaussian(np.array([t]), np.array([[1.5]]))
gaussian_kde.integrate_kde: stats.gaussian_kde(w).integrate_kde(stats.gaussian_kde(y))
gaussian_kde.marginal: stats.gaussian_kde(x[:2]).marginal(0)(y)
gaussian_kde.resample: stats.gaussian_kde(w).resample(3, seed=1)
gaussian_kde.covariance_factor gaussian_kde.scotts_factor gaussian_kde.silverman_factor: stats.gaussian_kde(w).{last}() * t
gaussian_kde.set_bandwidth: k = stats.gaussian_kde(w); k.set_bandwidth(0.2 * t); k(y)
gaussian_kde.inv_cov gaussian_kde.neff gaussian_kde.weights: stats.gaussian_kde(w).{last}
rv_frozen.pdf rv_frozen.logpdf rv_frozen.cdf rv_frozen.sf rv_frozen.logcdf rv_frozen.logsf: stats.gamma(t, 0.1 * y[0]).{last}(p)
rv_frozen.ppf rv_frozen.isf: stats.gamma(t, 0.1 * y[0]).{last}(u)
rv_frozen.pmf rv_frozen.logpmf: stats.poisson(t).{last}(i)
rv_frozen.entropy rv_frozen.mean rv_frozen.var rv_frozen.std rv_frozen.median rv_frozen.support: stats.gamma(t, 0.1 * y[0]).{last}()
rv_frozen.stats: stats.gamma(t).stats('mvsk')
rv_frozen.moment: stats.gamma(t).moment(3)
rv_frozen.interval: stats.gamma(t).interval(0.9)
rv_frozen.expect: stats.gamma(t).expect(lambda v: v * v)
rv_frozen.rvs: stats.gamma(2.0).rvs(3, random_state=1) * t
rv_continuous.pdf rv_continuous.sf rv_continuous.logcdf rv_continuous.logsf: stats.gamma.{last}(p, t, 0.1 * y[0])
rv_continuous.std rv_continuous.var rv_continuous.median: stats.gamma.{last}(t)
rv_continuous.stats: stats.gamma.stats(t, moments='mvsk')
rv_continuous.moment: stats.gamma.moment(3, t)
rv_continuous.interval: stats.gamma.interval(0.9, t)
rv_continuous.expect: stats.gamma.expect(lambda v: v * v, (t,))
rv_continuous.support: stats.truncnorm.support(-t, t)
rv_continuous.nnlf: stats.gamma.nnlf((t, -0.1, 1.0), p.ravel())
rv_continuous.fit rv_continuous.fit_loc_scale: stats.norm.{last}(w)
rv_continuous.freeze: stats.gamma.freeze(t).pdf(p)
rv_continuous.rvs: stats.gamma.rvs(2.0, size=3, random_state=1) * t
"""

# An optimum has half of the digits, the covariance of characteristic functions nearly none; of drawing, the quantile: a row each of what is drawn, its probability, the quantile.
ROUGH = ("epps_singleton_2samp", "boxcox", "boxcox_normmax", "yeojohnson", "yeojohnson_normmax")
QUANTILES = {
    "dirichlet.rvs": (
        "np.random.RandomState(1).standard_gamma(p[0, :3])", "stats.gamma.cdf(v, p[0, :3])",
        "stats.gamma.ppf(q, p[0, :3]) / stats.gamma.ppf(q, p[0, :3]).sum() * t",
    ),
}  # fmt: skip

# Of each distribution: the quantity, at points of the line, or at levels. Their exponentials, complements and logarithms go
# the same way; tests/ops/test_distributions.py has them all.
OF_POINTS = "logpdf cdf"
OF_COUNTS = "logpmf cdf"
OF_LEVELS = "ppf isf"
OF_SHAPES = "entropy mean"
# Instead of shapes by which quantiles bend too much for differences.
SHAPES = {"fatiguelife": (2.9,)}
SLOW = (("ksone", "mean"), ("studentized_range", "entropy"), ("levy_stable", "entropy"))
# Shapes that are whole numbers, though SciPy's own tests give some as floats.
WHOLE = {"ksone": ("n",), "kstwo": ("n",), "irwinhall": ("n",), "studentized_range": ("k", "df")}
