"""Entries out of what the hub says of a dataset or model: its name, its tags and the front matter of its card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prompt2model_api.base import Architecture
from prompt2model_stages.catalogs.describing import describe_dataset, describe_model
from prompt2model_stages.catalogs.directions import direction
from prompt2model_stages.catalogs.entries import UNKNOWN, DatasetEntry, ModelEntry, TypedColumn
from prompt2model_stages.catalogs.language_names import code_of

LONGEST = 60
"""Characters of a tag; what is longer is a sentence that its owner wrote."""
MOST = 24
"""Values of one fact."""

_STORED = """
pytorch tf jax rust onnx safetensors transformers tensorboard keras tensorflow flax text-generation-inference endpoints_compatible
autotrain_compatible autotrain autonlp generated_from_trainer generated_from_keras_callback model-index deploy:azure has_space trl
eval-results seq2seq encoder-decoder encoderdecodermodel huggingface sequence-to-sequence croissant
"""
_TECHNICAL = frozenset(_STORED.split())
"""Tags that say how a model is stored or was made."""
_TASKS = """
translation summarization text2text-generation text-generation question-answering text-classification conversational
table-question-answering token-classification question-generation paraphrasing text-simplification
"""
_TASKS_IN_TAGS = frozenset(_TASKS.split())
_GENERATED = "generated_from_trainer"


def dataset_entry(
    name: str,
    tags: Sequence[str],
    card: Mapping[str, Any],
    *,
    downloads: int,
    gated: bool | None,
    script: bool = False,
    also: str = "",
) -> DatasetEntry:
    """A dataset's entry; one configuration of it, the first that the card lists.

    Args:
        card: its front matter.
        also: what its owner says of it, for the searched text.

    Raises: ValueError where a fact is malformed.
    """
    keyed = _keyed(tags)
    info = _first_info(card)
    tasks = _some([*keyed.get("task_categories", []), *keyed.get("task_ids", []), *_texts(card.get("task_categories"))])
    languages = _codes([*keyed.get("language", []), *_languages(card)])
    columns = _columns(info.get("features"))
    split = _split(info)
    sources = [s.removeprefix("extended|") for s in keyed.get("source_datasets", []) if s.startswith("extended|")]
    free = [tag for tag in keyed.get("", []) if tag.lower() not in _TECHNICAL and code_of(tag) is None]
    names = [column.name for column in columns]
    return DatasetEntry(
        name=name,
        description=describe_dataset(name, tasks, languages, sources, names, _some(free), also),
        license=_license([*keyed.get("license", []), *_texts(card.get("license"))]),
        downloads=downloads,
        tasks=tasks,
        languages=languages,
        gated=gated,
        hand_written=False,
        config=str(info["config_name"]) if isinstance(info.get("config_name"), str) else None,
        split=str(split.get("name") or "train"),
        script=script,
        columns=columns,
        rows=_count(split.get("num_examples")),
        rows_between=next(iter(keyed.get("size_categories", [])), ""),
        size_bytes=_count(info.get("dataset_size")),
    )


def model_entry(
    name: str,
    tags: Sequence[str],
    card: Mapping[str, Any],
    *,
    architecture: Architecture,
    size_bytes: int,
    downloads: int,
    gated: bool | None = None,
    safetensors: bool | None = None,
    base_model: str | None = None,
    task: str | None = None,
) -> ModelEntry:
    """A model's entry.

    Args:
        card: its front matter.
        base_model: where the front matter names none.
        task: the hub's pipeline tag.

    Raises: ValueError where a fact is malformed.
    """
    keyed = _keyed([*tags, *_texts(card.get("tags"))])
    free = _some([tag for tag in keyed.get("", []) if tag.lower() not in _TECHNICAL])
    results = _results(card.get("model-index"))
    tasks = _some(
        [*_texts(task), *_texts(card.get("pipeline_tag")), *(t.lower() for t in free if t.lower() in _TASKS_IN_TAGS)]
    )
    languages = _codes([*keyed.get("language", []), *_languages(card)])
    from_, into = direction(name, translator="translation" in tasks)
    if from_ and into:
        tasks, languages = _some(["translation", *tasks]), _some([*from_, *into, *languages])
    trained_on = [*_texts(card.get("datasets")), *keyed.get("dataset", [])]
    if _GENERATED in keyed.get("", []):  # the Trainer lists the dataset that it trained on among the results
        trained_on += [found for found in results["dataset"] if found not in ("generator", "None")]
    metrics = _some([*_texts(card.get("metrics")), *results["metric"]])
    base = next(iter(_texts(card.get("base_model"))), base_model)
    rest = [tag for tag in free if tag.lower() not in tasks and code_of(tag) is None]
    trained = _some(trained_on)
    return ModelEntry(
        name=name,
        description=describe_model(name, tasks, languages, (from_, into), base, trained, metrics, rest),
        license=_license([*keyed.get("license", []), *_texts(card.get("license"))]),
        downloads=downloads,
        tasks=tasks,
        languages=languages,
        gated=gated,
        hand_written=False,
        architecture=architecture,
        size_bytes=size_bytes,
        from_languages=from_,
        into_languages=into,
        safetensors=safetensors,
        base_model=base,
        trained_on=trained,
        metrics=metrics,
    )


def _keyed(tags: Iterable[object]) -> dict[str, list[str]]:
    """`language:en` by its key; tags without one under ''."""
    found: dict[str, list[str]] = {}
    for tag in tags:
        key, colon, value = str(tag).partition(":")
        found.setdefault(key if colon else "", []).append(value if colon else key)
    return found


def _texts(value: object) -> list[str]:
    """A card's value, which may be one text or a list, as texts; anything else in it is left out."""
    values = value if isinstance(value, list) else [value]
    return [text.strip() for text in values if isinstance(text, str) and text.strip()]


