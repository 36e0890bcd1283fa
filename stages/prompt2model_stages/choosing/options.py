"""The datasets that can be selected: each candidate by an option of its own, since a configuration is a dataset of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.results import TRAIN, UsedDataset
from prompt2model_stages.choosing.offers import OfferedDataset, Offers


@dataclass(frozen=True)
class DatasetOption:
    """One of them.

    label: what is shown and selected; each is another one.
    offered: the candidate; None where the spec names a dataset that is none.
    is_given: whether the spec names this very one.
    """

    label: str
    name: str
    offered: OfferedDataset | None = None
    is_given: bool = False


def dataset_options(offers: Offers) -> list[DatasetOption]:
    """The candidates in their order; before them what the spec names, where it is none of them."""
    datasets = list(offers.datasets)
    choice = offers.spec.datasets.choice
    first = next(iter(choice.datasets()), None) if choice is not None else None
    given = _candidate(first, datasets) if first is not None else None
    keys = [(one.candidate.name, one.candidate.config, one.candidate.split) for one in datasets]
    found: list[tuple[OfferedDataset | None, bool]] = [(one, one is given) for one in datasets]
    if first is not None and given is None:
        keys, found = [(first.name, first.config, first.split_to_read), *keys], [(None, True), *found]
    return [DatasetOption(label, name, *of) for label, (name, _, _), of in zip(_labels(keys), keys, found, strict=True)]


def _candidate(first: UsedDataset, datasets: Sequence[OfferedDataset]) -> OfferedDataset | None:
    """The one of this name and configuration; where there are several, of this split."""
    same = [one for one in datasets if one.candidate.key == first.key]
    of_split = [one for one in same if one.candidate.split == first.split_to_read]
    return next(iter([*of_split, *same]), None)


def _labels(keys: Sequence[tuple[str, str | None, str]]) -> list[str]:
    """The name, with the configuration and another split than train where there is one, or where the name alone says too little."""
    of_name, of_config = Counter(name for name, _, _ in keys), Counter(key[:2] for key in keys)
    labels: list[str] = []
    for name, config, split in keys:
        parts = [config or "no configuration"] if config or of_name[name] > of_config[name, config] else []
        parts += [f"split {split}"] if split != TRAIN or of_config[name, config] > 1 else []
        label = wanted = f"{name} ({', '.join(parts)})" if parts else name
        number = 1
        while label in labels:
            number += 1
            label = f"{wanted} [{number}]"
        labels.append(label)
    return labels
