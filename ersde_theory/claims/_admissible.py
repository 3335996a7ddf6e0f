"""Which noise scale functions are admissible, and where."""

from __future__ import annotations

from typing import Any

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.noise_scale import NoiseScale, NotAdmissible


def _excess_rates() -> dict[str, Any]:
    """Return tau^2(x) = x phi'/phi - 1 of each member, in SymPy, with x > 0."""
    import sympy

    x = sympy.Symbol("x", positive=True)
    members = {
        "ode": x,
        "reverse_sde": x**2,
        "exp_reciprocal": x * (sympy.exp(-1 / x) + 10),
        "power(1.5)": x ** sympy.Rational(3, 2),
        "power(2.5)": x ** sympy.Rational(5, 2),
        "log_power": x ** sympy.Rational(9, 10) * sympy.log(1 + 100 * x ** sympy.Rational(3, 2), 10),
        "exp_power": x * (sympy.exp(x ** sympy.Rational(3, 10)) + 10),
    }
    return {name: sympy.simplify(x * sympy.diff(phi, x) / phi - 1) for name, phi in members.items()}


def _log_power_root() -> tuple[float, float]:
    """Return where tau^2 of log_power vanishes, and the half-width of an interval proved to hold the root."""
    import mpmath

    def tau_squared(x: Any) -> Any:
        w = 100 * x * mpmath.iv.sqrt(x)
        return mpmath.iv.mpf("-0.1") + mpmath.iv.mpf("1.5") * w / ((1 + w) * mpmath.iv.log(1 + w))

    low, high = 1000.0, 1100.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        value = tau_squared(mpmath.iv.mpf(middle))
        if value.a > 0:
            low = middle
        elif value.b < 0:
            high = middle
        else:
            break
    return 0.5 * (low + high), 0.5 * (high - low)


def _examine(context: Context) -> Finding:
    rates = _excess_rates()
    proved = [name for name, rate in rates.items() if rate.is_nonnegative]
    context.advance(0.4)
    root, half_width = _log_power_root()
    below = NoiseScale.log_power()
    below.check_admissible([root - 1.0, 1e-4])
    refused = _refuses(below, [root + 10.0, 1e-4])
    others = sorted(set(rates) - {"log_power"})
    all_others = sorted(set(proved) & set(others)) == others
    evidence = (
        Evidence(
            "members with τ² >= 0 for every x > 0 by symbolic sign, of 7", float(len(proved)), 0.0, "= 6", all_others
        ),
        Evidence("log_power: τ² falls below 0 above x", root, half_width, "one root, interval arithmetic", refused),
    )
    twin_power = _power_refused(0.9)
    twins = (
        Twin("φ = x^0.9 (noise variance negative)", float(twin_power), twin_power),
        Twin("log_power beyond its root", float(refused), refused),
    )
    if len(proved) == len(rates):
        verdict = Verdict.CONFIRMED
    else:
        verdict = Verdict.QUALIFIED if all_others and refused else Verdict.REFUTED
    return Finding(verdict, evidence, twins)


def _refuses(scale: NoiseScale, levels: list[float]) -> bool:
    """Return whether phi is refused on these levels."""
    try:
        scale.check_admissible(levels)
    except NotAdmissible:
        return True
    return False


def _power_refused(exponent: float) -> bool:
    """Return whether phi = x^p is refused."""
    try:
        NoiseScale.power(exponent)
    except NotAdmissible:
        return True
    return False


CLAIM = Claim(
    id="admissible",
    statement="The noise is real iff φ/λ is non-decreasing; all seven functions of the release qualify.",
    source="release code",
    formula=r"\lambda_t^2 - \lambda_s^2\frac{\varphi_t^2}{\varphi_s^2} \ge 0 \iff S(\lambda_s) \ge S(\lambda_t),"
    r" \qquad S = \ln(\varphi/\lambda)",
    criterion="confirmed iff τ² = λS′ >= 0 for all x > 0 and all seven; qualified iff that holds for six and "
    "log_power fails only above one root; refuted otherwise",
    stated=Verdict.QUALIFIED,
    explanation="log_power (type 6) is inadmissible above the root: on grids that start higher its noise "
    "variance is negative. Usual image grids start at 80 and are safe; some video and latent grids are not.",
    examine=_examine,
)
