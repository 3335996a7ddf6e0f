"""Second witnesses: each derivation's statement by other means (quadrature, integration, simulation), without SymPy.

Each function returns pairs of a value found numerically and the value that the statement gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath as mp
import numpy as np
from scipy.integrate import solve_ivp

Pairs = list[tuple[float, float]]
LOW, HIGH = 0.7, 2.3


def exp_power(lam):
    """Return phi(x) = x (exp(x^0.3) + 10)."""
    return lam * (mp.exp(lam ** mp.mpf("0.3")) + 10)


def rate(phi: Callable, lam):
    """Return phi'/phi by a numerical derivative."""
    return mp.diff(phi, lam) / phi(lam)


def tau_squared(phi: Callable, lam):
    """Return lambda phi'/phi - 1."""
    return lam * rate(phi, lam) - 1


def solve(slope: Callable, start, begin: float, end: float) -> np.ndarray:
    """Return the solution of an ordinary differential equation at its end."""
    found = solve_ivp(slope, (begin, end), np.atleast_1d(start), rtol=1e-11, atol=1e-13, method="DOP853")
    return found.y[:, -1]


def cosine_alpha(t):
    """Return alpha of a process that no formula of the body mentions."""
    return mp.cos(t) * mp.exp(-t / 5)


def cosine_sigma(t):
    """Return its sigma."""
    return mp.sin(t) * (1 + t**2 / 3)


def drift_and_diffusion(t):
    """Return f and g^2 of it by numerical derivatives."""
    f = mp.diff(lambda r: mp.log(cosine_alpha(r)), t)
    return f, mp.diff(lambda r: cosine_sigma(r) ** 2, t) - 2 * f * cosine_sigma(t) ** 2


def forward_process() -> Pairs:
    """Integrate mean and variance of the linear SDE."""

    def slope(t, state):
        f, g2 = (float(v) for v in drift_and_diffusion(t))
        return [f * state[0], 2 * f * state[1] + g2]

    mean, variance = solve(slope, [float(cosine_alpha(0.2)), float(cosine_sigma(0.2)) ** 2], 0.2, 1.0)
    return [(mean, float(cosine_alpha(1))), (variance, float(cosine_sigma(1)) ** 2)]


def named_processes() -> Pairs:
    """Differentiate VP with a linear beta numerically."""
    integral, beta = (lambda t: t / 10 + 9 * t**2), (lambda t: mp.mpf(1) / 10 + 18 * t)
    t = mp.mpf("0.4")
    f = mp.diff(lambda r: -integral(r) / 2, t)
    g2 = mp.diff(lambda r: 1 - mp.exp(-integral(r)), t) - 2 * f * (1 - mp.exp(-integral(t)))
    return [(f, -beta(t) / 2), (g2, beta(t)), (mp.diff(lambda r: r**2, t) + 2 * t**2 / (1 - t), 2 * t / (1 - t))]


def canonical_coordinates() -> Pairs:
    """Integrate the drift of the ER-SDE in x for a process and in y without it, data +-1."""

    def level(t):
        return cosine_sigma(t) / cosine_alpha(t)

    def in_x(t, x):
        f, g2 = drift_and_diffusion(t)
        y, lam = x[0] / cosine_alpha(t), level(t)
        score = (mp.tanh(y / lam**2) - y) / lam**2 / cosine_alpha(t)
        return [float(f * x[0] - (1 + tau_squared(exp_power, lam)) * g2 / 2 * score)]

    def in_y(lam, y):
        return [float(rate(exp_power, lam) * (y[0] - mp.tanh(y[0] / lam**2)))]

    y = solve(in_y, 0.9, float(level(1.0)), float(level(0.4)))[0]
    x = solve(in_x, 0.9 * float(cosine_alpha(1)), 1.0, 0.4)[0]
    return [(x / float(cosine_alpha(0.4)), y)]


def _density(y, lam):
    modes = ((mp.mpf(1) / 3, -1, mp.mpf(1) / 4), (mp.mpf(2) / 3, 2, mp.mpf(1) / 9))
    return sum(w * mp.npdf(y, m, mp.sqrt(v + lam**2)) for w, m, v in modes)


def marginals() -> Pairs:
    """Evaluate the Fokker-Planck operator on a mixture by numerical derivatives."""
    pairs = []
    for y, lam, tau2 in ((0.3, 0.8, 0.7), (-1.2, 0.4, 2.5)):

        def flux(v, lam=lam, tau2=tau2):
            return (1 + tau2) * lam * mp.diff(lambda z: mp.log(_density(z, lam)), v) * _density(v, lam)

        second = mp.diff(lambda v, lam=lam: _density(v, lam), y, 2)
        pairs.append((-mp.diff(flux, y) + lam * tau2 * second, -mp.diff(lambda v, y=y: _density(y, v), lam)))
    return pairs


