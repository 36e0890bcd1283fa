"""Every `reason` that a condition or a failure can have, with its cause, its fix and whether it is retried.

The one place for them: a test holds it to the code in both directions, and the page docs/reference/reasons is made from it.
"""

from __future__ import annotations

from prompt2model_api.reasons.base import KnownReason
from prompt2model_api.reasons.of_catalogs import CATALOGS
from prompt2model_api.reasons.of_cluster import CLUSTER
from prompt2model_api.reasons.of_data import DATA
from prompt2model_api.reasons.of_progress import PROGRESS
from prompt2model_api.reasons.of_student import STUDENT
from prompt2model_api.reasons.of_teacher import TEACHER
from prompt2model_api.reasons.of_training import TRAINING

__all__ = ["GROUPS", "REASONS", "KnownReason"]

GROUPS: dict[str, tuple[KnownReason, ...]] = {
    "Progress and gates": PROGRESS,
    "Cluster and processes": CLUSTER,
    "Teacher": TEACHER,
    "Data": DATA,
    "Catalogs and parts": CATALOGS,
    "Student": STUDENT,
    "Training and evaluation": TRAINING,
}
"""By what they are about, in the order of the page."""

REASONS: dict[str, KnownReason] = {reason.name: reason for group in GROUPS.values() for reason in group}
