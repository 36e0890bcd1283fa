"""What further outputs bring for what they cost: one for each input, several for each, or only where they disagree.

    python -m benchmarks.generation_votes [--task support ...] [--errors 0.1 0.2 0.3 0.4] [--seeds 5] [--examples 600]

Product, teacher and tasks are those of generation_quality. Prints a table for each task and share of errors: means over the
seeds with 95 % bootstrap intervals.

| column | |
|---|---|
| right % | of the examples, with an output that is right for what they ask |
| right meanings | different questions with a right output |
| tokens | of prompts and completions, for each example |
| won | points of right % more than with one output, by the same seed, for each 100 tokens more |
| no majority % | of the examples: no output has more than half of the votes |
| right of these % | of the examples without a majority |
| dropped: right %, right meanings | the same as above, if these were left out |
| student % | right answers of a small model (character n-grams, logistic regression) of the examples, where outputs are labels, to
  wordings of all questions that nobody wrote; and the same if examples without a majority were left out |
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.generation_quality import MEANINGS, Setting, interval, simulated
from benchmarks.simulated_tasks import World, worlds
from benchmarks.simulated_teacher import Habits, SimulatedTeacher
from prompt2model_stages.classes import are_labels
from prompt2model_stages.examples import VotedExample
from prompt2model_stages.generate.base import Order

VOTES = {
    "one output": (1, False),
    "3, always": (3, False),
    "5, always": (5, False),
    "3, on disagreement": (3, True),
    "5, on disagreement": (5, True),
}
"""By name: outputsPerInput, and whether more than two are asked for only where they disagree."""
FRESH = 12
"""Wordings from this number on are none of the teacher's."""
DECIMALS = {"right meanings": 0, "tokens": 0, "won": 2, "dropped: right meanings": 0}


def main() -> None:
    """Runs everything and prints the tables."""
    options = _options()
    for name, world in worlds(MEANINGS).items():
        for errors in options.errors if name in options.task else ():
            _print(f"{name}, {errors:.0%} errors", world, replace(Habits(), errors=errors), options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", default=list(worlds(1)), choices=list(worlds(1)))
    parser.add_argument("--errors", nargs="+", type=float, default=[0.1, 0.2, 0.3, 0.4])
    parser.add_argument("--examples", type=int, default=600, help="wanted")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=8)
    return parser.parse_args()


def _print(title: str, world: World, habits: Habits, options: argparse.Namespace) -> None:
    plain: list[dict[str, float]] = []
    for name, (most, on_disagreement) in VOTES.items():
        order = Order(options.examples, outputs_per_input=most, on_disagreement=on_disagreement, group="votes")
        found = [_measured(world, habits, replace(order, seed=seed), options) for seed in range(options.seeds)]
        plain = plain or found
        for one, base in zip(found, plain, strict=True):
            more = one["tokens"] - base["tokens"]
            one["won"] = 100 * (one["right %"] - base["right %"]) / more if more else float("nan")
        if found is plain:
            print(f"| {title} | {' | '.join(found[0])} |\n|---|{'--:|' * len(found[0])}")
        cells = (interval([one[column] for one in found], DECIMALS.get(column, 1)) for column in found[0])
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()


def _measured(world: World, habits: Habits, order: Order, options: argparse.Namespace) -> dict[str, float]:
    generated, teacher = simulated(world, habits, Setting(order), order.seed, options.concurrency)
    examples, spent = list(generated.examples), generated.spent
    kept = [one for one in examples if 2 * one.votes > one.of]
    undecided = [one for one in examples if 2 * one.votes <= one.of]
    found = {
        "right %": _right(examples, teacher)[0],
        "right meanings": _right(examples, teacher)[1],
        "tokens": (spent.prompt_tokens + spent.completion_tokens) / max(1, len(examples)),
        "won": 0.0,
        "no majority %": 100 * len(undecided) / max(1, len(examples)),
        "right of these %": _right(undecided, teacher)[0] if undecided else float("nan"),
        "dropped: right %": _right(kept, teacher)[0],
        "dropped: right meanings": _right(kept, teacher)[1],
    }
    if are_labels([one.output for one in examples]):
        found["student %"] = _student(world, examples)
        found["dropped: student %"] = _student(world, kept)
    return found


def _right(examples: Sequence[VotedExample], teacher: SimulatedTeacher) -> tuple[float, float]:
    """The share of right outputs in percent, and the number of questions that have one."""
    asked = ((teacher.meaning(one.input), one.output) for one in examples)
    right = [at for at, output in asked if at is not None and teacher.is_right(at, output)]
    return 100 * len(right) / max(1, len(examples)), len(set(right))


def _student(world: World, examples: Sequence[VotedExample]) -> float:
    """Right labels, in percent, of a small model of the examples."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
        LogisticRegression(C=3, max_iter=300),
    )
    model.fit([one.input for one in examples], [one.output for one in examples])
    given = model.predict([world.wording(at, FRESH) for at in range(len(world.meanings))])
    right = [label in meaning.right for label, meaning in zip(given, world.meanings, strict=True)]
    return 100 * sum(right) / len(right)


if __name__ == "__main__":
    main()
