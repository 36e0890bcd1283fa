"""Time and memory of search in a large catalog: 200,000 descriptions, made of real ones by repetition with changes.

    python -m benchmarks.retrieval_speed FILE.jsonl.xz [--texts 200000] [--reference]

The file has a description a line, as `contents`. Each text is one of them with a fifth of its words left out and up to eight
words of others put in; each vector is of the real text, with noise. A query is a sentence with keyphrases.
Memory is what the process's resident size grows by, from the loaded encoder to after the last query: pages of the files that were
read count, as they do for the container. --reference measures rank-bm25 too, which takes minutes. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import lzma
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from prompt2model_stages.catalogs.search import BuiltIndex, FusedIndex, MemoryIndex, open_lexical, opening
from prompt2model_stages.catalogs.search.encoders import MINILM, find_encoder
from tests.retrieval_queries import labelled_queries

ENCODED = 500
"""Real texts whose vectors are repeated."""
NOISE = 0.02


@dataclass(frozen=True)
class Texts:
    """The catalog: its texts are a file, so that they are not in the memory that is measured."""

    folder: Path
    digest: str = "made"

    def texts(self) -> Sequence[str]:
        return (self.folder / "texts.txt").read_text("utf-8").splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--reference", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Texts(Path(folder))
        built = make(catalog, options.file, options.texts)
        print(f"\n{options.texts:,} texts: the lexical index takes {built:.0f} CPU s to build\n")
        print(
            "| | files MB | load s | CPU ms a query | wall ms a query (median) | memory MB |\n|---|--:|--:|--:|--:|--:|"
        )
        ways = ["words", "meaning", "both", *(["rank-bm25"] if options.reference else [])]
        for way in ways:
            process = multiprocessing.get_context("spawn").Process(target=measure, args=(way, catalog))
            process.start()
            process.join()


def make(catalog: Texts, file: Path, count: int) -> float:
    """Writes texts, vectors and the lexical index. Returns the CPU seconds of the latter."""
    with lzma.open(file, "rt", encoding="utf-8") as stream:
        real = [" ".join(json.loads(line)["contents"].split()) for line in stream]
    chance, spare = random.Random(12), sorted({word for text in real for word in text.split()})
    with (catalog.folder / "texts.txt").open("w", encoding="utf-8") as stream:
        for number in range(count):
            kept = [word for word in real[number % len(real)].split() if chance.random() < 0.8]
            stream.write(" ".join(kept + chance.choices(spare, k=chance.randint(0, 8))) + "\n")
    encoder = find_encoder().load()
    vectors = np.resize(encoder.documents(real[:ENCODED])[0], (count, encoder.dimension))
    vectors += np.random.default_rng(12).normal(0, NOISE, vectors.shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    about = opening.About(
        kind="vectors", catalog=catalog.digest, rows=count, encoder=MINILM, encoder_digest=encoder.files.digest,
        dimension=encoder.dimension, cut=0,
    )  # fmt: skip
    opening._store(catalog.folder / opening.VECTORS, about, lambda folder: np.save(folder / "vectors.npy", vectors))
    began = time.process_time()
    opening.build_lexical(catalog)
    return time.process_time() - began


def measure(way: str, catalog: Texts) -> None:
    """Prints the line of one way to search."""
    queries = [(one.query, one.keyphrases) for one in labelled_queries()]
    encoder = opening._loaded(find_encoder())
    encoder.queries(list(queries[0]))
    process = psutil.Process()
    before, began = process.memory_info().rss, time.monotonic()
    search = opened(way, catalog)
    loaded, times = time.monotonic() - began, list[float]()
    search(*queries[0])
    cpu = time.process_time()
    for query, keyphrases in queries:
        began = time.monotonic()
        search(query, keyphrases)
        times.append(time.monotonic() - began)
    cpu = (time.process_time() - cpu) / len(queries)
    grown = (process.memory_info().rss - before) / 1e6
    folders = {"words": ["bm25"], "meaning": ["vectors"], "both": ["bm25", "vectors"]}.get(way, [])
    size = sum(file.stat().st_size for name in folders for file in (catalog.folder / name).iterdir()) / 1e6
    median = 1000 * float(np.median(times))
    print(f"| {way} | {size:.0f} | {loaded:.1f} | {1000 * cpu:.1f} | {median:.1f} | {grown:.0f} |", flush=True)


def opened(way: str, catalog: Texts) -> Callable[[str, str], object]:
    if way == "rank-bm25":
        reference = MemoryIndex(catalog.texts())
        return lambda query, keyphrases: reference.search(query, 25)
    if way == "meaning":
        dense = opening.open_vectors(catalog)
        return lambda query, keyphrases: dense.search(query, 25)
    lexical = open_lexical(catalog)
    assert isinstance(lexical, BuiltIndex)
    if way == "words":
        return lambda query, keyphrases: lexical.search(query, 25)
    fused = FusedIndex(lexical, opening.open_vectors(catalog))
    return lambda query, keyphrases: fused.search(query, 25, keyphrases)


if __name__ == "__main__":
    main()
