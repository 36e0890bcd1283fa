"""The chart as Helm renders it. Helm is looked for on PATH, then where the cluster kit beside the repository keeps it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "prompt2model"
VALUES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
RELEASE, NAMESPACE = "prompt2model", "p2m-system"

Manifest = dict[str, Any]


@cache
def helm() -> str | None:
    """The program; None where there is none."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return shutil.which("helm") or shutil.which("helm", path=f"{cache_home}/kube-kit/bin")


def run(*arguments: str, values: Manifest | None = None) -> subprocess.CompletedProcess[str]:
    """A command of Helm's, with values in a file of their own. No cluster is asked unless the arguments say so."""
    program = helm()
    assert program is not None, "helm is not installed"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values or {}, file)
        file.flush()
        given = ["--values", file.name] if values is not None else []
        command = [program, *arguments, *given]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def template(values: Manifest, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`helm template` with these values."""
    return run("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *arguments, values=values)


def notes(values: Manifest) -> str:
    """What Helm says after an installation with these values into a cluster that has nothing yet."""
    arguments = ("install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client")
    done = run(*arguments, values=values)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("\nNOTES:\n")[2]


def parsed(text: str) -> list[Manifest]:
    """The objects in a text of several."""
    return [body for body in yaml.safe_load_all(text) if body]


@cache
def rendered(name: str) -> tuple[Manifest, ...]:
    """All objects that the chart makes of one of its example values."""
    done = template(yaml.safe_load(VALUES[name].read_text()) or {})
    assert done.returncode == 0, done.stderr
    return tuple(parsed(done.stdout))


def find(bodies: Iterable[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The one object of this kind and, where given, of this name."""
    found = [body for body in bodies if body["kind"] == kind and name in (None, body["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]
