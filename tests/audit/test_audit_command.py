"""``ersde audit`` on whole callables: verdicts, status, page, misuse."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ersde_theory.audit import command
from ersde_theory.cli import app
from ersde_theory.records import Record

pytest.importorskip("torch")

SAMPLERS = Path(__file__).with_name("_samplers_to_audit.py")
SHORT = ["--steps", "12", "--ladder", "10,20,40,80"]


def run(*arguments):
    """Run the command and return its result."""
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def audited(tmp_path, name, *arguments):
    """Audit a sampler of the file; return status, output and Record."""
    result = run(f"{SAMPLERS}:{name}", "--out", tmp_path, "--json", tmp_path / "a.json", *SHORT, *arguments)
    return result.exit_code, result.output, Record.from_json((tmp_path / "a.json").read_text("utf-8"))


def test_right_sampler_has_status_0_and_a_page_that_needs_nothing(tmp_path):
    """Assert that a right sampler is called correct, and that its page asks nothing of the network."""
    status, output, record = audited(tmp_path, "euler")
    assert status == 0, output
    assert record.settings["verdict"] == "correct"
    assert record.settings["nearest"] == "ER-SDE-1 (published) with φ = ode"
    assert record.settings["bias_vanishes"] is True
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "correct" in page
    assert not re.findall(r'(?:src|href)\s*=\s*"(?!data:|#)', page)
    assert "url(" not in page
    assert "@import" not in page
    assert json.loads((tmp_path / "audit.json").read_text("utf-8"))["name"] == "audit"


@pytest.mark.parametrize(
    ("arguments", "causes"),
    [
        (["nodes=60"], ["riemann-sum"]),
        (["nodes=60", "clip=1e-3"], ["riemann-sum", "noise-clip"]),
        (["quiet_from=0"], ["noise-off"]),
        (["scale=1.1"], ["noise-factor"]),
    ],
    ids=["riemann", "riemann and clip", "off", "factor"],
)
def test_faults_of_whole_callables_are_named(tmp_path, arguments, causes):
    """Assert that faults in running code are found, and that the status is 1."""
    given = [part for argument in arguments for part in ("--kwargs", argument)]
    status, output, record = audited(tmp_path, "er_sde_2", *given, "--ladder", "0")
    assert status == 1, output
    assert record["fault"].tolist() == causes


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_enough_for_a_right_sampler_and_its_share_is_said(tmp_path, dtype):
    """Assert that round-off of the state is no fault, that the verdict has the tolerance, and that 10 % are seen."""
    status, output, record = audited(tmp_path, "er_sde_2", "--ladder", "0", "--dtype", dtype)
    assert status == 0, output
    assert re.search(r"with φ = exp_power \(compared to \d\S* % only\)", record.settings["reason"])
    status, output, _ = audited(tmp_path, "er_sde_2", "--ladder", "0", "--dtype", dtype, "--kwargs", "scale=1.1")
    assert status == 1, output


def test_right_er_sde_2_is_recognised(tmp_path):
    """Assert that the same code without faults is ER-SDE-2 with exp_power."""
    status, output, record = audited(tmp_path, "er_sde_2", "--ladder", "0")
    assert status == 0, output
    assert record.settings["nearest"] == "ER-SDE-2 (published) with φ = exp_power"


def test_sampler_that_is_not_linear_is_undecidable(tmp_path):
    """Assert that clipped data predictions are reported, with status 1 and a page."""
    status, output, record = audited(tmp_path, "thresholding", "--ladder", "0")
    assert status == 1, output
    assert record.settings["verdict"] == "not linear"
    assert record.settings["problems"]
    assert (tmp_path / "index.html").exists()


def test_sampler_that_returns_nan_has_a_page_and_a_record(tmp_path):
    """Assert that a sampler of which no table can be read gets its verdict, with the reason and no made-up numbers."""
    status, output, record = audited(tmp_path, "divided", "--ladder", "0")
    assert status == 1, output
    assert record.settings["verdict"] == "not linear"
    assert record.settings["reason"] == "the final state has nan"
    assert record.settings["precision"] is None
    assert "nan" in (tmp_path / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("sample_riemann", [], "riemann-sum"),
        ("sample_silenced", [], "noise-off"),
        ("sample_flow_without_alpha", ["--parametrisation", "const"], "noise-alpha"),
    ],
)
def test_examples_have_the_faults_that_they_say(tmp_path, name, arguments, fault):
    """Assert that each of the samplers to try the audit on has its one fault."""
    target = f"ersde_theory.audit.examples:{name}"
    result = run(target, "--out", tmp_path, "--steps", "10", "--ladder", "0", *arguments)
    assert result.exit_code == 1, result.output
    record = Record.from_json((tmp_path / "audit.json").read_text("utf-8"))
    assert record["fault"].tolist() == [fault]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "package.module:callable"),
        (["no_such_module:f"], "no_such_module"),
        (["no_such_file.py:f"], "no_such_file.py"),
        ([f"{SAMPLERS}:eulr"], "did you mean 'euler'"),
        ([f"{SAMPLERS}:euler", "--schedule", "flo"], "did you mean 'flow'"),
        ([f"{SAMPLERS}:euler", "--schedule", "flow"], "--parametrisation const"),
        ([f"{SAMPLERS}:euler", "--convention", "k-difusion"], "did you mean 'k-diffusion'"),
        ([f"{SAMPLERS}:euler", "--steps", "ten"], "--steps"),
        ([f"{SAMPLERS}:euler", "--steps", "1"], "steps"),
        ([f"{SAMPLERS}:euler", "--ladder", "10,20"], "ladder: expected at least 4"),
        ([f"{SAMPLERS}:euler", "--kwargs", "nothing"], "name=value"),
        ([f"{SAMPLERS}:euler", "--kwargs", "wrong=1"], "wrong"),
        ([f"{SAMPLERS}:euler", "--against", "adam"], "did you mean 'adams'"),
        ([f"{SAMPLERS}:euler", "--dtype", "float23"], "float32"),
        ([f"{SAMPLERS}:phi"], "convention"),
    ],
)
def test_misuse_has_status_2_and_says_what_was_expected(tmp_path, arguments, says):
    """Assert that a wrong argument is answered in words."""
    result = run(*arguments, "--out", tmp_path)
    assert result.exit_code == 2, result.output
    assert says in re.sub(r"[\s│]+", " ", result.output)


@pytest.mark.parametrize("how", ["raise", "type", "shape"])
def test_error_of_the_target_has_status_1_and_its_place(tmp_path, how):
    """Assert that what the running target raises is no fault of the arguments, and is said without our own frames."""
    result = run(f"{SAMPLERS}:failing", "--kwargs", f"how={how}", "--out", tmp_path)
    assert result.exit_code == 1, result.output
    assert result.output.startswith("error: the target raised ")
    assert re.search(r"\(_samplers_to_audit\.py, line \d+\)$", result.output.strip())


@pytest.mark.parametrize("text", ["import sys; sys.exit(0)", "def f(x, d, a, b): raise SystemExit(0)"])
def test_target_that_ends_the_program_is_not_correct(tmp_path, text):
    """Assert that a sampler cannot give itself the status of a right one."""
    (tmp_path / "quits.py").write_text(text, "utf-8")
    result = run(f"{tmp_path / 'quits.py'}:f", "--out", tmp_path)
    assert result.exit_code == 1
    assert "ends the program" in result.output


@pytest.mark.parametrize(
    ("how", "says"), [("never", "never asks the model"), ("nothing", "NoneType"), ("flat", "has shape (24,)")]
)
def test_target_without_a_final_state_of_its_own_is_told_so(tmp_path, how, says):
    """Assert that what is no sampler has a verdict that says why."""
    status, output, record = audited(tmp_path, "failing", "--kwargs", f"how={how}", "--ladder", "0")
    assert status == 1, output
    assert says in record.settings["reason"]


def test_module_that_cannot_be_run_is_a_wrong_argument(tmp_path):
    """Assert that an error in the file is answered in words."""
    (tmp_path / "broken.py").write_text("1 +", "utf-8")
    result = run(f"{tmp_path / 'broken.py'}:f", "--out", tmp_path)
    assert result.exit_code == 2
    assert "SyntaxError" in result.output


def test_interruption_has_status_130(tmp_path, monkeypatch):
    """Assert that an interrupted audit says so."""

    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("ersde_theory.audit.targets.judge", interrupted)
    result = run(f"{SAMPLERS}:euler", "--out", tmp_path)
    assert result.exit_code == 130
    assert "interrupted" in result.output


_ALONE = """
import sys
from typer.testing import CliRunner
from ersde_theory.audit import command
from ersde_theory.cli import app
result = CliRunner().invoke(app, ["audit", *sys.argv[1:], "--steps", "4", "--ladder", "0"])
assert result.exit_code == 0, result.output
print("torch._dynamo" in sys.modules)
import torch
print(torch.compile(lambda x: x + 1.0, backend="eager")(torch.ones(1)).item())
"""


@pytest.mark.parametrize("target", ["diffusers:DDIMScheduler", f"{SAMPLERS}:euler"])
def test_compiler_of_torch_is_not_imported_and_works_afterwards(tmp_path, target):
    """Assert that an audit does without what takes as long to import as torch, and leaves it in working order."""
    if target.startswith("diffusers"):
        pytest.importorskip("diffusers")
    call = [sys.executable, "-W", "ignore", "-c", _ALONE, target, "--out", str(tmp_path)]
    arguments = ["--kwargs", "clip_sample=False"] if target.startswith("diffusers") else []
    done = subprocess.run([*call, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["False", "2.0"], done.stderr


def test_error_while_a_target_is_imported_is_said_with_its_place(tmp_path):
    """Assert that an error of the kinds that we raise ourselves is known for the file's own."""
    (tmp_path / "mine.py").write_text('x = 1\nraise ValueError("at import")\n')
    result = run(f"{tmp_path / 'mine.py'}:sample")
    words = " ".join(result.output.replace("│", " ").split())
    assert result.exit_code == 2
    assert "importing it failed: ValueError: at import (mine.py, line 2)" in words
    result = run(f"{tmp_path / 'none.py'}:sample")
    assert "expected an existing file" in result.output
    assert "importing" not in result.output


@pytest.mark.parametrize(
    ("target", "hidden"),
    [
        ("diffusers:DDIMScheduler", True),
        ("diffusers.schedulers:DDIMScheduler", True),
        ("diffusers_of_mine.py:sample", False),
        ("diffusers_of_mine:sample", False),
        ("diffusers/examples/mine.py:Scheduler", False),
    ],
)
def test_compiler_of_torch_is_there_for_targets_of_a_users_own(target, hidden, monkeypatch):
    """Assert that only diffusers itself is imported without it; a file of a like name may use it."""
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    collecting = gc.isenabled()
    with command._quick_imports(target):
        assert ("torch._dynamo" in sys.modules) is hidden
    assert "torch._dynamo" not in sys.modules
    assert gc.isenabled() is collecting
