"""The atlas: its command, its Record and its page."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from ersde_theory.audit import Calling, Readout, Verdict, Word, atlas, audit_sampler
from ersde_theory.audit._atlas_entries import ENTRIES
from ersde_theory.audit._atlas_record import Row, merged, record, table
from ersde_theory.audit._stable_diffusion_cpp import compiled_er_sde
from ersde_theory.records import Record
from tests.project._source import ROOT

FOUND = Record.from_json((ROOT / "docs" / "records" / "atlas.json").read_text("utf-8"))


def run(*arguments):
    """Run the command."""
    app = typer.Typer()
    app.command()(atlas._main)
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_page_has_the_table_of_the_record():
    """Assert that the numbers of the page are those of the Record."""
    assert table(FOUND) in (ROOT / "docs" / "atlas.md").read_text("utf-8")


def test_record_has_the_faults_that_the_page_names():
    """Assert that each kind of fault of the page's list is in the Record, with its program."""
    faults = dict(zip(zip(FOUND["program"], FOUND["label"], strict=True), FOUND["faults"], strict=True))
    assert "sigma-for-lambda" in faults["sdnext", "flow, order 1"]
    assert "noise-off" in faults["invokeai", "VP, stochastic = False"]
    assert "noise-off" in faults["comfyui", "er_sde, s_noise = 0"]
    assert "100 nodes at the lower (left)" in faults["release", "VE, order 3"]
    assert "200 nodes at the lower (left)" in faults["comfyui", "er_sde, float64"]
    assert "100 nodes at the upper (right)" in faults["sdnext", "VP, order 2"]
    assert "noise-clip" in faults["release", "VE, order 3"]
    assert "noise-round-off" in faults["comfyui", "er_sde, φ = x, float32"]
    assert "200 nodes at the lower (left)" in faults["stable-diffusion.cpp", "er_sde"]
    assert "noise-off" in faults["stable-diffusion.cpp", "er_sde, eta = 0"]
    stays = FOUND["vanishes"][(FOUND["program"] == "sdnext") & (FOUND["label"] == "flow, order 1")]
    assert stays.tolist() == ["no"]


def test_entries_of_the_record_are_known_and_carry_commits():
    """Assert that the Record holds entries of the command, each with a commit, and no path."""
    known = {(entry.program, entry.label) for entry in ENTRIES}
    assert set(zip(FOUND["program"].tolist(), FOUND["label"].tolist(), strict=True)) <= known
    assert all(len(commit) == 12 for commit in FOUND["commit"].tolist())
    assert np.isfinite(FOUND["variance_error"]).any(axis=1).sum() > 20


def checkout(folder, text="raise RuntimeError('broken at ' + __file__)"):
    """Write the release's file into a folder, and return the option that names it."""
    (folder / "er_sde_solver.py").write_text(text, "utf-8")
    return "--checkout", f"release={folder}@0123456789ab"


def test_program_that_cannot_be_run_is_a_line_of_its_own(tmp_path):
    """Assert that what it raises is the reason, without a path of this machine."""
    result = run(*checkout(tmp_path), "--json", tmp_path / "atlas.json", "--only", "VE, order 1")
    assert result.exit_code == 0, result.output
    found = Record.from_json((tmp_path / "atlas.json").read_text("utf-8"))
    assert found["verdict"].tolist() == ["not run"]
    assert "broken at" in found["reason"][0]
    assert str(tmp_path) not in (tmp_path / "atlas.json").read_text("utf-8")


def test_program_that_cannot_be_run_any_more_does_not_replace_its_numbers(tmp_path):
    """Assert that the entries that are there stay, that the command says so, and that one without numbers goes."""
    file = tmp_path / "atlas.json"
    FOUND.save(file)
    result = run(*checkout(tmp_path), "--json", file, "--only", "VE, order")
    assert result.exit_code == 0, result.output
    assert result.output.count("broken at") == result.output.count("the earlier entry stays") == 3
    assert Record.load(file)["commit"].tolist() == FOUND["commit"].tolist()
    fresh = tmp_path / "fresh.json"
    for _ in range(2):
        result = run(*checkout(tmp_path), "--json", fresh, "--only", "VE, order 1")
        assert "stays" not in result.output


