"""Whether the rows of the chosen datasets are rewritten by the teacher: what datasets.transform means for a choice."""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.candidates import candidate_of
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, UsedDataset


def may_transform(spec: Prompt2ModelSpec) -> bool:
    """Whether rows may be rewritten at all: the spec asks for it, and names a teacher; the embedded one is too weak."""
    return spec.datasets.transform != "None" and spec.teacher is not None


def transform_of(spec: Prompt2ModelSpec, candidate: DatasetCandidate | None) -> bool | None:
    """Whether rows are rewritten; candidate: what discover found of the first dataset that is used."""
    if not may_transform(spec):
        return None
    another_form = candidate is not None and is_of_another_form(candidate)
    return True if spec.datasets.transform == "Always" or another_form else None


def is_of_another_form(candidate: DatasetCandidate) -> bool:
    """Whether nothing but the form of its rows speaks against it."""
    return bool(candidate.transformable) and not candidate.recommended


def meant_by(chosen: UsedDataset, candidates: Sequence[DatasetCandidate]) -> DatasetCandidate | None:
    """The candidate that is chosen; one that has no configuration of its own goes by its name, since a person must name one.

    So does one of the default configuration, where a person names that.
    """
    of_name = [c for c in candidates if c.name == chosen.name and c.config is None]
    fitting = (c for c in of_name if c.config_wanted or (chosen.config and c.default_config == chosen.config))
    return candidate_of(chosen, candidates) or next(fitting, None)


def _maybe_meant(chosen: UsedDataset, candidates: Sequence[DatasetCandidate]) -> DatasetCandidate | None:
    """The candidate of the dataset's default configuration, whose name is not known: the one that is chosen may be that one."""
    of_name = (c for c in candidates if c.name == chosen.name and c.config is None and c.default_config is None)
    return None if meant_by(chosen, candidates) is not None else next(of_name, None)


def is_used_as(candidate: DatasetCandidate, chosen: UsedDataset) -> bool:
    """Whether what discover found of the candidate's form holds for the choice: other columns of a dataset are another task.

    The split says nothing of the form. Where discover found no columns, those of the choice answer its question.
    """
    if not chosen.has_columns or candidate.undecided is not None or candidate.output_column is None:
        return True
    columns = sorted(candidate.input_columns) == sorted(chosen.input_columns)
    return columns and candidate.output_column == chosen.output_column


def used_as_found(chosen: UsedDataset, candidates: Sequence[DatasetCandidate]) -> DatasetCandidate | None:
    """The candidate that is chosen, where it is used as discover found it."""
    candidate = meant_by(chosen, candidates)
    return candidate if candidate is not None and is_used_as(candidate, chosen) else None


def why_not_rewritten(spec: Prompt2ModelSpec, choice: Choice, candidates: Sequence[DatasetCandidate]) -> str:
    """Why datasets of another form are used as they are although datasets.transform is Auto; empty where none is.

    Args:
        spec: whose rows are not rewritten.
        choice: the datasets that are used.
        candidates: what discover found.
    """
    if spec.datasets.transform != "Auto":
        return ""
    found = [(one, meant_by(one, candidates)) for one in choice.datasets()]
    other = [(one, c) for one, c in found if c is not None and is_of_another_form(c)]
    if not other:
        return _why_form_unknown(spec, choice.datasets()[0], candidates)
    names = ", ".join(one.name for one, _ in other)
    said = f"datasets.transform is Auto, but the rows of {names}, which differ from your examples in form, are used as they are"
    if spec.teacher is None:
        return f"{said}: name a teacher to have them rewritten."
    one, candidate = other[0]
    if one.key == choice.datasets()[0].key and not is_used_as(candidate, one):
        columns = f"{', '.join(candidate.input_columns)} → {candidate.output_column}"
        said = f"{said}: datasets.choice names other columns than discover found ({columns})"
    else:
        said = f"{said}: the first dataset of datasets.choice has your form, and all are rewritten or none"
    return f"{said}. Set datasets.transform to Always to have them rewritten."


def _why_form_unknown(spec: Prompt2ModelSpec, first: UsedDataset, candidates: Sequence[DatasetCandidate]) -> str:
    """That discover looked at the default configuration alone, where another name is given; empty where nothing is to be said."""
    candidate = _maybe_meant(first, candidates)
    if spec.teacher is None or candidate is None or not is_of_another_form(candidate):
        return ""
    return (
        f"datasets.transform is Auto, but the rows of {first.name} are used as they are: discover found its default configuration "
        f"to differ from your examples in form, and datasets.choice.config names {first.config}. Leave config out if that is "
        "the default one, or set datasets.transform to Always to have them rewritten."
    )
