"""Exact Match, ChrF++ and BERTScore as metrics of the `evaluate` library.

The library's own metric scripts are downloads; these classes compute the same figures without a network. Each also
gives its figures row by row, which the bootstrap resamples: a score is a function of column sums over rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.chrf import CHRF

from prompt2model_api.base import Metric
from prompt2model_stages.evaluate.encoders import TextEncoder

Rows = npt.NDArray[np.float64]

FEATURES = {"predictions": datasets.Value("string"), "references": datasets.Value("string")}


class RowMetric(evaluate.Metric):  # type: ignore[misc]  # the library has no types
    """A metric whose score is computed from sums over rows.

    `compute(predictions=[...], references=[...])` returns {"score": 0 to 100, "rows": float64 [n, k]}.
    """

    description = ""
    citation = ""

    def __init__(self) -> None:
        # The library makes a folder even where it keeps all in memory; the home may be read-only.
        super().__init__(keep_in_memory=True, cache_dir=tempfile.gettempdir() + "/prompt2model-metrics", seed=0)

    def _info(self) -> Any:
        return evaluate.MetricInfo(
            description=self.description, citation=self.citation, features=datasets.Features(FEATURES)
        )

    def _compute(self, *, predictions: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
        rows = self.rows(predictions, references)
        return {"score": float(self.aggregate(rows.sum(axis=0)[None], len(rows))[0]), "rows": rows}

    def rows(self, predictions: Sequence[str], references: Sequence[str]) -> Rows:
        """The figures of each row: float64 [n, k]."""
        raise NotImplementedError

    def aggregate(self, sums: Rows, n: int) -> Rows:
        """Scores, 0 to 100, float64 [m], of m samples of n rows each, from their column sums, float64 [m, k]."""
        return sums[:, 0] / n


class ExactMatch(RowMetric):
    """The share of answers that equal the reference, character by character."""

    description = "The percentage of predictions that equal their reference."

    def rows(self, predictions: Sequence[str], references: Sequence[str]) -> Rows:
        """See RowMetric."""
        equal = [p == r for p, r in zip(predictions, references, strict=True)]
        return 100.0 * np.asarray(equal, dtype=np.float64)[:, None]


class ChrFPlusPlus(RowMetric):
    """ChrF++ of the corpus, as sacrebleu computes it: 6 character orders, 2 word orders, beta 2.

    Source: Popović 2017, https://aclanthology.org/W17-4770
    """

    description = "ChrF++ (Popović 2017) of the corpus, by sacrebleu."

    def __init__(self) -> None:
        self._chrf = CHRF(word_order=2)
        super().__init__()

    def rows(self, predictions: Sequence[str], references: Sequence[str]) -> Rows:
        """Counts of n-grams of prediction, reference and both, for each of the 8 orders: [n, 24]."""
        statistics = self._chrf._extract_corpus_statistics(list(predictions), [list(references)])
        return np.asarray(statistics, dtype=np.float64).reshape(len(predictions), 3 * self._chrf.order)

    def aggregate(self, sums: Rows, n: int) -> Rows:
        """CHRF._compute_f_score over many samples at once."""
        hypothesis, reference, match = (sums[:, i::3] for i in range(3))
        effective = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(effective.sum(axis=1), 1)
        precision = (np.divide(match, hypothesis, out=np.zeros_like(match), where=effective)).sum(axis=1) / orders
        recall = (np.divide(match, reference, out=np.zeros_like(match), where=effective)).sum(axis=1) / orders
        factor = self._chrf.beta**2
        below = factor * precision + recall
        score = (1 + factor) * precision * recall
        scores: Rows = 100.0 * np.divide(score, below, out=np.zeros_like(score), where=below > 0)
        return scores


class BertScore(RowMetric):
    """The mean F1 of BERTScore, without rescaling, by bert-score.

    An empty answer scores 0, and 100 where the reference is empty too: bert-score knows neither (with transformers 5 it
    fails on an empty text).

    Source: Zhang et al. 2020, https://arxiv.org/abs/1904.09675
    """

    description = "The mean F1 of BERTScore (Zhang et al. 2020), by bert-score."

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        super().__init__()

    def rows(self, predictions: Sequence[str], references: Sequence[str]) -> Rows:
        """See RowMetric."""
        pairs = [(p.strip(), r.strip()) for p, r in zip(predictions, references, strict=True)]
        scores = np.asarray([100.0 if p == r else 0.0 for p, r in pairs])
        scored = [i for i, (p, r) in enumerate(pairs) if p and r]
        if scored:
            f1 = self._encoder.f1([pairs[i][0] for i in scored], [pairs[i][1] for i in scored])
            scores[scored] = 100.0 * f1
        return scores[:, None]


def metric_of(name: Metric, encoder: TextEncoder | None) -> RowMetric:
    """The metric of a name; BERTScore needs the encoder."""
    if name is Metric.EXACT_MATCH:
        return ExactMatch()
    if name is Metric.CHRF:
        return ChrFPlusPlus()
    assert encoder is not None
    return BertScore(encoder)
