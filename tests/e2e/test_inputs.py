"""What a user wrote, as the stages get it: the prompt byte for byte, own data with the content that the digest names."""

from __future__ import annotations

import pytest

from prompt2model_operator.kinds import POD
from tests.e2e.kube import Kube
from tests.e2e.release import MANY, Release
from tests.e2e.resources import Resource

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

WILD = "Write $(HOME), $$ and $(P2M_ATTEMPT) as LaTeX: $$\\frac{1}{2}$$.\n\tInput: ${HOME}\nOutput: `echo é`\n"
STORAGE = {"storage": {"size": "1Mi"}, "retention": {"storage": "Delete"}, "service": {"enabled": False}}


def test_a_prompt_reaches_the_stage_byte_for_byte(many: Release, nobody: None, kube: Kube) -> None:
    resource = Resource(kube, MANY, "dollars")
    resource.apply({"prompt": WILD, **STORAGE})
    run = resource.wait_run("discover", phase="Succeeded", within=180)
    assert run["spec"]["parameters"]["prompt"] == WILD
    assert run["status"]["result"]["outputs"]["instruction"] == WILD, "the stand-in answers with what its file says"
    for pod in kube.list(POD, MANY, resource.selector):
        values = [e.get("value", "") for c in pod["spec"]["containers"] for e in c["env"]]
        assert not any("LaTeX" in value for value in values)
