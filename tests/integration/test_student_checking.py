"""What makes a student unusable is found in its small files and headers: in a folder, and at a hub on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from prompt2model_stages.errors import StageError
from prompt2model_stages.student import Student, resolve
from prompt2model_stages.student.checking import Limits, check
from tests import hub_server
from tests.hub_server import COMMIT
from tests.tiny_students import character_tokenizer, tiny_llama, tiny_t5

pytestmark = pytest.mark.integration

LIMITS = Limits(512, 128)
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One student of each kind that is fine."""
    root = tmp_path_factory.mktemp("whole")
    return {"llama": tiny_llama(root / "llama"), "t5": tiny_t5(root / "t5"), "gpt2": gpt2(root / "gpt2", 64)}


def gpt2(folder: Path, positions: int) -> Path:
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = character_tokenizer()
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=positions, n_embd=16, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=2
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def edit(folder: Path, file: str, **changes: Any) -> None:
    tree = json.loads((folder / file).read_text("utf-8"))
    (folder / file).write_text(json.dumps({k: v for k, v in (tree | changes).items() if v is not None}), "utf-8")


def no_end_token(folder: Path) -> None:
    edit(folder, "tokenizer_config.json", eos_token=None)
    (folder / "special_tokens_map.json").unlink(missing_ok=True)


def more_tokens(folder: Path) -> None:
    tokenizer = character_tokenizer()
    tokenizer.add_tokens(["ä", "ö"])
    tokenizer.save_pretrained(folder)


def no_tokenizer(folder: Path) -> None:
    for file in folder.glob("*token*"):
        file.unlink()


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def pointer(folder: Path) -> None:
    (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 17\n")


def pointer_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 17\n")


def garbage(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"<html>" * 100)


def missing_shard(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).rename(folder / "model-00001-of-00002.safetensors")
    names = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(tensors)}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": names}))


