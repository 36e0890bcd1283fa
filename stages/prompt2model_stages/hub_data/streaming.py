"""Opens a dataset of the hub as a stream, so that no more is fetched than is read."""

from __future__ import annotations

from typing import Any

from prompt2model_stages.hub_data.waiting import bound_waits


def open_stream(name: str, config: str | None, split: str | None, revision: str) -> Any:
    """What `datasets.load_dataset(..., streaming=True)` gives: an IterableDataset, or one for each split.

    Parquet files are read without buffering ahead: of a file of ten million rows, 400 rows took 39 MB with it and 6 MB without.
    Raises: what the library raises.
    """
    import datasets
    import pyarrow.dataset

    bound_waits()
    builder = datasets.load_dataset_builder(name, config, revision=revision)
    if hasattr(builder.config, "fragment_scan_options"):
        builder.config.fragment_scan_options = pyarrow.dataset.ParquetFragmentScanOptions(pre_buffer=False)
    return builder.as_streaming_dataset(split=split)
