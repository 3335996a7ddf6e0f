"""Misuses of tableaus, runs, paths and exact moments: data of `test_bad_input.py`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from ersde_theory import (
    BrownianPath,
    Draw,
    ForwardProcess,
    NoiseScale,
    NotAdmissible,
    Tableau,
    TimeGrid,
    sample,
    schemes,
)
from ersde_theory.exact_gaussian import kl_divergence, output_moments, wasserstein2
from ersde_theory.random_numbers import start_state
from ersde_theory.sampling import NonFiniteError
from ersde_theory.tableau import DenseTableau
from tests.numerics._misuses import EXP, FROM_INFINITY, GRID, ODE, constant, misuse

TAB = schemes.er_sde(GRID, EXP, 2)
QUIET = schemes.er_sde(GRID, ODE, 2)
START = np.ones((6, 2))
PATH = BrownianPath(EXP, GRID, 0)
DOCUMENT = json.loads(TAB.to_json())


def denoise(y: Any, noise_level: float) -> Any:
    """Return a fine denoiser's value."""
    return 0.5 * y + 0.0 * noise_level


def with_entry(name: str, index: tuple[int, ...], value: float) -> Tableau:
    """Return TAB with one number replaced."""
    array = getattr(TAB, name).copy()
    array[index] = value
    return replace(TAB, **{name: array})


def edited(**changes: Any) -> str:
    """Return TAB's JSON with keys replaced, or left out where the value is None."""
    document = {k: v for k, v in (DOCUMENT | changes).items() if v is not None}
    return json.dumps(document)


def poisoned(y: Any, noise_level: float) -> Any:
    """Return a value with one nan."""
    value = denoise(y, noise_level)
    value[3, 1] = np.nan
    return value


def first_column(y: Any, noise_level: float) -> Any:
    """Return a value of the wrong shape."""
    return y[:, :1]


def single_precision(y: Any, noise_level: float) -> Any:
    """Return a value of the wrong dtype."""
    return y.astype(np.float32)


def dense_with_nan() -> Tableau:
    """Return a tableau of a dense table that is not finite."""
    dense = DenseTableau(np.array([1.0, np.nan]), np.zeros((2, 0)), np.zeros((2, 0)))
    labels = {"alpha": [1.0, 1.0], "sigma": [2.0, 1.0], "node": [0, 1], "evaluation": [-1, -1]}
    return Tableau.from_dense("t", dense, draws=(), **labels)


