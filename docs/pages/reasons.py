"""The page of every reason, from the registry."""

from __future__ import annotations

from docs.pages.tables import page, table
from prompt2model_api.conditions import FailureState
from prompt2model_api.reasons import GROUPS, KnownReason

INTRODUCTION = """\
# Reasons

Each condition of a `Prompt2Model` and each failure of a `StageRun` has a `reason`. This page has all of them. The
condition's message says what happened in this case, and the remedy.

    kubectl get p2m NAME -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\\n"}{end}'

What becomes of a failed attempt:"""
STATES = (
    (
        "Retrying",
        "The attempt is made again by itself after a back-off. `retries.attempts` failures of the work itself make the stage run "
        "Failed; evictions and lost nodes are counted apart, and progress gives all attempts back.",
    ),
    (
        "Blocked",
        "Something outside has to be fixed. It is looked at again, without an end, and continues by itself once it is fixed.",
    ),
    (
        "Failed",
        "It needs an edit. The stage is tried again when its attempts would be made of something else (memory, limits, budget, "
        "deadlines, retries, image), or when you ask for it with the annotation `prompt2model.dev/retry`: see "
        "[a failed stage](../how-to/failed-stage.md). In a local run, `p2m run` tries again.",
    ),
)


def reasons_page() -> str:
    """The whole page: a section for each group, a heading for each reason, so that it can be linked to."""
    parts = [INTRODUCTION, table(("state", "meaning"), STATES)]
    for title, group in GROUPS.items():
        parts += [f"## {title}", *(_section(reason) for reason in group)]
    return page(*parts)


def states_of(reason: KnownReason) -> str:
    """What becomes of the attempt, as the page says it."""
    if not reason.states:
        return "No failure of an attempt."
    told = {
        FailureState.RETRYING: "Retrying: the attempt is made again by itself.",
        FailureState.BLOCKED: "Blocked: it goes on by itself once the cause is fixed.",
        FailureState.FAILED: "Failed: not retried by itself.",
    }
    return " Or ".join(told[state] for state in reason.states)


def _section(reason: KnownReason) -> str:
    return f"### {reason.name}\n\n{reason.cause}\n\n**Fix:** {reason.fix}\n\n**Retried:** {states_of(reason)}"
