"""The teacher's key: read from the environment, and checked before anything is sent or booked.

A Secret made from a file ends with a line break, and a key copied from a page may have typographic quotes: a header takes
neither, and the HTTP library would say so in words that show the key. No message here repeats any part of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from prompt2model_api.environment_names import P2M_STAGE_RUN
from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_stages.errors import StageError, blocked

LONGEST = 16 * 1024
"""Characters. The longest keys in use are JSON Web Tokens of a few thousand."""
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
"""A byte order mark and what has no width: white space to whoever copies a key, though Unicode does not say so."""
_SCHEME = re.compile(r"(?:authorization\s*:\s*)?(bearer|basic|api-key)[\s:]", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*(?:KEY|TOKEN)\s*=", re.IGNORECASE)
_QUOTES = "\"'`"
_NAMES = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab", " ": "a space", "\x00": "a null character"}


def read_key(environment: Mapping[str, str], name: str, place: str) -> str | None:
    """The key in an environment variable; None where there is none. Raises: StageError TeacherUnauthorized."""
    return usable_key(environment.get(name), place)


def variable(name: str) -> str:
    """What messages call the place of a local run's key."""
    return f"the environment variable {name}"


def key_place(environment: Mapping[str, str], name: str, teacher: TeacherSpec) -> str:
    """What messages call the place where a person puts the key: in a cluster the Secret, else the environment variable."""
    if P2M_STAGE_RUN not in environment:
        return variable(name)
    if (ref := teacher.api_key_secret_ref) is None:
        return "a Secret, and name it in spec.teacher.apiKeySecretRef"
    return f'the key "{ref.key}" of Secret "{ref.name}" (spec.teacher.apiKeySecretRef)'


def usable_key(key: str | None, place: str) -> str | None:
    """The key without white space around it.

    Args:
        key: as it was given; None or "" where none was.
        place: where it is, for messages.

    Raises: StageError TeacherUnauthorized where it cannot be sent in a header, or is more than the key alone.
    """
    if not key:
        return None
    bare = key.strip().strip(_INVISIBLE).strip()
    if (what := _problem(bare)) is not None:
        raise _unusable(place, what)
    return bare


def _problem(key: str) -> str | None:
    """What is wrong, without a part of the key; None where nothing is."""
    if not key:
        return "holds white space alone"
    if (found := _SCHEME.match(key)) is not None:
        scheme = found[1].capitalize()
        return f"begins with the word {scheme}, which is sent before the key anyway"
    if _ASSIGNMENT.match(key):
        return "holds an assignment (NAME=key) and not the key alone"
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        return "has quotes around it, which would be sent as a part of the key"
    if len(key) > LONGEST:
        return f"has {len(key):,} characters, more than any key: it may be a whole file"
    for place, character in enumerate(key, start=1):
        if not "!" <= character <= "~":
            return f"holds {_called(character)} (character {place} of {len(key)}), which no HTTP header takes"
    return None


def _called(character: str) -> str:
    if character in _NAMES:
        return _NAMES[character]
    name = unicodedata.name(character, "a control character").lower()
    return f"{name} U+{ord(character):04X}"


def _unusable(place: str, what: str) -> StageError:
    return blocked(
        "TeacherUnauthorized",
        f"The API key in {place} cannot be used: it {what}.",
        f"Put the key alone, as the provider shows it, into {place}. Nothing was sent.",
    )
