"""Which of several outputs of an input is kept, and when they agree.

Source: Viswanathan et al. 2023, section 3.3 (self-consistency).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from prompt2model_stages.examples import Pair, normalised, same_text

Form = Callable[[str], str]
"""What two outputs have in common that say the same."""
SHORTEST_WORD = 2
"""Letters without which a label is compared as text: C and C# are two labels."""


def winner(outputs: Iterable[str]) -> tuple[str, int]:
    """The most frequent output and its votes; ties go to the shortest, then to the one that came first."""
    votes = Counter(outputs)
    best = min(votes, key=lambda output: (-votes[output], len(output)))
    return best, votes[best]


def leading(outputs: Sequence[str], form: Form) -> tuple[str, int]:
    """The output whose form is the most frequent, in its most frequent spelling, and the votes of its form.

    Ties go to the one that came first: a rule that looks at the text, as `winner` does, would bend labels.
    """
    forms = [form(output) for output in outputs]
    best, votes = Counter(forms).most_common(1)[0]  # of equal counts the one that was met first
    spellings = Counter(output for output, one in zip(outputs, forms, strict=True) if one == best)
    return spellings.most_common(1)[0][0], votes


def first_leading(outputs: Sequence[str]) -> tuple[str, int]:
    """The same of outputs as texts."""
    return leading(outputs, as_text)


def agree(outputs: Sequence[str], form: Form) -> bool:
    """Whether there are two outputs at least, and more than half of them say the same."""
    if len(outputs) < 2:
        return False
    return 2 * leading(outputs, form)[1] > len(outputs)


def form_of(labels: bool, demonstrations: Sequence[Pair]) -> Form:
    """How outputs of a task are compared.

    Args:
        labels: whether they are a closed set.
        demonstrations: where their outputs would fall together as labels, the task tells such labels apart.
    """
    shown = {pair.output for pair in demonstrations}
    return as_label if labels and len({as_label(one) for one in shown}) == len(shown) else as_text


def as_label(output: str) -> str:
    """Without case, punctuation and spaces, where it is words alone: -1 and 1, C and C#, are different labels."""
    if any(letter.isdigit() for letter in output):
        return as_text(output)
    label = normalised(output)
    return label if max(map(len, label.split()), default=0) >= SHORTEST_WORD else as_text(output)


def as_text(output: str) -> str:
    """A line whatever its spaces; several as they are, but for spaces at their ends: code is read by its lines' indentation."""
    lines = output.strip("\n").splitlines()
    return same_text(output) if len(lines) < 2 else "\n".join(line.rstrip() for line in lines)
