"""Arguments of the functions of ``scipy.special``, and calls of ``numpy.fft`` and ``scipy.fft``.

``names: numbers``: a function is called with arrays about the numbers with a decimal point, all of which are
differentiated, and one at a time; those without are orders that have to be whole.
"""

SPECIAL = """
bei beip ber berp cbrt cosdg cosm1 cotdg dawsn digamma ellipe ellipk ellipkm1 entr erf erfc erfcx erfi exp1 exp10: 0.37
exp2 expi expit expm1 exprel fresnel gamma gammaln i0 i0e i1 i1e it2i0k0 it2j0y0 it2struve0 itairy iti0k0 itj0y0: 0.37
itmodstruve0 itstruve0 j0 j1 k0 k0e k1 k1e kei keip kelvin ker kerp kolmogi kolmogorov lambertw log1p log_expit: 0.37
airy airye erfcinv erfinv gammasgn log_ndtr loggamma logit modfresnelm modfresnelp ndtr ndtri psi rgamma round: 0.37
shichi sici sinc sindg softplus spence tandg wofz wrightomega y0 y1 zetac: 0.37
zeta: 2.37
ndtri_exp: -0.6
beta betaln binom boxcox boxcox1p chdtr chdtrc chdtri ellipeinc ellipj ellipkinc elliprc gammainc gammaincc: 1.37, 0.63
gammainccinv gammaincinv huber hyp0f1 inv_boxcox inv_boxcox1p kl_div owens_t poch powm1 pseudo_huber rel_entr: 1.37, 0.63
agm stdtr stdtrit tklmbda xlog1py xlogy: 1.37, 0.63
jv jn jve yv yve iv ive kv kve hankel1 hankel1e hankel2 hankel2e modstruve struve pbdv pbvv: 1.37, 0.63
jvp yvp ivp kvp h1vp h2vp: 1.37, 0.63
pbwa: 0.37, 0.63
expn yn kn spherical_in spherical_jn spherical_kn spherical_yn: 2, 0.63
pdtr pdtrc pdtri smirnov smirnovi: 2, 0.63
pdtrik chdtriv stdtridf: 0.3, 0.7
eval_chebyc eval_chebys eval_chebyt eval_chebyu eval_laguerre eval_legendre eval_sh_chebyt eval_sh_chebyu: 1.37, 0.63
eval_sh_legendre: 1.37, 0.63
assoc_laguerre: 0.63, 2.0, 1.3
eval_hermite eval_hermitenorm mathieu_a mathieu_b polygamma: 2, 0.63
chebyc chebys chebyt chebyu hermite hermitenorm laguerre legendre sh_chebyt sh_chebyu sh_legendre: 2
gegenbauer genlaguerre: 2, 1.5
jacobi sh_jacobi: 2, 1.5, 1.2
lmbda lqn riccati_jn riccati_yn: 2, 0.63
legendre_p: 2, 0.63
legendre_p_all: 2, 0.63
assoc_legendre_p assoc_legendre_p_all sph_legendre_p sph_legendre_p_all: 3, 2, 0.4
sph_harm_y sph_harm_y_all: 3, 2, 1.4, 0.6
lqmn: 1, 2, 0.6
lpmv: 2, 1.5, 0.4
pbdn_seq: 2, 0.63
pbdv_seq pbvv_seq: 1.37, 0.63
mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2 mathieu_sem: 4, 1.5, 0.4
mathieu_even_coef mathieu_odd_coef: 2, 0.63
diric: 0.63, 2
multigammaln: 2.63, 2
besselpoly betainc betaincc betainccinv betaincinv elliprd elliprf elliprg hyperu hyp1f1 voigt_profile: 1.4, 2.3, 0.6
wright_bessel log_wright_bessel: 1.4, 2.3, 0.6
radian: 1.4, 2.3, 0.6
eval_gegenbauer eval_genlaguerre: 1.4, 2.3, 0.6
chndtr chndtrinc fdtr fdtrc fdtri gdtr gdtrc gdtrix nctdtr nctdtrit: 1.4, 2.3, 0.6
bdtr bdtrc bdtri nbdtr nbdtrc nbdtri: 1, 2, 0.6
bdtrik btdtria chndtrix gdtria nbdtrik nctdtridf nrdtrimn: 0.4, 2.3, 0.6
bdtrin btdtrib chndtridf fdtridfd gdtrib nbdtrin nrdtrisd: 0.4, 0.6, 0.7
nctdtrinc: 1.4, 0.6, 0.7
elliprj eval_jacobi eval_sh_jacobi hyp2f1 ncfdtr ncfdtri ncfdtrinc: 1.4, 2.3, 0.6, 0.45
ncfdtridfd: 2.5, 0.45, 0.55, 1.1
ncfdtridfn: 0.45, 3.0, 0.55, 1.1
ellip_harm: 5.0, 8.0, 2, 1, 2.5
ellip_harm_2: 5.0, 8.0, 2, 1, 10.0
ellip_normal: 5.0, 8.0, 2, 1
obl_cv pro_cv obl_cv_seq pro_cv_seq: 1, 2, 0.4
pro_rad1 pro_rad2: 1, 2, 1.4, 1.6
obl_ang1 obl_rad1 obl_rad2 pro_ang1: 1, 2, 1.4, 0.6
obl_ang1_cv obl_rad1_cv obl_rad2_cv pro_ang1_cv: 1, 2, 1.4, 5.5, 0.6
pro_rad1_cv pro_rad2_cv: 1, 2, 1.4, 5.5, 1.6
comb perm: 5.4, 2.3
factorial: 2.37
bernoulli euler: 5
factorial2 factorialk: 5, 1
stirling2: 5, 2
logsumexp softmax log_softmax: 0.37
c_roots h_roots he_roots l_roots p_roots ps_roots s_roots t_roots ts_roots u_roots us_roots: 3
roots_chebyc roots_chebys roots_chebyt roots_chebyu roots_hermite roots_hermitenorm roots_laguerre roots_legendre: 3
roots_sh_chebyt roots_sh_chebyu roots_sh_legendre: 3
cg_roots la_roots roots_gegenbauer roots_genlaguerre: 3, 1.5
j_roots js_roots roots_jacobi roots_sh_jacobi: 3, 1.5, 1.2
ai_zeros bei_zeros beip_zeros ber_zeros berp_zeros bi_zeros erf_zeros fresnel_zeros fresnelc_zeros fresnels_zeros: 2
kei_zeros keip_zeros kelvin_zeros ker_zeros kerp_zeros y0_zeros y1_zeros y1p_zeros jnjnp_zeros: 2
jn_zeros jnp_zeros jnyn_zeros yn_zeros ynp_zeros: 1, 2
- exceptions, warnings and how they are reported: SpecialFunctionError SpecialFunctionWarning errstate geterr seterr
"""
# Their results are polynomials, rather than numbers.
POLYNOMIALS = "chebyc chebys chebyt chebyu gegenbauer genlaguerre hermite hermitenorm jacobi laguerre legendre sh_chebyt sh_chebyu sh_jacobi sh_legendre"  # fmt: skip
# Of a number, not of arrays.
SCALAR = "assoc_laguerre lmbda lqn lqmn riccati_jn riccati_yn pbdn_seq pbdv_seq pbvv_seq ellip_harm ellip_harm_2 ellip_normal obl_cv_seq pro_cv_seq mathieu_even_coef mathieu_odd_coef factorial2 factorialk multigammaln gegenbauer genlaguerre jacobi sh_jacobi cg_roots la_roots roots_gegenbauer roots_genlaguerre j_roots js_roots roots_jacobi roots_sh_jacobi"  # fmt: skip
# SciPy's solver stops at 8 digits or fewer.
ROUGH = "ncfdtridfd ncfdtridfn nctdtrinc ncfdtrinc chndtrinc itairy"

