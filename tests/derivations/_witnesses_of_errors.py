"""Second witnesses for the pages on reversal, errors and known samplers: runs, quadratures, steps at many digits.

Each function returns pairs of a value found numerically and the value that the statement gives.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.exact_gaussian import output_moments
from tests.derivations._witnesses import Pairs, _density, solve

SMALL = mp.mpf("1e-12")  # a step whose second term is a thousandth of a billionth of its first
P = mp.mpf("2.5")


def extrapolated(value: Callable[[int], float], n_steps: int) -> float:
    """Return the limit of a quantity with an error of order 1/N from two numbers of steps."""
    return 2 * value(2 * n_steps) - value(n_steps)


def time_reversal() -> Pairs:
    """Integrate slope and variance given the start, Gaussian data; apply the Fokker-Planck operator to Bayes' rule."""
    variance, high, low = 0.25, 2.3, 0.7
    before, after = variance + high**2, variance + low**2

    def moments(tau2: float) -> np.ndarray:
        def slope(lam, state):
            pull = (1 + tau2) * lam / (variance + lam**2)
            return [pull * state[0], 2 * pull * state[1] - 2 * lam * tau2]

        return solve(slope, [1.0, 0.0], high, low)

    pairs = list(zip(moments(1.0), (after / before, after * (1 - after / before)), strict=True))
    pairs.append((moments(0.0)[0], (after / before) ** 0.5))
    y, lam, y_s = mp.mpf("0.3"), mp.mpf("0.8"), mp.mpf("1.1")

    def kernel(v, at):
        return mp.npdf(v, y_s, mp.sqrt(mp.mpf(high) ** 2 - at**2))

    def score(v):
        return mp.diff(lambda z: mp.log(_density(z, lam)), v)

    def reversed_transition(v, at):
        return kernel(v, at) * _density(v, at)

    for tau2 in (mp.mpf(1) / 3, mp.mpf(2)):
        found = -(1 + tau2) * lam * mp.diff(lambda v: score(v) * reversed_transition(v, lam), y)
        found += lam * tau2 * mp.diff(lambda v: reversed_transition(v, lam), y, 2)
        found += mp.diff(lambda at: reversed_transition(y, at), lam)
        residual = mp.diff(lambda v: _density(v, lam) * mp.diff(lambda z: kernel(z, lam), v), y)
        pairs.append((found, (tau2 - 1) * lam * residual))
    return pairs


def released_clip() -> Pairs:
    """Run the released solver with steps so short that every one of them falls silent."""
    variance, levels = 1e-4, np.linspace(1e-2, 5e-3, 20001)

    def found(power: float) -> float:
        table = schemes.er_sde(TimeGrid(levels), NoiseScale.power(power), 1, variant="released")
        return float(output_moments(table, 0.0, variance)[1])

    before, after = variance + levels[0] ** 2, variance + levels[-1] ** 2
    return [(found(p), after * (after / before) ** (p - 1)) for p in (1.5, 2.0)]


def local_error_corrected() -> Pairs:
    """Run predict-evaluate-correct on u' = 0.7 u over [0, 1]: N^(k+1) times the error is a sum of local errors."""
    rate = 0.7

    def scaled(n_steps: int, order: int) -> float:
        h = 1.0 / n_steps
        state, old = 1.0, rate * np.exp(-rate * h)
        now = rate
        for _ in range(n_steps):
            predicted = state + h * (now if order == 1 else 1.5 * now - 0.5 * old)
            new = rate * predicted
            state += h * ((new + now) / 2 if order == 1 else (5 * new + 8 * now - old) / 12)
            old, now = now, new
        return (np.exp(rate) - state) * n_steps ** (order + 1)

    constants = {1: rate**3 * (-1 / 12 + 1 / 2), 2: rate**4 * (-1 / 24 + 5 / 12)}
    return [
        (extrapolated(lambda n, k=order: scaled(n, k), 400), constant * np.exp(rate))
        for order, constant in constants.items()
    ]


def gaussian_uniform_grid() -> Pairs:
    """Run solvers 1 and Adams-3 from 2 to 1 on data of variance 1, and evaluate the antiderivatives anew."""

    def scaled(build: Callable, order: int) -> float:
        def value(n_steps: int) -> float:
            table = build(TimeGrid(np.linspace(2.0, 1.0, n_steps + 1)))
            return (float(output_moments(table, 0.0, 1.0)[1]) - 2.0) * n_steps**order

        return extrapolated(value, 640)

    def ode_1(u):
        return -u / (2 * (1 + u**2)) - np.arctan(u) / 2

    def sde_1(u):
        return -u * (3 * u**2 + 5) / (2 * (1 + u**2) ** 2) - 1.5 * np.arctan(u)

    def adams_3(u):
        return 3 * u * (39 * u**4 + 104 * u**2 + 105) / (64 * (1 + u**2) ** 3) + 117 / 64 * np.arctan(u)

    ode, reverse = NoiseScale.ode(), NoiseScale.reverse_sde()
    return [
        (scaled(lambda grid: schemes.er_sde(grid, ode, 1), 1), 2 * (ode_1(2) - ode_1(1))),
        (scaled(lambda grid: schemes.er_sde(grid, reverse, 1), 1), 4 * (sde_1(2) - sde_1(1))),
        (
            scaled(lambda grid: schemes.exponential_adams(grid, ode, 3, start="graded"), 3),
            2 * (adams_3(2) - adams_3(1)),
        ),
    ]