@pytest.mark.parametrize("there", [True, False], ids=["file", "folder"])
def test_mistyped_checkout_is_refused_and_nothing_is_lost(tmp_path, there):
    """Assert status 2, words, and an untouched Record, for a folder without the file and for none."""
    file = tmp_path / "atlas.json"
    FOUND.save(file)
    kept, wrong = file.read_bytes(), tmp_path if there else tmp_path / "mistyped"
    result = run("--checkout", f"release={wrong}@0123456789ab", "--json", file)
    said = "".join(result.output.split()).replace("│", "")
    assert result.exit_code == 2
    assert f"expecteder_sde_solver.pyinthecheckoutofrelease,gotnosuch{'file' if there else 'folder'}:" in said
    assert file.read_bytes() == kept


def test_entry_that_is_audited_again_takes_the_place_of_the_old_one(tmp_path, monkeypatch):
    """Assert that the other entries of a Record stay bit for bit, in their places, each with its own origin."""
    file = tmp_path / "atlas.json"
    FOUND.save(file)
    where = FOUND["label"].tolist().index("VE, order 2")
    read = Readout("f", "step", None, np.ones(1), np.ones(2), "float64", False, ("it clips",), np.nan)
    verdict = Verdict(Word.NOT_LINEAR, "it clips", read)
    monkeypatch.setattr(atlas, "audited", lambda entry, found: Row(entry, found.commit, verdict, "", 1.0))
    result = run(*checkout(tmp_path), "--json", file, "--only", "VE, order 2")
    assert result.exit_code == 0, result.output
    assert "stays" not in result.output
    found = Record.load(file)
    others = np.arange(FOUND["label"].size) != where
    assert found["verdict"][where] == "not linear"
    assert found["commit"][where] == "0123456789ab"
    assert found["origin"][where] != FOUND["origin"][where]
    for name, array in FOUND.arrays.items():
        if array.dims[0] == "entry":
            assert np.array_equal(found[name][others], array.values[others], equal_nan=array.values.dtype.kind == "f")


def test_atlas_of_other_steps_is_not_merged():
    """Assert that numbers of another ladder are refused."""
    new = record([Row(ENTRIES[0], "25ca6c2", None, "no such file", 0.0)], 0.0)
    assert merged(FOUND, new)["label"].size == FOUND["label"].size
    with pytest.raises(ValueError, match="another"):
        merged(replace(FOUND, settings={"steps": [20]}), new)


def test_file_that_is_no_atlas_of_the_same_steps_is_refused_before_the_work(tmp_path, monkeypatch):
    """Assert status 2 and no audit for another ladder, for no Record, and for a label that there is not."""

    def audited(*_):
        raise AssertionError

    monkeypatch.setattr(atlas, "audited", audited)
    other, damaged = tmp_path / "other.json", tmp_path / "damaged.json"
    replace(FOUND, settings={"steps": [20]}).save(other)
    damaged.write_text("{", "utf-8")
    call = (*checkout(tmp_path), "--json")
    assert [run(*call, file).exit_code for file in (other, damaged)] == [2, 2]
    assert run(*call, tmp_path / "new.json", "--only", "no such label").exit_code == 2
    assert isinstance(run(*call, tmp_path / "new.json").exception, AssertionError)


# Our own few lines in the place of a checkout: Euler's step for the ODE, with the interface of stable-diffusion.cpp.
_CPP = {
    "core/tensor.hpp": """
        #include <cstdint>
        struct RNG { virtual void manual_seed(uint64_t) = 0; virtual std::vector<float> randn(uint32_t n) = 0; };
        namespace sd { template <class T> struct Tensor {
            std::vector<int64_t> s; std::vector<T> v;
            Tensor() = default;
            Tensor(std::vector<int64_t> shape) : s(shape), v(shape[0]) {}
            Tensor(std::vector<int64_t> shape, std::vector<T> values) : s(shape), v(values) {}
            const std::vector<int64_t>& shape() const { return s; }
            const T* data() const { return v.data(); }
            T* data() { return v.data(); }
            bool empty() const { return v.empty(); }
        }; }""",
    "runtime/guidance.h": "namespace sd::guidance { struct GuiderOutput { sd::Tensor<float> pred; }; }",
    "runtime/denoiser.hpp": """
static sd::Tensor<float> sample_er_sde(denoise_cb_t model, sd::Tensor<float> x, std::vector<float> sigmas,
                                       std::shared_ptr<RNG> rng, bool, float eta) {
    for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
        auto d = model(x, sigmas[i], i + 1).pred;
        if (d.empty()) return {};
        auto noise = eta > 0.0f ? rng->randn(x.v.size()) : std::vector<float>(x.v.size());
        for (size_t j = 0; j < x.v.size(); ++j)
            x.v[j] = d.v[j] + (x.v[j] - d.v[j]) * (WRONG sigmas[i + 1] / sigmas[i]) + eta * sigmas[i + 1] * noise[j];
    }
    return x;
}
""",
}


