"""What retrieval finds: recall@5, recall@25, MRR and CPU time, by words, by meaning, by both, and re-ranked.

    python -m benchmarks.retrieval [--queries FILE.jsonl.xz --documents FILE.jsonl.xz] [--descriptions FILE.jsonl] [--encoder NAME]

Always on the labelled queries of tests/data (24 tasks) over the starter catalogs and all shipped datasets. With --queries and
--documents also on DataFinder's queries over its corpus: `query`, `keyphrase_query` and `documents` of each, `id`, `variants` and
`contents` of each document. Recall is of the relevant documents that the corpus has, averaged over the queries that have one there.

HyDE: the description of a dataset is searched for together with the query. That of the labelled queries is what a strong
teacher would write; that of DataFinder's comes from --descriptions (benchmarks/hypothetical_descriptions.py).
Re-ranked is simulated: an oracle that judges each of the 25 nearest and is wrong about --wrong of them, five times over.
benchmarks/retrieval_speed.py measures time and memory of large catalogs. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prompt2model_stages.catalogs.catalog import datasets, models
from prompt2model_stages.catalogs.opening import open_datasets
from prompt2model_stages.catalogs.search import BuiltIndex, DenseIndex, FusedIndex, MemoryIndex
from prompt2model_stages.catalogs.search.encoders import MINILM, SentenceEncoder, find_encoder
from prompt2model_stages.catalogs.search.protocol import Scores, nearest
from tests.retrieval_queries import labelled_queries

RANKED = 25
ORACLES = 5


@dataclass(frozen=True)
class Query:
    """A query and the rows that are right. description: a hypothetical one of what is wanted, or empty."""

    text: str
    keyphrases: str
    description: str
    right: frozenset[int]


@dataclass(frozen=True)
class Corpus:
    """Texts with queries."""

    name: str
    texts: list[str]
    queries: list[Query]


Search = Callable[[Query], Scores]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--descriptions", type=Path, help="a line of JSON with `description` for each of the queries")
    parser.add_argument("--encoder", default=MINILM)
    parser.add_argument("--wrong", type=float, default=0.1, help="the share of candidates that the oracle misjudges")
    options = parser.parse_args()
    corpora = [labelled_datasets(), shipped_datasets(), labelled_students()]
    if options.queries and options.documents:
        corpora.append(datafinder(options.queries, options.documents, options.descriptions))
    encoder = find_encoder(options.encoder).load()
    for corpus in corpora:
        report(corpus, encoder, options.wrong)


def report(corpus: Corpus, encoder: SentenceEncoder, wrong: float) -> None:
    began = time.process_time()
    dense = DenseIndex.build(corpus.texts, encoder)
    encoding = time.process_time() - began
    print(f"\n### {corpus.name}: {len(corpus.queries)} queries, {len(corpus.texts)} texts")
    print(f"\nEncoding: {encoding:.1f} CPU s, {1000 * encoding / len(corpus.texts):.1f} ms a text\n")
    print("| | recall@5 | recall@25 | MRR | CPU ms a query |\n|---|--:|--:|--:|--:|")
    fused: Search | None = None
    for name, search in searches(corpus, dense).items():
        began = time.process_time()
        found = [[hit.row for hit in nearest(search(query), len(corpus.texts))] for query in corpus.queries]
        show(name, measured(found, corpus.queries), 1000 * (time.process_time() - began) / len(corpus.queries))
        fused = search if name == "fused" else fused
    assert fused is not None
    orders = [[hit.row for hit in nearest(fused(query), len(corpus.texts))] for query in corpus.queries]
    judged = [measured([judge(o, q, wrong, seed) for o, q in zip(orders, corpus.queries, strict=True)], corpus.queries)
              for seed in range(ORACLES)]  # fmt: skip
    show(f"fused, then re-ranked (simulated: {wrong:.0%} misjudged)", tuple(np.mean(judged, axis=0)), None)


def searches(corpus: Corpus, dense: DenseIndex) -> dict[str, Search]:
    """Each way to search, by name."""
    reference, built = MemoryIndex(corpus.texts), BuiltIndex.build(corpus.texts)
    both = FusedIndex(built, dense)
    ways: dict[str, Search] = {
        "BM25 (rank-bm25)": lambda q: reference.scores(q.text),
        "BM25 (bm25s)": lambda q: built.scores(q.text),
        "BM25, keyphrases": lambda q: built.scores(q.keyphrases),
        "encoder": lambda q: dense.scores(q.text),
        "encoder, query and keyphrases": lambda q: dense.scores_of([q.text, q.keyphrases]),
        "fused without keyphrases": lambda q: both.scores(q.text),
        "fused": lambda q: both.scores(q.text, q.keyphrases),
    }
    if any(query.description for query in corpus.queries):
        ways |= {
            "BM25, HyDE": lambda q: built.scores(f"{q.text}\n{q.description}"),
            "encoder, HyDE": lambda q: dense.scores_of([q.text, q.description]),
            "fused without keyphrases, HyDE": lambda q: both.scores(q.text, q.description),
            "fused, HyDE": lambda q: both.scores(f"{q.text}\n{q.description}", q.keyphrases),
        }
    return ways


def measured(found: Sequence[Sequence[int]], queries: Sequence[Query]) -> tuple[float, float, float]:
    """recall@5, recall@25 and MRR of rows in the order in which they were found."""
    at_5, at_25, reciprocal = [], [], []
    for rows, query in zip(found, queries, strict=True):
        at_5.append(len(query.right.intersection(rows[:5])) / len(query.right))
        at_25.append(len(query.right.intersection(rows[:25])) / len(query.right))
        reciprocal.append(1 / (1 + min(rows.index(row) for row in query.right)))
    return float(np.mean(at_5)), float(np.mean(at_25)), float(np.mean(reciprocal))


def judge(rows: Sequence[int], query: Query, wrong: float, seed: int) -> list[int]:
    """The nearest in the order of an oracle that misjudges some: those that it takes for right first, then the others."""
    chance = random.Random(f"{seed} {query.text}")
    head = {row: (row in query.right) != (chance.random() < wrong) for row in rows[:RANKED]}
    return (
        [row for row, right in head.items() if right]
        + [row for row, right in head.items() if not right]
        + [*rows[RANKED:]]
    )


def show(name: str, figures: Sequence[float], milliseconds: float | None) -> None:
    at_5, at_25, reciprocal = figures
    time_ = "-" if milliseconds is None else f"{milliseconds:.1f}"
    print(f"| {name} | {100 * at_5:.1f} | {100 * at_25:.1f} | {reciprocal:.3f} | {time_} |", flush=True)


def labelled_datasets() -> Corpus:
    entries = datasets()
    rows = {f"{entry.name}:{entry.config}": row for row, entry in enumerate(entries)}
    rows |= {entry.name: row for row, entry in enumerate(entries)}
    queries = [
        Query(one.query, one.keyphrases, one.description, frozenset(rows[name] for name in one.datasets))
        for one in labelled_queries()
    ]
    return Corpus("datasets of the starter catalog", [entry.description for entry in entries], queries)


def shipped_datasets() -> Corpus:
    """The same queries over all datasets of the shipped catalog: those that are written by hand are the right ones."""
    catalog = open_datasets()
    names = list(zip(catalog.entries.column("name"), catalog.entries.column("config"), strict=True))
    rows = {name: row for row, (name, _) in reversed(list(enumerate(names)))}
    rows |= {f"{name}:{config}": row for row, (name, config) in enumerate(names)}
    queries = [
        Query(one.query, one.keyphrases, one.description, frozenset(rows[name] for name in one.datasets))
        for one in labelled_queries()
    ]
    return Corpus("datasets of the shipped catalog", catalog.texts(), queries)


def labelled_students() -> Corpus:
    rows = {entry.name: row for row, entry in enumerate(models())}
    queries = [
        Query(one.query, one.keyphrases, one.card, frozenset(rows[name] for name in one.students))
        for one in labelled_queries()
        if one.students
    ]
    return Corpus("students of the starter catalog", [entry.description for entry in models()], queries)


def datafinder(queries: Path, documents: Path, descriptions: Path | None) -> Corpus:
    listed, asked = read(documents), read(queries)
    rows: dict[str, int] = {}
    for row, document in enumerate(listed):
        for name in (document["id"], *document["variants"]):
            rows.setdefault(name, row)
    described = [""] * len(asked)
    if descriptions is not None:
        described = [json.loads(line)["description"] for line in descriptions.read_text("utf-8").splitlines()]
    all_queries = [
        Query(
            one["query"],
            one["keyphrase_query"],
            text,
            frozenset(rows[name] for name in one["documents"] if name in rows),
        )
        for one, text in zip(asked, described, strict=True)
    ]
    texts = [document["contents"] for document in listed]
    return Corpus("DataFinder", texts, [query for query in all_queries if query.right])


def read(path: Path) -> list[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


if __name__ == "__main__":
    main()
