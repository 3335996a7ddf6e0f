"""Checkpoints come back as they were written; nothing in one runs; each fault is named with what was expected."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys

import pytest

from ersde_theory.models import diffusers_denoiser, load_denoiser, load_into, load_weights
from tests.project._source import ROOT

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
pytestmark = pytest.mark.usefixtures("no_network")


def network() -> torch.nn.Module:
    """Return a small network with floating weights and an integer buffer."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))


def changed(**entries):
    """Return the network's weights with some entries replaced; None removes one."""
    weights = {k.replace("_", ".", 1): v for k, v in entries.items()}
    state = {**network().state_dict(), **weights}
    return {k: v for k, v in state.items() if v is not None}


class Harmful:
    """A pickle of this writes a file when it is opened."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return (exec, (f"open({self.target!r}, 'w').close()",))


@pytest.mark.parametrize("layout", ["safetensors", "torch", "torch legacy", "no ending", "folder", "shards", "entry"])
def test_weights_come_back_as_they_were_written(layout, tmp_path):
    """Assert that every layout gives the same tensors, by content and not by the file's ending."""
    state, entry = network().state_dict(), None
    path = tmp_path / "weights.bin"
    if layout == "safetensors":
        safetensors_torch.save_file(state, path)  # a misleading ending does not matter
    elif layout in ("torch", "no ending"):
        path = tmp_path / ("weights" if layout == "no ending" else "weights.pt")
        torch.save(state, path)
    elif layout == "torch legacy":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif layout == "folder":
        path = tmp_path
        safetensors_torch.save_file(state, tmp_path / "diffusion_pytorch_model.safetensors")
    elif layout == "shards":
        path = tmp_path
        names = sorted(state)
        parts = {"a.safetensors": names[:3], "b.safetensors": names[3:]}
        for file, members in parts.items():
            safetensors_torch.save_file({k: state[k] for k in members}, tmp_path / file)
        index = {"weight_map": {k: file for file, members in parts.items() for k in members}}
        (tmp_path / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    else:
        entry = "ema"
        torch.save({"step": 3, "model": {"a": torch.ones(1)}, "ema": state}, path)
    found = load_weights(path, entry=entry)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)
    target = network()
    torch.nn.init.zeros_(target[0].weight)
    load_into(target, path, entry=entry)
    assert torch.equal(target[0].weight, state["0.weight"])


def test_safetensors_that_begin_like_a_pickle_are_read(tmp_path):
    """Assert that a header whose length begins with the byte of a pickle, one in 32, is not taken for one."""
    file = tmp_path / "model.safetensors"
    for padding in range(256):
        safetensors_torch.save_file({"a": torch.ones(1)}, file, metadata={"padding": "x" * padding})
        if file.read_bytes()[:1] == b"\x80":
            assert load_weights(file)["a"].item() == 1.0
            return
    pytest.fail("no header began like a pickle")


def test_half_precision_weights_fill_a_float32_network(tmp_path):
    """Assert that another floating type is cast to the network's."""
    file = tmp_path / "half.safetensors"
    safetensors_torch.save_file({k: v.half() if v.is_floating_point() else v for k, v in changed().items()}, file)
    target = network()
    load_into(target, file)
    assert target[0].weight.dtype == torch.float32


