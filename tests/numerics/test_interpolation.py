"""Weights of interpolation in a free variable: a 50-digit oracle, exactness on polynomials, and bad input."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ersde_theory import NoiseScale
from ersde_theory.interpolation import InterpolationVariable, interpolation_weights
from ersde_theory.quadrature import divided_difference_weights, moments, newton_moments
from tests.numerics._oracles import DIGITS, PHI, legendre_nodes

RELATIVE = 1e-13  # promised for each weight
VARIABLES: dict[str, Callable[[mp.mpf], mp.mpf]] = {
    "linear": lambda x: x,
    "log": mp.log,
    "rational(0.5)": lambda x: x / (mp.mpf("0.5") + x),
    "arctan(2)": lambda x: mp.atan(x / 2),
    "arctan(0.01)": lambda x: mp.atan(100 * x),
    "hypot(0.5)": lambda x: mp.sqrt(mp.mpf("0.25") + x * x),
}
STEPS = {
    "short": (1.0, 1.0 - 1e-8, (1.0, 1.0 + 1e-8, 1.0 + 3e-8)),
    "usual": (2.0, 1.1, (2.0, 3.5, 6.0, 11.0)),
    "corrector": (2.0, 1.1, (1.1, 2.0, 3.5)),
    "low": (0.004, 0.002, (0.004, 0.0071, 0.012)),
    "long corrector": (80.0, 0.002, (0.002, 80.0, 81.0)),
}
NAMES = ("ode", "reverse_sde", "power(2.5)", "exp_power", "exp_reciprocal")


def exact_weights(name: str, variable: str, start: float, end: float, nodes: tuple[float, ...]) -> list[mp.mpf]:
    """Return the weights from their definition, with phi's logarithmic derivative by numerical differentiation."""
    phi, v = PHI[name], VARIABLES[variable]
    with mp.workdps(DIGITS):
        s, t = mp.mpf(start), mp.mpf(end)
        levels = [v(mp.mpf(node)) for node in nodes]
        panels = max(1, int(mp.ceil(2 * mp.log(s / t))))
        half = mp.log(s / t) / panels / 2
        weights = [mp.mpf(0)] * len(nodes)
        for j in range(panels):
            for x, weight in legendre_nodes(5, mp.mp.prec):
                u = t * mp.exp(half * (2 * j + 1 + x))
                density = half * weight * u * phi(t) * mp.diff(phi, u) / phi(u) ** 2
                for i, own in enumerate(levels):
                    others = [level for k, level in enumerate(levels) if k != i]
                    weights[i] += density * mp.fprod((v(u) - other) / (own - other) for other in others)
        return weights


def relative_error(weights: np.ndarray, exact: list[mp.mpf]) -> float:
    """Return the largest relative error of the weights."""
    return max(abs(float((mp.mpf(float(w)) - e) / e)) for w, e in zip(weights, exact, strict=True))


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("step", STEPS)
def test_weights_match_fifty_digits(variable, step):
    """Assert that every weight has the promised relative accuracy, for steps short and long."""
    start, end, nodes = STEPS[step]
    name = NAMES[(list(STEPS).index(step) + list(VARIABLES).index(variable)) % len(NAMES)]
    weights = interpolation_weights(
        NoiseScale.from_name(name), start, end, nodes, InterpolationVariable.from_name(variable)
    )
    assert relative_error(weights, exact_weights(name, variable, start, end, nodes)) < RELATIVE


def test_oracle_notices_weights_of_another_variable():
    """Assert that weights in a variable with a scale that is one per cent off are not taken for right."""
    start, end, nodes = STEPS["usual"]
    weights = interpolation_weights(NoiseScale.ode(), start, end, nodes, InterpolationVariable.arctan(2.02))
    assert relative_error(weights, exact_weights("ode", "arctan(2)", start, end, nodes)) > 1e3 * RELATIVE


@st.composite
def problems(draw: st.DrawFn) -> tuple[NoiseScale, float, float, np.ndarray]:
    """Draw a noise scale function, a step and nodes that do not lie inside it."""
    phi = NoiseScale.from_name(draw(st.sampled_from(NAMES)))
    start = 10.0 ** draw(st.floats(-3.0, 2.5))
    end = start * 10.0 ** -draw(st.floats(-8.0, 0.3).map(lambda x: 10.0**x))
    ratios = draw(st.lists(st.floats(1.05, 3.0), min_size=0, max_size=3))
    nodes = start * np.cumprod([1.0, *ratios])
    return phi, start, end, np.append(end, nodes) if draw(st.booleans()) else nodes


@given(problems(), st.sampled_from(sorted(VARIABLES)))
def test_weights_reproduce_what_the_polynomial_is_exact_for(problem, name):
    """Assert that the weights sum to the FEI, and give one node's differences the integral of the difference."""
    phi, start, end, nodes = problem
    variable = InterpolationVariable.from_name(name)
    weights = interpolation_weights(phi, start, end, nodes, variable)
    size = np.abs(weights).sum()
    assert abs(weights.sum() - float(phi.fei(start, end))) <= RELATIVE * size
    if nodes.size > 1:
        pair = interpolation_weights(phi, start, end, nodes[:2], variable)
        span = variable.difference(nodes, nodes[0])
        assert abs(weights @ span - pair[1] * span[1]) <= RELATIVE * (np.abs(weights) @ np.abs(span))


