"""The atlas: audits of public implementations, run from checkouts outside this repository.

    python -m ersde_theory.audit.atlas --checkout comfyui=PATH@COMMIT --checkout release=PATH@COMMIT …

Only numbers are kept: verdicts, causes, errors, with the commits that were audited.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import numpy as np
import typer
from rich.console import Console

from ersde_theory.audit.conventions import comfy_stand_ins, load_target
from ersde_theory.audit.readout import Readout, read_out
from ersde_theory.audit.targets import Calling, boxes
from ersde_theory.audit.verdict import Verdict, describe, judge
from ersde_theory.progress import progress_bar
from ersde_theory.records import LabelledArray, Record

STEPS = (50,)  # of the grid on which coefficients are compared
LADDER = (10, 20, 50, 100, 200)
_ABSENT = ("torchsde", "torchdiffeq", "PIL")  # libraries that sampler files import and that the audited ones do not use


@dataclass(frozen=True)
class Entry:
    """One implementation in one way of calling it.

    Attributes
    ----------
    program : str
        Name of the checkout.
    label : str
        What is called, in a few words.
    target : str
        ``file.py:callable`` within the checkout.
    calling : Calling
    dtype : str
        Of the state.

    Examples
    --------
    >>> ENTRIES[0].program
    'release'
    """

    program: str
    label: str
    target: str
    calling: Calling
    dtype: str = "float64"


def _linear(x: Any) -> Any:
    """Return phi = x."""
    return x


def _of_release() -> Iterator[Entry]:
    """Yield the authors' class."""
    target = "er_sde_solver.py:ER_SDE_Solver"
    for order in (1, 2, 3):
        yield Entry("release", f"VE, order {order}", target, Calling("released", arguments={"order": order}))
    for to_zero in (True, False):
        label = f"VP, order 3, last step {'to 0' if to_zero else 'above 0'}"
        calling = Calling("released", schedule="vp-linear", arguments={"order": 3}, to_zero=to_zero)
        yield Entry("release", label, target, calling)


def _of_comfyui() -> Iterator[Entry]:
    """Yield ComfyUI's samplers."""
    file = "comfy/k_diffusion/sampling.py"
    er_sde = f"{file}:sample_er_sde"
    for name, parametrisation, schedule in (("", "eps", "ve-karras"), (", flow", "const", "flow")):
        for dtype in ("float64", "float32"):
            yield Entry(
                "comfyui", f"er_sde{name}, {dtype}", er_sde, Calling("k-diffusion", parametrisation, schedule), dtype
            )
        quiet = Calling("k-diffusion", parametrisation, schedule, arguments={"s_noise": 0.0})
        yield Entry("comfyui", f"er_sde{name}, s_noise = 0", er_sde, quiet)
        ode = Calling("k-diffusion", parametrisation, schedule, arguments={"noise_scaler": _linear})
        yield Entry("comfyui", f"er_sde{name}, φ = x, float32", er_sde, ode, "float32")
        node = Calling("k-diffusion", parametrisation, schedule, arguments={"noise_scaler": _linear, "s_noise": 0.0})
        yield Entry("comfyui", f"er_sde{name}, node's ODE", er_sde, node)
    for name in ("dpmpp_2m_sde", "dpmpp_3m_sde", "seeds_2", "seeds_3", "euler_ancestral", "res_multistep"):
        for suffix, parametrisation, schedule in (("", "eps", "ve-karras"), (", flow", "const", "flow")):
            calling = Calling("k-diffusion", parametrisation, schedule, "independent")
            yield Entry("comfyui", f"{name}{suffix}", f"{file}:sample_{name}", calling)


def _of_schedulers() -> Iterator[Entry]:
    """Yield the diffusers schedulers of InvokeAI and SD.Next."""
    invoke = "invokeai/backend/rectified_flow/er_sde_scheduler.py:ERSDEScheduler"
    flow = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
    for label, arguments in (("VP", {}), ("flow", flow)):
        yield Entry("invokeai", label, invoke, Calling("diffusers", arguments=arguments))
        quiet = Calling("diffusers", arguments={**arguments, "stochastic": False})
        yield Entry("invokeai", f"{label}, stochastic = False", invoke, quiet)
    sdnext = "modules/schedulers/scheduler_ersde.py:ERSDEScheduler"
    for label, arguments in (("VP", {}), ("flow", flow)):
        for order in (1, 2, 3):
            calling = Calling("diffusers", arguments={**arguments, "solver_order": order})
            yield Entry("sdnext", f"{label}, order {order}", sdnext, calling)


