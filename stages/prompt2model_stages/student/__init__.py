"""The student: one text-to-text interface for encoder-decoder and decoder-only models of Hugging Face.

Finding a student (`resolve`) is light; `Student` brings torch and transformers, and is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prompt2model_stages.student.resolving import ResolvedStudent, resolve

if TYPE_CHECKING:
    from prompt2model_stages.student.model import Student

__all__ = ["ResolvedStudent", "Student", "resolve"]


def __getattr__(name: str) -> Any:
    if name == "Student":
        from prompt2model_stages.student.model import Student

        return Student
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
