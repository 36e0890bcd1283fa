"""From bytes to text: a byte order mark or the spec says the encoding, else it is UTF-8; nothing is guessed."""

from __future__ import annotations

import codecs

from prompt2model_stages.prepare.tables.table import MalformedError

MARKS = (  # the longer first: UTF-32's begins as UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NAMED = {  # as Python calls them: as the spec does
    "gb18030": "GB18030",
    "big5": "Big5",
    "cp932": "Shift_JIS",
    "euc_jp": "EUC-JP",
    "cp949": "EUC-KR",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "cp1252": "Windows-1252",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
}
WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-1": "cp1252"}
"""What files that are called so really hold, as browsers read them: the larger set of characters."""
NO_TEXT = frozenset({"unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "mbcs", "oem"})
SHOWN = 12
LIKELY = 4


def decoded(content: bytes, encoding: str | None = None) -> str:
    """The text, without byte order marks.

    Args:
        content: of a text file.
        encoding: as `own.format.encoding` names it.

    Raises: MalformedError, which names encodings that would do.
    """
    marked = next((codec for mark, codec in MARKS if content.startswith(mark)), None)
    codec = marked or (_codec(encoding) if encoding is not None else "utf-8")
    try:
        return content.decode(codec).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        if encoding is not None or marked is not None:
            called = marked.removesuffix("-sig").upper() if marked is not None else encoding
            raise MalformedError(
                f"is not {called}: {_place(content, error)}", "Save the file as UTF-8, or correct it."
            ) from error
        raise _unknown(content, error) from error


def _codec(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
    except LookupError:
        found = None
    if found is None or found.name.replace("-", "_") in NO_TEXT or not found._is_text_encoding:
        raise MalformedError(
            f"cannot be read in {encoding}: there is no such encoding", "Name one such as GB18030 in format.encoding."
        )
    return WIDER.get(found.name.replace("-", "_") if found.name != "iso8859-1" else found.name, found.name)


def looks_like_utf16(text: str) -> bool:
    """Whether each second character is NUL, as where UTF-16 without a mark is read as UTF-8."""
    return text[:2000].count("\x00") > len(text[:2000]) / 4


def _unknown(content: bytes, error: UnicodeDecodeError) -> MalformedError:
    guesses = _guesses(content, error.start)
    what = f"is not UTF-8: {_place(content, error)}"
    remedy = "Save the file as UTF-8 (Excel: CSV UTF-8), or name its encoding in format.encoding."
    if not guesses:
        return MalformedError(what, remedy)
    return MalformedError(f"{what}. It may be {' or '.join(guesses)}", remedy)


def _place(content: bytes, error: UnicodeDecodeError) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    return f"line {line} holds the byte 0x{content[error.start]:02X}, which is none there"


def _guesses(content: bytes, at: int) -> list[str]:
    """Encodings, each with how the first words that are not ASCII would read: a person sees at once which is right."""
    from charset_normalizer import from_bytes

    begins = content.rfind(b"\n", 0, at) + 1
    start = content[begins : begins + 20_000]
    found = [str(match.encoding) for match in from_bytes(start, cp_isolation=list(NAMED))]
    shown = []
    for codec in found[:LIKELY]:
        text = start.decode(codec, "replace")
        first = next((at for at, letter in enumerate(text) if ord(letter) > 127), 0)
        sample = " ".join(text[first : first + SHOWN].split("\n")[0].split())
        shown.append(f"{NAMED[codec]} (“{sample}”)")
    return shown
