"""Names and passwords in an MLflow with workspaces: each namespace of Kubernetes has a workspace, and a user that may write there.

A password is derived from a key that the operator alone has. So it is the same after a restart, and no Secret has to be read.
"""

from __future__ import annotations

import hashlib
import hmac

LONGEST = 63
"""Characters of a workspace's name: MLflow's limit."""
SHORTEST_KEY = 32


def workspace_name(namespace: str) -> str:
    """The workspace of a namespace, and its user; no two namespaces share one.

    The prefix keeps clear of MLflow's own names (`default`, `api`), and a hash without a dash of every other namespace.
    """
    name = f"p2m-{namespace}"
    return name if len(name) <= LONGEST else f"p2m{hashlib.sha256(namespace.encode()).hexdigest()}"[:LONGEST]


def workspace_password(key: str, namespace: str) -> str:
    """The password of a namespace's user."""
    return hmac.new(key.encode(), f"mlflow/{namespace}".encode(), hashlib.sha256).hexdigest()
