"""A key is checked before anything is sent or booked, and no message repeats a part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_api.loading import SpecError
from prompt2model_api.spec.references import SecretKey
from prompt2model_stages.errors import StageError
from prompt2model_stages.job_folders import teacher_folder
from prompt2model_stages.local.checks import load_checked
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import open_teacher, spent_by_run
from prompt2model_stages.teacher.keys import read_key, usable_key
from tests.unit.teacher_cases import Endpoint, ask, job, refusal, reply, teacher

pytestmark = pytest.mark.unit

NAME = "P2M_TEACHER_API_KEY"
IN_CLUSTER = {"P2M_STAGE_RUN": "team-a/dates-generate"}
BAD = {
    "line break inside": ("abcDEF123\nghiJKL456", "a line break (character 10 of 19)"),
    "space inside": ("abcDEF123 ghiJKL456", "a space (character 10 of 19)"),
    "curly quotes": ("“abcDEF123ghiJKL456”", "left double quotation mark U+201C (character 1 of 20)"),
    "dash of a word processor": ("sk–abcDEF123", "en dash U+2013 (character 3 of 12)"),
    "control character": ("abcDEF123\x1b[0m", "a control character U+001B"),
    "straight quotes": ('"abcDEF123ghiJKL456"', "has quotes around it"),
    "bearer": ("Bearer abcDEF123ghiJKL456", "begins with the word Bearer"),
    "bearer in lower case": ("bearer abcDEF123ghiJKL456\n", "begins with the word Bearer"),
    "header": ("Authorization: Bearer abcDEF123ghiJKL456", "begins with the word Bearer"),
    "assignment": ("export OPENAI_API_KEY=abcDEF123ghiJKL456", "holds an assignment"),
    "white space": (" \n", "holds white space alone"),
    "a whole file": ("abcDEF123" * 4000, "36,000 characters"),
}
WELL = ["sk-proj-abc_DEF-123", "abc+/=DEF.~", "AIzaSy0", "hunter2", "none", "secret=="]


@pytest.mark.parametrize("key", WELL)
@pytest.mark.parametrize("around", ["{}", "{}\n", " {}\r\n", "\ufeff{}", "\t{}\u00a0"])
def test_a_key_is_taken_without_the_white_space_around_it(key: str, around: str) -> None:
    assert read_key({NAME: around.format(key)}, NAME, NAME) == key


def test_no_key_is_no_error() -> None:
    assert read_key({}, NAME, NAME) is None and read_key({NAME: ""}, NAME, NAME) is None


@pytest.mark.parametrize("kind", BAD)
def test_a_key_that_no_header_takes_is_named_and_never_shown(kind: str) -> None:
    key, words = BAD[kind]
    with pytest.raises(StageError) as caught:
        usable_key(key, NAME)
    failure = caught.value.failure
    assert (failure.state, failure.reason) == (FailureState.BLOCKED, "TeacherUnauthorized")
    assert words in failure.message and NAME in failure.message and NAME in failure.remedy
    assert "abcDEF" not in failure.message + failure.remedy and "ghiJKL" not in failure.message + failure.remedy


@pytest.mark.parametrize(
    ("environment", "ref", "place"),
    [
        ({}, None, "the environment variable P2M_TEACHER_API_KEY"),
        ({}, SecretKey(name="openai", key="token"), "the environment variable P2M_TEACHER_API_KEY"),
        (
            IN_CLUSTER,
            SecretKey(name="openai", key="token"),
            'the key "token" of Secret "openai" (spec.teacher.apiKeySecretRef)',
        ),
        (IN_CLUSTER, None, "a Secret, and name it in spec.teacher.apiKeySecretRef"),
    ],
)
async def test_a_refused_key_is_replaced_where_it_is(
    environment: dict[str, str], ref: SecretKey | None, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    endpoint = Endpoint(lambda body: refusal(401, "bad key"))
    asked = job(tmp_path)
    assert asked.settings.teacher is not None
    named = asked.settings.teacher.model_copy(update={"api_key_secret_ref": ref})
    asked = asked.model_copy(update={"settings": asked.settings.model_copy(update={"teacher": named})})
    with pytest.raises(StageError) as caught:
        async with open_teacher(asked, "generate", http=endpoint.client()) as opened:
            await opened.ask(ask())
    failure = caught.value.failure
    assert failure.reason == "TeacherUnauthorized" and failure.remedy.startswith(f"Put a valid key into {place}. ")
    assert ("environment variable" in failure.message + failure.remedy) == (not environment)


async def test_nothing_is_sent_and_nothing_is_booked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(lambda body: reply("yes"))
    monkeypatch.setenv(NAME, "“abcDEF123ghiJKL456”")
    asked = job(tmp_path)
    with pytest.raises(StageError, match="U\\+201C"):
        async with open_teacher(asked, "generate", http=endpoint.client()) as opened:
            await opened.ask(ask())
    assert endpoint.bodies == [] and spent_by_run(teacher_folder(asked)) == {}
    assert not Folder(str(tmp_path)).exists("teacher")


async def test_a_line_break_at_the_end_is_no_part_of_the_key(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply("yes"))
    async with teacher(tmp_path, endpoint, key="abcDEF123ghiJKL456\n") as opened:
        assert (await opened.ask(ask())).texts == ("yes",)
    assert endpoint.headers[0]["authorization"] == "Bearer abcDEF123ghiJKL456"


async def test_an_endpoint_that_repeats_the_key_is_masked(tmp_path: Path) -> None:
    key = "abcDEF123+/ghiJKL456"
    endpoint = Endpoint(lambda body: refusal(401, "bad key abcDEF123%2B%2FghiJKL456, 'abcDEF123+\\/ghiJKL456'"))
    async with teacher(tmp_path, endpoint, key=key) as opened:
        with pytest.raises(StageError) as caught:
            await opened.ask(ask())
    assert "bad key ***, '***'" in caught.value.failure.message


@pytest.mark.parametrize("kind", BAD)
def test_validate_says_it_too(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "task.yaml"
    file.write_text(
        "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: task}\nspec:\n  prompt: Add two numbers.\n"
        "  evaluation: {metrics: [ExactMatch], gate: {metric: ExactMatch}}\n"
        "  teacher: {baseURL: 'http://127.0.0.1:9/v1', model: fake}\n"
    )
    monkeypatch.setenv(NAME, BAD[kind][0])
    with pytest.raises(SpecError) as caught:
        load_checked(file)
    assert BAD[kind][1] in str(caught.value) and "abcDEF" not in str(caught.value)
    monkeypatch.setenv(NAME, "abcDEF123ghiJKL456\n")
    assert load_checked(file).spec.teacher is not None
