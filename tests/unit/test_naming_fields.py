"""An unknown dataset is reported with the field that names it."""

from __future__ import annotations

import pytest

from prompt2model_api.results import Choice
from prompt2model_api.stage_job import Named
from prompt2model_stages.discover.naming import named_datasets
from prompt2model_stages.discover.revisions import RevisionResolver
from prompt2model_stages.errors import StageError

pytestmark = pytest.mark.unit

COLUMNS = {"inputColumns": ["a"], "outputColumn": "b"}


@pytest.mark.parametrize(("unknown", "field"), [("o/1", "datasets.choice"), ("o/3", r"datasets.choice.also[1]")])
def test_a_dataset_that_the_hub_does_not_know_is_named_with_its_field(
    monkeypatch: pytest.MonkeyPatch, unknown: str, field: str
) -> None:
    resolver = RevisionResolver()
    monkeypatch.setattr(resolver, "is_unknown_dataset", lambda name: name == unknown)
    beside = [{"name": name, **COLUMNS} for name in ("./rows.csv", "o/3")]
    choice = Choice.model_validate({"name": "o/1", **COLUMNS, "also": beside})
    with pytest.raises(StageError) as error:
        named_datasets(Named(dataset=choice), resolver)
    assert error.value.failure.message == f"spec.{field}: the hub knows no dataset {unknown}."
