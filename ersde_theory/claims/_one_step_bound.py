"""Whether FEI governs the one-step error."""

from __future__ import annotations

import itertools

import numpy as np

from ersde_theory.claims._claim import Claim, Context, Evidence, Finding, Twin, Verdict
from ersde_theory.errors import one_step_error
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.time_grid import TimeGrid

_MEMBERS = ("ode", "power(1.5)", "reverse_sde", "exp_reciprocal", "log_power", "exp_power")
_VARIANCES = (0.01, 0.25, 4.0)
_STEPS = (20, 50)
_CLEARLY = 1.5


def _examine(context: Context) -> Finding:
    ratios, wrong_fei, against, against_mean, compared = [], [], 0, 0, 0
    cases = list(itertools.product(_STEPS, _VARIANCES))
    for done, (n, variance) in enumerate(cases):
        levels = TimeGrid.karras(n, 80.0, 0.002).levels
        steps = {
            name: one_step_error(NoiseScale.from_name(name), levels[:-1], levels[1:], variance) for name in _MEMBERS
        }
        ratios += [step.error / step.bound for step in steps.values()]
        wrong_fei.append(steps["reverse_sde"].error / (steps["ode"].fei * steps["reverse_sde"].surprise))
        for a, b in itertools.permutations(steps.values(), 2):
            larger = a.fei > _CLEARLY * b.fei
            compared += int(larger.sum())
            against += int((_CLEARLY * a.error < b.error)[larger].sum())
            against_mean += int((_CLEARLY * a.mean_error < b.mean_error)[larger].sum())
        context.advance((done + 1) / len(cases))
    ratio = np.concatenate(ratios)
    holds = bool(ratio.max() <= 1.0)
    eps = float(np.finfo(float).eps)
    of = f"of {compared} step pairs with FEI {_CLEARLY} times larger"
    evidence = (
        Evidence("largest error over bound", float(ratio.max()), 100 * eps, "<= 1", holds),
        Evidence("least error over bound", float(ratio.min()), 100 * eps, "how sharp", True),
        Evidence(f"smaller error of the mean, {of}", against_mean, 0.0, "> 0", against_mean > 0),
        Evidence(f"smaller error on the path, {of}", against, 0.0, "a count", True),
    )
    broken = float(np.concatenate(wrong_fei).max())
    twin = Twin("reverse SDE held against the FEI of the ODE", broken, broken > 1.0)
    if_bounded = Verdict.QUALIFIED if against_mean else Verdict.CONFIRMED
    verdict = if_bounded if holds else Verdict.REFUTED
    return Finding(verdict, evidence, (twin,))


CLAIM = Claim(
    id="one-step-bound",
    statement="The error of a first-order step is governed by FEI.",
    source="abstract v3",
    formula=r"|e| \le \mathrm{FEI}\cdot\sup_{u}\left|D(Y_u,u) - D(Y_s,s)\right|",
    criterion="refuted if the bound fails at any step; qualified iff it holds, but some step with a clearly larger "
    "FEI (1.5 times) has a clearly smaller error of its conditional mean; confirmed otherwise (Gaussian data, exact)",
    stated=Verdict.QUALIFIED,
    explanation="The bound holds and is sharp to a factor of about two, and on the path a larger FEI does go with "
    "a larger error. In law it misleads: for φ = x² the data prediction is a martingale and the step's mean is "
    "exact, although its FEI is among the largest.",
    examine=_examine,
    derivations=("one-step-bound", "fei-limits"),
)
