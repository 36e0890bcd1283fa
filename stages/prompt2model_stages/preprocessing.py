"""What is done to an input before the student sees it: the same in prepare, in evaluate and in the service.

It is written once, by prepare, and travels with the model, so that a service can never put its inputs differently from
the training.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field

from prompt2model_stages.storage import Folder

PREPROCESSING = "preprocessing.json"
FORMAT = 1
INSTRUCTION_LIMIT = 600
"""Characters of the instruction that stand before each input, where training.maxInstructionCharacters says nothing.

The instruction is the same in every row, so its length costs tokens in each and teaches the student nothing more; a
very long one would push the input itself out of training.maxInputTokens.
"""


@dataclass(frozen=True)
class Preprocessing:
    """Puts the instruction before the input, one line apart.

    Args:
        instruction: in English, as discover found it; what goes beyond the limit is cut at a word's end, where it has words.
        limit: the most characters of it; None: it is not cut.

    left_out: characters of the instruction that were cut, 0 where it is whole.
    """

    instruction: str
    limit: InitVar[int | None] = INSTRUCTION_LIMIT
    left_out: int = field(default=0, init=False, compare=False)

    def __post_init__(self, limit: int | None) -> None:
        whole = " ".join(self.instruction.split())
        kept = whole if limit is None else _shortened(whole, limit)
        object.__setattr__(self, "instruction", kept)
        object.__setattr__(self, "left_out", len(whole) - len(kept))

    def text(self, raw: str) -> str:
        """What the student is given for a raw input."""
        return f"{self.instruction}\n{raw.strip()}" if self.instruction else raw.strip()

    @property
    def note(self) -> str:
        """How much of the instruction was cut, and what to do; empty where it is whole."""
        if self.left_out == 0:
            return ""
        kept = len(self.instruction)
        return (
            f"The instruction is cut: the student reads its first {kept:,} of {kept + self.left_out:,} characters before each "
            "input. Write it shorter, or raise training.maxInstructionCharacters."
        )

    def save(self, folder: Folder) -> None:
        """Writes preprocessing.json."""
        folder.write_json(PREPROCESSING, {"format": FORMAT, "instruction": self.instruction})

    @classmethod
    def load(cls, folder: Folder) -> Preprocessing:
        """Reads preprocessing.json. Raises: FileNotFoundError; ValueError where another version wrote it."""
        tree = folder.read_json(PREPROCESSING)
        if tree.get("format") != FORMAT:
            raise ValueError(f"preprocessing.json has format {tree.get('format')}, this version reads {FORMAT}")
        return cls(instruction=str(tree["instruction"]), limit=None)


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    start = text[: limit + 1]  # a word that ends at the limit stays
    return start.rsplit(" ", 1)[0] if " " in start else start[:limit]
