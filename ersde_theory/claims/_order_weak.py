"""The weak order of the solvers with noise."""

from __future__ import annotations

from ersde_theory.claims._broken import louder, swapped_history
from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.claims._derived import of_variance, wrong_constants
from ersde_theory.claims._ladders import (
    BUILDERS,
    ORDER_TOLERANCE,
    Build,
    finest_fit,
    ladder_record,
    variance_errors,
    variance_errors_of,
)
from ersde_theory.noise_scale import NoiseScale

_EXPECTED = {"published-1": 1, "published-2": 2, "published-3": 2, "adams-3": 2, "adams-4": 2}
_MEMBERS = ("exp_power", "reverse_sde", "power(1.5)", "power(2.5)", "exp_reciprocal", "log_power")
# finer than for the ODE: where tau^2 is small a third-order part fades slowly beside the second-order one
WEAK_LADDER = (160, 320, 640, 1280, 2560)


def _last_slope(build: Build, member: str) -> float:
    errors = variance_errors(build, NoiseScale.from_name(member), WEAK_LADDER)
    return finest_fit(errors, WEAK_LADDER).last_slope


def _examine(context: Context) -> Finding:
    ladders, evidence = {}, []
    phis = [NoiseScale.from_name(member) for member in _MEMBERS]
    for done, (name, expected) in enumerate(_EXPECTED.items()):
        of_phis = variance_errors_of(BUILDERS[name], phis, WEAK_LADDER)
        for member, errors in zip(_MEMBERS, of_phis, strict=True):
            if member in ("exp_power", "reverse_sde"):
                ladders[f"{name}, {member}"] = errors
            fit = finest_fit(errors, WEAK_LADDER)
            evidence.append(
                Evidence(
                    f"{name}, {member}: order of the variance",
                    fit.last_slope,
                    fit.bend,
                    f"claimed {name[-1]}; {expected} ± {ORDER_TOLERANCE} expected",
                    abs(fit.last_slope - expected) <= ORDER_TOLERANCE,
                )
            )
        context.advance((done + 1) / (len(_EXPECTED) + 1))
    broken = {
        "published-2, noise off by 1 %": _last_slope(lambda g, p: louder(BUILDERS["published-2"](g, p)), "reverse_sde"),
        "published-2, history swapped": _last_slope(
            lambda g, p: swapped_history(BUILDERS["published-2"](g, p)), "exp_power"
        ),
        "released-2 (Riemann sum, clip)": _last_slope(BUILDERS["released-2"], "reverse_sde"),
    }
    constants = [
        of_variance(name, member, WEAK_LADDER[-1], ladders[f"{name}, {member}"][-1])
        for name in ("published-1", "published-2", "published-3")
        for member in ("exp_power", "reverse_sde")
    ]
    constants.append(
        of_variance("adams-4", "reverse_sde", WEAK_LADDER[-1], ladders["adams-4, reverse_sde"][-1], "graded")
    )
    evidence += constants
    twins = (
        *(Twin(name, slope, abs(slope - 2.0) > ORDER_TOLERANCE) for name, slope in broken.items()),
        wrong_constants(constants),
    )
    verdict = Verdict.QUALIFIED if all(e.holds for e in evidence) else Verdict.UNDECIDED
    evidence.sort(key=lambda e: not e.what.startswith("published-3, exp_power"))
    record = ladder_record("order-weak", CLAIM.id, ladders, WEAK_LADDER, "variance")
    return Finding(verdict, tuple(evidence), twins, (record,))


CLAIM = Claim(
    id="order-weak",
    statement="With noise, the law of ER-SDE-Solver-k's output converges with order k.",
    source="abstract v1, release README",
    formula=r"\left|\mathbb{E}f(Y_N) - \mathbb{E}f(X(\lambda_N))\right| = O(N^{-k})",
    criterion="qualified iff on Gaussian data (exact) k = 1 shows order 1, k = 2 order 2, and k = 3 as well as "
    "Adams-3 and -4 order 2, for six φ with noise, between 1280 and 2560 steps (at 1280 Adams-3 with exp_reciprocal, "
    "which has hardly any noise, still reads 2.13), and the errors at 2560 steps are those of the derived constants "
    "within 2 %; undecided otherwise",
    stated=Verdict.QUALIFIED,
    explanation="On Gaussian data it holds for k = 1 and 2 and stops there: with noise no multistep scheme of this "
    "kind has weak order above 2. (The mean alone still converges with the ODE order; the variance does not.) "
    "Gaussian data can only show more than the general order, so this refutes order 3; that 2 is reached is "
    "measured for them alone, and derived for every law under the conditions of the derivation weak-order-two.",
    examine=_examine,
    derivations=(
        "weak-order-two",
        "gaussian-error-identity",
        "gaussian-variance-densities",
        "no-weak-order-above-two",
    ),
    commands=(
        "ersde order er_sde-3 --noise-scale reverse_sde --kind weak --problem mixture",
        "ersde order er_sde-2 --noise-scale reverse_sde --kind law --problem overlapping",
    ),
)
