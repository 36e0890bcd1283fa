"""What is read from a name, tags and a card's front matter, and the searched text that is made of it."""

from __future__ import annotations

import pytest

from prompt2model_api.base import Architecture
from prompt2model_stages.catalogs.describing import words_of
from prompt2model_stages.catalogs.directions import direction
from prompt2model_stages.catalogs.facts import dataset_entry, model_entry
from prompt2model_stages.catalogs.language_names import code_of
from prompt2model_stages.catalogs.make_shipped import front_matter, model_of
from prompt2model_stages.catalogs.opening import open_models

pytestmark = pytest.mark.unit

CARD = """---
language: en
license: apache-2.0
tags:
- generated_from_trainer
- summarization
- A tag that is so long that it can only be a sentence which somebody wrote about the model
datasets:
- samsum
model-index:
- name: x
  results:
  - task: {type: text2text-generation}
    dataset: {name: SQuAD, type: squad}
    metrics: [{name: Rouge1, type: rouge, value: 41.1}]
---

# my-model

This model is a fine-tuned version of [google/flan-t5-small](https://huggingface.co/google/flan-t5-small) on samsum.
It was a rainy day when we trained it.
"""


@pytest.mark.parametrize(
    ("name", "translator", "from_", "into"),
    [
        ("Helsinki-NLP/opus-mt-en-de", True, ["en"], ["de"]),
        ("Helsinki-NLP/opus-mt-de-en", False, ["de"], ["en"]),
        ("Helsinki-NLP/opus-mt-tc-big-zle-it", False, ["zle"], ["it"]),
        ("Helsinki-NLP/opus-mt-en_el_es_fi-en_el_es_fi", False, ["en", "el", "es", "fi"], ["en", "el", "es", "fi"]),
        ("x/t5-small-finetuned-en-to-ro", False, ["en"], ["ro"]),
        ("staka/fugumt-ja-en", False, ["ja"], ["en"]),
        ("circulus/canvers-ko2en-v1", False, ["ko"], ["en"]),
        ("x/EnglishtoRusynV1", False, ["en"], ["rue"]),
        ("hopkins/mbart-finetuned-eng-deu-42", True, ["en"], ["de"]),
        ("hopkins/mbart-finetuned-eng-deu-42", False, [], []),
        ("x/mt-en-fr_finetuned-recipes", True, ["en"], ["fr"]),
        ("x/NLLB-600m-swh_Latn-to-eng_Latn", False, ["sw"], ["en"]),
        ("x/mt5-finetuned-amazon-en-es", False, [], []),
        ("x/opus-yor-mul-en", True, [], []),
        ("Helsinki-NLP/opus-mt-to-en", True, ["to"], ["en"]),
        ("Helsinki-NLP/opus-mt-fr-ca", True, ["fr"], ["ca"]),
        ("Helsinki-NLP/opus-mt-de-ho", True, ["de"], ["ho"]),
        ("Helsinki-NLP/opus-mt-de-qq", True, [], []),
        ("Helsinki-NLP/opus-mt-tc-bible-big-deu_eng_fra-mul", True, ["de", "en", "fr"], ["multilingual"]),
        ("Helsinki-NLP/opus-mt-tc-big-ces_slk-en", True, ["cs", "sk"], ["en"]),
        ("Helsinki-NLP/opus-tatoeba-he-it", True, ["he"], ["it"]),
        ("Helsinki-NLP/opus-mt-fi_nb_sv_en-SAMI", True, [], []),
        ("x/opus-mt-ru-en-finetuned-en-to-ru", True, ["en"], ["ru"]),
        ("x/opus-mt-en-ro-finetuned-en-to-cy", False, ["en"], ["cy"]),
        ("x/opus-mt-en-de-fine-tuned-Data-10-10-de-to-en", False, ["de"], ["en"]),
        ("x/opus-mt-en-de-finetuned-de-fr", False, ["de"], ["fr"]),
        ("x/opus-mt-finetuned-en-hi", False, ["en"], ["hi"]),
        ("x/opus-mt-en-ro-finetuned-en-to-ru-finetuned-news", True, ["en"], ["ru"]),
        ("x/opus-mt-de-en-finetuned-src-to-trg", True, ["de"], ["en"]),
        ("x/opus-mt-en-ro-finetuned-eng-to-para", True, [], []),
        ("x/nmt_bn_en-finetuned-bn-to-bn", True, [], []),
        ("x/m2m100-pt-br", True, [], []),
        ("x/nllb-600m-zh-TW", True, [], []),
        ("x/nllb-600m-en-zh-TW", True, ["en"], ["zh"]),
        ("x/marianmt-zh_cn-th", True, ["zh"], ["th"]),
        ("x/mbart-en_XX-to-ar_AR", True, ["en"], ["ar"]),
        ("x/Pokemon_EN_to_ZH", True, ["en"], ["zh"]),
        ("x/translation-fr-ca", True, [], []),
        ("x/t5-mt-en-ca", True, ["en"], ["ca"]),
        ("x/translator-as-is", True, [], []),
        ("x/t5-base-finetuned-en-to-it", False, ["en"], ["it"]),
        ("x/opus-mt-for-en", True, [], []),
        ("x/nmt-zh-ja-en", True, [], []),
        ("x/text-to-sql", True, [], []),
        ("t5-small", True, [], []),
    ],
)
def test_the_direction_is_what_the_name_says(name: str, translator: bool, from_: list[str], into: list[str]):
    assert direction(name, translator) == (from_, into)


