"""The files of vectors: written, and checked against what this machine computes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from ersde_theory import _checks
from ersde_theory.vectors._certificates import Builder, names_of
from ersde_theory.vectors._grids import GRIDS, STEPS
from ersde_theory.vectors._trajectories import DENOISERS, DESCRIPTIONS, MIXTURE, trajectory

SCHEMA = "ersde-theory/vectors/1"
TRAJECTORY_STEPS = 10
TRAJECTORY_TABLES = (
    ("er_sde-3", "ode"),
    ("er_sde-3", "exp_power"),
    ("er_sde-2-released", "exp_power"),
    ("adams-3", "exp_power"),
    ("variable_order_pec", "ode"),
    ("variable_order_pec", "exp_power"),
    ("ddpm", "reverse_sde"),
)
TRAJECTORY_TOLERANCE = 1e-12
FEWER_ABOVE = 20  # steps; beyond, only these noise scale functions, unless all are asked for
COMMON_NOISE_SCALES = ("ode", "reverse_sde", "exp_power", "none")


def schema() -> dict[str, Any]:
    """Return the JSON schema of the files.

    Returns
    -------
    dict

    Examples
    --------
    >>> schema()["title"]
    'Conformance vectors of ER-SDE solvers'
    """
    text = resources.files("ersde_theory.vectors").joinpath("schema.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def file_names() -> list[str]:
    """Return the names of all files, one for each grid and number of steps.

    Returns
    -------
    list of str

    Examples
    --------
    >>> file_names()[0]
    've-karras-05.json'
    """
    return [f"{grid.name}-{steps:02d}.json" for grid in GRIDS for steps in STEPS]


def document(name: str, *, every: bool = False) -> dict[str, Any]:
    """Return the content of a file.

    Parameters
    ----------
    name : str
        One of :func:`file_names`.
    every : bool
        All noise scale functions at every number of steps.

    Returns
    -------
    dict

    Raises
    ------
    TypeError, ValueError
        If there is no such file; the nearest is suggested.

    Examples
    --------
    >>> found = document("ve-karras-05.json")
    >>> found["steps"], found["tableaus"][0]["scheme"], float(found["relative_radius_at_most"]) < 1e-30
    (5, 'er_sde-1', True)
    """
    _checks.one_of(name, "file", file_names())
    grid_name, _, number = name.removesuffix(".json").rpartition("-")
    grid, steps = next(g for g in GRIDS if g.name == grid_name), int(number)
    levels = grid.levels(steps)
    builder = Builder(grid, levels)
    names = [
        (scheme, phi) for scheme, phi in names_of(levels) if every or steps <= FEWER_ABOVE or phi in COMMON_NOISE_SCALES
    ]
    tables, radii = zip(*(builder.table(*pair) for pair in names), strict=True)
    alpha, sigma = builder.unit()
    about = {"name": grid.name, "process": grid.process, "start": grid.start, "end": grid.end, "levels": grid.formula}
    run = {"steps": steps, "levels": levels, "alpha": alpha, "sigma": sigma}
    paths = [
        trajectory(run, table, denoiser, seed=1 + i)
        for i, pair in enumerate(TRAJECTORY_TABLES)
        for table in tables
        if steps == TRAJECTORY_STEPS and (table["scheme"], table["noise_scale"]) == pair
        for denoiser in DENOISERS
    ]
    found = {"schema": SCHEMA, "grid": about, "relative_radius_at_most": f"{max(radii):.0e}", **run}
    if paths:
        found |= {"denoisers": DESCRIPTIONS, "mixture": MIXTURE, "trajectories": paths}
    return {**found, "tableaus": list(tables)}


def dump(content: dict[str, Any]) -> str:
    """Return a file's text: a line for each tableau and trajectory, numbers by shortest repr, inf as a string.

    Parameters
    ----------
    content : dict
        Of :func:`document`.

    Returns
    -------
    str

    Examples
    --------
    >>> json.loads(dump({"levels": [math.inf, 1.0], "tableaus": [{"a": 1}]}))
    {'levels': ['inf', 1.0], 'tableaus': [{'a': 1}]}
    """
    content = {**content, "levels": ["inf" if math.isinf(level) else level for level in content["levels"]]}
    parts = []
    for key, value in content.items():
        if key in ("tableaus", "trajectories"):
            lines = ",\n".join(_line(item) for item in value)
            parts.append(f"{_line(key)}:[\n{lines}\n]")
        else:
            parts.append(f"{_line(key)}:{_line(value)}")
    return "{" + ",\n".join(parts) + "}\n"


def _line(value: Any) -> str:
    """Return a value in JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def differences(path: Path) -> Iterator[str]:
    """Yield what in a stored file is not what this machine computes, coefficients bit for bit.

    Parameters
    ----------
    path : Path
        Of a file written by ``ersde vectors``.

    Yields
    ------
    str
        One line for each; none if all is well.

    Raises
    ------
    ValueError
        If it is not JSON or not a file of vectors.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "flow-shift-3-05.json"
    ...     _ = path.write_text(dump(document(path.name)).replace('"previous":[1.0,', '"previous":[1.5,', 1))
    ...     print(*differences(path))
    flow-shift-3-05.json: er_sde-1, ode: previous[0]: expected 1.0, got 1.5
    """
    stored = _stored(path)
    content = document(path.name)
    if len(stored["tableaus"]) > len(content["tableaus"]):
        content = document(path.name, every=True)
    computed = json.loads(dump(content))
    for key in sorted(computed.keys() | stored.keys()):
        if key in ("tableaus", "trajectories"):
            tolerance = 0.0 if key == "tableaus" else TRAJECTORY_TOLERANCE
            if len(computed.get(key, ())) != len(stored.get(key, ())):
                yield f"{path.name}: expected {len(computed.get(key, ()))} {key}, got {len(stored.get(key, ()))}"
            for want, got in zip(computed.get(key, ()), stored.get(key, ()), strict=False):
                where = _first_difference(want, got, "", tolerance)
                if where is not None:
                    yield f"{path.name}: {want['scheme']}, {want['noise_scale']}: {where}"
        else:
            where = _first_difference(computed.get(key), stored.get(key), key, 0.0)
            if where is not None:
                yield f"{path.name}: {where}"


def _stored(path: Path) -> dict[str, Any]:
    """Return a stored file."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        msg = f"{path.name}: expected JSON, got something else ({error})"
        raise ValueError(msg) from None
    if not isinstance(stored, dict) or stored.get("schema") != SCHEMA or not isinstance(stored.get("tableaus"), list):
        msg = f"{path.name}: expected a file of the schema {SCHEMA!r}, got another"
        raise ValueError(msg)
    return stored


def _first_difference(want: Any, got: Any, where: str, tolerance: float) -> str | None:
    """Return the first place at which two documents differ, with both values."""
    if isinstance(want, dict) and isinstance(got, dict) and want.keys() == got.keys():
        pairs = [(want[key], got[key], f"{where}.{key}".lstrip(".")) for key in want]
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        pairs = [(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(want, got, strict=True))]
    elif isinstance(want, float) and isinstance(got, float) and abs(want - got) <= tolerance * max(1.0, abs(want)):
        return None
    else:
        return None if type(want) is type(got) and want == got else f"{where}: expected {want!r}, got {got!r}"
    return next((d for d in (_first_difference(*pair, tolerance) for pair in pairs) if d is not None), None)


__all__ = ["SCHEMA", "differences", "document", "dump", "file_names", "schema"]
