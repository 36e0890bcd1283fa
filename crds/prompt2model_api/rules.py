"""What the types' validators check between fields, said again in CEL, so that an API server refuses it with the same words.

Every type with a validator has its rules here; a test keeps the two in step. Beside them stand the rules on places that only a
local run can read (see cluster_places), which no validator checks. Fields with a default are always there when a
rule runs, because the API server fills them in first; the others need has().
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prompt2model_api.base import Model
from prompt2model_api.base_url import CHECKS as BASE_URL_CHECKS
from prompt2model_api.cluster_places import ANOTHER_DATASET, CHOICE, ENCODER, OWN_DATA, STORAGE, STUDENT, Place
from prompt2model_api.prompt2model import (
    DATASETS_NOT_REACHED,
    DEMONSTRATIONS_LIMIT,
    GENERATOR_NOT_REACHED,
    NAME_LIMIT,
    PARSER_NOT_REACHED,
    PROMPT_LIMIT,
    TOO_MANY_DEMONSTRATIONS,
    Prompt2Model,
    Prompt2ModelSpec,
)
from prompt2model_api.results import TRAIN, Choice, UsedDataset
from prompt2model_api.spec.datasets import NAMED_TWICE, NONE_ALONE, NOTHING_LEFT, Datasets
from prompt2model_api.spec.evaluation import Evaluation
from prompt2model_api.spec.generation import TWO_SETTLE_NOTHING, Generation, Temperature
from prompt2model_api.spec.references import DataFormat, OwnData
from prompt2model_api.spec.running import Storage
from prompt2model_api.spec.service import Replicas
from prompt2model_api.spec.student import StudentSpec
from prompt2model_api.spec.teacher import Budget, TeacherSpec
from prompt2model_api.spec.training import LEAST_MEMORY, NO_UNIT, Resources
from prompt2model_api.stage_run import StageRun, StageRunSpec

Reason = Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired"]


@dataclass(frozen=True)
class Rule:
    """One x-kubernetes-validations entry. `field` is the path that the message is about, below the type."""

    rule: str
    message: str
    field: str | None = None
    reason: Reason = "FieldValueInvalid"

    def rendered(self) -> dict[str, str]:
        """As it stands in a CRD."""
        path = {"fieldPath": self.field} if self.field else {}
        return {"rule": self.rule, "message": self.message, "reason": self.reason, **path}


def _name_rules(limit: int) -> tuple[Rule, ...]:
    return (
        Rule(f"size(self.metadata.name) <= {limit}", f"metadata.name has over {limit} characters: shorten it"),
        Rule(
            "!self.metadata.name.contains('.')",
            "metadata.name holds a dot: use lower-case letters, digits and - only",
        ),
    )


def _text_rules(field: str) -> tuple[Rule, ...]:
    return (
        Rule(
            f"!has(self.{field}) || self.{field}.trim() != ''",
            f"{field} is empty: say in plain words what the model should do",
            f".{field}",
            "FieldValueRequired",
        ),
        Rule(
            f"!has(self.{field}) || size(bytes(self.{field})) <= {PROMPT_LIMIT}",
            f"{field} is over 32 KiB: shorten it, or bring examples as a file in datasets.own",
            f".{field}",
        ),
    )


def _split_rule(split: str, possible: str, message: str) -> Rule:
    gate = "self.evaluation.gate"
    return Rule(
        f"!has({gate}) || !has({gate}.split) || {gate}.split != '{split}' || ({possible})",
        message,
        ".evaluation.gate",
    )


def _same_rows(one: str, other: str) -> str:
    """CEL: two entries of datasets.choice read the same rows in the same way."""
    same = [f"{one}.{field} == {other}.{field}" for field in ("name", "inputColumns")]
    either = [f"!has({a}.split) && has({b}.split) && {b}.split == '{TRAIN}'" for a, b in ((one, other), (other, one))]
    same.append(f"({_equal_or_unset(one, other, 'split')} || {' || '.join(either)})")
    same += [f"({_equal_or_unset(one, other, field)})" for field in ("config", "outputColumn")]
    return " && ".join(same)


def _equal_or_unset(one: str, other: str, field: str) -> str:
    """CEL without optional values, whose costs an API server estimates as boundless."""
    both = f"has({one}.{field}) && has({other}.{field}) && {one}.{field} == {other}.{field}"
    return f"!has({one}.{field}) && !has({other}.{field}) || {both}"


def _part_rule(kind: str, reached: str, message: str) -> Rule:
    rule = f"!has(self.parts) || !has(self.parts.{kind}) || {reached}"
    return Rule(rule, message, f".parts.{kind}", "FieldValueForbidden")


def _place_rule(place: Place) -> Rule:
    return Rule(place.rule(), place.message, f".{place.field}")


RULES: dict[type[Model], tuple[Rule, ...]] = {
    Prompt2Model: _name_rules(NAME_LIMIT),
    Prompt2ModelSpec: (
        Rule("has(self.prompt) != has(self.instruction)", "write exactly one of prompt and instruction"),
        *_text_rules("prompt"),
        *_text_rules("instruction"),
        Rule(
            "!has(self.prompt) || size(self.demonstrations) == 0",
            "demonstrations go with instruction: write them into the prompt, or use instruction",
            ".demonstrations",
            "FieldValueForbidden",
        ),
        Rule(
            f"self.demonstrations.map(d, size(bytes(d.input)) + size(bytes(d.output))).sum() <= {DEMONSTRATIONS_LIMIT}",
            TOO_MANY_DEMONSTRATIONS,
            ".demonstrations",
        ),
        Rule(
            "self.generation.enabled || self.datasets.enabled || has(self.datasets.own)",
            "no data: enable generation or datasets, or bring your own in datasets.own",
        ),
        Rule(
            "self.datasets.transform != 'Always' || has(self.teacher)",
            "datasets.transform is Always, and the embedded teacher is too weak for it: name a teacher",
            ".datasets.transform",
        ),
        _part_rule("parser", "!has(self.instruction)", PARSER_NOT_REACHED),
        _part_rule("datasets", "self.datasets.enabled", DATASETS_NOT_REACHED),
        _part_rule("generator", "self.generation.enabled", GENERATOR_NOT_REACHED),
        _split_rule(
            "Own",
            "has(self.evaluation.testData) || has(self.datasets.own)",
            "evaluation.gate.split is Own, without own data: name it in evaluation.testData",
        ),
        *(
            _split_rule(
                split,
                "has(self.datasets.choice) ? !(has(self.datasets.choice.none) && self.datasets.choice.none)"
                " : self.datasets.enabled",
                f"evaluation.gate.split is {split}, and no dataset is retrieved: name another split",
            )
            for split in ("Retrieved", "Transformed")
        ),
        _split_rule(
            "Retrieved",
            "self.datasets.transform != 'Always'",
            "evaluation.gate.split is Retrieved, and datasets.transform is Always: name Transformed",
        ),
        _split_rule(
            "Transformed",
            "self.datasets.transform != 'None'",
            "evaluation.gate.split is Transformed, and datasets.transform is None: name another split",
        ),
        _split_rule(
            "Transformed",
            "has(self.teacher)",
            "evaluation.gate.split is Transformed, and no teacher is named: name one, or another split",
        ),
        _split_rule(
            "Generated",
            "self.generation.enabled",
            "evaluation.gate.split is Generated, and generation is not enabled: name another split",
        ),
        Rule(
            "has(self.storage.uri) || has(self.storage.claim) || self.retention.storage == oldSelf.retention.storage",
            "retention.storage can only be changed where storage names a uri or a claim: apply the resource under another name",
            ".retention.storage",
            "FieldValueForbidden",
        ),
    ),
    Budget: (
        Rule(
            "!self.unlimited || !(has(self.tokens) || has(self.usd))",
            "unlimited excludes tokens and usd: keep one of them",
            ".unlimited",
        ),
        Rule(
            "self.unlimited || has(self.tokens) || has(self.usd)",
            "write tokens or usd, or unlimited: true for no limit at all",
            reason="FieldValueRequired",
        ),
    ),
    TeacherSpec: (
        Rule(
            "!has(self.budget.usd) || has(self.price)",
            "budget.usd needs price.inputPerMillion and price.outputPerMillion",
            ".budget.usd",
        ),
        *(Rule(check.rule("self.baseURL"), check.message, ".baseURL") for check in BASE_URL_CHECKS),
    ),
    DataFormat: (
        Rule(
            "!has(self.kind) || (self.kind == 'CSV' || !has(self.delimiter)) && (self.kind != 'Parquet' || !has(self.encoding))",
            "delimiter is for CSV and encoding for text: leave it out, or correct kind",
            ".kind",
        ),
    ),
    OwnData: (
        Rule("has(self.uri) != has(self.configMap)", "name exactly one of uri and configMap"),
        _place_rule(OWN_DATA),
    ),
    Datasets: (
        _place_rule(CHOICE),
        Rule(
            "!has(self.choice) || !has(self.choice.none) || !self.choice.none || (!has(self.choice.config) &&"
            " !has(self.choice.share) && !has(self.choice.outputColumn) && size(self.choice.inputColumns) == 0)",
            NONE_ALONE,
            ".choice.none",
        ),
        Rule(
            "!has(self.choice) || (has(self.choice.share) && (!has(self.choice.also) ||"
            " self.choice.also.all(one, has(one.share)))) ||"
            " (has(self.choice.share) ? self.choice.share : 0) + (has(self.choice.also) ?"
            " self.choice.also.map(one, has(one.share) ? one.share : 0).sum() : 0) != 100",
            NOTHING_LEFT,
            ".choice",
        ),
        Rule(
            "!has(self.choice) || !has(self.choice.name) || !has(self.choice.also) || self.choice.also.all(one,"
            f" !({_same_rows('self.choice', 'one')}) && self.choice.also.exists_one(other, {_same_rows('other', 'one')}))",
            NAMED_TWICE,
            ".choice.also",
        ),
    ),
    StudentSpec: (_place_rule(STUDENT),),
    UsedDataset: (
        _place_rule(ANOTHER_DATASET),
        Rule(
            "(size(self.inputColumns) > 0) == has(self.outputColumn)",
            "name both inputColumns and outputColumn, or neither",
            reason="FieldValueRequired",
        ),
    ),
    Choice: (
        Rule(
            "!(has(self.none) && self.none) || (!has(self.name) && !has(self.also))",
            "none and name exclude each other: keep one of them",
            ".none",
        ),
        Rule(
            "(has(self.none) && self.none) || (has(self.name) && (size(self.inputColumns) > 0) == has(self.outputColumn))",
            "choice needs name, with both inputColumns and outputColumn or neither, or none: true",
            reason="FieldValueRequired",
        ),
        Rule(
            "(has(self.share) ? self.share : 0) + (has(self.also) ?"
            " self.also.map(one, has(one.share) ? one.share : 0).sum() : 0) <= 100",
            "the shares of choice are over 100 % together: lower them, or leave them out",
        ),
    ),
    Evaluation: (
        _place_rule(ENCODER),
        Rule(
            "!has(self.gate) || !has(self.gate.metric) || !has(self.metrics) || self.gate.metric in self.metrics",
            "gate.metric is not in metrics: add it there",
            ".gate",
        ),
        Rule(
            "!has(self.metrics) || self.metrics.all(one, self.metrics.exists_one(other, other == one))",
            "metrics names one of them twice: keep one",
            ".metrics",
        ),
        Rule(
            "!has(self.teacherPrompts) || size(self.teacherPrompts) < 2 || self.teacherPrompts[0] != self.teacherPrompts[1]",
            "teacherPrompts names one of them twice: keep one",
            ".teacherPrompts",
        ),
    ),
    Temperature: (Rule("self.from <= self.to", "from must be at most to: write a lower from or a higher to", ".from"),),
    Generation: (
        Rule(
            "!has(self.furtherOutputs) || self.furtherOutputs != 'OnDisagreement' || self.outputsPerInput >= 3",
            TWO_SETTLE_NOTHING,
            ".outputsPerInput",
        ),
    ),
    Resources: (
        Rule(
            f"!has(self.memory) || quantity(string(self.memory)).compareTo(quantity('{LEAST_MEMORY}')) >= 0",
            NO_UNIT,
            ".memory",
        ),
    ),
    Replicas: (Rule("self.max >= self.min", "max must be at least min", ".max"),),
    Storage: (
        _place_rule(STORAGE),
        Rule("!(has(self.uri) && has(self.claim))", "name one of uri and claim, not both", ".claim"),
        Rule(
            "self == oldSelf",
            "storage cannot be changed, because results are stored there: delete the resource and create it again",
            reason="FieldValueForbidden",
        ),
    ),
    StageRun: _name_rules(63),
    StageRunSpec: (
        Rule(
            "self == oldSelf",
            "spec of a StageRun cannot be changed: it names finished work; edit the Prompt2Model instead",
            reason="FieldValueForbidden",
        ),
    ),
}
