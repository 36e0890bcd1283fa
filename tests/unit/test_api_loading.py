"""Reading a Prompt2Model: what is taken, and the one sentence for each thing that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_api.loading import SpecError, cluster_only_fields, load, parse, resolve_paths
from prompt2model_api.prompt2model import Prompt2Model
from tests.unit.api_cases import AMOUNTS, REFUSED, TAKEN, WRONG_AMOUNTS, resource

pytestmark = pytest.mark.unit

START = "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: dates}\nspec:\n"
PLAIN = START + "  prompt: Turn dates into ISO.\n"


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as raised:
        parse(text, "dates.yaml")
    return str(raised.value)


def made(**spec: object) -> Prompt2Model:
    return parse(yaml.safe_dump(resource("dates", {"prompt": "p", **spec})), "dates.yaml")


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name: str) -> None:
    assert parse(yaml.safe_dump(resource(name, TAKEN[name])), "x").metadata.name == name


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_sentence(name: str) -> None:
    message = refusal(yaml.safe_dump(resource(name, REFUSED[name].spec)))
    assert REFUSED[name].here in message
    assert message.startswith("dates.yaml: ")
    assert "\n" not in message
    assert "Input should" not in message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty: write a Prompt2Model"),
        ("---\n---\n", "it is empty: write a Prompt2Model"),
        ("hello", "it is not a mapping"),
        ("- a", "it is not a mapping"),
        ("a: 1", "kind is missing: write `kind: Prompt2Model`"),
        ("kind: Deployment", "kind is Deployment: write `kind: Prompt2Model`"),
        ("kind: prompt2model", "write `kind: Prompt2Model`, with capitals"),
        ("kind: Prompt2Model", "apiVersion is missing: write `apiVersion: prompt2model.dev/v1alpha1`"),
        ("kind: Prompt2Model\napiVersion: v1", "apiVersion is v1: write"),
        (PLAIN + "---\n" + PLAIN, "it holds 2 Prompt2Models: keep one"),
        ("kind: Secret\n---\nkind: Pod", "it holds no Prompt2Model but Pod, Secret"),
        (PLAIN.replace("{name: dates}", "{}"), "metadata.name is missing: write a name"),
        (PLAIN.replace("metadata: {name: dates}\n", ""), "metadata is missing"),
        (PLAIN.replace("dates}", "Dates}"), 'metadata.name is "Dates": use lower-case letters'),
        (PLAIN.replace("dates}", "7}"), 'metadata.name is the number 7 and must be text: put it in quotes ("7")'),
        (PLAIN.replace("dates}", "d" * 53 + "}"), "metadata.name has over 52 characters: shorten it"),
        (PLAIN.replace("dates}", "d" * 64 + "}"), "metadata.name has 64 characters: shorten it to 52 at most"),
        (START, "spec has no value: write at least `prompt:`"),
        (
            PLAIN + "\tseed: 1",
            "line 6, column 1: found character '\\t' that cannot start any token: indent with spaces",
        ),
        (PLAIN + "  seed: 1\n  seed: 2", "line 7, column 3: 'seed' stands twice in the same place, first in line 6"),
        (PLAIN + "  student: {name: a, name: b}", "'name' stands twice"),
        (PLAIN + "  seed: [1", "line 6, column 11: expected ',' or ']'"),
        (
            START + "  prompt: Task: dates",
            "line 5, column 15: mapping values are not allowed here: put text that holds",
        ),
        (PLAIN + "  1: a", "'1' as a key is not text"),
        (PLAIN + "  student: !x {}", "could not determine a constructor for the tag '!x': leave the tag"),
        (PLAIN + "  student: {name: !!binary aGk=}", "a YAML tag that is not plain data"),
        (PLAIN + "  student: &s {name: *s}", "a value contains itself"),
        (PLAIN + "  student: " + "[" * 5000, "nested too deeply"),
        (PLAIN + '  student: {name: "\\ud800"}', "half a character"),
        (PLAIN + "  student: {name: a\0}", "line 6, column 20: the character U+0000 is not allowed: delete it"),
        (PLAIN + "  teacher: {model: m, baseURL:}", "spec.teacher.baseURL has no value: write an address such as"),
        (PLAIN + "  generation: {outputs_per_input: 2}", "did you mean outputsPerInput?"),
        (PLAIN + "  teacher: {baseUrl: 'http://a', model: m}", "baseUrl is not a field: did you mean baseURL?"),
        (PLAIN + "  wholly: unlike", "spec.wholly is not a field: delete it, or write one of prompt, instruction"),
    ],
)
def test_refused_text(text: str, sentence: str) -> None:
    message = refusal(text)
    assert sentence in message
    assert "\n" not in message


def test_every_problem_has_its_sentence() -> None:
    message = refusal(PLAIN + "  training: {epochs: -1, learningRate: 0, workers: 1.5}\n  sed: 3")
    assert message.splitlines() == [
        "dates.yaml: spec.training.epochs is -1: it must be at least 1",
        "dates.yaml: spec.training.learningRate is 0: it must be more than 0",
        "dates.yaml: spec.training.workers is 1.5, a number with a fraction: write a whole number",
        "dates.yaml: spec.sed is not a field: did you mean seed?",
    ]


def test_many_problems_are_cut() -> None:
    with pytest.raises(SpecError) as raised:
        parse(PLAIN + "".join(f"  unknown{i}: 1\n" for i in range(30)), "dates.yaml")
    assert len(raised.value.problems) == 30
    assert str(raised.value).splitlines()[-1] == "and 20 more"


def test_values_mean_what_they_mean_in_a_cluster() -> None:
    text = (
        START
        + "  instruction: p\n  demonstrations: [{input: 1:30, output: 2021-05-03}]\n  training: {learningRate: 5e-5}"
    )
    spec = parse(text, "x").spec
    assert spec.demonstrations[0].input == "1:30"
    assert spec.demonstrations[0].output == "2021-05-03"
    assert spec.training.learning_rate == 5e-5


def test_cpu_and_memory_are_taken_as_pods_take_them() -> None:
    for written, meant in AMOUNTS.items():
        found = made(training={"resources": {"cpu": written, "memory": 1073741824}})
        assert found == made(training={"resources": {"cpu": meant, "memory": "1073741824"}})
        assert found == Prompt2Model.model_validate(found.dump())
    for wrong in WRONG_AMOUNTS:
        with pytest.raises(SpecError, match=r"spec\.training\.resources\.cpu is "):
            made(training={"resources": {"cpu": wrong}})


def test_other_documents_and_a_byte_order_mark_are_allowed() -> None:
    assert parse("\ufeffkind: Secret\n---\n" + PLAIN, "x").metadata.name == "dates"


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "dates.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.encode())
    assert load(path).spec.prompt == "Turn dates into ISO."


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9")
    (tmp_path / "big.yaml").write_bytes(b" " * 1_100_000)
    secret = tmp_path / "secret.yaml"
    secret.write_text(PLAIN)
    secret.chmod(0)
    for path, sentence in {
        tmp_path / "none.yaml": "there is no such file: check the path",
        tmp_path: "it is a folder: name a YAML file in it",
        tmp_path / "latin.yaml": "line 2 is no UTF-8: save the file as UTF-8 text",
        tmp_path / "big.yaml": "it is over 1 MiB",
        tmp_path / "latin.yaml" / "x": "it cannot be read (Not a directory)",
        **({} if os.geteuid() == 0 else {secret: "it cannot be read (Permission denied)"}),
    }.items():
        with pytest.raises(SpecError) as raised:
            load(path)
        assert f"{path}: {sentence}" in str(raised.value)


def test_paths_are_resolved(tmp_path: Path) -> None:
    own = {"uri": "data/own.csv"}
    spec = made(
        datasets={"own": own},
        evaluation={"testData": {"uri": "../test.csv"}, "encoder": "./encoder"},
        student={"name": "../student"},
    )
    assert spec.spec.datasets.own is not None
    assert spec.spec.datasets.own.uri == "data/own.csv"
    resolved = resolve_paths(spec, tmp_path / "a").spec
    assert resolved.datasets.own is not None
    assert resolved.evaluation.test_data is not None
    assert resolved.datasets.own.uri == str(tmp_path / "a/data/own.csv")
    assert resolved.evaluation.test_data.uri == str(tmp_path / "test.csv")
    assert resolved.student.name == str(tmp_path / "student")
    assert resolved.evaluation.encoder == str(tmp_path / "a/encoder")


@pytest.mark.parametrize("name", ["./data/rows.csv", "data/rows.csv", "rows.csv", "../rows", "./rows"])
def test_a_chosen_file_lies_beside_the_file_that_names_it(name: str, tmp_path: Path) -> None:
    columns = {"inputColumns": ["q"], "outputColumn": "a"}
    choice = {
        "name": name,
        **columns,
        "also": [{"name": name, "config": "c", **columns}, {"name": "owner/rows", **columns}],
    }
    written = made(datasets={"choice": choice})
    resolved = resolve_paths(written, tmp_path / "a").spec.datasets.choice
    assert resolved is not None
    path = os.path.normpath(tmp_path / "a" / name)
    assert [one.name for one in resolved.datasets()] == [path, path, "owner/rows"]
    assert [one.config for one in resolved.datasets()] == [None, "c", None]
    none = made(datasets={"choice": {"none": True}})
    assert resolve_paths(none, tmp_path) == none


@pytest.mark.parametrize(
    "name", ["squad", "owner/name", "builtin:dates-in-words", "s3://b/a.csv", "file:///a.csv", "~/a.csv"]
)
def test_other_chosen_names_stay(name: str, tmp_path: Path) -> None:
    spec = made(datasets={"choice": {"name": name, "inputColumns": ["q"], "outputColumn": "a"}})
    assert resolve_paths(spec, tmp_path) == spec


@pytest.mark.parametrize("uri", ["s3://bucket/own.csv", "/own.csv", "~/own.csv"])
def test_whole_paths_stay(uri: str, tmp_path: Path) -> None:
    spec = made(datasets={"own": {"uri": uri}}, student={"name": "google/flan-t5-small"})
    assert resolve_paths(spec, tmp_path) == spec


def test_cluster_only_fields() -> None:
    assert cluster_only_fields(made(storage={}, service={"replicas": {"min": 1}})) == []
    everything = made(
        service={"replicas": {"max": 3}, "resources": {"gpu": 1}},
        storage={"claim": "c"},
        scheduling={"priorityClassName": "high"},
        retention={"storage": "Delete"},
        datasets={"own": {"configMap": {"name": "a", "key": "b"}}},
        evaluation={"testData": {"configMap": {"name": "a", "key": "b"}}},
    )
    assert cluster_only_fields(everything) == [
        "spec.service.replicas",
        "spec.service.resources",
        "spec.storage",
        "spec.scheduling",
        "spec.retention",
        "spec.datasets.own.configMap",
        "spec.evaluation.testData.configMap",
    ]


def words(limit: int = 40) -> st.SearchStrategy[str]:
    # every character that YAML and UTF-8 can hold
    letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"), include_characters="\n\t")
    return st.text(letters, min_size=1, max_size=limit).filter(lambda text: bool(text.strip()))


resources = st.fixed_dictionaries(
    {
        "instruction": words(),
        "demonstrations": st.lists(st.fixed_dictionaries({"input": words(), "output": words()}), max_size=3),
        "seed": st.integers(0, 2**31 - 1),
        "suspend": st.booleans(),
    },
    optional={
        "training": st.fixed_dictionaries(
            {"learningRate": st.floats(1e-12, 1.0), "epochs": st.integers(1, 1000)},
        ),
        "generation": st.fixed_dictionaries({"temperature": st.fixed_dictionaries({"from": st.floats(0, 1.4)})}),
        "student": st.fixed_dictionaries({"name": words()}),
        "scheduling": st.fixed_dictionaries({"labels": st.dictionaries(words(), words(), max_size=3)}),
    },
).map(lambda spec: resource("made", spec))


class Quoting(yaml.SafeDumper):
    """Puts every text in quotes: PyYAML alone would leave 0E0 without, which is a number to an API server."""


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


@settings(deadline=None, max_examples=50)
@given(resources)
def test_what_is_dumped_is_read_again(tree: dict[str, object]) -> None:
    one = Prompt2Model.model_validate(tree)
    assert parse(yaml.dump(one.dump(), Dumper=Quoting, allow_unicode=True), "x") == one


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse(text, "x")
    assert str(raised.value).startswith("x: ")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below))


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(["prompt", "teacher", "datasets", "evaluation", "seed", "x"]), trees))
def test_any_spec_is_read_or_refused_in_words(spec: dict[str, object]) -> None:
    try:
        parse(yaml.safe_dump(resource("any", spec)), "x")
    except SpecError as error:
        for line in error.problems:
            assert line.startswith("x: ")
            assert ": " in line[3:] or "?" in line


def test_nothing_written_means_the_default() -> None:
    """As an API server has it: nulls are pruned, then defaults are filled in."""
    assert made(**TAKEN["nothing-written"]).spec == made(teacher=TAKEN["nothing-written"]["teacher"]).spec
    spec = made(generation=None, training={"epochs": None}, seed=None).spec
    assert spec == made().spec
    assert made(datasets={"own": {"uri": "a.csv", "outputColumn": None}}).spec.datasets.own is not None


def test_nothing_written_where_something_is_needed() -> None:
    assert "spec.demonstrations[0].output has no value: write text" in refusal(
        yaml.safe_dump(resource("dates", {"instruction": "i", "demonstrations": [{"input": "a", "output": None}]}))
    )


@pytest.mark.parametrize("url", ["ftp://me:hunter2@h/v1", "http://me:hun hunter2@h/v1", "http//h?api_key=hunter2"])
def test_no_message_repeats_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    (tmp_path / "a.yaml").write_text(PLAIN + f"  teacher: {{model: m, baseURL: '{url}'}}\n")
    with pytest.raises(SpecError, match=r"spec\.teacher\.baseURL is no address: write an address such as") as error:
        load(tmp_path / "a.yaml")
    assert "hunter2" not in str(error.value)
