"""A file as a table: which reader, the encoding, and one sentence for each way in which it is not what it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from prompt2model_api.data_files import KINDS
from prompt2model_api.spec.references import DataFormat, DataKind
from prompt2model_stages.errors import failed
from prompt2model_stages.prepare.tables.chat import read_chat
from prompt2model_stages.prepare.tables.csv_files import read_csv
from prompt2model_stages.prepare.tables.decoding import decoded, looks_like_utf16
from prompt2model_stages.prepare.tables.disguises import refuse_disguise
from prompt2model_stages.prepare.tables.fetching import content_of
from prompt2model_stages.prepare.tables.json_files import read_json
from prompt2model_stages.prepare.tables.parquet_files import read_parquet
from prompt2model_stages.prepare.tables.table import MalformedError, Table, refuse_deep

READERS = KINDS
"""What a file is, by its suffix."""
SHEETS = ("xlsx", "xls", "xlsm", "ods", "numbers")
PACKED = ("gz", "zip", "bz2", "xz", "zst", "tgz", "tar", "7z")


def read_table(
    uri: str, where: str, wanted: Sequence[str] = (), form: DataFormat | None = None, *, may_be_empty: bool = False
) -> Table:
    """The table in a file.

    Args:
        uri: a path, or file://, s3://, gs://; the suffix says the format where `form` does not.
        where: the spec's field that names it, for messages.
        wanted: the columns that will be asked for: they help to tell a header, a delimiter and chat rows.
        form: what the spec says of the file.
        may_be_empty: a part of a dataset: another file has its rows.

    Raises: StageError FileMissing, FormatUnknown or DataMalformed; FileUnreachable where it lies elsewhere.
    """
    kind = _kind(uri, where, form)
    content = content_of(uri, where)
    usual = "\t" if _suffix(uri) == "tsv" else ","
    try:
        refuse_disguise(content, {DataKind.PARQUET: "Parquet", DataKind.CSV: "CSV"}.get(kind, "JSON"))
        table = _parsed(uri, kind, content, wanted, form, usual)
        refuse_deep(table.rows)
        table = read_chat(table, wanted)
        if not table.rows and not may_be_empty:
            raise MalformedError(
                "has no rows: nothing stands below its header" if table.columns else "has no rows",
                "Put the rows into it, or name the file that has them.",
            )
    except MalformedError as error:
        raise failed(
            "DataMalformed", f"{where}: {uri} {str(error).rstrip('.')}.", _remedy(error.remedy, where)
        ) from error
    return replace(table, sha256=hashlib.sha256(content).hexdigest())


def _parsed(
    uri: str, kind: DataKind, content: bytes, wanted: Sequence[str], form: DataFormat | None, usual: str
) -> Table:
    if kind is DataKind.PARQUET:
        return read_parquet(uri, content)
    text = decoded(content, form.encoding if form is not None else None)
    if looks_like_utf16(text):
        raise MalformedError(
            "is UTF-16 without a byte order mark", "Save the file as UTF-8, or name UTF-16LE in format.encoding."
        )
    if kind is DataKind.JSON:
        return read_json(uri, text, wanted)
    if text.lstrip()[:1] in ("{", "[") and '"' in text[:200] and (table := _json_inside(uri, text, wanted)):
        raise MalformedError(
            f"is JSON, with the columns {', '.join(table.columns[:5])}",
            "Rename it to end with .jsonl, or write format: {kind: JSON}.",
        )
    return read_csv(uri, text, wanted, form.delimiter if form else None, usual)


def _json_inside(uri: str, text: str, wanted: Sequence[str]) -> Table | None:
    try:
        return read_json(uri, text, wanted)
    except MalformedError:
        return None


def _kind(uri: str, where: str, form: DataFormat | None) -> DataKind:
    if form is not None and (said := form.said_kind) is not None:
        return said
    suffix = _suffix(uri)
    if (kind := READERS.get(suffix)) is not None:
        return kind
    known = ", ".join(f".{s}" for s in READERS)
    remedy = f"Convert the file to one of these, or say what it is in {where}.format.kind."
    if suffix in SHEETS:
        remedy = "Save the sheet as CSV UTF-8, and name that file."
    elif suffix in PACKED:
        remedy = "Unpack the file, and name what is inside."
    raise failed("FormatUnknown", f"{where}: {uri} ends with none of {known}.", remedy)


def _suffix(uri: str) -> str:
    return uri.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower()


def _remedy(remedy: str, where: str) -> str:
    """Fields of the file's format by their whole path."""
    return remedy.replace(" format.", f" {where}.format.").replace(" format:", f" {where}.format:")
