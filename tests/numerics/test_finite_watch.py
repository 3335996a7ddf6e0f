"""Values that are not finite are named with row, level and first sample, also where the host reads seldom."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory import NoiseScale, TimeGrid, _finite_watch, sample, schemes
from ersde_theory.sampling import NonFiniteError
from tests.numerics.test_tableau import heun_pec

torch = pytest.importorskip("torch")

TAB = schemes.exponential_adams(TimeGrid.karras(12, 8.0, 0.05), NoiseScale.exp_power(), 3)
SMALL, LARGE = 20, 6000  # rows: the second is worth the compiled pass


@pytest.fixture(params=["compiled", "at once", "every 5th"])
def way(request, monkeypatch):
    """Give the ways in which a tensor's values are looked at."""
    monkeypatch.setenv("ERSDE_NUMBA", "1" if request.param == "compiled" else "0")
    if request.param == "every 5th":
        made = _finite_watch._OnDevice.__init__

        def seldom(self, *arguments):
            made(self, *arguments)
            self._every = 5

        monkeypatch.setattr(_finite_watch._OnDevice, "__init__", seldom)
    return request.param


def spoiled(row: int, samples, bad: float = float("nan"), calls: list[float] | None = None, tab=TAB):
    """Return a denoiser whose answer at a row of the tableau is spoiled in some samples."""
    level = float(tab.noise_level[row])

    def denoise(y, noise_level):
        if calls is not None:
            calls.append(noise_level)
        value = y / (1.0 + noise_level**2)
        if noise_level == level:
            value[samples, -1] = bad
        return value

    return denoise


@pytest.mark.parametrize("rows", [SMALL, LARGE])
@pytest.mark.parametrize("row", [0, 4, 11])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_first_bad_value_is_named(way, rows, row, bad):
    """Assert row, level and sample of the error, the last row included, wherever and however it is noticed."""
    start = torch.ones((rows, 2), dtype=torch.float32)
    message = rf"at row {row} .*noise level {TAB.noise_level[row]:g}\), first in sample 13$"
    with pytest.raises(NonFiniteError, match=message):
        sample(TAB, spoiled(row, [13, 17], bad), start, 1)
    with pytest.raises(NonFiniteError, match=rf"at row {row} .*sample 113$"):
        sample(TAB, spoiled(row, [13, 17], bad), start, 1, first_row=100)


def test_torch_says_what_numpy_says(way):
    """Assert the same message from both libraries, in a table that uses a value late (predictor and corrector)."""
    tab = heun_pec()
    start = np.ones((SMALL, 2))
    for row in np.flatnonzero(tab.evaluation >= 0):
        said = []
        for x in (start, torch.asarray(start)):
            with pytest.raises(NonFiniteError) as error:
                sample(tab, spoiled(int(row), [3], tab=tab), x, 1)
            said.append(str(error.value))
        assert said[0] == said[1]


def test_host_reads_seldom_where_reading_means_waiting(way):
    """Assert how many evaluations a bad value costs: none on the CPU, up to the fifth where every fifth is read."""
    calls: list[float] = []
    with pytest.raises(NonFiniteError):
        sample(TAB, spoiled(1, [0], calls=calls), torch.ones((LARGE, 2)), 1)
    assert len(calls) == (5 if way == "every 5th" else 2)


def test_device_that_reads_seldom_makes_few_readings(monkeypatch):
    """Assert that a clean run of 40 evaluations reads the device's number twice on its way and once at the end."""
    monkeypatch.setenv("ERSDE_NUMBA", "0")
    reads = []
    finish = _finite_watch._OnDevice.finish
    monkeypatch.setattr(_finite_watch._OnDevice, "finish", lambda self: (reads.append(1), finish(self))[1])
    made = _finite_watch._OnDevice.__init__
    monkeypatch.setattr(
        _finite_watch._OnDevice,
        "__init__",
        lambda self, *a: (made(self, *a), setattr(self, "_every", _finite_watch.READ_EVERY))[0],
    )
    tab = schemes.er_sde(TimeGrid.karras(40, 8.0, 0.05), NoiseScale.ode(), 1)
    sample(tab, lambda y, _: 0.5 * y, torch.ones((SMALL, 2)))
    assert len(reads) == 3


def test_error_of_a_denoiser_that_was_fed_nan_is_not_the_message(way):
    """Assert that the value that was not finite is named, and not what a denoiser makes of its consequences."""

    def choosy(y, noise_level):
        if not bool(torch.isfinite(y).all()):
            message = "I take numbers only"
            raise RuntimeError(message)
        return spoiled(2, [5])(y, noise_level)

    with pytest.raises(NonFiniteError, match=r"at row 2 .*sample 5"):
        sample(TAB, choosy, torch.ones((SMALL, 2)), 1)


def test_other_errors_of_a_denoiser_come_through(way):
    """Assert that an error without a bad value is the denoiser's own."""

    def broken(y, noise_level):
        message = "broken"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="broken"):
        sample(TAB, broken, torch.ones((SMALL, 2)), 1)


def test_infinite_sum_of_finite_values_is_no_error(way):
    """Assert that only entries count."""
    tab = schemes.er_sde(TimeGrid([2.0, 1.0]), NoiseScale.ode(), 1)
    got = sample(tab, lambda y, _: 0.0 * y + 1e38, torch.zeros((LARGE, 2), dtype=torch.float32))
    assert bool(torch.isfinite(got).all())


def test_state_that_overflows_is_not_the_denoisers_fault():
    """Assert that finite values are not blamed for a combination that is not finite."""
    watch = _finite_watch.finite_watch(torch.zeros((3, 2)), [2.0, 1.0, 0.5], 0)
    watch.came(0, torch.ones((3, 2)), 0)
    watch.used({0: torch.ones((3, 2))}, finite=False)
    watch.came(1, torch.tensor([[1.0, 1.0], [1.0, float("inf")], [1.0, 1.0]]), 1)
    with pytest.raises(NonFiniteError, match=r"at row 1 .*noise level 1\), first in sample 1$"):
        watch.used({1: torch.tensor([[1.0, 1.0], [1.0, float("inf")], [1.0, 1.0]])}, finite=False)
