"""evaluate as a whole: a tiny student with random weights, and a teacher behind HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.gates import score_gate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Scores
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import attempt, read_result
from prompt2model_stages.evaluate.stage import run
from prompt2model_stages.examples import Example
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.prepare.splitting import split
from prompt2model_stages.prepare.stage import write
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.reporting import FAILURE, FileReporter
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.integration

EVALUATE = {"evaluation.encoder": "embedded:MiniLM", "evaluation.maxRows": 20, "seed": 1}


class FakeEndpoint:
    """An OpenAI-compatible endpoint that answers in capitals, in quotes every other time, or with a status.

    finish: the finish_reason of every answer; says: what every answer says instead.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.finish, self.says = "stop", ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body["messages"][-1]["content"])
                said = outer.asked[-1].upper()
                said = outer.says or (f' "{said}"' if len(outer.asked) % 2 else said)
                choice = {"index": 0, "finish_reason": outer.finish, "message": {"role": "assistant", "content": said}}
                usage = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
                tree = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                content = json.dumps({**tree, "usage": usage} if outer.status == 200 else {"error": {"message": "no"}})
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # the default of 5 resets connections, and each is a request more

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    fake = FakeEndpoint()
    thread = threading.Thread(target=fake.server.serve_forever, daemon=True)
    thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 of some thousand random weights, with a tokenizer of characters."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("student") / "tiny"
    pieces = ["<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .\n"]
    tokenizer = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(vocab_size=len(pieces), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=0,
                      eos_token_id=1, decoder_start_token_id=0)  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def job(root: Path, tiny_t5: Path, url: str, parameters: dict[str, Any] | None = None, **teacher: Any) -> StageJob:
    """A job of evaluate with its inputs: 300 own rows, of which 30 are tested."""
    from prompt2model_stages.student import Student

    storage = Folder(str(root))
    demonstrations = [{"input": "louder", "output": "LOUDER"}]
    (storage / "discover-0").write_json("task.json", {"instruction": "Say it.", "demonstrations": demonstrations})
    examples = [Example(f"word {i}", f"WORD {i}", "own", f"own.csv#{i}") for i in range(300)]
    preprocessing = Preprocessing("Say it.")
    write(split(examples, 0), preprocessing, storage / "prepare-0")
    model = root / "train-0" / "model"
    if not model.exists():
        Student.load(str(tiny_t5)).save(model)
        settings = json.loads((model / "student.json").read_text())
        (model / "student.json").write_text(json.dumps({**settings, "max_output_tokens": 6}))
        preprocessing.save(Folder(str(model)))
        (storage / "train-0").write_json("untrained.json", {"name": str(tiny_t5), "revision": None})
    spec = StageRunSpec(
        resource="n", stage=Stage.EVALUATE, digest="e" * 64, storage=storage.uri, parameters=parameters or EVALUATE,
        inputs={"discover": "discover-0", "prepare": "prepare-0", "train": "train-0"},
    )  # fmt: skip
    settings = StageSettings.model_validate({"teacher": {"baseURL": url, "model": "m", **teacher}})
    return StageJob(stage_run=StageRun(metadata=Metadata(name="n"), spec=spec), attempt=1, settings=settings)


def evaluated(work: StageJob) -> tuple[int, Folder]:
    return attempt(run, work, FileReporter(own_folder(work), work.attempt)), own_folder(work)


def scores_in(folder: Folder) -> dict[str, Scores]:
    return {tree["metric"]: Scores.model_validate(tree) for tree in folder.read_json("scores.json")}


def test_all_systems_are_measured(tmp_path: Path, tiny_t5: Path, endpoint: FakeEndpoint) -> None:
    code, folder = evaluated(job(tmp_path, tiny_t5, endpoint.url))
    assert code == 0, folder.read_bytes(FAILURE)
    result = read_result(folder)
    assert result is not None
    scores = scores_in(folder)
    assert list(scores.values()) == result.outputs.scores
    assert list(scores) == ["ExactMatch", "ChrF++", "BERTScore"]
    exact = scores["ExactMatch"]
    assert (exact.split, exact.rows, exact.teacher_rows, exact.note) == ("Own", 20, 20, "")
    assert exact.teacher is not None
    assert exact.teacher.value == 100  # quotes around an answer do not count
    assert exact.student == exact.untrained
    assert exact.student.value < 50
    assert all(0 <= s.student.low <= s.student.value <= s.student.high <= 100 for s in scores.values())
    assert result.outputs.spent.requests == len(endpoint.asked) == 40  # with the demonstration, and without it
    ways = result.outputs.teacher_prompts or []
    assert [(way.prompt, way.rows, way.chosen) for way in ways] == [("FewShot", 20, True), ("ZeroShot", 20, False)]
    assert exact.difference is not None
    assert exact.difference.value == pytest.approx(exact.student.value - 100)
    assert "closed set" not in (result.outputs.metric_reason or "")
    assert "The default metric is ExactMatch: the outputs are short, 20 of 20" in (result.outputs.metric_reason or "")
    rows = pq.read_table(tmp_path / "evaluate-eeeeeeee" / "predictions-test-own.parquet").to_pylist()
    assert len(rows) == 20
    assert list(rows[0]) == ["input", "reference", "student", "untrained", "teacher"]
    assert all(row["reference"] == row["input"].upper() for row in rows)
    errors = [json.loads(line) for line in folder.read_bytes("errors.jsonl").decode().splitlines()]
    assert len(errors) == 20
    progress = folder.read_json("progress.json")
    assert (progress["done"], progress["total"]) == (60, 60)


