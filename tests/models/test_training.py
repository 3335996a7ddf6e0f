"""Training: the same seed gives the same bytes, however often the run was killed and wherever."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from analytic.data import handwritten_digits  # noqa: E402
from ersde_theory.models import training  # noqa: E402
from ersde_theory.models._checkpoint import read_tensors  # noqa: E402
from ersde_theory.models._digits_tasks import edm_scales, sigma_data, task  # noqa: E402
from ersde_theory.models.training import CHECKPOINT, train, weights_name  # noqa: E402

STEPS, BATCH = 8, 4
SMALL = {"steps": STEPS, "batch": BATCH, "save_every": 1}


class Stopped(Exception):
    """Raised in the middle of a run by a test."""


def stop_at(step):
    """Return an `advance` that stops the run after a step."""

    def advance(done):
        if done == step:
            raise Stopped

    return advance


def weights(folder, kind):
    """Return the bytes of a finished run's weights."""
    return (Path(folder) / weights_name(kind)).read_bytes()


def quietly(kind, folder):
    """Train in a process of its own."""
    train(kind, folder, **SMALL)


@pytest.mark.parametrize("kind", ["edm", "flow", "classifier"])
def test_same_seed_gives_same_bytes_and_a_stop_changes_nothing(kind, tmp_path):
    """Assert that two runs, one stopped and resumed with other checkpoints, write the same weights and losses."""
    whole = train(kind, tmp_path / "whole", **SMALL)
    with pytest.raises(Stopped):
        train(kind, tmp_path / "cut", steps=STEPS, batch=BATCH, save_every=2, advance=stop_at(5))
    steps_seen = []
    cut = train(kind, tmp_path / "cut", steps=STEPS, batch=BATCH, advance=steps_seen.append)
    assert steps_seen == list(range(5, STEPS + 1))  # on from the checkpoint after step 4
    assert weights(tmp_path / "cut", kind) == weights(tmp_path / "whole", kind)
    assert np.array_equal(whole["loss"], cut["loss"])


def test_another_seed_gives_other_weights(tmp_path):
    """Assert that the comparison of bytes can fail: one step of another seed differs."""
    for seed in (0, 1):
        train("classifier", tmp_path / str(seed), steps=1, batch=BATCH, seed=seed)
    assert weights(tmp_path / "0", "classifier") != weights(tmp_path / "1", "classifier")


def test_lost_momentum_would_be_noticed(tmp_path, monkeypatch):
    """Assert that a resumption which forgets the optimiser's state ends with other bytes."""
    train("classifier", tmp_path / "whole", **SMALL)
    with pytest.raises(Stopped):
        train("classifier", tmp_path / "cut", **SMALL, advance=stop_at(5))
    restore = training.restore_state

    def forgetful(state, network, average, optimiser):
        restore({k: v for k, v in state.items() if not k.startswith("optimiser")}, network, average, optimiser)

    monkeypatch.setattr(training, "restore_state", forgetful)
    train("classifier", tmp_path / "cut", **SMALL)
    assert weights(tmp_path / "cut", "classifier") != weights(tmp_path / "whole", "classifier")


