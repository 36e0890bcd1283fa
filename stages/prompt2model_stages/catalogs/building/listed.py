"""Entries of what a hub lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prompt2model_stages.catalogs.building.architectures import architecture_of
from prompt2model_stages.catalogs.entries import CatalogEntry, Kind
from prompt2model_stages.catalogs.facts import dataset_entry, model_entry

MOST_OF_DESCRIPTION = 1000
"""Characters of what an owner says of a dataset that are searched."""
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
"""A parameter's, by the name of its type in safetensors; others have one."""
_NOT_TEXT = frozenset({"modality:image", "modality:audio", "modality:video", "modality:3d"})


def entry_of_listing(kind: Kind, item: Mapping[str, Any]) -> CatalogEntry | None:
    """The entry; None for what no student or dataset can be made of: private, without text, of another architecture, of no size."""
    if item.get("private") or item.get("disabled") or not isinstance(item.get("id"), str):
        return None
    try:
        return _dataset(item) if kind is Kind.DATASETS else _model(item)
    except (
        ValueError,
        TypeError,
        AttributeError,
    ):  # a fact of another form than the hub's; pydantic's error is a ValueError
        return None


def _dataset(item: Mapping[str, Any]) -> CatalogEntry | None:
    tags = [str(tag) for tag in item.get("tags") or []]
    if _NOT_TEXT & set(tags) and not {"modality:text", "modality:tabular"} & set(tags):
        return None
    name = item["id"]
    files = {str(sibling.get("rfilename")) for sibling in item.get("siblings") or []}
    said = " ".join(str(item.get("description") or "").split())[:MOST_OF_DESCRIPTION]
    entry = dataset_entry(
        name,
        tags,
        _card(item),
        downloads=int(item.get("downloads") or 0),
        gated=bool(item.get("gated")),
        script=f"{name.rpartition('/')[2]}.py" in files,
        also=said,
    )
    size = item.get("mainSize")
    return (
        entry.model_copy(update={"size_bytes": size}) if entry.size_bytes is None and isinstance(size, int) else entry
    )


def _model(item: Mapping[str, Any]) -> CatalogEntry | None:
    architecture, size = architecture_of(item.get("config"), item.get("pipeline_tag")), _size(item)
    if architecture is None or not size:
        return None
    bases = (item.get("baseModels") or {}).get("models") or []
    return model_entry(
        item["id"],
        [str(tag) for tag in item.get("tags") or []],
        _card(item),
        architecture=architecture,
        size_bytes=size,
        downloads=int(item.get("downloads") or 0),
        gated=bool(item.get("gated")),
        safetensors=bool(item.get("safetensors")),
        base_model=next((str(base["id"]) for base in bases if base.get("id")), None),
        task=item.get("pipeline_tag"),
    )


def _card(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The card's front matter; in dataset_info without names that are empty, which a column or configuration cannot have."""
    card = item.get("cardData")
    if not isinstance(card, dict):
        return {}
    info = card.get("dataset_info")
    infos = info if isinstance(info, list) else [info]
    return {**card, "dataset_info": [_named(one) for one in infos if isinstance(one, dict)]}


def _named(info: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in info.items() if key != "config_name" or value}
    if isinstance(features := found.get("features"), list):
        found["features"] = [one for one in features if not isinstance(one, dict) or one.get("name")]
    return found


def _size(item: Mapping[str, Any]) -> int:
    """Bytes of the weights as the safetensors say; else of all that the repository holds, which is more. 0: not known."""
    parameters = (item.get("safetensors") or {}).get("parameters") or {}
    weights = sum(int(count) * _BYTES.get(kind, 1) for kind, count in parameters.items())
    return weights or int(item.get("usedStorage") or 0)
