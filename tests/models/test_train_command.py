"""``ersde train-digits``: what it prints, what it leaves, and its exit status."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from ersde_theory.cli import app  # noqa: E402
from ersde_theory.models import training  # noqa: E402
from ersde_theory.models.digits import digits_classifier  # noqa: E402
from ersde_theory.records import Record  # noqa: E402


def run(*arguments):
    """Run the command."""
    return CliRunner().invoke(app, ["train-digits", *map(str, arguments)])


def test_run_leaves_weights_that_load_and_a_loss_curve(tmp_path):
    """Assert that a short run ends with usable weights, a Record and a picture."""
    record = tmp_path / "curve.json"
    result = run("--kind", "classifier", "--out", tmp_path, "--steps", 2, "--json", record)
    assert result.exit_code == 0, result.output
    assert "2 steps in" in result.output
    names = {path.name for path in tmp_path.iterdir()}
    assert {"digits-classifier.safetensors", "digits-training.png", "checkpoint.safetensors"} <= names
    assert Record.load(record)["step"].tolist() == [1, 2]
    features, _ = digits_classifier(tmp_path / "digits-classifier.safetensors")(torch.zeros(2, 64))
    assert features.shape == (2, 32)


def test_other_run_in_the_folder_is_refused(tmp_path):
    """Assert that another run's folder is a wrong argument."""
    assert run("--kind", "classifier", "--out", tmp_path, "--steps", 1).exit_code == 0
    result = run("--kind", "classifier", "--out", tmp_path, "--steps", 2)
    assert result.exit_code == 2
    assert "steps" in result.output


@pytest.mark.parametrize(
    "arguments",
    [("--kind", "edn"), ("--steps", 0), ("--device", "tpu9"), ("--threads", 0), ("--seed", -1)],
    ids=lambda pair: pair[0],
)
def test_wrong_argument_ends_with_status_two(arguments, tmp_path):
    """Assert that what cannot be meant is refused before any work."""
    result = run("--out", tmp_path / "new", *arguments)
    assert result.exit_code == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted after step 0; the same command goes on"),
        (OSError(28, "No space left on device", "checkpoint"), 1, "No space left on device"),
        (FloatingPointError("loss: expected a finite number, got nan at step 3"), 1, "got nan at step 3"),
    ],
    ids=["Ctrl-C", "full disk", "nan"],
)
def test_what_stops_a_run_is_said(error, status, words, tmp_path, monkeypatch):
    """Assert that an interrupted run, a full disk and a loss of nan each have their words and status."""

    def stopped(*_, **__):
        raise error

    monkeypatch.setattr(training, "train", stopped)
    result = run("--kind", "classifier", "--out", tmp_path)
    assert result.exit_code == status
    assert words in result.output


def test_folder_that_is_a_file_is_named(tmp_path):
    """Assert that a file in the place of the folder ends with status 1 and its name."""
    (tmp_path / "file").write_text("")
    result = run("--kind", "classifier", "--steps", 1, "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert "file" in result.output
