"""The catalogue: one line a scheme, each with a builder, orders that fit together, and a basis that exists."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from ersde_theory import _scheme_builders, derivations, schemes
from ersde_theory.catalogue import scheme, scheme_names
from ersde_theory.laboratory import measure
from ersde_theory.noise_scale import NoiseScale
from ersde_theory.problems import problem
from ersde_theory.time_grid import TimeGrid
from tests.laboratory._strategies import NAMED, gaussian

TABLE = tomllib.loads(resources.files("ersde_theory").joinpath("declared_orders.toml").read_text("utf-8"))
KEYS = {"ode", "strong", "weak", "local", "evaluations", "phi", "at_least", "graded", "own_noise", "gaussian", "basis"}
GRADED = tuple(name for name in scheme_names() if scheme(name).graded)
NOISE_UNDECLARED = {"er_sde-2-released", "er_sde-3-released", "edm_stochastic"}  # take noise, declare no order with it


def accepted(name: str) -> list[NoiseScale]:
    """Return the named functions, and a power without a name, that a scheme takes."""
    scales = [NoiseScale.from_name(phi) for phi in (*NAMED, "power(1.5)")]
    return [phi for phi in scales if scheme(name).accepts(phi)]


def test_table_and_builders_have_the_same_names():
    """Assert that no line lacks a builder, no builder a line, and that the order is the table's."""
    assert set(_scheme_builders.BUILDERS) == set(TABLE)
    assert list(scheme_names()) == list(TABLE)


def test_every_public_scheme_is_in_the_catalogue():
    """Assert that each function of `ersde_theory.schemes` builds a line of the table."""
    tree = ast.parse(inspect.getsource(_scheme_builders))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "schemes"
    }
    assert used == set(schemes.__all__)


@pytest.mark.parametrize("name", scheme_names())
def test_line_of_the_table_has_known_keys_and_values(name):
    """Assert that a misspelt key, phi or kind of order is noticed."""
    row, entry = TABLE[name], scheme(name)
    assert set(row) <= KEYS
    assert {"evaluations", "basis"} <= set(row)
    assert set(entry.at_least) <= {"ode", "strong", "weak"}
    assert set(entry.noise_scales) <= {*NAMED, "power(p)"}
    assert accepted(name)


@pytest.mark.parametrize("name", scheme_names())
def test_orders_of_a_scheme_fit_together(name):
    """Assert local = ode + 1, local = strong + 1/2 in root mean square, weak >= strong, and more on Gaussian data."""
    entry = scheme(name)
    for orders in (entry.orders, entry.gaussian):
        if orders.local_ode is not None:
            assert orders.local_ode == orders.ode + 1.0
        if orders.local_strong is not None:
            assert orders.local_strong == orders.strong + 0.5
        assert (orders.strong is None) == (orders.weak is None) == (orders.local_strong is None)
        assert orders.strong is None or orders.weak >= orders.strong
    for kind in ("ode", "strong", "weak", "local_ode", "local_strong"):
        general, linear = getattr(entry.orders, kind), getattr(entry.gaussian, kind)
        assert (general is None) == (linear is None)
        assert general is None or linear >= general
    takes_noise = any(phi.name != "ode" for phi in accepted(name))
    assert (entry.orders.strong is not None) == (takes_noise and name not in NOISE_UNDECLARED)
    assert (entry.orders.ode is not None) == any(phi.name == "ode" for phi in accepted(name))


@pytest.mark.parametrize("name", scheme_names())
def test_evaluations_a_step_are_those_of_the_built_table(name):
    """Assert that 48 steps more cost 48 times the stated number, whatever the start costs."""
    entry = scheme(name)
    for phi in accepted(name):
        few, many = (entry.tableau(problem("gaussian").make_grid(n), phi).n_evaluations for n in (48, 96))
        assert many - few == 48 * entry.evaluations


def test_derivations_that_orders_rest_on_exist():
    """Assert that each name after `derived:` is a derivation, and that every basis says where it comes from."""
    known = {item.name for item in derivations.all()}
    for name in scheme_names():
        parts = re.findall(r"(derived|literature): ([^;]+)", scheme(name).basis)
        assert parts, name
        for _, names in (part for part in parts if part[0] == "derived"):
            assert {item.strip() for item in names.split(",")} <= known, name


@pytest.mark.parametrize("name", GRADED)
def test_order_of_a_graded_scheme_is_lost_without_the_graded_start(name):
    """Assert that the first steps of low order rule on a grid that is not graded there."""
    chosen = gaussian(0.7, 1.0, lambda n: TimeGrid.uniform_in_log(n, 1.0, 0.2))
    assert measure(name, "ode", chosen, "exact").agrees
    assert measure(replace(scheme(name), graded=False), "ode", chosen, "exact").contradicts


@pytest.mark.parametrize("name", GRADED)
def test_graded_start_adds_levels_without_noise_only(name):
    """Assert that the extra levels lie in the first interval, and that with noise there are none."""
    grid = TimeGrid.karras(8, 5.0, 0.1)
    levels = scheme(name).tableau(grid, NoiseScale.ode()).noise_level
    assert set(grid.levels) <= set(levels)
    assert np.unique(levels).size == 8 + 1 + 24
    assert np.unique(levels[levels <= grid.levels[1]]).size == 8
    noisy = NoiseScale.from_name("power(1.5)")
    if scheme(name).accepts(noisy):
        assert set(scheme(name).tableau(grid, noisy).noise_level) == set(grid.levels)


@pytest.mark.parametrize(
    ("name", "phi", "words"),
    [
        ("deis-3", "exp_power", "noise_scale: expected ode for deis-3, got exp_power"),
        ("ddim", "power(1.5)", r"noise_scale: expected ode or reverse_sde for ddim, got power\(1.5\)"),
        ("sa_solver-3", "log_power", r"noise_scale: expected power\(p\) for sa_solver-3, got log_power"),
        ("ddpm", "ode", "noise_scale: expected reverse_sde for ddpm, got ode"),
    ],
)
def test_noise_scale_that_a_scheme_cannot_take_is_refused(name, phi, words):
    """Assert that the message says which it takes."""
    assert not scheme(name).accepts(NoiseScale.from_name(phi))
    with pytest.raises(ValueError, match=words):
        scheme(name).tableau(TimeGrid.karras(8, 5.0, 0.1), NoiseScale.from_name(phi))


def test_unknown_name_suggests_the_nearest():
    """Assert that a misspelt scheme is met with the nearest, and a wrong kind of name with its own message."""
    with pytest.raises(ValueError, match=r"scheme: expected one of .* did you mean 'er_sde-3'"):
        scheme("ersde-3")
    with pytest.raises(TypeError, match="scheme: expected"):
        scheme(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="noise_scale: expected"):
        scheme("er_sde-3").accepts("ode")  # type: ignore[arg-type]
