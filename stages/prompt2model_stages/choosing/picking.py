"""What a person picked on the page: what is wrong with it in one sentence, and the fields of the spec that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from prompt2model_api.named_datasets import with_columns
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import TRAIN, Choice, DatasetCandidate, UsedDataset

CHOICE_PATH = ("spec", "datasets", "choice")
STUDENT_PATH = ("spec", "student", "name")

Fields = Mapping[tuple[str, ...], Any]


@dataclass(frozen=True)
class Pick:
    """A dataset as it is picked.

    name: empty: the field is left as it is. none: no dataset is wanted.
    is_other: whether it is selected as another one than the spec's own, though it may have its name.
    """

    name: str = ""
    none: bool = False
    config: str = ""
    split: str = "train"
    inputs: Sequence[str] = ()
    output: str = ""
    is_other: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))  # a list of the page's, to compare


def problem_of(pick: Pick, known: Sequence[str] = ()) -> str:
    """What is wrong with the pick, in one sentence; empty where nothing is.

    Args:
        pick: as the page has it.
        known: the columns of the split; empty where they are not known.
    """
    if pick.none or not pick.name:
        return ""
    twice = next((column for column in pick.inputs if pick.inputs.count(column) > 1), None)
    within = next((column for column in pick.inputs if pick.output.startswith(f"{column}.")), None)
    unknown = next((column for column in [*pick.inputs, pick.output] if known and column not in known), None)
    if not pick.split:
        return "Name the split to read."
    if not pick.inputs:
        return "Choose at least one input column."
    if not pick.output:
        return "Choose the output column."
    if twice is not None:
        return f"The input column {twice} is chosen twice: remove it once."
    if pick.output in pick.inputs:
        return f"The column {pick.output} is both an input and the output: choose another one for one of them."
    if within is not None:
        return f"The input column {within} contains the output {pick.output}: remove it from the inputs."
    if unknown is not None:
        return f"This split has no column {unknown}; its columns are {', '.join(known)}."
    return ""


def choice_of(
    pick: Pick, before: Choice | None = None, given: Pick | None = None, candidate: DatasetCandidate | None = None
) -> Choice | None:
    """The pick as `datasets.choice`; None where the field is left as it is.

    What a person did not touch stays as the spec has it, such as a choice without columns, as long as it means what was picked.

    Args:
        pick: as the page has it.
        before: what the spec has.
        given: what the page had before anybody touched it; needed where before is of the same dataset.
        candidate: by which the gate knows the dataset's columns.

    Raises: ValueError in one sentence.
    """
    if pick.none:
        return Choice(none=True)
    if not pick.name:
        return None
    try:
        whole = Choice(
            name=pick.name,
            config=pick.config or None,
            split=pick.split,
            input_columns=list(pick.inputs),
            output_column=pick.output,
        )
    except ValidationError as error:
        raise ValueError(f"datasets.choice: {error.errors()[0]['msg']}.") from error
    if before is None or given is None or pick.is_other or before.name != pick.name or given.name != pick.name:
        return whole
    touched: dict[str, Any] = {"config": pick.config or None} if pick.config != given.config else {}
    touched |= {"split": pick.split} if pick.split != given.split else {}
    if before.has_columns:
        return before.model_copy(
            update={**touched, "input_columns": whole.input_columns, "output_column": whole.output_column}
        )
    bare = before.model_copy(update=touched)
    used = with_columns(bare.datasets()[0], candidate)
    wanted = (list(pick.inputs), pick.output, pick.split)
    if touched.get("split") == TRAIN and candidate is not None and candidate.split != TRAIN:
        return whole  # discover passed train over, so what it found says nothing of its columns
    return bare if used and (used.input_columns, used.output_column, used.split) == wanted else whole


def config_of(pick: Pick, before: Choice | None, given: Pick) -> str | None:
    """The configuration that is meant: what nobody touched stays as the spec has it, such as none for the default one."""
    is_own = before is not None and before.name == pick.name == given.name and not pick.is_other
    is_untouched = is_own and pick.config == given.config
    return before.config if before is not None and is_untouched else pick.config or None


def fields_of(
    choice: Choice | None, student: str, spec: Prompt2ModelSpec, default: str = ""
) -> dict[tuple[str, ...], Any]:
    """The fields that change, by path.

    The page shows the first dataset alone: those beside it, and its share, stay as they are.

    Args:
        choice: None: left as it is.
        student: empty: left as it is.
        spec: as it is.
        default: the name of the picked dataset's default configuration; empty where it is not known.
    """
    fields: dict[tuple[str, ...], Any] = {}
    before = spec.datasets.choice
    if choice is not None and before is not None and not choice.none:
        moved = moved_of(choice, before, default)
        also = [one for one in before.also or [] if one is not moved]
        share = before.share if moved is None else moved.share
        choice = choice.model_copy(update={"share": share, "also": also or None})
    if choice is not None and choice != before:
        fields[CHOICE_PATH] = written(choice)
    if student and student != spec.student.name:
        fields[STUDENT_PATH] = student
    return fields


def moved_of(choice: Choice, before: Choice, default: str = "") -> UsedDataset | None:
    """The entry of `also` that becomes the first dataset; None where that is a new one, or the first one read otherwise.

    One that is read just as picked, else one of that configuration, of that split where there are several: other configurations
    of a dataset are other datasets. One without a configuration is of the default one, whose name the page may know. A pick
    without one may be any: see unclear_of.
    """
    also, first = before.also or [], choice.datasets()[0]
    same = next((one for one in also if one.rows_of == first.rows_of), None)
    if same is not None or [one.key for one in before.datasets()[:1]] == [first.key]:
        return same
    of_name = [one for one in also if one.name == first.name]
    of_config = [one for one in of_name if one.config == first.config] or [
        one for one in of_name if first.config is None or (one.config is None and first.config == default)
    ]
    of_split = [one for one in of_config if one.split_to_read == first.split_to_read]
    return next(iter(of_split or (of_config if len(of_config) == 1 else [])), None)


def unclear_of(choice: Choice | None, before: Choice | None) -> str:
    """Why it is not known whether the pick is one of `also`, in one sentence; empty where it is known."""
    if choice is None or before is None or choice.none or choice.config is not None:
        return ""
    if any(one.key == (choice.name, None) for one in before.datasets()):
        return ""
    configs = [one.config for one in before.also or [] if one.name == choice.name and one.config]
    if not configs:
        return ""
    return (
        f"datasets.choice.also has {choice.name} with the configuration {', '.join(configs)}: name a configuration here as well, "
        "so that it is clear whether this is another one."
    )


def note_of(fields: Fields, spec: Prompt2ModelSpec, default: str = "") -> str:
    """What becomes of the datasets beside the first one, where that changes; empty where there are none."""
    before = spec.datasets.choice
    if CHOICE_PATH not in fields or before is None or not before.also:
        return ""
    if fields[CHOICE_PATH].get("none"):
        return f"datasets.choice.also goes as well: {', '.join(one.name for one in before.also)} will not be used."
    now = Choice.model_validate(fields[CHOICE_PATH])
    kept = ", ".join(one.name for one in now.also or [])
    said = [f"Used beside it, as datasets.choice.also has it: {kept}."] if kept else []
    first, moved = now.datasets()[0], moved_of(now, before, default)
    if moved is not None and moved.revision is not None:
        said.append(
            f"The revision {moved.revision} of {moved.name} goes, since only datasets of also have one: the commit that discover "
            "found is read."
        )
    if moved is not None and moved.split is not None and moved.split != first.split_to_read:
        said.append(f"{moved.name} was read from the split {moved.split}, and is read from {first.split_to_read} now.")
    if first.config and not default and (first.name, None) in [one.key for one in now.also or []]:
        said.append(
            f"{first.name} is used beside it without a configuration: if {first.config} is its default one, that is the same one."
        )
    return " ".join(said)


def written(choice: Choice) -> dict[str, Any]:
    """A choice as it is written into YAML, without what nobody set."""
    tree = choice.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    return {"none": True} if choice.none else {name: value for name, value in tree.items() if value != []}


def given(spec: Prompt2ModelSpec, candidate: DatasetCandidate | None = None) -> Pick:
    """What the spec has already; candidate: by which the gate knows the columns of a choice without them."""
    choice = spec.datasets.choice
    if choice is None or not choice.datasets():
        return Pick(none=bool(choice and choice.none))
    first = choice.datasets()[0]
    used = with_columns(first, candidate) or first
    return Pick(
        used.name, False, used.config or "", used.split_to_read, tuple(used.input_columns), used.output_column or ""
    )


def proposed(candidate: DatasetCandidate) -> Pick:
    """What discover found of a dataset that the spec does not name."""
    config, output = candidate.config or "", candidate.output_column or ""
    return Pick(candidate.name, False, config, candidate.split, candidate.input_columns, output, is_other=True)
