"""Every scalar of the numerics equals its symbolic expression, evaluated at 50 digits, to 1e-13."""

from __future__ import annotations

import functools

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from ersde_theory import ForwardProcess, NoiseScale, TimeGrid, schemes
from ersde_theory._levels import log_ratio
from ersde_theory.derivations import _symbols as sym
from ersde_theory.derivations._expansions import lagrange, published
from ersde_theory.derivations._noise_scales import EXPRESSIONS, kappa_of
from ersde_theory.quadrature import divided_difference_weights, moments, newton_moments, riemann_moments

DIGITS = 50
RELATIVE = 1e-13
FEW, SOME = settings(max_examples=6), settings(max_examples=40)
MEMBERS = tuple(EXPRESSIONS)
S, T, X = sym.lam_s, sym.lam_t, sym.lam


@functools.cache
def compiled(expression: sympy.Expr, arguments: tuple[sympy.Symbol, ...]):
    """Return an expression as a function of mpmath numbers."""
    return sympy.lambdify(arguments, expression, modules="mpmath")


def exact(expression: sympy.Expr, **at: float) -> mpmath.mpf:
    """Return an expression at floats, taken as the exact numbers they are, with guard digits for differences."""
    names = {str(symbol): symbol for symbol in expression.free_symbols}
    arguments = tuple(names[name] for name in sorted(names))
    with mpmath.workdps(DIGITS + 30):
        return compiled(expression, arguments)(*(mpmath.mpf(at[name]) for name in sorted(names)))


def agrees(found: float, expected: mpmath.mpf, scale: float = 0.0, tolerance: float = RELATIVE) -> bool:
    """Return whether a float is within the tolerance of the exact value, relative to it or to a larger scale."""
    return bool(abs(mpmath.mpf(float(found)) - expected) <= tolerance * max(abs(expected), scale))


def highest(member: str) -> float:
    """Return the highest level a member is tried at: log_power's tau^2 nears 0 at 1022, where nothing is relative."""
    return 100.0 if member == "log_power" else 1e4


def lowest(member: str) -> float:
    """Return the lowest level: below 1e-2 the rounding of 1/lambda alone moves e^(-1/lambda) < 1e-43 by eps/lambda."""
    return 1e-2 if member == "exp_reciprocal" else 1e-4


@st.composite
def steps(draw, member: str = "ode"):
    """Draw levels of a step, with a logarithmic length from 1e-8 to 5."""
    start = float(10.0 ** draw(st.floats(np.log10(lowest(member)) + 0.5, np.log10(highest(member)))))
    length = 10.0 ** draw(st.floats(-8.0, 0.7))
    end = max(start * float(np.exp(-length)), lowest(member))
    return (start, end) if end < start else (start, float(np.nextafter(start, 0.0)))


def log_excess(member: str, level: sympy.Symbol) -> sympy.Expr:
    """Return S = ln(phi / lambda)."""
    return sympy.log(EXPRESSIONS[member].subs(X, level) / level)


def ratio(member: str) -> sympy.Expr:
    """Return phi_t / phi_s."""
    return EXPRESSIONS[member].subs(X, T) / EXPRESSIONS[member].subs(X, S)


