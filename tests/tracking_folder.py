"""A resource's folder as a run leaves it, written by hand: small, but with every file that the recorder reads."""

from __future__ import annotations

import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import yaml

from prompt2model_api.base import Metadata
from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.stage_run import Decision, Stage, StageRun, StageRunPhase, StageRunSpec, StageRunStatus
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.storage import Folder, sha256_of_tree

DIGESTS = {stage: hashlib.sha256(stage.value.encode()).hexdigest() for stage in Stage}
PARAMETERS: dict[Stage, dict[str, Any]] = {
    Stage.DISCOVER: {"prompt": "Write the date as YYYY-MM-DD.", "student.architectures": ["DecoderOnly"]},
    Stage.GENERATE: {"generation.examples": 60, "generation.temperature": {"from": 0.3, "to": 1.4}, "seed": 0},
    Stage.TRANSFORM: {"datasets.maxRows": 300, "seed": 0},
    Stage.PREPARE: {"datasets.maxRows": 300, "seed": 0},
    Stage.TRAIN: {"training.epochs": 2, "training.learningRate": 1e-4, "seed": 0},
    Stage.EVALUATE: {"evaluation.metrics": ["ExactMatch", "ChrF++"], "evaluation.maxRows": 100, "seed": 0},
}


class TrackedFolder:
    """Writes the stages one by one, as a run would."""

    def __init__(self, runs: Path) -> None:
        self.path = runs / "default" / "dates"
        self.folder = Folder(str(self.path))
        spec = Prompt2ModelSpec.model_validate({"prompt": PARAMETERS[Stage.DISCOVER]["prompt"]})
        resource = Prompt2Model(metadata=Metadata(name="dates"), spec=spec)
        self.path.mkdir(parents=True)
        (self.path / "resource.yaml").write_text(yaml.safe_dump(resource.dump()))

    def stage_folder(self, stage: Stage) -> Folder:
        return self.folder / f"{stage.value}-{DIGESTS[stage][:8]}"

    def begin(
        self, stage: Stage, phase: StageRunPhase = StageRunPhase.RUNNING, attempt: int = 1, **status: Any
    ) -> Folder:
        inputs = {s.value: f"{s.value}-{DIGESTS[s][:8]}" for s in Stage if s is not stage}
        spec = StageRunSpec(
            resource="dates",
            stage=stage,
            digest=DIGESTS[stage],
            storage=self.folder.uri,
            parameters=PARAMETERS[stage],
            inputs=inputs if stage in (Stage.TRAIN, Stage.EVALUATE) else {},
            decision=Decision(student="local/tiny", reason="It fits.") if stage is Stage.TRAIN else None,
        )
        run = StageRun(
            metadata=Metadata(name=f"dates-{stage.value}-{DIGESTS[stage][:8]}"),
            spec=spec,
            status=StageRunStatus(phase=phase, attempt=attempt, started_at="2026-11-21T05:00:00Z", **status),
        )
        folder = self.stage_folder(stage)
        folder.write_json("stage_run.json", run.dump())
        return folder

    def fail(self, stage: Stage) -> None:
        failure = Failure(state=FailureState.BLOCKED, reason="DiskFull", message="No space left.", remedy="Free some.")
        self.begin(stage, StageRunPhase.BLOCKED, failure=failure)

    def curve(self, first: int, last: int) -> None:
        """Appends lines of metrics, as train does while it runs."""
        lines = []
        for step in range(first, last):
            values = {
                "train/loss": 3 * math.exp(-step / 20) + 0.1 * (step % 3),
                "train/learning_rate": 1e-4 * (1 - step / 80),
            }
            if step % 20 == 19:
                values["validation/loss"] = 3 * math.exp(-step / 22) + 0.2
            lines.append(json.dumps({"step": step, "time": 1_795_000_000 + step, "values": values}) + "\n")
        path = self.path / f"train-{DIGESTS[Stage.TRAIN][:8]}" / "metrics.jsonl"
        with path.open("a") as stream:
            stream.write("".join(lines))

    def end(self, stage: Stage, outputs: dict[str, Any], seconds: float = 12.5, attempt: int = 1) -> None:
        folder = self.begin(stage, StageRunPhase.SUCCEEDED, attempt)
        body = {
            "attempt": attempt,
            "digest": DIGESTS[stage],
            "seconds": seconds,
            "starts": {"ray": 4.0},
            "outputs": outputs,
        }
        folder.write_json("result.json", body)

    def deploy(self) -> None:
        self.folder.write_json("deployed.json", {"trainDigest": DIGESTS[Stage.TRAIN]})

    def discover(self) -> None:
        self.begin(Stage.DISCOVER).write_json("task.json", {"instruction": "Write the date.", "demonstrations": []})
        self.end(Stage.DISCOVER, {"instruction": "Write the date.", "language": "en", "demonstrations": 2})

    def generate(self) -> None:
        pairs = [[n, round(n * n / 220)] for n in range(5, 61, 5)]
        folder = self.begin(Stage.GENERATE)
        folder.write_json("statistics.json", {"duplicates_over_time": pairs, "malformed": 3})
        folder.write_bytes("examples.jsonl", b'{"input": "May 3 2021", "output": "2021-05-03"}\n')
        spent = {"requests": 24, "promptTokens": 3000, "completionTokens": 900, "usd": 0.012}
        self.end(Stage.GENERATE, {"examples": 60, "duplicates": 16, "spent": spent})

    def transform(self) -> None:
        folder = self.begin(Stage.TRANSFORM)
        counts = {"rows": 90, "rewritten": 60, "refused": {"unclear": 27}, "unusable": {"malformed": 3}}
        folder.write_json("statistics.json", counts)
        folder.write_bytes("transformed.jsonl", b'{"input": "May 3 2021", "output": "2021-05-03"}\n')
        folder.write_bytes("plan.txt", b"1. Take the date.")
        self.end(Stage.TRANSFORM, {"transformed": counts})

    def prepare(self) -> None:
        import pandas

        folder = self.begin(Stage.PREPARE)
        rows = {"train": 40, "validation": 6, "test-own": 5, "test-retrieved": 8, "test-generated": 6}
        for split, count in rows.items():
            texts = [f"{split} {n} May 2021" for n in range(count)]
            frame = pandas.DataFrame({"input": texts, "text": texts, "output": ["2021-05-01"] * count, "source": "own"})
            sink = io.BytesIO()
            frame.to_parquet(sink)
            folder.write_bytes(f"{split}.parquet", sink.getvalue())
        shape = [0, 3, 9, 14, 22, 16, 9, 4, 2, 1] + [0] * 10
        counts = {
            "train": {"retrieved": shape, "generated": [n // 2 for n in shape]},
            "test-own": {"own": [n // 4 for n in shape]},
        }
        histogram = {"edges": list(range(0, 84, 4)), "counts": counts}
        folder.write_json(
            "statistics.json",
            {"rows": rows, "lengths": {"unit": "characters", "input": histogram, "output": histogram}},
        )
        Preprocessing("Write the date.").save(folder)
        self.end(Stage.PREPARE, {"rows": rows})

    def train(self) -> None:
        folder = self.begin(Stage.TRAIN)
        if not folder.exists("metrics.jsonl"):
            self.curve(0, 60)
        model = folder / "model"
        model.write_bytes("model.safetensors", b"0" * 100_000)
        model.write_json("student.json", {"max_output_tokens": 16})
        Preprocessing("Write the date.").save(model)
        folder.write_json("untrained.json", {"name": "local/tiny", "revision": "abc"})
        assert model.local is not None
        outputs = {"modelSha256": sha256_of_tree(model.local), "steps": 60, "trainTokensPerSecond": 186.4}
        self.end(Stage.TRAIN, outputs, seconds=81.0)

    def evaluate(self) -> None:
        folder = self.begin(Stage.EVALUATE)

        def scores(split: str, metric: str, student: float, untrained: float, teacher: float | None) -> dict[str, Any]:
            def interval(value: float) -> dict[str, float]:
                return {"value": value, "low": max(value - 6, 0), "high": min(value + 4, 100)}

            found = {
                "split": split,
                "metric": metric,
                "rows": 100,
                "student": interval(student),
                "untrained": interval(untrained),
            }
            return found | (
                {"teacher": interval(teacher), "teacherRows": 100}
                if teacher is not None
                else {"note": "The budget ended."}
            )

        all_scores = [
            scores("Own", "ExactMatch", 98, 0, 31),
            scores("Own", "ChrF++", 99, 4, 58),
            scores("Retrieved", "ExactMatch", 95, 0, 22),
            scores("Retrieved", "ChrF++", 97.5, 6, 49),
            scores("Generated", "ExactMatch", 71, 0, None),
            scores("Generated", "ChrF++", 80, 5, None),
        ]
        errors = [
            {
                "split": "Own",
                "input": "May 3",
                "reference": "2021-05-03",
                "student": "2021-03-05",
                "untrained": None,
                "teacher": None,
            }
        ]
        folder.write_json("scores.json", all_scores)
        folder.write_json("golden.json", [{"input": "May 3 2021", "output": "2021-05-03"}])
        folder.write_bytes("errors.jsonl", "".join(json.dumps(e) + "\n" for e in errors).encode())
        spent = {"requests": 100, "promptTokens": 8000, "completionTokens": 700, "usd": 0.02}
        self.end(Stage.EVALUATE, {"scores": all_scores, "goldenRequests": 1, "spent": spent})

    def all(self) -> None:
        for step in (self.discover, self.generate, self.transform, self.prepare, self.train, self.evaluate):
            step()
