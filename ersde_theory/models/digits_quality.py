r"""How far the digits networks are from the denoiser that they were trained towards, which is known exactly.

The data of the training are draws of ``analytic.digits_law(0.1)``, so the loss has its minimum at that law's denoiser
:math:`D^*`; with a label, at that of the images of the label. Run as

    python -m ersde_theory.models.digits_quality --json docs/records/digits-networks.json
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analytic import EmpiricalDistribution, Gaussian
from analytic.data import digits_law, handwritten_digits
from ersde_theory import _checks
from ersde_theory.models._digits_samples import ROWS, samples
from ersde_theory.models._digits_tasks import BANDWIDTH, NOISE_RANGE, classifier_split, sigma_data
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models.digits import SHAPE, digits_classifier, digits_denoiser
from ersde_theory.progress import progress_bar
from ersde_theory.records import LabelledArray, Record

NETWORKS = ("edm", "flow")
TRIVIAL = ("input", "mean", "affine")
LEVELS = np.geomspace(*NOISE_RANGE, 24)
IMAGES = 2048
SUBSET = 64  # the first rows alone, for a quick check
_BATCH = 256
_TIMED = 20


def squared_errors(denoiser: Callable[..., Any], law: Any, level: float, images: int, seed: int) -> np.ndarray:
    r"""Return the squared distance of a denoiser from a law's own at noised draws of it, per coordinate.

    Parameters
    ----------
    denoiser : callable
        Of torch images of shape (n, 1, 8, 8) and a level.
    law : law of 64 dimensions
        Gives the draws, :math:`y = x_0 + \lambda\varepsilon`, and :math:`D^*`.
    level : float
        Noise level.
    images : int
        Draws; the first k of them are the same for every number.
    seed : int
        Of the draws.

    Returns
    -------
    float64 array of shape (images,)
        Mean over the coordinates of the squared difference.

    Examples
    --------
    >>> error = squared_errors(lambda y, level: y, digits_law(0.1), 0.01, 8, 0)
    >>> error.shape, bool(0.0005 < error.mean() ** 0.5 < 0.005)
    ((8,), True)
    """
    y = law.sample(images, noise_level=level, seed=seed)
    difference = np.concatenate(
        [
            denoiser(torch.from_numpy(part.reshape(-1, *SHAPE)), level).numpy().reshape(len(part), -1)
            - law.denoise(part, level)
            for part in (y[i : i + _BATCH] for i in range(0, images, _BATCH))
        ]
    )
    return np.asarray(np.mean(difference**2, axis=1))


def root_mean_square(squares: np.ndarray) -> tuple[float, float]:
    """Return the root of a mean of independent squares, and its standard error.

    Parameters
    ----------
    squares : array of shape (n,)
        Two or more, not all zero.

    Returns
    -------
    value, standard_error : float

    Examples
    --------
    >>> root_mean_square(np.array([4.0, 4.0]))
    (2.0, 0.0)
    """
    value = float(np.sqrt(squares.mean()))
    return value, float(squares.std(ddof=1) / np.sqrt(squares.size) / (2.0 * value))


def study(images: int = IMAGES, *, seed: int = 0, advance: Callable[[float], None] | None = None) -> Record:
    """Return the quality of the three networks.

    Parameters
    ----------
    images : int
        Noised draws per network and level, at least 64.
    seed : int
        Of the draws; no noise of the training is among them.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    Record
        Named ``digits-networks``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    It takes minutes; ``docs/digits_networks.md`` has its numbers.

    >>> study(8)
    Traceback (most recent call last):
        ...
    ValueError: images: expected an integer >= 64, got 8
    """
    begin = time.perf_counter()
    count = _checks.integer(images, "images", minimum=SUBSET)
    start = _checks.integer(seed, "seed", minimum=0)
    networks = [digits_denoiser(kind).to(dtype=torch.float64) for kind in NETWORKS]
    found: dict[str, list[float]] = {}
    for done, level in enumerate(LEVELS.tolist()):
        for name, value in _at_level(networks, level, count, start):
            found.setdefault(name, []).append(value)
        if advance is not None:
            advance((done + 1) / (LEVELS.size + 2))
    arrays = {
        "network": LabelledArray(("network",), np.array(NETWORKS)),
        "trivial": LabelledArray(("trivial",), np.array(TRIVIAL)),
        "noise_level": LabelledArray(("level",), LEVELS),
        **_by_level(found),
        **_costs(networks),
        **_accuracies(),
        "samples": LabelledArray(("row", "column", "pixel"), samples(start).round(4)),
        "row_label": LabelledArray(("row",), np.array([_row_label(*row) for row in ROWS])),
    }
    settings = {
        "images": count,
        "subset": SUBSET,
        "seed": start,
        "bandwidth": BANDWIDTH,
        "sigma_data": sigma_data(),
        "network_precision": "float64",
        "timed_batch": _BATCH,
        "threads": torch.get_num_threads(),
    }
    return Record("digits-networks", settings, arrays, seconds=time.perf_counter() - begin)


def _at_level(networks: list[NetworkDenoiser], level: float, images: int, seed: int) -> Iterator[tuple[str, float]]:
    """Yield the name and value of every error at one level; names end with what they belong to."""
    law = digits_law(BANDWIDTH)
    affine = Gaussian(law.mean, law.covariance())
    for kind, denoiser in zip(NETWORKS, networks, strict=True):
        squares = squared_errors(denoiser, law, level, images, seed)
        value, spread = root_mean_square(squares)
        yield f"error.{kind}", value
        yield f"error_se.{kind}", spread
        yield f"error_of_subset.{kind}", root_mean_square(squares[:SUBSET])[0]
        value, spread = _conditional(denoiser, level, images, seed)
        yield f"conditional_error.{kind}", value
        yield f"conditional_error_se.{kind}", spread
    stands = {
        "input": lambda y, _: y,
        "mean": lambda y, _: torch.tensor(law.mean).reshape(SHAPE).expand_as(y),
        "affine": lambda y, lam: torch.from_numpy(affine.denoise(y.numpy().reshape(len(y), -1), lam)).reshape(y.shape),
    }
    for name in TRIVIAL:
        yield f"trivial_error.{name}", root_mean_square(squared_errors(stands[name], law, level, images, seed))[0]


def _conditional(denoiser: NetworkDenoiser, level: float, images: int, seed: int) -> tuple[float, float]:
    """Return the error with labels, against the law of the images of each label, all digits alike."""
    digits = handwritten_digits()
    squares = [
        squared_errors(
            denoiser.with_condition(label=torch.tensor([digit])),
            EmpiricalDistribution(digits.pixels[digits.labels == digit], BANDWIDTH),
            level,
            max(2, images // 10),
            seed + 1 + digit,
        )
        for digit in range(10)
    ]
    return root_mean_square(np.concatenate(squares))


def _by_level(found: dict[str, list[float]]) -> dict[str, LabelledArray]:
    """Return labelled arrays of values per level, stacked by network or trivial denoiser."""
    arrays = {}
    for name in dict.fromkeys(key.partition(".")[0] for key in found):
        dim, members = ("trivial", TRIVIAL) if name == "trivial_error" else ("network", NETWORKS)
        arrays[name] = LabelledArray((dim, "level"), np.array([found[f"{name}.{member}"] for member in members]))
    return arrays


def _costs(networks: list[NetworkDenoiser]) -> dict[str, LabelledArray]:
    """Return parameters, floating-point operations per image, and milliseconds per evaluation of a batch."""
    modules: list[Any] = [denoiser.network for denoiser in networks]
    x = torch.zeros(_BATCH, *SHAPE, dtype=torch.float64)
    counts, operations = [], []
    for module in modules:
        with FlopCounterMode(display=False) as counter:
            module(x, torch.zeros(1, dtype=torch.float64))
        counts.append(sum(p.numel() for p in module.parameters()))
        operations.append(counter.get_total_flops() / _BATCH)
    times = [[_milliseconds(module.to(dtype), x.to(dtype)) for module in modules] for dtype in _PRECISIONS]
    return {
        "parameters": LabelledArray(("network",), np.array(counts)),
        "operations": LabelledArray(("network",), np.array(operations), "FLOP per image"),
        "precision": LabelledArray(("precision",), np.array([str(d).removeprefix("torch.") for d in _PRECISIONS])),
        "evaluation": LabelledArray(("precision", "network"), np.array(times), "ms"),
    }


_PRECISIONS = (torch.float32, torch.float64)


def _milliseconds(module: nn.Module, x: torch.Tensor) -> float:
    """Return the shortest of several timings: what the machine does when nobody else uses it."""
    signal, times = torch.zeros(1, dtype=x.dtype), []
    with torch.inference_mode():
        for _ in range(_TIMED):
            begin = time.perf_counter()
            module(x, signal)
            times.append(time.perf_counter() - begin)
    return 1e3 * min(times)


def _accuracies() -> dict[str, LabelledArray]:
    """Return the classifier's share of right answers on training and held-out images, with standard errors."""
    digits, network = handwritten_digits(), digits_classifier()
    shares = []
    for indices in classifier_split():
        _, scores = network(torch.from_numpy(digits.pixels[indices]).float())
        shares.append((float((scores.argmax(dim=1).numpy() == digits.labels[indices]).mean()), len(indices)))
    accuracy, sizes = np.array([share for share, _ in shares]), np.array([size for _, size in shares])
    return {
        "split": LabelledArray(("split",), np.array(["training", "held out"])),
        "split_images": LabelledArray(("split",), sizes),
        "accuracy": LabelledArray(("split",), accuracy),
        "accuracy_se": LabelledArray(("split",), np.sqrt(accuracy * (1.0 - accuracy) / sizes)),
    }


