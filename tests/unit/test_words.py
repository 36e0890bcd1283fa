"""What users read is in plain present-day English: words that few would use today are found and refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prompt2model_api.reasons import REASONS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
READ = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/index.md", "docs/architecture.md")),
    *sorted((ROOT / "docs/how-to").glob("*.md")),
    *sorted((ROOT / "examples").glob("*.yaml")),
    *sorted((ROOT / "crds").glob("*.yaml")),
    *(
        ROOT / "charts/prompt2model" / name
        for name in ("README.md", "values.yaml", "values.schema.json", "templates/NOTES.txt")
    ),
]
OLD = {
    r"mend(s|ed|ing)?": "fix",
    r"whence|thence|whither": "from where",
    r"in vain": "without success",
    r"lies? (on|in|at|there|here)|lay on|must lie|results lie": "is stored on",
    r"anew": "again",
    r"upon": "on",
    r"hence": "so",
    r"stands? (in|on|at|there|where|before|behind|beside)": "is in",
    r"at hand": "available",
    r"nobody": "no one",
    r"holds Pod Security": "complies with",
}


@pytest.mark.parametrize("file", READ, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_has_plain_words(file: Path) -> None:
    assert found_in(file.read_text("utf-8")) == []


def test_reasons_have_plain_words() -> None:
    assert found_in("\n".join(f"{reason.cause}\n{reason.fix}" for reason in REASONS.values())) == []


def test_an_old_word_is_found() -> None:
    assert found_in("It lies on a claim.\nMend it.\nRecommended.") == ["1: lies on (is stored on)", "2: Mend (fix)"]


def found_in(text: str) -> list[str]:
    lines = enumerate(text.splitlines(), 1)
    return [
        f"{number}: {match[0]} ({plain})"
        for number, line in lines
        for old, plain in OLD.items()
        for match in re.finditer(rf"\b(?:{old})\b", line, re.IGNORECASE)
    ]