def gaussian_exact_steps() -> Pairs:
    """Take one step of solver 1, and one of solver 2 after its predecessor, at 60 digits."""
    with mp.workdps(60):
        lam, v, h = mp.mpf("1.3"), mp.mpf("0.6"), SMALL
        end, above = lam - h, lam + h
        gain = v / (v + lam**2)
        ratio = (end / lam) ** P
        first = (ratio + (1 - ratio) * gain) ** 2 * (v + lam**2) + end**2 - lam**2 * ratio**2 - (v + end**2)
        slope = mp.quad(lambda u: end**2 * 2 / u**3 * (u - lam), [end, lam])
        old = slope / h
        weights = np.array([(end / lam) ** 2 + (1 - (end / lam) ** 2 - old) * gain, old * v / (v + above**2)])
        before = np.array([[v + lam**2, v + lam**2], [v + lam**2, v + above**2]])
        variance = weights @ before @ weights + end**2 - end**4 / lam**2 - (v + end**2)
        covariance = before[0] @ weights - (v + end**2)
        total = variance + 2 * weights[1] * covariance
        return [
            (first / h**2, -(P**2) * v / (v + lam**2)),
            (variance / h**3, v * (8 * v - 10 * lam**2) / (lam * (v + lam**2) ** 2)),
            (total / h**3, v * (4 * v - 10 * lam**2) / (lam * (v + lam**2) ** 2)),
        ]


LEVELS = (mp.mpf("1.7"), mp.mpf("0.9"))


def _member(power: int, y, data) -> tuple:
    """Return state and noise variance after solver 1 with phi = x^power, from the first level to the second."""
    s, t = LEVELS
    ratio = (t / s) ** power
    return ratio * y + (1 - ratio) * data, t**2 - s**2 * ratio**2


def reduction_ddim() -> Pairs:
    """Take DDIM's step in x from its abar, for eta 0 and 1; and see that no ratio serves two grids in between."""
    s, t = LEVELS
    y, data = mp.mpf("0.4"), mp.mpf("-0.2")

    def step(eta, start, end, y=y, data=data):
        abar_s, abar_t = 1 / (1 + start**2), 1 / (1 + end**2)
        variance = eta**2 * (1 - abar_t) / (1 - abar_s) * (1 - abar_s / abar_t)
        x = mp.sqrt(abar_s) * y
        noise = (x - mp.sqrt(abar_s) * data) / mp.sqrt(1 - abar_s)
        x_next = mp.sqrt(abar_t) * data + mp.sqrt(1 - abar_t - variance) * noise
        return x_next / mp.sqrt(abar_t), variance / abar_t

    pairs = [*zip(step(1, s, t), _member(2, y, data), strict=True), (step(0, s, t)[0], _member(1, y, data)[0])]
    middle = mp.mpf("1.2")
    ratios = [step(mp.mpf("0.5"), a, b, 1, 0)[0] for a, b in ((s, middle), (middle, t), (s, t))]
    q_1, q_2 = (middle / s) ** 2, (t / middle) ** 2
    defect = (ratios[0] ** 2 * ratios[1] ** 2 - ratios[2] ** 2) / (t / s) ** 2
    return [*pairs, (defect, -mp.mpf("0.25") * mp.mpf("0.75") * (1 - q_1) * (1 - q_2))]


def reduction_ddpm() -> Pairs:
    """Take DDPM's posterior of x_t given x_s and x_0 from the forward process, by conditioning of normals."""
    s, t = LEVELS
    y, data = mp.mpf("0.4"), mp.mpf("-0.2")
    alpha_s, alpha_t = (1 / mp.sqrt(1 + level**2) for level in (s, t))
    # x_t = alpha_t x_0 + sigma_t e and x_s = (alpha_s/alpha_t) x_t + sqrt(beta) e'.
    passed, beta = alpha_s / alpha_t, 1 - (alpha_s / alpha_t) ** 2
    prior, spread = alpha_t * data, (alpha_t * t) ** 2
    gain = spread * passed / (passed**2 * spread + beta)
    mean = prior + gain * (alpha_s * y - passed * prior)
    variance = spread * (1 - gain * passed)
    expected = _member(2, y, data)
    excess = beta / alpha_t**2 - expected[1]
    return [
        (mean / alpha_t, expected[0]),
        (variance / alpha_t**2, expected[1]),
        (excess, (1 - (t / s) ** 2) * (s**2 - t**2) / (1 + s**2)),
    ]