def test_golden_requests_are_reproduced(tmp_path: Path, tiny_t5: Path, endpoint: FakeEndpoint) -> None:
    from prompt2model_stages.student import Student

    work = job(tmp_path, tiny_t5, endpoint.url, {**EVALUATE, "evaluation.metrics": ["ExactMatch"]})
    code, folder = evaluated(work)
    golden = folder.read_json("golden.json")
    assert code == 0
    assert len(golden) == 5
    student = Student.from_folder(tmp_path / "train-0" / "model")
    texts = [Preprocessing("Say it.").text(request["input"]) for request in golden]
    assert student.generate(texts, 6) == [request["output"] for request in golden]


def test_a_teacher_that_is_away_stops_it_and_the_next_attempt_goes_on(
    tmp_path: Path, tiny_t5: Path, endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = job(tmp_path, tiny_t5, endpoint.url, {**EVALUATE, "evaluation.metrics": ["ChrF++"]})
    endpoint.status = 401
    code, folder = evaluated(work)
    assert code == 3
    failure = folder.read_json(FAILURE)
    assert (failure["state"], failure["reason"]) == ("Blocked", "TeacherUnauthorized")
    assert folder.exists("golden.json")

    from prompt2model_stages.student import Student

    def no_loading(*args: object, **kwargs: object) -> None:
        raise AssertionError("what was answered is not answered again")

    monkeypatch.setattr(Student, "load", no_loading)
    monkeypatch.setattr(Student, "from_folder", no_loading)
    endpoint.status = 200
    code, folder = evaluated(work.model_copy(update={"attempt": 2}))
    assert code == 0
    assert scores_in(folder)["ChrF++"].teacher_rows == 20


def test_an_untrained_student_that_cannot_be_had_waits_for_it(
    tmp_path: Path, tiny_t5: Path, endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    work = job(tmp_path, tiny_t5, endpoint.url, {**EVALUATE, "evaluation.metrics": ["ChrF++"]})
    origin = Folder(str(tmp_path)) / "train-0"
    origin.write_json("untrained.json", {"name": "nobody/no-such-student", "revision": "0" * 40})
    code, folder = evaluated(work)
    failure = folder.read_json(FAILURE)
    assert (code, failure["state"], failure["reason"]) == (3, "Blocked", "HubUnreachable")
    assert "nobody/no-such-student is not in the local cache" in failure["message"]
    assert endpoint.asked == [], "the teacher, who costs, comes last"

    origin.write_json("untrained.json", {"name": str(tmp_path / "gone"), "revision": None})
    code, folder = evaluated(work.model_copy(update={"attempt": 2}))
    failure = folder.read_json(FAILURE)
    assert (code, failure["state"], failure["reason"]) == (3, "Blocked", "StudentMissing")

    origin.write_json("untrained.json", {"name": str(tiny_t5), "revision": None})
    assert evaluated(work.model_copy(update={"attempt": 3}))[0] == 0


def test_a_budget_that_ends_compares_all_on_the_rows_that_were_answered(
    tmp_path: Path, tiny_t5: Path, endpoint: FakeEndpoint
) -> None:
    parameters = {**EVALUATE, "evaluation.metrics": ["ExactMatch"]}
    budget = {"budget": {"tokens": 25 * 12 + 300}, "limits": {"concurrency": 1}}
    code, folder = evaluated(job(tmp_path, tiny_t5, endpoint.url, parameters, **budget))
    assert code == 0
    score = scores_in(folder)["ExactMatch"]
    assert 10 <= score.rows == score.teacher_rows == len(endpoint.asked) < 20
    assert f"on the {score.rows} of 20 rows" in score.note


def test_a_budget_that_is_gone_leaves_the_teacher_out(tmp_path: Path, tiny_t5: Path, endpoint: FakeEndpoint) -> None:
    parameters = {**EVALUATE, "evaluation.metrics": ["ExactMatch"]}
    code, folder = evaluated(job(tmp_path, tiny_t5, endpoint.url, parameters, budget={"tokens": 1}))
    assert code == 0
    score = scores_in(folder)["ExactMatch"]
    assert (score.rows, score.teacher, score.teacher_rows) == (20, None, 0)
    assert "is not measured" in score.note
    assert endpoint.asked == []


@pytest.mark.parametrize(("finish", "says"), [("content_filter", ""), ("stop", "I cannot help with that.")])
def test_a_teacher_that_refuses_is_no_baseline(
    tmp_path: Path, tiny_t5: Path, endpoint: FakeEndpoint, finish: str, says: str
) -> None:
    """Through the real client: the student scores 0, and 0 >= 0 opens nothing."""
    endpoint.finish, endpoint.says = finish, says
    code, folder = evaluated(job(tmp_path, tiny_t5, endpoint.url, {**EVALUATE, "evaluation.metrics": ["ExactMatch"]}))
    assert code == 0, folder.read_bytes(FAILURE)
    scores = list(scores_in(folder).values())
    counts = scores[0].teacher_answers
    assert counts is not None and counts.asked == 20
    assert (counts.refused, counts.same) == ((20, False) if finish == "content_filter" else (0, True))
    gate = score_gate(Prompt2ModelSpec(prompt="x"), scores)
    assert (gate.open, gate.reason) == (False, "NotMeasured"), gate.message
