"""The algebra behind :class:`~ersde_theory.tableau.Tableau`: structure, dense form, defects, equality."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ersde_theory import _checks
from ersde_theory._tableau_parts import Draw

if TYPE_CHECKING:
    from ersde_theory.tableau import Defect, DenseTableau, Difference, Tableau

DENSE_LIMIT = 512
_ELIMINATED = 16.0 * float(np.finfo(float).eps)  # round-off that elimination leaves, relative to the largest entry
_VECTORS = {"alpha": float, "sigma": float, "node": int, "evaluation": int, "previous": float}
_TABLES = {"data_columns": int, "data": float, "noise_columns": int, "noise": float}


def freeze_arrays(tableau: Tableau) -> None:
    """Replace the array fields by read-only arrays of the right dtype and shape."""
    rows: int | None = None
    for name, kind in (_VECTORS | _TABLES).items():
        given = np.asarray(getattr(tableau, name))
        if given.dtype.kind not in ("iu" if kind is int else "fiu"):
            wanted = "integers" if kind is int else "real numbers"
            msg = f"{name}: expected {wanted}, got dtype {given.dtype}"
            raise TypeError(msg)
        array = np.array(given, dtype=np.int64 if kind is int else np.float64)
        n_axes = 1 if name in _VECTORS else 2
        if array.ndim != n_axes:
            msg = f"{name}: expected {n_axes} axes, got shape {array.shape}"
            raise ValueError(msg)
        rows = array.shape[0] if rows is None else rows
        if array.shape[0] != rows:
            msg = f"{name}: expected {rows} rows as in alpha, got {array.shape[0]}"
            raise ValueError(msg)
        array.flags.writeable = False
        object.__setattr__(tableau, name, array)
    if rows is None or rows < 2:
        msg = f"alpha: expected at least 2 rows, got {rows}"
        raise ValueError(msg)
    _checks.instance(tableau.name, "name", str)
    object.__setattr__(tableau, "draws", tuple(_checks.instance(d, "draws", Draw) for d in tableau.draws))


def check_structure(t: Tableau) -> None:
    """Raise if the table cannot be run."""
    for name in ("alpha", "sigma", "previous", "data", "noise"):
        values = getattr(t, name)
        if not np.isfinite(values).all():
            where = np.argwhere(~np.isfinite(values))[0].tolist()
            msg = f"{name}: expected finite numbers, got {values[tuple(where)]} at {where}"
            raise ValueError(msg)
    for name in ("alpha", "sigma"):
        if (getattr(t, name) < 0.0).any():
            msg = f"{name}: expected numbers >= 0, got {getattr(t, name).min()}"
            raise ValueError(msg)
    if ((t.alpha == 0.0) & (np.arange(t.n_rows) > 0)).any() or (t.alpha + t.sigma == 0.0).any():
        msg = "alpha: expected 0 in row 0 only and with sigma > 0, got it elsewhere"
        raise ValueError(msg)
    for columns, values, count in (
        (t.data_columns, t.data, t.n_evaluations),
        (t.noise_columns, t.noise, t.n_draws),
    ):
        name = "data_columns" if columns is t.data_columns else "noise_columns"
        if columns.shape != values.shape:
            msg = f"{name}: expected shape {values.shape}, got {columns.shape}"
            raise ValueError(msg)
        if columns.size and (columns.min() < -1 or columns.max() >= count):
            got = columns.min() if columns.min() < -1 else columns.max()
            msg = f"{name}: expected -1 or indices below {count}, got {got}"
            raise ValueError(msg)
        if (values[columns < 0] != 0.0).any():
            msg = f"{name}: expected coefficient 0 where the column is -1, got another"
            raise ValueError(msg)
    fed = t.evaluation[t.evaluation >= 0]
    if not np.array_equal(fed, np.arange(fed.size)):
        msg = f"evaluation: expected 0, 1, 2 ... in order, got {fed.tolist()}"
        raise ValueError(msg)
    known = np.append(0, np.cumsum(t.evaluation >= 0)[:-1])
    if t.data.shape[1] and (t.data_columns.max(axis=1) >= known).any():
        row = int(np.argmax(t.data_columns.max(axis=1) >= known))
        msg = f"data_columns: expected evaluations fed by earlier rows, got {t.data_columns[row].max()} in row {row}"
        raise ValueError(msg)
    if t.previous[0] != 1.0 or (t.data_columns[0] >= 0).any() or (t.noise_columns[0] >= 0).any():
        msg = "row 0: expected the start state alone (previous 1, no columns), got more"
        raise ValueError(msg)
    nodes = t.node[t.node >= 0]
    if t.node.min() < -1 or t.node.max() >= t.n_rows or (np.diff(nodes) < 0).any():
        msg = f"node: expected -1 or rising indices below {t.n_rows}, got {t.node.tolist()[:20]}"
        raise ValueError(msg)
    _check_covariance(t)


def _check_covariance(t: Tableau) -> None:
    """Raise if a stated covariance of draws is impossible."""
    for (i, j), value in t.draw_covariance.items():
        _checks.real_number(value, "draw_covariance")
        for index in (i, j):
            _checks.integer(index, "draw_covariance", minimum=0)
        if not 0 <= i < j < t.n_draws:
            msg = f"draw_covariance: expected 0 <= i < j < {t.n_draws}, got ({i}, {j})"
            raise ValueError(msg)
        if not abs(value) <= 1.0:
            msg = f"draw_covariance: expected values in [-1, 1], got {value} at ({i}, {j})"
            raise ValueError(msg)
    if t.draw_covariance:
        whitening_factor(t)


def whitening_factor(t: Tableau) -> Any:
    """Return L, lower triangular and sparse (CSR), with draws = L (independent normals)."""
    from scipy.sparse import csr_array

    n = t.n_draws
    rows: list[dict[int, float]] = []
    stated: dict[int, dict[int, float]] = {}
    for (i, j), value in t.draw_covariance.items():
        stated.setdefault(j, {})[i] = value
    for j in range(n):
        row: dict[int, float] = {}
        first = _first_linked(stated.get(j, {}), rows)
        for i in range(first, j):
            inner = sum(value * rows[i].get(k, 0.0) for k, value in row.items())
            remainder = stated.get(j, {}).get(i, 0.0) - inner
            if remainder != 0.0:
                if rows[i].get(i, 0.0) == 0.0:
                    msg = f"draw_covariance: expected positive semi-definite, got a break at ({i}, {j})"
                    raise ValueError(msg)
                row[i] = remainder / rows[i][i]
        left = 1.0 - sum(v * v for v in row.values())
        if left < -1e-12:
            msg = f"draw_covariance: expected positive semi-definite, got a break at draw {j}"
            raise ValueError(msg)
        row[j] = max(left, 0.0) ** 0.5
        rows.append(row)
    entries = [(i, j, v) for i, row in enumerate(rows) for j, v in row.items()]
    index = np.array([e[:2] for e in entries], dtype=np.int64).reshape(-1, 2).T
    return csr_array(([e[2] for e in entries], (index[0], index[1])), shape=(n, n))


def _first_linked(stated: dict[int, float], rows: list[dict[int, float]]) -> int:
    """Return the first draw to which one with these stated covariances is linked."""
    if not stated:
        return len(rows)
    return min(min(rows[i], default=i) for i in stated)


def dense_form(t: Tableau) -> DenseTableau:
    """Return every state in terms of the start, the evaluations and the draws."""
    from ersde_theory.tableau import DenseTableau

    if t.n_steps > DENSE_LIMIT:
        msg = f"dense: expected at most {DENSE_LIMIT} steps, got {t.n_steps}"
        raise ValueError(msg)
    n_data = t.n_evaluations
    dense = np.zeros((t.n_rows, 1 + n_data + t.n_draws))
    dense[0, 0] = 1.0
    for r in range(1, t.n_rows):
        dense[r] = t.previous[r] * dense[r - 1]
        used = t.data_columns[r] >= 0
        np.add.at(dense[r], 1 + t.data_columns[r][used], t.data[r][used])
        drawn = t.noise_columns[r] >= 0
        np.add.at(dense[r], 1 + n_data + t.noise_columns[r][drawn], t.noise[r][drawn])
    return DenseTableau(dense[:, 0], dense[:, 1 : 1 + n_data], dense[:, 1 + n_data :])


def incremental_form(dense: DenseTableau, tolerance: float) -> dict[str, Any]:
    """Return the arrays previous, data_columns, data, noise_columns, noise of a dense table."""
    rows = dense.start.size
    previous = np.ones(rows)
    data, noise = np.zeros_like(dense.data), np.zeros_like(dense.noise)
    for r in range(1, rows):
        previous[r] = coefficient_of_previous(dense, r)
        for target, table in ((data, dense.data), (noise, dense.noise)):
            rest = table[r] - previous[r] * table[r - 1]
            target[r] = np.where(np.abs(rest) <= tolerance, 0.0, rest)
    data_columns, data_values = banded(data)
    noise_columns, noise_values = banded(noise)
    return {
        "previous": previous,
        "data_columns": data_columns,
        "data": data_values,
        "noise_columns": noise_columns,
        "noise": noise_values,
    }


def coefficient_of_previous(dense: DenseTableau, r: int) -> float:
    """Return the coefficient that eliminates the start, or the newest draw once the start is forgotten."""
    if dense.start[r - 1] != 0.0:
        return float(dense.start[r] / dense.start[r - 1])
    drawn = np.flatnonzero(dense.noise[r - 1])
    if drawn.size:
        return float(dense.noise[r, drawn[-1]] / dense.noise[r - 1, drawn[-1]])
    return 0.0


def banded(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and values of the non-zero entries of each row, newest column first."""
    width = int((table != 0.0).sum(axis=1).max(initial=0))
    columns = np.full((table.shape[0], width), -1, dtype=np.int64)
    values = np.zeros((table.shape[0], width))
    for r, row in enumerate(table):
        used = np.flatnonzero(row)[::-1]
        columns[r, : used.size], values[r, : used.size] = used, row[used]
    return columns, values


