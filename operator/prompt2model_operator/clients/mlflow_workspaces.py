"""Makes what a namespace needs in an MLflow with workspaces: its workspace, its user, and a role that lets the user write there.

Every step may be repeated; what is there already is left as it is, but for the user's password.
Source: https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/
"""

from __future__ import annotations

from typing import Any

import httpx

from prompt2model_operator.workspaces import workspace_name, workspace_password

ROLE = "recorder"
GRANTS = (("workspace", "USE"), ("experiment", "MANAGE"), ("registered_model", "MANAGE"))
"""USE of a workspace lets make experiments and models in it; who may MANAGE one may write, read and delete it."""
EXISTS = "RESOURCE_ALREADY_EXISTS"


class Workspaces:
    """The workspaces of an MLflow.

    Args:
        client: logged in as an administrator.
        key: what the users' passwords are derived from.
    """

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client = client
        self._key = key
        self._ready: set[str] = set()

    async def prepare(self, namespace: str) -> str:
        """The name of the namespace's workspace, which is there from now on. Raises: httpx.HTTPError, ValueError."""
        name = workspace_name(namespace)
        if name not in self._ready:
            await self._make(
                "3.0/mlflow/workspaces", {"name": name, "description": f"Kubernetes namespace {namespace}"}
            )
            await self._user(name, workspace_password(self._key, namespace))
            role = await self._role(name)
            for kind, permission in GRANTS:
                grant = {"role_id": role, "resource_type": kind, "resource_pattern": "*", "permission": permission}
                await self._make("3.0/mlflow/roles/permissions/add", grant)
            await self._make("3.0/mlflow/roles/assign", {"username": name, "role_id": role})
            self._ready.add(name)
        return name

    def doubt(self, namespace: str) -> None:
        """Has the workspace made again at its next use: somebody may have changed the password, or removed something."""
        self._ready.discard(workspace_name(namespace))

    async def _user(self, name: str, password: str) -> None:
        body = {"username": name, "password": password}
        if not await self._make("2.0/mlflow/users/create", body):
            answer = await self._client.patch("/api/2.0/mlflow/users/update-password", json=body)
            answer.raise_for_status()

    async def _role(self, workspace: str) -> int:
        await self._make("3.0/mlflow/roles/create", {"name": ROLE, "workspace": workspace})
        answer = await self._client.get("/api/3.0/mlflow/roles/list", params={"workspace": workspace})
        answer.raise_for_status()
        found = [int(role["id"]) for role in answer.json().get("roles", []) if role.get("name") == ROLE]
        if not found:
            raise ValueError(f"MLflow has no role {ROLE} in workspace {workspace}")
        return found[0]

    async def _make(self, path: str, body: dict[str, Any]) -> bool:
        """Whether it was made; it was there already otherwise."""
        answer = await self._client.post(f"/api/{path}", json=body)
        if answer.status_code == httpx.codes.BAD_REQUEST and answer.json().get("error_code") == EXISTS:
            return False
        answer.raise_for_status()
        return True
