"""What networks predict, in k-diffusion's coordinates: the wanted data prediction as an output, and back."""

from __future__ import annotations

import math
from typing import Any

PARAMETRISATIONS = ("x0", "eps", "v", "const")


def alpha_of(parametrisation: str, sigma: float) -> float:
    """Return alpha of a state with this sigma: 1, or 1 - sigma for a flow."""
    return 1.0 - sigma if parametrisation == "const" else 1.0


def output_for(parametrisation: str, x: Any, data: Any, sigma: float) -> Any:
    """Return what a network would have to predict for this data prediction; host numbers."""
    if parametrisation in ("eps", "const"):
        return (x - data) / sigma
    if parametrisation == "v":
        norm = math.sqrt(1.0 + sigma**2)
        return (x / norm - data * norm) / sigma
    return data


def denoised(parametrisation: str, x: Any, output: Any, sigma: Any) -> Any:
    """Return the data prediction of a network's output, in the arithmetic of the arrays."""
    if parametrisation in ("eps", "const"):
        return x - output * sigma
    if parametrisation == "v":
        return x / (sigma**2 + 1.0) - output * sigma / (sigma**2 + 1.0) ** 0.5
    return output
