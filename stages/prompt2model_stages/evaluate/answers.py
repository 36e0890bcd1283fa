"""What counts as the same answer."""

from __future__ import annotations

from prompt2model_stages.splits import Row

QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "„": "“"}


def cleaned(answer: str) -> str:
    """An answer without the spaces and the pair of quotes around it; done to references and to all systems alike."""
    text = answer.strip()
    while len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def cleaned_all(row: Row) -> list[str]:
    """All outputs of a row that are right, each once."""
    return list(dict.fromkeys(map(cleaned, row.right)))
