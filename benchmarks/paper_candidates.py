"""The dataset and student candidates for the three tasks of the Prompt2Model paper, each judged by hand.

    python -m benchmarks.paper_candidates prompt_examples.md [--reasons]

The file is that of https://github.com/neulab/prompt2model (commit d4cd23d5), which has the prompts of the three tasks: reading
comprehension (SQuAD), Japanese to Python (MCoNaLa), and normalization of temporal expressions. Datasets that hold rows of a
benchmark are left out.

No teacher is asked: the prompt is taken apart by its layout, there is no model card, and nothing is ordered again. The Japanese
instruction, which a teacher would translate, is translated by hand in TRANSLATED. The second list of datasets is that with the
keyphrases of a teacher, simulated by those in TASKS. Candidates in bold fit, judged by hand; those in italics would help with
another input, form or direction. Prints Markdown.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prompt2model_api.base import Architecture
from prompt2model_api.quantities import bytes_of
from prompt2model_stages.catalogs.opening import open_datasets, open_models
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt
from prompt2model_stages.discover.segmenting import parsed, parts
from prompt2model_stages.discover.student_facts import task_facts
from prompt2model_stages.discover.student_retrieval import CatalogStudentRetriever

SHOWN = 25
WIDTH = 150
LOOKED_AT = 60
"""Datasets that are retrieved, so that 25 are left when the benchmark's own are taken out."""
LARGEST = bytes_of("3Gi")

TRANSLATED = (
    "Generate one line of Python code that answers a Japanese question of Stack Overflow. The input is a Japanese text with names "
    "of variables and an operation. The output is one line of Python without comments, expressions or imports."
)


@dataclass(frozen=True)
class PaperTask:
    """A task.

    heading: in the file of prompts.
    made_of_it: a pattern of datasets that hold rows of the benchmark.
    keyphrases: as a strong teacher might write them.
    fits, helps: patterns of datasets, judged by hand.
    students: a pattern of students that an engineer would take.
    instruction: in English, where the prompt is in another language.
    """

    heading: str
    name: str
    made_of_it: str
    keyphrases: str
    fits: str
    helps: str
    students: str
    instruction: str = ""


NONE = "(?!)"
TASKS = (
    PaperTask(
        heading="Question Answering",
        name="Reading comprehension (SQuAD)",
        made_of_it=r"squad|xquad|synqa|dynabench/qa|adversarial_?qa",
        keyphrases="question answering, reading comprehension, passage, extractive answers",
        fits=r"newsqa|ucinlp/drop|duorc|qed|ropes|covid_qa_deepset|cuad|qa_zre|allenai/sciq|lmqg/qg_subjqa|quoref|hotpot_qa|coqa|quac|nlp/narrativeqa",
        helps=r"natural_questions|search_qa|lmqg/qag_tweetqa|trivia_?qa|qasc|ehovy/race|sagnikrayc/mctest|msr_sqa|sharc",
        students=r".*/(?:unifiedqa|flan-t5)-.*|MaRiOrOsSi/.*|ThomasNLG/t5-qa_squad2neg-en|consciousAI/question-answering-gen.*|tuner007/t5_abs_qa",
    ),
    PaperTask(
        heading="Japanese-to-Python Generation",
        name="Japanese to Python (MCoNaLa)",
        made_of_it=r"mconala|neulab/odex",
        keyphrases="code generation, natural language to Python, Stack Overflow, Japanese",
        fits=NONE,
        helps=r"neulab/conala|.*mbpp|koutch/staqc|codeparrot/xlcost-text-to-code|code_x_glue_ct_code_to_text|neural_code_search",
        students=r"Salesforce/codet5p?-(?:small|base|220m|770m)|google/(?:mt5|byt5|umt5)-.*|.*CodeT5-small|saikatc/NatGen",
        instruction=TRANSLATED,
    ),
    PaperTask(
        heading="Temporal Expression Normalization",
        name="Temporal expressions",
        made_of_it=NONE,
        keyphrases="temporal expression normalization, date extraction, timex",
        fits=NONE,
        helps=r"builtin:dates-in-words",
        students=r"google/flan-t5-.*|google-t5/t5-.*|google/t5-.*|facebook/bart-.*",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A candidate, as the lists have it. mark: in front of and behind its name."""

    name: str
    reason: str
    mark: str = ""


def main() -> None:
    """Prints all candidates of each task."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("prompts", type=Path)
    options.add_argument("--reasons", action="store_true", help="why each is proposed")
    given = options.parse_args()
    prompts = prompts_in(given.prompts)
    datasets, students = CatalogDatasetRetriever.of(open_datasets()), CatalogStudentRetriever.of(open_models())
    for task in TASKS:
        found = parsed(parts(prompts[task.heading]))
        print(f"\n### {task.name}")
        show("Datasets without a teacher", datasets_of(datasets, task, found, ""), given.reasons)
        show("Datasets with keyphrases", datasets_of(datasets, task, found, task.keyphrases), given.reasons)
        show("Students", students_of(students, task, found), given.reasons)


def prompts_in(file: Path) -> dict[str, str]:
    """The prompts in the file, by their headings."""
    found = re.findall(r'### (.+?)\n+```text\n"""(.*?)"""\n```', file.read_text("utf-8"), re.DOTALL)
    return {heading.strip(): prompt for heading, prompt in found}


def datasets_of(
    retriever: CatalogDatasetRetriever, task: PaperTask, found: ParsedPrompt, keyphrases: str
) -> list[Shown]:
    """The nearest ones without those that hold rows of the benchmark."""
    instruction = task.instruction or found.instruction
    nearest = retriever.retrieve(instruction, found.demonstrations, LOOKED_AT, keyphrases)
    kept = [one for one in nearest if not re.search(task.made_of_it, one.name, re.IGNORECASE)][:SHOWN]
    return [Shown(one.name, one.reason, mark_of(one.name, task)) for one in kept]


def mark_of(name: str, task: PaperTask) -> str:
    """Two stars for a dataset that fits, one for one that would help."""
    if re.search(task.fits, name):
        return "**"
    return "*" if re.search(task.helps, name) else ""


def students_of(retriever: CatalogStudentRetriever, task: PaperTask, found: ParsedPrompt) -> list[Shown]:
    """The best encoder-decoders up to 3 GiB, as in the paper and by default here."""
    instruction = task.instruction or found.instruction
    facts = task_facts(instruction, found.demonstrations)
    best = retriever.retrieve(instruction, [Architecture.ENCODER_DECODER], LARGEST, facts)
    return [Shown(one.name, one.reason, "**" if re.fullmatch(task.students, one.name) else "") for one in best]


def show(title: str, candidates: Sequence[Shown], reasons: bool) -> None:
    """All in one paragraph, or a line each with the reason."""
    fit, help_ = (sum(one.mark == mark for one in candidates) for mark in ("**", "*"))
    counted = f"{len(candidates)}, of which {fit} fit" + (f" and {help_} would help" if help_ else "")
    if reasons:
        print(f"\n{title} ({counted}):\n")
        for number, one in enumerate(candidates, 1):
            print(f"{number}. {one.mark}{one.name}{one.mark}: {one.reason}")
    else:
        names = ", ".join(f"{one.mark}{one.name}{one.mark}" for one in candidates)
        print(f"\n{textwrap.fill(f'{title} ({counted}): {names}.', WIDTH, break_on_hyphens=False)}")


if __name__ == "__main__":
    main()
