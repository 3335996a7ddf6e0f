"""The weights of every prediction type give x_0 back from the definition of its target."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ersde_theory.models import Prediction

EPS = 2.0**-52
TINY = 1e-300  # below it products lose digits
NUMBERS = st.floats(-4.0, 4.0)
POSITIVE = st.floats(1e-3, 1e3)

TARGETS = {
    "x0": lambda x0, *_: x0,
    "epsilon": lambda _, eps, *__: eps,
    "v": lambda x0, eps, a, s: a * eps - s * x0,
    "score": lambda _, eps, __, s: -eps / s,
    "flow": lambda x0, eps, *_: eps - x0,
}


@pytest.mark.parametrize("name", TARGETS)
@given(x0=NUMBERS, eps=NUMBERS, alpha=POSITIVE, sigma=POSITIVE)
def test_target_gives_the_datum_back(name, x0, eps, alpha, sigma):
    """Assert w_x x + w_F F = x_0 for any alpha and sigma, to the round-off of what is combined."""
    x, output = alpha * x0 + sigma * eps, TARGETS[name](x0, eps, alpha, sigma)
    w_state, w_output = Prediction.from_name(name).weights(alpha, sigma)
    size = abs(w_state) * (alpha * abs(x0) + sigma * abs(eps)) + abs(w_output * output)
    # v is itself a difference of numbers that may be larger than it
    size += abs(w_output) * (alpha * abs(eps) + sigma * abs(x0)) if name == "v" else 0.0
    assert abs(w_state * x + w_output * output - x0) <= 8.0 * EPS * (size + abs(x0)) + TINY
    negated = Prediction.from_name(name).negated().weights(alpha, sigma)
    assert negated == (w_state, -w_output)


@given(x0=NUMBERS, eps=NUMBERS, sigma=POSITIVE, scale=POSITIVE)
def test_edm_target_gives_the_datum_back(x0, eps, sigma, scale):
    """Assert that EDM's training target, (x_0 - c_skip x) / c_out, comes back as x_0."""
    total = sigma**2 + scale**2
    c_skip, c_out = scale**2 / total, sigma * scale / math.sqrt(total)
    x = x0 + sigma * eps
    w_state, w_output = Prediction.edm(scale).weights(1.0, sigma)
    size = abs(c_skip * x) + abs(x0) + c_skip * sigma * abs(eps)
    assert abs(w_state * x + w_output * (x0 - c_skip * x) / c_out - x0) <= 32.0 * EPS * size + TINY


def test_wrong_weights_do_not_give_the_datum_back():
    """Assert that the weights of any other type fail the same comparison."""
    x0, eps, alpha, sigma = 0.7, -1.3, 0.6, 0.8
    x = alpha * x0 + sigma * eps
    for name, target in TARGETS.items():
        for other in TARGETS.keys() - {name}:
            w_state, w_output = Prediction.from_name(other).weights(alpha, sigma)
            assert abs(w_state * x + w_output * target(x0, eps, alpha, sigma) - x0) > 0.01
