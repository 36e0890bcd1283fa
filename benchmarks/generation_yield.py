"""What a teacher that repeats itself is asked, with and without the bound on its yield (generation.leastYield).

    python -m benchmarks.generation_yield

Both teachers are made of Python: one with 400 different inputs at any temperature, and one that has few while it is cool
and thousands when it is hot. Answers come one by one, in an order that a seed decides, so each run gives the same numbers.
Prints a Markdown table.
"""

from __future__ import annotations

import asyncio

from prompt2model_stages.generate.base import LEAST_YIELD, Generated, Order
from tests.unit.generation_cases import ConductedTeacher, Conductor, CoolTeacher, generate, numbers

SEED = 5
RUNS = (("400 different inputs", 400), ("400 different inputs", 1000), ("few inputs while it is cool", 1000))


def main() -> None:
    """Prints the table."""
    print("| teacher, five examples a request | wanted | bound | examples | requests | written |")
    print("|---|--:|---|--:|--:|--:|")
    for name, wanted in RUNS:
        for bound, least in (("5 %", LEAST_YIELD), ("none", 0.0)):
            conductor = Conductor(SEED)
            cool = name.startswith("few")
            teacher = CoolTeacher(conductor) if cool else ConductedTeacher(numbers(400), conductor)
            found = asyncio.run(generate(teacher, conductor, Order(wanted, group="g", least_yield=least)))
            assert isinstance(found, Generated)
            cells = [
                name,
                f"{wanted:,}",
                bound,
                f"{len(found.examples):,}",
                f"{len(teacher.sent):,}",
                f"{found.counts.written:,}",
            ]
            print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