@pytest.mark.parametrize(
    ("written", "code"),
    [("en", "en"), ("eng", "en"), ("en-US", "en"), ("pt_br", "pt"), ("English", "en"), ("ace", "ace"), ("zza", "zza"),
     ("multilingual", "multilingual"), ("jp", "ja"), ("code", None), ("unk", None), ("", None)],
)  # fmt: skip
def test_languages_as_people_write_them(written: str, code: str | None):
    assert code_of(written) == code


def test_a_name_is_split_into_its_words():
    assert words_of("x/t5-small-finetuned-squad-qg") == "t5 small finetuned squad qg question generation"
    assert words_of("DunnBC22/codet5-Generate_DocStrings") == "codet5 Generate Doc Strings"


def test_a_model_is_what_its_card_says_in_its_front_matter():
    row = {"pretrained_model_name": "me/my-model", "size_bytes": 9, "downloads": 2, "description": CARD}
    entry = model_of(row)
    assert (entry.license, entry.languages, entry.tasks) == ("apache-2.0", ["en"], ["summarization"])
    assert (entry.base_model, entry.trained_on, entry.metrics) == (
        "google/flan-t5-small",
        ["samsum", "squad"],
        ["rouge"],
    )
    assert (entry.safetensors, entry.gated, entry.hand_written) == (None, None, False)
    assert entry.description == (
        "my model. Task: summarization. In English. Fine-tuned from flan t5 small. Trained on: samsum, squad. "
        "Measured by: rouge."
    )


@pytest.mark.parametrize(
    "card", ["", "no front matter", "---\n- a\n---\n", "---\na: [\n---\n", "---\na: 2023-99-99\n---\n"]
)
def test_a_card_without_a_front_matter_that_can_be_read_has_none(card: str):
    assert front_matter(card) in ({}, {"a": "2023-99-99"})
    row = {"pretrained_model_name": "me/my-model", "size_bytes": 9, "downloads": 2, "description": card}
    assert model_of(row).description == "my model."


@pytest.mark.parametrize("written", ["no", "[no]", '"no"', "\n- no"])
def test_norwegian_is_a_language_though_yaml_reads_its_code_as_false(written: str):
    card = f"---\nlanguage: {written}\n---\n"
    row = {"pretrained_model_name": "me/my-model", "size_bytes": 9, "downloads": 2, "description": card}
    assert model_of(row).languages == ["no"]
    assert dataset_entry("me/places", [], front_matter(card), downloads=0, gated=None).languages == ["no"]


