"""Where a request goes and how the key is shown there, of a base URL as people have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import openai

from prompt2model_api.base_url import without_request

_AZURE_HOST = re.compile(r"\.(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)$")
_DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+$")
_WEB_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


@dataclass(frozen=True)
class Address:
    """A base URL taken apart.

    base: what /chat/completions is put behind; without query.
    query: sent with each request, such as Azure's api-version.
    azure: whether the key goes into the header `api-key`, as Azure's deployments and what stands in for them want it.
    """

    base: str
    query: Mapping[str, str] = field(default_factory=dict)
    azure: bool = False

    @classmethod
    def of(cls, url: str) -> Address:
        """The parts of a teacher.baseURL that was checked."""
        parts = urlsplit(without_request(url))
        path = parts.path.rstrip("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        azure = _AZURE_HOST.search(parts.hostname or "") is not None or (
            _DEPLOYMENT.search(path) is not None and "api-version" in query
        )
        return cls(urlunsplit((parts.scheme, parts.netloc, path, "", "")), query, azure)

    def headers(self, key: str | None) -> dict[str, Any]:
        """The headers that show the key otherwise than as a Bearer; none where that is right.

        Azure takes an API key in `api-key`, and only tokens of Entra ID as a Bearer.
        Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication
        """
        if not self.azure or key is None or _WEB_TOKEN.fullmatch(key):
            return {}
        return {"api-key": key, "Authorization": openai.Omit()}
