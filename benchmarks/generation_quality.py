"""How good the data is that generate makes of a teacher's answers, by a teacher of which the truth is known.

    python -m benchmarks.generation_quality [--task support ...] [--examples 600] [--seeds 5] [--off MECHANISM ...]
        [--on OPTION ...] [--habit errors=0.4 ...] [--concurrency 8] [--several 5]
    python -m benchmarks.generation_quality --teacher-gguf model.gguf --examples 60 --seeds 1 --task dates

Generator, prompts, client, journal and budget are the product's; the teacher is benchmarks/simulated_teacher.py, in this process.
The rows are: what a spec without settings gives ("defaults"), each mechanism turned off in turn (or those that --off names), and
what is off by default turned on (or what --on names). Prints Markdown: means over the seeds with 95 % bootstrap intervals.

| column | of the examples that are kept |
|---|---|
| inputs | different inputs |
| meanings | different questions, which the simulated teacher knows |
| covered % | the same, of all that the teacher has |
| near % | that ask what an earlier one asks, by prepare's rule (docs/decisions/0094) |
| 3-grams % | whose character triples are those of an earlier one (Jaccard > 0.7) |
| right % | with an output that is right for the meaning |
| right meanings | different questions with at least one right output, none of the wrong ones counted |
| tokens | of prompts and completions, for each example; requests and dollars (0.15 and 0.60 for a million) of the whole run |
| $ / 1,000 right | dollars for 1,000 right meanings |

With --teacher-gguf (or P2M_TEACHER_GGUF), a real model answers through the embedded teacher's server, one example a completion. Of
its meanings and labels nothing is known.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from unittest import mock

import httpx2
import numpy as np

from benchmarks.simulated_tasks import World, worlds
from benchmarks.simulated_teacher import Habits, SimulatedTeacher
from prompt2model_api.base import Metadata
from prompt2model_api.spec.teacher import Budget, Limits, Price, TeacherSpec
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.errors import StageError
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate import generator
from prompt2model_stages.generate.base import Generated, Order, Progress
from prompt2model_stages.generate.generator import FewShotGenerator
from prompt2model_stages.generate.writing import compose
from prompt2model_stages.prepare.near_duplicates import near_duplicates
from prompt2model_stages.teacher import open_teacher
from prompt2model_stages.teacher.embedded import MODEL, SLOTS, EmbeddedTeacher

PRICE = Price(input_per_million=0.15, output_per_million=0.60)
MEANINGS = 1000
RESAMPLES = 2000
JACCARD = 0.7


@dataclass(frozen=True)
class Setting:
    """How examples are ordered, and whether prompts show what was written before."""

    order: Order
    shows: bool = True


Change = Callable[[Setting], Setting]


def _ordered(**changed: object) -> Change:
    return lambda setting: replace(setting, order=replace(setting.order, **changed))  # type: ignore[arg-type]


MECHANISMS: dict[str, Change] = {
    "temperature": _ordered(coolest=0.85, hottest=0.85),
    "shown": lambda setting: replace(setting, shows=False),
    "leastYield": _ordered(least_yield=0.0),
}
"""By name: what turns off a mechanism that is on by default. The temperature stays at the middle of its range."""
OPTIONS: dict[str, Change] = {
    "nearDuplicates: Drop": _ordered(drop_near_duplicates=True),
    "outputsPerInput: 3": _ordered(outputs_per_input=3),
    "both": _ordered(drop_near_duplicates=True, outputs_per_input=3),
}
"""What is off by default, turned on."""
COLUMNS = (
    *("examples", "inputs", "meanings", "covered %", "near %", "3-grams %", "right %", "right meanings"),
    *("tokens", "requests", "$", "$ / 1,000 right"),
)
DECIMALS = {"$": 3, "$ / 1,000 right": 3, "near %": 1, "3-grams %": 1, "right %": 1, "covered %": 1}


def main() -> None:
    """Runs all settings and prints a table for each task."""
    options = _options()
    every = not options.off and not options.on
    named = [name for name in MECHANISMS if every or name in options.off]
    settings: dict[str, Change] = {"defaults": lambda setting: setting}
    settings |= {f"without {name}": MECHANISMS[name] for name in named}
    settings |= {name: change for name, change in OPTIONS.items() if every or name in options.on}
    habits = replace(Habits(), **{name: type(getattr(Habits(), name))(value) for name, value in options.habit})
    print(f"{habits}\n")
    for name, world in worlds(MEANINGS).items():
        if name in options.task:
            print(f"{name}: {len(world.meanings)} meanings; {options.examples} examples are wanted\n")
            print(f"| {name} | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}")
            for setting, change in settings.items():
                print(f"| {setting} | {_cells(world, habits, change, options)} |", flush=True)
            print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", default=list(worlds(1)), choices=list(worlds(1)))
    parser.add_argument("--examples", type=int, default=600, help="wanted")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--off", nargs="+", default=[], choices=list(MECHANISMS), help="only these in turn")
    parser.add_argument("--on", nargs="+", default=[], choices=list(OPTIONS), help="only these, and those of --off")
    known = [field.name for field in fields(Habits)]
    parser.add_argument("--habit", nargs="+", default=[], type=lambda text: text.split("="), help=f"of {known}")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--several", type=int, default=5, help="examples in a completion")
    parser.add_argument("--teacher-gguf", type=Path, default=os.environ.get("P2M_TEACHER_GGUF") or None)
    return parser.parse_args()


def _cells(world: World, habits: Habits, change: Change, options: argparse.Namespace) -> str:
    runs = [_run(world, habits, change, seed, options) for seed in range(options.seeds)]
    return " | ".join(interval([run[column] for run in runs], DECIMALS.get(column, 0)) for column in COLUMNS)


def interval(values: Sequence[float], decimals: int) -> str:
    """The mean, and in brackets the 2.5th and 97.5th percentile of the means of samples with replacement."""
    if any(value != value for value in values):
        return "-"
    chance = random.Random(0)
    means = sorted(statistics.fmean(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    low, high = (f"{means[int(RESAMPLES * at)]:.{decimals}f}" for at in (0.025, 0.975))
    mean = f"{statistics.fmean(values):.{decimals}f}"
    return mean if low == high else f"{mean} ({low}-{high})"


def _run(world: World, habits: Habits, change: Change, seed: int, options: argparse.Namespace) -> dict[str, float]:
    order = Order(options.examples, examples_per_answer=options.several, seed=seed, group="quality")
    if options.teacher_gguf:
        order = replace(order, examples_per_answer=1, completions=SLOTS)
    if not options.teacher_gguf:
        return measured(
            *simulated(world, habits, change(Setting(order)), seed, options.concurrency), len(world.meanings)
        )
    with tempfile.TemporaryDirectory() as folder, EmbeddedTeacher() as server:
        url = server.start(Path(folder) / "server", model=options.teacher_gguf)
        job = _job(url, options.concurrency, Path(folder))
        began = time.monotonic()
        generated = asyncio.run(_generate(job, world, change(Setting(order)), None))
        found = measured(generated, SimulatedTeacher(world, habits, seed), len(world.meanings))
        _tell(generated, time.monotonic() - began)
    return found | dict.fromkeys(
        ("meanings", "covered %", "right %", "right meanings", "$ / 1,000 right"), float("nan")
    )


def simulated(
    world: World, habits: Habits, setting: Setting, seed: int, concurrency: int
) -> tuple[Generated, SimulatedTeacher]:
    """What the product makes of the answers of a simulated teacher, and the teacher, which knows what is right of it."""
    teacher = SimulatedTeacher(world, habits, seed)
    with tempfile.TemporaryDirectory() as folder:
        job = _job("http://simulated.test/v1", concurrency, Path(folder))
        return asyncio.run(_generate(job, world, setting, teacher.client())), teacher


def _job(url: str, concurrency: int, folder: Path) -> StageJob:
    spec = StageRunSpec(resource="benchmark", stage=Stage.GENERATE, digest="0" * 64, storage=str(folder))
    limits = Limits(concurrency=concurrency)
    teacher = TeacherSpec(base_url=url, model=MODEL, limits=limits, budget=Budget(unlimited=True), price=PRICE)
    run = StageRun(metadata=Metadata(name="benchmark"), spec=spec)
    return StageJob(stage_run=run, attempt=1, settings=StageSettings(teacher=teacher))


async def _generate(job: StageJob, world: World, setting: Setting, http: httpx2.AsyncClient | None) -> Generated:
    def ignore(progress: Progress) -> None:
        """Nobody watches."""

    with _prompts(setting.shows):
        async with open_teacher(job, "generate", http=http, grace_s=1.0) as teacher:
            return await FewShotGenerator(world.task, setting.order, teacher).generate(ignore)


@contextlib.contextmanager
def _prompts(show: bool) -> Iterator[None]:
    """Prompts with or without what was written before."""
    if show:
        yield
        return
    with mock.patch.object(
        generator, "compose", lambda task, order, plan, earlier, sample: compose(task, order, plan, (), sample)
    ):
        yield


def measured(generated: Generated, teacher: SimulatedTeacher, meanings: int) -> dict[str, float]:
    """The columns of one run."""
    pairs = [Pair(one.input, one.output) for one in generated.examples]
    asked = [teacher.meaning(pair.input) for pair in pairs]
    known = [(at, pair) for at, pair in zip(asked, pairs, strict=True) if at is not None]
    right = [at for at, pair in known if teacher.is_right(at, pair.output)]
    spent, count = generated.spent, max(1, len(pairs))
    return {
        "examples": len(pairs),
        "inputs": len({pair.input for pair in pairs}),
        "meanings": len({at for at, _ in known}),
        "covered %": 100 * len({at for at, _ in known}) / meanings,
        "near %": 100 * len({max(twins.one, twins.other) for twins in near_duplicates(pairs)}) / count,
        "3-grams %": 100 * _alike([pair.input for pair in pairs]) / count,
        "right %": 100 * len(right) / max(1, len(known)),
        "right meanings": len(set(right)),
        "tokens": (spent.prompt_tokens + spent.completion_tokens) / count,
        "requests": spent.requests,
        "$": spent.usd,
        "$ / 1,000 right": 1000 * spent.usd / max(1, len(set(right))),
    }


def _alike(texts: Sequence[str]) -> int:
    """Texts whose triples of characters are those of an earlier one: Jaccard over JACCARD."""
    places: dict[str, int] = {}
    sets = [{places.setdefault(text[at : at + 3], len(places)) for at in range(len(text) - 2)} for text in texts]
    has = np.zeros((len(texts), max(1, len(places))), np.float32)
    for at, triples in enumerate(sets):
        has[at, list(triples)] = 1
    common, sizes = has @ has.T, has.sum(axis=1)
    union = sizes[:, None] + sizes[None, :] - common
    return int((np.tril(common > JACCARD * np.maximum(union, 1), -1)).any(axis=1).sum())


def _tell(generated: Generated, seconds: float) -> None:
    print(f"{len(generated.examples)} examples in {seconds:.0f} s; {asdict(generated.counts)}; {generated.shortfall}")
    for example in list(generated.examples)[:10]:
        print(f"    {example.input!r} -> {example.output!r}")


if __name__ == "__main__":
    try:
        main()
    except StageError as error:
        raise SystemExit(f"{error.failure.message} {error.failure.remedy or ''}") from None
