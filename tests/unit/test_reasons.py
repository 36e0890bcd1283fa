"""The registry of reasons and the code say the same: every reason that can be set is explained, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from prompt2model_api.conditions import Failure
from prompt2model_api.fields import paths_of
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.reasons import GROUPS, REASONS, KnownReason
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_operator.settings import Settings
from tests.reasons_in_code import ROOT, Found, reasons_in_code

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def found() -> Found:
    return reasons_in_code()


def test_every_reason_in_the_code_can_be_read(found: Found) -> None:
    assert not found.unreadable, "write the reason as a literal, so that it can be found: " + "\n".join(
        found.unreadable
    )


def test_every_reason_in_the_code_is_explained(found: Found) -> None:
    missing = sorted(set(found.states) - set(REASONS))
    assert not missing, f"add to crds/prompt2model_api/reasons, with cause and fix: {missing}"


def test_every_explained_reason_is_in_the_code(found: Found) -> None:
    gone = sorted(set(REASONS) - set(found.states))
    assert not gone, f"no code sets these any more; remove them from crds/prompt2model_api/reasons: {gone}"


def test_the_registry_says_whether_a_reason_is_retried(found: Found) -> None:
    said = {name: {state.value for state in reason.states} for name, reason in REASONS.items()}
    wrong = {name: (states, said.get(name)) for name, states in found.states.items() if states != said.get(name)}
    assert not wrong, f"(in the code, in the registry): {wrong}"


def test_each_reason_stands_once_and_fits_a_condition() -> None:
    all_of_them = [reason for group in GROUPS.values() for reason in group]
    assert len(all_of_them) == len(REASONS)
    for reason in all_of_them:
        state = reason.states[0] if reason.states else "Blocked"
        Failure(state=state, reason=reason.name, message=reason.cause, remedy=reason.fix)


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.name)
def test_cause_and_fix_are_sentences_and_name_fields_that_exist(reason: KnownReason) -> None:
    for text in (reason.cause, reason.fix):
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")
        for path in re.findall(r"`([a-z][A-Za-z]*(?:\.[a-zA-Z]+)+)(?:=\w+)?`", text):
            assert path.removeprefix("spec.") in _known_paths(), f"there is no field and no value {path}"


def _known_paths() -> set[str]:
    values = yaml.safe_load((ROOT / "charts/prompt2model/values.yaml").read_text("utf-8"))
    settings = {f"settings.{path}" for path in paths_of(Settings)}
    status = {f"status.{path}" for path in paths_of(Prompt2ModelStatus)}
    return {*paths_of(Prompt2ModelSpec), *_paths(values), *settings, *status}


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{name}.")