@pytest.mark.parametrize("member", MEMBERS)
@SOME
@given(data=st.data())
def test_scalars_of_a_step_equal_their_symbolic_expressions(member, data):
    """Assert it for S_s - S_t, ratio, FEI, noise variance, tau^2 and the clock; a 1e-12 error would be noticed."""
    start, end = data.draw(steps(member))
    phi, at = NoiseScale.from_name(member), {"lambda_s": start, "lambda_t": end}
    gap = exact(log_excess(member, S) - log_excess(member, T), **at)
    grid = TimeGrid([start, end])
    table = schemes.er_sde(grid, phi, 1)
    values = {
        "difference": (phi.log_excess_difference(start, end), gap),
        "ratio": (table.previous[1], exact(ratio(member), **at)),
        "fei": (phi.fei(start, end), exact(1 - ratio(member), **at)),
        "data weight": (table.data[1, 0], exact(1 - ratio(member), **at)),
        "variance": (phi.noise_variance(start, end), exact(T**2 - S**2 * ratio(member) ** 2, **at)),
        "noise": (table.noise[1, 0], mpmath.sqrt(exact(T**2 - S**2 * ratio(member) ** 2, **at))),
        "tau squared": (phi.tau_squared(start), exact(kappa_of(EXPRESSIONS[member]) - 1, **{"lambda": start})),
        "log step": (log_ratio(np.array(start), np.array(end)), exact(sympy.log(S / T), **at)),
    }
    wrong = [name for name, (found, expected) in values.items() if not agrees(found, expected)]
    assert wrong == []
    assert not agrees(float(values["fei"][0]) * (1.0 + 1e-12), values["fei"][1])


@pytest.mark.parametrize("member", MEMBERS)
@SOME
@given(data=st.data())
def test_log_excess_and_clock_equal_their_symbolic_expressions(member, data):
    """Assert it up to the constant factor of phi (S may cross 0, so it is judged on the scale of 1)."""
    level, _ = data.draw(steps(member))
    phi = NoiseScale.from_name(member)
    value = exact(log_excess(member, X), **{"lambda": level})
    assert agrees(phi.log_excess(level), value, scale=1.0)
    assert agrees(
        phi.clock(level), mpmath.exp(-2 * value), tolerance=20 * RELATIVE if member == "exp_power" else RELATIVE
    )


@pytest.mark.parametrize("member", MEMBERS)
@FEW
@given(data=st.data())
def test_moments_equal_their_symbolic_integrals(member, data):
    """Assert that G_1, G_2 and G_3 equal phi_t int phi' / phi^2 (u - lambda_s)^n du by quadrature at 50 digits."""
    start, end = data.draw(steps(member))
    phi = EXPRESSIONS[member]
    weight = compiled(sympy.diff(phi, X) / phi**2, (X,))
    value = compiled(phi, (X,))
    found = moments(NoiseScale.from_name(member), start, end, 3)
    with mpmath.workdps(DIGITS + 10):
        s, t = mpmath.mpf(start), mpmath.mpf(end)
        panels = mpmath.linspace(0, mpmath.log(s / t), 2 + int(2 * mpmath.log(s / t)))
        for n in (1, 2, 3):

            def integrand(ell, n=n):
                u = s * mpmath.exp(-ell)
                return value(t) * weight(u) * (s * mpmath.expm1(-ell)) ** n * u

            expected = mpmath.quad(integrand, panels, method="gauss-legendre", maxdegree=5)
            assert agrees(found[n], expected)


@pytest.mark.parametrize("member", ["ode", "reverse_sde", "power(2.5)"])
@FEW
@given(data=st.data())
def test_weights_of_multistep_steps_equal_the_integrated_polynomials(member, data):
    """Assert that data weights of solver 2, 3 and Adams-2, -3, -4 integrate the derived interpolation polynomials.

    Weights of a step alternate in sign; each is judged on the scale of their largest.
    """
    ratios = data.draw(st.lists(st.floats(1.02, 1.6), min_size=4, max_size=4))
    levels = [float(v) for v in data.draw(st.floats(0.01, 50.0)) * np.cumprod([1.0, *ratios])][::-1]
    grid, scale = TimeGrid(levels), NoiseScale.from_name(member)
    p = sympy.nsimplify(scale.power_exponent)
    nodes = [sympy.Rational(v) for v in levels[-2::-1]]
    start, end, u = nodes[0], sympy.Rational(levels[-1]), sym.u
    for rule, order, build in (
        (published, 2, schemes.er_sde),
        (published, 3, schemes.er_sde),
        (lagrange, 2, schemes.exponential_adams),
        (lagrange, 3, schemes.exponential_adams),
        (lagrange, 4, schemes.exponential_adams),
    ):
        found = build(grid, scale, order).data[-1]
        expected = []
        for j in range(order):
            unit = [sympy.Integer(int(i == j)) for i in range(order)]
            polynomial = sympy.Poly(rule(unit, nodes[:order], u), u)
            expected.append(sum(c * power_integral(p, int(i), start, end) for (i,), c in polynomial.terms()))
        largest = max(abs(float(value)) for value in expected)
        for weight, value in zip(found, expected, strict=True):
            assert agrees(weight, mpmath.mpf(str(sympy.N(value, DIGITS))), scale=largest)