@pytest.mark.parametrize("legacy", [False, True])
def test_pickle_that_runs_code_is_refused_with_an_explanation(legacy, tmp_path):
    """Assert that nothing runs, that the error says why and what to do, and that trust loads it, code and all."""
    proof, file = tmp_path / "ran", tmp_path / "model.pt"
    torch.save({"weight": torch.ones(1), "x": Harmful(proof)}, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(
        ValueError, match=r"a pickle that can run code .*exec.* trust_pickle=True \(--trust-pickle"
    ) as info:
        load_weights(file)
    assert str(file) in str(info.value)
    assert not proof.exists()
    with pytest.raises(ValueError, match="expected names and tensors, got a dict"):
        load_weights(file, trust_pickle=True)  # the pickle's None is no tensor, but its code has run
    assert proof.exists()


def test_plain_pickle_is_refused_too(tmp_path):
    """Assert that a file written by pickle itself, as NVlabs' are, does not run."""
    proof, file = tmp_path / "ran", tmp_path / "network-snapshot.pkl"
    file.write_bytes(pickle.dumps(Harmful(proof)))
    with pytest.raises(ValueError, match="a pickle that can run code"):
        load_weights(file)
    assert not proof.exists()
    file.write_bytes(pickle.dumps({"ema": network()}))
    assert load_weights(file, entry="ema", trust_pickle=True).keys() == network().state_dict().keys()


def test_whole_module_is_loaded_only_with_trust(tmp_path):
    """Assert that a pickled module, which is code, needs trust and then gives its weights."""
    file = tmp_path / "module.pt"
    torch.save(network(), file)
    with pytest.raises(ValueError, match="a pickle that can run code"):
        load_weights(file)
    assert load_weights(file, trust_pickle=True).keys() == network().state_dict().keys()


@pytest.mark.parametrize("keep", [0, 4, 9, 60, -9])
@pytest.mark.parametrize("kind", ["safetensors", "torch", "torch legacy"])
def test_truncated_file_is_called_that(kind, keep, tmp_path):
    """Assert that a file cut off anywhere gives an error that names it and what was expected."""
    file = tmp_path / "model"
    if kind == "safetensors":
        safetensors_torch.save_file(network().state_dict(), file)
    else:
        torch.save(network().state_dict(), file, _use_new_zipfile_serialization=kind == "torch")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"model: expected .* got (an empty|a truncated|one that begins|a damaged)"):
        load_weights(file)


def test_text_in_disguise_is_refused(tmp_path):
    """Assert that a web page or a Git LFS pointer under a checkpoint's name is shown by how it begins."""
    file = tmp_path / "model.safetensors"
    for text in ("version https://git-lfs.github.com/spec/v1\n", "<!doctype html>", "x"):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"expected safetensors or a file of torch.save, got one that begins"):
            load_weights(file)


def test_safetensors_with_a_damaged_header_is_refused(tmp_path):
    """Assert that a header that is no JSON, or has other fields, is called damaged."""
    file = tmp_path / "model.safetensors"
    for header in (b"{not json", b'{"a": 3}', b'{"a": {"dtype": "F32"}}'):
        file.write_bytes(len(header).to_bytes(8, "little") + header)
        with pytest.raises(ValueError, match="a safetensors header of names, types and offsets, got a damaged"):
            load_weights(file)
    header = b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}'
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ValueError, match="expected safetensors, got a damaged file"):
        load_weights(file)


