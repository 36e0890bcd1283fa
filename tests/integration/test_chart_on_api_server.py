"""What the chart makes of each of its example values, taken by a real API server: a server-side dry run changes nothing.

Set P2M_E2E_KUBECONFIG to the kubeconfig of a cluster, and have kubectl on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from tests import charts
from tests.charts import NAMESPACE, VALUES

KUBECONFIG = os.environ.get("P2M_E2E_KUBECONFIG", "")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not KUBECONFIG, reason="P2M_E2E_KUBECONFIG names no cluster"),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]

WATCHED = ["p2m-chart-test-a", "p2m-chart-test-b"]
RESTRICTED = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
FOREIGN = {"ServiceMonitor"}
"""Kinds of others' CRDs, which a bare cluster does not have."""


def kubectl(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = ["kubectl", "--kubeconfig", KUBECONFIG, *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> Iterator[None]:
    for name in (NAMESPACE, *WATCHED):
        kubectl("create", "namespace", name)
    assert kubectl("label", "--overwrite", "namespace", NAMESPACE, *RESTRICTED).returncode == 0
    yield
    kubectl("delete", "namespace", NAMESPACE, *WATCHED, "--wait=false")


@pytest.mark.parametrize("name", VALUES)
def test_an_api_server_takes_it(name: str) -> None:
    """Known fields only, names that are allowed, and no pod that the namespace's Pod Security would warn of."""
    values = yaml.safe_load(VALUES[name].read_text()) or {}
    if "watchNamespaces" in values:
        values["watchNamespaces"] = WATCHED
    rendered = charts.template(values)
    assert rendered.returncode == 0, rendered.stderr
    bodies = [body for body in charts.parsed(rendered.stdout) if body["kind"] not in FOREIGN]
    tried = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
    done = kubectl(*tried, given=yaml.safe_dump_all(bodies))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert len(done.stdout.splitlines()) == len(bodies)