def find_defects(t: Tableau, tolerance: float) -> list[Defect]:
    """Return the rows at which constant data move or point-mass data change their variance."""
    from ersde_theory.tableau import Defect

    carried = t.previous[1:] * t.alpha[:-1]
    constant = carried + t.data[1:].sum(axis=1)
    size = np.abs(carried) + np.abs(t.data[1:]).sum(axis=1) + t.alpha[1:]
    moved = np.abs(constant - t.alpha[1:]) > tolerance * size
    variance, expected = _variances(t)
    scale = np.maximum(variance, expected)
    changed = np.abs(variance - expected) > tolerance * np.where(scale > 0.0, scale, 1.0)
    found = []
    for r in np.flatnonzero(moved | changed):
        if moved[r]:
            found.append(Defect(int(r) + 1, "constant", float(t.alpha[r + 1]), float(constant[r])))
        if changed[r]:
            found.append(Defect(int(r) + 1, "variance", float(expected[r]), float(variance[r])))
    return found


def _variances(t: Tableau) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of rows 1 ... for data 0 and what it should be.

    With independent draws used once each, row r is judged from a previous row of variance sigma^2.
    Otherwise the true covariances are propagated and the increment over the previous row is judged.
    """
    used = t.noise_columns[t.noise_columns >= 0]
    if not t.draw_covariance and np.unique(used).size == used.size:
        variance = (t.previous[1:] * t.sigma[:-1]) ** 2 + (t.noise[1:] ** 2).sum(axis=1)
        return variance, t.sigma[1:] ** 2
    from ersde_theory._propagation import state_variances

    true = state_variances(t)
    expected = t.sigma**2
    gain = t.previous[1:] ** 2 * (expected[:-1] - true[:-1])
    return true[1:] + gain, expected[1:]


def forgets_its_start(t: Tableau) -> bool:
    """Return whether a row before the last does not depend on the start, so that `previous` is free after it."""
    return bool((t.previous[:-1] == 0.0).any()) and t.n_steps <= DENSE_LIMIT


def canonical_form(t: Tableau) -> Tableau:
    """Return the table with the start, or else the newest draw, eliminated through the previous row."""
    if not forgets_its_start(t):
        return t
    return replace(t, **incremental_form(dense_form(t), _ELIMINATED * _largest(t)))


def _largest(t: Tableau) -> float:
    """Return the largest magnitude among the coefficients."""
    return max(float(np.abs(a).max(initial=0.0)) for a in (t.previous, t.data, t.noise))


def canonical_tables(t: Tableau) -> tuple[list[dict[int, float]], list[dict[int, float]]]:
    """Return each row's data and noise coefficients as {column: value}, zeros dropped, columns merged."""
    result = []
    for columns, values in ((t.data_columns, t.data), (t.noise_columns, t.noise)):
        rows = []
        for c, v in zip(columns.tolist(), values.tolist(), strict=True):
            row: dict[int, float] = {}
            for column, value in zip(c, v, strict=True):
                if column >= 0:
                    row[column] = row.get(column, 0.0) + value
            rows.append({k: x for k, x in row.items() if x != 0.0})
        result.append(rows)
    return result[0], result[1]


