"""spec.huggingFace.tokenSecretRef in a local run, and that no digest knows of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_api.graph import digest
from prompt2model_api.loading import SpecError, load
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_run import Stage
from prompt2model_stages.local.checks import load_checked

pytestmark = pytest.mark.unit

RESOURCE = """
apiVersion: prompt2model.dev/v1alpha1
kind: Prompt2Model
metadata: {name: dates}
spec:
  prompt: Write the date in ISO form.
  evaluation: {metrics: [ExactMatch]}
  huggingFace: {tokenSecretRef: {name: hub}}
"""


def test_a_local_run_wants_it_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dates.yaml"
    file.write_text(RESOURCE)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(SpecError, match="set HF_TOKEN"):
        load_checked(file)
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    ref = load_checked(file).spec.hugging_face.token_secret_ref
    assert ref is not None and (ref.name, ref.key) == ("hub", "HF_TOKEN")
    assert load(file).spec.hugging_face.token_secret_ref == ref


def test_no_digest_knows_of_it() -> None:
    plain = Prompt2ModelSpec.model_validate({"prompt": "Say it."})
    asks = Prompt2ModelSpec.model_validate({"prompt": "Say it.", "huggingFace": {"tokenSecretRef": {"name": "hub"}}})
    before = dict.fromkeys(Stage, "ab" * 32)
    assert [digest(plain, stage, before) for stage in Stage] == [digest(asks, stage, before) for stage in Stage]
