"""The page with every file of examples/, each under what its first comment says."""

from __future__ import annotations

from pathlib import Path

from docs.pages.tables import page

FOLDER = Path(__file__).parents[2] / "examples"
INTRODUCTION = """\
# Examples

Files in `examples/`, with their data beside them. Copy one, write your own prompt, and change what the comments name. All but
`dates.yaml` name OpenAI as the teacher; any [other endpoint](how-to/vllm.md) does as well."""


def files() -> list[Path]:
    """The examples: the first task first, then by name."""
    return sorted(FOLDER.glob("*.yaml"), key=lambda file: (file.stem != "dates", file.name))


def title(file: Path) -> str:
    """What the first comment says, up to its first full stop or colon."""
    first = file.read_text("utf-8").splitlines()[0].removeprefix("#").strip()
    return first.split(". ")[0].rstrip(".")


def examples_page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for file in files():
        parts += [f"## {file.name}", f"{title(file)}.", f"```yaml\n{file.read_text('utf-8').rstrip()}\n```"]
    return page(*parts)
