"""The address of a teacher's endpoint: what may stand in teacher.baseURL.

The checks are regular expressions that Python and CEL (RE2) read alike, so that `p2m validate` and an API server refuse the
same addresses in the same words. No message repeats the address: it may hold a password.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

PATTERN = r"^https?://\S+$"
_PORT = "(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*\.?)"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_END = "(?:[/?#]|$)"
_OTHER_PATHS = "completions|responses|messages|embeddings|v1/models"
_CHAT = r"/chat/completions/*(?:\?|$)"
_KEY_NAMES = (
    "key|api[-_]?key|apikey|code|token|access[-_]token|auth|authorization|secret|sig|signature|subscription-key"
)


@dataclass(frozen=True)
class Check:
    """An address passes where the expression is found in it (`wanted`), or is not found (otherwise); or where `unless` is."""

    expression: str
    wanted: bool
    message: str
    unless: str = ""

    def passes(self, url: str) -> bool:
        """Whether the address passes."""
        exempt = self.unless and re.search(self.unless, url) is not None
        return bool(exempt) or (re.search(self.expression, url) is not None) == self.wanted

    def rule(self, field: str) -> str:
        """The check in CEL, of a field such as `self.baseURL`."""
        found = f"{field}.matches(r'{self.expression}')"
        checked = found if self.wanted else f"!{found}"
        return f"{checked} || {field}.matches(r'{self.unless}')" if self.unless else checked


CHECKS = (
    Check(
        "^https?://[^/?#]*@",
        False,
        "a user or password is in the address: delete it, and name a Secret in apiKeySecretRef (a local run reads "
        "P2M_TEACHER_API_KEY)",
    ),
    Check(
        rf"^https?://{_HOST}(?::[^/?#]*)?{_END}",
        True,
        "the host is missing or malformed: write a name (in ASCII: xn--...), an IPv4 address, or an IPv6 address in brackets "
        "such as http://[::1]:8000/v1",
    ),
    Check(
        rf"^https?://[0-9.]+(?::[^/?#]*)?{_END}",
        False,
        "the host is not an IPv4 address: write four numbers from 0 to 255, such as http://10.0.0.7:8000/v1",
        unless=rf"^https?://{_BYTE}(?:\.{_BYTE}){{3}}(?::[^/?#]*)?{_END}",
    ),
    Check(
        rf"^https?://(?:\[[^\]]*\]|[^/?#:\[\]]*)(?::{_PORT})?{_END}",
        True,
        "the port is malformed: write a number from 1 to 65535, or leave it out",
    ),
    Check("#", False, "a # is in the address: end the address before it"),
    Check(
        rf"(?i)[?&](?:{_KEY_NAMES})=",
        False,
        "a key is in the address: delete it, and name a Secret in apiKeySecretRef (a local run reads P2M_TEACHER_API_KEY)",
    ),
    Check(
        rf"^[^?]*/(?:{_OTHER_PATHS})/*(?:\?|$)",
        False,
        "it ends in the path of another request: write the address up to and with /v1, or with /chat/completions",
        unless=_CHAT,
    ),
)
"""/chat/completions is taken off by whoever asks: see `without_request`."""

_REQUEST = re.compile(r"^([^?]*?)/+chat/completions/*(?=\?|$)")


def without_request(url: str) -> str:
    """The address without /chat/completions at the end of its path; its query stays."""
    return _REQUEST.sub(r"\1", url, count=1)


def check_base_url(url: str) -> str:
    """The address as it was given. Raises: ValueError with a sentence that does not repeat it."""
    for check in CHECKS:
        if not check.passes(url):
            raise ValueError(check.message)
    host = re.match(r"^https?://\[([^\]]*)\]", url)
    if host is not None:
        try:
            ipaddress.IPv6Address(host[1])
        except ValueError:
            raise ValueError(CHECKS[1].message) from None
    return url
