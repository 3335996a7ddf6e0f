r"""What a network predicts, as two weights: :math:`D = w_x\,x + w_F\,F` with its state x and its output F.

With :math:`x = \alpha x_0 + \sigma\varepsilon` every usual target is linear in x_0 and the noise, so every one of them
gives the denoiser by a combination of x and F whose weights depend on the level alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ersde_theory import _checks

Weights = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Prediction:
    """A prediction type: its name, and the weights that turn the network's output into the denoiser.

    Attributes
    ----------
    name : str
        x0, epsilon, v, score, flow or edm.

    Examples
    --------
    >>> Prediction.from_name("epsilon").weights(0.5, 2.0)
    (2.0, -4.0)
    """

    name: str
    _weights: Weights = field(repr=False)

    def weights(self, alpha: float, sigma: float) -> tuple[float, float]:
        r"""Return :math:`w_x, w_F` of :math:`D = w_x x + w_F F`.

        Parameters
        ----------
        alpha, sigma : float
            Of the state :math:`x = \alpha x_0 + \sigma\varepsilon`.

        Returns
        -------
        tuple of two floats

        Raises
        ------
        ValueError
            If alpha = 0 and the output then does not determine x_0 (epsilon and score).

        Examples
        --------
        >>> Prediction.from_name("flow").weights(0.0, 1.0)
        (1.0, -1.0)
        """
        try:
            return self._weights(alpha, sigma)
        except ZeroDivisionError:
            msg = f"alpha: expected a number above 0, since {self.name} does not determine x0 at alpha = 0"
            raise ValueError(msg) from None

    def negated(self) -> Prediction:
        """Return the prediction of a network whose output has the other sign (flow with the noise at t = 0).

        Returns
        -------
        Prediction

        Examples
        --------
        >>> Prediction.from_name("flow").negated().weights(0.5, 0.5)
        (1.0, 0.5)
        """
        return Prediction(f"-{self.name}", functools.partial(_negated, self._weights))

    @staticmethod
    def of(value: Prediction | str) -> Prediction:
        """Return a prediction type, given as itself or by its name.

        Parameters
        ----------
        value : Prediction or str

        Returns
        -------
        Prediction

        Examples
        --------
        >>> Prediction.of("v").name
        'v'
        """
        return value if isinstance(value, Prediction) else Prediction.from_name(value)

    @staticmethod
    def from_name(name: str) -> Prediction:
        r"""Return the prediction type of a name.

        Parameters
        ----------
        name : str
            ``x0``; ``epsilon``, the noise; ``v`` :math:`= \alpha\varepsilon - \sigma x_0`; ``score``
            :math:`= \nabla_x\log p`; ``flow`` :math:`= \varepsilon - x_0`, the velocity dx/dt of rectified flow
            with the noise at t = 1.

        Returns
        -------
        Prediction

        Raises
        ------
        TypeError, ValueError
            If the name is no string or unknown; the nearest is suggested.

        Examples
        --------
        >>> Prediction.from_name("x0").weights(0.6, 0.8)
        (0.0, 1.0)
        """
        return _NAMED[_checks.one_of(name, "prediction", _NAMED)]

    @staticmethod
    def edm(sigma_data: float = 0.5) -> Prediction:
        r"""Return the target of EDM: :math:`D = c_{skip}x + c_{out}F` with alpha = 1.

        Parameters
        ----------
        sigma_data : float
            Standard deviation of the data that the network was trained for, > 0.

        Returns
        -------
        Prediction

        Raises
        ------
        ValueError
            If it is not positive.

        Notes
        -----
        Karras, Aittala, Aila, Laine, Elucidating the design space of diffusion-based generative models, table 1.

        Examples
        --------
        >>> Prediction.edm(sigma_data=3.0).weights(1.0, 4.0)
        (0.36, 2.4)
        """
        scale = _checks.positive_number(sigma_data, "sigma_data")
        return Prediction("edm", functools.partial(_edm, scale))


def _x0(alpha: float, sigma: float) -> tuple[float, float]:  # noqa: ARG001  one signature for all
    return 0.0, 1.0


def _epsilon(alpha: float, sigma: float) -> tuple[float, float]:
    return 1.0 / alpha, -sigma / alpha


def _v(alpha: float, sigma: float) -> tuple[float, float]:
    total = alpha**2 + sigma**2
    return alpha / total, -sigma / total


def _score(alpha: float, sigma: float) -> tuple[float, float]:
    return 1.0 / alpha, sigma**2 / alpha


def _flow(alpha: float, sigma: float) -> tuple[float, float]:
    return 1.0 / (alpha + sigma), -sigma / (alpha + sigma)


def _edm(scale: float, alpha: float, sigma: float) -> tuple[float, float]:
    total = math.hypot(sigma, scale)
    return scale**2 / (alpha * total**2), sigma * scale / (alpha * total)


def _negated(weights: Weights, alpha: float, sigma: float) -> tuple[float, float]:
    w_state, w_output = weights(alpha, sigma)
    return w_state, -w_output


_NAMED = {
    "x0": Prediction("x0", _x0),
    "epsilon": Prediction("epsilon", _epsilon),
    "v": Prediction("v", _v),
    "score": Prediction("score", _score),
    "flow": Prediction("flow", _flow),
}

PREDICTION_NAMES = tuple(_NAMED)

__all__ = ["PREDICTION_NAMES", "Prediction"]
