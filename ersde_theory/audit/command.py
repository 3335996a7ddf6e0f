"""``ersde audit``: find out what a sampler of somebody else computes, and whether it is right."""

from __future__ import annotations

import ast
import base64
import contextlib
import gc
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ersde_theory.progress import progress_bar

if TYPE_CHECKING:
    from ersde_theory.audit.verdict import Verdict
    from ersde_theory.records import Record

_INTERRUPTED = 130
_LADDER = "10,20,50,100,200,400"


_Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="package.module:callable or file.py:callable; a class or a function.")
]
_Convention = Annotated[
    str,
    typer.Option(metavar="NAME", help="k-diffusion, diffusers, released or step; told from the target if left out."),
]
_Parametrisation = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What the network predicts: x0, eps, v, const (flow); a scheduler's prediction_type; x_start, noise, "
        "score for the release.",
    ),
]
_Schedule = Annotated[str, typer.Option(metavar="NAME", help="ve-karras, vp-linear, vp-cosine, flow or flow-shift.")]
_Steps = Annotated[str, typer.Option(metavar="N,N,…", help="Grids on which coefficients are compared.")]
_Ladder = Annotated[
    str, typer.Option(metavar="N,N,…", help="Numbers of steps for bias and order; at least four, or 0 for none.")
]
_ToZero = Annotated[
    bool, typer.Option("--to-zero/--not-to-zero", help="Whether the last step of the schedule goes to level 0.")
]
_Noise = Annotated[
    str, typer.Option(metavar="NAME", help="Of k-diffusion samplers: own, independent or tree (a noise_sampler).")
]
_Dtype = Annotated[str, typer.Option(metavar="NAME", help="Of the state: float64, float32, float16, bfloat16.")]
_Against = Annotated[str, typer.Option(metavar="NAME", help="What it should be: any, published or adams.")]
_Kwargs = Annotated[
    list[str] | None, typer.Option("--kwargs", metavar="K=V", help="Argument of the target; can be repeated.")
]
_Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the Record there.")]
_Out = Annotated[Path, typer.Option(metavar="DIR", help="Where page, picture and numbers go.")]


def audit(
    target: _Target,
    convention: _Convention = "auto",
    parametrisation: _Parametrisation = "",
    schedule: _Schedule = "",
    steps: _Steps = "10,20,50",
    ladder: _Ladder = _LADDER,
    to_zero: _ToZero = True,
    noise: _Noise = "own",
    dtype: _Dtype = "float64",
    against: _Against = "any",
    kwargs: _Kwargs = None,
    json_file: _Json = None,
    out: _Out = Path("report/audit"),
) -> None:
    """Read a sampler's coefficients from outside and say whether it is right, which one it is, and what is wrong.

    The target's code is run. Exit status 0 if the verdict is "correct", 1 if it is not, nothing could be decided or the
    target raised an error, 2 for a wrong argument, 130 if interrupted.

    \f

    Parameters
    ----------
    target : str
        What is audited.
    convention, parametrisation, schedule : str
        How it is called.
    steps, ladder : str
        Numbers of steps, with commas.
    to_zero : bool
        Whether the last step goes to level 0.
    noise, dtype, against : str
        Where noise comes from, the state's dtype, what it is compared with.
    kwargs : list of str, optional
        Arguments of the target.
    json_file : Path, optional
        Of the Record.
    out : Path
        Folder of the page.

    Raises
    ------
    BadParameter
        If an argument is wrong.
    Exit
        With the status.
    """  # noqa: D301 - the form feed ends what --help shows
    from ersde_theory.audit.targets import Calling, audit_sampler
    from ersde_theory.laboratory.command import _check_outputs

    begin = time.perf_counter()
    try:
        arguments = dict(_pair(text) for text in kwargs or [])
        calling = Calling(convention, parametrisation, schedule, noise, arguments, to_zero)
        loaded = _loaded(target)
        counts, rungs = _numbers(steps, "--steps"), _numbers(ladder, "--ladder")
        rungs = () if rungs == (0,) else rungs
        _check_outputs(out, json_file)
        with progress_bar(Console(stderr=True)) as progress:
            task = progress.add_task(f"audit of {target}", total=1.0)
            verdict = audit_sampler(
                loaded,
                calling,
                counts,
                rungs,
                dtype=dtype,
                against=against,
                advance=lambda share: progress.update(task, completed=share),
            )
    except SystemExit:
        typer.echo("error: the target ends the program: nothing was decided", err=True)
        raise typer.Exit(1) from None
    except Exception as error:
        _blame(error)
        raise
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing was decided", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    _finish(verdict, time.perf_counter() - begin, out, json_file)


def _loaded(target: str) -> Callable[..., Any]:
    """Return the target; whatever its module raises is the fault of the argument."""
    from ersde_theory.audit.conventions import load_target

    with _quick_imports(target):
        try:
            return load_target(target)
        except Exception as error:
            place = _place_outside(error)
            if not place and isinstance(error, TypeError | ValueError | OSError | ImportError):
                raise
            where = f" ({place})" if place else ""
            msg = f"target: importing it failed: {type(error).__name__}: {error}{where}"
            raise ValueError(msg) from error


