"""Sentence encoders: found by name or folder, read as their settings say, and refused with a sentence where they cannot be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from prompt2model_stages.catalogs.search import BuiltIndex, DenseIndex, FusedIndex, build_vectors, open_vectors
from prompt2model_stages.catalogs.search.encoders import (
    DATAFINDER_MODEL,
    EncoderFiles,
    EncoderUnusable,
    find_encoder,
)
from tests.tiny_students import character_tokenizer
from tests.unit.test_search import QUERIES, SHELF

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain encoder of transformers that knows nothing, with a token for each character."""
    import torch
    from transformers import BertConfig, BertModel

    folder, tokenizer = tmp_path_factory.mktemp("bert"), character_tokenizer()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=34, pad_token_id=0,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def with_settings(bert: Path, folder: Path, pooling: dict[str, object] | None = None, **files: object) -> Path:
    """The encoder in the form of sentence-transformers, its files linked."""
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).symlink_to(file)
    modules = [{"type": "sentence_transformers.models.Transformer", "path": ""}]
    modules.append({"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"})
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling or {"pooling_mode_mean_tokens": True}))
    for name, content in {"modules": modules, **files}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def hidden(files: EncoderFiles, text: str) -> np.ndarray:
    """The last layer's vectors of a text, [tokens, dimension]."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    batch = AutoTokenizer.from_pretrained(files.folder)(text, return_tensors="pt")
    with torch.inference_mode():
        return np.asarray(AutoModel.from_pretrained(files.folder).eval()(**batch).last_hidden_state[0])


def test_a_plain_encoder_is_pooled_by_the_mean(bert: Path):
    files = find_encoder(str(bert))
    assert (files.pooling, files.tokens, files.normalized) == ("mean", 32, True)
    mean = hidden(files, "a cat").mean(axis=0)
    alone = files.load().queries(["a cat"])
    assert alone[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    padded = files.load().queries(["a cat", "many cats in a garden"])
    assert padded[0] == pytest.approx(alone[0], abs=1e-6), "padding counts for nothing"


@pytest.mark.parametrize(
    ("settings", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode": "max", "embedding_dimension": 16}, "max"),
    ],
)
def test_settings_of_sentence_transformers_are_read(
    bert: Path, tmp_path: Path, settings: dict[str, object], pooling: str
):
    files = find_encoder(
        str(with_settings(bert, tmp_path / "st", settings, sentence_bert_config={"max_seq_length": 20}))
    )
    assert (files.pooling, files.tokens) == (pooling, 20)
    tokens = hidden(files, "a cat")
    expected = tokens[0] if pooling == "cls" else tokens.max(axis=0)
    assert files.load().queries(["a cat", "a longer text"])[0] == pytest.approx(
        expected / np.linalg.norm(expected), abs=1e-6
    )


def test_prompts_are_put_before_queries_and_documents(bert: Path, tmp_path: Path):
    settings = {"prompts": {"query": "query: ", "passage": "passage: "}}
    folder = with_settings(bert, tmp_path / "st", config_sentence_transformers=settings)
    asking, plain = find_encoder(str(folder)).load(), find_encoder(str(bert)).load()
    assert asking.queries(["cats"]) == pytest.approx(plain.queries(["query: cats"]), abs=1e-6)
    assert asking.documents(["cats"])[0] == pytest.approx(plain.documents(["passage: cats"])[0], abs=1e-2)


def test_documents_keep_their_order_and_long_ones_are_cut_and_counted(bert: Path):
    encoder, told = find_encoder(str(bert)).load(), list[int]()
    texts = ["x" * 100, "b", "a cat", *("word " * (n % 5) + "end" for n in range(60))]
    vectors, cut = encoder.documents(texts, told.append)
    assert cut == 1
    assert vectors.dtype == np.float32 and vectors.shape == (63, 16)
    assert told == [32, 63]
    assert vectors == pytest.approx(np.concatenate([encoder.queries([text]) for text in texts]), abs=2e-2)
    assert vectors[0] == pytest.approx(encoder.queries(["x" * 32])[0], abs=2e-2)


def test_the_digest_changes_with_the_settings(bert: Path, tmp_path: Path):
    one = with_settings(bert, tmp_path / "one", {"pooling_mode_mean_tokens": True})
    other = with_settings(bert, tmp_path / "other", {"pooling_mode_cls_token": True})
    assert find_encoder(str(one)).digest != find_encoder(str(other)).digest
    assert find_encoder(str(one)).digest == find_encoder(str(one)).digest


def test_what_is_not_supported_is_refused_in_one_sentence(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dense = with_settings(
        bert, tmp_path / "dense", modules=[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]
    )
    with pytest.raises(EncoderUnusable, match=r"a part that is not supported \(Dense\): name another"):
        find_encoder(str(dense))
    weighted = with_settings(bert, tmp_path / "weighted", {"pooling_mode_weightedmean_tokens": True})
    with pytest.raises(EncoderUnusable, match="pools in another way than cls, max, mean"):
        find_encoder(str(weighted))
    with pytest.raises(EncoderUnusable, match=r"There is no config\.json in"):
        find_encoder(str(tmp_path))
    damaged = with_settings(bert, tmp_path / "damaged")
    (damaged / "model.safetensors").unlink()
    (damaged / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(EncoderUnusable, match="cannot be loaded"):
        find_encoder(str(damaged)).load()


def cached(monkeypatch: pytest.MonkeyPatch, home: Path, name: str, bert: Path) -> str:
    """Puts the encoder into a hub cache under a name; its commit."""
    commit = "c" * 40
    snapshot = home / f"models--{name.replace('/', '--')}/snapshots/{commit}"
    snapshot.mkdir(parents=True)
    for file in bert.iterdir():
        (snapshot / file.name).symlink_to(file)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs/main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return commit


def test_an_encoder_of_the_hub_is_read_from_the_cache_and_known_by_its_commit(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    commit = cached(monkeypatch, tmp_path, "some/encoder", bert)
    files = find_encoder("some/encoder")
    assert (files.digest, files.pooling) == (commit, "mean")
    with pytest.raises(EncoderUnusable, match="The sentence encoder other/encoder cannot be fetched") as refused:
        find_encoder("other/encoder")
    assert "use minilm" in str(refused.value)


def test_the_bi_encoder_of_datafinder_takes_the_first_token_and_the_inner_product(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cached(monkeypatch, tmp_path, DATAFINDER_MODEL, bert)
    files = find_encoder("datafinder")
    assert files == find_encoder(DATAFINDER_MODEL).__class__(
        **{**vars(find_encoder(DATAFINDER_MODEL)), "name": "datafinder"}
    )
    assert (files.pooling, files.tokens, files.normalized) == ("cls", 128, False)
    assert files.load().queries(["a cat"])[0] == pytest.approx(hidden(files, "a cat")[0], abs=1e-5)


@dataclass(frozen=True)
class Texts:
    """A catalog of texts alone."""

    folder: Path
    digest: str = "one"

    def texts(self) -> Sequence[str]:
        return SHELF * 30


def test_vectors_are_built_stored_and_used(bert: Path, tmp_path: Path):
    catalog, told = Texts(tmp_path), list[int]()
    about = build_vectors(catalog, str(bert), told.append)
    assert (about.encoder, about.dimension, about.rows, about.cut) == (str(bert), 16, 240, 240)
    assert told[-1] == 240
    assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == ["index.json", "vectors.npy"]
    index = open_vectors(catalog, str(bert))
    assert isinstance(index.vectors, np.memmap)
    assert index.search(SHELF[3], 1)[0].row % len(SHELF) == 3


def test_the_order_by_meaning_and_by_both_is_pinned():
    dense = DenseIndex.build(SHELF, find_encoder().load())
    fused = FusedIndex(BuiltIndex.build(SHELF), dense)
    assert [[hit.row for hit in dense.search(query, 2)] for query in QUERIES[:5]] == [
        [0, 5],
        [1, 2],
        [2, 1],
        [3, 1],
        [4, 1],
    ]
    wish = "Say what the writer wants, as one of these: order, cancel, complain."
    assert [hit.row for hit in fused.search(wish, 3)] == [7, 5, 0]
    assert [hit.row for hit in fused.search(wish, 3, "intent, bank customer")] == [7, 5, 6]
