"""The commands that claims name: each parses, names what there is, and the quick ones confirm what is declared."""

from __future__ import annotations

import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from ersde_theory.catalogue import scheme
from ersde_theory.claims import ledger
from ersde_theory.cli import app
from ersde_theory.laboratory import Kind
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem
from paper_figures import output

COMMANDS = [(claim.id, command) for claim in ledger() for command in claim.commands]
ON_GAUSSIAN_DATA = [command for _, command in COMMANDS if "--problem" not in command]


def parsed(command: str) -> dict[str, object]:
    """Return the parameters of an ``ersde order`` command as the command line reads them."""
    program, subcommand, *arguments = shlex.split(command)
    assert (program, subcommand) == ("ersde", "order")
    group = typer.main.get_command(app)
    context = group.commands["order"].make_context("order", arguments)  # type: ignore[attr-defined]
    return dict(context.params)


def test_claims_on_orders_name_commands():
    """Assert that there are some to check, and that each is of a claim that measures an order."""
    assert {claim for claim, _ in COMMANDS} == {"order-ode", "order-strong", "order-weak"}


@pytest.mark.parametrize("command", [command for _, command in COMMANDS])
def test_command_names_what_there_is(command):
    """Assert that options parse, every name exists, and the scheme takes the phi."""
    given = parsed(command)
    kind = Kind(given["kind"])
    phi = NoiseScale.ode() if kind is Kind.ODE else NoiseScale.from_name(given["noise_scale"])
    chosen = problem(given["problem"])
    assert scheme(given["scheme_name"]).accepts(phi)
    assert chosen.spectrum is not None or kind not in (Kind.EXACT, Kind.LOCAL)


def test_misspelt_command_is_noticed():
    """Assert that a wrong option, kind or scheme does not get through."""
    with pytest.raises(Exception, match="No such option"):
        parsed("ersde order er_sde-3 --knid ode")
    with pytest.raises(ValueError, match="strnog"):
        test_command_names_what_there_is("ersde order er_sde-3 --kind strnog")
    with pytest.raises(ValueError, match="did you mean"):
        test_command_names_what_there_is("ersde order er_sde3 --kind ode")


@pytest.mark.parametrize("command", ON_GAUSSIAN_DATA)
def test_command_on_gaussian_data_confirms_the_declared_order(command, tmp_path, monkeypatch):
    """Assert status 0 and the word, with the command as it stands in the claim; the picture is left out."""
    monkeypatch.setattr(output, "write", lambda record, folder: [folder / f"{record.name}.png"])
    result = CliRunner().invoke(app, [*shlex.split(command)[1:], "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert re.search(r"declared \S+: agrees", result.stdout)
