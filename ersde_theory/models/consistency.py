r"""Does a network denoise in the coordinates that its adapter says? Tests that need data, and no truth.

The residual :math:`x_0 - D(y, \lambda)` of the true denoiser is uncorrelated with *every* function of y. Three
functions show three faults, each as the slope of a regression of the residual:

- on :math:`y - D`: the noise is over- or underestimated;
- on :math:`D - E[x_0]`: the data are too bold or too timid;
- on :math:`\partial D/\partial\ln\lambda'`, the answer's change with the level that the network is *told*: the slope is
  the shift of the schedule itself, in ln lambda.

Besides, D is at least as good as the best affine estimator: as lambda goes to 0, it approaches the datum no slower than
lambda.

A trained network fails these as an exact denoiser would not: it scales the noise wrongly where it was seldom trained.
So each regression also says which *share* of the mean square error it explains, and :class:`Tolerance` says what is
put down to training.

What they cannot detect: a fault to which D is insensitive on these data (`resolution` says how large a shift of the
schedule goes unseen), or smaller than what training excuses; a wrong class or text; a network that was trained with
the fault. Data that the network was not trained on look like a fault.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ersde_theory import _checks
from ersde_theory.models._consistency_statistics import TOLD_STEP, pooled_ratio, statistics_at_level
from ersde_theory.models._network_denoiser import NetworkDenoiser
from ersde_theory.models._prediction import PREDICTION_NAMES
from ersde_theory.sampling import NonFiniteError

MIN_SAMPLES, HINT_SAMPLES = 32, 128
NOISE_STREAM = 20250
FALSE_ALARM = 1e-5
CHECKS = ("excess", "noise_slope", "data_slope", "level_shift")


@dataclass(frozen=True)
class Tolerance:
    """What is put down to training. The defaults let the shipped networks pass and notice gross faults.

    Attributes
    ----------
    excess : float
        How much worse than the best affine estimator, in mean square, relatively.
    share : float
        Part of the mean square error at a level that one regression may explain.
    shift : float
        Of the whole schedule, in ln lambda.

    Examples
    --------
    >>> Tolerance.exact()
    Tolerance(excess=0.0, share=0.0, shift=0.0)
    """

    excess: float = 0.05
    share: float = 0.4
    shift: float = 0.2

    def __post_init__(self) -> None:
        for name in ("excess", "share", "shift"):
            _checks.nonnegative_number(getattr(self, name), name)

    @staticmethod
    def exact() -> Tolerance:
        """Return that of a denoiser which claims to be exact: every significant deviation is a fault.

        Returns
        -------
        Tolerance
        """
        return Tolerance(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ConsistencyReport:
    r"""What :func:`check_consistency` found, per level and together.

    Attributes
    ----------
    name : str
        Of the denoiser.
    noise_level : float64 array of shape (L,)
    rms_residual : float64 array of shape (L,)
        RMS of :math:`D - x_0` per coordinate.
    excess : float64 array of shape (L, 2)
        Mean square of the residual over that of the best affine estimator, minus 1; with its standard error.
        At most 0 for the true denoiser.
    noise_slope, data_slope, level_shift : float64 arrays of shape (L, 3)
        Slopes of the regressions, their standard errors, and the share of the mean square error that they explain.
        0 for the true denoiser.
    pooled_shift : float64 array of shape (2,)
        The shift of all levels together, weighted by their precision.
    tolerance : Tolerance
    critical_z : float
        Deviations beyond this many standard errors are put down to a fault.
    problems : tuple of str
        What failed, in words; empty if nothing did.
    hint : str
        The prediction type with which nothing would have failed, if there is one.

    Examples
    --------
    >>> import torch
    >>> from ersde_theory.models import NetworkDenoiser, SigmaLevels
    >>> exact = NetworkDenoiser(lambda x, s: x / (1 + s[:, None] ** 2), "x0", SigmaLevels((0.1, 10.0)), shape=(4,))
    >>> report = check_consistency(exact, np.random.default_rng(0).normal(size=(500, 4)))
    >>> report.consistent, report.noise_level.shape
    (True, (12,))
    """

    name: str
    noise_level: np.ndarray
    rms_residual: np.ndarray
    excess: np.ndarray
    noise_slope: np.ndarray
    data_slope: np.ndarray
    level_shift: np.ndarray
    pooled_shift: np.ndarray
    tolerance: Tolerance
    critical_z: float
    problems: tuple[str, ...]
    hint: str = ""

    @property
    def consistent(self) -> bool:
        """Whether nothing failed."""
        return not self.problems

    @property
    def resolution(self) -> float:
        """Smallest shift of the whole schedule, in ln lambda, that would have been noticed."""
        return float(max(self.tolerance.shift, self.critical_z * self.pooled_shift[1]))

    def __str__(self) -> str:
        lines = [
            "slopes with standard error and share of the mean square error, 0 for an exact denoiser",
            "    level  rms/level  excess              noise                     data                      level shift",
        ]
        for i, lam in enumerate(self.noise_level):
            pairs = [f"{self.excess[i, 0]:+8.4f} ±{self.excess[i, 1]:<8.4f}"]
            for value, error, share in (getattr(self, check)[i] for check in CHECKS[1:]):
                pairs.append(f"{value:+8.4f} ±{error:<7.4f} {share:4.0%} ")
            lines.append(f"{lam:9.4g}  {self.rms_residual[i] / lam:9.4f}  {'  '.join(pairs)}")
        shift, error = self.pooled_shift
        lines.append(f"{self.name}: level shift of all together {shift:+.5f} ± {error:.5f} in ln lambda")
        lines += [f"{self.name}: {problem}" for problem in self.problems]
        if self.hint:
            lines.append(f"{self.name}: {self.hint}")
        lines += [] if self.problems else [f"{self.name}: consistent with the data"]
        return "\n".join(lines)


def check_consistency(
    denoiser: NetworkDenoiser,
    data: Any,
    *,
    levels: Any = None,
    seed: int = 0,
    tolerance: Tolerance | None = None,
) -> ConsistencyReport:
    """Test prediction type, schedule and scaling of a denoiser on clean data from the law it was trained on.

    Parameters
    ----------
    denoiser : NetworkDenoiser
        Without guidance, which changes the law.
    data : array or tensor of shape (n, *shape)
        At least 32 clean samples. Several hundred resolve a shift of a few per cent.
    levels : sequence of float, optional
        Noise levels. Default: 12, equal in the logarithm, over the trained range.
    seed : int
        Of the noise.
    tolerance : Tolerance, optional
        A trained network is not exact: what deviates by less is no fault.

    Returns
    -------
    ConsistencyReport

    Raises
    ------
    TypeError
        If the denoiser is not a NetworkDenoiser.
    ValueError
        If it is guided, or data or levels do not fit.
    NonFiniteError
        If the network returns nan or inf.

    Notes
    -----
    A check fails where it deviates by more than `tolerance` and by more standard errors than occur once in 10^5 reports
    of an exact denoiser. Cost: three evaluations of each datum a level, 400 data say a lot; after a failure as many of
    128 data for each other prediction type.

    Examples
    --------
    >>> from ersde_theory.models import SigmaLevels
    >>> wrong = NetworkDenoiser(lambda x, s: x / (1 + s[:, None] ** 2), "epsilon", SigmaLevels((0.1, 10.0)), shape=(4,))
    >>> check_consistency(wrong, np.random.default_rng(0).normal(size=(500, 4))).problems[0]
    'excess: at level 9.048 the mean square error is 67 times that of the best affine estimator'
    """
    _checks.instance(denoiser, "denoiser", NetworkDenoiser)
    if denoiser.guidance is not None:
        msg = "denoiser: expected one without guidance, which changes the law of the data, got guidance"
        raise ValueError(msg)
    allowed = Tolerance() if tolerance is None else _checks.instance(tolerance, "tolerance", Tolerance)
    clean = _checked_data(data, denoiser.shape)
    lam = _checked_levels(levels, denoiser.noise_range)
    report = _examine(denoiser, clean, lam, _checks.integer(seed, "seed", minimum=0), allowed)
    if report.consistent:
        return report
    some = clean[:HINT_SAMPLES]
    for other in PREDICTION_NAMES:
        try:
            if _examine(dataclasses.replace(denoiser, prediction=other), some, lam, seed, allowed).consistent:
                return dataclasses.replace(report, hint=f"as the prediction {other!r} the output is consistent")
        except (ValueError, NonFiniteError):  # a type that overflows, or does not determine x0 at some level
            continue
    return report


def _examine(
    denoiser: NetworkDenoiser, clean: Any, lam: np.ndarray, seed: int, tolerance: Tolerance
) -> ConsistencyReport:
    # a stream of its own: data drawn with the same seed must not equal the noise
    rng = np.random.default_rng([NOISE_STREAM, seed])
    found = [statistics_at_level(denoiser, clean, float(level), rng) for level in lam]
    columns = {name: np.array([item[name] for item in found]) for name in ("rms", *CHECKS)}
    pooled = pooled_ratio([item["shift_terms"] for item in found])
    critical = _critical_z(len(CHECKS) * len(lam) + 1)
    return ConsistencyReport(
        name=denoiser.name,
        noise_level=lam,
        rms_residual=columns["rms"],
        excess=columns["excess"],
        noise_slope=columns["noise_slope"],
        data_slope=columns["data_slope"],
        level_shift=columns["level_shift"],
        pooled_shift=pooled,
        tolerance=tolerance,
        critical_z=critical,
        problems=tuple(_problems(lam, columns, pooled, tolerance, critical)),
    )


def _critical_z(n_tests: int) -> float:
    from scipy.special import ndtri

    return float(-ndtri(FALSE_ALARM / (2.0 * n_tests)))


def _problems(
    lam: np.ndarray, columns: dict[str, np.ndarray], pooled: np.ndarray, tolerance: Tolerance, critical: float
) -> list[str]:
    """Return the worst level of each check that failed, in words."""
    words = {
        "excess": "the mean square error is {ratio:.3g} times that of the best affine estimator",
        "noise_slope": "the noise is {ratio:.4g} times what the network says",
        "data_slope": "the data vary {ratio:.4g} times as much as the network says",
        "level_shift": "the network denoises better when it is told a level {factor:.4g} times as high",
    }
    problems = []
    for check, text in words.items():
        value, error = columns[check][:, :2].T
        size = value if check == "excess" else np.abs(value)
        weight, allowed = (value, tolerance.excess) if check == "excess" else (columns[check][:, 2], tolerance.share)
        bad = (size > critical * error) & (weight > allowed)
        if bad.any():
            worst = int(np.argmax(np.where(bad, weight, -np.inf)))
            ratio, factor = 1.0 + value[worst], math.exp(min(value[worst], 99.0))
            problems.append(f"{check}: at level {lam[worst]:.4g} {text.format(ratio=ratio, factor=factor)}")
    if abs(pooled[0]) > max(tolerance.shift, critical * pooled[1]):
        side = "low" if pooled[0] > 0.0 else "high"
        problems.append(
            f"level_shift: over all levels, it is told a level too {side}, by {abs(pooled[0]):.3f} in ln lambda"
        )
    return problems


def _checked_data(data: Any, shape: tuple[int, ...]) -> Any:
    """Return clean data as a float64 or float32 tensor on the host."""
    if not isinstance(data, (np.ndarray, torch.Tensor)):
        msg = f"data: expected an array or tensor, got {_checks.describe(data)}"
        raise TypeError(msg)
    clean = torch.as_tensor(data)
    if not clean.is_floating_point() or tuple(clean.shape[1:]) != shape or clean.shape[0] < MIN_SAMPLES:
        msg = (
            f"data: expected floats of shape (n, {', '.join(map(str, shape))}) with n >= {MIN_SAMPLES}, "
            f"got shape {tuple(clean.shape)} and {clean.dtype}"
        )
        raise ValueError(msg)
    if not bool(clean.isfinite().all()):
        msg = "data: expected finite numbers, got nan or inf"
        raise ValueError(msg)
    return clean


def _checked_levels(levels: Any, noise_range: tuple[float, float]) -> np.ndarray:
    """Return levels at which the network can also be told a little more or less."""
    low, high = noise_range[0] * math.exp(TOLD_STEP), noise_range[1] * math.exp(-TOLD_STEP)
    if levels is None:
        return np.geomspace(low, min(high, 1e4), 12)
    lam = _checks.float64_array(levels, "levels", ndim=1)
    if not len(lam) or not bool(np.all((lam >= low * (1 - 1e-12)) & (lam <= high * (1 + 1e-12)))):
        msg = f"levels: expected levels in [{low:g}, {high:g}], a little inside the trained range, got {levels}"
        raise ValueError(msg)
    return lam


__all__ = ["ConsistencyReport", "Tolerance", "check_consistency"]