def limits() -> Pairs:
    """Integrate the variance for Gaussian data of variance 1/4: 1/4 + lambda^2 for ODE and reverse SDE alike."""
    pairs = []
    for tau2 in (0.0, 1.0):
        end = solve(
            lambda lam, v, tau2=tau2: [2 * (1 + tau2) * lam / (0.25 + lam**2) * v[0] - 2 * lam * tau2], 25.25, 5.0, 0.3
        )[0]
        pairs.append((end, 0.25 + 0.09))
    return pairs


def noise_scale() -> Pairs:
    """Rebuild phi from tau^2 by quadrature."""
    integral = mp.quad(lambda u: tau_squared(exp_power, u) / u, [LOW, HIGH])
    return [(HIGH / LOW * mp.exp(integral), exp_power(HIGH) / exp_power(LOW))]


def scaling() -> Pairs:
    """Differentiate the scaled noise scale numerically."""
    scaled = tau_squared(lambda u: u ** mp.mpf("0.7") * exp_power(u) ** mp.mpf("0.3"), LOW)
    return [(scaled, 0.3 * tau_squared(exp_power, LOW))]


def admissibility() -> Pairs:
    """Find where tau^2 of log_power vanishes; the statement brackets it in (1021, 1023)."""

    def log_power(u):
        return u ** mp.mpf("0.9") * mp.log(1 + 100 * u ** mp.mpf("1.5"), 10)

    root = mp.findroot(lambda u: tau_squared(log_power, u), 1000)
    w = 100 * root ** mp.mpf("1.5")
    assert 1021 < root < 1023
    return [(15 * w, (1 + w) * mp.log(1 + w))]


def _path():
    """Return the dense solution of dY = phi'/phi (Y - D) d lambda from HIGH to LOW, D = tanh(Y/lambda^2)."""

    def slope(lam, y):
        return [float(rate(exp_power, lam) * (y[0] - mp.tanh(y[0] / lam**2)))]

    return solve_ivp(slope, (HIGH, LOW), [0.8], rtol=1e-12, atol=1e-14, method="DOP853", dense_output=True)


def exact_solution() -> Pairs:
    """Put an integrated path into the variation-of-constants formula."""
    path = _path()
    weight = mp.quad(
        lambda u: rate(exp_power, u) / exp_power(u) * mp.tanh(float(path.sol(float(u))[0]) / u**2),
        mp.linspace(LOW, HIGH, 9),
        maxdegree=4,
    )
    end = exp_power(LOW) / exp_power(HIGH) * 0.8 + exp_power(LOW) * weight
    return [(path.y[0, -1], end)]


def exact_solution_in_x() -> Pairs:
    """Integrate the drift in x for VP with Gaussian data of mean 1 and variance 0: D = 1 is known on the path."""

    def slope(t, x):
        beta, grown = 0.1 + 18 * t, math.exp(0.1 * t + 9 * t**2)
        alpha, sigma2 = grown**-0.5, 1 - 1 / grown
        lam = math.sqrt(grown - 1)
        h2 = float(tau_squared(exp_power, lam)) * beta
        return [-beta / 2 * x[0] - (beta + h2) / 2 * (alpha - x[0]) / sigma2]

    t_s, t_t = 0.5, 0.2
    alpha_s, alpha_t = (math.exp(-0.05 * t - 4.5 * t**2) for t in (t_s, t_t))
    phi_s, phi_t = (float(exp_power(math.sqrt(1 / a**2 - 1))) for a in (alpha_s, alpha_t))
    ratio = phi_t / phi_s
    return [(solve(slope, 0.6, t_s, t_t)[0], alpha_t / alpha_s * ratio * 0.6 + alpha_t * (1 - ratio))]


def vp_equals_ve() -> Pairs:
    """Integrate VP with a linear beta in x, and VE (x = y, level = time), from the same y; data +-1."""

    def in_vp(t, x):
        beta, grown = 0.1 + 18 * t, math.exp(0.1 * t + 9 * t**2)
        lam2, y = grown - 1, x[0] * math.sqrt(grown)
        h2 = float(tau_squared(exp_power, math.sqrt(lam2))) * beta
        score = (math.tanh(y / lam2) - y) / lam2 * math.sqrt(grown)
        return [-beta / 2 * x[0] - (beta + h2) / 2 * score]

    def in_ve(level, x):
        g2, score = 2 * level, (math.tanh(x[0] / level**2) - x[0]) / level**2
        return [-(1 + float(tau_squared(exp_power, level))) * g2 / 2 * score]

    alphas = [math.exp(-0.05 * t - 4.5 * t**2) for t in (0.5, 0.2)]
    levels = [math.sqrt(1 / a**2 - 1) for a in alphas]
    vp = solve(in_vp, 0.9 * alphas[0], 0.5, 0.2)[0]
    return [(vp / alphas[1], solve(in_ve, 0.9, *levels)[0])]


