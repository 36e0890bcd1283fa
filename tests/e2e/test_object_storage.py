"""Object storage: the chart's CronJob builds catalogs there, and a resource searches them and stores all its results there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from prompt2model_operator.kinds import CLAIM, JOB, POD, SECRET, SERVICE
from tests import listing_hub
from tests.e2e.clients import client, pod, script_pod
from tests.e2e.clusters import OBJECT_STORAGE
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import NAME, NAMESPACE, RUNS, Release
from tests.e2e.resources import Resource, small_example

pytestmark = [pytest.mark.e2e, pytest.mark.scale]

PORT = 8000
BUCKET = "p2m"
CATALOGS = f"s3://{BUCKET}/catalogs"
LOGIN = "object-storage"
KEYS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
}
TEXT = "Dates as people write them, and the same date in ISO format."
REFRESH: Body = {
    "settings": {"catalogs": {"uri": CATALOGS}},
    "catalogs": {
        "refresh": {"schedule": "0 0 1 1 *", "secret": LOGIN},
        "env": [{"name": "HF_ENDPOINT", "value": f"http://hub.{RUNS}.svc:{PORT}"}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "2Gi"}},
    },
}
CRONJOB = f"{NAME}-prompt2model-catalogs"
REFRESH_S, GONE_S = 600.0, 240.0


@pytest.fixture
def stored(release: Release, kube: Kube) -> Iterator[Resource]:
    """A resource that is not there yet, an S3 with a bucket, a hub, and a release that builds catalogs of it."""
    resource = Resource(kube, RUNS, "stored")
    with ExitStack() as stack:
        image = {"image": OBJECT_STORAGE, "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}}}
        address = stack.enter_context(serving(kube, pod(RUNS, "object-storage", image, {"app": "object-storage"})))
        script = str(Path(listing_hub.__file__))
        stack.enter_context(serving(kube, script_pod(RUNS, "hub", script, [str(PORT), TEXT], {"app": "hub"})))
        for namespace in (RUNS, NAMESPACE):
            meta = {"name": LOGIN, "namespace": namespace}
            kube.apply(
                SECRET,
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": meta,
                    "stringData": KEYS | {"AWS_ENDPOINT_URL": address},
                },
            )
        with kube.forwarded(RUNS, "pod/object-storage", PORT) as s3:
            assert s3.put(f"/{BUCKET}").status_code == 200
        release.install(REFRESH)
        try:
            yield resource
            resource.delete()
            resource.wait_gone(GONE_S)
        finally:
            release.install()


def test_catalogs_of_the_cronjob_and_a_run_with_its_results_in_s3(stored: Resource, kube: Kube) -> None:
    kube.kubectl("create", "job", "refresh", f"--from=cronjob/{CRONJOB}", "-n", NAMESPACE)
    wait_for("the catalogs", lambda: _complete(kube, "refresh"), REFRESH_S)
    place = {"uri": f"s3://{BUCKET}/results", "secret": LOGIN, "size": None}
    stored.apply(small_example({"storage": place}))
    ready = stored.wait_ready()
    (discover,) = stored.stage_runs("discover")
    outputs = discover["status"]["result"]["outputs"]
    assert {used["kind"]: used["uri"] for used in outputs["catalogs"]} == dict.fromkeys(
        ("datasets", "models"), CATALOGS
    )
    names = [found["name"] for found in (*outputs["datasetCandidates"], *outputs["otherDatasets"])]
    assert any(re.fullmatch(r"someone/set-\d+", name) for name in names), names
    with client(kube, RUNS, ready["status"]["service"]["url"]) as asked:
        told = asked.wait_answers(3)
        assert told["failed"] == [], told["failed"][:10]
    assert not kube.list(CLAIM, RUNS, stored.selector), "its results are in S3 alone"
    assert _keys(kube, "results/")
    stored.delete()
    wait_for("an empty bucket", lambda: _empty(kube, "results/"), GONE_S)
    assert _keys(kube, "catalogs/"), "the catalogs are nobody's results"


@contextmanager
def serving(kube: Kube, body: Body) -> Iterator[str]:
    """A pod of the tests behind a Service of its name. Its address has an IP: of a name moto takes the start as a bucket."""
    meta = {"name": body["metadata"]["name"], "namespace": body["metadata"]["namespace"]}
    spec = {"selector": body["metadata"]["labels"], "ports": [{"port": PORT, "targetPort": PORT}]}
    service = kube.apply(SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    body["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    kube.create(POD, body)
    try:
        kube.kubectl("wait", "-n", meta["namespace"], f"pod/{meta['name']}", "--for=condition=Ready", "--timeout=120s")
        yield f"http://{service['spec']['clusterIP']}:{PORT}"
    finally:
        kube.delete(POD, meta["namespace"], meta["name"])
        kube.delete(SERVICE, meta["namespace"], meta["name"])


def _complete(kube: Kube, name: str) -> None:
    status = (kube.get(JOB, NAMESPACE, name) or {}).get("status") or {}
    if status.get("succeeded") != 1:
        words = kube.kubectl("logs", "-n", NAMESPACE, f"job/{name}", "--all-containers", "--tail=20", check=False)
        raise NotYet(f"{status}: {words}")


def _keys(kube: Kube, prefix: str) -> list[str]:
    with kube.forwarded(RUNS, "pod/object-storage", PORT) as s3:
        answer = s3.get(f"/{BUCKET}", params={"list-type": "2", "prefix": prefix})
        answer.raise_for_status()
        return re.findall(r"<Key>([^<]+)</Key>", answer.text)


def _empty(kube: Kube, prefix: str) -> None:
    if left := _keys(kube, prefix):
        raise NotYet(f"{len(left)} objects are left: {left[:5]}")
