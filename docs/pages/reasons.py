"""The page of every reason, from the registry."""

from __future__ import annotations

from docs.pages.tables import page
from prompt2model_api.conditions import FailureState
from prompt2model_api.reasons import GROUPS, KnownReason

INTRODUCTION = """\
# Reasons

Each condition of a `Prompt2Model` and each failure of a `StageRun` has a `reason`. This page has all of them. The
condition's message says what happened in this case, and the remedy.

    kubectl get p2m NAME -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\\n"}{end}'

What becomes of a failed attempt:

| state | meaning |
|---|---|
| Retrying | The attempt is made again by itself after a back-off, at most `retries.attempts` times; then the stage run is Failed. |
| Blocked | Something outside has to be fixed. It is looked at again and again, and goes on by itself once it is fixed. |
| Failed | It needs an edit of the spec. A local run also tries again when `p2m run` is called again. |"""


def reasons_page() -> str:
    """The whole page: a section for each group, a heading for each reason, so that it can be linked to."""
    parts = [INTRODUCTION]
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
        FailureState.FAILED: "Failed: not retried.",
    }
    return " Or ".join(told[state] for state in reason.states)


def _section(reason: KnownReason) -> str:
    return f"### {reason.name}\n\n{reason.cause}\n\n**Fix:** {reason.fix}\n\n**Retried:** {states_of(reason)}"