def _row_label(kind: str, noise_scale: str, conditional: bool) -> str:
    """Return the name of a row of samples."""
    return f"{kind}, {noise_scale}" + (", label = column" if conditional else "")


def table(record: Record) -> str:
    """Return the errors per level as a Markdown table.

    Parameters
    ----------
    record : Record
        Made by :func:`study`.

    Returns
    -------
    str

    Examples
    --------
    >>> names = ("error", "error_se", "conditional_error", "conditional_error_se")
    >>> arrays = {name: LabelledArray(("network", "level"), np.full((2, 1), 0.1)) for name in names}
    >>> arrays["trivial_error"] = LabelledArray(("trivial", "level"), np.array([[0.5], [0.4], [0.2]]))
    >>> arrays["noise_level"] = LabelledArray(("level",), np.array([1.0]))
    >>> table(Record("digits-networks", {}, arrays)).splitlines()[-1].split(" | ")[-3:]
    ['2.00e-01 (affine)', '0.50', '0.50 |']
    """
    heads = [f"{kind}{given}" for kind in NETWORKS for given in ("", ", label given")]
    lines = [
        "| λ | " + " | ".join([*heads, "best trivial D", "edm / trivial", "flow / trivial"]) + " |",
        "|---" * 8 + "|",
    ]
    best, which = record["trivial_error"].min(axis=0), record["trivial_error"].argmin(axis=0)
    for k, level in enumerate(record["noise_level"].tolist()):
        cells = [
            f"{record[name][i, k]:.2e} ± {record[f'{name}_se'][i, k]:.0e}"
            for i in range(len(NETWORKS))
            for name in ("error", "conditional_error")
        ]
        cells.append(f"{best[k]:.2e} ({TRIVIAL[which[k]]})")
        cells += [f"{record['error'][i, k] / best[k]:.2f}" for i in range(len(NETWORKS))]
        lines.append(f"| {level:.3g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _main(
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Where the Record goes.")],
    images: Annotated[int, typer.Option(min=SUBSET, help="Noised draws per network and level.")] = IMAGES,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
) -> None:
    """Measure the digits networks against the exact denoiser and store the Record.

    \f

    Parameters
    ----------
    json_file : Path
        Of the Record.
    images : int
        Noised draws per network and level.
    seed : int
        Of the draws.
    """  # noqa: D301 - the form feed ends what --help shows
    with progress_bar(Console(stderr=True)) as progress:
        bar = progress.add_task("digits networks", total=1.0)
        record = study(images, seed=seed, advance=lambda share: progress.update(bar, completed=share))
    record.save(json_file)
    typer.echo(table(record))


if __name__ == "__main__":
    typer.run(_main)
