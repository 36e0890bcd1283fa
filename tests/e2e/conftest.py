"""One cluster, one release of the chart and one finished run for all tests. See clusters.py for where the cluster comes from."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from prompt2model_operator.kinds import DEPLOYMENT, JOB, POD, PROMPT2MODEL, STAGERUN
from tests.e2e import clusters
from tests.e2e.dumping import dump
from tests.e2e.kube import Kube, NotYet, wait_for
from tests.e2e.release import (
    MANY,
    MANY_NAMESPACE,
    NAMESPACE,
    NAMESPACE_KIND,
    NAMESPACES,
    RUNS,
    SHORT_STAGES,
    Release,
    make_namespaces,
    remove_namespaces,
)
from tests.e2e.resources import Resource, small_example

TEST_S = 1800
ORDER = ("smoke", "faults", "scale")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What everything else needs comes first, and each test has the time of whole runs."""
    own = [item for item in items if item.get_closest_marker("e2e")]
    for item in own:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_S))
    items.sort(key=lambda item: min([ORDER.index(m.name) for m in item.iter_markers() if m.name in ORDER], default=-1))


@pytest.fixture(scope="session")
def tools() -> clusters.Tools:
    """The cluster and the programs, or a skip that says what to do."""
    return clusters.find()


@pytest.fixture(scope="session")
def kube(tools: clusters.Tools) -> Iterator[Kube]:
    """The cluster."""
    kube = Kube(tools.kubeconfig, tools.kubectl)
    yield kube
    kube.close()


@pytest.fixture(scope="session")
def installed(kube: Kube, tools: clusters.Tools) -> Iterator[Release]:
    """The chart's release, in namespaces that take restricted pods alone."""
    release = Release(kube, tools)
    if not clusters.KEEP:
        _remove(kube, release)
    make_namespaces(kube, NAMESPACE, *NAMESPACES)
    release.install()
    yield release
    if not clusters.KEEP:
        _remove(kube, release)


@pytest.fixture
def release(installed: Release, kube: Kube, request: pytest.FixtureRequest) -> Iterator[Release]:
    """The release, with one active operator; what the cluster looks like is shown where the test fails."""
    installed.wait_operator()
    yield installed
    if getattr(request.node, "failed", False):
        request.node.add_report_section("teardown", "cluster", dump(kube, installed))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Tells the fixtures whether their test failed."""
    report = yield
    if call.excinfo is not None and call.when in ("setup", "call"):
        item.failed = True  # type: ignore[attr-defined]
        sys.stderr.write(f"\n{item.nodeid}: {call.excinfo.exconly()[:2000]}\n")  # at once: the others take long
    return report


@pytest.fixture
def finished(release: Release, kube: Kube) -> Resource:
    """The example, Ready. Tests edit it; what it was before is there already and is not made again."""
    resource = Resource(kube, RUNS, "dates")
    resource.apply(small_example())
    resource.wait_ready()
    return resource


@pytest.fixture(scope="session")
def many(installed: Release, kube: Kube, tools: clusters.Tools) -> Iterator[Release]:
    """A second release in namespaces of its own, with the short stages."""
    release = Release(kube, tools, "p2m-many", MANY_NAMESPACE, SHORT_STAGES)
    make_namespaces(kube, MANY, MANY_NAMESPACE)
    release.install()
    yield release
    kube.kubectl("delete", "p2m", "--all", "-n", MANY, "--wait=false", check=False)
    if not clusters.KEEP:
        release.uninstall()
        remove_namespaces(kube, MANY, MANY_NAMESPACE)


@pytest.fixture
def nobody(many: Release, kube: Kube) -> None:
    """No resource of the second release is there, and nothing of one."""
    kube.kubectl("delete", "p2m", "--all", "-n", MANY, "--wait=false")

    def gone() -> None:
        left = [body for kind in (PROMPT2MODEL, STAGERUN, JOB, POD, DEPLOYMENT) for body in kube.list(kind, MANY)]
        if left:
            raise NotYet(f"{len(left)} objects are left")

    wait_for("an empty namespace", gone, 300)


def _remove(kube: Kube, release: Release) -> None:
    """Resources first, while the operator is there, then the release, then the namespaces."""
    for namespace in NAMESPACES:
        if kube.get(NAMESPACE_KIND, None, namespace) is not None:
            kube.kubectl("delete", "p2m", "--all", "-n", namespace, "--ignore-not-found", check=False)
    if kube.get(NAMESPACE_KIND, None, NAMESPACE) is not None:
        release.uninstall()
    remove_namespaces(kube, NAMESPACE, *NAMESPACES)
