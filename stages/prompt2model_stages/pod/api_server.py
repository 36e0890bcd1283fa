"""The one request that a stage makes to the API server: a merge patch of its own StageRun's status.

The pod's service account may do that and no more. Token and certificate are read anew, since Kubernetes renews both.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from prompt2model_api.environment_names import P2M_SERVICE_ACCOUNT_FOLDER
from prompt2model_api.prompt2model import API_VERSION

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
TIMEOUT_S = 10.0


class Away(Exception):
    """The API server cannot be reached, or cannot answer now; the text says why."""


class Refused(Exception):
    """The API server understood and refuses: the same patch would be refused again."""


class Gone(Exception):
    """There is no such StageRun any more."""


class Seen(NamedTuple):
    """What the answer to a patch tells of the StageRun."""

    uid: str
    attempt: int


class StageRunStatusClient:
    """Patches the status of one StageRun. For one thread.

    Args:
        namespace, name: of the StageRun.
        environment: names the API server (KUBERNETES_SERVICE_HOST and _PORT) as Kubernetes does.
    """

    def __init__(self, namespace: str, name: str, environment: Mapping[str, str] = os.environ) -> None:
        host = environment.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc")
        port = environment.get("KUBERNETES_SERVICE_PORT", "443")
        address = f"[{host}]" if ":" in host else host
        self.url = f"https://{address}:{port}/apis/{API_VERSION}/namespaces/{namespace}/stageruns/{name}/status"
        self._account = Path(environment.get(P2M_SERVICE_ACCOUNT_FOLDER, SERVICE_ACCOUNT))
        self._http: httpx.Client | None = None

    def patch(self, status: Mapping[str, Any]) -> Seen:
        """Merges these fields into the status; without any, nothing is written and the answer tells all the same.

        Raises: Away, Refused, Gone.
        """
        try:
            response = self._client().patch(
                self.url,
                json={"status": dict(status)} if status else {},
                headers={
                    "Authorization": f"Bearer {(self._account / 'token').read_text().strip()}",
                    "Content-Type": "application/merge-patch+json",
                },
            )
            return _seen(response)
        except (httpx.HTTPError, OSError) as error:
            self.close()  # the next try starts with a new connection and the certificate as it is then
            raise Away(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Closes the connection; the next patch opens another."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _client(self) -> httpx.Client:
        if self._http is None:
            trusted = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
            self._http = httpx.Client(verify=trusted, timeout=TIMEOUT_S, trust_env=False)
        return self._http


def _seen(response: httpx.Response) -> Seen:
    code, text = response.status_code, " ".join(response.text[:500].split())
    if code == 404:
        raise Gone(text)
    if code in (400, 409, 413, 415, 422):
        raise Refused(f"{code} {text}")
    if code != 200:  # 401 and 403 too: a token is renewed, a role fixed
        raise Away(f"{code} {text}")
    try:
        tree = response.json()
        return Seen(str(tree["metadata"].get("uid", "")), int(tree.get("status", {}).get("attempt", 0)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Away(f"the answer is no StageRun: {text[:100]}") from error
