"""Second witness for the scheme with the area of the path: its step by quadrature, on a nonlinear equation."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np

Pairs = list[tuple[float, float]]


def _drift(u, time):
    """Return a drift that is nonlinear in the state and depends on the time."""
    return mp.sin(u) + time * u**2 / 5


def _clock(time):
    """Return V, the variance of the noise since time 0; its rate is not constant."""
    return time + time**2 / 3


def _generator(function, u, time):
    """Return (d/dA + a d/du + V'/2 d^2/du^2) of a function, by numerical derivatives."""
    in_time = mp.diff(lambda at: function(u, at), time)
    in_state, twice = (mp.diff(lambda at: function(at, time), u, n) for n in (1, 2))
    return in_time + _drift(u, time) * in_state + mp.diff(_clock, time) / 2 * twice


def _step(u, time, h, of_area, of_increment):
    """Return the scheme's step from the standardised area and increment."""
    stage = time + 3 * h / 4
    first = _drift(u, time)
    at_stage = u + 3 * h / 4 * first + mp.sqrt(_clock(stage) - _clock(time)) * of_area
    noise = mp.sqrt(_clock(time + h) - _clock(time)) * of_increment
    return h * (first + 2 * _drift(at_stage, stage)) / 3 + noise


def strong_order_three_halves() -> Pairs:
    """Average powers of the scheme's step over both normals, and compare the terms in h^2 with the solution's."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    pairs: Pairs = []
    with mp.workdps(60):
        roots = [mp.findroot(lambda x: mp.hermite(8, x / mp.sqrt(2)), mp.mpf(float(node))) for node in nodes]
        rule = [(z, 40320 / (8 * _he7(z)) ** 2) for z in roots]
        assert max(abs(float(w) - v) for (_, w), v in zip(rule, weights / weights.sum(), strict=True)) < 1e-12
        u, time, h = mp.mpf("0.6"), mp.mpf("0.4"), mp.mpf(10) ** -9
        total = _clock(time + h) - _clock(time)
        covariance = mp.quad(lambda at: _clock(at) - _clock(time), [time, time + h])
        area = 2 * mp.quad(lambda at: (time + h - at) * (_clock(at) - _clock(time)), [time, time + h])
        rho = covariance / mp.sqrt(total * area)
        for power in (1, 2, 3, 4):
            mean = mp.fsum(
                v * w * _step(u, time, h, x, rho * x + mp.sqrt(1 - rho**2) * y) ** power
                for (x, v), (y, w) in itertools.product(rule, rule)
            )

            def once(at, when, power=power):
                return _generator(lambda state, _: (state - u) ** power, at, when)

            first = _generator(lambda state, _, power=power: (state - u) ** power, u, time)
            pairs.append(((mean - h * first) / h**2, _generator(once, u, time) / 2))
        missed = mp.quad(lambda x: (mp.exp(h - x) - 1 - (h - x)) ** 2, [0, h])
        pairs.append((missed / h**5, mp.mpf(1) / 20))
    return pairs


def _he7(z):
    """Return the probabilists' Hermite polynomial of degree 7."""
    return z**7 - 21 * z**5 + 105 * z**3 - 105 * z
