"""Has the embedded teacher describe, for each of DataFinder's queries, a dataset that would serve it (HyDE).

    python benchmarks/hypothetical_descriptions.py datafinder_queries_dev.jsonl.xz descriptions.jsonl

Writes a line a query, in their order, for benchmarks/retrieval.py --descriptions. Takes ten minutes for 203 queries on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import lzma
import tempfile
from pathlib import Path

import httpx

from prompt2model_stages.teacher.embedded import MODEL, SLOTS, EmbeddedTeacher

ASKED = "Describe, in one sentence, a dataset that would serve the research: what its texts or images are, and their labels."
SHOWN = (
    "We propose a model that answers questions about a paragraph.",
    "Questions that people wrote about paragraphs of Wikipedia, where each answer is a span of the paragraph.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queries", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    with lzma.open(options.queries, "rt", encoding="utf-8") as stream:
        queries = [json.loads(line)["query"] for line in stream]
    with tempfile.TemporaryDirectory() as folder, EmbeddedTeacher() as teacher:
        described = asyncio.run(describe(teacher.start(Path(folder)), queries))
    lines = (json.dumps({"description": text}, ensure_ascii=False) for text in described)
    options.target.write_text("\n".join(lines) + "\n", encoding="utf-8")


async def describe(url: str, queries: list[str]) -> list[str]:
    slots = asyncio.Semaphore(SLOTS)
    async with httpx.AsyncClient(timeout=600, trust_env=False) as client:

        async def one(query: str) -> str:
            messages = [
                {"role": "system", "content": ASKED},
                {"role": "user", "content": SHOWN[0]},
                {"role": "assistant", "content": SHOWN[1]},
                {"role": "user", "content": query},
            ]
            body = {"model": MODEL, "messages": messages, "max_tokens": 48, "temperature": 0.0}
            async with slots:
                answer = await client.post(f"{url}/chat/completions", json=body)
            return str(answer.json()["choices"][0]["message"]["content"]).strip()

        return list(await asyncio.gather(*(one(query) for query in queries)))


if __name__ == "__main__":
    main()
