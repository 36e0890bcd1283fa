"""Fields are set in a YAML file, and nothing else of it changes."""

from __future__ import annotations

import difflib
import json
from typing import Any

import pytest

from prompt2model_api.loading import SpecError
from prompt2model_api.yaml_text import documents
from prompt2model_stages.choosing.yaml_edit import with_fields

pytestmark = pytest.mark.unit

HEAD = "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: a}\n"
CHOICE = ("spec", "datasets", "choice")
NAME = ("spec", "student", "name")
SQUAD = {"name": "rajpurkar/squad", "inputColumns": ["question", "context"], "outputColumn": "answers.text"}


def changes(before: str, after: str) -> list[str]:
    """Added and removed lines, without numbers."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("spec", "added"),
    [
        pytest.param(
            "spec:\n  prompt: hi   # the task\n",
            ["+   datasets:", "+     choice:", "+       name: rajpurkar/squad", "+       inputColumns: [question, context]"],
            id="no datasets",
        ),
        pytest.param(
            "spec:\n    # four spaces\n    datasets:\n        topK: 7   # few\n\n    # then\n    prompt: hi\n",
            ["+         choice:", "+           name: rajpurkar/squad", "+           inputColumns: [question, context]"],
            id="datasets without a choice",
        ),
        pytest.param(
            "spec:\n  datasets:   # none yet\n  prompt: |\n    hi\n\n    there\n",
            ["+     choice:", "+       name: rajpurkar/squad"],
            id="datasets is empty",
        ),
        pytest.param(
            "spec:\n  datasets:\n    choice: {none: true}\n    topK: 3\n  prompt: hi\n",
            ["-     choice: {none: true}", "+     choice:", "+       name: rajpurkar/squad"],
            id="another choice in one line",
        ),
        pytest.param(
            "spec:\n  datasets:\n    choice:\n      name: x\n      inputColumns:\n      - a\n"
            "      outputColumn: b  # b\n    topK: 3\n  prompt: hi\n",
            ["-       name: x", "+       name: rajpurkar/squad"],
            id="another choice in lines",
        ),
    ],
)  # fmt: skip
def test_a_choice_is_written_and_the_rest_stays(spec: str, added: list[str]) -> None:
    before = HEAD + spec
    after = with_fields(before, {CHOICE: SQUAD}, "a.yaml")
    tree: Any = documents(after)[0]
    assert tree["spec"]["datasets"].pop("choice") == SQUAD
    assert set(added) <= set(changes(before, after))
    kept = [line.strip() for line in before.splitlines() if "topK" in line or "prompt" in line]
    kept += ["#" + line.split("#")[1] for line in before.splitlines() if "#" in line]
    assert kept and all(part in after for part in kept)


@pytest.mark.parametrize(
    "before",
    [
        HEAD + "spec:\n  prompt: |\n    a text\n\n    of lines\n",
        HEAD + "spec:\n  prompt: |+\n    a text\n\n\n",
        HEAD + "spec:\n  prompt: |-\n    a text",
        HEAD + "spec:\n  prompt: hi",
        HEAD + "spec: {prompt: hi}\n",
        HEAD + "spec: {prompt: hi, student: {}}\n",
        HEAD + "spec: {prompt: hi, student: {name: old, maxSize: 1Gi}}  # all in one line\n",
        HEAD + "spec:\n  prompt: hi\n  student: {maxSize: 1Gi,\n            }\n",
        HEAD + "spec:\n  student:\n    name: 'old'   # an old one\n  prompt: hi\n---\nkind: ConfigMap\ndata: {a: b}\n",
        "kind: ConfigMap\ndata: {a: b}\n---\n" + HEAD + "spec:\n  prompt: hi\n  student:\n",
        "\ufeff" + HEAD + "spec:\n  prompt: hi\n",
        (HEAD + "spec:\n  prompt: |\n    hi\n    there\n  student:\n    maxSize: 1Gi\n").replace("\n", "\r\n"),
        '{"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": {"name": "a"}, "spec": {"prompt": "hi"}}',
    ],
)
@pytest.mark.parametrize("name", ["google/flan-t5-base", "2021-05-03", "5e-5", "no", "a: b # c"])
def test_both_are_written_into_any_form(before: str, name: str) -> None:
    after = with_fields(before, {CHOICE: {"none": True}, NAME: name}, "a.yaml")
    trees = [documents(text.removeprefix("\ufeff")) for text in (before, after)]
    old, new = (next(tree for tree in found if tree["kind"] == "Prompt2Model")["spec"] for found in trees)
    assert new["datasets"]["choice"] == {"none": True}
    assert new["student"]["name"] == name
    assert new["prompt"] == old["prompt"]
    assert after.count("\r\n") == (after.count("\n") if "\r\n" in before else 0)
    assert all(comment in after for comment in ("# all in one line", "# an old one") if comment in before)
    assert with_fields(after, {CHOICE: {"none": True}, NAME: name}, "a.yaml") == after


@pytest.mark.parametrize(
    "spec",
    [
        "spec:\n  prompt: hi\n  student: &s {maxSize: 1Gi}\n  datasets: *s\n",
        "spec:\n  prompt: hi\n  evaluation: &s {gate: {atLeast: '5'}}\n  datasets:\n    <<: *s\n    choice: *s\n",
    ],
)
def test_a_file_with_aliases_is_refused_with_the_lines_to_write(spec: str) -> None:
    with pytest.raises(
        SpecError, match=r"(?s)Write this by hand:\nspec:\n  datasets:\n    choice:\n      name: rajpurkar"
    ):
        with_fields(HEAD + spec, {CHOICE: SQUAD}, "a.yaml")


IN_LINES = """\
spec:
  datasets:
    # ours
    choice:
      # the name
      name: google/boolq   # yes or no
      config: c   # French
      inputColumns:   # both
      - q   # the first
      # the second
      - p
      outputColumn: a   # short

      # behind
    topK: 3   # few
  prompt: hi
