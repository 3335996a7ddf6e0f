"""The atlas as numbers and as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ersde_theory.audit._atlas_entries import ENTRIES, Entry
from ersde_theory.audit.verdict import Verdict, describe
from ersde_theory.records import LabelledArray, Record, provenance

STEPS = (50,)  # of the grid on which coefficients are compared
LADDER = (10, 20, 50, 100, 200)
NOT_RUN = "not run"
_COMMAND = "python -m ersde_theory.audit.atlas --checkout NAME=PATH@COMMIT … --json docs/records/atlas.json"
_HEAD = (
    "program",
    "what",
    "verdict",
    "nearest, and what is off",
    "W2 at 10",
    "20",
    "50",
    "variance error at 50",
    "in the limit",
)


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
    >>> from ersde_theory.audit._atlas_entries import ENTRIES
    >>> Row(ENTRIES[0], "25ca6c2", None, "no such file", 0.0).problem
    'no such file'
    """

    entry: Entry
    commit: str
    verdict: Verdict | None
    problem: str
    seconds: float


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
    >>> from ersde_theory.audit._atlas_entries import ENTRIES
    >>> record([Row(ENTRIES[0], "25ca6c2", None, "no such file", 0.0)], 0.0)["verdict"].tolist()
    ['not run']
    """
    words: dict[str, list[str]] = {
        "program": [r.entry.program for r in rows],
        "commit": [r.commit for r in rows],
        "label": [r.entry.label for r in rows],
        "verdict": [r.verdict.word.value if r.verdict else NOT_RUN for r in rows],
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
    origin = {**provenance(), "command": _COMMAND}  # without the paths of this machine
    arrays["origin"] = _origins(origin, len(rows))
    return Record("atlas", settings, arrays, (), origin, seconds)


def _origins(origin: Mapping[str, str], count: int) -> LabelledArray:
    """Return when and by which versions each of some entries was audited."""
    words = ", ".join(f"{name} {value}" for name, value in origin.items() if name not in ("command", "time"))
    return LabelledArray(("entry",), np.full(count, f"{origin['time']}: {words}"))


def merged(before: Record, new: Record) -> Record:
    """Return an atlas with the entries of another added, in the place of its own ones of the same name.

    Parameters
    ----------
    before, new : Record
        Of :func:`record`, on the same numbers of steps.

    Returns
    -------
    Record
        In the order of the atlas; entries that it does not know any more are gone. Each keeps its own ``origin``. What
        could not be run anew does not take the place of numbers.

    Raises
    ------
    ValueError
        If the settings or the numbers of steps differ.

    Examples
    --------
    >>> from ersde_theory.audit._atlas_entries import ENTRIES
    >>> one, two = (record([Row(ENTRIES[i], "25ca6c2", None, "no such file", 1.0)], 1.0) for i in (1, 0))
    >>> merged(one, two)["label"].tolist()
    ['VE, order 1', 'VE, order 2']
    """
    if before.settings != new.settings or before["n_steps"].tolist() != new["n_steps"].tolist():
        msg = f"before: expected an atlas of the settings {new.settings} and the steps {LADDER}, got another"
        raise ValueError(msg)
    parts = []
    for part in (before, new):
        arrays = dict(part.arrays)
        arrays.setdefault("origin", _origins(part.provenance, part["program"].size))
        parts.append(arrays)
    place = {(entry.program, entry.label): i for i, entry in enumerate(ENTRIES)}
    rows: dict[int, tuple[int, int]] = {}
    for which, arrays in enumerate(parts):
        names = zip(arrays["program"].values.tolist(), arrays["label"].values.tolist(), strict=True)
        was_run = arrays["verdict"].values != NOT_RUN
        rows |= {
            place[name]: (which, i)
            for i, name in enumerate(names)
            if name in place and (was_run[i] or place[name] not in rows)
        }
    order = [rows[key] for key in sorted(rows)]
    arrays = {
        name: LabelledArray(array.dims, np.array([parts[which][name].values[i] for which, i in order]))
        if array.dims[0] == "entry"
        else array
        for name, array in parts[1].items()
    }
    return Record(new.name, new.settings, arrays, (), new.provenance, before.seconds + new.seconds)


def table(found: Record) -> str:
    """Return the atlas as a table in Markdown.

    Parameters
    ----------
    found : Record
        Of :func:`record`.

    Returns
    -------
    str

    Examples
    --------
    >>> from ersde_theory.audit._atlas_entries import ENTRIES
    >>> print(table(record([Row(ENTRIES[0], "25ca6c2", None, "no such file", 0.0)], 0.0)).splitlines()[-1])
    | release | VE, order 1 | not run | no such file | | | | | |
    """
    counts = found["n_steps"].tolist()
    lines = [f"| {' | '.join(_HEAD)} |", "|" + "---|" * len(_HEAD)]
    for i, verdict in enumerate(found["verdict"].tolist()):
        nearest, faults = str(found["nearest"][i]), str(found["faults"][i])
        words = nearest if not faults else f"{nearest}; {faults}"
        if not nearest or str(found["reason"][i]).startswith("no scheme"):
            words = str(found["reason"][i])
        distance = [_short(float(found["distance_error"][i, counts.index(n)])) for n in (10, 20, 50)]
        variance = _short(float(found["variance_error"][i, counts.index(50)]))
        cells = [found["program"][i], found["label"][i], verdict, words, *distance, variance, _in_the_limit(found, i)]
        lines.append(
            "| " + " | ".join(str(cell) for cell in cells).replace("|  |", "| |").replace("|  |", "| |") + " |"
        )
    return "\n".join(line.replace("  ", " ") for line in lines)


def _short(value: float) -> str:
    """Return a number with two digits, nothing if there is none."""
    return "" if np.isnan(value) else f"{value:.1e}"


def _in_the_limit(found: Record, i: int) -> str:
    """Return what the errors of an entry tend to."""
    answer = str(found["vanishes"][i])
    if not answer:
        return ""
    if answer == "yes":
        order = str(found["order"][i])
        return "0" if order.startswith("undecided") else f"0, {order}"
    if answer == "open":
        return "open"
    parts = [
        f"{name} {float(found[f'{name}_limit'][i]):.2g} ± {float(found[f'{name}_limit_uncertainty'][i]):.0e}"
        for name in ("mean", "variance")
    ]
    return "stays: " + ", ".join(parts)


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


__all__ = ["LADDER", "NOT_RUN", "STEPS", "Row", "merged", "record", "table"]
