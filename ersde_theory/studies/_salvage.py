"""What can still be read from a damaged store."""

from __future__ import annotations

from pathlib import Path

from ersde_theory.studies._description import Study
from ersde_theory.studies._store import Store, StoreError
from ersde_theory.studies._worker import Done


def salvage(source: Path | str, target: Path | str, study: Study, blocks: int) -> tuple[int, int]:
    """Copy all sound results of a study that can still be read from a damaged file into a new one.

    Every task is asked for by itself, so that a damaged page costs the rows on it alone.

    Parameters
    ----------
    source, target : Path or str
        The damaged file, and one that does not exist.
    study : Study
    blocks : int
        Most blocks of a cell.

    Returns
    -------
    saved, lost : int
        Results copied, and tasks whose row is damaged or cannot be read.

    Raises
    ------
    StoreError
        If the target exists or the source cannot be opened at all.
    """
    if Path(target).exists():
        msg = f"{target}: expected a file that does not exist"
        raise StoreError(msg)
    saved = lost = 0
    with Store(source, readonly=True) as old, Store(target) as new:
        new.register(study)
        for cell in study.cells():
            for block in range(blocks):
                task = cell.task(block)
                try:
                    values, damaged = old.read([task.key])
                except StoreError:
                    lost += 1
                    continue
                lost += len(damaged)
                if task.key in values:
                    saved += new.put([(task, Done(task.key, values[task.key], "", 0.0))])
    return saved, lost
