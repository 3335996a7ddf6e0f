"""From the word on the command line to what is measured."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory import _checks
from ersde_theory.network_errors._data import load_data, load_features, module_features
from ersde_theory.network_errors._host import HostDenoiser
from ersde_theory.network_errors._subject import PRECISIONS, Subject, fingerprint, law_subject
from ersde_theory.sampling import Denoiser, NonFiniteError

if TYPE_CHECKING:
    from ersde_theory.models import NetworkDenoiser

EXACT = "exact"
DIGITS = ("digits", "digits-flow")
_DIGITS_RANGE = (0.002, 80.0)
_BANDWIDTH = 0.1  # of the digits' law that the shipped networks are trained on
_SHAPE = (1, 8, 8)
_TESTED = 128  # data of the consistency check
_LOW, _HIGH = 0.002, 200.0  # times the data's RMS, where a model's range goes to 0 or infinity


def load_subject(
    model: str,
    *,
    data: Path | None = None,
    features: str | None = None,
    trust_pickle: bool = False,
    device: str = "cpu",
    dtype: str = "float32",
    say: Callable[[str], None] = print,
) -> Subject:
    """Return the subject that a command line names.

    Parameters
    ----------
    model : str
        ``digits``, ``digits-flow``, ``exact`` (the digits' law itself), a folder, or ``FILE.py:FACTORY``.
    data : Path, optional
        For models that are not of the digits.
    features : str, optional
        ``FILE.py:FACTORY`` of a feature map.
    trust_pickle : bool
        Load pickles that can run code.
    device : str
        Where the network runs.
    dtype : str
        Precision of the network: float64, float32, bfloat16 or float16.
    say : callable
        Told in words what is out of the ordinary.

    Returns
    -------
    Subject

    Raises
    ------
    ValueError
        If an argument is wrong.

    Examples
    --------
    >>> load_subject("exact").data.shape
    (1797, 64)
    """
    from analytic import digits_law, handwritten_digits

    _checks.one_of(dtype, "--dtype", [name for name in PRECISIONS if name != "tf32"])
    of_digits = model == EXACT or model in DIGITS
    if of_digits and data is not None:
        message = f"--data: expected none for {model}, whose data ship with the project, got {data}"
        raise ValueError(message)
    law = digits_law(_BANDWIDTH) if of_digits else None
    pixels = np.asarray(handwritten_digits().pixels) if of_digits else None
    if model == EXACT:
        assert pixels is not None
        maps = _feature_maps(features, _SHAPE, device, shipped=True)
        return law_subject("exact", law, pixels, _DIGITS_RANGE, features=maps, shape=_SHAPE)
    denoiser = _denoiser(model, trust_pickle=trust_pickle, device=device)
    if pixels is None:
        if data is None:
            message = (
                f"--data: expected a file with data of {model}, of shape (n, {', '.join(map(str, denoiser.shape))})"
            )
            raise ValueError(message)
        pixels = load_data(data, denoiser.shape)
    maps = _feature_maps(features, denoiser.shape, device, shipped=of_digits)
    return network_subject(denoiser, pixels, law, maps, device=device, dtype=dtype, say=say, source=_source(model))


def network_subject(
    denoiser: NetworkDenoiser,
    data: np.ndarray,
    law: Any = None,
    features: Any = None,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    say: Callable[[str], None] = print,
    source: str = "",
) -> Subject:
    """Return the subject of a network.

    Parameters
    ----------
    denoiser : NetworkDenoiser
        The network; one that is no module is evaluated in the precision of the state only.
    data : float64 array of shape (K, d)
        Clean data.
    law : Law, optional
        Of the data.
    features : mapping of str to callable, optional
        For Fréchet distances.
    device, dtype : str
        Where the network runs, and in which precision.
    say : callable
        Told when a batch is halved.
    source : str
        Whatever else the network depends on, for the fingerprint.

    Returns
    -------
    Subject

    Examples
    --------
    >>> from ersde_theory.models import NetworkDenoiser, SigmaLevels
    >>> D = NetworkDenoiser(lambda x, sigma: 0.5 * x, "x0", SigmaLevels((0.01, 80.0)), shape=(2,))
    >>> subject = network_subject(D, np.zeros((128, 2)))
    >>> subject.precisions, subject.denoise(np.ones((1, 2)), 1.0).tolist()
    (('float64',), [[0.5, 0.5]])
    """
    import torch

    movable = isinstance(denoiser.network, torch.nn.Module)
    cuda = torch.device(device).type == "cuda"
    there = tuple(name for name in PRECISIONS if cuda or name != "tf32") if movable else ("float64",)

    @functools.lru_cache(maxsize=3)
    def at_precision(name: str) -> Denoiser:
        kind = {"tf32": "float32"}.get(name, name)
        moved = denoiser.to(device=device, dtype=getattr(torch, kind)) if movable else denoiser
        return HostDenoiser(_in_tf32(moved, allowed=name == "tf32"), denoiser.shape, device, say)

    made_of = fingerprint(
        *_network_parts(denoiser), data, repr(law), torch.device(device).type, dtype, source, *_versions()
    )
    return Subject(
        name=denoiser.name,
        at_precision=at_precision,
        precisions=there,
        data=data,
        shape=denoiser.shape,
        noise_range=_finite_range(denoiser.noise_range, data, say),
        law=law,
        fingerprint=made_of,
        features=features or {},
        precision=dtype if movable else "float64",
        doubts=functools.partial(_doubts, denoiser, data) if denoiser.guidance is None else None,
    )


def _doubts(denoiser: NetworkDenoiser, data: np.ndarray, seed: int) -> tuple[str, ...]:
    """Return what contradicts the conventions that a denoiser declares, on a few of the data."""
    from ersde_theory.models import check_consistency

    some = data[np.random.default_rng(seed).permutation(len(data))[:_TESTED]]
    try:
        report = check_consistency(denoiser, some.reshape(-1, *denoiser.shape), seed=seed)
    except NonFiniteError as error:
        return (str(error),)
    return (report.hint, *report.problems) if report.hint else report.problems


def _denoiser(model: str, *, trust_pickle: bool, device: str) -> NetworkDenoiser:
    """Return the network of a word."""
    try:
        import torch

        from ersde_theory.models import load_denoiser
    except ImportError as error:
        message = f"MODEL: expected torch for the network {model!r} (pip install 'ersde-theory[torch]'), got: {error}"
        raise ValueError(message) from None
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        message = f"--device: expected a device of this machine, got {device!r} ({str(error).splitlines()[0]})"
        raise ValueError(message) from None
    return load_denoiser(model, trust_pickle=trust_pickle, device=device)


def _feature_maps(target: str | None, shape: tuple[int, ...], device: str, *, shipped: bool) -> dict[str, Any]:
    """Return the user's feature map, and for digits the shipped classifier's."""
    maps = {}
    if shipped:
        try:
            from ersde_theory.models.digits import digits_classifier

            maps["digits classifier"] = module_features(digits_classifier(), shape, device)
        except ImportError:
            pass  # without torch there is no classifier, and the law is measured all the same
    if target is not None:
        name, features = load_features(target, shape, device)
        maps[name] = features
    return maps


def _in_tf32(denoise: Any, *, allowed: bool) -> Callable[[Any, float], Any]:
    """Return a denoiser whose products may, or may not, be rounded to TF32 on a GPU."""

    @contextmanager
    def switched() -> Iterator[None]:
        import torch

        before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before

    def run(y: Any, noise_level: float) -> Any:
        with switched():
            return denoise(y, noise_level)

    return run


def _source(model: str) -> str:
    """Return the text of the file that makes a model, if it is one."""
    path = Path(model.rpartition(":")[0])
    return path.read_text(encoding="utf-8", errors="replace") if path.suffix == ".py" and path.is_file() else ""


def _finite_range(
    noise_range: tuple[float, float], data: np.ndarray, say: Callable[[str], None]
) -> tuple[float, float]:
    """Return the levels to stay in; a range that goes to 0 or infinity is cut, which is said."""
    scale = float(np.sqrt((data**2).mean())) or 1.0
    low, high = noise_range
    low, high = low if low > 0.0 else _LOW * scale, high if np.isfinite(high) else _HIGH * scale
    if (low, high) != tuple(noise_range):
        say(
            f"levels are {low:.3g} to {high:.3g}: those of the model, {noise_range[0]:g} to {noise_range[1]:g}, are cut"
        )
    return low, high


def _network_parts(denoiser: NetworkDenoiser) -> list[Any]:
    """Return the weights and all else that a network's answers follow from: conventions, condition, guidance."""
    import torch

    from ersde_theory.models import Prediction

    def plain(value: Any) -> Any:
        return value.detach().cpu().double().numpy() if isinstance(value, torch.Tensor) else repr(value)

    low, high = denoiser.noise_range
    parts: list[Any] = [denoiser.name, denoiser.shape, low, high, denoiser.guidance, denoiser.learned_variance]
    for level in np.geomspace(max(low, 1e-6), min(high, 1e6), 9).tolist():
        at = denoiser.levels.at(min(max(level, low), high))
        parts += [at, Prediction.of(denoiser.prediction).weights(at.alpha, at.sigma)]
    for keywords in (denoiser.condition, denoiser.unconditional or {}):
        parts += [item for name, value in sorted(keywords.items()) for item in (name, plain(value))]
    if isinstance(denoiser.network, torch.nn.Module):
        parts += [item for name, value in denoiser.network.state_dict().items() for item in (name, plain(value))]
    return parts


def _versions() -> tuple[str, ...]:
    """Return the versions of what computes."""
    import torch

    return (torch.__version__, np.__version__)
