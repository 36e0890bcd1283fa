"""Which candidates are looked at where the spec lists licenses: by what the hub says of them today, else by the catalog's word.

A catalog may be years old, so what it forbids may be allowed by now, and the other way round. The hub is asked for the candidates
that are about to be kept, and the choice is made again with its answers, until it has been asked for all that are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prompt2model_api.licenses import spdx
from prompt2model_api.results import DatasetCandidate, StudentCandidate
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.discover.licensed import C, fewer_datasets, fewer_students

HubLicenses = Callable[[Kind, Sequence[str]], Mapping[str, str]]
"""The licenses of names, by name, of those that the hub answers for."""
ROUNDS = 8
"""So many times students are searched for again, at most; each time the hub is asked for no more than those that are new."""


def nobody_asked(kind: Kind, names: Sequence[str]) -> Mapping[str, str]:
    """A hub that is away."""
    return {}


def selected_datasets(
    found: Sequence[DatasetCandidate], allowed: Sequence[str] | None, most: int, hub: HubLicenses
) -> list[DatasetCandidate]:
    """The nearest ones in their order, most of them of an allowed license (fewer_datasets).

    Args:
        found: more than are wanted, nearest first.
        allowed: licenses; None: any, and the hub is not asked.
        most: candidates.
        hub: asked for those that are kept, each once.
    """
    told: dict[str, str] = {}
    asked: set[str] = set()
    while True:
        kept = fewer_datasets(_relicensed(found, told), allowed, most)
        new = [candidate.name for candidate in kept if candidate.name not in asked]
        if allowed is None or not new:
            return kept
        asked.update(new)
        told |= hub(Kind.DATASETS, new)


def selected_students(
    retrieve: Callable[[Mapping[str, str]], Sequence[StudentCandidate]],
    allowed: Sequence[str] | None,
    most: int,
    hub: HubLicenses,
) -> list[StudentCandidate]:
    """The best ones, those of an allowed license first (fewer_students).

    Args:
        retrieve: the candidates, best first, with what the hub says of licenses, by name, in place of the catalog's word.
        allowed: licenses; None: any, and the hub is not asked.
        most: candidates.
        hub: asked for those that are kept, each once.
    """
    told: dict[str, str] = {}
    asked: set[str] = set()
    found = retrieve(told)
    for _ in range(ROUNDS):
        new = [candidate for candidate in found if candidate.name not in asked]
        if allowed is None or not new:
            break
        asked.update(candidate.name for candidate in new)
        told |= hub(Kind.MODELS, [candidate.name for candidate in new])
        if all(spdx(told.get(c.name, c.license)) == spdx(c.license) for c in new):
            break  # the same would be found again
        found = retrieve(told)
    return fewer_students(_relicensed(found, told), allowed, most)


def _relicensed(candidates: Sequence[C], told: Mapping[str, str]) -> list[C]:
    return [c.model_copy(update={"license": told[c.name]}) if c.name in told else c for c in candidates]
