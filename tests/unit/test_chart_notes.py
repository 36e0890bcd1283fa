"""What Helm says after an installation."""

from __future__ import annotations

import pytest
import yaml

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.kinds import CLAIM, MANAGED_BY, MANAGER, RESOURCE
from prompt2model_operator.manifests.common import claim
from prompt2model_operator.settings import Settings
from tests import charts
from tests.charts import NAMESPACE, VALUES, find, notes, rendered

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]

SELECTOR = "app.kubernetes.io/managed-by=prompt2model,prompt2model.dev/resource"
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


def commands(said: str) -> list[str]:
    """The commands of the removal recipe, without their remarks."""
    lines = [
        line.strip().partition("  #")[0].rstrip() for line in said.splitlines() if line.startswith("    kubectl delete")
    ]
    return [line.strip() for line in lines]


def test_the_removal_recipe_names_all_that_stays() -> None:
    assert commands(notes({})) == [
        "kubectl delete p2m --all -A",
        f"kubectl delete pvc -A -l {SELECTOR}",
        f"kubectl delete pvc -n {NAMESPACE} prompt2model-mlflow",
        f"kubectl delete lease -n {NAMESPACE} prompt2model --ignore-not-found",
        "kubectl delete crd prompt2models.prompt2model.dev stageruns.prompt2model.dev",
    ]


def test_of_watched_namespaces_alone() -> None:
    values = {"watchNamespaces": ["a", "b"], "crds": {"install": False}, "peering": "lab", "mlflow": {"enabled": False}}
    assert commands(notes(values)) == [
        "kubectl delete p2m --all -n a",
        "kubectl delete p2m --all -n b",
        f"kubectl delete pvc -n a -l {SELECTOR}",
        f"kubectl delete pvc -n b -l {SELECTOR}",
        f"kubectl delete lease -n {NAMESPACE} lab --ignore-not-found",
    ]


@pytest.mark.parametrize("name", sorted(VALUES))
def test_the_notes_of_all_examples_end_with_what_stays_elsewhere(name: str) -> None:
    values = yaml.safe_load(VALUES[name].read_text()) or {}
    last = " ".join(notes(values).split("Not deleted by any of this: ")[1].split())
    assert last.endswith(".") and ".." not in last and " ," not in last
    mlflow = values.get("mlflow", {})
    places = [
        values.get("settings", {}).get("storage", {}).get("uri"),
        mlflow.get("persistence", {}).get("existingClaim"),
        mlflow.get("artifacts", {}).get("uri"),
        values.get("tracking", {}).get("uri"),
    ]
    assert all(place in last for place in places if place)
    assert ("MLflow's database" in last) is bool(mlflow.get("database", {}).get("secret"))


def test_the_selector_is_that_of_the_claims_that_the_operator_makes_and_of_no_claim_of_the_chart() -> None:
    resource = Prompt2Model.model_validate({"metadata": {"name": "dates"}, "spec": {"prompt": "-"}})
    settings = Settings()
    made = claim(resource, settings, CLAIM, settings.storage)
    assert made is not None and made["metadata"]["labels"].items() >= {MANAGED_BY: MANAGER, RESOURCE: "dates"}.items()
    assert f"{MANAGED_BY}={MANAGER},{RESOURCE}" == SELECTOR
    assert find(rendered("default"), "PersistentVolumeClaim")["metadata"]["labels"][MANAGED_BY] == "Helm"


def test_the_readme_has_the_commands_of_the_notes() -> None:
    readme = (charts.CHART / "README.md").read_text()
    assert [line.replace(NAMESPACE, charts.RELEASE) for line in commands(notes({}))] == commands(readme)
