"""Which students are found, and what is said of those that are not; no torch, no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Architecture
from prompt2model_stages.errors import StageError
from prompt2model_stages.student import resolve
from prompt2model_stages.student.encoding import IGNORED, StudentEncoder, StudentSettings

pytestmark = pytest.mark.unit


def model_folder(folder: Path, weights: str = "model.safetensors", **config: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / weights).write_bytes(b"0" * 2048)
    return folder


def refused(*args: Any, **kwargs: Any) -> tuple[str, str]:
    with pytest.raises(StageError) as error:
        resolve(*args, **kwargs)
    return error.value.failure.reason, error.value.failure.message


def test_folder_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    model_folder(tmp_path / "t5", is_encoder_decoder=True, model_type="t5")
    found = resolve("./t5", tmp_path)
    assert found.path_or_repo == str(tmp_path / "t5")
    assert (found.architecture, found.size_bytes) == (Architecture.ENCODER_DECODER, 2048)
    (tmp_path / "t5" / "model.safetensors").write_bytes(b"1" * 2048)
    assert resolve("./t5", tmp_path).revision != found.revision


def test_decoder_only(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "gpt", architectures=["GPT2LMHeadModel"])
    assert resolve(str(folder)).architecture is Architecture.DECODER_ONLY


def test_what_is_refused(tmp_path: Path) -> None:
    bert = model_folder(tmp_path / "bert", architectures=["BertForMaskedLM"])
    bins = model_folder(tmp_path / "bins", weights="pytorch_model.bin", architectures=["GPT2LMHeadModel"])
    small = model_folder(tmp_path / "small", architectures=["GPT2LMHeadModel"])
    assert refused(str(bert)) == ("UnknownStudent", f"spec.student.name: {bert} writes no text: it is BertForMaskedLM.")
    assert refused(str(bins))[0] == "NoSafetensors"
    assert refused("/nowhere") == ("UnknownStudent", "spec.student.name: the folder /nowhere does not exist.")
    assert refused(str(tmp_path))[1].endswith("has no config.json.")
    reason, message = refused(str(small), max_bytes=1024)
    assert reason == "StudentTooLarge" and "0.0 MiB" in message and "spec.student.maxSize" in message
    assert refused("embedded:GPT-9")[0] == "UnknownStudent"
    assert refused("not a name")[0] == "UnknownStudent"


def test_hub_away_is_no_fault_of_the_spec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(StageError) as error:
        resolve("google/flan-t5-nowhere")
    assert (error.value.failure.reason, error.value.failure.state) == ("HubUnreachable", "Blocked")


class Letters:
    """A tokenizer whose words are letters, and whose padding is its end token, as SmolLM2's is."""

    eos_token_id = pad_token_id = 0

    def __call__(self, texts: list[str] | None = None, **options: Any) -> dict[str, list[list[int]]]:
        end = [0] if options.get("text_target") or options.get("truncation") else []
        found = [[ord(letter) for letter in text] + end for text in texts or options["text_target"]]
        return {"input_ids": found}

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        return "".join(chr(token) for token in ids if token)


@pytest.mark.parametrize("architecture", Architecture)
def test_loss_is_on_the_target_alone_and_the_end_token_is_learnt_where_nothing_is_cut(
    architecture: Architecture,
) -> None:
    encoder = StudentEncoder(Letters(), StudentSettings(architecture, max_input_tokens=8, max_output_tokens=3))
    examples = encoder.examples(["in", "longer input", "in"], ["out!", "", "ou"])
    targets = [[ord("o"), ord("u"), ord("t")], [0], [ord("o"), ord("u"), 0]]
    assert [example.target for example in examples] == targets
    labels = encoder.batch(examples)["labels"]
    assert [[label for label in row if label != IGNORED] for row in labels] == targets


def test_decoder_reads_text_and_separator_and_goes_on_at_its_end() -> None:
    encoder = StudentEncoder(Letters(), StudentSettings(Architecture.DECODER_ONLY, max_input_tokens=5))
    examples = encoder.examples(["ab", "abcdefg"], ["x", "y"])
    assert ["".join(map(chr, example.source)) for example in examples] == ["ab\n", "abcd\n"]
    batch = encoder.batch(examples)
    assert batch["labels"][0] == [IGNORED, IGNORED, IGNORED, ord("x"), 0, IGNORED, IGNORED]
    assert batch["attention_mask"][0] == [1, 1, 1, 1, 1, 0, 0]
    prompts = encoder.prompts(encoder.sources(["ab", "abcdefg"]))
    assert prompts["attention_mask"] == [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert encoder.text([ord("x"), ord(" "), 0, ord("z")]) == "x"
