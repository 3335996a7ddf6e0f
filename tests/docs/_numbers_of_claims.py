"""Numbers of README, CHANGELOG, figures and notebooks that Records do not have but code gives in a second."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq

from ersde_theory import NoiseScale, TimeGrid, schemes
from ersde_theory.catalogue import scheme
from ersde_theory.claims import _imperfect_score
from ersde_theory.exact_gaussian import wasserstein2
from ersde_theory.laboratory import measure
from tests.docs._numbers import Page, Sentence, Table, record


@functools.cache
def end_of_log_power() -> float:
    """Return the level above which τ² of φ = log_power is negative."""
    phi = NoiseScale.log_power()
    return float(brentq(lambda level: float(phi.tau_squared(level)), 100.0, 1e4))


def distances(names: tuple[str, ...], steps: tuple[int, ...], error: float) -> np.ndarray:
    """Return W2 on Gaussian data with the covariance of the digits (φ, steps), with a score that is off by a share."""
    grids, spectrum = [TimeGrid.karras(n, *_imperfect_score._LEVELS) for n in steps], _imperfect_score._variances()
    return np.array(
        [
            [
                np.linalg.norm(wasserstein2(tab, 0.0, spectrum, score_error=lambda level: np.full_like(level, error)))
                for tab in (schemes.exponential_adams(grid, NoiseScale.from_name(name), 3) for grid in grids)
            ]
            for name in names
        ]
    )


@functools.cache
def steps_of_exp_power() -> tuple[int, int]:
    """Return at which of 50 and 100 steps φ = exp_power is ahead of the ODE in law with an exact score, and behind."""
    steps = (50, 100)
    ode, noisy = distances(("ode", "exp_power"), steps, 0.0)
    (ahead,), (behind,) = (np.flatnonzero(found) for found in (noisy < ode, noisy > ode))
    return steps[ahead], steps[behind]


def readme() -> Iterator[Sentence]:
    """Give the numbers of README.md."""
    found = record("headline-orders")
    exact = (found["scheme"] == "er_sde-3") & (found["panel"] == "ode") & (found["quantity"] == "variance")
    numbers = found["order"][exact][0], found["half_width"][exact][0]
    yield "ersde order er_sde-3 --kind ode # {:.2f} ± {:.2f}, not the 3 of its authors", *numbers
    yield "`log_power` only below a level of about {:.0f}", end_of_log_power()
    yield "`exp_power` is ahead of the ODE at {} steps, behind at {}", *steps_of_exp_power()
    proofs, mutants = record("derivations"), record("mutants")
    yield (
        "{} derivations with {} steps, each an equation that a machine checks: all {} are proved",
        *(proofs["derivation"].size, sum(proofs[key].sum() for key in ("proved", "verified_numerically", "fails"))),
        proofs["proved"].sum(),
    )
    yield "all {} steps with one thing wrong are refuted", mutants["caught"].sum()


def changelog() -> Iterator[Sentence]:
    """Give the counts of CHANGELOG.md."""
    mutants = record("mutants")
    caught = mutants["caught"].sum()
    yield "{} of {} mutated steps", caught, caught + mutants["missed"].sum()


def notation() -> Iterator[Sentence]:
    """Give where a noise scale of the release ends."""
    yield "inadmissible above about {:.0f}", end_of_log_power()


def notebook_of_noise_scales() -> Iterator[Sentence]:
    """Give the same of notebook 4."""
    yield "fails above {:.0f})", end_of_log_power()


def notebook_of_solvers() -> Iterator[Sentence]:
    """Give how far the Riemann sum of the release is off in the table of notebook 5."""
    grid, phi = TimeGrid.karras(6, 80.0, 0.002), NoiseScale.exp_power()
    published, released = (schemes.er_sde(grid, phi, 3, variant=name) for name in ("published", "released"))
    off = np.abs(released.data[2, 1] / published.data[2, 1] - 1.0)
    yield "Riemann sum shows from the second step on, by {:.1f} %", 100.0 * off


def notebook_of_orders() -> Iterator[Sentence]:
    """Give which orders in law notebook 6 shows."""
    found = measure("er_sde-2", "reverse_sde", "overlapping", "law", steps=(20, 40, 80, 160)).verdicts
    said = [verdict.reason for verdict in found if verdict.outcome.value == "undecided"]
    turned = sum("(1 before a sign change" in reason for reason in said)
    assert len(said) - turned == sum("drift" in reason for reason in said) == 1
    yield "Of the {} orders {} are measured as 2", len(found), len(found) - len(said)
    yield "total variation still drifts, {} change sign on the way", turned


def notebook_of_imperfect_scores() -> Iterator[Sentence]:
    """Give what notebook 8 says of the exact score."""
    yield "is ahead of the ODE at {} steps and behind at {}; the reverse SDE is far behind", *steps_of_exp_power()


def figures() -> Iterator[Sentence]:
    """Give where curves cross, and where the shipped networks win, as paper_figures/README.md says."""
    steps = (5, 7, 10, 14, 20)
    found = [distances(_imperfect_score._MEMBERS, steps, error) for error in _imperfect_score._ERRORS[1:]]
    below = np.array([(rows[1:] < rows[0]).argmax(axis=1) for rows in found])
    yield "pass below the ODE's at {} to {} evaluations", steps[below.min()], steps[below.max()]
    weak = record("study-weak-order-mixture")
    error = np.abs(weak["value"])
    seen = (error > 3.0 * weak["standard_error"])[:, :, 1:]  # the coarser of two is the larger
    slope = np.where(seen, np.log2(error[:, :, :-1] / error[:, :, 1:]), np.nan)
    slow = np.array([scheme(name).orders.weak == 1.0 for name in weak["scheme"].tolist()])
    yield "about {:.1f} is the order seen of the first-order ones", np.nanmedian(slope[slow])
    card = record("digits-networks")
    ahead = (card["error"] < card["trivial_error"].min(axis=0)).all(axis=0)
    levels = card["noise_level"][ahead & (card["noise_level"] > 0.015)]
    yield "Between λ = {:.2f} and {:.0f} the shipped networks", levels[0], levels[-1]
    yield "above {:.0f} an affine denoiser is better", card["noise_level"][card["noise_level"] > levels[-1]][0]


PAGES: dict[str, Page] = {
    "README.md": readme,
    "CHANGELOG.md": changelog,
    "docs/notation.md": notation,
    "notebooks/04_noise_scales.ipynb": notebook_of_noise_scales,
    "notebooks/05_solvers.ipynb": notebook_of_solvers,
    "notebooks/06_orders.ipynb": notebook_of_orders,
    "notebooks/08_imperfect_scores.ipynb": notebook_of_imperfect_scores,
    "paper_figures/README.md": figures,
}
TABLES: dict[str, Table] = {}
