"""``ersde measure``: tables, Records, pictures; going on after an interruption; messages for what is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from ersde_theory.cli import app
from ersde_theory.network_errors import command
from ersde_theory.records import Record

RUNNER = CliRunner()


def words(text):
    """Return a message without the frame and the line ends that the terminal puts in."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def test_own_model_is_measured_and_found_again(measure, factories, data, tmp_path):
    """Assert tables, summary, Records and one of all; and that the second run computes nothing and agrees."""
    pytest.importorskip("torch")
    table = tmp_path / "all.json"
    call = (f"{factories}:shrink", "--data", data, "--features", f"{factories}:squares", "--what", "e,f", "--quick")
    first = measure(*call, "--json", table)
    assert first.exit_code == 0, first.output
    assert "What lower precision adds" in first.stdout
    assert "bfloat16" in first.stdout
    assert "Fréchet" in first.stdout
    record = Record.load(table)
    summary = (tmp_path / "out" / "README.md").read_text()
    assert "(network-quality.png)" in summary
    assert "## (e) precision" in summary
    single = Record.load(tmp_path / "out" / "network-quality.json")
    np.testing.assert_array_equal(record["f.energy"], single["energy"])
    assert "frechet squares" in single.arrays
    second = measure(*call, "--json", table)
    assert "results were found in" in second.stdout
    np.testing.assert_array_equal(Record.load(table)["e.added"], record["e.added"])
    other = measure(*call, "--seed", "1")
    assert "were found in" not in other.stdout


def test_changed_weights_are_measured_anew(measure, factories, data):
    """Assert that results of other weights are not taken for these."""
    pytest.importorskip("torch")
    call = (f"{factories}:shrink", "--data", data, "--what", "network-quality", "--quick")
    assert measure(*call).exit_code == 0
    factories.write_text(factories.read_text().replace("torch.tensor(0.25)", "torch.tensor(0.2)"))
    again = measure(*call)
    assert again.exit_code == 0
    assert "were found in" not in again.stdout


def test_wrong_prediction_type_is_said_first(measure, factories, data, tmp_path):
    """Assert that a model declared as another type is told so, with the right one, and that the right one is not."""
    pytest.importorskip("torch")
    table = tmp_path / "all.json"
    for name, right in (("shrink", True), ("misdeclared", False)):
        result = measure(f"{factories}:{name}", "--data", data, "--what", "f", "--quick", "--json", table)
        assert result.exit_code == 0
        first = result.stdout.split("Distance of samples")[0]
        assert ("consistent with the data." in first) == right
        assert ("the data contradict what the model declares" in first.lower()) != right
        assert ("- as the prediction 'x0' the output is consistent" in first) != right
        assert (Record.load(table).settings["f"]["doubts"] == []) == right
        assert first in (tmp_path / "out" / "README.md").read_text()
    again = measure(f"{factories}:misdeclared", "--data", data, "--what", "f", "--quick")
    assert first in again.stdout


def test_nan_stops_with_step_level_and_sample_and_keeps_the_rest(measure, factories, data, tmp_path):
    """Assert status 1, the place of the first bad value, and a summary of what there is."""
    pytest.importorskip("torch")
    result = measure(f"{factories}:broken", "--data", data, "--what", "b,f", "--quick")
    assert result.exit_code == 1
    message = words(result.stderr)
    assert re.search(r"evaluation \d+ \(noise level 0\.\d+\), first in sample 1", message)
    assert "what is finished is kept" in message
    assert "Not finished: global errors" in (tmp_path / "out" / "README.md").read_text()
    inside = measure(f"{factories}:broken", "--data", data, "--what", "f", "--quick")
    assert re.search(r"row \d+ of the tableau \(noise level 0\.\d+\), first in sample 1", words(inside.stderr))


def test_interruption_leaves_a_readable_result_and_status_130(measure, factories, data, monkeypatch, tmp_path):
    """Assert that what was finished is written, and that the same command then goes on."""
    from ersde_theory.network_errors import quality

    pytest.importorskip("torch")
    call = (f"{factories}:shrink", "--data", data, "--what", "e,f", "--quick")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(quality, "_run", interrupted)
        result = measure(*call)
    assert result.exit_code == 130
    assert "interrupted: what is finished is kept" in result.stderr
    summary = (tmp_path / "out" / "README.md").read_text()
    assert "Not finished: distance of samples from the data." in summary
    assert "What lower precision adds" in summary
    again = measure(*call)
    assert again.exit_code == 0
    assert re.search(r"\d+ results were found in", again.stdout)