def test_run_killed_at_random_moments_ends_as_an_uninterrupted_one(tmp_path, rng):
    """Assert that SIGKILL at random moments, until the run gets through, changes no bit of its weights."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ersde_theory.models.training", "sklearn.datasets"])
    train("edm", tmp_path / "whole", **SMALL)
    kills, patience = 0, 0.1
    deadline = time.monotonic() + 300.0
    while True:
        process = context.Process(target=quietly, args=("edm", str(tmp_path / "cut")))
        process.start()
        process.join(rng.uniform(0.0, patience))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            kills += 1
            patience *= 1.25  # a slow machine gets through at last
        elif process.exitcode == 0:
            break
        assert process.exitcode in (0, -signal.SIGKILL)
        assert time.monotonic() < deadline
    assert kills >= 3
    assert weights(tmp_path / "cut", "edm") == weights(tmp_path / "whole", "edm")
    assert sorted(p.name for p in (tmp_path / "cut").iterdir()) == [CHECKPOINT, weights_name("edm")]


def test_other_settings_are_refused_and_named(tmp_path):
    """Assert that a folder with a run of other settings is left alone, and that the message says which."""
    train("classifier", tmp_path, steps=1, batch=BATCH)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match=r"expected the settings .*\{'steps': 1\}, got \{'steps': 2\}"):
        train("classifier", tmp_path, steps=2, batch=BATCH)
    with pytest.raises(ValueError, match="'kind': 'classifier'"):
        train("flow", tmp_path, steps=1, batch=BATCH)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign"])
def test_damaged_checkpoint_is_named(damage, tmp_path):
    """Assert that a truncated, empty or foreign checkpoint is reported, not overwritten."""
    train("classifier", tmp_path, steps=1, batch=BATCH)
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[: len(whole) // 2], "empty": b"", "foreign": b"not a checkpoint"}[damage])
    with pytest.raises(ValueError, match="expected a whole safetensors file"):
        train("classifier", tmp_path, steps=1, batch=BATCH)


def test_weights_in_the_place_of_a_checkpoint_are_named(tmp_path):
    """Assert that a renamed file of weights is not taken for a checkpoint."""
    train("classifier", tmp_path, steps=1, batch=BATCH)
    (tmp_path / weights_name("classifier")).replace(tmp_path / CHECKPOINT)
    with pytest.raises(ValueError, match="expected the checkpoint of a run, got the weights of one"):
        train("classifier", tmp_path, steps=1, batch=BATCH)


def test_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    """Assert that a write which fails keeps the file before it, and that the run goes on from there."""
    train("classifier", tmp_path / "whole", **SMALL)
    replace = Path.replace

    def full(self, target):
        if full.left == 0:
            raise OSError(28, "No space left on device", str(target))
        full.left -= 1
        return replace(self, target)

    full.left = 3
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        train("classifier", tmp_path / "cut", **SMALL)
    monkeypatch.undo()
    _, description = read_tensors(tmp_path / "cut" / CHECKPOINT)
    assert description["step"] == 3
    train("classifier", tmp_path / "cut", **SMALL)
    assert weights(tmp_path / "cut", "classifier") == weights(tmp_path / "whole", "classifier")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "edn"}, "did you mean 'edm'"),
        ({"steps": 0}, "steps: expected an integer >= 1, got 0"),
        ({"batch": 1}, "batch: expected an integer >= 2, got 1"),
        ({"threads": 0}, "threads: expected an integer >= 1, got 0"),
        ({"seed": -1}, "seed: expected an integer >= 0"),
        ({"device": "cuda:77"}, "device: expected one that torch can use here"),
        ({"device": "gpu"}, "device: expected one that torch can use here"),
    ],
)
def test_wrong_argument_is_refused_before_anything_is_written(arguments, message, tmp_path):
    """Assert that a wrong argument is named and leaves no folder behind."""
    settings = {"kind": "classifier", "steps": 1, "batch": BATCH} | arguments
    with pytest.raises(ValueError, match=message):
        train(folder=tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()


def test_loss_that_is_not_finite_stops_the_run(tmp_path, monkeypatch):
    """Assert that a loss of nan stops with its step, and never reaches a checkpoint."""
    monkeypatch.setattr(training, "_schedule", lambda step, _: float("nan") if step == 2 else 1.0)
    with pytest.raises(FloatingPointError, match="at step 4"):
        train("classifier", tmp_path, **SMALL)


def test_scales_are_those_that_give_unit_variance():
    """Assert that EDM's input and target have the size that follows from the data, variance 1 about the mean."""
    chosen = task("edm", batch=4096)
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, x, signal, label):
            seen.append((x, signal, label))
            return torch.zeros_like(x)

    loss = chosen.loss(Spy(), 0, 0, torch.device("cpu"))
    x, signal, label = seen[0]
    levels = torch.exp(4.0 * signal)
    square = (handwritten_digits().pixels ** 2).mean() + 0.01  # more than sigma_data^2: the mean is not 0
    skip, out, scale, _ = edm_scales(levels.double())
    rows = x.square().mean(dim=(1, 2, 3)).double()
    close = 5.0 * float(rows.std()) / len(rows) ** 0.5
    assert float(rows.mean()) == pytest.approx(float((scale**2 * (square + levels**2)).mean()), abs=close)
    target = ((1.0 - skip) ** 2 * square + (skip * levels) ** 2) / out**2
    assert float(loss) == pytest.approx(float(target.mean()), abs=close)
    assert 0.0015 < float(levels.min()) < 0.0025
    assert 70.0 < float(levels.max()) < 110.0
    assert (label == 10).double().mean() == pytest.approx(0.2, abs=0.03)
    skip, out, scale, noise = edm_scales(torch.tensor(0.5, dtype=torch.float64))
    total = sigma_data() ** 2 + 0.25
    assert float(skip**2 * total + out**2) == pytest.approx(sigma_data() ** 2)
    assert float(scale**2 * total) == pytest.approx(1.0)
    assert float(noise) == pytest.approx(np.log(0.5) / 4.0)
