"""Whether SDE solvers beat ODE solvers in law, with an exact score."""

from __future__ import annotations

import numpy as np

from analytic import handwritten_digits
from ersde_theory import schemes
from ersde_theory.claims._broken import louder
from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.records import LabelledArray, Record
from ersde_theory.tableau import Tableau
from ersde_theory.time_grid import TimeGrid

_STEPS = (10, 20, 30, 50, 75, 100, 200)
_JUDGED = (50, 100)
_MEMBERS = ("ode", "exp_power", "reverse_sde")
_BANDWIDTH = 0.1


def _tableau(member: str, n_steps: int) -> Tableau:
    """Return Adams-3 on the grid of the digits run."""
    return schemes.exponential_adams(TimeGrid.karras(n_steps, 80.0, 0.002), NoiseScale.from_name(member), 3)


def _distances(noise_factor: float = 1.0) -> np.ndarray:
    """Return the exact W2, relative to the data's size, for each phi and number of steps."""
    variances = np.linalg.eigvalsh(np.cov(handwritten_digits().pixels.T)).clip(min=0.0) + _BANDWIDTH**2
    distances = np.empty((len(_MEMBERS), len(_STEPS)))
    for m, member in enumerate(_MEMBERS):
        for k, n_steps in enumerate(_STEPS):
            tab = louder(_tableau(member, n_steps), noise_factor - 1.0)
            per_coordinate = wasserstein2(tab, 0.0, variances)
            distances[m, k] = np.linalg.norm(per_coordinate) / np.sqrt(variances.sum())
    return distances


def _verdict(distances: np.ndarray) -> Verdict:
    """Return what the judged step counts say of `some SDE is ahead`."""
    columns = [_STEPS.index(n) for n in _JUDGED]
    wins = (distances[1:, columns] < distances[0, columns]).any(axis=0)
    if wins.all():
        return Verdict.CONFIRMED
    return Verdict.QUALIFIED if wins.any() else Verdict.REFUTED


def _examine(context: Context) -> Finding:
    distances = _distances()
    context.advance(0.5)
    loud = _verdict(_distances(1.01))
    verdict = _verdict(distances)
    evidence = []
    for n_steps in _JUDGED:
        k = _STEPS.index(n_steps)
        for m, member in enumerate(_MEMBERS[1:], start=1):
            ratio = float(distances[m, k] / distances[0, k])
            label = f"{n_steps} steps: exact W2 of Adams-3, {member} over ode"
            evidence.append(Evidence(label, ratio, 0.0, "< 1 where the SDE is ahead", ratio < 1.0))
    record = Record(
        "sde-quality-law",
        {"spectrum": "covariance of the digits", "bandwidth": _BANDWIDTH, "scheme": "Adams-3"},
        {
            "steps": LabelledArray(("steps",), np.array(_STEPS)),
            "noise_scale": LabelledArray(("noise_scale",), np.array(_MEMBERS)),
            "distance": LabelledArray(("noise_scale", "steps"), distances),
        },
        (CLAIM.id,),
    )
    twin = Twin("noise off by 1 %", float(loud != verdict), loud != verdict)
    return Finding(verdict, tuple(evidence), (twin,), (record,))


CLAIM = Claim(
    id="sde-quality-law",
    statement="With many steps SDE solvers beat ODE solvers (here: in law, exact score, Gaussian data).",
    source="abstract v3",
    formula=r"W_2\left(\mathrm{law}(Y_N),\; N(m, v + \lambda_N^2)\right)",
    criterion="exact W2 of Adams-3 on Gaussian data with the covariance of the digits; confirmed iff at 50 and at 100 "
    "steps some stochastic φ (exp_power, reverse_sde) is closer than the ODE, refuted iff at neither, else qualified",
    stated=Verdict.QUALIFIED,
    explanation="The reverse SDE is far behind. exp_power, which is almost an ODE at low noise, is ahead of the ODE at "
    "50 steps and behind at 100, where its weak order 2 tells against the ODE's order 3. With an exact score it is "
    "a matter of constants, not of noise healing errors.",
    examine=_examine,
)