def find_first_difference(a: Tableau, b: Tableau, rtol: float, atol: float) -> Difference | None:
    """Return the first entry in which b departs from a."""
    from ersde_theory.tableau import Difference

    for what in ("n_rows", "n_evaluations", "n_draws"):
        if getattr(a, what) != getattr(b, what):
            return Difference(None, what, getattr(a, what), getattr(b, what))
    if forgets_its_start(a) or forgets_its_start(b):
        a, b = a.canonical(), b.canonical()
        atol = max(atol, _ELIMINATED * max(_largest(a), _largest(b)))
    tables_a, tables_b = canonical_tables(a), canonical_tables(b)
    for r in range(a.n_rows):
        for name in ("node", "evaluation"):
            if getattr(a, name)[r] != getattr(b, name)[r]:
                return Difference(r, name, int(getattr(a, name)[r]), int(getattr(b, name)[r]))
        pairs = [(n, float(getattr(a, n)[r]), float(getattr(b, n)[r])) for n in ("alpha", "sigma", "previous")]
        for name, rows_a, rows_b in zip(("data", "noise"), tables_a, tables_b, strict=True):
            columns = sorted(rows_a[r].keys() | rows_b[r].keys())
            pairs += [(f"{name}[{k}]", rows_a[r].get(k, 0.0), rows_b[r].get(k, 0.0)) for k in columns]
        for column, expected, got in pairs:
            if abs(got - expected) > atol + rtol * abs(expected):
                return Difference(r, column, expected, got)
    for m, (draw_a, draw_b) in enumerate(zip(a.draws, b.draws, strict=True)):
        if draw_a != draw_b:
            return Difference(None, f"draws[{m}]", draw_a, draw_b)
    for key in sorted(a.draw_covariance.keys() | b.draw_covariance.keys()):
        expected, got = a.draw_covariance.get(key, 0.0), b.draw_covariance.get(key, 0.0)
        if abs(got - expected) > atol + rtol * abs(expected):
            return Difference(None, f"draw_covariance{list(key)}", expected, got)
    return None
