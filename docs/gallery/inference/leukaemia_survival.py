"""
Survival: the leukaemia trial of Freireich
==========================================

In 1963 children in remission from leukaemia were given 6-mercaptopurine or a placebo, and the
weeks until relapse were recorded.  Some were still in remission when the trial ended: of those
one only knows that their time is *longer*. Such censored times enter the likelihood by the
probability of surviving them, all others by their density.

With Weibull's distribution this is a few lines.  The Hessian at the maximum gives standard
errors; a profile of the likelihood, a maximum for each value of one parameter, gives an interval
that needs no parabola.
"""

import matplotlib.pyplot as plt
import numpy as np

import autodiff
from autodiff import optimize

drug = np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35.0])
placebo = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0])
weeks = np.concatenate([drug, placebo])
relapsed = np.concatenate([np.arange(21) < 9, np.full(21, True)])
treated = np.concatenate([np.ones(21), np.zeros(21)])


def minus_log_likelihood(p):
    """p: log scale under placebo, effect of the drug on it, log of 1/shape."""
    spread = np.exp(p[2])
    z = (np.log(weeks) - p[0] - p[1] * treated) / spread
    log_survival = -np.exp(z)
    log_density = z - np.exp(z) - p[2] - np.log(weeks)
    return -np.sum(np.where(relapsed, log_density, log_survival))


fit = optimize.minimize(
    minus_log_likelihood, np.array([2.0, 1.0, 0.0]), method="trust-exact", options={"gtol": 1e-9}
)
deviations = np.sqrt(np.diag(np.linalg.inv(autodiff.hessian(minus_log_likelihood)(fit.x))))
print(f"scale under placebo  {fit.x[0]:.3f} ± {deviations[0]:.3f} (log weeks)")
print(
    f"effect of the drug   {fit.x[1]:.3f} ± {deviations[1]:.3f}: remissions {np.exp(fit.x[1]):.1f} times as long"
)
print(f"1/shape              {np.exp(fit.x[2]):.3f}")
# R's survreg(Surv(time, status) ~ treatment) gives 2.248, 1.267, 0.732, and a standard error of 0.311.
np.testing.assert_allclose(
    [*fit.x[:2], np.exp(fit.x[2]), deviations[1]], [2.248, 1.267, 0.732, 0.311], atol=6e-4
)

# %%
# The profile of the drug's effect.


def profile(effect):
    def others(q):
        return minus_log_likelihood(np.array([q[0], effect, q[1]]))

    return optimize.minimize(others, fit.x[[0, 2]]).fun - fit.fun


effects = np.linspace(0.2, 2.6, 49)
profiled = np.array([profile(effect) for effect in effects])
inside = effects[profiled < 1.92]
print(f"95 % of the profile: {inside[0]:.2f} to {inside[-1]:.2f}")


# %%
# Kaplan and Meier's estimate makes no assumption about the distribution; the curves should pass
# through its steps.
def kaplan_meier(times, events):
    alive, points = 1.0, [(0.0, 1.0)]
    for t in np.unique(times[events]):
        alive *= 1 - np.sum(events & (times == t)) / np.sum(times >= t)
        points.append((t, alive))
    return np.array(points).T


fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
t = np.linspace(0.1, 36, 200)
for group, name, colour in ((1, "6-mercaptopurine", "C0"), (0, "placebo", "C1")):
    chosen = treated == group
    left.step(*kaplan_meier(weeks[chosen], relapsed[chosen]), where="post", color=colour, alpha=0.5)
    curve = np.exp(-np.exp((np.log(t) - fit.x[0] - fit.x[1] * group) / np.exp(fit.x[2])))
    left.plot(t, curve, color=colour, label=name)
left.set(xlabel="weeks", ylabel="still in remission", ylim=(0, 1.02))
left.legend()
right.plot(effects, profiled, label="profile likelihood")
right.plot(
    effects,
    0.5 * ((effects - fit.x[1]) / deviations[1]) ** 2,
    "--",
    label="parabola of the Hessian",
)
right.axhline(1.92, color="0.6", lw=0.8)
right.set(xlabel="effect of the drug", ylabel="loss of log-likelihood", ylim=(0, 6))
right.legend()
plt.show()
