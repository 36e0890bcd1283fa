"""The page of every metric: those for Prometheus are read from the code that makes them, the others from the types of results."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from docs.pages.tables import code, page, table
from prompt2model_api.base import Metric
from prompt2model_api.fields import fields_of
from prompt2model_api.results import AnswerCounts, Scores, Spent, StageOutputs, TransformedCounts
from prompt2model_api.stage_run import Stage

ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "operator/prompt2model_operator/metrics.py"
SERVICE = ROOT / "stages/prompt2model_stages/service/app.py"
KINDS = ("Counter", "Gauge", "Histogram")
INTRODUCTION = "# Metrics\n\nWhat the operator and the services export for Prometheus, and what MLflow has of each run."
OPERATOR_TEXT = """\
At `/metrics` of the operator's port 9090 (Service `<release>-operator-metrics`). `serviceMonitor.enabled` makes a
ServiceMonitor for the Prometheus operator; `networkPolicy.metricsFrom` says who may read it."""
SERVICE_TEXT = "At `/metrics` of each service's port 3000. All but the batch size are BentoML's own, under its names."
MLFLOW_TEXT = """\
Each stage run is a run in the experiment `<namespace>.<name>`, below the resource's own run, which has the sums and the scores.
`<split>` is Own, Retrieved, Transformed or Generated; `+` in a metric's name becomes `p`, so ChrF++ is ChrFpp."""


@dataclass(frozen=True)
class PrometheusMetric:
    """A metric for Prometheus."""

    name: str
    kind: str
    description: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class MLflowMetric:
    """Names of metrics in MLflow, with `<word>` for what differs."""

    name: str
    stage: str
    description: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What matches the names."""
        return re.compile(re.sub(r"<\w+>", "[^/]+", re.escape(self.name)))


ENDPOINT = ("endpoint", "service_name", "service_version")
BENTOML = (
    PrometheusMetric(
        "bentoml_service_request_total", "Counter", "Requests that were answered.", (*ENDPOINT, "http_response_code")
    ),
    PrometheusMetric("bentoml_service_request_in_progress", "Gauge", "Requests that are being answered.", ENDPOINT),
    PrometheusMetric(
        "bentoml_service_request_duration_seconds", "Histogram", "Time to answer.", (*ENDPOINT, "http_response_code")
    ),
    PrometheusMetric(
        "bentoml_service_last_request_timestamp_seconds", "Gauge", "When the last request came.", ENDPOINT[1:]
    ),
)
"""An integration test holds them to what a service exports."""
CURVES = {
    "generate/unique": "Unique examples so far, over the teacher's answers.",
    "generate/duplicates": "Duplicates so far, over the teacher's answers.",
    "train/loss": "Cross-entropy a target token, over the steps since the last point.",
    "train/learning_rate": "The learning rate of the step.",
    "validation/loss": "Cross-entropy a target token on the validation split, after each epoch.",
    "validation/token_accuracy": "Percent of target tokens predicted right on the validation split, after each epoch.",
}


def of_operator() -> list[PrometheusMetric]:
    """What the operator exports."""
    return _made_in(OPERATOR)


def of_service() -> list[PrometheusMetric]:
    """What a service exports: BentoML's own and those that the service adds."""
    return [*BENTOML, *_made_in(SERVICE)]


def of_mlflow() -> list[MLflowMetric]:
    """What a run in MLflow has."""
    every = "all"
    found = [
        MLflowMetric("seconds", every, "The stage's own work; on the resource's run, of all stages."),
        MLflowMetric("start_seconds/<process>", "generate, train", "The start of Ray, which is not in seconds."),
    ]
    found += [
        MLflowMetric(name, "generate" if name.startswith("generate") else "train", text)
        for name, text in CURVES.items()
    ]
    for name, field in fields_of(Spent).items():
        found.append(MLflowMetric(f"spent/{name}", "those that ask the teacher", field.description or ""))
    found.append(MLflowMetric("rows/<split>", "prepare", "Rows of the split: train, validation and each test split."))
    for name, field in fields_of(TransformedCounts).items():
        ending = {"refused": "/<reason>", "unusable": "/<kind>"}.get(name, "")
        found.append(MLflowMetric(f"transformed/{name}{ending}", Stage.TRANSFORM.value, field.description or ""))
    found.append(MLflowMetric("transformed/share_refused", Stage.TRANSFORM.value, "Share of the rows that it refused."))
    for name, field in fields_of(StageOutputs).items():
        if {int, float} & {*get_args(field.annotation), field.annotation}:
            found.append(MLflowMetric(name, _stage_of(name), field.description or ""))
    for system, text in _systems().items():
        start = f"score/<split>/<metric>/{system}"
        found.append(MLflowMetric(start, "evaluate", f"{text} 0 to 100."))
        found.append(MLflowMetric(f"{start}_low", "evaluate", "Lower end of its 95 % bootstrap interval."))
        found.append(MLflowMetric(f"{start}_high", "evaluate", "Upper end of its 95 % bootstrap interval."))
    for name, field in fields_of(AnswerCounts).items():
        found.append(MLflowMetric(f"teacher_answers/<split>/{name}", "evaluate", field.description or ""))
    return found


def metrics_page() -> str:
    """The whole page."""
    heads = ("metric", "kind", "labels", "description")
    operator = table(heads, [_row(metric) for metric in of_operator()])
    service = table(heads, [_row(metric) for metric in of_service()])
    mlflow = table(("metric", "stage", "description"), [(code(m.name), m.stage, m.description) for m in of_mlflow()])
    names = "`<metric>` is one of " + ", ".join(metric.value.replace("+", "p") for metric in Metric) + "."
    return page(
        INTRODUCTION,
        *("## Operator", OPERATOR_TEXT, operator),
        *("## Service", SERVICE_TEXT, service),
        *("## MLflow", f"{MLFLOW_TEXT} {names}", mlflow),
    )


def _row(metric: PrometheusMetric) -> tuple[str, ...]:
    return code(metric.name), metric.kind, ", ".join(metric.labels), metric.description


def _made_in(file: Path) -> list[PrometheusMetric]:
    """The metrics whose constructors are called in a module: name, description, labels, and the namespace before the name."""
    found = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            name, text, *labels = (ast.literal_eval(argument) for argument in node.args[:3])
            start = [ast.literal_eval(k.value) for k in node.keywords if k.arg == "namespace"]
            found.append(
                PrometheusMetric("_".join([*start, name]), node.func.id, text, tuple(labels[0]) if labels else ())
            )
    return found


def _systems() -> dict[str, str]:
    """The systems that Scores has intervals of, by their names in MLflow."""
    return {
        "student": "The student.",
        "untrained": "The student before training.",
        "teacher": "The teacher.",
        "student_minus_teacher": f"{fields_of(Scores)['difference'].description} From -100 to 100, not",
        "student_all": f"{fields_of(Scores)['studentAll'].description}",
    }


def _stage_of(name: str) -> str:
    return {
        "demonstrations": Stage.DISCOVER,
        "examples": Stage.GENERATE,
        "duplicates": Stage.GENERATE,
        "steps": Stage.TRAIN,
        "trainTokensPerSecond": Stage.TRAIN,
        "goldenRequests": Stage.EVALUATE,
    }[name].value
