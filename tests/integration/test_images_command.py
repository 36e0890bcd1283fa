"""`make images`: what a person sees while it works. The builder is a script in the place of docker."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "images.py"


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def images(programs: Path, *arguments: str, builder: str = "docker") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "IMAGE_BUILDER": builder, "PATH": f"{programs}:/usr/bin:/bin"}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_each_step_says_when_it_begins_and_ends(tmp_path: Path) -> None:
    script(tmp_path / "docker", "echo a lot of output")
    script(tmp_path / "kind", "exit 0")
    done = images(tmp_path, "--load", "--tag", "t", "operator", "service")
    assert done.returncode == 0, done.stderr
    first, *steps, last = done.stdout.splitlines()
    assert first.startswith("Building with docker: operator, service.")
    assert last == "Built and loaded, with the tag t: operator, service."
    names = [f"[{n}/2] prompt2model-{image}:t" for n, image in ((1, "operator"), (2, "service"))]
    begun = [f"{name}: {step} ..." for name in names for step in ("build", "load")]
    assert steps[::2] == begun
    assert [line.partition(": done in ")[0] + " ..." for line in steps[1::2]] == begun


def test_the_first_line_is_there_before_the_builder_has_ended(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    script(tmp_path / "docker", f"cat {tmp_path}/go")  # ends when the test lets it
    environment = {**os.environ, "IMAGE_BUILDER": "docker", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "mlflow"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Building with docker: mlflow.")
    assert process.stdout.readline().endswith(": build ...\n")
    (tmp_path / "go").write_text("done\n")
    assert process.wait(timeout=60) == 0
    process.stdout.close()


def test_a_long_step_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runpy.run_path(str(SCRIPT), run_name="images")["run"]
    script(tmp_path / "long", "echo Step 3/9; echo; sleep 1")
    run("stages: build", [str(tmp_path / "long")], every_s=0.2)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "stages: build ..." and "done in" in said[-1]
    assert any(line.endswith("s. Step 3/9") for line in said[1:-1])


def test_a_failed_step_shows_all_that_the_builder_said(tmp_path: Path) -> None:
    script(tmp_path / "docker", "echo first; echo last >&2; exit 7")
    done = images(tmp_path, "operator")
    assert done.returncode == 1
    assert "first\nlast\n" in done.stderr and "exit status 7" in done.stderr and "operator" in done.stderr


def test_a_docker_that_does_not_run_brings_the_other_ways_to_mind(tmp_path: Path) -> None:
    script(tmp_path / "docker", "echo ERROR: Cannot connect to the Docker daemon at unix:///x. >&2; exit 1")
    done = images(tmp_path, "operator")
    assert done.returncode == 1
    assert "IMAGE_BUILDER=podman" in done.stderr and "P2M_KUBE_KIT" in done.stderr


def test_a_builder_that_is_not_installed_is_named(tmp_path: Path) -> None:
    done = images(tmp_path, "operator", builder="podman")
    assert done.returncode == 1
    assert "there is no program podman" in done.stderr and "Traceback" not in done.stderr