def power_integral(p: sympy.Rational, n: int, start: sympy.Rational, end: sympy.Rational) -> sympy.Expr:
    """Return phi_t times the integral of phi' / phi^2 u^n for phi = x^p, in closed form."""
    exponent = n - p
    inner = sympy.log(start / end) if exponent == 0 else (start**exponent - end**exponent) / exponent
    return end**p * p * inner


@SOME
@given(nodes=st.lists(st.floats(0.1, 10.0), min_size=3, max_size=3, unique=True), order=st.integers(1, 3))
def test_divided_differences_and_newton_moments_equal_their_definitions(nodes, order):
    """Assert it by exact rational arithmetic."""
    nodes = np.sort(np.asarray(nodes)) + np.arange(3) * 0.5
    found = divided_difference_weights(nodes[:order])
    rational = [sympy.Rational(float(v)) for v in nodes]
    for m in range(order):
        for j in range(m + 1):
            expected = sympy.sympify(sympy.prod([1 / (rational[j] - rational[i]) for i in range(m + 1) if i != j]))
            assert agrees(found[m, j], mpmath.mpf(int(expected.p)) / int(expected.q))
    power_moments = np.array([1.0, -0.5, 0.3])[:order]
    u = sym.u
    for m, value in enumerate(newton_moments(power_moments, nodes[:order])):
        about = sympy.Poly(sympy.expand(sympy.prod([u + rational[0] - rational[i] for i in range(m)])), u)
        total = sum(c * sympy.Rational(float(power_moments[int(i)])) for (i,), c in about.terms())
        assert agrees(value, mpmath.mpf(int(total.p)) / int(total.q), scale=0.1)


@SOME
@given(data=st.data(), eta=st.floats(1e-3, 1.0))
def test_coefficients_of_ddim_ddpm_and_euler_maruyama_equal_their_expressions(data, eta):
    """Assert it for state, data and noise of one step, DDIM at any eta."""
    start, end = data.draw(steps())
    grid, at = TimeGrid([start, end]), {"lambda_s": start, "lambda_t": end, "eta": eta}
    vp = ForwardProcess.vp_linear()
    q = T / S
    c2 = sym.eta**2 * T**2 * (1 - q**2)
    kept = sympy.sqrt(T**2 - c2) / S
    expected = {
        "ddim": (schemes.ddim(grid, eta), kept, 1 - kept, sympy.sqrt(c2)),
        "ddpm": (schemes.ddpm_ancestral(grid), q**2, 1 - q**2, T * sympy.sqrt(1 - q**2)),
        "ddpm forward": (
            schemes.ddpm_ancestral(grid, variance="forward", process=vp),
            q**2,
            1 - q**2,
            sympy.sqrt((1 + T**2) / (1 + S**2) * (S**2 - T**2)),
        ),
        "euler": (
            schemes.euler_maruyama(grid, NoiseScale.reverse_sde()),
            1 - 2 * (S - T) / S,
            2 * (S - T) / S,
            sympy.sqrt(2 * S * (S - T)),
        ),
    }
    for table, state, weight, noise in expected.values():
        assert agrees(table.previous[1], exact(state, **at), scale=1.0 if table.name.startswith("euler") else 0.0)
        assert agrees(table.data[1, 0], exact(weight, **at))
        assert agrees(table.noise[1, 0], exact(noise, **at))


