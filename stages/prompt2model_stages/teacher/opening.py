"""Opens the teacher of a job for one stage run, and keeps what was learnt of it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2

from prompt2model_api.names import stage_folder
from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_api.stage_job import StageJob
from prompt2model_stages.cache import cache_root
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.job_folders import teacher_folder
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.batch_lane import Batching
from prompt2model_stages.teacher.batch_prices import batch_price
from prompt2model_stages.teacher.client import Teacher
from prompt2model_stages.teacher.dialect import Dialect
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.keys import key_place, read_key
from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.prices import with_price
from prompt2model_stages.teacher.rate_file import RateFile

logger = logging.getLogger(__name__)

IN_BATCHES = frozenset({"generate", "transform", "evaluate"})
"""Stages that ask for much at once. discover asks one thing after another: each would wait for a batch of its own."""


@asynccontextmanager
async def open_teacher(
    job: StageJob,
    stage: str,
    *,
    patience: Patience | None = None,
    http: httpx2.AsyncClient | None = None,
    grace_s: float | None = None,
    tell: Callable[[str], None] = lambda message: None,
    group: str = "",
) -> AsyncIterator[Teacher]:
    """Opens the job's teacher for one stage run; at the end, answers in flight are waited for and journalled.

    Args:
        job: names the teacher, its key's environment variable, the journal and the stage run.
        stage: who asks.
        patience: bounds of waiting; by default from the environment.
        http: the HTTP client to use and leave open; by default a new one.
        grace_s: how long answers in flight are waited for where nothing interrupts; by default as long as one may take.
        tell: told in a few words how far batches are, while they are waited for.
        group: what an earlier attempt asked for this group in batches is waited for first, since nobody will ask for it again.

    Raises: StageError, OSError.
    """
    settings = job.settings.teacher
    if settings is None:
        raise failed("TeacherMissing", "No teacher is set.", "Name one in spec.teacher.")
    patience = patience or Patience.from_environment()
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request drowns everything else
    spec = job.stage_run.spec
    place = key_place(os.environ, job.settings.teacher_key_env, settings)
    key = read_key(os.environ, job.settings.teacher_key_env, place)  # before anything is booked
    folder = teacher_folder(job)
    journal = await Journal.open(folder, stage, stage_folder(spec.stage, spec.digest))
    dialect = Dialect.kept(folder, settings)
    named = settings.limits.requests_per_minute or settings.limits.tokens_per_minute
    wanted = stage in IN_BATCHES and settings.batch != "Never"
    batching = Batching(wanted, settings.batch == "Always", batch_price(settings), tell)
    settings = with_price(settings)
    rates = RateFile.of(cache_root(), settings.base_url, key) if named else None
    teacher = Teacher(
        settings, journal, patience, key, place, http=http, dialect=dialect, rates=rates, batching=batching
    )
    interrupted, done = True, False
    try:
        teacher.resume()
        if group:
            await teacher.catch_up(group)
        yield teacher
        interrupted, done = False, True
    except StageError:
        interrupted = False
        raise
    finally:
        grace_s = patience.timeout_s if grace_s is None else grace_s
        await teacher.close(patience.drain_s if interrupted else grace_s, done)
        if teacher.dialect != dialect:
            await asyncio.to_thread(_keep, teacher.dialect, folder, settings)


def _keep(dialect: Dialect, folder: Folder, settings: TeacherSpec) -> None:
    try:
        dialect.keep(folder, settings)
    except OSError as error:  # the next stage learns it again, at no cost
        logger.warning("how the teacher wants to be asked is not kept: %s", error)
