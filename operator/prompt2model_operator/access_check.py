"""Before the start: may the operator do what it will do? If not, one sentence says what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from prompt2model_operator.clients.kubernetes_api import KubernetesApi
from prompt2model_operator.kinds import (
    ACCESSROLE,
    AROUND_SERVICE,
    BY_SETTING,
    CLAIM,
    CONFIGMAP,
    DEPLOYMENT,
    JOB,
    NODE,
    POD,
    PROMPT2MODEL,
    RAYJOB,
    ROLEBINDING,
    SECRET,
    SERVICEACCOUNT,
    STAGERUN,
    Kind,
)

MAKES = ("get", "create")
APPLIES = ("get", "create", "patch", "delete")
WATCHES = ("list", "watch")
LEFT = ("list", "delete")
"""Of kinds that a service has by a setting: what an earlier setting left is removed."""
NEEDS: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (PROMPT2MODEL, "", ("get", *WATCHES)),
    (PROMPT2MODEL, "status", ("patch",)),
    (STAGERUN, "", (*MAKES, *WATCHES)),
    (STAGERUN, "status", ("get", "patch")),
    (JOB, "", (*MAKES, "delete", *WATCHES)),
    (RAYJOB, "", (*MAKES, "delete", *WATCHES)),
    (POD, "", WATCHES),
    (POD, "log", ("get",)),
    (DEPLOYMENT, "", (*APPLIES, *WATCHES)),
    *((kind, "", (*APPLIES, *WATCHES)) for kind in AROUND_SERVICE),
    *((kind, "", LEFT) for kind in BY_SETTING),
    (CLAIM, "", MAKES),
    (CONFIGMAP, "", (*MAKES, "list", "delete")),
    (SERVICEACCOUNT, "", MAKES),
    (ACCESSROLE, "", MAKES),
    (ROLEBINDING, "", MAKES),
)


class AccessError(Exception):
    """Something is not allowed; the text says what, and what to do."""


async def check_access(
    api: KubernetesApi,
    namespaces: Iterable[str | None],
    secret: str | None = None,
    asked: Iterable[Kind] = (),
    *,
    nodes: bool = False,
) -> None:
    """Whether everything is allowed that will be needed.

    Args:
        api: the cluster.
        namespaces: those with resources; None is all of them.
        secret: the Secret with MLflow's credentials that the operator makes in each namespace, where it does.
        asked: further kinds that the settings ask for.
        nodes: cordoned nodes are listed.

    Raises: AccessError.
    """
    missing = []
    needs = (*NEEDS, *((kind, "", (*APPLIES, *WATCHES)) for kind in asked))
    for namespace in namespaces:
        for kind, subresource, verbs in needs:
            name = f"{kind.plural}/{subresource}" if subresource else kind.plural
            denied = [verb for verb in verbs if not await api.allowed(verb, kind, namespace, subresource)]
            if denied:
                missing.append(f"{'/'.join(denied)} {name} in {namespace or 'all namespaces'}")
        if secret is not None:
            denied = [verb for verb in APPLIES[1:3] if not await api.allowed(verb, SECRET, namespace, name=secret)]
            if denied:
                missing.append(f"{'/'.join(denied)} secrets/{secret} in {namespace or 'all namespaces'}")
    if nodes and not await api.allowed("list", NODE, None):
        missing.append("list nodes (or set watchNodes=false)")
    if missing:
        raise AccessError(
            f"The operator's service account may not: {'; '.join(missing)}. Install the chart's RBAC (rbac.create=true), "
            "or grant this by hand."
        )