def _languages(card: Mapping[str, Any]) -> list[str]:
    """The languages that a card names. YAML 1.1 reads `no` as False: there it is Norwegian."""
    named = card.get("language")
    return _texts(["no" if one is False else one for one in (named if isinstance(named, list) else [named])])


def _some(values: Iterable[str]) -> list[str]:
    """Each once, those that are short enough to be a name, and not without an end."""
    kept = [value.strip() for value in values if 0 < len(value.strip()) <= LONGEST and "\n" not in value]
    return list(dict.fromkeys(kept))[:MOST]


def _codes(written: Iterable[str]) -> list[str]:
    found = [code_of(text) for text in written]
    return list(dict.fromkeys(code for code in found if code is not None))


def _license(found: Sequence[str]) -> str:
    names = _some(name.lower() for name in found)
    return ", ".join(names)[:253] or UNKNOWN


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _first_info(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """dataset_info of the front matter: one, or a list with one for each configuration."""
    info = card.get("dataset_info")
    first = info[0] if isinstance(info, list) and info else info
    return first if isinstance(first, dict) else {}


def _split(info: Mapping[str, Any]) -> Mapping[str, Any]:
    splits = [split for split in info.get("splits") or [] if isinstance(split, dict)]
    return next((split for split in splits if split.get("name") == "train"), splits[0] if splits else {})


def _columns(features: object) -> list[TypedColumn]:
    """Columns with their types as the hub writes them: `dtype` of a plain one, else the kind of the nested one."""
    found = []
    for feature in features if isinstance(features, list) else []:
        if isinstance(feature, dict) and isinstance(feature.get("name"), str):
            kind = feature.get("dtype") or next((key for key in ("struct", "list", "sequence") if key in feature), "")
            found.append(TypedColumn(name=feature["name"], type=kind if isinstance(kind, str) else _kind(kind)))
    return found[:256]


def _kind(dtype: object) -> str:
    """`dtype: {class_label: {names: …}}` is a class_label."""
    return re.sub(r"\W", "", str(next(iter(dtype)))) if isinstance(dtype, dict) and dtype else ""


def _results(index: object) -> dict[str, list[str]]:
    """Names of datasets and metrics in the front matter's model-index."""
    found: dict[str, list[str]] = {"dataset": [], "metric": []}
    for model in index if isinstance(index, list) else []:
        for result in (model.get("results") if isinstance(model, dict) else None) or []:
            if not isinstance(result, dict):
                continue
            dataset, metrics = result.get("dataset"), result.get("metrics")
            if isinstance(dataset, dict):
                found["dataset"] += _texts(dataset.get("type") or dataset.get("name"))
            for metric in metrics if isinstance(metrics, list) else []:
                found["metric"] += _texts(metric.get("type") or metric.get("name")) if isinstance(metric, dict) else []
    return found
