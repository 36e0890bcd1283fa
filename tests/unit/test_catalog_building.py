"""Builds of catalogs from pages in memory: what a later build still asks for, what is removed, what cannot be read."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from prompt2model_api.base import Architecture
from prompt2model_stages.catalogs.building import Built, Told, build
from prompt2model_stages.catalogs.building import publishing as publishing_module
from prompt2model_stages.catalogs.building.changes import known_until, moment
from prompt2model_stages.catalogs.building.hub import HubLister, Page
from prompt2model_stages.catalogs.building.listed import entry_of_listing
from prompt2model_stages.catalogs.building.segments import BUILDING
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind
from prompt2model_stages.catalogs.opening import POINTER, open_datasets, read_pointer
from prompt2model_stages.catalogs.places import home_of
from prompt2model_stages.errors import StageError
from tests.listing_hub import dataset, model

pytestmark = pytest.mark.unit


class Pages:
    """A hub in memory: one page with all that it lists, the latest change first."""

    endpoint = "https://hub.example"

    def __init__(self, *items: dict[str, Any], ends: Callable[[], None] = lambda: None) -> None:
        self.items, self.ends, self.asked = list(items), ends, 0

    def first(self, kind: Kind, listing: str, per_page: int = 1000) -> Page:
        """The page, and the address of one behind it that ends the build."""
        self.asked += 1
        return Page(
            sorted(self.items, key=lambda item: str(item["lastModified"]), reverse=True), "https://hub.example/2"
        )

    def at(self, address: str) -> Page:
        """The page behind it, which is empty."""
        self.ends()
        return Page([], "")


def built(hub: Pages, root: Path | str, **options: Any) -> Built:
    return build(Kind.DATASETS, str(root), cast(HubLister, hub), vectors=False, **options)


def listed(root: Path) -> list[str]:
    return [entry.name.rpartition("-")[2] for entry in open_datasets(str(root)).entries if not entry.hand_written]


def newest(root: Path) -> str:
    return read_pointer(home_of(str(root), Kind.DATASETS), Kind.DATASETS).newest_change


def now(**ago: float) -> str:
    return moment((datetime.now(UTC) - timedelta(**ago)).isoformat())


def test_times_of_all_forms_compare_as_texts():
    assert moment("2026-01-02T03:04:05.678Z") == "2026-01-02T03:04:05.678Z"
    assert moment("2026-01-02T03:04:05Z") == moment("2026-01-02T05:04:05+02:00") == "2026-01-02T03:04:05.000Z"
    assert [moment(odd) for odd in (None, "", "yesterday", "zzz", 7, "0001-01-01T00:00:00+05:00")] == [""] * 6


def test_a_listing_knows_changes_until_an_hour_before_it_began():
    began = "2026-01-10T10:00:00Z"
    assert known_until("2026-01-10T11:00:00.000Z", began) == "2026-01-10T09:00:00.000Z"
    assert known_until("2026-01-01T00:00:00.000Z", began) == "2026-01-01T00:00:00.000Z"
    assert known_until("", began) == known_until("2026-01-01", "once") == ""


def test_what_changed_while_the_list_was_read_is_asked_for_again(tmp_path: Path):
    hub = Pages(dataset(1, "2026-01-01"), dataset(2, "", lastModified=now(minutes=1)))
    built(hub, tmp_path)
    assert newest(tmp_path) < now(minutes=59)
    hub.items.append(dataset(3, "", lastModified=now(minutes=30)))
    built(hub, tmp_path)
    assert listed(tmp_path) == ["1", "2", "3"]


@pytest.mark.parametrize("since", ["2026-06-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_later_date_leaves_no_gap_for_ever(tmp_path: Path, since: str):
    hub = Pages(dataset(1, "2026-01-01"))
    built(hub, tmp_path)
    hub.items += [dataset(3, "2026-03-01"), dataset(7, "2026-07-01")]
    built(hub, tmp_path, since=since)
    assert newest(tmp_path) == "2026-01-01T00:00:00.000Z"
    built(hub, tmp_path)
    assert listed(tmp_path) == ["1", "3", "7"]


@pytest.mark.parametrize("odd", ["2999-01-01T00:00:00.000Z", "yesterday", None])
def test_an_odd_time_of_change_hides_nothing(tmp_path: Path, odd: str | None):
    hub = Pages(dataset(9, "", lastModified=odd), dataset(1, "2026-01-01"))
    built(hub, tmp_path)
    assert newest(tmp_path) < now(minutes=59)
    hub.items.append(dataset(2, "", lastModified=now(minutes=1)))
    built(hub, tmp_path)
    assert listed(tmp_path) == ["1", "2", "9"]


def test_a_catalog_that_names_a_time_to_come_is_brought_up_to_date(tmp_path: Path):
    hub = Pages(dataset(1, "2026-01-01"))
    built(hub, tmp_path)
    file = tmp_path / "datasets" / POINTER
    file.write_text(json.dumps(json.loads(file.read_text()) | {"newestChange": "2999-01-01T00:00:00.000Z"}))
    hub.items.append(dataset(2, "", lastModified=now(minutes=1)))
    built(hub, tmp_path)
    assert listed(tmp_path) == ["1", "2"]


@pytest.mark.parametrize("changes", [{"private": True}, {"tags": ["modality:image"]}])
def test_what_is_no_entry_any_more_is_removed(tmp_path: Path, changes: dict[str, Any]):
    hub = Pages(dataset(1, "2026-01-01"), dataset(2, "2026-01-01"))
    built(hub, tmp_path)
    hub.items[1] = dataset(2, "2026-02-01", **changes)
    assert built(hub, tmp_path).skipped == 1
    assert listed(tmp_path) == ["1"]


@pytest.mark.parametrize("damage", [lambda page: page.write_bytes(page.read_bytes()[:20]), lambda page: page.unlink()])
def test_a_damaged_page_begins_the_listing_again(tmp_path: Path, damage: Callable[[Path], None]):
    def ends() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(Pages(dataset(1, "2026-01-01"), ends=ends), tmp_path)
    damage(tmp_path / "datasets" / BUILDING / "page-000000.jsonl.gz")
    said: list[str] = []
    hub = Pages(dataset(1, "2026-01-01"))
    built(hub, tmp_path, told=Told(said=said.append))
    assert (hub.asked, listed(tmp_path)) == (1, ["1"])
    assert said == ["page-000000.jsonl.gz of the build that was not finished cannot be read: it starts again."]


def test_a_full_disk_is_no_failure_of_the_network(monkeypatch: pytest.MonkeyPatch):
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/entries")

    monkeypatch.setattr(publishing_module, "write_table", full)
    with pytest.raises(StageError) as caught:
        built(Pages(dataset(1, "2026-01-01")), "memory://full")
    assert caught.value.failure.reason == "DiskFull"


@pytest.mark.parametrize(
    "address", ["https://[hub", "https://hub\0", "hub.example.com", "http://h:99999", "http://a b"]
)
def test_an_endpoint_that_is_no_address_is_said(address: str):
    with pytest.raises(StageError, match="HF_ENDPOINT is no address") as caught:
        HubLister(endpoint=address).first(Kind.DATASETS, "")
    assert caught.value.failure.reason == "HubRefused"


@pytest.mark.parametrize(
    ("config", "task", "architecture"),
    [
        ({"architectures": ["MT5ForConditionalGeneration"]}, "text2text-generation", Architecture.ENCODER_DECODER),
        ({"architectures": ["T5WithLMHeadModel"]}, None, Architecture.ENCODER_DECODER),
        ({"architectures": ["MarianMTModel"]}, "translation", Architecture.ENCODER_DECODER),
        ({"architectures": ["MyForConditionalGeneration"], "model_type": "t5"}, None, Architecture.ENCODER_DECODER),
        ({"model_type": "led"}, "summarization", Architecture.ENCODER_DECODER),
        ({"architectures": ["LlamaForCausalLM"]}, "text-generation", Architecture.DECODER_ONLY),
        ({"architectures": ["GPT2LMHeadModel"]}, None, Architecture.DECODER_ONLY),
        ({"architectures": ["T5EncoderModel"], "model_type": "t5"}, None, None),
        ({"architectures": ["BartForCausalLM"], "model_type": "bart"}, "text-generation", None),
        ({"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3"}, "text-generation", None),
        ({"architectures": ["Mistral3ForConditionalGeneration"]}, "text-generation", None),
        ({"architectures": ["Qwen2_5_VLForConditionalGeneration"]}, "text-generation", None),
        ({"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"}, "translation", None),
        ({"architectures": ["T5ForConditionalGeneration"]}, "automatic-speech-recognition", None),
    ],
)
def test_the_architecture_is_known_or_the_model_is_left_out(config: object, task: str | None, architecture: object):
    entry = entry_of_listing(Kind.MODELS, model(1, "2026-01-01", config=config, pipeline_tag=task))
    assert getattr(entry, "architecture", None) == architecture


def test_an_empty_name_in_a_card_does_not_drop_the_dataset():
    features = [{"name": "", "dtype": "string"}, {"name": "text", "dtype": "string"}]
    card = {"dataset_info": {"config_name": "", "features": features}}
    entry = entry_of_listing(Kind.DATASETS, dataset(1, "2026-01-01", cardData=card))
    assert isinstance(entry, DatasetEntry)
    assert (entry.config, [column.name for column in entry.columns]) == (None, ["text"])
