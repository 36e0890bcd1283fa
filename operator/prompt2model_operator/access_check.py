"""Before the start: may the operator do what it will do? If not, one sentence says what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from prompt2model_operator.clients.kubernetes_api import KubernetesApi
from prompt2model_operator.kinds import (
    ACCESSROLE,
    AUTOSCALER,
    CLAIM,
    CONFIGMAP,
    DEPLOYMENT,
    DISRUPTIONBUDGET,
    JOB,
    NETWORKPOLICY,
    POD,
    PROMPT2MODEL,
    RAYJOB,
    ROLEBINDING,
    SECRET,
    SERVICE,
    SERVICEACCOUNT,
    STAGERUN,
    Kind,
)

MAKES = ("get", "create")
APPLIES = ("get", "create", "patch", "delete")
WATCHES = ("list", "watch")
NEEDS: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (PROMPT2MODEL, "", ("get", *WATCHES)),
    (PROMPT2MODEL, "status", ("patch",)),
    (STAGERUN, "", (*MAKES, *WATCHES)),
    (STAGERUN, "status", ("get", "patch")),
    (JOB, "", (*MAKES, "delete", *WATCHES)),
    (RAYJOB, "", (*MAKES, "delete", *WATCHES)),
    (POD, "", WATCHES),
    (DEPLOYMENT, "", (*APPLIES, *WATCHES)),
    (SERVICE, "", APPLIES),
    (AUTOSCALER, "", APPLIES[1:]),
    (DISRUPTIONBUDGET, "", APPLIES[1:]),
    (NETWORKPOLICY, "", APPLIES[1:3]),
    (CLAIM, "", MAKES),
    (CONFIGMAP, "", MAKES),
    (SERVICEACCOUNT, "", MAKES),
    (ACCESSROLE, "", MAKES),
    (ROLEBINDING, "", MAKES),
)


class AccessError(Exception):
    """Something is not allowed; the text says what, and what to do."""


async def check_access(api: KubernetesApi, namespaces: Iterable[str | None], secret: str | None = None) -> None:
    """Whether everything is allowed that will be needed.

    Args:
        api: the cluster.
        namespaces: those with resources; None is all of them.
        secret: the Secret with MLflow's credentials that the operator makes in each namespace, where it does.

    Raises: AccessError.
    """
    missing = []
    for namespace in namespaces:
        for kind, subresource, verbs in NEEDS:
            name = f"{kind.plural}/{subresource}" if subresource else kind.plural
            denied = [verb for verb in verbs if not await api.allowed(verb, kind, namespace, subresource)]
            if denied:
                missing.append(f"{'/'.join(denied)} {name} in {namespace or 'all namespaces'}")
        if secret is not None:
            denied = [verb for verb in APPLIES[1:3] if not await api.allowed(verb, SECRET, namespace, name=secret)]
            if denied:
                missing.append(f"{'/'.join(denied)} secrets/{secret} in {namespace or 'all namespaces'}")
    if missing:
        raise AccessError(
            f"The operator's service account may not: {'; '.join(missing)}. Install the chart's RBAC (rbac.create=true), "
            "or grant this by hand."
        )