@pytest.mark.parametrize(
    ("wrong", "eta", "verdict"), [("", 0.0, "correct: ER-SDE-1"), ("0.9f *", 0.0, ""), ("", 1.0, "")]
)
def test_sampler_in_cpp_is_compiled_and_read(wrong, eta, verdict, tmp_path):
    """Assert that states, levels and noise go to C++ and back, by a right sampler and two wrong ones."""
    pytest.importorskip("torch")
    sampler = compiled_er_sde(_sampler_in_cpp(tmp_path, wrong))
    found = audit_sampler(sampler, Calling("k-diffusion", "eps", arguments={"eta": eta}), (10,), ())
    assert found.readout.linear, found.readout.problems
    assert found.readout.tableau.n_draws == (10 if eta else 0)
    assert str(found).startswith(verdict) if verdict else not found.word.is_correct


def test_text_that_does_not_compile_and_errors_of_the_model_are_passed_on(tmp_path):
    """Assert that nothing is lost on the way through C++, and that no folder of this machine is told."""
    torch = pytest.importorskip("torch")
    file = _sampler_in_cpp(tmp_path)

    def broken(_x, _sigma):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        compiled_er_sde(file)(broken, torch.ones(1, 3), torch.tensor([1.0, 0.5]))
    file.write_text(file.read_text("utf-8").replace("return x;", "return nothing;"), "utf-8")
    with pytest.raises(RuntimeError, match=r"expected text that compiles, got …/.*error.*nothing"):
        compiled_er_sde(file)


@pytest.mark.parametrize(
    "fault", ["throw 1;", "return sd::Tensor<float>({3});", "model(sd::Tensor<float>({3}), 1, 1);"]
)
def test_exceptions_of_cpp_and_states_of_another_shape_are_errors_of_python(fault, tmp_path):
    """Assert that they do not end the process, and that no memory but the state's is read or written."""
    torch = pytest.importorskip("torch")
    file = _sampler_in_cpp(tmp_path)
    start, levels = torch.ones(1, 5), torch.tensor([1.0, 0.5])
    assert compiled_er_sde(file)(lambda x, _sigma: x, start, levels, eta=0.0).tolist() == start.tolist()
    said = f"{{ {fault} }} if (true) return {{}};"
    file.write_text(file.read_text("utf-8").replace("    for (size_t i", said + "\n    for (size_t i"), "utf-8")
    asked = []
    with pytest.raises(RuntimeError, match="expected a state of the start's shape"):
        compiled_er_sde(file)(lambda x, _sigma: asked.append(x), start, levels)
    assert not asked


def test_as_many_random_numbers_are_drawn_as_cpp_asks_for(tmp_path):
    """Assert it for twice as many as the state has, and that they are torch's, by their seed."""
    torch = pytest.importorskip("torch")
    file = _sampler_in_cpp(tmp_path)
    body = "auto noise = rng->randn(2 * x.v.size()); for (auto& v : x.v) v = noise[x.v.size() + (&v - x.data())];"
    file.write_text(
        file.read_text("utf-8").replace("    for (size_t i", body + " return x;\n    for (size_t i"), "utf-8"
    )
    torch.manual_seed(1)
    found = compiled_er_sde(file)(lambda x, _sigma: x, torch.ones(1, 5), torch.tensor([1.0, 0.5]))
    torch.manual_seed(1)
    assert found.tolist() == [torch.randn(10)[5:].tolist()]


def _sampler_in_cpp(folder, wrong=""):
    """Write the files of a checkout, and return the sampler's."""
    if not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("needs a C++ compiler")
    for name, text in _CPP.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text.replace("WRONG", wrong), "utf-8")
    return folder / "runtime" / "denoiser.hpp"


@pytest.mark.parametrize("text", ["release", "release=here", "forge=here@0", "=@"])
def test_wrong_checkouts_are_refused(text):
    """Assert that a checkout of another form or name has status 2."""
    assert run("--checkout", text).exit_code == 2
