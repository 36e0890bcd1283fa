"""Results as MLflow wants them: flat parameters, numbers under permitted names, points of curves. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prompt2model_stages.reporting import ResultFile

PARAMETER_LIMIT = 6000
"""Characters of a parameter's value in MLflow."""

SYSTEMS = ("student", "untrained", "teacher")
INTERVALS = {
    **{system: system for system in SYSTEMS},
    "difference": "student_minus_teacher",
    "studentAll": "student_all",
}
"""Fields of Scores, and what they are called in MLflow."""


@dataclass(frozen=True)
class Point:
    """One value of a curve."""

    key: str
    value: float
    step: int
    time_ms: int


def flat_parameters(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested fields by their path, such as `generation.temperature.from`; lists as JSON; long values cut."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flat_parameters(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat[f"{prefix}{key}"] = text if len(text) <= PARAMETER_LIMIT else text[: PARAMETER_LIMIT - 1] + "…"
    return flat


def final_metrics(result: ResultFile) -> dict[str, float]:
    """The numbers of a result.json: seconds, counts, spend, and scores with their intervals."""
    outputs: dict[str, Any] = result.outputs.dump()
    found = {"seconds": result.seconds, **{f"start_seconds/{name}": s for name, s in result.starts.items()}}
    spent = outputs.get("spent") or {}
    if any(spent.values()):
        found |= {f"spent/{name}": float(value) for name, value in spent.items()}
    found |= {f"rows/{split}": float(count) for split, count in (outputs.get("rows") or {}).items()}
    for name, value in outputs.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
    found |= {f"reviewed/{name}": float(count) for name, count in (outputs.get("reviewed") or {}).items()}
    return found | transformed_metrics(outputs.get("transformed")) | score_metrics(outputs.get("scores") or [])


def transformed_metrics(counts: Mapping[str, Any] | None) -> dict[str, float]:
    """What became of the rows of the chosen dataset: `transformed/<rows, rewritten, share_refused>`, and by reason and kind."""
    if counts is None:
        return {}
    refused, unusable = counts["refused"], counts["unusable"]
    found = {"rows": counts["rows"], "rewritten": counts["rewritten"]}
    found["share_refused"] = sum(refused.values()) / max(1, counts["rows"])
    found |= {f"refused/{reason}": count for reason, count in refused.items()}
    found |= {f"unusable/{kind}": count for kind, count in unusable.items()}
    return {f"transformed/{name}": float(value) for name, value in found.items()}


def score_metrics(scores: list[Mapping[str, Any]]) -> dict[str, float]:
    """Scores as `score/<split>/<metric>/<system>`, their intervals with `_low` and `_high` behind.

    Beside the systems: `student_minus_teacher`, paired, and `student_all`, where the teacher answered a part of the rows. What
    came of the teacher's rows is `teacher_answers/<split>/<asked, empty, cut, refused or tooLong>`.
    """
    found: dict[str, float] = {}
    for score in scores:
        start = f"score/{score['split']}/{metric_name(score['metric'])}"
        for field, name in INTERVALS.items():
            if interval := score.get(field):
                key = f"{start}/{name}"
                found |= {key: interval["value"], f"{key}_low": interval["low"], f"{key}_high": interval["high"]}
        for kind, count in (score.get("teacherAnswers") or {}).items():
            found[f"teacher_answers/{score['split']}/{kind}"] = float(count)
    return found


def score_tags(outputs: Mapping[str, Any]) -> dict[str, str]:
    """What a number cannot say of the scores: why the gate's metric is what it is, how the teacher was asked, what was cut."""
    found: dict[str, str] = {}
    if outputs.get("metricReason"):
        found["p2m.metric_reason"] = str(outputs["metricReason"])
    for way in outputs.get("teacherPrompts") or []:
        score = way.get("score")
        told = (
            f"{way['metric']} {score['value']} [{score['low']}, {score['high']}] on {way['rows']} rows"
            if score
            else "-"
        )
        found[f"p2m.teacher_prompt.{way['prompt']}"] = told + (", taken" if way.get("chosen") else "")
    for place, note in enumerate(outputs.get("notes") or [], 1):
        found[f"p2m.note.{place}"] = str(note)
    return found


def metric_name(metric: str) -> str:
    """The metric's name without what MLflow refuses in one: ChrF++ becomes ChrFpp."""
    return metric.replace("+", "p")


def points(lines: bytes) -> Iterator[Point]:
    """The points in whole lines of metrics.jsonl; a line that a kill left broken is passed over."""
    for line in lines.splitlines():
        try:
            tree = json.loads(line)
            step, time_ms = int(tree["step"]), int(float(tree["time"]) * 1000)
            values = {str(key): float(value) for key, value in tree["values"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        yield from (Point(key, value, step, time_ms) for key, value in values.items())


def whole_lines(content: bytes) -> bytes:
    """The content up to and with its last line break."""
    return content[: content.rfind(b"\n") + 1]
