"""What Ray Train calls in each worker: logs and threads, then the training loop."""

from __future__ import annotations

import logging
from typing import Any

import torch

from prompt2model_api.redaction import mask_streams
from prompt2model_stages.cpus import threads_of
from prompt2model_stages.student.devices import check_gpu
from prompt2model_stages.train.computing import Worker
from prompt2model_stages.train.ending import GPU_FIELD
from prompt2model_stages.train.loop import Loop, TrainingJob

logger = logging.getLogger(__name__)


def train_worker(config: dict[str, Any]) -> None:
    """What Ray Train calls in each worker."""
    from ray.train import get_context
    from ray.train.torch import get_device, prepare_model

    job: TrainingJob = config["job"]
    context = get_context()
    mask_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if job.log is not None and context.get_world_rank() == 0:
        _log_to(job.log)
    local = context.get_local_world_size()
    torch.set_num_threads(threads_of(local, config["threads"]))  # Ray sets it to 1
    check_gpu(config["gpus"], GPU_FIELD)
    worker = Worker(context.get_world_rank(), context.get_world_size(), get_device(), local)
    Loop(job, worker, prepare_model).run()


def _log_to(file: str) -> None:
    try:
        stream = open(file, "a", encoding="utf-8")  # noqa: SIM115  # open for as long as the worker lives
    except OSError as error:
        logger.warning("the stage's log cannot be opened: %s", error)
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("prompt2model_stages").addHandler(handler)
    logging.getLogger("prompt2model_stages").setLevel(logging.INFO)
