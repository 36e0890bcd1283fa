"""Shares of several datasets, and of none: what means the same is the same work."""

from __future__ import annotations

from typing import Any

import pytest

from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.graph import digest
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_run import Stage
from prompt2model_stages.prepare.chosen import parts_of

pytestmark = pytest.mark.unit

ONE = {"name": "o/1", "inputColumns": ["a"], "outputColumn": "b"}


def several(*shares: int | None) -> dict[str, Any]:
    first, *also = ({**ONE, "name": f"o/{n}", **({"share": share} if share else {})} for n, share in enumerate(shares))
    return {**first, **({"also": also} if also else {})}


def decided(choice: dict[str, Any]) -> tuple[str, list[int]]:
    """The digest of prepare, and how many rows each dataset gives of 1,000."""
    spec = Prompt2ModelSpec.model_validate({"prompt": "p", "datasets": {"choice": choice}})
    decision = dataset_gate(spec, StageOutputs()).decision
    assert decision is not None and decision.dataset is not None
    datasets = decision.dataset.datasets()
    return digest(spec, Stage.PREPARE, {}, decision), parts_of(1000, datasets) if datasets else []


@pytest.mark.parametrize(
    "same",
    [
        [(None,), (100,), (50,)],
        [(None, None), (50, 50), (30, 30), (50, None)],
        [(None, None, None), (20, 20, 20)],
        [(70, None), (70, 30), (35, 15)],
        [(50, None, None), (50, 25, 25)],
    ],
)
def test_shares_that_mean_the_same_are_the_same_work(same: list[tuple[int | None, ...]]) -> None:
    assert len({str(decided(several(*shares))) for shares in same}) == 1


def test_other_shares_are_other_work() -> None:
    different = [(None, None), (60, 40), (40, 60), (30, 60), (99, None, None)]
    assert len({decided(several(*shares))[0] for shares in different}) == len(different)
    assert decided(several(30, 60))[1] == [333, 667]
    assert decided(several(99, None, None))[1] == [990, 5, 5]


def test_none_is_the_same_work_whatever_split_stands_beside_it() -> None:
    assert decided({"none": True}) == decided({"none": True, "split": "test"})
