"""The teacher: an LLM behind an OpenAI-compatible endpoint, asked within limits and budget, every answer journalled.

All stages ask it through `open_teacher`; nothing that was answered once is paid for again.
"""

from prompt2model_stages.teacher.client import Teacher
from prompt2model_stages.teacher.journal import spent_by_run
from prompt2model_stages.teacher.opening import open_teacher
from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.requests import TeacherAnswer, TeacherRequest

__all__ = ["Patience", "Teacher", "TeacherAnswer", "TeacherRequest", "open_teacher", "spent_by_run"]