ENTRIES: tuple[Entry, ...] = (*_of_release(), *_of_comfyui(), *_of_schedulers())


@dataclass(frozen=True)
class Checkout:
    """A public repository at a commit, on this machine.

    Attributes
    ----------
    name : str
        Program.
    path : Path
    commit : str

    Examples
    --------
    >>> Checkout.from_text("release=some/folder@25ca6c2").commit
    '25ca6c2'
    """

    name: str
    path: Path
    commit: str

    @classmethod
    def from_text(cls, text: str) -> Checkout:
        """Return the checkout that ``NAME=PATH@COMMIT`` names.

        Parameters
        ----------
        text : str

        Returns
        -------
        Checkout

        Raises
        ------
        ValueError
            If it has not that form, or the name is no program of the atlas.

        Examples
        --------
        >>> Checkout.from_text("release=a")
        Traceback (most recent call last):
            ...
        ValueError: --checkout: expected NAME=PATH@COMMIT, got 'release=a'
        """
        name, equals, rest = text.partition("=")
        path, at, commit = rest.rpartition("@")
        if not (equals and at and name and path and commit):
            msg = f"--checkout: expected NAME=PATH@COMMIT, got {text!r}"
            raise ValueError(msg)
        known = sorted({entry.program for entry in ENTRIES})
        if name not in known:
            msg = f"--checkout: expected a name of {', '.join(known)}, got {name!r}"
            raise ValueError(msg)
        return cls(name, Path(path), commit)


@dataclass(frozen=True)
class Row:
    """One line of the atlas.

    Attributes
    ----------
    entry : Entry
    commit : str
    verdict : Verdict or None
        None if the implementation could not be run.
    problem : str
        Why not.
    seconds : float

    Examples
    --------
    >>> Row(ENTRIES[0], "25ca6c2", None, "no such file", 0.0).problem
    'no such file'
    """

    entry: Entry
    commit: str
    verdict: Verdict | None
    problem: str
    seconds: float


def audited(entry: Entry, checkout: Checkout, advance: Callable[[float], None] | None = None) -> Row:
    """Return the audit of one entry.

    Parameters
    ----------
    entry : Entry
    checkout : Checkout
        Where its files are.
    advance : callable, optional
        Told the share that is done.

    Returns
    -------
    Row

    Examples
    --------
    >>> audited(ENTRIES[0], Checkout("release", Path("nowhere"), "0")).verdict is None
    True
    """
    begin = time.perf_counter()
    verdict, problem = None, ""
    try:
        with _surroundings(entry):
            target = load_target(str(checkout.path / entry.target))
            box_at = boxes(target, entry.calling)

            def read_at(n: int) -> Readout:
                return read_out(box_at(n), dtype=entry.dtype)

            verdict = judge(read_at, STEPS, ladder=LADDER, advance=advance)
    except Exception as error:  # whatever a stranger's code raises is a finding
        problem = f"{type(error).__name__}: {error}".replace(str(checkout.path), "…")
    return Row(entry, checkout.commit, verdict, problem, time.perf_counter() - begin)


@contextlib.contextmanager
def _surroundings(entry: Entry) -> Iterator[None]:
    """Let a sampler's file import its program, and libraries that it does not use, where they are not installed."""
    if entry.calling.convention != "k-diffusion":
        yield
        return
    missing = [name for name in _ABSENT if name not in sys.modules and importlib.util.find_spec(name) is None]
    sys.modules.update({name: mock.MagicMock() for name in missing})
    try:
        with comfy_stand_ins():
            yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)


