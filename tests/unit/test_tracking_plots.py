"""The plots: titles, axes with units, and nothing where there is nothing to show."""

from __future__ import annotations

from typing import Any

import pytest

from prompt2model_stages.statistics_files import Histogram, Lengths
from prompt2model_stages.tracking import plots
from prompt2model_stages.tracking.values import Point

pytestmark = pytest.mark.unit

INTERVAL = {"value": 50.0, "low": 40.0, "high": 60.0}


def test_learning_curve() -> None:
    curve = [Point("train/loss", 3.0 / (s + 1), s, 0) for s in range(5)]
    curve += [
        Point("train/loss", 9.0, 2, 1),
        Point("train/learning_rate", 1e-4, 0, 0),
        Point("validation/loss", 1.0, 4, 0),
    ]
    figure = plots.learning_curve(curve)
    assert figure is not None
    losses, rate = figure.axes
    assert (losses.get_title(), losses.get_ylabel()) == ("Learning curve", "loss (nats per target token)")
    assert (rate.get_xlabel(), rate.get_ylabel()) == ("optimizer step", "learning rate")
    train, _ = losses.get_lines()
    assert list(train.get_xdata()) == [0, 1, 2, 3, 4]
    assert train.get_ydata()[2] == 9.0  # the step was done again after a kill
    assert plots.learning_curve([]) is None


def test_score_bars() -> None:
    score: dict[str, Any] = {"metric": "ExactMatch", "rows": 7, "student": INTERVAL, "untrained": INTERVAL}
    figure = plots.score_bars([{**score, "split": "Own", "teacher": INTERVAL}, {**score, "split": "Generated"}])
    assert figure is not None
    own, generated = figure.axes
    assert own.get_title() == "Own test split, 7 rows"
    assert generated.get_title() == "Generated test split, 7 rows, teacher not measured"
    assert (len(own.patches), len(generated.patches)) == (3, 2)
    assert own.get_ylabel() == "score (%), with 95 % interval"
    assert plots.score_bars([]) is None


def test_score_bars_where_the_interval_does_not_hold_the_value() -> None:
    odd = {"value": 10.0, "low": 20.0, "high": 30.0}
    assert plots.score_bars([{"split": "Own", "metric": "ExactMatch", "rows": 1, "student": odd}]) is not None


def test_length_histograms() -> None:
    histogram = Histogram(
        edges=[0, 5, 10],
        counts={"train": {"own": [1, 2]}, "test-own": {"own": [0, 1], "generated": [3, 0]}},
    )
    figure = plots.length_histograms(Lengths(input=histogram, output=histogram))
    assert figure is not None
    inputs, _ = figure.axes
    assert inputs.get_xlabel() == "length (characters)"
    assert [patch.get_height() for patch in inputs.patches] == [1, 3, 3, 0]
    assert plots.length_histograms(Lengths()) is None
    assert plots.length_histograms(Lengths(input=Histogram(edges=[0, 1], counts={"train": {}}))) is None


def test_duplicates() -> None:
    figure = plots.duplicates_over_time([[0, 0], [10, 0], [15, 5]])
    assert figure is not None
    count, share = figure.axes
    assert list(count.get_lines()[0].get_ydata()) == [0, 0, 5]
    assert list(share.get_lines()[0].get_ydata()) == [0, 0, 25]
    assert plots.duplicates_over_time([]) is None
