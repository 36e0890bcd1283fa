"""The CronJob that refreshes the catalogs: what it runs, and that the operator hands their address on."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from prompt2model_operator.settings import Settings
from prompt2model_stages.cli.main import main
from tests import charts
from tests.charts import find, rendered

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]


def containers() -> list[dict[str, Any]]:
    """Those of datasets and of models, in their order."""
    pod = find(rendered("s3"), "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return [*pod["initContainers"], *pod["containers"]]


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in container["env"]}


def test_no_refresh_is_made_by_default() -> None:
    assert "CronJob" not in {body["kind"] for body in rendered("default")}


def test_datasets_are_built_and_then_models_never_twice_at_a_time() -> None:
    job = find(rendered("s3"), "CronJob", "prompt2model-catalogs")
    assert (job["spec"]["schedule"], job["spec"]["concurrencyPolicy"]) == ("0 3 * * *", "Forbid")
    assert [container["name"] for container in containers()] == ["datasets", "models"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert [len(pod[name]) for name in ("initContainers", "containers")] == [1, 1]


@pytest.mark.parametrize("number", [0, 1])
def test_the_command_is_one_of_p2m(number: int) -> None:
    container = containers()[number]
    assert container["command"][:3] == ["python", "-m", "prompt2model_stages.cli.main"]
    arguments = [*container["command"][3:], *container["args"]]
    assert arguments == ["catalog", "build", container["name"], "--to", "s3://p2m/catalogs", "--vectors"]
    asked = CliRunner().invoke(main, [*arguments, "--help"])
    assert asked.exit_code == 0
    assert CliRunner().invoke(main, [*arguments, "--no-such-option"]).exit_code != 0


def test_it_has_the_credentials_of_the_bucket_and_of_the_hub() -> None:
    for container in containers():
        assert container["envFrom"] == [{"secretRef": {"name": "catalogs-s3"}}]
        assert environment(container)["HF_ENDPOINT"] == "https://hub.example.com"
        token = {"name": "hugging-face", "key": "HF_TOKEN", "optional": True}
        assert environment(container)["HF_TOKEN"] == {"secretKeyRef": token}


def test_vectors_can_be_left_out() -> None:
    values = yaml.safe_load(charts.VALUES["s3"].read_text())
    values["catalogs"]["refresh"]["vectors"] = False
    done = charts.template(values, "--show-only", "templates/catalogs.yaml")
    assert done.stdout.count("--no-vectors") == 2


def test_the_operator_is_told_the_address() -> None:
    text = find(rendered("s3"), "ConfigMap", "prompt2model-operator")["data"]["settings.yaml"]
    assert Settings.model_validate(yaml.safe_load(text)).catalogs.uri == "s3://p2m/catalogs"
