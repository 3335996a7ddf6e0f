"""Tableaus as JSON: numbers by shortest repr (exact for float64), infinity as the string "inf"."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory import _checks

if TYPE_CHECKING:
    from ersde_theory.tableau import Tableau

SCHEMA = "ersde-theory/tableau/1"
_LARGEST_INTEGER = 2.0**53
_ARRAYS = (
    "alpha",
    "sigma",
    "node",
    "evaluation",
    "previous",
    "data_columns",
    "data",
    "noise_columns",
    "noise",
)


def dump(tableau: Tableau) -> str:
    """Return the JSON text of a tableau."""
    document: dict[str, Any] = {"schema": SCHEMA, "name": tableau.name}
    document |= {name: _plain(getattr(tableau, name).tolist()) for name in _ARRAYS}
    document["draws"] = [[_plain(d.level_from), _plain(d.level_to), d.kind] for d in tableau.draws]
    document["draw_covariance"] = [[i, j, v] for (i, j), v in sorted(tableau.draw_covariance.items())]
    return json.dumps(document, allow_nan=False)


def load(text: str) -> Tableau:
    """Return the tableau of a JSON text."""
    from ersde_theory.tableau import Draw, Tableau

    _checks.instance(text, "text", str)
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        msg = f"text: expected JSON, got something else ({error})"
        raise ValueError(msg) from None
    if not isinstance(document, dict):
        msg = f"text: expected a JSON object with the keys of a tableau, got a {type(document).__name__}"
        raise ValueError(msg)
    if document.get("schema") != SCHEMA:
        msg = f"schema: expected {SCHEMA!r}, got {document.get('schema')!r}"
        raise ValueError(msg)
    missing = sorted({"name", *_ARRAYS, "draws", "draw_covariance"} - document.keys())
    if missing:
        msg = f"text: expected every key of a tableau, got none for {', '.join(missing)}"
        raise ValueError(msg)
    rows = len(_list(document["alpha"], "alpha"))
    arrays = [_array(document[name], rows, name) for name in _ARRAYS]
    draws = tuple(Draw(_level(a), _level(b), kind) for a, b, kind in _triples(document, "draws"))
    covariance = _covariance(document)
    parts = dict(zip(_ARRAYS, arrays, strict=True))
    return Tableau(name=document["name"], draws=draws, draw_covariance=covariance, **parts)


def _covariance(document: dict[str, Any]) -> dict[tuple[int, int], float]:
    """Return the stored covariances, each pair of draws once."""
    found: dict[tuple[int, int], float] = {}
    for i, j, value in _triples(document, "draw_covariance"):
        if isinstance(i, list) or isinstance(j, list) or (i, j) in found:
            msg = f"draw_covariance: expected each pair of indices once, got {_checks.describe([i, j])}"
            raise ValueError(msg)
        found[i, j] = value
    return found


def _array(values: Any, rows: int, name: str) -> np.ndarray:
    """Return a stored list as an array; a table without columns keeps its rows."""
    try:
        given = np.array(_list(values, name))
        if given.size and given.dtype.kind not in "if":
            raise TypeError
        array = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        msg = f"{name}: expected numbers, got something else"
        raise ValueError(msg) from None
    if name in ("node", "evaluation", "data_columns", "noise_columns"):
        wrong = (array != np.round(array)) | (np.abs(array) > _LARGEST_INTEGER)
        if wrong.any():
            msg = f"{name}: expected integers of moderate size, got {array[wrong][0]}"
            raise ValueError(msg)
        array = array.astype(np.int64)
    return array.reshape(rows, 0) if array.size == 0 else array


def _list(value: Any, name: str) -> list[Any]:
    """Return a stored list."""
    if not isinstance(value, list):
        msg = f"{name}: expected a list, got {_checks.describe(value)}"
        raise ValueError(msg)
    return value


def _triples(document: dict[str, Any], name: str) -> list[list[Any]]:
    """Return a stored list of lists of three."""
    for entry in _list(document[name], name):
        if not isinstance(entry, list) or len(entry) != 3:
            msg = f"{name}: expected lists of three entries, got {_checks.describe(entry)}"
            raise ValueError(msg)
    return list(document[name])


def _level(value: Any) -> Any:
    """Return a stored level; infinity is stored as text."""
    return math.inf if value == "inf" else value


def _plain(value: Any) -> Any:
    """Return a nested list with infinities as strings."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return "inf" if isinstance(value, float) and math.isinf(value) else value
