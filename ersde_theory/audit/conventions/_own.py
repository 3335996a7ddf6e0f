"""Our own schemes as a black box: the read-out's self-test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ersde_theory.audit._run import Meaning, Run
from ersde_theory.sampling import sample
from ersde_theory.tableau import Tableau


@dataclass(frozen=True)
class OwnScheme:
    """A tableau run by :func:`ersde_theory.sample`; see :func:`own_scheme`."""

    tab: Tableau
    library: str = "numpy"
    convention: str = "own"
    namespaces: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """Name of the scheme."""
        return self.tab.name

    @property
    def nodes(self) -> tuple[tuple[float, float], ...]:
        """The grid: (alpha, sigma) of the tableau's nodes."""
        at = self.tab.node >= 0
        return tuple(zip(self.tab.alpha[at].tolist(), self.tab.sigma[at].tolist(), strict=True))

    def run(self, run: Run) -> Any:
        """Run the tableau."""
        tab = self.tab
        start = run.begin()
        draws = [run.normal(self._meaning(m)) for m in range(tab.n_draws)]
        calls = iter([r for r in range(tab.n_rows) if tab.evaluation[r] >= 0])

        def denoise(y: Any, _noise_level: float) -> Any:
            row = next(calls)
            alpha, sigma = float(tab.alpha[row]), float(tab.sigma[row])
            unit = alpha if alpha > 0.0 else sigma
            return run.model_output(y, run.denoise(y * unit, alpha, sigma))

        noise: Any = None
        if draws and self.library == "numpy":
            noise = np.stack(draws)
        elif draws:
            import torch

            noise = torch.stack(draws)
        return sample(tab, denoise, start, noise)

    def _meaning(self, m: int) -> Meaning:
        """Return what draw m means."""
        draw = self.tab.draws[m]
        linked = tuple((i, value) for (i, j), value in self.tab.draw_covariance.items() if j == m)
        return Meaning(draw.level_from, draw.level_to, draw.kind, linked=linked)


def own_scheme(tab: Tableau, *, library: str = "numpy") -> OwnScheme:
    """Return a tableau as a black box.

    Parameters
    ----------
    tab : Tableau
        Of at most 512 steps, every evaluation of which is used.
    library : str
        ``numpy`` or ``torch``.

    Returns
    -------
    BlackBox

    Examples
    --------
    >>> from ersde_theory import NoiseScale, TimeGrid, schemes
    >>> own_scheme(schemes.er_sde(TimeGrid([4.0, 1.0]), NoiseScale.ode(), order=1)).nodes
    ((1.0, 4.0), (1.0, 1.0))
    """
    return OwnScheme(tab, library)
