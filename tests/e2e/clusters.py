"""Where the tests' cluster comes from: $P2M_E2E_KUBECONFIG, else the kit beside the repository. Never the ambient kubeconfig.

| variable | says |
|---|---|
| P2M_E2E_KUBECONFIG | a cluster with KubeRay, whose namespaces e2e-* and p2m-e2e and whose CRDs may be replaced |
| P2M_E2E_IMAGES | `build`, the default: .ci/images.py builds and loads them; `there`: the cluster has them |
| P2M_E2E_TAG | the images' tag; default `e2e` |
| P2M_E2E_KEEP | anything: namespaces and release stay after the tests and are used again by the next run |
| P2M_KUBE_KIT, KUBE_KIT_NAME, IMAGE_BUILDER | as in .ci/images.py and the kit |
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KIT = Path(os.environ.get("P2M_KUBE_KIT") or ROOT.parent / "shared" / "kube") / "cluster"
TAG = os.environ.get("P2M_E2E_TAG", "e2e")
NEXT_TAG = f"{TAG}-next"
"""The same images under another tag: what an upgrade brings."""
SHORT = f"prompt2model-short:{TAG}"
OBJECT_STORAGE = f"prompt2model-object-storage:{TAG}"
KEEP = bool(os.environ.get("P2M_E2E_KEEP"))

NO_CLUSTER = (
    "No cluster: set P2M_E2E_KUBECONFIG to one with KubeRay, for example `kind create cluster --kubeconfig kind.yaml`, then "
    "KubeRay's Helm chart, and IMAGE_BUILDER=docker for the images."
)


@dataclass(frozen=True)
class Tools:
    """The cluster's kubeconfig, and the programs that talk to it."""

    kubeconfig: str
    kubectl: str
    helm: str


def find() -> Tools:
    """A cluster with KubeRay and the images; skips the test where there is none."""
    given = os.environ.get("P2M_E2E_KUBECONFIG")
    if given is None and not KIT.exists():
        pytest.skip(NO_CLUSTER)
    if given is None:
        for command in ("up", "kuberay", "netpol"):
            run([str(KIT), command], within=600)
        given = run([str(KIT), "kubeconfig"]).strip()
    paths = os.pathsep.join([os.environ["PATH"], str(_kit_programs())])
    found = {name: shutil.which(name, path=paths) for name in ("kubectl", "helm")}
    if missing := [name for name, path in found.items() if path is None]:
        pytest.skip(f"{' and '.join(missing)} not on PATH")
    if os.environ.get("P2M_E2E_IMAGES", "build") == "build":
        build()
    return Tools(given, str(found["kubectl"]), str(found["helm"]))


def build() -> None:
    """Builds and loads the images, those of an upgrade, and those of the short stages and of an object storage."""
    script = [sys.executable, str(ROOT / ".ci" / "images.py"), "--load"]
    for tag in (TAG, NEXT_TAG):
        run([*script, "--tag", tag], within=3000)
    moto = re.search(r"^moto(==\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert moto is not None, "constraints.txt has no moto"
    _build_stand_in(SHORT, "short_stages")
    _build_stand_in(OBJECT_STORAGE, "object_storage", "--build-arg", f"MOTO=moto[s3,server]{moto[1]}")


def _build_stand_in(image: str, folder: str, *more: str) -> None:
    """Builds and loads an image of the tests, on the operator's."""
    context = str(Path(__file__).parent / folder)
    arguments = ["-t", image, "--build-arg", f"BASE_IMAGE=prompt2model-operator:{TAG}", *more, context]
    if os.environ.get("IMAGE_BUILDER", "kit" if KIT.exists() else "docker") == "kit":
        run([str(KIT), "build-image", "--load", *arguments], within=600)
    else:
        run([os.environ.get("IMAGE_BUILDER", "docker"), "build", *arguments], within=600)
        run(["kind", "load", "docker-image", image], within=600)


def run(command: list[str], within: float = 120) -> str:
    """The standard output of a command. Raises: AssertionError with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=within, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def _kit_programs() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "kube-kit" / "bin"