@given(problems())
def test_linear_weights_match_the_newton_moments(problem):
    """Assert that in the noise level itself the weights are those of the moments and divided differences."""
    phi, start, end, nodes = problem
    nodes = nodes[nodes >= start]
    weights = interpolation_weights(phi, start, end, nodes, InterpolationVariable.linear())
    factors = newton_moments(moments(phi, start, end, nodes.size - 1), nodes)
    expected = np.einsum("m,mj->j", factors, divided_difference_weights(nodes))
    assert np.allclose(weights, expected, rtol=RELATIVE, atol=0.0)


def test_many_steps_match_one_by_one():
    """Assert that steps of a grid broadcast, bit for bit but for the order of sums."""
    phi, variable = NoiseScale.exp_power(), InterpolationVariable.arctan(2.0)
    levels = np.geomspace(10.0, 0.01, 12)
    nodes = np.stack([levels[2:-1], levels[1:-2], levels[:-3]], axis=1)
    together = interpolation_weights(phi, levels[2:-1], levels[3:], nodes, variable)
    for weights, start, end, at in zip(together, levels[2:-1], levels[3:], nodes, strict=True):
        assert np.allclose(weights, interpolation_weights(phi, start, end, at, variable), rtol=1e-14, atol=0.0)


def test_step_to_zero_gives_the_value_of_the_polynomial_there():
    """Assert that at level 0 the weights extrapolate: exactly for a quadratic in the level."""
    nodes = np.array([0.1, 0.3, 0.8])
    weights = interpolation_weights(NoiseScale.exp_power(), 0.1, 0.0, nodes, InterpolationVariable.linear())
    assert abs(weights @ (3.0 - 2.0 * nodes + nodes**2) - 3.0) < 1e-14
    near = interpolation_weights(NoiseScale.ode(), 0.1, 1e-13, nodes, InterpolationVariable.arctan(0.5))
    at = interpolation_weights(NoiseScale.ode(), 0.1, 0.0, nodes, InterpolationVariable.arctan(0.5))
    assert np.abs(near - at).max() < 1e-10


@pytest.mark.parametrize("name", ["linear", "log", "rational(0.5)", "arctan(2)", "hypot(2)"])
def test_difference_of_near_levels_loses_nothing(name):
    """Assert that the difference of v over one unit in the last place is v' times that, to round-off."""
    low = 1.0
    high = low + 2.0**-52
    slope = {"linear": 1.0, "log": 1.0, "rational(0.5)": 0.5 / 1.5**2, "arctan(2)": 0.5 / 1.25, "hypot(2)": 0.2**0.5}[
        name
    ]
    assert np.isclose(
        InterpolationVariable.from_name(name).difference(high, low), slope * 2.0**-52, rtol=1e-14, atol=0.0
    )


def test_variables_are_compared_by_their_formula():
    """Assert that equal formulas are equal variables, and others are not."""
    assert InterpolationVariable.from_name("arctan(0.5)") == InterpolationVariable.arctan(0.5)
    assert InterpolationVariable.arctan(0.1 + 0.2) != InterpolationVariable.arctan(0.3)
    assert len({InterpolationVariable.linear(), InterpolationVariable.linear(), InterpolationVariable.log()}) == 2


ODE, LOG = NoiseScale.ode(), InterpolationVariable.log()
BAD: dict[str, tuple[type[Exception], str, Callable[[], object]]] = {
    "phi is a name": (TypeError, "noise_scale", lambda: interpolation_weights("ode", 2.0, 1.0, [2.0], LOG)),
    "variable is a name": (TypeError, "variable", lambda: interpolation_weights(ODE, 2.0, 1.0, [2.0], "log")),
    "step up": (ValueError, "lam_start.*1.0", lambda: interpolation_weights(ODE, 1.0, 2.0, [1.0], LOG)),
    "nan": (ValueError, "nodes.*nan", lambda: interpolation_weights(ODE, 2.0, 1.0, [2.0, np.nan], LOG)),
    "infinite": (ValueError, "lam_start.*inf", lambda: interpolation_weights(ODE, np.inf, 1.0, [2.0], LOG)),
    "text": (TypeError, "nodes", lambda: interpolation_weights(ODE, 2.0, 1.0, ["2"], LOG)),
    "no nodes": (ValueError, "k >= 1", lambda: interpolation_weights(ODE, 2.0, 1.0, [], LOG)),
    "one number": (ValueError, "nodes.*shape", lambda: interpolation_weights(ODE, 2.0, 1.0, 2.0, LOG)),
    "node twice": (ValueError, "distinct", lambda: interpolation_weights(ODE, 2.0, 1.0, [2.0, 2.0], LOG)),
    "shapes": (
        ValueError,
        "broadcast",
        lambda: interpolation_weights(ODE, [2.0, 3.0], 1.0, [[2.0], [3.0], [4.0]], LOG),
    ),
    "log of 0": (ValueError, "above 0.*log", lambda: interpolation_weights(ODE, 2.0, 0.0, [2.0], LOG)),
    "log difference at 0": (ValueError, "above 0.*log", lambda: LOG.difference(1.0, 0.0)),
    "scale 0": (ValueError, "scale", lambda: InterpolationVariable.arctan(0.0)),
    "scale nan": (ValueError, "scale", lambda: InterpolationVariable.rational(float("nan"))),
    "scale text": (ValueError, r"arctan\(c\)", lambda: InterpolationVariable.from_name("arctan(wide)")),
    "name": (ValueError, "did you mean 'arctan'", lambda: InterpolationVariable.from_name("arctn")),
    "no name": (TypeError, "interpolation variable", lambda: InterpolationVariable.from_name(2.0)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    """Assert that each misuse raises the right error, which says what was wrong."""
    error, message, call = BAD[case]
    with pytest.raises(error, match=message):
        call()