def noise_variance() -> Pairs:
    """Integrate the variance of the noise alone."""

    def slope(lam, v):
        growth = float(rate(exp_power, lam))
        return [2 * growth * v[0] - 2 * lam * (lam * growth - 1)]

    closed = LOW**2 - HIGH**2 * float(exp_power(LOW) / exp_power(HIGH)) ** 2
    return [(solve(slope, 0.0, HIGH, LOW)[0], closed)]


def noise_clock() -> Pairs:
    """Add the noise of 64 fine steps with the exact step variances."""
    levels = np.geomspace(HIGH, LOW, 65)
    phi = np.array([float(exp_power(u)) for u in levels])
    variance = 0.0
    for i in range(64):
        ratio = phi[i + 1] / phi[i]
        variance = ratio**2 * variance + levels[i + 1] ** 2 - levels[i] ** 2 * ratio**2
    clock = levels**2 / phi**2
    return [(variance, phi[-1] ** 2 * (clock[-1] - clock[0]))]


def _moment(phi: Callable, n: int, low=LOW, high=HIGH):
    return phi(low) * mp.quad(lambda u: rate(phi, u) / phi(u) * (u - high) ** n, [low, high])


def moments() -> Pairs:
    """Expand the data term for D = sin to order 24 and compare with its quadrature."""
    exact = exp_power(LOW) * mp.quad(lambda u: rate(exp_power, u) / exp_power(u) * mp.sin(u), [LOW, HIGH])
    terms = [_moment(exp_power, n) * mp.sin(HIGH + n * mp.pi / 2) / mp.factorial(n) for n in range(24)]
    by_parts = (LOW - HIGH) ** 2 + 2 * exp_power(LOW) * mp.quad(lambda u: (u - HIGH) / exp_power(u), [LOW, HIGH])
    return [(mp.fsum(terms), exact), (_moment(exp_power, 2), by_parts)]


def closed_forms() -> Pairs:
    """Compare quadratures with the closed forms, written out again."""
    log, high, low = math.log(HIGH / LOW), HIGH, LOW
    p = 1.5
    power = low**p * p * ((high ** (1 - p) - low ** (1 - p)) / (1 - p) + high * (high**-p - low**-p) / p)
    return [
        (_moment(lambda u: u, 1), low - high + low * log),
        (_moment(lambda u: u, 2), high**2 - low**2 - 2 * high * low * log),
        (_moment(lambda u: u**2, 1), -((high - low) ** 2) / high),
        (_moment(lambda u: u ** mp.mpf(p), 1), power),
        ((p - 3) * _moment(lambda u: u**p, 3), p * (low - high) ** 3 + 3 * high * _moment(lambda u: u**p, 2)),
        (mp.quad(lambda u: (1 - high / u) ** 2 / u, [low, high]), log + (1 - high / low) + (1 - high / low) ** 2 / 2),
    ]


def small_steps() -> Pairs:
    """Divide the moments of two small steps by their power and extrapolate."""
    pairs = []
    for n in range(5):
        near, far = (
            _moment(exp_power, n, HIGH - step, HIGH) / (-step) ** (n + 1) for step in (mp.mpf("1e-4"), mp.mpf("2e-4"))
        )
        pairs.append((2 * near - far, -rate(exp_power, HIGH) / (n + 1)))
    return pairs


def no_closed_form() -> Pairs:
    """Compare the integrals before and after the substitution, and residues on circles with the functions of w."""
    after = mp.quad(lambda w: 10 / (w * (mp.exp(w**3) + 10)), [LOW ** mp.mpf("0.1"), HIGH ** mp.mpf("0.1")])
    pairs = [(mp.quad(lambda u: 1 / exp_power(u), [LOW, HIGH]), after)]
    for turns in (1, 3):  # two zeros of the denominator: residues that are no constants
        log = mp.log(10) + turns * mp.pi * 1j  # e^log = -10
        for zero, integrand, residue in (
            (-1 / log, lambda w: 1 / (w * (mp.exp(-1 / w) + 10)), lambda w: -w / 10),
            (log ** (mp.mpf(1) / 3), lambda w: 10 / (w * (mp.exp(w**3) + 10)), lambda w: -1 / (3 * w**3)),
        ):
            turn = [mp.mpf("0.01") * mp.expjpi(mp.mpf(k) / 16) for k in range(32)]
            found = mp.fsum(integrand(zero + step) * step for step in turn) / 32
            pairs += [(found.real, residue(zero).real), (found.imag, residue(zero).imag)]
    return pairs