@pytest.mark.slow
def test_picture_is_drawn(tmp_path):
    """Assert that a run writes its picture."""
    result = RUNNER.invoke(app, ["measure", "exact", "--what", "f", "--quick", "--out", str(tmp_path / "o")])
    assert result.exit_code == 0
    assert (tmp_path / "o" / "network-quality.png").stat().st_size > 10_000
    assert (tmp_path / "o" / command.JOURNAL).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digitz",), "did you mean 'digits'?"),
        (("exact", "--what", "a,z"), "--what: expected one of network-one-step"),
        (("exact", "--what", "network-order"), "did you mean 'network-orders'?"),
        (("exact", "--dtype", "float8"), "--dtype: expected one of float64, float32, bfloat16, float16, got 'float8'"),
        (("exact", "--data", "x.npy"), "--data: expected none for exact"),
        (("{mine}:shrink",), "--data: expected a file with data of"),
        (("{mine}:shrink", "--data", "no.npy"), "--data: expected a file, got no such file"),
        (("{mine}:shrink", "--data", "{mine}"), "--data: expected a file .npy or .npz or .safetensors"),
        (("{mine}:shrunk", "--data", "{data}"), "did you mean 'shrink'?"),
        (("{mine}:shrink", "--data", "{data}", "--features", "no.py:f"), "--features: expected FILE.py:FACTORY"),
        (("{mine}:shrink", "--data", "{data}", "--device", "cuda:9"), "--device: expected a device of this machine"),
        (("{mine}:shrink", "--data", "{data}", "--seed", "-1"), "--seed"),
    ],
)
def test_misuse_gets_a_message_and_status_2(measure, factories, data, arguments, message):
    """Assert that what was expected and what came are said."""
    if arguments[0] not in ("exact",):
        pytest.importorskip("torch")
    given = [argument.format(mine=factories, data=data) for argument in arguments]
    result = measure(*given)
    assert result.exit_code == 2, result.output
    assert words(message) in words(result.stderr)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((200, 3)), "expected shape (n, 2), n >= 128, got (200, 3)"),
        (np.zeros((20, 2)), "expected shape (n, 2), n >= 128, got (20, 2)"),
        (np.zeros((200, 2), dtype=np.uint8), "expected floating point in the units of the model's x0"),
        (np.full((200, 2), np.nan), "expected finite numbers, got nan or inf"),
        (np.array([None]), "expected arrays that can be read without pickle"),
    ],
)
def test_wrong_data_get_a_message(measure, factories, tmp_path, array, message):
    """Assert that data of another shape, kind or size are refused with the reason."""
    pytest.importorskip("torch")
    path = tmp_path / "wrong.npy"
    np.save(path, array)
    result = measure(f"{factories}:shrink", "--data", path)
    assert result.exit_code == 2
    assert words(message) in words(result.stderr)


def test_archives_of_data_are_read_by_name(tmp_path):
    """Assert that .npz and .safetensors give the one array, or the one called data."""
    from ersde_theory.network_errors._data import load_data

    values = np.random.default_rng(0).standard_normal((130, 2)).astype(np.float32)
    np.savez(tmp_path / "a.npz", labels=np.zeros(130), data=values)
    np.testing.assert_array_equal(load_data(tmp_path / "a.npz", (2,)), values)
    np.savez(tmp_path / "b.npz", p=values, q=values)
    with pytest.raises(ValueError, match="it has p, q"):
        load_data(tmp_path / "b.npz", (2,))
    numpy_safetensors = pytest.importorskip("safetensors.numpy")
    numpy_safetensors.save_file({"only": values}, tmp_path / "c.safetensors")
    np.testing.assert_array_equal(load_data(tmp_path / "c.safetensors", (2,)), values)


def test_folder_that_cannot_be_written_is_said_before_the_work(tmp_path):
    """Assert status 1 and the folder's name."""
    (tmp_path / "file").write_text("")
    result = RUNNER.invoke(app, ["measure", "exact", "--quick", "--out", str(tmp_path / "file" / "out")])
    assert result.exit_code == 1
    assert "--out: expected a folder that can be written" in result.stderr