"""
IN_BRACES = """\
spec:
  datasets:
    # ours
    choice: {name: google/boolq, # yes or no
             inputColumns: [q], outputColumn: a}   # short
  prompt: hi
"""
ALL_IN_BRACES = """\
spec: {
  datasets: {  # ours
    choice: {name: google/boolq, # yes or no
             inputColumns: [q], outputColumn: a}, topK: 3},   # few
  prompt: hi}
"""


@pytest.mark.parametrize("spec", [IN_LINES, IN_BRACES, ALL_IN_BRACES], ids=["lines", "braces", "all in braces"])
@pytest.mark.parametrize("choice", [SQUAD, {"none": True}, {"name": "google/boolq"}], ids=["squad", "none", "bare"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_comments_inside_a_choice_stay(spec: str, choice: dict[str, Any], newline: str) -> None:
    before = (HEAD + spec).replace("\n", newline)
    after = with_fields(before, {CHOICE: choice}, "a.yaml")
    tree: Any = documents(after)[0]
    assert tree["spec"]["datasets"]["choice"] == choice
    comments = [line.partition("#")[2].strip() for line in spec.splitlines() if "#" in line]
    kept = [line.partition("#")[2].strip() for line in after.splitlines() if "#" in line]
    assert sorted(kept) == sorted(comments)
    assert after.count("\n") == after.count(newline)


def test_of_a_choice_only_what_changes_is_written() -> None:
    before = HEAD + IN_LINES
    choice = {"name": "google/boolq", "config": "c", "split": "dev", "inputColumns": ["q", "p"], "outputColumn": "a"}
    assert changes(before, with_fields(before, {CHOICE: choice}, "a.yaml")) == ["+       split: dev"]
    other = {**choice, "name": "rajpurkar/squad"}
    assert changes(before, with_fields(before, {CHOICE: other}, "a.yaml")) == [
        "-       name: google/boolq   # yes or no",
        "+       name: rajpurkar/squad   # yes or no",
        "+       split: dev",
    ]


RESOURCE: dict[str, Any] = {
    "apiVersion": "prompt2model.dev/v1alpha1",
    "kind": "Prompt2Model",
    "metadata": {"name": "a"},
    "spec": {"prompt": "Où est-ce ?\n", "datasets": {"choice": {"name": "x"}, "topK": 3}, "student": {}},
}


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("name", ["google/flan-t5-base", "no", 'a "b"'])
@pytest.mark.parametrize(
    "spec",
    [
        RESOURCE["spec"],
        {"prompt": "hi"},
        {"prompt": "hi", "datasets": None, "student": {"name": "old", "maxSize": "1Gi"}},
    ],
    ids=["some", "none", "null"],
)
def test_json_stays_json(indent: int | None, newline: str, name: str, spec: dict[str, Any]) -> None:
    tree = {**RESOURCE, "spec": spec}
    before = (json.dumps(tree, indent=indent, ensure_ascii=False) + "\n").replace("\n", newline)
    after = with_fields(before, {CHOICE: SQUAD, NAME: name}, "a.json")
    datasets, student = spec.get("datasets") or {}, spec.get("student") or {}
    wanted = {**spec, "datasets": {**datasets, "choice": SQUAD}, "student": {**student, "name": name}}
    assert json.loads(after) == {**tree, "spec": wanted}
    assert after == (json.dumps(json.loads(after), indent=indent, ensure_ascii=False) + "\n").replace("\n", newline)
    assert with_fields(after, {CHOICE: SQUAD, NAME: name}, "a.json") == after


@pytest.mark.parametrize("style", ["|", "|-", "|+", ">", "|2", "| # its text"])
@pytest.mark.parametrize(
    "above", ["", "  student: {}   # any\n", "  # What it does.\n\n", "  student:  # any\n  # What.\n"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_text_that_the_file_ends_in_stays_byte_for_byte(style: str, above: str, newline: str) -> None:
    text = f"  prompt: {style}\n    a text\n\n    # of lines"
    before = (HEAD + "spec:   # it\n" + above + text).replace("\n", newline)
    after = with_fields(before, {CHOICE: SQUAD, NAME: "org/s"}, "a.yaml")
    assert after.endswith(text.replace("\n", newline)) and after.count("\n") == after.count(newline)
    old, new = documents(before)[0]["spec"], documents(after)[0]["spec"]
    assert new == {"datasets": {"choice": SQUAD}, "student": {"name": "org/s"}, "prompt": old["prompt"]}
    assert after.count("#") == before.count("#")
    assert all(line.partition("#")[2] in after for line in above.splitlines())
    assert with_fields(after, {CHOICE: SQUAD, NAME: "org/s"}, "a.yaml") == after


def test_a_list_of_texts_that_the_file_ends_in_stays_as_well() -> None:
    text = "  demonstrations:\n  - input: a\n    output: |\n      b"
    after = with_fields(HEAD + "spec:\n" + text, {CHOICE: {"none": True}}, "a.yaml")
    assert after == HEAD + "spec:\n  datasets:\n    choice:\n      none: true\n" + text


def test_comments_in_empty_braces_stay() -> None:
    spec = "spec:\n  prompt: hi\n  datasets: {  # none yet\n    # at all\n    }   # few\n"
    after = with_fields(HEAD + spec, {CHOICE: {"none": True}}, "a.yaml")
    assert documents(after)[0]["spec"]["datasets"] == {"choice": {"none": True}}
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == [" none yet", " at all", " few"]
