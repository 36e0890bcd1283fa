"""Reasons of the student that cannot be used. Where `student.name` names it, discover says so before anything is paid for."""

from __future__ import annotations

from prompt2model_api.reasons.base import BLOCKED, FAILED, KnownReason

ANOTHER = "Name another student in `student.name`."

STUDENT = (
    KnownReason(
        "NoStudent",
        "No student was chosen, or none in the catalog fits `student.architectures` and `student.maxSize`.",
        "Change these, or set `student.name`.",
        FAILED,
    ),
    KnownReason(
        "UnknownStudent",
        "There is no such model: the hub or the folder does not have it, it is private or gated, or it writes no text.",
        "Correct `student.name` (a folder starts with / or ./); for a private or gated model, set "
        "`huggingFace.tokenSecretRef`.",
        FAILED,
    ),
    KnownReason("StudentMissing", "The student's folder cannot be loaded any more.", "Put its files back.", BLOCKED),
    KnownReason(
        "StudentChanged",
        "The student's files are not those that were chosen: its revision is another one.",
        "Put the old files back, or give the student another name.",
        FAILED,
    ),
    KnownReason(
        "StudentTooLarge",
        "The student's weights are larger than `student.maxSize`.",
        "Choose a smaller student, or raise `student.maxSize`.",
        FAILED,
    ),
    KnownReason(
        "StudentUnusable",
        "The student cannot be loaded, or is an adapter (LoRA) without its base model.",
        "Follow the message: merge an adapter into its base model and save it whole, or name another student.",
        FAILED,
    ),
    KnownReason(
        "UnknownModelType",
        "The installed transformers does not know the student's model type.",
        ANOTHER,
        FAILED,
    ),
    KnownReason(
        "QuantizedStudent",
        "The student is quantized, and quantized weights cannot be trained.",
        "Name the model that it was made from, in 16 or 32 bits.",
        FAILED,
    ),
    KnownReason(
        "RemoteCode",
        "The student needs code of its own, and none of a model's code is run.",
        "Name a student of a type that transformers has.",
        FAILED,
    ),
    KnownReason(
        "NoSafetensors",
        "The student has no weights as safetensors; other forms could run code and are not loaded.",
        "Choose a student with *.safetensors, or convert its weights.",
        FAILED,
    ),
    KnownReason(
        "WeightsMissing",
        "Some of the student's weights are in no file.",
        "Name the whole model, or download it again.",
        FAILED,
    ),
    KnownReason(
        "WeightsMismatch",
        "Some weights have another shape than config.json says.",
        "Put config.json and weights of the same model together.",
        FAILED,
    ),
    KnownReason(
        "WeightsCut",
        "A weights file is not whole, or is a git-lfs pointer.",
        "Run `git lfs pull`, or download it again.",
        FAILED,
    ),
    KnownReason(
        "WeightsNotNumbers",
        "The weights hold values that are not numbers (NaN or infinite).",
        "Download the student again, or name another.",
        FAILED,
    ),
    KnownReason(
        "NoTokenizer",
        "The student has no tokenizer, or one that cannot be loaded.",
        "Put the tokenizer's files beside the weights (tokenizer.json, tokenizer_config.json), or name another student.",
        FAILED,
    ),
    KnownReason(
        "NoEndToken",
        "The tokenizer has no end token, so the student would never learn where an answer ends.",
        "Set eos_token in its tokenizer_config.json, or name another student.",
        FAILED,
    ),
    KnownReason(
        "TokenizerTooLarge",
        "The tokenizer has more tokens than the model has embeddings.",
        "Use the tokenizer that the model was trained with, or resize its embeddings.",
        FAILED,
    ),
    KnownReason(
        "TooFewPositions",
        "The student reads fewer tokens than `training.maxInputTokens` and `training.maxOutputTokens` allow.",
        "Lower these to what the message says, or name a student that reads more.",
        FAILED,
    ),
)