@FEW
@given(data=st.data())
def test_released_moments_equal_their_riemann_sums(data):
    """Assert it for phi = x^2 on the scale h^n of their terms, which cancel, and the rounding of 100 nodes."""
    start, end = data.draw(steps())
    size = start - end
    found = riemann_moments(NoiseScale.reverse_sde(), np.array(start), np.array(end), 2)
    with mpmath.workdps(DIGITS):
        s, t = mpmath.mpf(start), mpmath.mpf(end)
        for n in (1, 2):
            inner = [t + mpmath.mpf(j) / 100 * (s - t) for j in range(100)]
            total = sum((t / u) ** 2 * (u - s) ** (n - 1) for u in inner) * (s - t) / 100
            assert agrees(found[n], (t - s) ** n + n * total, scale=size**n * max(1.0, 4e-3 * start / size))


_time, _lam = sym.t, sym.lam
_B = _time * (sympy.Rational(1, 10) + sympy.Rational(199, 20) * _time)
_rate = sympy.pi / 2 / (1 + sympy.Rational(8, 1000))
_cosine = sympy.cos(_rate * (_time + sympy.Rational(8, 1000))) / sympy.cos(_rate * sympy.Rational(8, 1000))
PROCESSES: dict[str, tuple[sympy.Expr, sympy.Expr]] = {
    "vp_linear": (sympy.exp(-_B / 2), sympy.sqrt(1 - sympy.exp(-_B))),
    "vp_cosine": (_cosine, sympy.sqrt(1 - _cosine**2)),
    "sub_vp": (sympy.exp(-_B / 2), 1 - sympy.exp(-_B)),
    "ve": (sympy.Integer(1), 5000**_time / 100),
    "edm": (sympy.Integer(1), _time),
    "rectified_flow": (1 - _time, _time),
}
AT_LEVEL = {
    "vp_linear": 1 / sympy.sqrt(1 + _lam**2),
    "vp_cosine": 1 / sympy.sqrt(1 + _lam**2),
    "sub_vp": (sympy.sqrt(_lam**2 + 4) - _lam) / 2,
    "ve": sympy.Integer(1),
    "edm": sympy.Integer(1),
    "rectified_flow": 1 / (1 + _lam),
}


@pytest.mark.parametrize("name", PROCESSES)
@SOME
@given(t=st.floats(1e-3, 0.99))
def test_processes_equal_their_symbolic_expressions(name, t):
    """Assert it for alpha, sigma, lambda, drift, diffusion, and for alpha, sigma and t as functions of the level."""
    alpha, sigma = PROCESSES[name]
    process = ForwardProcess.from_name(name)
    f = sympy.diff(sympy.log(alpha), _time)
    level = float(process.noise_level(t))
    expected = {
        "alpha": (process.alpha(t), exact(alpha, t=t)),
        "sigma": (process.sigma(t), exact(sigma, t=t)),
        "noise_level": (level, exact(sigma / alpha, t=t)),
        "drift": (process.drift(t), exact(f, t=t)),
        "diffusion": (process.diffusion_squared(t), exact(sympy.diff(sigma**2, _time) - 2 * f * sigma**2, t=t)),
        "alpha at level": (process.alpha_at_level(level), exact(AT_LEVEL[name], **{"lambda": level})),
        "sigma at level": (process.sigma_at_level(level), exact(_lam * AT_LEVEL[name], **{"lambda": level})),
    }
    wrong = [key for key, (found, value) in expected.items() if not agrees(found, value)]
    assert wrong == []
    back = float(process.time(level))
    assert agrees(level, exact(sigma / alpha, t=back), tolerance=conditioning(name, t))


def conditioning(name: str, t: float) -> float:
    """Return the tolerance of lambda(t(lambda)): a rounding of t is multiplied by t lambda' / lambda."""
    alpha, sigma = PROCESSES[name]
    slope = _time * sympy.diff(sympy.log(sigma / alpha), _time)
    return RELATIVE * max(1.0, float(exact(slope, t=t)))
