"""A loaded student: what it is trained on, what it answers, and how it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from prompt2model_api.base import Architecture
from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.storage import Folder
from prompt2model_stages.student import embedded
from prompt2model_stages.student.checking import check_headers, check_tokenizer
from prompt2model_stages.student.devices import answering_precision
from prompt2model_stages.student.encoding import SETTINGS, Encoded, StudentEncoder, StudentSettings
from prompt2model_stages.student.hub import TOKEN
from prompt2model_stages.student.loading import check_model_type, load_parts
from prompt2model_stages.student.model_files import FIELD, FolderFiles, not_numbers
from prompt2model_stages.student.resolving import architecture_of, is_folder

GREEDY: dict[str, Any] = {
    "do_sample": False,
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_length": 0,
    "max_length": None,
    "temperature": None,
    "top_p": None,
    "top_k": None,
}
"""Over what a model's generation_config.json asks for, which was meant for its own task and not for this one."""


class Student:
    """A model with its tokenizer behind one text-to-text interface.

    Args:
        model: of transformers, in evaluation mode.
        tokenizer: the model's.
        settings: how it is used.
    """

    def __init__(self, model: Any, tokenizer: Any, settings: StudentSettings) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings
        self.encoder = StudentEncoder(tokenizer, settings)
        ends = model.generation_config.eos_token_id
        self._ends = sorted({self.encoder.end, *([ends] if isinstance(ends, int) else ends or [])})

    @classmethod
    def load(
        cls,
        path_or_name: str | Path,
        revision: str | None = None,
        max_input_tokens: int = 512,
        max_output_tokens: int = 128,
    ) -> Student:
        """A pretrained student, in fp32.

        Args:
            path_or_name: a folder, a Hugging Face name, or the embedded student's.
            revision: of the hub; left out of account for what lies on this machine.
            max_input_tokens, max_output_tokens: where inputs and targets are cut.

        Raises: StageError UnknownStudent; HubUnreachable or StudentMissing (Blocked).
        """
        name = str(path_or_name)
        if name.startswith(embedded.PREFIX):
            embedded.gguf_file(name)
            name = str(embedded.unpacked())
        local = is_folder(name) or Path(name).is_absolute()
        revision = None if local else revision
        from transformers import PreTrainedConfig

        said = str(path_or_name)
        try:
            # As the file says it: a quantized or unknown model is refused with a sentence, before transformers looks at it.
            config, _ = PreTrainedConfig.get_config_dict(name, revision=revision)
            check_model_type(config, said)
            settings = StudentSettings(
                architecture=architecture_of(config, said),
                max_input_tokens=max_input_tokens,
                max_output_tokens=max_output_tokens,
            )
            return cls._loaded(name, settings, revision, said)
        except OSError as error:
            if error.errno is not None:  # the machine's own, such as a full disk
                raise
            raise _not_there(name, local, error) from error

    @classmethod
    def from_folder(cls, folder: Path | str) -> Student:
        """A student that `save` wrote. Raises: FileNotFoundError, ValueError, StageError ModelDamaged (Blocked)."""
        settings = StudentSettings.read(Folder(str(folder)))
        try:
            return cls._loaded(str(folder), settings, None, str(folder))
        except StageError as error:
            why = error.failure.message.removeprefix(f"{FIELD}: ")
            raise blocked(
                "ModelDamaged", f"The trained model: {why}", "Put its files back, or train it again."
            ) from error

    @classmethod
    def _loaded(cls, where: str, settings: StudentSettings, revision: str | None, name: str) -> Student:
        if (folder := Path(where)).is_dir():
            check_headers(FolderFiles(folder), name)
        parts = load_parts(where, settings.architecture, name, revision)
        check_tokenizer(parts.tokenizer, parts.model, name)
        for tensor, weights in parts.model.named_parameters():
            if not bool(torch.isfinite(weights).all()):
                raise not_numbers(name, tensor)
        return cls(parts.model, parts.tokenizer, settings)

    def put_on(self, device: torch.device) -> None:
        """Moves the weights to the device; they stay fp32."""
        self.model.to(device)

    def lower_precision(self) -> None:
        """From here on answers are computed in what `answering_precision` names for the device; there is no way back."""
        self.model.to(answering_precision(self.model.device))

    @property
    def architecture(self) -> Architecture:
        """The student's family."""
        return self.settings.architecture

    @property
    def max_output_tokens(self) -> int:
        """The longest answer."""
        return self.settings.max_output_tokens

    def encode_training(self, texts: Sequence[str], outputs: Sequence[str]) -> list[Encoded]:
        """Pairs of text and output as token ids."""
        return self.encoder.examples(texts, outputs)

    def batch(self, examples: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """Padded tensors of shape (rows, tokens), on the model's device."""
        return {key: torch.tensor(rows, device=self.model.device) for key, rows in self.encoder.batch(examples).items()}

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def generate(
        self,
        texts: Sequence[str],
        max_output_tokens: int | None = None,
        batch_size: int = 16,
        progress: Callable[[int], None] | None = None,
    ) -> list[str]:
        """The student's answers, greedily: the most likely token each time, up to the end token.

        Args:
            texts: as Preprocessing puts them.
            max_output_tokens: the longest answer; the student's own limit where nothing is said.
            batch_size: rows at once; rows of like length are put together.
            progress: is told how many are answered.
        """
        sources = self.encoder.sources(texts)
        order = sorted(range(len(sources)), key=lambda row: (-len(sources[row]), row))
        answers = [""] * len(sources)
        for begin in range(0, len(order), batch_size):
            rows = order[begin : begin + batch_size]
            for row, answer in zip(rows, self._answers([sources[row] for row in rows], max_output_tokens), strict=True):
                answers[row] = answer
            if progress is not None:
                progress(begin + len(rows))
        return answers

    def _answers(self, sources: list[list[int]], max_output_tokens: int | None) -> list[str]:
        self.model.eval()
        prompts = self.encoder.prompts(sources)
        inputs = {key: torch.tensor(rows, device=self.model.device) for key, rows in prompts.items()}
        written = self.model.generate(
            **inputs,
            **GREEDY,
            max_new_tokens=max_output_tokens or self.max_output_tokens,
            eos_token_id=self._ends,
            pad_token_id=self.encoder.pad,
        )
        skipped = inputs["input_ids"].shape[1] if self.architecture is Architecture.DECODER_ONLY else 1
        return [self.encoder.text(row[skipped:]) for row in written.tolist()]

    def save(self, folder: Path | str) -> None:
        """Writes weights (safetensors), configuration, tokenizer and settings."""
        folder = Path(folder)
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        (folder / SETTINGS).write_text(json.dumps(self.settings.dump(), indent=1) + "\n", encoding="utf-8")


def _not_there(name: str, local: bool, error: OSError) -> StageError:
    """What transformers means by an OSError without a number: files that are not there, or a hub that does not answer."""
    why = (str(error) or type(error).__name__).splitlines()[0]
    if local:
        return blocked("StudentMissing", f"The student in {name} cannot be loaded: {why}", "Put its files back.")
    return blocked(
        "HubUnreachable",
        f"The student {name} is not in the local cache, and the hub did not give it: {why}",
        f"Check the connection and HF_ENDPOINT; for a private model {TOKEN}. What was done so far is kept.",
    )
