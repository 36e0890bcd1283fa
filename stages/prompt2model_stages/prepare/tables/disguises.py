"""Files that are not what their name says: an Excel file called .csv, a login page, a pointer instead of the data."""

from __future__ import annotations

from prompt2model_stages.prepare.tables.table import MalformedError

PARQUET = b"PAR1"
UNPACK = "Unpack it, and name the file inside."
SHEET = "Save the sheet as CSV UTF-8, and name that file."
CONVERT = "Convert it to CSV, JSON lines or Parquet, and name that file."

MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "compressed by gzip", UNPACK),
    (b"BZh", "compressed by bzip2", UNPACK),
    (b"\xfd7zXZ\x00", "compressed by xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\xd0\xcf\x11\xe0", "an Excel file of the old kind (.xls)", SHEET),
    (b"%PDF", "a PDF", "Write its table as CSV, and name that file."),
    (b"SQLite format 3\x00", "an SQLite database", CONVERT),
    (b"ARROW1", "an Arrow file (Feather)", CONVERT),
    (b"\xff\xff\xff\xff", "an Arrow stream", CONVERT),
    (b"ORC", "an ORC file", CONVERT),
    (b"Obj\x01", "an Avro file", CONVERT),
    (b"\x93NUMPY", "a NumPy file", CONVERT),
    (b"\x89HDF", "an HDF5 file", CONVERT),
    (b"\x80\x04", "a Python pickle", CONVERT),
    (b"\x80\x05", "a Python pickle", CONVERT),
    (b"\x89PNG", "an image", CONVERT),
    (b"{\\rtf", "a text document (RTF)", CONVERT),
)
PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")


def refuse_disguise(content: bytes, kind: str) -> None:
    """Says what the file is where its first bytes tell that it is no `kind`.

    Raises: MalformedError.
    """
    if not content.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise MalformedError("is empty", "Put the rows into it, or name the file that has them.")
    if content.startswith(b"version https://git-lfs"):
        raise MalformedError(
            "is a pointer of Git LFS, not the data", "Fetch the data with `git lfs pull`, then try again."
        )
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise MalformedError("is an Excel file (.xlsx) or another zip archive", f"{SHEET} Unpack another archive.")
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(PAGES):
        raise MalformedError(
            "is an HTML page, such as a site sends for a login or an error",
            "Open the address in a browser, download the data itself, and name that file.",
        )
    if content[257:262] == b"ustar":
        raise MalformedError("is a tar archive", UNPACK)
    if start.startswith(b"<?xml"):
        raise MalformedError("is an XML file", CONVERT)
    for magic, what, remedy in MAGIC:
        if content.startswith(magic) and _is_binary(magic, content):
            raise MalformedError(f"is {what}, not {kind}", remedy)
    if content.startswith(PARQUET) and kind != "Parquet":
        raise MalformedError("is a Parquet file by its first bytes", "Rename it to end with .parquet.")


def _is_binary(magic: bytes, content: bytes) -> bool:
    """Letters alone (`ORC`) may begin a text, too."""
    return not magic.isalnum() or b"\x00" in content[:4096] or any(byte > 0x7E for byte in content[:64])
