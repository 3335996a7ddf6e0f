"""The public release of ER-SDE-Solver, reproduced number by number from its recorded runs."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytic import GaussianMixture
from ersde_theory import ForwardProcess, NoiseScale, Tableau, TimeGrid, sample, schemes
from tests.numerics import _broken

VECTORS = Path(__file__).resolve().parents[1] / "data" / "released_er_sde.json"
TOLERANCE = 1e-10
VP = ForwardProcess.vp_linear()


@dataclass(frozen=True)
class Case:
    """One recorded run: its inputs, its noise and the final state that the release computed."""

    sde: str
    order: int
    noise_scale: int
    levels: np.ndarray
    alphas: np.ndarray
    law: GaussianMixture
    start: np.ndarray
    noise: np.ndarray
    final: np.ndarray

    def tableau(self, **changes: Any) -> Tableau:
        """Return the released scheme of the case, or with arguments changed."""
        arguments = {"order": self.order, "variant": "released", "number": self.noise_scale}
        arguments |= changes
        phi = NoiseScale.from_release_type(arguments.pop("number"))
        return schemes.er_sde(TimeGrid(self.levels), phi, **arguments)

    def error_in_y(self, tab: Tableau) -> float:
        """Return the largest deviation from the recorded result of a run in y = x/alpha."""
        y = sample(tab, self.law.denoise, self.start / self.alphas[0], self.noise)
        return float(np.abs(self.alphas[-1] * y - self.final).max())

    def error_in_x(self, tab: Tableau) -> float:
        """Return the largest deviation of a run in x of the variance-preserving process."""
        x = sample(tab.in_process(VP), self.law.denoise, self.start, self.noise)
        return float(np.abs(x - self.final).max())


@functools.cache
def cases() -> tuple[Case, ...]:
    """Return the recorded runs."""
    return tuple(
        Case(
            sde=c["sde"],
            order=c["order"],
            noise_scale=c["noise_scale"],
            levels=np.array(c["sigmas"]) / np.array(c["alphas"]),
            alphas=np.array(c["alphas"]),
            law=GaussianMixture(c["weights"], c["means"], c["variances"]),
            start=np.array(c["x_init"]),
            noise=np.array(c["noise"]),
            final=np.array(c["x_final"]),
        )
        for c in json.loads(VECTORS.read_text("utf-8"))["cases"]
    )


def label(case: Case) -> str:
    """Return a readable test id."""
    return f"{case.sde}-order{case.order}-type{case.noise_scale}"


each_case = pytest.mark.parametrize("case", cases(), ids=label)
multistep = [c for c in cases() if c.order >= 2]
stochastic = [c for c in cases() if c.noise_scale != 1]


def test_vectors_cover_both_processes_all_orders_and_all_types():
    """Assert that no recorded run went missing: 21 runs, VE ending at 0, VP not, seven phi."""
    assert len(cases()) == 21
    assert {(c.sde, c.order) for c in cases()} == {(s, k) for s in ("ve", "vp") for k in (1, 2, 3)}
    for sde in ("ve", "vp"):
        assert {c.noise_scale for c in cases() if c.sde == sde} == set(range(1, 8))
    assert all((c.levels[-1] == 0.0) == (c.sde == "ve") for c in cases())


@each_case
def test_released_er_sde_matches_the_public_release_when_run_in_y(case):
    """Assert that the final state agrees with the recorded one to 1e-10."""
    assert case.error_in_y(case.tableau()) < TOLERANCE


@pytest.mark.parametrize("case", [c for c in cases() if c.sde == "vp"], ids=label)
def test_released_er_sde_matches_the_public_release_when_run_in_x(case):
    """Assert the same for the tableau in the coordinates of a variance-preserving process."""
    tab = case.tableau().in_process(VP)
    np.testing.assert_allclose(tab.alpha, case.alphas, rtol=1e-13)
    assert case.error_in_x(case.tableau()) < TOLERANCE


@pytest.mark.parametrize("case", multistep, ids=label)
def test_published_er_sde_differs_from_the_release_as_a_broken_twin(case):
    """Assert that exact integrals instead of the Riemann sum are told apart."""
    assert case.error_in_y(case.tableau(variant="published")) > 1e5 * TOLERANCE


@each_case
def test_wrong_phi_is_caught_as_a_broken_twin(case):
    """Assert that the next type of phi does not pass."""
    assert case.error_in_y(case.tableau(number=case.noise_scale % 7 + 1)) > 1e5 * TOLERANCE


@pytest.mark.parametrize("case", multistep, ids=label)
@pytest.mark.parametrize("twin", [_broken.with_history_swapped, _broken.with_history_shifted])
def test_wrong_history_is_caught_as_a_broken_twin(case, twin):
    """Assert that exchanged weights and an evaluation one step too old do not pass."""
    assert case.error_in_y(twin(case.tableau())) > 1e5 * TOLERANCE


@each_case
@pytest.mark.parametrize("row", range(1, 9))
def test_coefficient_off_by_1e6_is_caught_as_a_broken_twin_in_every_row(case, row):
    """Assert that one data weight off by a relative 1e-6, in whatever row, does not pass."""
    assert case.error_in_y(_broken.with_coefficient_off(case.tableau(), row=row)) > TOLERANCE


@pytest.mark.parametrize("case", stochastic, ids=label)
def test_noise_off_by_one_percent_is_caught_as_a_broken_twin(case):
    """Assert that noise weights off by 1 % do not pass."""
    assert case.error_in_y(_broken.with_noise_off(case.tableau())) > 1e5 * TOLERANCE
