"""The address of MLflow's pages, for links that a person opens in a browser outside of the cluster."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

LEAST_LABELS = 3
"""Of a host that is taken to be known outside: `mlflow.mlops` may be a Service and its namespace."""


def pages_address(tracking_uri: str, public_url: str | None) -> str | None:
    """Where a browser finds MLflow: the public address, else the tracking address; None where that is the cluster's own.

    Args:
        tracking_uri: MLflow's address, as pods reach it.
        public_url: its address as people reach it, `tracking.publicUrl` of the chart.
    """
    if public_url is not None:
        return public_url.rstrip("/")
    return None if is_cluster_address(tracking_uri) else tracking_uri.rstrip("/")


def is_cluster_address(url: str) -> bool:
    """Whether an address may be known inside a cluster alone: a Service's name, or an IP address that is not public."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.split(".")
        return len(labels) < LEAST_LABELS or "svc" in labels[1:] or labels[-1] in ("local", "internal")
