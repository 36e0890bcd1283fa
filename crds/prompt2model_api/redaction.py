"""Keys are struck out of whatever a person may read: conditions, failures, progress, logs, and so MLflow.

A key is recognized by what it is, not by how it looks: every secret of the environment is looked for, in each form in which a
library may show it. A few forms of well-known keys and the user and password of a URL are struck out wherever they stand.
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

from prompt2model_api.environment_names import P2M_TEACHER_API_KEY

MASK = "***"
NAMED = frozenset(
    {
        *(P2M_TEACHER_API_KEY, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MLFLOW_TRACKING_PASSWORD"),
        *("MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    }
)
"""Environment variables that hold a secret, even a short one."""

_SECRET_NAME = re.compile(
    r"(?:API_?KEY|SECRET_?KEY|ACCESS_KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE
)
_SHORTEST, _SHORTEST_GUESSED, _SHORTEST_PART = 4, 8, 8
"""Characters of a secret: of one that is known, of one guessed by its variable's name, of a part between white space."""
_START = 12
"""So many characters of a longer secret tell it, where a message is cut in the middle of it."""
_LONGEST = 256
"""Characters of a secret that is looked for in every form; of a longer one (a token, a file) the start is, to a word's end."""
_LOOKS_LIKE_A_KEY = re.compile(
    r"\bsk[-_][\w*.-]{6,}"
    r"|\b(?:hf|gsk|ghp)_[A-Za-z0-9*]{16,}"
    r"|\b(?:pk|rk|key|xai|pplx|nvapi)[-_](?=[\w*.-]*[\d*])[\w*.-]{6,}"
    r"|\bAIza[\w-]{20,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|\b(?:Bearer|Basic) +(?=[^\s,;'\"]*[\d=*])[\w*.~+/=-]{6,}",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/?#'\"<>]+@", re.IGNORECASE)
_BEFORE_A_HOST = re.compile(r"(?<![\w/:@])[\w.%+-]+:[^\s/@:'\"]+@(?=[\w\[])")


def mask(text: str, *more: str | None, environment: Mapping[str, str] | None = None) -> str:
    """The text without secrets.

    Args:
        text: what is about to be shown.
        more: secrets beside those of the environment.
        environment: by default this process' own.
    """
    known = (*secrets_in(os.environ if environment is None else environment), *(one for one in more if one))
    for secret in sorted(set(known), key=len, reverse=True):
        plain, coded = _patterns(secret)
        for pattern in plain:
            text = pattern.sub(MASK, text)
        for core in coded:
            if core in text:
                text = re.sub(rf"[\w+/=-]*{re.escape(core)}[\w+/=-]*", MASK, text)
    text = _BEFORE_A_HOST.sub(f"{MASK}@", _IN_URL.sub(rf"\1{MASK}@", text))
    return _LOOKS_LIKE_A_KEY.sub(MASK, text)


def first_line(error: BaseException) -> str:
    """An error in a line, without secrets: masked before it is cut, because a key may hold a line's end."""
    return mask(f"{type(error).__name__}: {error}").splitlines()[0]


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The values that are secrets: of variables named so, and the passwords in URLs (of a proxy, of MLflow)."""
    found = []
    for name, value in environment.items():
        if name in NAMED or (_SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST_GUESSED and value[0] != "/"):
            found.append(value)
        elif "://" in value and "@" in value:
            found += _passwords(value)
    return found


def mask_streams() -> None:
    """From here on everything that Python code of this process writes to standard output and error is masked."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, MaskedStream):
            setattr(sys, name, MaskedStream(stream))


class MaskedStream(io.TextIOBase):
    """A text stream before another one that masks what is written, a call at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text without secrets; returns the length of what it was given, as a stream does."""
        self._stream.write(mask(text))
        return len(text)

    def flush(self) -> None:
        """Flushes the stream behind."""
        self._stream.flush()

    def fileno(self) -> int:
        """The descriptor of the stream behind."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """True."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream behind."""
        return self._stream.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _passwords(value: str) -> Iterable[str]:
    try:
        password = urlsplit(value).password
    except ValueError:
        return []
    return [one for one in {password or "", unquote(password or "")} if len(one) >= _SHORTEST]


@lru_cache(maxsize=256)
def _patterns(secret: str) -> tuple[tuple[re.Pattern[str], ...], tuple[str, ...]]:
    """What finds the secret in any form: escaped by repr or JSON, percent-encoded, as bytes, cut short; and in Base64."""
    bare = secret.strip().strip("\ufeff\u200b")
    wanted = {secret, bare, bare.strip("\"'`“”„‘’«»")}
    wanted |= {part for part in bare.split() if len(part) >= _SHORTEST_PART}
    plain: list[re.Pattern[str]] = []
    coded: list[str] = []
    for form in sorted((one for one in wanted if len(one.strip()) >= _SHORTEST), key=len, reverse=True):
        if len(form) <= _LONGEST:
            plain.append(re.compile("".join(map(_any_form, form))))
        else:
            plain.append(re.compile(re.escape(form)))
        if len(form) > _START + 4:
            plain.append(re.compile("".join(map(_any_form, form[:_START])) + r"[^\s'\"\\,;)\]}>]*"))
        coded += _base64_cores(form)
    return tuple(plain), tuple(coded)


_SHORT_ESCAPES = dict(zip("\n\r\t\f\b\v", "nrtfbv", strict=True)) | {"\\": r"\\", '"': '"', "'": "'", "/": "/"}
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos|#0?39|#x27"}


@lru_cache(maxsize=1024)
def _any_form(character: str) -> str:
    """A regular expression for one character, as it is or escaped, once or several times over."""
    code = ord(character)
    forms = [re.escape(character), *(_entity(character, code))]
    if character in _SHORT_ESCAPES:
        forms.append(rf"\\+{_SHORT_ESCAPES[character]}")
    if character == " ":
        forms.append(r"\+")
    units = character.encode("utf-16-be", "surrogatepass")
    forms.append("".join(rf"\\+u(?i:{units[i]:02x}{units[i + 1]:02x})" for i in range(0, len(units), 2)))
    forms.append(rf"\\+U(?i:{code:08x})")
    octets = [character.encode("utf-8", "surrogatepass")] + ([bytes([code])] if code < 256 else [])
    for octet in octets:
        forms.append("".join(rf"\\+x(?i:{one:02x})" for one in octet))
        forms.append("".join(rf"%(?:25)*(?i:{one:02x})" for one in octet))
    if code > 127:
        forms.append(re.escape(character.encode("utf-8", "surrogatepass").decode("latin-1")))  # read as Latin-1
    return f"(?:{'|'.join(forms)})"


def _entity(character: str, code: int) -> list[str]:
    names = f"|{_ENTITIES[character]}" if character in _ENTITIES else ""
    return [rf"&(?:#0*{code}|#[xX]0*(?i:{code:x}){names});"] if names or code > 127 else []


def _base64_cores(secret: str) -> Iterable[str]:
    """The part of the secret's Base64 that is the same whatever stands before and behind it, such as `user:`."""
    content = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        first = -(-before * 8 // 6) if before else 0
        last = (before + len(content)) * 8 // 6
        core = base64.b64encode(bytes(before) + content).decode()[first:last]
        if len(core) >= 8:
            yield from {core, core.replace("+", "-").replace("/", "_")}
