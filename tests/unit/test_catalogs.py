"""The starter catalogs: every entry valid, the shipped dataset as its script makes it, and BM25 over them."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from prompt2model_api.base import Architecture
from prompt2model_api.spec.student import EMBEDDED_STUDENT
from prompt2model_stages.catalogs import locate_dataset
from prompt2model_stages.catalogs.catalog import datasets, models, read_catalog
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.catalogs.make_dates_in_words import TARGET, make
from prompt2model_stages.catalogs.search.words import tokens
from prompt2model_stages.errors import StageError

pytestmark = pytest.mark.unit

DATES = "builtin:dates-in-words"


def test_every_dataset_is_valid_and_stands_once():
    entries = datasets()
    assert len(entries) >= 60
    assert len({(e.name, e.config) for e in entries}) == len(entries)
    for entry in entries:
        assert not (entry.labels and entry.output_pattern), entry.name
        assert bool(entry.input_columns) == (entry.output_column is not None), entry.name
        assert entry.output_column not in entry.input_columns, entry.name
        assert len(tokens(entry.description)) >= 5, entry.name
        assert entry.name == DATES or re.fullmatch(r"[\w.-]+/[\w.-]+", entry.name), entry.name
        re.compile(entry.input_pattern or "")
        re.compile(entry.output_pattern or "")


def test_every_model_is_valid_and_stands_once():
    entries = models()
    assert len(entries) >= 60
    assert len({e.name for e in entries}) == len(entries)
    for entry in entries:
        assert entry.name == EMBEDDED_STUDENT or re.fullmatch(r"[\w.-]+/[\w.-]+", entry.name), entry.name
        assert len(tokens(entry.description)) >= 5, entry.name
    assert {e.architecture for e in entries} == set(Architecture)


def test_the_size_of_a_decoder_is_that_of_its_parameters():
    """Two or four bytes a parameter, and what a file holds beside them."""
    for entry in models():
        if entry.architecture is Architecture.DECODER_ONLY:
            said = re.search(r"([\d.]+) (m|b)illion parameters", entry.description)
            assert said is not None, entry.name
            parameters = float(said[1]) * {"m": 10**6, "b": 10**9}[said[2]]
            assert 1.9 <= entry.size_bytes / parameters <= 4.5, entry.name


def test_the_embedded_student_is_in_the_catalog():
    entry = next(e for e in models() if e.name == EMBEDDED_STUDENT)
    assert entry.architecture is Architecture.DECODER_ONLY
    assert entry.size_bytes == 269_000_000


def test_a_bad_entry_is_named_by_its_line(tmp_path: Path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"name": "a/b", "description": "much too short"}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl line 1"):
        read_catalog(file, DatasetEntry)


def test_the_shipped_dataset_is_what_its_script_makes():
    assert [json.loads(line) for line in TARGET.read_text("utf-8").splitlines()] == make()


def test_the_shipped_dataset_is_right():
    rows = make()
    assert len(rows) == 900 == len({row["text"] for row in rows})
    months = {date(2000, m, 1).strftime("%B"): m for m in range(1, 13)}
    checked = 0
    for row in rows:
        day = date.fromisoformat(row["iso"])
        if plain := re.fullmatch(r"(\d+)(?:st|nd|rd|th)? (?:of )?(\w+) (\d{4})", row["text"].removeprefix("the ")):
            assert date(int(plain[3]), months[plain[2]], int(plain[1])) == day
            checked += 1
        if slashes := re.fullmatch(r"(\d+)/(\d+)/(\d{4})", row["text"]):
            assert date(int(slashes[3]), int(slashes[1]), int(slashes[2])) == day
            checked += 1
    assert checked > 300
    given = {row["text"]: row["iso"] for row in make(rows=6000)}
    assert given.get("the day after 31 December 1999", "2000-01-01") == "2000-01-01"


def test_relative_dates_are_right():
    months = {date(2000, m, 1).strftime("%B"): m for m in range(1, 13)}
    steps = {"the day after": 1, "the day before": -1, "two days after": 2, "two days before": -2}
    checked = 0
    for row in make():
        match = re.fullmatch(r"(.*) (\d+) (\w+) (\d{4})", row["text"])
        if match and match[1] in steps:
            start = date(int(match[4]), months[match[3]], int(match[2]))
            assert (date.fromisoformat(row["iso"]) - start).days == steps[match[1]]
            checked += 1
    assert checked > 100


def test_the_entry_describes_the_shipped_dataset():
    entry = next(e for e in datasets() if e.name == DATES)
    path = locate_dataset(DATES)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert {*entry.input_columns, entry.output_column} == set(rows[0])
    assert all(entry.asks_like(row["text"]) and entry.answers_like(row["iso"]) for row in rows)
    assert not entry.usable


@pytest.mark.parametrize("name", ["builtin:none", "dates-in-words", "builtin:../starter_models"])
def test_a_dataset_that_is_not_shipped_is_refused(name: str):
    with pytest.raises(StageError, match="those shipped are builtin:dates-in-words"):
        locate_dataset(name)
