"""What the chart refuses, and that README explains every value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from charts import render
from tests import charts

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"operater": {}}, "additional properties 'operater' not allowed"),
    "unknown-below": ({"mlflow": {"databse": {}}}, "additional properties 'databse' not allowed"),
    "unknown-setting": ({"settings": {"wrokers": 1}}, "additional properties 'wrokers' not allowed"),
    "filled-in-setting": ({"settings": {"peering": "x"}}, "additional properties 'peering' not allowed"),
    "setting-out-of-range": ({"settings": {"workers": 0}}, "/settings/workers': minimum"),
    "setting-of-another-type": ({"settings": {"pods": {"train": {"limits": {"cpu": 1}}}}}, "got number, want string"),
    "pull-policy": ({"images": {"pullPolicy": "Sometimes"}}, "/images/pullPolicy': value must be one of"),
    "boolean-in-words": ({"mlflow": {"enabled": "yes"}}, "got string, want boolean"),
    "namespace": ({"watchNamespaces": ["Team_A"]}, "/watchNamespaces/0"),
    "bucket": ({"mlflow": {"artifacts": {"uri": "mlflow-bucket"}}}, "/mlflow/artifacts/uri"),
    "address": ({"tracking": {"uri": "mlflow:5000"}}, "/tracking/uri"),
    "host-with-scheme": ({"mlflow": {"allowedHosts": ["https://a"]}}, "/mlflow/allowedHosts/0"),
    "two-mlflows": ({"tracking": {"uri": "http://mlflow:5000"}}, "set mlflow.enabled=false, or remove tracking.uri"),
    "credentials-of-another": (
        {"tracking": {"secret": "s"}},
        "name the Secret of this release's MLflow in mlflow.auth.secret",
    ),
    "two-teachers": ({"teacher": {"url": "http://vllm/v1"}}, "set teacher.enabled=false, or remove them"),
    "model-of-nobody": ({"teacher": {"enabled": False, "model": "m"}}, "teacher.model is served nowhere"),
    "env-of-the-operator": (
        {"settings": {"pods": {"train": {"env": [{"name": "P2M_JOB", "value": "x"}]}}}},
        "settings.pods.train.env sets P2M_JOB, which the operator sets itself: remove it",
    ),
    "env-without-a-value": (
        {"settings": {"pods": {"service": {"env": [{"name": "HTTPS_PROXY"}]}}}},
        "settings.pods.service.env: HTTPS_PROXY needs one of value and valueFrom",
    ),
    "refresh-of-nothing": ({"catalogs": {"refresh": {"schedule": "0 3 * * *"}}}, "set settings.catalogs.uri"),
    "refresh-offline": (
        {
            "catalogs": {"refresh": {"schedule": "0 3 * * *"}},
            "settings": {"catalogs": {"uri": "s3://b/c"}, "huggingFace": {"offline": True}},
        },
        "settings.huggingFace.offline forbids it",
    ),
    "catalogs-on-a-path": ({"settings": {"catalogs": {"uri": "/catalogs"}}}, "/settings/catalogs/uri"),
    "credentials-for-nothing": ({"mlflow": {"artifacts": {"secret": "s"}}}, "set mlflow.artifacts.uri"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    values, sentence = REFUSED[case]
    done = charts.template(values)
    assert done.returncode != 0
    assert sentence in done.stderr


def test_every_value_is_explained() -> None:
    """README's table has each value of values.yaml, and no other."""
    table = (charts.CHART / "README.md").read_text()
    explained = set(re.findall(r"^\| `([A-Za-z.]+)` \|", table, re.MULTILINE))
    values = yaml.safe_load((charts.CHART / "values.yaml").read_text())
    assert explained == set(leaves(values)) | {
        f"settings.{name}" for name in render.settings_schemas()["Settings"]["properties"]
    }


def leaves(tree: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict) and value and name != "resources":
            yield from leaves(value, f"{path}{name}.")
        elif f"{path}{name}" != "settings":
            yield f"{path}{name}"