def without_a_layer(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file({k: v for k, v in tensors.items() if "up_proj" not in k}, folder / WEIGHTS, {"format": "pt"})


def other_shape(folder: Path) -> None:
    edit(folder, "config.json", intermediate_size=96)


def quarter_bytes(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file({k: v.to(torch.float8_e4m3fn) for k, v in tensors.items()}, folder / WEIGHTS, {"format": "pt"})


def nan(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def pickle_only(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def other_name(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "model.fp16.safetensors")


def adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def config(**changes: Any) -> Callable[[Path], None]:
    def of(folder: Path) -> None:
        edit(folder, "config.json", **changes)

    return of


AUTO_MAP = {"AutoModelForCausalLM": "modeling_x.XForCausalLM"}
UNUSABLE: list[tuple[Callable[[Path], None], str, str]] = [
    (no_end_token, "NoEndToken", "has no end token"),
    (more_tokens, "TokenizerTooLarge", "has 102 tokens, and the model has embeddings for 100"),
    (no_tokenizer, "NoTokenizer", "has no tokenizer"),
    (pointer_tokenizer, "WeightsCut", "tokenizer.json is a git-lfs pointer"),
    (cut, "WeightsCut", "bytes"),
    (pointer, "WeightsCut", "is a git-lfs pointer"),
    (garbage, "WeightsCut", "is no safetensors file"),
    (missing_shard, "WeightsCut", "1 of 2 files of weights are missing, such as model-00002-of-00002"),
    (without_a_layer, "WeightsMissing", "2 of its 21 weights are in no file"),
    (other_shape, "WeightsMismatch", "6 weights of"),
    (quarter_bytes, "QuantizedStudent", "F8_E4M3"),
    (
        config(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
        "QuantizedStudent",
        "bitsandbytes",
    ),
    (config(quantization_config={"quant_method": "gptq", "bits": 4}), "QuantizedStudent", "gptq"),
    (config(quantization_config={"quant_method": "awq", "bits": 4}), "QuantizedStudent", "awq"),
    (config(quantization_config={"quant_method": "fp8"}), "QuantizedStudent", "fp8"),
    (config(model_type="made-up"), "UnknownModelType", "'made-up'"),
    (config(model_type=None), "UnknownModelType", "None"),
    (config(model_type="made-up", auto_map=AUTO_MAP), "RemoteCode", "code of its own"),
    (config(architectures=["MadeUpModel"], auto_map=AUTO_MAP), "RemoteCode", "code of its own"),
    (
        config(architectures=["BertForMaskedLM"], model_type="bert"),
        "UnknownStudent",
        "writes no text: it is BertForMaskedLM",
    ),
    (pickle_only, "NoSafetensors", "no weights as safetensors"),
    (other_name, "NoSafetensors", "has neither model.safetensors nor"),
    (adapter, "StudentUnusable", "is an adapter"),
]


def ids(case: object) -> str | None:
    return getattr(case, "__name__", None)


def found_in(name: str, limits: Limits = LIMITS) -> tuple[str, str, str]:
    with pytest.raises(StageError) as error:
        check(resolve(name), limits)
    failure = error.value.failure
    assert failure.remedy and failure.message.startswith("spec.student.name: ")
    return failure.reason, failure.message, failure.state


@pytest.mark.parametrize(("spoil", "reason", "said"), UNUSABLE, ids=ids)
def test_in_a_folder(whole: dict[str, Path], tmp_path: Path, spoil: Any, reason: str, said: str) -> None:
    folder = shutil.copytree(whole["llama"], tmp_path / "student")
    spoil(folder)
    found = found_in(str(folder))
    assert (found[0], found[2]) == (reason, "Failed"), found
    assert said in found[1]


@pytest.mark.parametrize(("spoil", "reason", "said"), UNUSABLE, ids=ids)
def test_at_the_hub(
    whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, reason: str, said: str
) -> None:
    spoil(shutil.copytree(whole["llama"], tmp_path / "hub/models/owner/student"))
    with hub_server.serving(tmp_path / "hub") as hub:
        hub_server.online(monkeypatch, hub.url, tmp_path / "cache")
        found = found_in("owner/student")
    assert (found[0], found[2]) == (reason, "Failed"), found
    assert said in found[1]


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_a_whole_student_is_accepted(
    whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    check(resolve(str(whole[kind])), LIMITS)
    shutil.copytree(whole[kind], tmp_path / "hub/models/owner/student")
    with hub_server.serving(tmp_path / "hub") as hub:
        hub_server.online(monkeypatch, hub.url, tmp_path / "cache")
        found = resolve("owner/student")
        assert found.revision == COMMIT
        check(found, LIMITS)


def test_of_large_weights_only_the_header_is_fetched(
    tmp_path: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_llama(tmp_path / "hub/models/owner/student", hidden=512)
    size = (tmp_path / "hub/models/owner/student" / WEIGHTS).stat().st_size
    with hub_server.serving(tmp_path / "hub") as hub:
        hub_server.online(monkeypatch, hub.url, tmp_path / "cache")
        check(resolve("owner/student"), LIMITS)
        assert size > 8_000_000
        assert hub.sent < 500_000


def test_positions_are_counted_where_they_are_a_table(whole: dict[str, Path]) -> None:
    name = str(whole["gpt2"])
    reason, message, _ = found_in(name, Limits(48, 17))
    assert (reason, "reads at most 64 tokens" in message) == ("TooFewPositions", True)
    assert "allows 65 (maxInputTokens and maxOutputTokens together)" in message
    check(resolve(name), Limits(48, 16))


def test_positions_of_an_encoder_decoder_are_counted_on_each_side(tmp_path: Path) -> None:
    from transformers import BartConfig, BartForConditionalGeneration

    tokenizer = character_tokenizer()
    sizes = {"d_model": 16, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "encoder_layers": 1, "decoder_layers": 1}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64}
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    bart = BartConfig(vocab_size=len(tokenizer), **sizes, **heads, **tokens, forced_eos_token_id=2)
    BartForConditionalGeneration(bart).save_pretrained(tmp_path / "bart")
    tokenizer.save_pretrained(tmp_path / "bart")
    name = str(tmp_path / "bart")
    check(resolve(name), Limits(64, 64))
    assert "spec.training allows 65 (maxInputTokens)" in found_in(name, Limits(65, 64))[1]
    assert "spec.training allows 65 (maxOutputTokens)" in found_in(name, Limits(64, 65))[1]


def test_numbers_that_are_none_are_found(whole: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(whole["llama"], tmp_path / "student")
    nan(folder)
    assert found_in(str(folder))[0] == "WeightsNotNumbers"
    with pytest.raises(StageError, match="NaN or infinite"):
        Student.load(folder)


LOADED_ANYWAY = (adapter,)


@pytest.mark.parametrize("spoil", [u[0] for u in UNUSABLE if u[0] not in LOADED_ANYWAY], ids=ids)
def test_loading_ends_with_a_sentence_too(whole: dict[str, Path], tmp_path: Path, spoil: Any) -> None:
    """What changes behind the check's back, in train, evaluate and the service."""
    folder = shutil.copytree(whole["llama"], tmp_path / "student")
    spoil(folder)
    with pytest.raises(StageError) as error:
        Student.load(folder)
    assert str(folder) in error.value.failure.message
    assert error.value.failure.remedy


@pytest.mark.parametrize("spoil", [cut, without_a_layer, nan], ids=ids)
def test_a_damaged_trained_model_is_no_fault_of_the_spec(whole: dict[str, Path], tmp_path: Path, spoil: Any) -> None:
    Student.load(whole["llama"]).save(tmp_path / "model")
    Student.from_folder(tmp_path / "model")
    spoil(tmp_path / "model")
    with pytest.raises(StageError, match=r"^The trained model: ") as error:
        Student.from_folder(tmp_path / "model")
    assert (error.value.failure.reason, error.value.failure.state) == ("ModelDamaged", "Blocked")


def test_a_private_model_needs_the_token(
    whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(whole["llama"], tmp_path / "hub/models/owner/student")
    with hub_server.serving(tmp_path / "hub") as hub:
        hub.private.add("owner/student")
        hub_server.online(monkeypatch, hub.url, tmp_path / "cache")
        with pytest.raises(StageError) as error:
            resolve("owner/student")
        assert "HF_TOKEN" in error.value.failure.remedy
        monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
        check(resolve("owner/student"), LIMITS)


def test_a_hub_that_is_away_is_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_server.online(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    reason, _, state = found_in("owner/student")
    assert (reason, state) == ("HubUnreachable", "Blocked")
