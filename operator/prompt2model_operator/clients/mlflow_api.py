"""What the operator asks MLflow: is it there, what does it have of a resource, and to tidy up after a deletion.

Nothing waits for it: every question has a short limit, and an MLflow that is away is an answer too.
Source: https://mlflow.org/docs/latest/rest-api.html
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import httpx

from prompt2model_api.pages import pages_address
from prompt2model_operator.clients.mlflow_workspaces import Workspaces

LIMIT_S = 5.0
ENDED = ("FINISHED", "FAILED", "KILLED")
RESOURCE_TAG, KIND_TAG, STAGE_RUN_TAG, DIGEST_TAG = "p2m.resource", "p2m.kind", "p2m.stage_run", "p2m.digest"


WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"
Place = dict[str, str]
"""The headers that name a workspace."""


class MlflowProblemError(Exception):
    """MLflow could not be looked into; the text is a clause that goes on after its address."""


@dataclass(frozen=True)
class Recorded:
    """What MLflow has of a resource.

    run_url: the page of its run; None where there is none, or no browser opens it.
    stage_runs: the stage runs that are recorded to their end.
    stage_run_urls: the pages of these; empty where no browser opens them.
    """

    run_url: str | None
    stage_runs: frozenset[str]
    stage_run_urls: dict[str, str]


class MlflowApi:
    """MLflow's REST API, with the credentials of the environment.

    Args:
        uri: MLflow's address.
        public_url: its address as people reach it.
        workspace_key: what the passwords of its users are derived from, where each namespace has a workspace; without it
            everything is in the workspace of the environment, or MLflow has none.
    """

    def __init__(self, uri: str, public_url: str | None = None, workspace_key: str | None = None) -> None:
        token, user = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        auth = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None
        self._pages = pages_address(uri, public_url)
        self._client = httpx.AsyncClient(base_url=uri.rstrip("/"), headers=headers, auth=auth, timeout=LIMIT_S)
        self._workspaces = Workspaces(self._client, workspace_key) if workspace_key else None

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()

    async def recorded(self, namespace: str, name: str) -> Recorded:
        """What is recorded of a resource. Raises: MlflowProblemError."""
        try:
            place = await self._place(namespace)
            experiment = await self._experiment(f"{namespace}/{name}", place)
            runs = await self._runs(experiment, place) if experiment else []
        except httpx.HTTPStatusError as error:
            raise MlflowProblemError(_refusal(error.response)) from None
        except (httpx.HTTPError, ValueError, KeyError):  # KeyError: another answer than MLflow's
            raise MlflowProblemError("does not answer") from None
        own, stages, pages = None, set(), {}
        for run in runs:
            tags = {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}
            page = self._page(f"/#/experiments/{experiment}/runs/{run['info']['run_id']}", place)
            if tags.get(KIND_TAG) == "resource":
                own = page
            elif STAGE_RUN_TAG in tags and run["info"]["status"] in ENDED:
                stages.add(tags[STAGE_RUN_TAG])
                if page is not None:
                    pages[tags[STAGE_RUN_TAG]] = page
        return Recorded(own, frozenset(stages), pages)

    def doubt(self, namespace: str) -> None:
        """The namespace's credentials may be what keeps its record behind: they are set again at the next question."""
        if self._workspaces is not None:
            self._workspaces.doubt(namespace)

    async def crown(self, namespace: str, name: str, train_digest: str) -> bool:
        """Gives the alias `champion` to the model version of this training; whether that could be done."""
        model = f"{namespace}.{name}"
        try:
            place = await self._place(namespace)
            answer = await self._client.get(
                "/api/2.0/mlflow/model-versions/search",
                params={"filter": f"name='{model}'", "max_results": 200},
                headers=place,
            )
            answer.raise_for_status()
            for version in answer.json().get("model_versions", []):
                tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
                if tags.get(DIGEST_TAG) == train_digest:
                    body = {"name": model, "alias": "champion", "version": version["version"]}
                    await self._send("POST", "registered-models/alias", body, place)
                    return True
        except (httpx.HTTPError, ValueError, KeyError):  # KeyError: another answer than MLflow's
            return False
        return False

    async def tidy(self, namespace: str, name: str, *, unregister: bool) -> bool:
        """Closes the runs of a resource that is gone, and removes its registered model if asked to; whether that is done."""
        try:
            place = await self._place(namespace)
            experiment = await self._experiment(f"{namespace}/{name}", place)
            for run in await self._runs(experiment, place) if experiment else []:
                if run["info"]["status"] not in ENDED:
                    body = {"run_id": run["info"]["run_id"], "status": "KILLED", "end_time": int(time.time() * 1000)}
                    await self._send("POST", "runs/update", body, place)
            if unregister:
                await self._unregister(f"{namespace}.{name}", place)
        except (httpx.HTTPError, ValueError, KeyError):  # KeyError: another answer than MLflow's
            return False
        return True

    async def _unregister(self, model: str, place: Place) -> None:
        try:
            await self._send("DELETE", "registered-models/delete", {"name": model}, place)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise

    async def _place(self, namespace: str) -> Place:
        """The workspace of a namespace's records, as a request's headers name it; nothing where there are none."""
        own = os.environ.get("MLFLOW_WORKSPACE")
        name = await self._workspaces.prepare(namespace) if self._workspaces is not None else own
        return {WORKSPACE_HEADER: name} if name else {}

    def _page(self, path: str, place: Place) -> str | None:
        """The page as a browser opens it; None where MLflow has no address for browsers."""
        if self._pages is None:
            return None
        workspace = place.get(WORKSPACE_HEADER)
        return f"{self._pages}{path}" + (f"?workspace={workspace}" if workspace else "")

    async def _experiment(self, name: str, place: Place) -> str | None:
        path, params = "/api/2.0/mlflow/experiments/get-by-name", {"experiment_name": name}
        answer = await self._client.get(path, params=params, headers=place)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return str(answer.json()["experiment"]["experiment_id"])

    async def _runs(self, experiment: str, place: Place) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: str | None = ""
        while token is not None:
            body = {"experiment_ids": [experiment], "max_results": 200} | ({"page_token": token} if token else {})
            answer = await self._send("POST", "runs/search", body, place)
            found += answer.get("runs", [])
            token = answer.get("next_page_token") or None
        return found

    async def _send(self, method: str, path: str, body: dict[str, Any], place: Place) -> dict[str, Any]:
        answer = await self._client.request(method, f"/api/2.0/mlflow/{path}", json=body, headers=place)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def _refusal(answer: httpx.Response) -> str:
    if answer.status_code in (401, 403):
        return f"refuses the operator's credentials with status {answer.status_code} (check their Secret)"
    return f"answers {answer.request.url.path} with status {answer.status_code}"
