"""Reasons of stages that ask the teacher. Every answer that was paid for is kept, whatever the reason."""

from __future__ import annotations

from prompt2model_api.reasons.base import BLOCKED, FAILED, RETRYING, KnownReason

TEACHER = (
    KnownReason("TeacherMissing", "No teacher is set.", "Name one in `spec.teacher`.", FAILED),
    KnownReason(
        "TeacherUnauthorized",
        "The endpoint refuses the API key, or the key cannot be sent in a header.",
        "Put a valid key, alone, into the Secret that `teacher.apiKeySecretRef` names; in a local run, into the environment "
        "variable P2M_TEACHER_API_KEY.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherModelUnknown",
        "The endpoint does not know `teacher.model`.",
        "Correct `teacher.model`; the message lists the models that the endpoint names, where it does.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherUnreachable",
        "The endpoint cannot be reached: the name does not resolve, the connection is refused, it has moved, or a firewall or "
        "proxy answers in its place.",
        "Check `teacher.baseURL`, the network and the proxy.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherDown",
        "The endpoint answers with a server error (5xx).",
        "Wait until the endpoint is well again, or name another in `teacher.baseURL`.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherTimeout",
        "The endpoint does not answer in time.",
        "Check the endpoint; lower `teacher.limits.concurrency` where it is small.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherQuotaExhausted",
        "The account's quota at the endpoint is used up.",
        "Add credit, or raise the account's limit.",
        BLOCKED,
    ),
    KnownReason(
        "RateLimited",
        "The endpoint keeps answering that there are too many requests.",
        "Lower `teacher.limits.requestsPerMinute` or `tokensPerMinute`, or wait.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherRejectsRequest",
        "The endpoint refuses the request itself (400, 422).",
        "Check `teacher.model` and what the endpoint supports; `teacher.reasoning` and `teacher.extraBody` are sent as they are.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherHasNoBatches",
        "`teacher.batch` is Always, and the endpoint has no batch API for the model.",
        "Set `teacher.batch` to Never, or to Auto, which then sends requests one by one.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherBatchFailed",
        "The endpoint failed a whole batch of requests, or does not know it any more.",
        "See the batch at the provider; set `teacher.batch` to Never to send requests one by one. Everything paid for is kept.",
        BLOCKED,
    ),
    KnownReason(
        "PromptTooLong",
        "A request is longer than the teacher's context.",
        "Shorten the prompt or its demonstrations, or name a `teacher.model` with a longer context.",
        FAILED,
    ),
    KnownReason(
        "TeacherAnswersNothing",
        "The last answers of the teacher were all empty.",
        "Send a request to the endpoint by hand, or name another `teacher.model`.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherAnswerCut",
        "The teacher's answers ended within its reasoning, before the answer began.",
        "Raise `teacher.reasoning.allowance`, lower `teacher.reasoning.effort`, or switch reasoning off in `teacher.extraBody`.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherAnswersGarbage",
        "The endpoint does not answer as an OpenAI-compatible one, or the teacher's answers hold no usable example.",
        "Check `teacher.baseURL` (it usually ends in /v1). If it is right, name a stronger `teacher.model`, say the task more "
        "clearly in the prompt, or add demonstrations.",
        BLOCKED,
    ),
    KnownReason(
        "BudgetExhausted",
        "The next request would exceed `teacher.budget`.",
        "Raise `teacher.budget.tokens` or `teacher.budget.usd`; the run goes on from where it was.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherJournalInUse",
        "Another process of this resource is asking the teacher; two at once could spend more than the budget.",
        "Wait for it, or end it.",
        RETRYING,
    ),
    KnownReason(
        "TeacherJournalLost",
        "Storage did not take the journal's sign of life, so another process may be asking the teacher now.",
        "Nothing: the next attempt has every answer so far.",
        RETRYING,
    ),
    KnownReason(
        "EmbeddedTeacherDown",
        "The embedded teacher (llama.cpp) did not start, or does not answer.",
        "See its log, which the message names; in a cluster, the pod of the chart's teacher.",
        BLOCKED,
    ),
    KnownReason(
        "TeacherNotInstalled",
        "The embedded teacher needs a Python package that is not installed.",
        "Run the command in the message, or name a teacher in `spec.teacher`.",
        BLOCKED,
    ),
    KnownReason("GeneratorStuck", "The generator's Ray actor has not answered for 60 s.", "Nothing.", RETRYING),
    KnownReason(
        "GeneratorDied",
        "The generator's Ray actor died, often because it ran out of memory.",
        "Give generate more memory in the chart's `settings.pods`.",
        RETRYING,
    ),
)
