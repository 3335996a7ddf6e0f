"""Export to S3-compatible storage, against a server on this machine (extra `s3`; `make test-s3`)."""

from __future__ import annotations

import numpy as np
import pytest

from ersde_theory.records import LabelledArray, Record
from ersde_theory.studies._export import export

moto_server = pytest.importorskip("moto.server", reason="comes with the extra `s3`: make test-s3")
pytest.importorskip("s3fs", reason="comes with the extra `s3`: make test-s3")
pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries of S3 warn of each other


@pytest.fixture
def bucket(monkeypatch):
    """Give the address of a bucket on a local server, and what fsspec needs to reach it."""
    import fsspec

    server = moto_server.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    options = {"endpoint_url": address, "key": "k", "secret": "s"}
    monkeypatch.setitem(fsspec.config.conf, "s3", options)
    fsspec.filesystem("s3", **options).mkdir("bucket")
    yield "s3://bucket"
    server.stop()


def test_every_format_arrives_as_it_was_sent(bucket):
    """Assert that what is read back from S3 is what was written, and that nothing else was touched."""
    import fsspec
    import pandas
    import xarray

    values = LabelledArray(("x",), np.array([1.0, 2.5, -3.0]))
    record = Record("r", {}, {"x": LabelledArray(("x",), np.arange(3)), "value": values})
    for ending in ("json", "csv", "parquet", "nc", "zarr"):
        export(record, f"{bucket}/r.{ending}")
    assert Record.from_json(fsspec.open(f"{bucket}/r.json").open().read().decode()).to_json() == record.to_json()
    with fsspec.open(f"{bucket}/r.parquet", "rb") as file:
        np.testing.assert_array_equal(pandas.read_parquet(file)["value"], values.values)
    found = xarray.open_zarr(fsspec.get_mapper(f"{bucket}/r.zarr"))
    np.testing.assert_array_equal(found["value"], values.values)
    assert len(fsspec.filesystem("s3", **fsspec.config.conf["s3"]).ls("bucket")) == 5
