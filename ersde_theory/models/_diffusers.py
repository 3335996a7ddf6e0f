"""Networks in diffusers' folders: a pipeline with ``model_index.json``, or a model with its scheduler beside it.

Everything comes from the folder: the classes of diffusers are built from their configurations, the weights are read by
:func:`load_into`, and nothing asks a hub.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ersde_theory import _checks
from ersde_theory.models._checkpoints import load_into
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models._prediction import Prediction
from ersde_theory.models._schedulers import conventions, load_scheduler, read_json
from ersde_theory.models._weight_files import listing

MODELS = ("UNet2DModel", "DiTTransformer2DModel", "UNet2DConditionModel")
COMPONENTS = ("unet", "transformer")


def diffusers_denoiser(
    folder: str | Path,
    *,
    scheduler: str | Path | None = None,
    shape: tuple[int, ...] | None = None,
    condition: Mapping[str, Any] | None = None,
    unconditional: Mapping[str, Any] | None = None,
    guidance: float | None = None,
    prediction: str | Prediction | None = None,
    snap: bool = False,
    trust_pickle: bool = False,
    device: Any = "cpu",
) -> NetworkDenoiser:
    r"""Return the denoiser of a ``UNet2DModel``, ``DiTTransformer2DModel`` or ``UNet2DConditionModel`` in a folder.

    Parameters
    ----------
    folder : str or Path
        A pipeline's folder, or a model's with ``config.json``.
    scheduler : str or Path, optional
        Folder of ``scheduler_config.json``. Default: the pipeline's; else the model's own folder or its neighbour
        ``scheduler``.
    shape : tuple of int, optional
        Of one sample. Default: channels and ``sample_size`` of the configuration.
    condition : mapping, optional
        Keywords for the network: ``class_labels``, ``encoder_hidden_states``, ...
    unconditional : mapping, optional
        For the unconditional half of guidance. Default for a DiT: its class of nothing.
    guidance : float, optional
        Scale of classifier-free guidance.
    prediction : str or Prediction, optional
        If the scheduler's configuration is wrong about it.
    snap : bool
        Tell the network whole timesteps only.
    trust_pickle : bool
        As in :func:`load_weights`.
    device : torch.device or str
        Where the network runs.

    Returns
    -------
    NetworkDenoiser

    Raises
    ------
    FileNotFoundError
        If a file of the layout is missing.
    ValueError
        If the model, the scheduler or the weights are not what is supported.
    ModuleNotFoundError
        If diffusers is not installed.

    Examples
    --------
    >>> diffusers_denoiser("no/such/folder")
    Traceback (most recent call last):
    FileNotFoundError: no/such/folder: expected a folder of diffusers' layout, got no such folder
    """
    place, beside = _parts(Path(folder))
    if importlib.util.find_spec("diffusers") is None:
        msg = f"{folder}: expected diffusers to build this model, got none installed: pip install diffusers"
        raise ModuleNotFoundError(msg)
    config = read_json(place / "config.json")
    network = _network(place, config, trust_pickle=trust_pickle)
    found, levels = conventions(load_scheduler(Path(scheduler) if scheduler else beside), snap=snap)
    if unconditional is None and guidance is not None:
        unconditional = _nothing(config)
    conditions = dict(condition or {})
    _check_condition(place, network, config, conditions)
    moved = NetworkDenoiser(
        network,
        found if prediction is None else prediction,
        levels,
        shape=_shape(place, config) if shape is None else shape,
        name=Path(folder).resolve().name,
        condition=conditions,
        unconditional=unconditional,
        guidance=guidance,
        learned_variance=config.get("out_channels") == 2 * config["in_channels"],
    )
    return moved if str(device) == "cpu" else moved.to(device=device)


def _parts(folder: Path) -> tuple[Path, Path]:
    """Return the folders of the model and of the scheduler."""
    if not folder.is_dir():
        msg = (
            f"{folder}: expected a folder of diffusers' layout, got {'a file' if folder.exists() else 'no such folder'}"
        )
        raise FileNotFoundError(msg)
    if (folder / "model_index.json").exists():
        index = read_json(folder / "model_index.json")
        for component in COMPONENTS:
            if component in index:
                return folder / component, folder / "scheduler"
        msg = f"{folder}: expected a pipeline with one of {', '.join(COMPONENTS)}, got {', '.join(index)}"
        raise ValueError(msg)
    if not (folder / "config.json").exists():
        msg = f"{folder}: expected model_index.json (a pipeline) or config.json (a model), got {listing(folder)}"
        raise FileNotFoundError(msg)
    for beside in (folder, folder.parent / "scheduler"):
        if (beside / "scheduler_config.json").exists():
            return folder, beside
    # without it nobody knows what the network predicts, nor at which level
    return folder, folder


def _network(place: Path, config: dict[str, Any], *, trust_pickle: bool) -> torch.nn.Module:
    import diffusers

    name = str(config.get("_class_name"))
    if name == "Transformer2DModel" and config.get("norm_type") == "ada_norm_zero":
        name = "DiTTransformer2DModel"  # as DiT's own folders say, from before the class had its name
    try:
        _checks.one_of(name, "_class_name", MODELS)
    except ValueError as error:
        msg = f"{place / 'config.json'}: {error}"
        raise ValueError(msg) from None
    try:
        network = getattr(diffusers, name).from_config({**config, "_class_name": name})
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        msg = f"{place / 'config.json'}: expected the configuration of a {name}, got one that it refuses ({error})"
        raise ValueError(msg) from None
    load_into(network, place, trust_pickle=trust_pickle)
    return network.eval()


def _shape(place: Path, config: dict[str, Any]) -> tuple[int, ...]:
    size = config.get("sample_size")
    if size is None:
        msg = f"shape: expected the shape of a sample, since {place / 'config.json'} has no sample_size, got None"
        raise ValueError(msg)
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    return (config["in_channels"], height, width)


def _nothing(config: dict[str, Any]) -> dict[str, Any] | None:
    """Return the label that a DiT was trained with where the label was dropped."""
    classes = config.get("num_embeds_ada_norm")
    return None if classes is None else {"class_labels": torch.tensor([classes])}


def _check_condition(place: Path, network: Any, config: dict[str, Any], condition: Mapping[str, Any]) -> None:
    """Raise if a keyword is missing or unknown, before the first call does so in words of tensors."""
    parameters = inspect.signature(network.forward).parameters
    for name in condition:
        _checks.one_of(name, "condition", parameters)
    needed = {}
    if "encoder_hidden_states" in parameters and config.get("cross_attention_dim"):
        needed["encoder_hidden_states"] = f"a tensor of shape (1, tokens, {config['cross_attention_dim']})"
    if config.get("num_class_embeds") or config.get("num_embeds_ada_norm"):
        classes = config.get("num_class_embeds") or config.get("num_embeds_ada_norm")
        needed["class_labels"] = f"a tensor of one label below {classes}"
    for name, what in needed.items():
        if name not in condition:
            msg = (
                f"condition: expected {name} for {place}, {what}, got {', '.join(condition) or 'nothing'} "
                "(on a command line, a FILE.py:FACTORY can call diffusers_denoiser with it)"
            )
            raise ValueError(msg)


__all__ = ["diffusers_denoiser"]
