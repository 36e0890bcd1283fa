"""What keeps an object from being made until something in the cluster is fixed, as failures that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.texts import because, cut
from prompt2model_operator.clients.kubernetes_api import ApiError
from prompt2model_operator.kinds import HTTPROUTE, RAYJOB, SERVICEMONITOR, Kind

REFUSALS = (400, 403, 413, 422)
"""What an admission policy, a quota, a missing permission or a schema answers: the same request does not help."""


class CannotStartError(Exception):
    """An object of an attempt or of the service cannot be made; the failure says why and what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextmanager
def named(kind: Kind) -> Iterator[None]:
    """Raises: CannotStartError for what only a change in the cluster fixes, so that the status says it."""
    try:
        yield
    except ApiError as error:
        if error.status == 404 and kind in MISSING:
            raise CannotStartError(MISSING[kind]()) from None
        if error.status in REFUSALS:
            raise CannotStartError(_refused(kind, error)) from None
        raise


def _blocked(reason: str, message: str, remedy: str) -> Failure:
    return Failure(state=FailureState.BLOCKED, reason=reason, message=cut(message), remedy=remedy)


def no_teacher() -> Failure:
    """Nobody can be asked for examples."""
    message = "The resource names no teacher, and the operator has no embedded one."
    return _blocked("NoTeacher", message, "Write spec.teacher, or install the chart with teacher.enabled=true.")


def _no_kuberay() -> Failure:
    message = "The cluster has no RayJob (ray.io/v1)."
    return _blocked("KubeRayMissing", message, "Install KubeRay's operator with its CRDs; it goes on by itself.")


def _no_gateway() -> Failure:
    message = "The chart's settings.service.httpRoute asks for an HTTPRoute, and the cluster has none."
    return _blocked("GatewayAPIMissing", message, "Install the Gateway API's CRDs, or remove the setting.")


def _no_prometheus() -> Failure:
    message = "The chart's settings.service.serviceMonitor asks for a ServiceMonitor, and the cluster has none."
    return _blocked("ServiceMonitorMissing", message, "Install the Prometheus operator's CRDs, or remove the setting.")


def _refused(kind: Kind, error: ApiError) -> Failure:
    remedy = "Fix the quota, the policy or the field that it names; it goes on by itself."
    return _blocked("Refused", because(f"The API server refused the {kind.kind}", str(error)), remedy)


def taken(kind: Kind, name: str) -> Failure:
    """An object of the resource's name that somebody else made."""
    message = f"{kind.kind} {name} is there already and is not of this resource."
    return _blocked("NameTaken", message, "Remove it, or give the Prompt2Model another name.")


MISSING = {RAYJOB: _no_kuberay, HTTPROUTE: _no_gateway, SERVICEMONITOR: _no_prometheus}
"""Kinds of others' CRDs, and what to say where the cluster does not have them."""