def record(rows: Sequence[Row], seconds: float) -> Record:
    """Return the atlas as a Record.

    Parameters
    ----------
    rows : sequence of Row
    seconds : float
        How long it took.

    Returns
    -------
    Record
        Arrays over ``entry``, and ``entry`` times ``n_steps``: nan where nothing could be measured.

    Examples
    --------
    >>> record([Row(ENTRIES[0], "25ca6c2", None, "no such file", 0.0)], 0.0)["verdict"].tolist()
    ['not run']
    """
    words: dict[str, list[str]] = {
        "program": [r.entry.program for r in rows],
        "commit": [r.commit for r in rows],
        "label": [r.entry.label for r in rows],
        "verdict": [r.verdict.word.value if r.verdict else "not run" for r in rows],
        "reason": [r.verdict.reason if r.verdict else r.problem for r in rows],
        "nearest": [_of(r, lambda v: describe(v.diagnosis) if v.diagnosis else "") for r in rows],
        "faults": [_of(r, _faults) for r in rows],
        "departure": [_of(r, lambda v: str(v.diagnosis.departure or "") if v.diagnosis else "") for r in rows],
        "order": [_of(r, lambda v: str(v.bias.limit_variance.order) if v.bias else "") for r in rows],
        "vanishes": [_of(r, _vanishes) for r in rows],
    }
    arrays = {name: LabelledArray(("entry",), np.array(values)) for name, values in words.items()}
    arrays["n_steps"] = LabelledArray(("n_steps",), np.array(LADDER))
    for name in ("mean", "variance", "distance"):
        table = np.array([_ladder(r, name) for r in rows])
        arrays[f"{name}_error"] = LabelledArray(("entry", "n_steps"), table)
        limit = np.array([_limit(r, f"limit_{name}") for r in rows])
        arrays[f"{name}_limit"] = LabelledArray(("entry",), limit[:, 0])
        arrays[f"{name}_limit_uncertainty"] = LabelledArray(("entry",), limit[:, 1])
    settings = {"steps": list(STEPS), "data": "N(0.7, 0.25); spectrum of 25 variances from 1e-5 to 10"}
    return Record("atlas", settings, arrays, seconds=seconds)


def _of(row: Row, text: Callable[[Verdict], str]) -> str:
    """Return a text of a verdict, nothing if there is none."""
    return text(row.verdict) if row.verdict else ""


def _faults(verdict: Verdict) -> str:
    """Return names and first steps of the faults."""
    found = verdict.diagnosis.faults if verdict.diagnosis else ()
    return "; ".join(f"{e.fault.name} from step {e.first_step}: {e}" for e in found)


def _vanishes(verdict: Verdict) -> str:
    """Return whether the bias vanishes, as a word."""
    answers = {True: "yes", False: "no", None: "open"}
    return answers[verdict.bias.vanishes] if verdict.bias else ""


def _ladder(row: Row, name: str) -> list[float]:
    """Return errors on the ladder, nan where there is none."""
    found = np.full(len(LADDER), np.nan)
    if row.verdict is not None and row.verdict.bias is not None:
        values = getattr(row.verdict.bias, name)
        found[: values.size] = values
    return [float(value) for value in found]


def _limit(row: Row, name: str) -> tuple[float, float]:
    """Return a limit and its uncertainty, nan where there is none."""
    if row.verdict is None or row.verdict.bias is None:
        return np.nan, np.nan
    found = getattr(row.verdict.bias, name)
    return found.value, found.uncertainty


def main(
    checkout: Annotated[
        list[str], typer.Option("--checkout", metavar="NAME=PATH@COMMIT", help="A public repository; can be repeated.")
    ],
    json_file: Annotated[Path, typer.Option("--json", metavar="FILE", help="Of the Record.")] = Path("atlas.json"),
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only entries whose label has this text.")] = "",
) -> None:
    r"""Audit the implementations of the atlas whose checkouts are given, and write the numbers.

    \f

    Parameters
    ----------
    checkout : list of str
        Repositories on this machine.
    json_file : Path
        Of the Record.
    only : str
        Part of a label.

    Raises
    ------
    BadParameter
        If a checkout is wrong.
    """
    begin = time.perf_counter()
    try:
        known = {found.name: found for found in map(Checkout.from_text, checkout)}
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    chosen = [entry for entry in ENTRIES if entry.program in known and only in entry.label]
    rows = []
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("atlas", total=float(len(chosen)))
        for i, entry in enumerate(chosen):
            rows.append(audited(entry, known[entry.program]))
            progress.update(task, completed=float(i + 1))
            record(rows, time.perf_counter() - begin).save(json_file)  # whatever happens to the next
            typer.echo(f"{entry.program}, {entry.label}: {rows[-1].verdict or rows[-1].problem}")


if __name__ == "__main__":
    typer.run(main)
