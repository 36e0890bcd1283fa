"""The licenses of what discover proposes, held against the spec's lists by the choice gate."""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.gates import GateState
from prompt2model_api.licenses import UNKNOWN, license_objection, spdx
from prompt2model_api.results import DatasetCandidate, OtherCandidate, StudentCandidate

Proposed = DatasetCandidate | StudentCandidate | OtherCandidate


def proposed_as(name: str | None, *proposed: Sequence[Proposed]) -> Proposed | None:
    """What discover found of a name: revision and license are those of all its configurations. None where it proposes none."""
    return next((candidate for some in proposed for candidate in some if candidate.name == name), None)


def license_found(found: Proposed | None) -> str | None:
    """Its license by SPDX; None where it was not looked up, as for a folder, or where the hub gave no answer and it is unknown."""
    if found is None or found.license is None:
        return None
    unanswered = found.revision is None and spdx(found.license) == UNKNOWN
    return None if unanswered else spdx(found.license)


def is_allowed(candidate: Proposed, licenses: Sequence[str] | None, section: str) -> bool:
    """Whether the section's list of licenses has that of the candidate."""
    return not license_objection(candidate.license, licenses, f"{section}.licenses")


def not_licensed(found: Proposed | None, licenses: Sequence[str] | None, section: str, field: str) -> GateState | None:
    """The closed gate of a name whose license is not allowed; the stage looks up one that discover did not find."""
    if found is None or license_found(found) is None:
        return None
    against = license_objection(found.license, licenses, f"{section}.licenses")
    if not against:
        return None
    message = f"{field} names {found.name}, and {against}: name another one, or add the license."
    return GateState(False, "LicenseNotAllowed", message, failed=True)
