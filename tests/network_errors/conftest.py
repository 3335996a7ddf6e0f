"""Models of a user's: files with a factory, and data beside them."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from ersde_theory.cli import app
from paper_figures import output

FACTORIES = '''
import os, time
import torch
from ersde_theory.models import NetworkDenoiser, SigmaLevels


class Shrink(torch.nn.Module):
    """The exact denoiser of N(0, 1/4), as a module."""

    def __init__(self):
        super().__init__()
        self.variance = torch.nn.Parameter(torch.tensor(0.25))

    def forward(self, x, sigma):
        return self.variance / (self.variance + sigma[:, None].to(x.dtype) ** 2) * x


class Broken(Shrink):
    """Gives nan for the second sample below a level of 1."""

    def forward(self, x, sigma):
        value = super().forward(x, sigma)
        if float(sigma[0]) < 1.0:
            value[1] = float("nan")
        return value


def shrink():
    return NetworkDenoiser(Shrink(), "x0", SigmaLevels((0.002, 80.0)), shape=(2,), name="shrink")


def misdeclared():
    return NetworkDenoiser(Shrink(), "epsilon", SigmaLevels((0.002, 80.0)), shape=(2,), name="misdeclared")


class Slow(Shrink):
    """Takes its time in the second process, so that the first has to wait for it."""

    def forward(self, x, sigma):
        if os.environ.get("RANK") == "1":
            time.sleep(0.01)
        return super().forward(x, sigma)


def slow():
    return NetworkDenoiser(Slow(), "x0", SigmaLevels((0.002, 80.0)), shape=(2,), name="slow")


def broken():
    return NetworkDenoiser(Broken(), "x0", SigmaLevels((0.002, 80.0)), shape=(2,), name="broken")


def squares():
    return lambda x: torch.cat([x, x**2], dim=1)
'''


@pytest.fixture
def factories(tmp_path):
    """Give the path of a file with factories."""
    path = tmp_path / "mine.py"
    path.write_text(FACTORIES)
    return path


@pytest.fixture
def data(tmp_path):
    """Give the path of data of N(0, 1/4)."""
    path = tmp_path / "data.npy"
    np.save(path, 0.5 * np.random.default_rng(0).standard_normal((512, 2)))
    return path


@pytest.fixture
def measure(tmp_path, monkeypatch):
    """Give ``ersde measure`` with its results in a temporary folder, without drawing."""

    def write(record, folder):
        record.save(folder / f"{record.name}.json")
        return []

    monkeypatch.setattr(output, "write", write)
    return lambda *arguments: CliRunner().invoke(
        app, ["measure", *(str(a) for a in arguments), "--out", str(tmp_path / "out")]
    )
