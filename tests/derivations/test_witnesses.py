"""Each derivation has a second witness that shares no code with it and finds the same numbers."""

from __future__ import annotations

import pytest

from ersde_theory import derivations
from tests.derivations import (
    _witnesses,
    _witnesses_of_areas,
    _witnesses_of_errors,
    test_predicted_errors,
    test_witnesses_of_errors,
)

NAMES = [item.name for item in derivations.all()]
TOLERANCE = 2e-7  # of numerical derivatives and of integrations with a relative tolerance of 1e-11
# Runs at finite numbers of steps, of which the leading term is compared.
WIDER = {"released-clip": 1e-5, "local-error-corrected": 1e-4, "gaussian-uniform-grid": 5e-3}
WITNESSES = {
    name: getattr(module, name.replace("-", "_"))
    for module in (_witnesses, _witnesses_of_areas, _witnesses_of_errors)
    for name in NAMES
    if hasattr(module, name.replace("-", "_"))
}
# Witnesses that are tests of their own, with a broken twin of their own.
TESTS = {
    "data-prediction-path": test_witnesses_of_errors.test_data_prediction_of_a_mixture_obeys_the_derived_equation,
    "local-error-adams": test_witnesses_of_errors.test_local_errors_have_the_derived_constants,
    "local-error-published": test_witnesses_of_errors.test_local_errors_have_the_derived_constants,
    "local-error-released": test_witnesses_of_errors.test_released_moments_have_the_derived_errors,
    "strong-order": test_predicted_errors.test_one_constant_gives_the_strong_error_of_every_scheme,
    "weak-order-two": test_witnesses_of_errors.test_weak_order_is_two_on_a_nonlinear_equation_for_two_evaluations,
    "gaussian-error-identity": test_predicted_errors.test_derived_constants_predict_the_variance_error,
    "gaussian-variance-densities": test_predicted_errors.test_derived_constants_predict_the_variance_error,
    "gaussian-mean-densities": test_predicted_errors.test_derived_constants_predict_the_mean_error,
    "no-weak-order-above-two": test_predicted_errors.test_no_order_passes_two_with_noise_in_the_exact_example,
    "reduction-dpm-solver-1": test_witnesses_of_errors.test_members_give_the_variance_of_solver_1,
    "reduction-sa-solver-1": test_witnesses_of_errors.test_members_give_the_variance_of_solver_1,
    "reduction-churn": test_witnesses_of_errors.test_churn_lowers_the_variance_by_the_derived_term,
    "reduction-dpm-solver-3m": test_witnesses_of_errors.test_third_order_multistep_needs_twice_the_coded_curvature,
}


def differs(value, expected, tolerance):
    """Return whether two numbers differ by more than the tolerance, relative to the expected one."""
    return abs(float(value) - float(expected)) > tolerance * abs(float(expected))


@pytest.mark.parametrize("name", WITNESSES)
def test_witness_agrees_with_the_statement_and_would_notice_a_small_change(name):
    """Assert that the numbers agree, and that a statement off by 1/1000, or by ten tolerances, would not."""
    tolerance = WIDER.get(name, TOLERANCE)
    pairs = WITNESSES[name]()
    assert pairs
    for value, expected in pairs:
        assert not differs(value, expected, tolerance), (value, expected)
        assert differs(value, expected * (1 + max(1e-3, 10 * tolerance)), tolerance)


def test_every_derivation_has_a_witness():
    """Assert that none is without, none has two entries, and no entry is about a derivation that is not there."""
    assert [name for name in NAMES if name not in WITNESSES and name not in TESTS] == []
    assert WITNESSES.keys().isdisjoint(TESTS)
    assert set(WIDER) <= set(WITNESSES)
    assert set(TESTS) <= set(NAMES)