def reduction_seeds_1() -> Pairs:
    """Integrate the noise prediction, and the data prediction, held constant over the step of the reverse SDE."""
    s, t = (float(level) for level in LEVELS)
    y, data = 0.4, -0.2
    noise_held = solve(lambda *_: [2 * (y - data) / s], y, s, t)[0]
    data_held = solve(lambda lam, state: [2 / lam * (state[0] - data)], y, s, t)[0]
    variance_noise_held = solve(lambda lam, _: [-2 * lam], 0.0, s, t)[0]
    member = _member(2, y, data)
    q = t / s
    return [
        (data_held, member[0]),
        (noise_held - data_held, -((1 - q) ** 2) * (y - data)),
        (variance_noise_held - float(member[1]), (s**2 - t**2) * (1 - q**2)),
    ]


def _in_half_log_snr(power, ell, weight: Callable):
    """Return the integral of p e^(p (w - ell)) weight(w) over a step of length ell."""
    return mp.quad(lambda w: power * mp.exp(power * (w - ell)) * weight(w), [0, ell])


def _older_weight_of_solver_2(power, ell, r_0):
    """Return the weight of the older evaluation in solver 2: the line in lambda through both, integrated."""
    # u = lambda_s e^-w; the older level is lambda_s e^(r_0 ell).
    return _in_half_log_snr(power, ell, lambda w: mp.expm1(-w) / mp.expm1(r_0 * ell))


def reduction_dpm_solver_2m() -> Pairs:
    """Compare the coded weights of 2M, its SDE form and 2S with quadratures, one short step."""
    with mp.workdps(60):
        ell, r_0 = SMALL, mp.mpf("0.8")
        coded, coded_sde = ((mp.expm1(-p * ell)) / (2 * r_0) for p in (1, 2))
        line = _in_half_log_snr(1, ell, lambda w: -w / (r_0 * ell))
        stage = _in_half_log_snr(1, ell, lambda w: w / (r_0 * ell))
        return [
            ((coded - _older_weight_of_solver_2(1, ell, r_0)) / ell**2, -(1 + 3 * r_0) / (12 * r_0)),
            ((coded - line) / ell**2, 1 / (12 * r_0)),
            ((coded_sde - _older_weight_of_solver_2(2, ell, r_0)) / ell**2, -mp.mpf(1) / 2),
            ((-mp.expm1(-ell) / (2 * r_0) - stage) / ell**2, -1 / (12 * r_0)),
        ]


def reduction_sa_solver_2() -> Pairs:
    """Integrate the line in ln lambda and the line in lambda over one short step."""
    with mp.workdps(60):
        ell, r_0 = SMALL, mp.mpf("0.8")
        line = _in_half_log_snr(P, ell, lambda w: -w / (r_0 * ell))
        gap = (line - _older_weight_of_solver_2(P, ell, r_0)) / ell**2
        return [(gap, -P * (2 + 3 * r_0) / (12 * r_0))]


def reduction_deis() -> Pairs:
    """Take two steps of Adams-Bashforth on the noise prediction, and compare a weight with solver 2's."""
    s, m, t = mp.mpf("1.7"), mp.mpf("1.2"), mp.mpf("0.9")

    def end(y, first, second):
        eps_0 = (y - first) / s
        y_m = y + (m - s) * eps_0
        eps_1 = (y_m - second) / m
        return y_m + mp.quad(lambda u: ((u - m) * eps_0 + (s - u) * eps_1) / (s - m), [m, t])

    weight = ((m - t) + (m - t) ** 2 / (2 * (s - m))) / m
    pairs = [(end(1, 0, 0), t / s), (end(0, 0, 1), weight), (end(0, 1, 0), 1 - t / s - weight)]
    with mp.workdps(60):
        low, gap = mp.mpf("0.9"), mp.mpf("0.4")
        middle = low * mp.exp(SMALL)
        # Weight of D_1 in both: 1 plus the line's part beyond the middle level; over lambda_t / gap.
        ours = mp.quad(lambda u: low / u**2 * (1 + (middle - u) / gap), [low, middle])
        theirs = ((middle - low) + (middle - low) ** 2 / (2 * gap)) / middle
        return [*pairs, ((theirs - ours) * gap / low / SMALL**3, -mp.mpf(1) / 6)]


def reduction_edm_heun() -> Pairs:
    """Take Heun's step as written, and compare the weight of its second evaluation with the line's."""
    s, t = LEVELS

    def end(y, first, second):
        slope = (y - first) / s
        guess = y + (t - s) * slope
        return y + (t - s) * (slope + (guess - second) / t) / 2

    half = (s - t) / 2
    pairs = [(end(1, 0, 0), t / s), (end(0, 1, 0), half * (2 / s - 1 / t)), (end(0, 0, 1), half / t)]
    with mp.workdps(60):
        start, low = mp.exp(SMALL), mp.mpf(1)
        line = mp.quad(lambda u: low / u**2 * (start - u) / (start - low), [low, start])
        return [*pairs, (((start - low) / 2 - line) / SMALL**2, mp.mpf(1) / 3)]