def test_a_dataset_is_what_its_tags_and_its_info_say():
    tags = ["task_categories:question-answering", "language:de", "language:en", "license:mit", "size_categories:1K<n<10K",
            "source_datasets:extended|squad", "geography", "arxiv:1234.5678", "region:us"]  # fmt: skip
    info = [
        {
            "config_name": "plain",
            "features": [
                {"name": "question", "dtype": "string"},
                {"name": "label", "dtype": {"class_label": {"names": {"0": "a"}}}},
                {"name": "answers", "sequence": [{"name": "text", "dtype": "string"}]},
            ],
            "splits": [{"name": "test", "num_examples": 3}, {"name": "train", "num_examples": 5}],
            "dataset_size": 77,
        },
        {"config_name": "other"},
    ]
    entry = dataset_entry("me/Places", tags, {"dataset_info": info}, downloads=1, gated=True)
    assert [(c.name, c.type) for c in entry.columns] == [
        ("question", "string"), ("label", "class_label"), ("answers", "sequence"),
    ]  # fmt: skip
    assert (entry.config, entry.split, entry.rows, entry.size_bytes) == ("plain", "train", 5, 77)
    assert (entry.rows_between, entry.license, entry.gated) == ("1K<n<10K", "mit", True)
    assert entry.description == (
        "Places. Task: question answering. In German, English. Made from: squad. Columns: question, label, answers. "
        "Tags: geography."
    )
    assert entry.usable, "nobody has said which columns are input and output"


@pytest.mark.parametrize("info", [None, 3, "x", [], ["x"], {"features": "x", "splits": [3]}, {"config_name": 4}])
def test_an_info_of_another_form_says_nothing(info: object):
    entry = dataset_entry("me/places", [], {"dataset_info": info}, downloads=0, gated=None)
    assert (entry.columns, entry.rows, entry.config, entry.split) == ([], None, None, "train")
    assert (entry.license, entry.languages) == ("unknown", [])


def test_a_description_of_many_languages_says_how_many():
    tags = [f"language:{code}" for code in "de en fr es it pt nl sv da no fi pl cs ru".split()]  # noqa: SIM905
    entry = model_entry("a/b", tags, {}, architecture=Architecture.ENCODER_DECODER, size_bytes=1, downloads=0)
    assert "In 14 languages, multilingual." in entry.description


def test_the_shipped_translators_have_their_direction():
    models = open_models()
    for name, from_, into in (("Helsinki-NLP/opus-mt-en-de", "en", "de"), ("Helsinki-NLP/opus-mt-de-en", "de", "en")):
        entry = models.entries[models.numbers[name][0]]
        assert (entry.from_languages, entry.into_languages) == ([from_], [into])
    sides = [(bool(reads), bool(writes)) for reads, writes in zip(
        models.entries.column("from_languages"), models.entries.column("into_languages"), strict=True
    )]  # fmt: skip
    assert sides.count((True, True)) > 2000
    assert {(True, False), (False, True)}.isdisjoint(sides), "a direction is known on both sides, or not at all"


def test_the_shipped_translators_say_what_they_were_tuned_to():
    models = open_models()
    for name, from_, into in (
        ("svsokol/opus-mt-ru-en-finetuned-en-to-ru", ["en"], ["ru"]),
        ("theojolliffe/opus-mt-en-ro-finetuned-en-to-cy", ["en"], ["cy"]),
        ("Helsinki-NLP/opus-mt-to-en", ["to"], ["en"]),
    ):
        entry = models.entries[models.numbers[name][0]]
        assert (entry.from_languages, entry.into_languages) == (from_, into)
    assert models.entries[models.numbers["north/demo-nynorsk-base"][0]].languages == ["no"]
