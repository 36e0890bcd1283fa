"""What is done to an input before the student sees it: the same in prepare, in evaluate and in the service.

It is written once, by prepare, and travels with the model, so that a service can never put its inputs differently from
the training.
"""

from __future__ import annotations

from dataclasses import dataclass

from prompt2model_stages.storage import Folder

PREPROCESSING = "preprocessing.json"
FORMAT = 1
INSTRUCTION_LIMIT = 600
"""Characters of the instruction that stand before each input.

The instruction is the same in every row, so its length costs tokens in each and teaches the student nothing more; a
very long one would push the input itself out of training.maxInputTokens.
"""


@dataclass(frozen=True)
class Preprocessing:
    """Puts the instruction before the input, one line apart.

    Args:
        instruction: in English, as discover found it; what goes beyond INSTRUCTION_LIMIT is cut at a word's end.
    """

    instruction: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "instruction", _shortened(" ".join(self.instruction.split())))

    def text(self, raw: str) -> str:
        """What the student is given for a raw input."""
        return f"{self.instruction}\n{raw.strip()}" if self.instruction else raw.strip()

    def save(self, folder: Folder) -> None:
        """Writes preprocessing.json."""
        folder.write_json(PREPROCESSING, {"format": FORMAT, "instruction": self.instruction})

    @classmethod
    def load(cls, folder: Folder) -> Preprocessing:
        """Reads preprocessing.json. Raises: FileNotFoundError; ValueError where another version wrote it."""
        tree = folder.read_json(PREPROCESSING)
        if tree.get("format") != FORMAT:
            raise ValueError(f"preprocessing.json has format {tree.get('format')}, this version reads {FORMAT}")
        return cls(instruction=str(tree["instruction"]))


def _shortened(text: str) -> str:
    if len(text) <= INSTRUCTION_LIMIT:
        return text
    whole_words = text[:INSTRUCTION_LIMIT].rsplit(" ", 1)[0]
    return whole_words or text[:INSTRUCTION_LIMIT]
