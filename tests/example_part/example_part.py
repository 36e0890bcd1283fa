"""What finds datasets, replaced: the datasets that a team has checked come first, and then those of the catalog."""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.catalogs.opening import Catalog
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever, DatasetRetriever

CHECKED = {
    "our-team/invoices": ({"invoice", "invoices", "bill"}, ["text"], "amount"),
    "our-team/tickets": ({"ticket", "tickets", "support"}, ["subject", "body"], "queue"),
}
"""Words that speak for a dataset, and its columns."""


class TeamList(DatasetRetriever):
    """Proposes what the team has checked, and behind it what the built-in retriever finds."""

    def __init__(self, catalog: DatasetRetriever) -> None:
        self._catalog = catalog
        self.notes = ["The team's own list of datasets was searched first."]

    @classmethod
    def of(cls, catalog: Catalog[DatasetEntry]) -> TeamList:
        """The entry point: called with the opened catalog."""
        return cls(CatalogDatasetRetriever.of(catalog))

    def retrieve(
        self, instruction: str, demonstrations: Sequence[Demonstration], most: int, keyphrases: str = ""
    ) -> list[DatasetCandidate]:
        """See DatasetRetriever."""
        words = {word.strip(".,:;!?").lower() for word in f"{instruction} {keyphrases}".split()}
        own = [
            DatasetCandidate(
                name=name,
                input_columns=inputs,
                output_column=output,
                license="apache-2.0",
                score=float(len(signs & words)),
                recommended=True,
                reason=f"Our team has checked it for tasks about {', '.join(sorted(signs & words))}.",
            )
            for name, (signs, inputs, output) in CHECKED.items()
            if signs & words
        ]
        found = self._catalog.retrieve(instruction, demonstrations, most, keyphrases)
        return [*own, *(one.model_copy(update={"recommended": False}) for one in found)][:most]

    def description(self, candidate: DatasetCandidate) -> str:
        """See DatasetRetriever."""
        return candidate.reason if candidate.name in CHECKED else self._catalog.description(candidate)
