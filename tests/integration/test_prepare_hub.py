"""A dataset of the hub, as the `datasets` library gives it."""

from __future__ import annotations

from typing import Any

import datasets
import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_api.results import Choice
from prompt2model_stages.errors import StageError
from prompt2model_stages.prepare.retrieving import load_choice
from prompt2model_stages.prepare.textualizing import examples_of

pytestmark = pytest.mark.integration

CHOICE = Choice(name="owner/reviews", config="en", split="test", input_columns=["text"], output_column="label")


def test_rows_come_with_names_for_class_ids_and_with_where_they_are_from(monkeypatch: pytest.MonkeyPatch) -> None:
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    data = datasets.Dataset.from_dict({"text": [f"t{i}" for i in range(9)], "label": [0, 1, 1] * 3}, features=features)
    asked: list[Any] = []

    def load_dataset(*args: Any, **kwargs: Any) -> datasets.Dataset:
        asked.append((args, kwargs))
        return data

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    examples = examples_of(load_choice(CHOICE, "abc"), ["text"], "label", "retrieved", rows=4, seed=1)
    assert asked == [(("owner/reviews", "en"), {"split": "test", "revision": "abc"})]
    assert len(examples) == 4
    for example in examples:
        number = int(example.input[1:])
        assert example.output == ("bad" if number % 3 == 0 else "good")
        assert example.origin == f"owner/reviews@abc/test#{number}"


def test_a_column_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *a, **k: datasets.Dataset.from_dict({"text": ["a"], "y": ["b"]})
    )
    with pytest.raises(StageError, match="no column label; its columns are text, y"):
        load_choice(CHOICE, None)


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ConnectionError("no way"), FailureState.BLOCKED, "HubUnreachable"),
        (ValueError("Unknown split 'test'. Should be one of ['train']."), FailureState.FAILED, "DatasetUnusable"),
        (RuntimeError("Dataset scripts are no longer supported"), FailureState.FAILED, "DatasetUnusable"),
    ],
)
def test_errors_of_loading(monkeypatch: pytest.MonkeyPatch, error: Exception, state: FailureState, reason: str) -> None:
    def load_dataset(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(StageError) as found:
        load_choice(CHOICE, None)
    assert (found.value.failure.state, found.value.failure.reason) == (state, reason)
    assert "owner/reviews" in found.value.failure.message


def test_a_hub_that_is_away_is_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(StageError) as found:
        load_choice(CHOICE.model_copy(update={"name": "nobody/no-such-dataset"}), None)
    assert found.value.failure.state is FailureState.BLOCKED
