"""Exact Match, ChrF++ and BERTScore: figures row by row, which the bootstrap resamples, and the score of their sums.

Each is a metric of the `evaluate` library, so that whatever takes such a metric takes these (`evaluate.combine`, say): its
`compute` checks predictions and references and gives the score of the whole set. The library's own metrics are scripts
that it downloads; the figures here are those of sacrebleu and bert-score, without a network (docs/decisions/0030).
"""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import evaluate
import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.helpers import extract_all_char_ngrams, extract_word_ngrams

from prompt2model_api.base import Metric
from prompt2model_stages.evaluate.encoders import TextEncoder

Rows = npt.NDArray[np.float64]

CHAR_ORDERS, WORD_ORDERS, BETA = 6, 2, 2
"""ChrF++'s parameters, as in the paper and in sacrebleu."""
PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
PAIRS_AT_ONCE = 2048
"""Pairs whose embeddings are held in memory together."""


class RowMetric(evaluate.Metric):  # type: ignore[misc]  # the library has no types
    """A metric whose score is computed from sums over rows.

    `compute(predictions=[...], references=[...])` is the library's: {"score": 0 to 100, "rows": float64 [n, k]} of one system.
    The stage itself asks for the rows of all systems at once, of which the bootstrap makes scores and differences.

    Source: https://huggingface.co/docs/evaluate/creating_and_sharing
    """

    description = ""
    paper = ""

    def __init__(self) -> None:
        # The library makes a folder even where it keeps all in memory; the home may be read-only.
        super().__init__(
            keep_in_memory=True, cache_dir=str(Path(tempfile.gettempdir(), "prompt2model-metrics")), seed=0
        )

    def _info(self) -> Any:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=self.description,
            citation=self.paper,
            reference_urls=[self.paper] if self.paper else [],
            features=datasets.Features({"predictions": text, "references": text}),
        )

    @abstractmethod
    def rows_of(self, systems: Mapping[str, Sequence[str]], references: Sequence[str]) -> dict[str, Rows]:
        """The figures of each row, float64 [n, k], for the n answers of each system. References are prepared once."""

    def aggregate(self, sums: Rows, n: int) -> Rows:
        """Scores, 0 to 100, float64 [m], of m samples of n rows each, from their column sums, float64 [m, k]."""
        return sums[:, 0] / n

    def best_rows_of(
        self, systems: Mapping[str, Sequence[str]], references: Sequence[Sequence[str]]
    ) -> dict[str, Rows]:
        """As rows_of, with all right outputs of each row: those figures count whose reference gives the row the best score.

        This is what sacrebleu's chrF and bert-score do with several references, and what SQuAD does with Exact Match.
        """
        owners = np.repeat(np.arange(len(references)), [len(right) for right in references])
        flat = [reference for right in references for reference in right]
        figures = self.rows_of({name: [given[i] for i in owners.tolist()] for name, given in systems.items()}, flat)
        return {name: rows[self._best(rows, owners)] for name, rows in figures.items()}

    def _best(self, rows: Rows, owners: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The place of each owner's row with the highest score, the first of several."""
        order = np.lexsort((np.arange(len(rows)), -self.aggregate(rows, 1), owners))
        first = np.flatnonzero(np.diff(owners[order], prepend=-1))
        best: npt.NDArray[np.int64] = order[first]
        return best

    def rows(self, predictions: Sequence[str], references: Sequence[str]) -> Rows:
        """The figures of each row of one system: float64 [n, k]."""
        return self.rows_of({"": predictions}, references)[""]

    def score(self, rows: Rows) -> float:
        """The score, 0 to 100, of the figures of at least one row, float64 [n, k]."""
        return float(self.aggregate(rows.sum(axis=0)[None], len(rows))[0])

    def _compute(self, *, predictions: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
        rows = self.rows(predictions, references)
        return {"score": self.score(rows), "rows": rows}


class ExactMatch(RowMetric):
    """The share of answers that equal the reference, character by character."""

    description = "The percentage of predictions that equal their reference, character by character."

    def rows_of(self, systems: Mapping[str, Sequence[str]], references: Sequence[str]) -> dict[str, Rows]:
        """See RowMetric."""
        return {name: _equal(predictions, references)[:, None] for name, predictions in systems.items()}


class ChrFPlusPlus(RowMetric):
    """ChrF++ of the corpus, as sacrebleu computes it.

    Source: Popović 2017, https://aclanthology.org/W17-4770
    """

    description = "ChrF++ of the corpus, by sacrebleu's counting: 6 orders of characters, 2 of words, beta 2."
    paper = "https://aclanthology.org/W17-4770"

    def rows_of(self, systems: Mapping[str, Sequence[str]], references: Sequence[str]) -> dict[str, Rows]:
        """Counts of n-grams of answer, reference and both, for each of the 8 orders: [n, 24]."""
        wanted = [_ngrams(reference) for reference in references]
        found: dict[str, Rows] = {}
        for name, predictions in systems.items():
            counts = [
                [_matches(got, order) for got, order in zip(_ngrams(prediction), orders, strict=True)]
                for prediction, orders in zip(predictions, wanted, strict=True)
            ]
            found[name] = np.asarray(counts, dtype=np.float64).reshape(len(references), 3 * (CHAR_ORDERS + WORD_ORDERS))
        return found

    def aggregate(self, sums: Rows, n: int) -> Rows:
        """sacrebleu's F score over many samples at once."""
        hypothesis, reference, match = (sums[:, i::3] for i in range(3))
        effective = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(effective.sum(axis=1), 1)
        precision = (np.divide(match, hypothesis, out=np.zeros_like(match), where=effective)).sum(axis=1) / orders
        recall = (np.divide(match, reference, out=np.zeros_like(match), where=effective)).sum(axis=1) / orders
        factor = BETA**2
        below = factor * precision + recall
        score = (1 + factor) * precision * recall
        scores: Rows = 100.0 * np.divide(score, below, out=np.zeros_like(score), where=below > 0)
        return scores


class BertScore(RowMetric):
    """The mean F1 of BERTScore, without rescaling, by bert-score.

    An empty answer scores 0, and 100 where the reference is empty too: bert-score knows neither (with transformers 5 it
    fails on an empty text). An answer that equals its reference scores 100 without a look at the encoder; each other text
    is encoded once, however many systems gave it.

    Source: Zhang et al. 2020, https://arxiv.org/abs/1904.09675
    """

    description = "The mean F1 of BERTScore, times 100, without rescaling."
    paper = "https://arxiv.org/abs/1904.09675"

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self._encoder = encoder

    def rows_of(self, systems: Mapping[str, Sequence[str]], references: Sequence[str]) -> dict[str, Rows]:
        """See RowMetric. Raises: StageError EncoderUnusable where the encoder gives no numbers."""
        stripped = [reference.strip() for reference in references]
        answers = {name: [prediction.strip() for prediction in given] for name, given in systems.items()}
        found = {name: _equal(given, stripped) for name, given in answers.items()}
        # Row by row, so that what is scored together shares its references.
        pairs = [
            (name, i) for i, wanted in enumerate(stripped) for name in systems if answers[name][i] not in ("", wanted)
        ]
        pairs = [(name, i) for name, i in pairs if stripped[i]]
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            part = pairs[start : start + PAIRS_AT_ONCE]
            f1 = self._encoder.f1([answers[name][i] for name, i in part], [stripped[i] for _, i in part])
            for (name, i), value in zip(part, f1.tolist(), strict=True):
                found[name][i] = 100.0 * value
        return {name: scores[:, None] for name, scores in found.items()}


def metric_of(name: Metric, encoder: TextEncoder | None) -> RowMetric:
    """The metric of a name; BERTScore needs the encoder."""
    if name is Metric.EXACT_MATCH:
        return ExactMatch()
    if name is Metric.CHRF:
        return ChrFPlusPlus()
    assert encoder is not None
    return BertScore(encoder)


def _equal(predictions: Sequence[str], references: Sequence[str]) -> Rows:
    equal = [p == r for p, r in zip(predictions, references, strict=True)]
    return 100.0 * np.asarray(equal, dtype=np.float64)


def _ngrams(text: str) -> list[Counter[Any]]:
    """The n-grams of each order: 1 to 6 characters without spaces, then 1 and 2 words."""
    words = _words(text)
    return [
        *extract_all_char_ngrams(text, CHAR_ORDERS),
        *(extract_word_ngrams(words, order) for order in range(1, WORD_ORDERS + 1)),
    ]


def _words(text: str) -> list[str]:
    """Words, with one mark of punctuation split off: the last one, else the first one, as chrF's authors do it."""
    words: list[str] = []
    for word in text.split():
        if len(word) == 1:
            words.append(word)
        elif word[-1] in PUNCTUATION:
            words += [word[:-1], word[-1]]
        elif word[0] in PUNCTUATION:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def _matches(got: Counter[Any], wanted: Counter[Any]) -> tuple[int, int, int]:
    """How many n-grams the answer has (where the reference has any of this order), the reference has, and both have."""
    both = sum(min(count, wanted[gram]) for gram, count in got.items() if gram in wanted)
    return (got.total() if wanted else 0), wanted.total(), both
