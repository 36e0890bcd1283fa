"""Texts to token ids, in training and in use, for both families.

A decoder-only student reads `text + separator` and goes on with the target and its end token; an encoder-decoder reads
the text and writes the target. Targets and padding are told apart by their places, never by their ids: many a tokenizer
pads with the end token, and a student that never sees its end token never stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from prompt2model_api.base import Architecture
from prompt2model_stages.stage_files import first_problem
from prompt2model_stages.storage import Folder
from prompt2model_stages.trimming import trimmed

SETTINGS = "student.json"

IGNORED = -100
"""The label that the loss leaves out."""


@dataclass(frozen=True)
class StudentSettings:
    """How a student is used; student.json beside its weights.

    separator: what stands between text and target of a decoder-only student.
    max_input_tokens, max_output_tokens: where inputs and targets are cut, end token included.
    """

    architecture: Architecture
    separator: str = "\n"
    max_input_tokens: int = 512
    max_output_tokens: int = 128

    def dump(self) -> dict[str, object]:
        """As it stands in student.json."""
        return {"format": 1, **asdict(self), "architecture": self.architecture.value}

    @classmethod
    def read(cls, folder: Folder) -> StudentSettings:
        """What student.json in a model's folder holds. Raises: FileNotFoundError; ValueError where another version wrote it."""
        tree = folder.read_json(SETTINGS)
        if not isinstance(tree, dict) or tree.get("format") != 1:
            found = tree.get("format") if isinstance(tree, dict) else None
            raise ValueError(f"{folder.uri}/{SETTINGS} has format {found}, this version reads 1")
        fields = {key: value for key, value in tree.items() if key != "format"}
        try:
            return TypeAdapter(cls).validate_python(fields)
        except ValidationError as error:
            raise ValueError(f"{folder.uri}/{SETTINGS} cannot be used: {first_problem(error)}") from error


@dataclass(frozen=True)
class Encoded:
    """One example: the ids of what the student reads, and of what it is to write.

    source_tokens, target_tokens: how many there would be if nothing was cut. A cut target has no end token.
    """

    source: list[int]
    target: list[int]
    source_tokens: int = 0
    target_tokens: int = 0

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.source) + len(self.target)


class StudentEncoder:
    """A tokenizer with a student's settings."""

    def __init__(self, tokenizer: Any, settings: StudentSettings) -> None:
        self.tokenizer = tokenizer
        self.settings = settings
        self.end: int = tokenizer.eos_token_id
        self.pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.end
        self._separator: list[int] = self._plain([settings.separator])[0]

    def sources(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of what the student reads, cut to max_input_tokens; a decoder's end with the separator, uncut."""
        return [source for source, _ in self._sources(texts)]

    def targets(self, outputs: Sequence[str]) -> list[list[int]]:
        """Ids of what the student is to write, the end token last; what max_output_tokens cuts has none."""
        limit = self.settings.max_output_tokens
        return [[*ids, self.end][:limit] for ids in self._written(outputs)]

    def round_trips(self, outputs: Sequence[str]) -> list[str | None]:
        """What the student's answer would be if it wrote each output whole; None where it lacks a token for it."""
        unknown = self.tokenizer.unk_token_id
        return [None if unknown in ids else self.text([*ids, self.end]) for ids in self._written(outputs)]

    def examples(self, texts: Sequence[str], outputs: Sequence[str]) -> list[Encoded]:
        """Pairs for training."""
        written = [[*ids, self.end] for ids in self._written(outputs)]
        pairs = zip(self._sources(texts), written, strict=True)
        limit = self.settings.max_output_tokens
        return [Encoded(source, target[:limit], whole, len(target)) for (source, whole), target in pairs]

    def _sources(self, texts: Sequence[str]) -> list[tuple[list[int], int]]:
        """Ids, cut, and how many there are uncut."""
        if not texts:
            return []
        limit = self.settings.max_input_tokens
        found: list[list[int]] = list(self.tokenizer(list(texts))["input_ids"])
        if self.settings.architecture is Architecture.ENCODER_DECODER:
            long = [row for row, ids in enumerate(found) if len(ids) > limit]
            lengths = [len(ids) for ids in found]
            if long:  # the tokenizer knows which of its own tokens stay at the end
                cut = self.tokenizer([texts[row] for row in long], truncation=True, max_length=limit)["input_ids"]
                for row, ids in zip(long, cut, strict=True):
                    found[row] = ids
            return list(zip(found, lengths, strict=True))
        room, behind = max(1, limit - len(self._separator)), len(self._separator)
        plain = [self._without_end(ids) for ids in found]
        return [(ids[:room] + self._separator, len(ids) + behind) for ids in plain]

    def _written(self, outputs: Sequence[str]) -> list[list[int]]:
        """Ids of outputs, uncut and without an end token."""
        if not outputs:
            return []
        if self.settings.architecture is Architecture.ENCODER_DECODER:
            found = list(self.tokenizer(text_target=list(outputs))["input_ids"])
        else:
            found = self._plain(outputs)
        return [self._without_end(ids) for ids in found]

    def batch(self, examples: Sequence[Encoded]) -> dict[str, list[list[int]]]:
        """Padded rows for training: input_ids, attention_mask, labels; padding stands right."""
        if self.settings.architecture is Architecture.ENCODER_DECODER:
            sources = [example.source for example in examples]
            labels = [example.target for example in examples]
        else:
            sources = [example.source + example.target for example in examples]
            labels = [[IGNORED] * len(example.source) + example.target for example in examples]
        return {**self._inputs(sources, left=False), "labels": _padded(labels, IGNORED, left=False)}

    def prompts(self, sources: Sequence[list[int]]) -> dict[str, list[list[int]]]:
        """Padded rows for generation; a decoder's padding stands left, so that each row goes on at its end."""
        return self._inputs(sources, left=self.settings.architecture is Architecture.DECODER_ONLY)

    def text(self, ids: Sequence[int]) -> str:
        """What the student wrote, up to its end token."""
        kept = list(ids)
        if self.end in kept[1:]:  # the first may be a start token with the end token's id
            kept = kept[: kept.index(self.end, 1)]
        return trimmed(str(self.tokenizer.decode(kept, skip_special_tokens=True)), lone=True)

    def _inputs(self, rows: Sequence[list[int]], left: bool) -> dict[str, list[list[int]]]:
        masks = [[1] * len(row) for row in rows]
        return {"input_ids": _padded(rows, self.pad, left), "attention_mask": _padded(masks, 0, left)}

    def _plain(self, texts: Sequence[str]) -> list[list[int]]:
        return list(self.tokenizer(list(texts), add_special_tokens=False)["input_ids"])

    def _without_end(self, ids: list[int]) -> list[int]:
        return ids[:-1] if ids and ids[-1] == self.end else ids


def _padded(rows: Sequence[list[int]], filler: int, left: bool) -> list[list[int]]:
    width = max(len(row) for row in rows)
    gaps = [[filler] * (width - len(row)) for row in rows]
    return [gap + row if left else row + gap for gap, row in zip(gaps, rows, strict=True)]