FFT = """
fft ifft: v = {f}(x + 1j * p, 5, axis=0, norm='ortho'); [v.real, v.imag]
fft2 ifft2 fftn ifftn: v = {f}(x + 1j * p); [v.real, v.imag]
rfft ihfft: v = {f}(x, 5); [v.real, v.imag]
rfft2 rfftn: v = {f}(z, axes=(0, 2)); [v.real, v.imag]
irfft hfft: {f}(x + 1j * p, 7)
irfft2 irfftn: {f}(z + 1j * z[::-1])
fftfreq rfftfreq: {f}(4) * y if '{m}' == 'fftfreq' else {f}(6) * y
fftshift ifftshift: {f}(x)
"""
SCIPY_FFT = """
hfft2 hfftn: {f}(z + 1j * z[::-1])
ihfft2 ihfftn: v = {f}(x); [v.real, v.imag]
dct dst idct idst: [{f}(x, k, norm=n) for k in (1, 2, 3, 4) for n in (None, 'ortho')]
dctn dstn idctn idstn: {f}(x, 2, axes=(0,))
fht ifht: {f}(w[:8], 0.1, 0.5)
fhtoffset: {f}(0.1, 0.5) * t
next_fast_len prev_fast_len: np.zeros({f}(93)) + t
get_workers: {f}()
- who does the work: register_backend set_backend set_global_backend set_workers skip_backend
"""