def one_step_bound() -> Pairs:
    """Check the bound for three gaps, and that a constant gap attains it."""
    fei = 1 - exp_power(LOW) / exp_power(HIGH)
    for gap in (mp.sin, lambda u: mp.cos(9 * u), lambda u: mp.exp(-u)):
        error = exp_power(LOW) * mp.quad(lambda u, gap=gap: rate(exp_power, u) / exp_power(u) * gap(u), [LOW, HIGH])
        assert abs(error) < fei
    return [(_moment(exp_power, 0), fei)]


def fei_order() -> Pairs:
    """Compute FEI from the integral of tau^2, and see it grow with the noise."""
    integral = mp.quad(lambda u: tau_squared(exp_power, u) / u, [LOW, HIGH])
    values = [1 - (LOW / HIGH) * mp.exp(-scale * integral) for scale in (0, 0.5, 1, 2)]
    assert values == sorted(values)
    return [(values[2], 1 - exp_power(LOW) / exp_power(HIGH)), (values[0], 1 - LOW / HIGH)]


def fei_limits() -> Pairs:
    """Perturb the start of a first-order step with D = 5 y."""
    pairs = []
    for power, expected in ((1, 1.4), (2, 1.76)):
        ratio = 0.9**power
        step = [ratio * y + (1 - ratio) * 5 * y for y in (0.2, 0.3)]
        pairs.append(((step[1] - step[0]) / 0.1, expected))
    return pairs


def _posterior(y_s: float) -> np.ndarray:
    """Return the posterior weights of the data -1 and 1 at the level HIGH."""
    weights = np.exp([-((y_s + 1) ** 2) / (2 * HIGH**2), -((y_s - 1) ** 2) / (2 * HIGH**2)])
    return weights / weights.sum()


def martingale() -> Pairs:
    """Average the denoiser of the data +-1 over the exact transition of the reverse SDE."""
    y_s, ratio = 1.3, (LOW / HIGH) ** 2
    spread = LOW * math.sqrt(1 - ratio)
    mean = mp.fsum(
        weight
        * mp.quad(
            lambda y, x0=x0: mp.npdf(y, ratio * y_s + (1 - ratio) * x0, spread) * mp.tanh(y / LOW**2),
            mp.linspace(-6, 7, 14),
        )
        for weight, x0 in zip(_posterior(y_s), (-1, 1), strict=True)
    )
    return [(mean, math.tanh(y_s / HIGH**2))]


def martingale_whole_run() -> Pairs:
    """Compute the variance of the exact transition by quadrature; and the first-order step misses the mean of D."""
    y_s, ratio = 1.3, (LOW / HIGH) ** 2
    spread = LOW * math.sqrt(1 - ratio)
    weights = [mp.mpf(w) for w in _posterior(y_s)]

    def density(y):
        parts = zip(weights, (-1, 1), strict=True)
        return sum(w * mp.npdf(y, ratio * y_s + (1 - ratio) * x0, spread) for w, x0 in parts)

    nodes = mp.linspace(-6, 7, 14)
    mean = mp.quad(lambda y: y * density(y), nodes)
    variance = mp.quad(lambda y: (y - mean) ** 2 * density(y), nodes)
    data_mean = math.tanh(y_s / HIGH**2)
    step_mean = ratio * y_s + (1 - ratio) * data_mean
    later = mp.quad(lambda y: mp.npdf(y, step_mean, spread) * mp.tanh(y / LOW**2), nodes)
    assert abs(later - data_mean) > 1e-3
    return [(mean, step_mean), (variance, spread**2 + (1 - ratio) ** 2 * (1 - data_mean**2))]


def error_recursion() -> Pairs:
    """Run two first-order solvers, with and without an error of the denoiser."""
    fei, jac, delta, right, wrong = 0.3, 0.4, 0.05, 1.0, 1.2
    for _ in range(7):
        right = (1 - fei) * right + fei * (0.1 + jac * right)
        wrong = (1 - fei) * wrong + fei * (0.1 + jac * wrong + delta)
    shrunk = (1 - fei * (1 - jac)) ** 7
    return [(wrong - right, shrunk * 0.2 + (1 - shrunk) * delta / (1 - jac))]


def error_flow() -> Pairs:
    """Integrate the equation of the error."""
    jac, delta = 0.4, 0.05
    end = solve(lambda lam, e: [float(rate(exp_power, lam)) * ((1 - jac) * e[0] - delta)], 0.2, HIGH, LOW)[0]
    shrunk = float(exp_power(LOW) / exp_power(HIGH)) ** (1 - jac)
    return [(end, shrunk * 0.2 + (1 - shrunk) * delta / (1 - jac))]
