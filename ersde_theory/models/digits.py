"""The networks that ship with the package: two denoisers of handwritten digits and a classifier of them.

How good they are, and how they were trained: ``docs/digits_networks.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ersde_theory import _checks
from ersde_theory.forward_process import ForwardProcess
from ersde_theory.models._adapters import edm_denoiser
from ersde_theory.models._checkpoint import read_tensors
from ersde_theory.models._checkpoints import load_into
from ersde_theory.models._digits_tasks import NO_LABEL, NOISE_RANGE
from ersde_theory.models._level_map import ContinuousLevels
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models.classifier import Classifier
from ersde_theory.models.training import weights_name
from ersde_theory.models.unet import UNet

SHAPE = (1, 8, 8)
_SHIPPED = Path(__file__).parent / "weights"


def digits_denoiser(
    kind: str = "edm",
    *,
    label: int | None = None,
    guidance: float | None = None,
    weights: str | Path | None = None,
) -> NetworkDenoiser:
    r"""Return a denoiser of images of shape (1, 8, 8) with pixels in about [-1, 1], for levels 0.002 to 80.

    Parameters
    ----------
    kind : {"edm", "flow"}
        Preconditioned as by Karras et al. 2022, or a flow-matching network that predicts the velocity.
    label : int, optional
        Digit 0 … 9 that it is conditioned on; all digits if left out.
    guidance : float, optional
        Scale of classifier-free guidance; needs a label.
    weights : str or Path, optional
        A file that ``ersde train-digits`` wrote; the one that ships with the package if left out.

    Returns
    -------
    NetworkDenoiser
        Its network is a float32 :class:`~ersde_theory.models.unet.UNet`.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or the file holds no such network.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> denoiser = digits_denoiser("edm", label=3)
    >>> denoiser(torch.zeros(2, 1, 8, 8), 80.0).shape, denoiser.noise_range
    (torch.Size([2, 1, 8, 8]), (0.002, 80.0))
    """
    _checks.one_of(kind, "kind", ("edm", "flow"))
    network = UNet()
    path, description = _load(network, kind, weights)
    settings: dict[str, Any] = {"shape": SHAPE, "name": f"digits {kind}", **_conditioning(label, guidance)}
    if kind == "edm":
        sigma_data = _checks.positive_number(description["sigma_data"], f"sigma_data in {path}")
        return edm_denoiser(network, sigma_data=sigma_data, noise_range=NOISE_RANGE, **settings)
    t_range = (0.5 * NOISE_RANGE[0], 1.0)
    levels = ContinuousLevels(ForwardProcess.rectified_flow(), t_range)
    return NetworkDenoiser(network, "flow", levels, noise_range=NOISE_RANGE, **settings)


def digits_classifier(weights: str | Path | None = None) -> Classifier:
    """Return the classifier of digits.

    Parameters
    ----------
    weights : str or Path, optional
        A file that ``ersde train-digits --kind classifier`` wrote; the one that ships if left out.

    Returns
    -------
    Classifier
        In evaluation mode, float32: images to (features, scores).

    Raises
    ------
    ValueError
        If the file holds no classifier.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from analytic.data import handwritten_digits
    >>> images = torch.tensor(handwritten_digits().pixels[:5], dtype=torch.float32)
    >>> digits_classifier()(images)[1].argmax(dim=1)
    tensor([0, 1, 2, 3, 4])
    """
    network = Classifier()
    _load(network, "classifier", weights)
    return network.eval()


def _load(network: torch.nn.Module, kind: str, weights: str | Path | None) -> tuple[Path, dict[str, Any]]:
    """Fill a network and return where its weights came from and what describes them."""
    path = _SHIPPED / weights_name(kind) if weights is None else Path(weights)
    load_into(network, path)
    _, description = read_tensors(path)
    if description.get("kind") != kind:
        msg = f"{path}: expected the weights of kind {kind!r}, got kind {description.get('kind')!r}"
        raise ValueError(msg)
    network.requires_grad_(False)
    return path, description


def _conditioning(label: int | None, guidance: float | None) -> dict[str, Any]:
    """Return the settings of a denoiser that say what it is conditioned on."""
    if label is None:
        if guidance is not None:
            msg = f"label: expected a digit 0 … 9, since guidance is {guidance}, got none"
            raise ValueError(msg)
        return {}
    digit = _checks.integer(label, "label", minimum=0, maximum=9)
    condition = {"label": torch.tensor([digit])}
    if guidance is None:
        return {"condition": condition}
    return {"condition": condition, "unconditional": {"label": torch.tensor([NO_LABEL])}, "guidance": guidance}
