"""What a read-out of a sampler says: its tableau, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ersde_theory.tableau import Tableau


@dataclass(frozen=True, eq=False)
class Readout:
    r"""A third-party sampler as a table of scalars, read from outside.

    Attributes
    ----------
    name : str
        Name of the sampler.
    convention : str
        How it was called.
    tableau : Tableau or None
        In the sampler's own coordinates x; one row per start state, evaluated state and final state. Draws keep
        their meaning, ``draw_covariance`` their correlation. None if no table could be read; `problems` says why.
    levels : float64 array of shape (evaluations,)
        Noise levels sigma/alpha of the evaluations, in order.
    grid_levels : float64 array of shape (N + 1,)
        Noise levels of the grid that the sampler was given.
    dtype : str
        Of the state: float64, float32, float16 or bfloat16.
    linear : bool
        Whether runs with random vectors agree with the table: linear, with coefficients of the grid alone.
    problems : tuple of str
        Where that breaks, each with the step; empty if `linear`.
    precision : float
        Relative error of the coefficients: against the float64 read-out for a lower dtype; for float64 the largest
        relative error of a state that the table predicts, at least the unit of the least precise numbers used.
    coefficient_dtype : str
        The least precise numbers that the state met on its way.
    reproduction : float
        Largest relative error of the final state, when the table is run by :func:`ersde_theory.sample` on a random
        nonlinear denoiser, against the sampler's own output; nan if there is no table.
    notes : tuple of str
        Facts that do not break linearity: casts of the state, noise that comes twice, inputs changed in place.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)
    >>> Readout("mine", "own", tab, tab.noise_level[:1], tab.noise_level, "float64", True, (), 1e-16).linear
    True
    """

    name: str
    convention: str
    tableau: Tableau | None
    levels: np.ndarray
    grid_levels: np.ndarray
    dtype: str
    linear: bool
    problems: tuple[str, ...]
    precision: float
    coefficient_dtype: str = "float64"
    reproduction: float = float("nan")
    notes: tuple[str, ...] = field(default=())
