#!/usr/bin/env python3
"""Builds the images of the Dockerfile and, where asked, brings them to a cluster's node.

    .ci/images.py                              # all four
    .ci/images.py --load operator              # one, built and loaded
    IMAGE_BUILDER=docker .ci/images.py --load --kind-cluster dev

The builder is IMAGE_BUILDER: `docker` or `podman` (then --load means `kind load`), or `kit`: the programs of a single-node
Kubernetes in $P2M_KUBE_KIT or ../shared/kube, which is taken where it lies there. What did not change is neither built nor
loaded again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ("stages", "operator", "service", "mlflow")
KIT = Path(os.environ.get("P2M_KUBE_KIT") or ROOT.parent / "shared" / "kube") / "cluster"
CPU_TORCH = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    """Builds, and loads, what the command line names."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"of {', '.join(IMAGES)}; all where none is named")
    parser.add_argument("--tag", default=version, help="default: %(default)s")
    parser.add_argument("--load", action="store_true", help="load them into the cluster's node")
    parser.add_argument("--kind-cluster", default="kind", help="default: %(default)s")
    given = parser.parse_args()
    if unknown := set(given.images) - set(IMAGES):
        parser.error(f"no image is called {', '.join(sorted(unknown))}")
    builder = os.environ.get("IMAGE_BUILDER") or ("kit" if KIT.exists() else "docker")
    if builder not in ("kit", "docker", "podman"):
        parser.error(f"IMAGE_BUILDER is {builder}; it can be kit, docker or podman")
    if builder == "kit":
        run([str(KIT), "base-image"])
    for image in given.images or IMAGES:
        name = f"prompt2model-{image}:{given.tag}"
        built = run(build(builder, image, name))
        loaded = run(load(builder, name, given.kind_cluster)) if given.load else None
        sys.stdout.write(f"{name}: built in {built:.1f} s" + (f", loaded in {loaded:.1f} s\n" if loaded else "\n"))
        sys.stdout.flush()
    return 0


def build(builder: str, image: str, name: str) -> list[str]:
    """The command that builds an image."""
    arguments = ["--target", image, "-t", name]
    for argument in ("BASE_IMAGE", "TORCH_INDEX"):
        value = os.environ.get(argument, CPU_TORCH if argument == "TORCH_INDEX" and builder != "kit" else "")
        arguments += ["--build-arg", f"{argument}={value}"] if value else []
    return [*([str(KIT), "build-image"] if builder == "kit" else [builder, "build"]), *arguments, str(ROOT)]


def load(builder: str, name: str, kind_cluster: str) -> list[str]:
    """The command that brings an image to the node."""
    if builder == "kit":
        return [str(KIT), "load-image", name]
    return ["kind", "load", "docker-image", name, "--name", kind_cluster]


def run(command: list[str]) -> float:
    """Runs a command and returns the seconds that it took; where it fails, shows its output and ends."""
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        sys.exit(f"{done.stdout}\n{shlex.join(command)}: exit status {done.returncode}")
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
