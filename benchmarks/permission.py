"""How often the right dataset is chosen without a person: by words and form alone, as it was, and with permission.py.

    python benchmarks/permission.py              # tests/unit/data/permissions.jsonl over the shipped catalog
    python benchmarks/permission.py --shown      # and each wrong choice
    python benchmarks/permission.py --teachers   # and what a teacher's yes or no adds (verdicts.py), with simulated teachers

The rule as it was knew no pattern of any dataset but the builtin ones, and no language but a translation's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "crds"), str(ROOT / "stages")]

from benchmarks.simulated_verdicts import demonstrations_of, outcome, simulate  # noqa: E402
from prompt2model_api.prompt2model import Demonstration  # noqa: E402
from prompt2model_stages.catalogs.catalog import datasets  # noqa: E402
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind  # noqa: E402
from prompt2model_stages.catalogs.opening import Entries  # noqa: E402
from prompt2model_stages.catalogs.search import MemoryIndex  # noqa: E402
from prompt2model_stages.discover import dataset_retrieval, permission  # noqa: E402
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever  # noqa: E402

CASES = ROOT / "tests" / "unit" / "data" / "permissions.jsonl"
ADVERSARIAL = ("reversed", "form")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shown", action="store_true", help="the wrong choices")
    parser.add_argument("--teachers", action="store_true", help="simulated teachers")
    options = parser.parse_args()
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    rules = {"as it was": [_as_it_was(entry) for entry in datasets()], "permission": list(datasets())}
    print("| rule | half | tasks | one exists | right | wrong | none | wrong of reversed or another form |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for rule, entries in rules.items():
        dataset_retrieval.objection = _objection_as_it_was if rule == "as it was" else permission.objection
        retriever = _retriever(entries)
        for half in ("tuning", "held out"):
            _print_half(retriever, rule, half, [case for case in cases if case["half"] == half], options.shown)
    if options.teachers:
        print("\n| rule | teacher | what a yes does | right | wrong | none |")
        print("|---|---|---|--:|--:|--:|")
        for rule, entries in rules.items():
            dataset_retrieval.objection = _objection_as_it_was if rule == "as it was" else permission.objection
            simulate(rule, _retriever(entries), cases)


def _retriever(entries: list[DatasetEntry]) -> CatalogDatasetRetriever:
    return CatalogDatasetRetriever(
        Entries(Kind.DATASETS, entries), MemoryIndex([entry.description for entry in entries])
    )


def _print_half(
    retriever: CatalogDatasetRetriever, rule: str, half: str, cases: list[dict[str, Any]], shown: bool
) -> None:
    outcomes = [(case, *_outcome(retriever, case)) for case in cases]
    count = Counter(outcome for _, outcome, _ in outcomes)
    probes = [outcome for case, outcome, _ in outcomes if case["kind"] in ADVERSARIAL]
    exists = sum(bool(case["accepted"]) for case in cases)
    print(
        f"| {rule} | {half} | {len(cases)} | {exists} | {count['right']} | {count['wrong']} | {count['none']} "
        f"| {probes.count('wrong')} of {len(probes)} |"
    )
    if shown:
        for case, outcome, name in outcomes:
            if outcome == "wrong":
                print(f"  wrong: {name} for {case['instruction']}", file=sys.stderr)


def _outcome(retriever: CatalogDatasetRetriever, case: dict[str, Any]) -> tuple[str, str]:
    """right, wrong or none, and the dataset that is chosen."""
    found = retriever.retrieve(case["instruction"], demonstrations_of(case), 25)
    return outcome(case, next((c for c in found if c.recommended), None))


def _objection_as_it_was(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """By form alone: the direction of a translation, and no language of any other dataset."""
    strange = [d for d in demonstrations if not entry.asks_like(d.input)]
    fits = (
        all(entry.answers_like(d.output) for d in demonstrations)
        and all(d.output in d.input for d in demonstrations if entry.extractive)
        and len(strange) * 2 <= len(demonstrations)
        and not (entry.translates and permission._translation(entry, demonstrations))
    )
    return entry.usable if fits else "the form is another one"


def _as_it_was(entry: DatasetEntry) -> DatasetEntry:
    facts: dict[str, Any] = {"languages": ["multilingual"]}
    if not entry.name.startswith("builtin:"):
        facts |= {"input_pattern": None, "output_pattern": None}
    return entry.model_copy(update=facts)


if __name__ == "__main__":
    main()
