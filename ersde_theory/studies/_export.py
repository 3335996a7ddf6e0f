"""Results in the formats of other programs, on a disk or wherever fsspec reaches."""

from __future__ import annotations

import importlib
import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ersde_theory import _checks
from ersde_theory.records import Record

if TYPE_CHECKING:
    import xarray

FORMATS = {".zarr": "zarr", ".nc": "netcdf", ".parquet": "parquet", ".csv": "csv", ".json": "json"}


def export(record: Record, address: str) -> str:
    """Write a Record where an address says, in the format that its ending names.

    Parameters
    ----------
    record : Record
        Of :func:`ersde_theory.studies.table`.
    address : str
        A path, or a URL that fsspec knows, such as ``s3://bucket/name.zarr``. Endings: ``.zarr``, ``.nc`` (NetCDF 3),
        ``.parquet`` and ``.csv`` (one row a cell and quantity), ``.json`` (the Record itself).

    Returns
    -------
    str
        The format.

    Raises
    ------
    ValueError
        If the ending is unknown.
    ImportError
        If a library that the format needs is not installed.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(Record("r", {}, {}), f"{folder}/r.json")
    'json'
    """
    ending = PurePosixPath(address.partition("?")[0]).suffix
    form = FORMATS[_checks.one_of(ending, "ending of the address", FORMATS)]
    if form == "zarr":
        _needed("zarr")
        content: Any = _dataset(record)
        content.to_zarr(_mapper(address), mode="w", zarr_format=2)  # 3 has no text yet
        return form
    opener: Any = _needed("fsspec").open if "://" in address else open
    with opener(address, "wb") as file:
        file.write(_CONTENTS[form](record))
    return form


def _dataset(record: Record) -> xarray.Dataset:
    """Return the record with attributes that every format can hold."""
    found = record.to_xarray()
    found.attrs = {name: str(value) for name, value in found.attrs.items()}
    return found


def _mapper(address: str) -> Any:
    """Return what zarr writes to: a path, or a store on another file system."""
    if "://" not in address:
        return address
    return _needed("zarr").storage.FsspecStore.from_url(address)


def _netcdf(record: Record) -> bytes:
    """Return NetCDF 3, which needs no library besides SciPy."""
    buffer = io.BytesIO()
    buffer.write(_dataset(record).to_netcdf(engine="scipy"))
    return buffer.getvalue()


def _rows(record: Record) -> Any:
    """Return one row a cell and quantity."""
    return _dataset(record).to_dataframe().reset_index()


def _parquet(record: Record) -> bytes:
    _needed("pyarrow")
    content: bytes = _rows(record).to_parquet(index=False)
    return content


def _csv(record: Record) -> bytes:
    text: str = _rows(record).to_csv(index=False)
    return text.encode("utf-8")


def _json(record: Record) -> bytes:
    return record.to_json().encode("utf-8")


_CONTENTS = {"netcdf": _netcdf, "parquet": _parquet, "csv": _csv, "json": _json}


def _needed(module: str) -> Any:
    """Import an optional library, or say how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"{module} is not installed: pip install 'ersde-theory[studies]'"
        raise ImportError(msg) from error
