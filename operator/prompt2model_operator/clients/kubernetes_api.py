"""The one way to the API server: generic requests over the official client, counted.

Nothing else talks to the API server but kopf's watches. Bodies are plain dicts, as in YAML.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple, Protocol

import urllib3
from kubernetes import client, config

from prompt2model_operator.kinds import BY_KIND, MANAGER, POD, Kind
from prompt2model_operator.metrics import API_REQUESTS

Body = dict[str, Any]
Query = list[tuple[str, str]]

TIMEOUT_S = 30
PAGE = 500
LONGEST_LOG = 64 * 1024
"""Bytes of a log that are read."""


class Listing(NamedTuple):
    """Objects, and the version of the cluster that they show."""

    items: list[Body]
    version: int


class ApiError(Exception):
    """The API server refused, or did not answer (status 0). The text is its own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotFoundError(ApiError):
    """There is no such object, or no such kind."""


class ConflictError(ApiError):
    """It is there already, or was changed meanwhile."""


class KubernetesApi(Protocol):
    """What the operator asks of a cluster; the tests have one in memory."""

    async def list(self, kind: Kind, namespace: str | None = None, selector: str = "", fields: str = "") -> Listing:
        """All objects of a kind that the selectors of labels and of fields match."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Body:
        """One object. Raises: NotFoundError."""

    async def create(self, manifest: Body) -> Body:
        """Makes an object. Raises: ConflictError where it is there."""

    async def apply(self, manifest: Body, subresource: str | None = None, manager: str = MANAGER) -> Body:
        """Server-side apply, as the owner of these fields."""

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Removes the object, and what it owns in the background; nothing happens where there is none."""

    async def allowed(
        self, verb: str, kind: Kind, namespace: str | None, subresource: str = "", name: str = ""
    ) -> bool:
        """Whether the operator itself may do this, to every object or to the one of this name."""

    async def log(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> str:
        """The end of a container's log; `previous` is of the one before its restart. Raises: ApiError."""


class ClusterApi:
    """A real cluster's."""

    def __init__(self) -> None:
        self._client: client.ApiClient | None = None

    async def connect(self) -> None:
        """Finds the credentials: the pod's, else the kubeconfig's. Raises: ApiError."""
        try:
            config.load_incluster_config()
        except config.ConfigException:
            try:
                config.load_kube_config()
            except config.ConfigException as error:
                raise ApiError(0, f"No service account and no kubeconfig: {error}") from None
        self._client = client.ApiClient()

    async def close(self) -> None:
        """Ends the connections."""
        if self._client is not None:
            self._client.close()

    async def list(self, kind: Kind, namespace: str | None = None, selector: str = "", fields: str = "") -> Listing:
        """See KubernetesApi. In pages, so that no answer is large."""
        items: list[Body] = []
        query = [("labelSelector", selector), ("fieldSelector", fields), ("limit", str(PAGE))]
        token = ""
        while True:
            more = [("continue", token)] if token else []
            page = await self._request("list", kind, "GET", kind.path(namespace), query=[*query, *more])
            items += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                named = {"apiVersion": kind.api_version, "kind": kind.kind}
                return Listing([{**named, **item} for item in items], int(page["metadata"]["resourceVersion"]))

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Body:
        """See KubernetesApi."""
        return await self._request("get", kind, "GET", kind.path(namespace, name))

    async def create(self, manifest: Body) -> Body:
        """See KubernetesApi."""
        kind, namespace = BY_KIND[manifest["kind"]], manifest["metadata"].get("namespace")
        query = [("fieldManager", MANAGER)]
        return await self._request("create", kind, "POST", kind.path(namespace), manifest, query)

    async def apply(self, manifest: Body, subresource: str | None = None, manager: str = MANAGER) -> Body:
        """See KubernetesApi."""
        kind, meta = BY_KIND[manifest["kind"]], manifest["metadata"]
        path = kind.path(meta["namespace"], meta["name"], subresource)
        query = [("fieldManager", manager), ("force", "true")]
        verb = "apply status" if subresource else "apply"
        return await self._request(verb, kind, "PATCH", path, manifest, query, "application/apply-patch+yaml")

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """See KubernetesApi."""
        body = {"propagationPolicy": "Background"}
        try:
            await self._request("delete", kind, "DELETE", kind.path(namespace, name), body)
        except NotFoundError:
            return

    async def allowed(
        self, verb: str, kind: Kind, namespace: str | None, subresource: str = "", name: str = ""
    ) -> bool:
        """See KubernetesApi. Asked with a SelfSubjectAccessReview, which everybody may make."""
        attributes = {"verb": verb, "group": kind.group, "resource": kind.plural, "subresource": subresource}
        place = {"namespace": namespace, "name": name}
        spec = {"resourceAttributes": attributes | {key: value for key, value in place.items() if value}}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await self._request("review", kind, "POST", path, body)
        return bool(answer["status"]["allowed"])

    async def log(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> str:
        """See KubernetesApi."""
        API_REQUESTS.labels("get log", POD.plural).inc()
        query = [("container", container), ("tailLines", str(lines)), ("limitBytes", str(LONGEST_LOG))]
        query += [("previous", "true")] if previous else []
        path = POD.path(namespace, pod, "log")
        status, reason, content = await asyncio.to_thread(self._call, "GET", path, None, query, "application/json")
        if status >= 400:
            raise ApiError(status, f"{reason}: {content[:300].decode(errors='replace')}")
        return content.decode(errors="replace")

    async def renew(self, method: str, path: str, body: Body | None = None) -> Body:
        """A request for the lease, which is no object of a resource's and is not counted."""
        return await self._send(method, path, body, [], "application/json")

    async def _request(
        self,
        verb: str,
        kind: Kind,
        method: str,
        path: str,
        body: Body | None = None,
        query: Query | None = None,
        content_type: str = "application/json",
    ) -> Body:
        API_REQUESTS.labels(verb, kind.plural).inc()
        return await self._send(method, path, body, query or [], content_type)

    async def _send(self, method: str, path: str, body: Body | None, query: Query, content_type: str) -> Body:
        status, reason, content = await asyncio.to_thread(self._call, method, path, body, query, content_type)
        found: Body = (
            json.loads(content) if content[:1] == b"{" else {"message": content[:300].decode(errors="replace")}
        )
        if status < 400:
            return found
        kinds = {404: NotFoundError, 409: ConflictError}
        raise kinds.get(status, ApiError)(status, str(found.get("message", reason)))

    def _call(
        self, method: str, path: str, body: Body | None, query: Query, content_type: str
    ) -> tuple[int, str, bytes]:
        """One request, in a thread: the client waits for the answer. Status, reason and content of the answer."""
        assert self._client is not None, "connect first"
        try:
            answer = self._client.call_api(
                path,
                method,
                query_params=query,
                header_params={"Content-Type": content_type, "Accept": "application/json"},
                body=body,
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=TIMEOUT_S,
            )
        except client.ApiException as error:
            return error.status or 400, str(error.reason), error.body or b""
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(0, f"The API server does not answer: {type(error).__name__}: {error}") from error
        return answer.status, answer.reason, answer.data
