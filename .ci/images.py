#!/usr/bin/env python3
"""Builds the images of the Dockerfile and, where asked, brings them to a cluster's node.

    .ci/images.py                              # all four
    .ci/images.py --load operator              # one, built and loaded
    IMAGE_BUILDER=docker .ci/images.py --load --kind-cluster dev

The builder is IMAGE_BUILDER: `docker` or `podman` (then --load means `kind load`), or `kit`: the programs of a single-node
Kubernetes in $P2M_KUBE_KIT or ../shared/kube, which is taken where it lies there. What did not change is neither built nor
loaded again. Each step says when it begins and when it is done, and a long one says every few seconds where it is; the whole
output of a step that fails is shown.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ("stages", "operator", "service", "mlflow")
KIT = Path(os.environ.get("P2M_KUBE_KIT") or ROOT.parent / "shared" / "kube") / "cluster"
SAY_EVERY_S = 15.0
LINE_LENGTH = 100
NO_DAEMON = (
    "\nStart Docker, or set IMAGE_BUILDER=podman, or name the folder of a single-node kit in P2M_KUBE_KIT (see --help)."
)
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
    images = given.images or IMAGES
    say(f"Building with {builder}: {', '.join(images)}. The first time takes minutes: PyTorch is large.")
    if builder == "kit":
        run("the base image", [str(KIT), "base-image"])
    for number, image in enumerate(images, 1):
        name = f"prompt2model-{image}:{given.tag}"
        run(f"[{number}/{len(images)}] {name}: build", build(builder, image, name))
        if given.load:
            run(f"[{number}/{len(images)}] {name}: load", load(builder, name, given.kind_cluster))
    say(f"{'Built and loaded' if given.load else 'Built'}, with the tag {given.tag}: {', '.join(images)}.")
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


def run(what: str, command: list[str], every_s: float = SAY_EVERY_S) -> None:
    """Runs a command and says when it begins, where it is, and how long it took; where it fails, shows its output and ends.

    Args:
        what: the step, in front of each line.
        command: the program and its arguments.
        every_s: seconds between two lines while it runs.
    """
    started = time.monotonic()
    say(f"{what} ...")
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except FileNotFoundError:
        sys.exit(f"{what}: there is no program {command[0]}. Install it, or set IMAGE_BUILDER (see --help).")
    lines: list[str] = []
    with process:
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        reader.start()
        while reader.is_alive():
            reader.join(every_s)
            if reader.is_alive():
                say(f"{what}: {time.monotonic() - started:.0f} s. {newest(lines)}".rstrip())
        status = process.wait()
    if status:
        hint = NO_DAEMON if "Cannot connect to the Docker daemon" in "".join(lines) else ""
        sys.exit(f"{''.join(lines)}\n{what}: {shlex.join(command)}: exit status {status}{hint}")
    say(f"{what}: done in {time.monotonic() - started:.1f} s")


def newest(lines: list[str]) -> str:
    """The last line of the output that says something."""
    return next((line.strip()[:LINE_LENGTH] for line in reversed(lines) if line.strip()), "")


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
