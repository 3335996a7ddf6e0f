"""Which noise scale functions are admissible, and where."""

from __future__ import annotations

import math
from typing import Any

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.noise_scale import NoiseScale, NotAdmissible

_ROOT_TOLERANCE = 1e-9


def _excess_rates(log_power_exponent: str = "9/10") -> dict[str, Any]:
    """Return tau^2(x) = x phi'/phi - 1 of each member, in SymPy, with x > 0."""
    import sympy

    x = sympy.Symbol("x", positive=True)
    half = sympy.Rational(3, 2)
    members = {
        "ode": x,
        "reverse_sde": x**2,
        "exp_reciprocal": x * (sympy.exp(-1 / x) + 10),
        "power(1.5)": x**half,
        "power(2.5)": x ** sympy.Rational(5, 2),
        "log_power": x ** sympy.Rational(log_power_exponent) * sympy.log(1 + 100 * x**half, 10),
        "exp_power": x * (sympy.exp(x ** sympy.Rational(3, 10)) + 10),
    }
    return {name: sympy.simplify(x * sympy.diff(phi, x) / phi - 1) for name, phi in members.items()}


def _falls() -> bool:
    """Return whether w/((1+w) ln(1+w)), the moving part of log_power's tau^2, is proved to fall for w > 0.

    Its derivative has the sign of ln(1+w) - w, which is 0 at 0 and falls.
    """
    import sympy

    w = sympy.Symbol("w", positive=True)
    log = sympy.log(1 + w)
    derivative = sympy.diff(w / ((1 + w) * log), w)
    same = sympy.simplify(derivative - (log - w) / ((1 + w) ** 2 * log**2)) == 0
    gap = log - w
    return bool(same and gap.subs(w, 0) == 0 and sympy.simplify(sympy.diff(gap, w)).is_negative)


def _log_power_root(factor: int = 100) -> tuple[float, float]:
    """Return where tau^2 of log_power vanishes, and the half-width of an interval proved to hold the root."""
    import mpmath

    def tau_squared(x: float) -> Any:
        level = mpmath.iv.mpf(x)
        w = factor * level * mpmath.iv.sqrt(level)
        return mpmath.iv.mpf("-0.1") + mpmath.iv.mpf("1.5") * w / ((1 + w) * mpmath.iv.log(1 + w))

    low, high = 1.0, 1e6
    if not (tau_squared(low).a > 0 and tau_squared(high).b < 0):
        return math.nan, math.inf
    for _ in range(60):
        middle = 0.5 * (low + high)
        value = tau_squared(middle)
        if value.a > 0:
            low = middle
        elif value.b < 0:
            high = middle
        else:
            break
    return 0.5 * (low + high), 0.5 * (high - low)


def _judge(rates: dict[str, Any], root: float, half_width: float) -> tuple[Verdict, int, float]:
    """Return the verdict, how many members are proved, and our tau^2 of log_power at the root."""
    proved = {name for name, rate in rates.items() if rate.is_nonnegative}
    if proved == set(rates):
        return Verdict.CONFIRMED, len(proved), math.nan
    at_root = abs(float(NoiseScale.log_power().tau_squared(root)))
    one_root = _falls() and math.isfinite(half_width) and at_root <= _ROOT_TOLERANCE
    holds = proved == set(rates) - {"log_power"} and one_root
    return Verdict.QUALIFIED if holds else Verdict.REFUTED, len(proved), at_root


def _examine(context: Context) -> Finding:
    rates = _excess_rates()
    root, half_width = _log_power_root()
    verdict, proved, at_root = _judge(rates, root, half_width)
    context.advance(0.5)
    refused = _refuses(NoiseScale.log_power(), [1.01 * root, 1e-4])
    accepted = not _refuses(NoiseScale.log_power(), [0.99 * root, 1e-4])
    evidence = (
        Evidence("log_power: τ² changes sign once, at x", root, half_width, "interval arithmetic", half_width < 1e-6),
        Evidence("members with τ² >= 0 for every x > 0 by symbolic sign, of 7", float(proved), 0.0, "= 6", proved == 6),
        Evidence(
            "our τ² of log_power at that root", at_root, 0.0, f"<= {_ROOT_TOLERANCE:g}", at_root <= _ROOT_TOLERANCE
        ),
        Evidence(
            "grids 1 % above the root refused, below accepted",
            float(refused and accepted),
            0.0,
            "= 1",
            refused and accepted,
        ),
    )
    if not (refused and accepted):
        verdict = Verdict.REFUTED
    other_phi = _judge(_excess_rates("11/10"), root, half_width)[0]
    other_root = _judge(rates, *_log_power_root(10))[0]
    twins = (
        Twin("x^1.1 for x^0.9 in log_power", float(other_phi != verdict), other_phi != verdict),
        Twin("10 for 100 in log_power: the root is elsewhere", float(other_root != verdict), other_root != verdict),
    )
    return Finding(verdict, evidence, twins)


def _refuses(scale: NoiseScale, levels: list[float]) -> bool:
    """Return whether phi is refused on these levels."""
    try:
        scale.check_admissible(levels)
    except NotAdmissible:
        return True
    return False


CLAIM = Claim(
    id="admissible",
    statement="The noise is real iff φ/λ is non-decreasing; all seven functions of the release qualify.",
    source="release code",
    formula=r"\lambda_t^2 - \lambda_s^2\frac{\varphi_t^2}{\varphi_s^2} \ge 0 \iff S(\lambda_s) \ge S(\lambda_t),"
    r" \qquad S = \ln(\varphi/\lambda)",
    criterion="confirmed iff τ² = λS′ >= 0 for all x > 0 and all seven; qualified iff that holds for six, "
    "log_power's τ² falls monotonically through one enclosed root, and the grid check agrees; refuted otherwise",
    stated=Verdict.QUALIFIED,
    explanation="log_power (type 6) is inadmissible above the root: on grids that start higher its noise "
    "variance is negative. Usual image grids start at 80 and are safe; some video and latent grids are not.",
    examine=_examine,
    derivations=("admissibility",),
)
