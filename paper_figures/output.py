"""Writing a figure: its Record as JSON and its picture as PDF, SVG and PNG."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ersde_theory.records import Record
from paper_figures import style
from paper_figures.registry import draw

_PROBE = 4 * 2**20  # bytes: more than any one file written here


def writable_folder(folder: Path) -> None:
    """Make a folder, and make sure that files of a few mebibytes can be written into it.

    Parameters
    ----------
    folder : Path
        Made with its parents.

    Raises
    ------
    OSError
        If it is no folder, may not be written, or its disk is full.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writable_folder(Path(folder) / "new")
    ...     list((Path(folder) / "new").iterdir())
    []
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(bytes(_PROBE))
        probe.flush()
        os.fsync(probe.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a crash or a full disk leaves the old one whole.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    content : bytes
        Of the whole file.

    Raises
    ------
    OSError
        If it cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(Path(folder) / "a", b"new")
    ...     (Path(folder) / "a").read_bytes()
    b'new'
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write(record: Record, folder: Path, kinds: Sequence[style.Format] = style.FORMATS) -> list[Path]:
    """Draw a record and write the picture and the record.

    Parameters
    ----------
    record : Record
        Of a figure.
    folder : Path
        Where; made if it does not exist.
    kinds : sequence of {"pdf", "svg", "png"}
        Which files of the picture; all unless given.

    Returns
    -------
    list of Path
        ``<name>.json``, ``.pdf``, ``.svg`` and ``.png``, those of `kinds`. The pictures depend on the numbers alone.

    Raises
    ------
    ValueError
        If there is no figure for the record.
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> from paper_figures import Settings, figure
    >>> record = figure("orders").compute(Settings(quick=True))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write(record, Path(folder))]
    ['orders.json', 'orders.pdf', 'orders.svg', 'orders.png']
    """
    picture = draw(record)
    paths = [folder / f"{record.name}.json"]
    record.save(paths[0])
    for kind in kinds:
        paths.append(folder / f"{record.name}.{kind}")
        write_bytes(paths[-1], style.render(picture, kind))
    return paths
