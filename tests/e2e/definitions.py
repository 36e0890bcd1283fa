"""Stand-ins for CRDs of others that the cluster does not have: it takes objects of the kind, and nobody acts on them."""

from __future__ import annotations

from prompt2model_operator.kinds import Kind
from tests.e2e.kube import Body

CRD = Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")


def stand_in(kind: Kind) -> Body:
    """A CRD as the API server needs it to store objects; their schema is its owner's own matter."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": kind.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": kind.plural, "singular": kind.kind.lower(), "kind": kind.kind}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": CRD.kind,
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            # A group under *.k8s.io must say who approved it, or that nobody did.
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of this test"},
        },
        "spec": {"group": kind.group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
