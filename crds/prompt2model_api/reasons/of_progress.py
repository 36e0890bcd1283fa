"""Reasons of conditions that are no failure of an attempt: progress, gates, scores, the record in MLflow."""

from __future__ import annotations

from prompt2model_api.reasons.base import KnownReason

PROGRESS = (
    KnownReason("Waiting", "The stages before this one have no result yet.", "Nothing."),
    KnownReason(
        "Pending", "The stage run exists and its attempt is not started, such as while `suspend` is true.", "Nothing."
    ),
    KnownReason("Running", "An attempt of the stage is running.", "Nothing."),
    KnownReason("Succeeded", "All stages of this condition have their results.", "Nothing."),
    KnownReason("Chosen", "The choice gate is open: dataset and student are decided.", "Nothing."),
    KnownReason(
        "AwaitingChoice",
        "`datasets.selection` or `student.selection` is Manual, and nothing is chosen yet.",
        "Set `datasets.choice` or `student.name` to one of the candidates. `status.discovered` shows five, and its "
        "`candidatesFile` has all.",
    ),
    KnownReason(
        "GateSplitMissing",
        "`evaluation.gate.split` names a test split that there cannot be: no dataset is used, or its rows are used as they are or "
        "rewritten. Nothing is paid for until it is another one.",
        "Name another split in `evaluation.gate.split`, or choose another dataset in `datasets.choice`.",
    ),
    KnownReason(
        "NoReview", "`generation.review` is None: no person has to look at the generated examples.", "Nothing."
    ),
    KnownReason(
        "AwaitingReview",
        "`generation.review` is Required, and `generation.accepted` does not name the generated examples. Or it names what you "
        "made of other examples than there are now, since generate ran again.",
        "Look at the examples (`p2m review`), then set `generation.accepted` to the hash that the message shows. To get other "
        "examples, edit the prompt.",
    ),
    KnownReason(
        "Accepted",
        "`generation.accepted` names the generated examples, or what you made of them in `p2m review`.",
        "Nothing.",
    ),
    KnownReason("ScoreReached", "The student reached what the score gate asks for.", "Nothing."),
    KnownReason(
        "BeatsUntrained",
        "The student is better than the untrained student. This is weaker evidence: the teacher wrote the labels of the test "
        "rows, or was not measured.",
        "Nothing. For stronger evidence, bring your own test set in `evaluation.testData`.",
    ),
    KnownReason(
        "ScoreTooLow",
        "The student did not reach what the score gate asks for. The model is not served.",
        "Bring better or more data, train longer (`training.epochs`), choose a larger student, or change `evaluation.gate`.",
    ),
    KnownReason(
        "NotMeasured",
        "The score gate has nothing to compare: there are too few test rows, the metric was not measured, a score is not a "
        "number, or the teacher fails at the task and is no baseline.",
        "Follow the message: bring more rows in `evaluation.testData`, name a better teacher, or set "
        '`evaluation.gate.atLeast` to a number such as "85".',
    ),
    KnownReason("Starting", "The service starts and has not reproduced its golden requests yet.", "Nothing."),
    KnownReason("Answering", "At least half of `service.replicas.min` answer with the evaluated model.", "Nothing."),
    KnownReason(
        "NotAnswering",
        "The service answered before, and less than half of `service.replicas.min` answer now.",
        "Replicas are started again by themselves; see `kubectl get pods` where that does not help.",
    ),
    KnownReason("Disabled", "`service.enabled` is false: the model is trained and measured, not served.", "Nothing."),
    KnownReason(
        "Ready", "The model is measured and good enough, and the service answers where one is wanted.", "Nothing."
    ),
    KnownReason("Recorded", "MLflow has everything that storage has.", "Nothing."),
    KnownReason(
        "Behind", "MLflow answers and does not have everything yet.", "Nothing: it is recorded in the background."
    ),
    KnownReason(
        "MLflowAway",
        "MLflow does not answer or refuses the operator. The stages go on without it.",
        "Check `tracking.uri`, its credentials and the MLflow server. What is missing is recorded when it answers.",
    ),
)
