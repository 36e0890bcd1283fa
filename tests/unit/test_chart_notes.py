"""What Helm says after an installation."""

from __future__ import annotations

import pytest

from tests import charts
from tests.charts import notes

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]

EXTERNAL = {"mlflow": {"enabled": False}, "tracking": {"uri": "http://mlflow.mlops:5000"}}


def test_names_the_images_that_must_be_there_and_what_a_missing_one_looks_like() -> None:
    said = notes({"images": {"registry": "registry.example.com/p2m", "tag": "9"}})
    for image in ("operator", "stages", "service", "mlflow"):
        assert f"    registry.example.com/p2m/prompt2model-{image}:9\n" in said
    assert "ImagePullBackOff" in said and "reason ImagePull" in said and "make images" in said
    assert "prompt2model-mlflow:" not in notes({"mlflow": {"enabled": False}})


def test_says_how_run_urls_come_where_no_browser_opens_mlflow() -> None:
    assert "or http://localhost:5000 for the port-forward above" in notes({})
    assert "if http://mlflow.mlops:5000 is an address of the cluster's own" in notes(EXTERNAL)
    assert "runURL" not in notes({"tracking": {"publicUrl": "https://mlflow.example.com"}})
    assert "runURL" not in notes({"mlflow": {"enabled": False}})