def _place_outside(error: Exception) -> str:
    """Return file and line of the last place of an error that is neither ours nor the import system's."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith(("ersde_theory.", "importlib", "runpy")):
            found = f"{Path(frame.f_code.co_filename).name}, line {line}"
    return found


def _blame(error: Exception) -> None:
    """Leave with status 1 for an error of the running target, with 2 for a wrong argument; return for our own."""
    running, place = False, ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        running = running or (frame.f_code.co_name == "run" and module.startswith("ersde_theory.audit.conventions"))
        if running and not module.startswith(("ersde_theory.audit.conventions", "ersde_theory.audit._", "torch.")):
            place = f"{Path(frame.f_code.co_filename).name}, line {line}"
    if place:
        typer.echo(f"error: the target raised {type(error).__name__}: {error} ({place})", err=True)
        raise typer.Exit(1) from None
    if isinstance(error, TypeError | ValueError | OSError | ImportError | NotImplementedError):
        raise typer.BadParameter(str(error)) from None


@contextlib.contextmanager
def _quick_imports(target: str) -> Iterator[None]:
    """Import without collecting garbage, and diffusers without torch's compiler.

    diffusers only marks networks for it, does so only if it is there, and it takes as long to import as torch itself.
    """
    compiler, module = "torch._dynamo", target.partition(":")[0]
    ours = not module.endswith(".py") and module.partition(".")[0] in ("diffusers", "ersde_theory")
    hidden, collecting = ours and compiler not in sys.modules, gc.isenabled()
    gc.disable()
    if hidden:
        sys.modules[compiler] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden and sys.modules.get(compiler) is None:
            sys.modules.pop(compiler, None)
        if collecting:
            gc.enable()


def _pair(text: str) -> tuple[str, Any]:
    """Return an argument given as name=value; the value is a Python literal, or else a string."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        msg = f"--kwargs: expected name=value, got {text!r}"
        raise ValueError(msg)
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _numbers(text: str, option: str) -> tuple[int, ...]:
    """Return numbers given with commas."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        msg = f"{option}: expected whole numbers with commas, as in 10,20,50, got {text!r}"
        raise ValueError(msg) from None


def _finish(verdict: Verdict, seconds: float, out: Path, json_file: Path | None) -> None:
    """Print the verdict, write page, picture and numbers, and leave with the status."""
    from ersde_theory.audit._record import record

    found = record(verdict, seconds)
    _print(verdict, seconds)
    try:
        typer.echo(f"Page: {_write(verdict, found, out)}")
        if json_file is not None:
            found.save(json_file)
    except OSError as error:
        typer.echo(f"error: could not write to {error.filename or out} ({error.strerror or error})", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if verdict.word.is_correct else 1)


def _print(verdict: Verdict, seconds: float) -> None:
    """Print what was found."""
    from ersde_theory.audit.verdict import described_bias

    read = verdict.readout
    typer.echo(f"{read.name} ({read.convention}, {read.dtype}): {verdict}\n")
    if verdict.diagnosis is not None:
        if verdict.diagnosis.departure is not None:
            typer.echo(f"first departure: {verdict.diagnosis.departure}")
        for explanation in verdict.diagnosis.faults:
            typer.echo(f"  step {explanation.first_step}: {explanation}")
    if verdict.bias is not None:
        _print_ladder(verdict)
        typer.echo(described_bias(verdict.bias))
    count = len(verdict.defects)
    if count:
        typer.echo(f"marginal consistency: {count} identities fail, the first: {verdict.defects[0]}")
    elif verdict.diagnosis is not None:
        typer.echo("marginal consistency: constant data are a fixed point, and point masses keep their variance")
    for note in (*read.notes, *read.problems):
        typer.echo(f"note: {note}")
    if read.tableau is not None:
        typer.echo(f"coefficients known to {read.precision:.1g}, own output reproduced to {read.reproduction:.1g}")
    typer.echo(f"{seconds:.1f} s")


def _print_ladder(verdict: Verdict) -> None:
    """Print the errors on Gaussian data."""
    from rich.table import Table

    errors = verdict.bias
    assert errors is not None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("steps", "mean error", "variance error", "W2, spectrum"):
        table.add_column(column, justify="right")
    for n, *values in zip(errors.steps, errors.mean, errors.variance, errors.distance, strict=True):
        table.add_row(str(n), *(f"{value: .3e}" for value in values))
    Console(width=100).print(table)


def _write(verdict: Verdict, found: Record, out: Path) -> Path:
    """Write the page, and picture and numbers where there is something to draw."""
    from ersde_theory.audit._page import page
    from paper_figures.output import write, write_bytes

    address = ""
    if verdict.diagnosis is not None:
        _, picture = write(found, out, ["svg"])
        address = "data:image/svg+xml;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")
    else:
        found.save(out / "audit.json")
    write_bytes(out / "index.html", page(verdict, found, address).encode("utf-8"))
    return out / "index.html"


__all__ = ["audit"]
