r"""A sampler as data: every fixed-grid sampler is a table of scalars.

Each state of such a sampler is linear in the start state, the denoiser's values and the Gaussian draws, with
scalars that depend on the grid alone. A :class:`Tableau` stores them in incremental form: row r is

.. math:: x_r = p_r\,x_{r-1} + \sum_k b_{rk} D_k + \sum_m c_{rm} Z_m .

Rows are states in order of computation; a row may feed one evaluation :math:`D_k = D(x_r/\alpha_r, \sigma_r/\alpha_r)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ersde_theory import _checks
from ersde_theory._tableau_parts import Defect as Defect
from ersde_theory._tableau_parts import DenseTableau as DenseTableau
from ersde_theory._tableau_parts import Difference as Difference
from ersde_theory._tableau_parts import Draw as Draw
from ersde_theory.forward_process import ForwardProcess

_ROUNDOFF = 1e-13


@dataclass(frozen=True, eq=False, repr=False)
class Tableau:
    r"""A sampler on a fixed grid as scalars; construction checks the structure, not whether it is a good one.

    All arrays are float64 or int64 and read-only. Row 0 is the start state: ``previous[0]`` is 1 and it uses
    no data and no draws. Column arrays are banded: ``data[r, w]`` multiplies evaluation
    ``data_columns[r, w]``; -1 marks an unused place.

    Parameters
    ----------
    name : str
        Name in tables.
    alpha, sigma : array of shape (rows,)
        Of each state; alpha = 1 is the canonical form in y. alpha = 0 is allowed in row 0 (level infinity).
    node : array of shape (rows,)
        Index of the grid node that the row stands for, or -1.
    evaluation : array of shape (rows,)
        Evaluation that the row feeds, or -1; numbered in order.
    previous : array of shape (rows,)
        Coefficient of the row before.
    data_columns, data : array of shape (rows, window)
        Evaluations used, and their coefficients.
    noise_columns, noise : array of shape (rows, m)
        Draws used, and their coefficients.
    draws : tuple of Draw
        The meaning of each draw.
    draw_covariance : dict, optional
        Off-diagonal entries of the draws' covariance, ``{(i, j): value}`` with i < j; identity unless given.

    Raises
    ------
    TypeError, ValueError
        If shapes, indices or dtypes do not fit, an evaluation is used before it exists, a number is not
        finite, or the draws' covariance is not positive semi-definite where it is stated.

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> tab = schemes.er_sde(TimeGrid([4.0, 1.0, 0.0]), NoiseScale.ode(), order=1)
    >>> tab.n_rows, tab.n_evaluations, tab.n_draws, tab.defects()
    (3, 2, 2, [])
    """

    name: str
    alpha: np.ndarray
    sigma: np.ndarray
    node: np.ndarray
    evaluation: np.ndarray
    previous: np.ndarray
    data_columns: np.ndarray
    data: np.ndarray
    noise_columns: np.ndarray
    noise: np.ndarray
    draws: tuple[Draw, ...]
    draw_covariance: dict[tuple[int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from ersde_theory._tableau_structure import check_structure, freeze_arrays

        freeze_arrays(self)
        check_structure(self)

    def __repr__(self) -> str:
        return (
            f"Tableau({self.name!r}: {self.n_rows} rows, {self.n_evaluations} evaluations, "
            f"{self.n_draws} draws, levels {self.noise_level[0]:g} to {self.noise_level[-1]:g})"
        )

    # ------------------------------------------------------------------ sizes and views

    @property
    def n_rows(self) -> int:
        """Number of states, the start included."""
        return len(self.alpha)

    @property
    def n_steps(self) -> int:
        """Number of steps N of the grid."""
        return int(self.node.max())

    @property
    def n_evaluations(self) -> int:
        """Number of evaluations of the denoiser: the cost."""
        return int(self.evaluation.max()) + 1

    @property
    def n_draws(self) -> int:
        """Number of Gaussian draws, those of weight 0 included."""
        return len(self.draws)

    @property
    def is_stochastic(self) -> bool:
        """Whether any draw has a weight other than 0."""
        return bool((self.noise != 0.0).any())

    @property
    def noise_level(self) -> np.ndarray:
        """Noise level sigma/alpha of each row, shape (rows,); inf where alpha is 0."""
        zero = self.alpha == 0.0
        return np.where(zero, np.inf, self.sigma / np.where(zero, 1.0, self.alpha))

    def dense(self) -> DenseTableau:
        """Return every state as a combination of start, evaluations and draws; at most 512 steps.

        Returns
        -------
        DenseTableau

        Raises
        ------
        ValueError
            If the grid has more than 512 steps: the dense form is quadratic in memory.

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode(), order=1)
        >>> tab.dense().start.tolist(), tab.dense().data[-1].tolist()
        ([1.0, 0.5, 0.25], [0.25, 0.5])
        """
        from ersde_theory._tableau_structure import dense_form

        return dense_form(self)

    @classmethod
    def from_dense(
        cls,
        name: str,
        dense: DenseTableau,
        *,
        alpha: Any,
        sigma: Any,
        node: Any,
        evaluation: Any,
        draws: tuple[Draw, ...],
        draw_covariance: dict[tuple[int, int], float] | None = None,
        tolerance: float = 0.0,
    ) -> Tableau:
        """Return the canonical incremental form of a dense table.

        The previous row's coefficient is chosen so that the start state is eliminated; where the previous
        row has forgotten the start, so that its newest draw is.

        Parameters
        ----------
        name : str
            Name in tables.
        dense : DenseTableau
            Coefficients of every state.
        alpha, sigma, node, evaluation, draws, draw_covariance
            As in the class.
        tolerance : float
            Entries at most this large in magnitude count as 0.

        Returns
        -------
        Tableau

        Raises
        ------
        ValueError
            As the class.

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.exp_power(), order=2)
        >>> again = Tableau.from_dense("again", tab.dense(), alpha=tab.alpha, sigma=tab.sigma, node=tab.node,
        ...     evaluation=tab.evaluation, draws=tab.draws, tolerance=1e-15)
        >>> tab.first_difference(again, rtol=1e-12) is None
        True
        """
        from ersde_theory._tableau_structure import incremental_form

        return cls(
            name=name,
            alpha=alpha,
            sigma=sigma,
            node=node,
            evaluation=evaluation,
            draws=draws,
            draw_covariance=dict(draw_covariance or {}),
            **incremental_form(dense, tolerance),
        )

    # ------------------------------------------------------------------ changes of form

    def in_process(self, process: ForwardProcess) -> Tableau:
        r"""Return the same sampler in the coordinates :math:`x = \alpha y` of a forward process.

        Parameters
        ----------
        process : ForwardProcess
            Gives alpha at each row's noise level.

        Returns
        -------
        Tableau

        Raises
        ------
        ValueError
            If the process does not reach a level.

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> tab = schemes.er_sde(TimeGrid([3.0, 1.0]), NoiseScale.ode(), order=1)
        >>> tab.in_process(ForwardProcess.rectified_flow()).alpha.tolist()
        [0.25, 0.5]
        """
        _checks.instance(process, "process", ForwardProcess)
        level = self.noise_level
        process.time(level)  # raises if a level is out of reach
        alpha = process.alpha_at_level(level)
        sigma = process.sigma_at_level(level)
        scale = np.where(self.alpha == 0.0, 1.0, alpha / np.where(self.alpha == 0.0, 1.0, self.alpha))
        return replace(
            self,
            alpha=alpha,
            sigma=sigma,
            previous=np.append(1.0, self.previous[1:] * scale[1:] / scale[:-1]),
            data=self.data * scale[:, None],
            noise=self.noise * scale[:, None],
        )

    def canonical(self) -> Tableau:
        """Return the canonical incremental form, in which equal samplers have equal coefficients.

        The previous row's coefficient is fixed by the start state. Only where an earlier row has forgotten the
        start (from level infinity with a phi that grows without bound, say) is it free; there it eliminates
        the previous row's newest draw. Grids above 512 steps are left as they are.

        Returns
        -------
        Tableau

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode(), order=2)
        >>> tab.canonical() is tab
        True
        """
        from ersde_theory._tableau_structure import canonical_form

        return canonical_form(self)

    # ------------------------------------------------------------------ judgement

    def defects(self, tolerance: float = _ROUNDOFF) -> list[Defect]:
        r"""Return the rows where an identity of exact exponential schemes fails, in order.

        *constant*: data that are one constant are a fixed point, :math:`p_r\alpha_{r-1} + \sum_k b_{rk} = \alpha_r`.
        *variance*: for point-mass data at 0 and a start of variance :math:`\sigma_{r-1}^2` the row has variance
        :math:`\sigma_r^2`. Both are judged row by row, a defect is not carried on.

        Parameters
        ----------
        tolerance : float
            Relative to the sum of the magnitudes in the identity.

        Returns
        -------
        list of Defect

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> grid = TimeGrid.karras(6, 1.0, 1e-3)
        >>> released = schemes.er_sde(grid, NoiseScale.exp_power(), order=3, variant="released")
        >>> [d.identity for d in released.defects()]
        ['variance', 'variance']

        References
        ----------
        ``math.md`` section 5.
        """
        from ersde_theory._tableau_structure import find_defects

        return find_defects(self, _checks.nonnegative_number(tolerance, "tolerance"))

    def first_difference(self, other: Tableau, *, rtol: float = 0.0, atol: float = 0.0) -> Difference | None:
        """Return the first coefficient in which `other` differs from this tableau, or None.

        Canonical forms are compared; names, zero coefficients and the order of columns do not matter.

        Parameters
        ----------
        other : Tableau
            The one that is judged.
        rtol, atol : float
            Two numbers agree when they differ by at most atol + rtol times the expected one.

        Returns
        -------
        Difference or None

        Raises
        ------
        TypeError
            If `other` is not a Tableau.

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> grid = TimeGrid([4.0, 2.0, 1.0])
        >>> ode = schemes.er_sde(grid, NoiseScale.ode(), order=1)
        >>> print(ode.first_difference(schemes.er_sde(grid, NoiseScale.ode(), order=2)))
        row 2, data[0]: expected 0.0, got -0.15342640972002733
        """
        from ersde_theory._tableau_structure import find_first_difference

        _checks.instance(other, "other", Tableau)
        tolerances = (_checks.nonnegative_number(rtol, "rtol"), _checks.nonnegative_number(atol, "atol"))
        return find_first_difference(self, other, *tolerances)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tableau) and self.first_difference(other) is None

    __hash__ = None  # type: ignore[assignment]

    # ------------------------------------------------------------------ JSON

    def to_json(self) -> str:
        """Return the tableau as JSON text; floats survive the round trip bit for bit.

        Returns
        -------
        str

        Examples
        --------
        >>> from ersde_theory import NoiseScale, TimeGrid, schemes
        >>> tab = schemes.er_sde(TimeGrid([4.0, 2.0, 1.0]), NoiseScale.ode(), order=1)
        >>> Tableau.from_json(tab.to_json()) == tab
        True
        """
        from ersde_theory._tableau_json import dump

        return dump(self)

    @staticmethod
    def from_json(text: str) -> Tableau:
        """Return the tableau stored by :meth:`to_json`.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        Tableau

        Raises
        ------
        ValueError
            If it is not JSON, not a tableau, or of an unknown schema version.

        Examples
        --------
        >>> Tableau.from_json("[]")
        Traceback (most recent call last):
            ...
        ValueError: text: expected a JSON object with the keys of a tableau, got a list
        """
        from ersde_theory._tableau_json import load

        return load(text)
