"""One request on its way: a try, what it holds while it is on the wire, and when there is to be another."""

from __future__ import annotations

from dataclasses import dataclass

from prompt2model_stages.teacher.adapting import Way
from prompt2model_stages.teacher.budget import Cost
from prompt2model_stages.teacher.lanes import Lane
from prompt2model_stages.teacher.limits import Permit
from prompt2model_stages.teacher.requests import TeacherRequest


@dataclass
class Sent:
    """One try on its way."""

    identifier: str
    cost: Cost
    lane: Lane
    permit: Permit | None
    at: float
    settled: bool = False


@dataclass(frozen=True)
class Try:
    """One request, asked once more.

    way: how it is asked now.
    number: of tries that failed before, and this one.
    began: when the first was made.
    """

    request: TeacherRequest
    key: str
    way: Way
    number: int
    began: float


@dataclass(frozen=True)
class Retry:
    """The try failed, and another makes sense after so many seconds, asked in this way."""

    after_s: float
    way: Way
    failed: bool = True  # learning how to ask is no failure