TABLEAUS = (
    misuse("alpha text", TypeError, "alpha", lambda: replace(TAB, alpha=np.array(["a"] * 5))),
    misuse("node float", TypeError, "node|integers|float64", lambda: replace(TAB, node=TAB.node * 1.0)),
    misuse("sigma short", ValueError, "sigma|5|4", lambda: replace(TAB, sigma=TAB.sigma[:-1])),
    misuse("data on one axis", ValueError, "data:|2 axes|(5,)", lambda: replace(TAB, data=TAB.data[:, 0])),
    misuse(
        "band shapes",
        ValueError,
        "data_columns|(5, 2)|(5, 1)",
        lambda: replace(TAB, data_columns=TAB.data_columns[:, :1]),
    ),
    misuse("coefficient nan", ValueError, "data:|nan|[2, 0]", lambda: with_entry("data", (2, 0), np.nan)),
    misuse("sigma negative", ValueError, "sigma|-1", lambda: with_entry("sigma", (2,), -1.0)),
    misuse("alpha 0 inside", ValueError, "alpha|row 0", lambda: with_entry("alpha", (2,), 0.0)),
    misuse("column too large", ValueError, "data_columns|9", lambda: with_entry("data_columns", (2, 0), 9)),
    misuse("column below -1", ValueError, "noise_columns|-2", lambda: with_entry("noise_columns", (2, 0), -2)),
    misuse(
        "evaluation from the future", ValueError, "data_columns|row 2", lambda: with_entry("data_columns", (2, 0), 3)
    ),
    misuse("weight without column", ValueError, "data_columns|-1", lambda: with_entry("data", (0, 0), 0.5)),
    misuse(
        "evaluations out of order",
        ValueError,
        "evaluation|[0, 2, 1, 3]",
        lambda: replace(TAB, evaluation=TAB.evaluation[[0, 2, 1, 3, 4]]),
    ),
    misuse("start is no start", ValueError, "row 0", lambda: with_entry("previous", (0,), 0.5)),
    misuse(
        "covariance above 1", ValueError, "draw_covariance|1.5", lambda: replace(TAB, draw_covariance={(0, 1): 1.5})
    ),
    misuse(
        "covariance upside down",
        ValueError,
        "draw_covariance|(1, 0)",
        lambda: replace(TAB, draw_covariance={(1, 0): 0.5}),
    ),
    misuse(
        "covariance indefinite",
        ValueError,
        "draw_covariance|semi-definite",
        lambda: replace(TAB, draw_covariance={(0, 1): 0.9, (1, 2): 0.9, (0, 2): -0.9}),
    ),
    misuse("unknown draw", ValueError, "draw kind|did you mean 'increment'", lambda: Draw(2.0, 1.0, "increments")),
    misuse("draw level nan", ValueError, "draw level_from|nan", lambda: Draw(np.nan, 1.0)),
    misuse("draw level negative", ValueError, "draw level_to|-1", lambda: Draw(2.0, -1.0)),
    misuse("draws are pairs", TypeError, "draws|Draw", lambda: replace(TAB, draws=((2.0, 1.0),) * 4)),
    misuse("difference to text", TypeError, "other|Tableau", lambda: TAB.first_difference("tab")),
    misuse("from_dense nan", ValueError, "nan", dense_with_nan),
    misuse("process of text", TypeError, "process|vp", lambda: TAB.in_process("vp")),
    misuse("process from inf", ValueError, "inf", lambda: schemes.ddim(FROM_INFINITY).in_process(ForwardProcess.edm())),
)
JSON = (
    misuse("no JSON", ValueError, "text|JSON", lambda: Tableau.from_json("{")),
    misuse("JSON list", ValueError, "object|list", lambda: Tableau.from_json("[1]")),
    misuse("not text", TypeError, "text|3", lambda: Tableau.from_json(3)),
    misuse(
        "unknown schema",
        ValueError,
        "schema|tableau/9",
        lambda: Tableau.from_json(edited(schema="ersde-theory/tableau/9")),
    ),
    misuse("key missing", ValueError, "sigma", lambda: Tableau.from_json(edited(sigma=None))),
    misuse("text for numbers", ValueError, "alpha", lambda: Tableau.from_json(edited(alpha=["a"] * 5))),
    misuse("ragged table", ValueError, "data", lambda: Tableau.from_json(edited(data=[[0.0], [1.0, 2.0], [], [], []]))),
    misuse("fraction as an index", ValueError, "node|0.5", lambda: Tableau.from_json(edited(node=[0, 0.5, 2, 3, 4]))),
    misuse("number for a list", ValueError, "alpha", lambda: Tableau.from_json(edited(alpha=1.0))),
    misuse("draw too short", ValueError, "draws", lambda: Tableau.from_json(edited(draws=[[1.0, 2.0]]))),
    misuse(
        "draw level text",
        TypeError,
        "draw level_to|'a'",
        lambda: Tableau.from_json(edited(draws=[[1.0, "a", "increment"]] * 4)),
    ),
    misuse(
        "covariance entry",
        TypeError,
        "draw_covariance|0.5",
        lambda: Tableau.from_json(edited(draw_covariance=[[0.5, 1, 0.5]])),
    ),
    misuse("name no text", TypeError, "name|3", lambda: Tableau.from_json(edited(name=3))),
)
RUNS = (
    misuse("tab is a grid", TypeError, "tab|Tableau", lambda: sample(GRID, denoise, START)),
    misuse("denoise no function", TypeError, "denoise|callable|None", lambda: sample(TAB, None, START, 0)),
    misuse("start is a list", TypeError, "start|list", lambda: sample(TAB, denoise, [[1.0]], 0)),
    misuse("start integers", TypeError, "start|int64", lambda: sample(TAB, denoise, np.ones((2, 2), int), 0)),
    misuse("start half", TypeError, "start|float16", lambda: sample(TAB, denoise, START.astype(np.float16), 0)),
    misuse("start one axis", ValueError, "start|(6,)", lambda: sample(TAB, denoise, START[:, 0], 0)),
    misuse("start empty", ValueError, "start|(0, 2)", lambda: sample(TAB, denoise, START[:0], 0)),
    misuse("start nan", ValueError, "start|nan", lambda: sample(TAB, denoise, START * np.nan, 0)),
    misuse("noise missing", ValueError, "noise|None", lambda: sample(TAB, denoise, START)),
    misuse(
        "noise shape", ValueError, "noise|(4, 6, 2)|(3, 6, 2)", lambda: sample(TAB, denoise, START, np.zeros((3, 6, 2)))
    ),
    misuse(
        "noise float32",
        TypeError,
        "noise|float64|float32",
        lambda: sample(TAB, denoise, START, np.zeros((4, 6, 2), np.float32)),
    ),
    misuse("noise nan", ValueError, "noise|nan", lambda: sample(TAB, denoise, START, np.full((4, 6, 2), np.nan))),
    misuse("seed float", TypeError, "seed|0.5", lambda: sample(TAB, denoise, START, 0.5)),
    misuse("seed negative", ValueError, "seed|-1", lambda: sample(TAB, denoise, START, -1)),
    misuse("seed too large", ValueError, "seed|18446744073709551616", lambda: sample(TAB, denoise, START, 2**64)),
    misuse("noise is a generator", TypeError, "noise", lambda: sample(TAB, denoise, START, np.random.default_rng(0))),
    misuse("batch_rows 0", ValueError, "batch_rows|0", lambda: sample(TAB, denoise, START, 0, batch_rows=0)),
    misuse("threads 1.5", TypeError, "threads|1.5", lambda: sample(TAB, denoise, START, 0, threads=1.5)),
    misuse("denoiser's shape", ValueError, "denoise|(6, 2)|(6, 1)", lambda: sample(QUIET, first_column, START)),
    misuse("denoiser's dtype", ValueError, "denoise|float64|float32", lambda: sample(QUIET, single_precision, START)),
    misuse("denoiser's kind", ValueError, "denoise|float", lambda: sample(QUIET, constant, START)),
    misuse("denoiser's nan", NonFiniteError, "denoise|row 0|sample 3", lambda: sample(QUIET, poisoned, START)),
    misuse("start scale 0", ValueError, "scale|0", lambda: start_state(0, (2, 2), 0.0)),
    misuse("start seed", TypeError, "seed|'a'", lambda: start_state("a", (2, 2))),
)
PATHS = (
    misuse("path of text", TypeError, "noise_scale|NoiseScale", lambda: BrownianPath("ode", GRID, 0)),
    misuse("path of list", TypeError, "grid|TimeGrid", lambda: BrownianPath(ODE, [2.0, 1.0], 0)),
    misuse("path seed", ValueError, "seed|-1", lambda: BrownianPath(ODE, GRID, -1)),
    misuse(
        "path inadmissible",
        NotAdmissible,
        "log_power|lambda",
        lambda: BrownianPath(NoiseScale.log_power(), TimeGrid([5000.0, 1.0]), 0),
    ),
    misuse("level off the path", ValueError, "nearest|3.0", lambda: PATH.weights(Draw(10.0, 3.0))),
    misuse("draw upwards", ValueError, "step down", lambda: PATH.weights(Draw(0.1, 10.0))),
    misuse("area of a path", ValueError, "increment|'area'", lambda: PATH.weights(Draw(10.0, 0.1, "area"))),
    misuse(
        "path of another grid",
        ValueError,
        "nearest",
        lambda: sample(schemes.er_sde(GRID.refine(2), EXP), denoise, START, PATH),
    ),
)
GAUSSIAN = (
    misuse("variance negative", ValueError, "variance|-0.1", lambda: output_moments(TAB, 0.0, -0.1)),
    misuse("variance inf", ValueError, "variance|inf", lambda: output_moments(TAB, 0.0, np.inf)),
    misuse("variance nan", ValueError, "variance|nan", lambda: wasserstein2(TAB, 0.0, np.nan)),
    misuse("mean inf", ValueError, "mean", lambda: output_moments(TAB, np.inf, 1.0)),
    misuse("mean text", TypeError, "mean", lambda: output_moments(TAB, "0", 1.0)),
    misuse("spectrum shapes", ValueError, "mean|(3,)|(2,)", lambda: output_moments(TAB, np.zeros(2), np.ones(3))),
    misuse(
        "start variance negative",
        ValueError,
        "start_variance|-1",
        lambda: output_moments(TAB, 0.0, 1.0, start_variance=-1.0),
    ),
    misuse(
        "start mean shape", ValueError, "start_mean|(3,)", lambda: output_moments(TAB, 0.0, 1.0, start_mean=np.zeros(3))
    ),
    misuse("start mean inf", ValueError, "start_mean|inf", lambda: output_moments(TAB, 0.0, 1.0, start_mean=np.inf)),
    misuse(
        "start variance inf",
        ValueError,
        "start_variance|inf",
        lambda: output_moments(TAB, 0.0, 1.0, start_variance=np.inf),
    ),
    misuse("no tableau", ValueError, "tab|empty", lambda: output_moments([], 0.0, 1.0)),
    misuse("tableau of text", TypeError, "tab|Tableau", lambda: output_moments(["a"], 0.0, 1.0)),
    misuse("tableau is a number", TypeError, "tab|3", lambda: output_moments(3, 0.0, 1.0)),
    misuse(
        "kl of a point",
        ValueError,
        "variance|0",
        lambda: kl_divergence(schemes.ddim(TimeGrid([2.0, 1.0, 0.0])), 0.0, 0.0),
    ),
)
MISUSES_OF_RUNS = (*TABLEAUS, *JSON, *RUNS, *PATHS, *GAUSSIAN)