def test_missing_files_and_folders_are_named(tmp_path):
    """Assert that what is not there is said, and what is there instead is listed."""
    with pytest.raises(FileNotFoundError, match="expected a checkpoint, got no such file"):
        load_weights(tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match=r"diffusion_pytorch_model.safetensors or a file like it, got nothing"):
        load_weights(tmp_path)
    (tmp_path / "readme.md").write_text("x")
    with pytest.raises(FileNotFoundError, match=r"got readme.md"):
        load_weights(tmp_path)
    for k in range(9):
        (tmp_path / f"log{k}").write_text("x")
    with pytest.raises(FileNotFoundError, match=r"got log0, log1, log2, log3, log4, log5 and 4 others$"):
        load_weights(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "gone.safetensors"}}))
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        load_weights(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../gone.safetensors"}}))
    with pytest.raises(ValueError, match="expected shards in the same folder"):
        load_weights(tmp_path)
    index.write_text("[]")
    with pytest.raises(ValueError, match="expected JSON with a weight_map"):
        load_weights(tmp_path)


def test_file_without_permission_is_called_that(tmp_path, monkeypatch):
    """Assert that missing rights are not mistaken for a missing or damaged file."""
    file = tmp_path / "model.safetensors"
    safetensors_torch.save_file(network().state_dict(), file)
    file.chmod(0)
    if os.access(file, os.R_OK):  # root reads everything
        monkeypatch.setattr("pathlib.Path.open", _denied)
    with pytest.raises(PermissionError, match="expected a readable file, got no permission"):
        load_weights(file)


def _denied(*_, **__):
    raise PermissionError


FAULTS = {
    "missing": (changed(**{"0_weight": None, "2_bias": None}), r"2 of 9 names missing \(first 0.weight\)"),
    "unexpected": (changed(extra_a=torch.ones(1)), r"1 unexpected names \(first extra.a\)"),
    "shape": (
        changed(**{"0_weight": torch.ones(3, 4)}),
        r"1 wrong shapes \(first 0.weight: expected \(4, 3\), got \(3, 4\)\)",
    ),
    "integer": (
        changed(**{"0_weight": torch.ones(4, 3, dtype=torch.int64)}),
        r"1 wrong types \(first 0.weight: expected torch.float32, got torch.int64\)",
    ),
    "complex": (changed(**{"2_bias": torch.ones(2, dtype=torch.complex64)}), r"got torch.complex64"),
    "nan": (
        changed(**{"2_bias": torch.tensor([1.0, torch.nan])}),
        r"nan or inf in 1 tensors \(first 2.bias: 1 values\)",
    ),
    "inf": (changed(**{"2_bias": torch.tensor([torch.inf, torch.inf])}), r"2 values"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_of_another_network_are_refused_whole(fault, tmp_path):
    """Assert that each fault is named with its number and first case, and that the network is left as it was."""
    weights, words = FAULTS[fault]
    file = tmp_path / "model.pt"
    torch.save(weights, file)
    target = network()
    before = {k: v.clone() for k, v in target.state_dict().items()}
    with pytest.raises(ValueError, match=words) as info:
        load_into(target, file)
    assert f"{file}: expected the weights of a Sequential" in str(info.value)
    assert all(torch.equal(before[k], v) for k, v in target.state_dict().items())


def test_nested_checkpoint_asks_which_entry(tmp_path):
    """Assert that the entries with tensors are named, and a wrong one is refused."""
    file = tmp_path / "train.pt"
    torch.save({"step": 3, "model": {"a": torch.ones(1)}, "ema": {"a": torch.ones(1)}}, file)
    with pytest.raises(ValueError, match="the entries 'model', 'ema' are: say which with entry="):
        load_weights(file)
    with pytest.raises(ValueError, match="expected tensors under 'optimizer', got 'step', 'model', 'ema'"):
        load_weights(file, entry="optimizer")


def test_a_connection_would_have_failed_the_test():
    """Assert that the fixture which forbids the network does so."""
    with pytest.raises(AssertionError, match="asked for the network"):
        socket.create_connection(("localhost", 9))


# ---------------------------------------------------------------------- models by one word


def test_unknown_targets_are_explained(tmp_path):
    """Assert that each wrong word for a model gets an error that says what words there are."""
    for word, words in {
        "digit": r"expected digits, digits-flow, a diffusers folder or FILE.py:FACTORY, got 'digit'; did you",
        "mine.py": "expected the name of a function too",
        f"{tmp_path}/none.py:make": "got no such file",
    }.items():
        with pytest.raises(ValueError, match=words):
            load_denoiser(word)
    file = tmp_path / "mine.py"
    file.write_text("def make_it():\n    return 3\n")
    with pytest.raises(ValueError, match="did you mean 'make_it'"):
        load_denoiser(f"{file}:makeit")
    with pytest.raises(TypeError, match="expected a NetworkDenoiser, got 3"):
        load_denoiser(f"{file}:make_it")


def test_missing_libraries_are_named_with_the_way_to_get_them(tmp_path, monkeypatch):
    """Assert that without torch, or diffusers for its folders, the error says what to install."""
    code = "import sys; sys.modules['torch'] = None; from ersde_theory.models import load_denoiser"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "load_denoiser: expected torch and safetensors" in ran.stderr.splitlines()[-1]
    assert "pip install 'ersde-theory[torch]'" in ran.stderr
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="pip install diffusers"):
        diffusers_denoiser(tmp_path)
