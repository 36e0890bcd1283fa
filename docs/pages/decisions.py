"""The list of decisions, newest first; each file in docs/decisions has its title in its first line."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "decisions"


def title(file: Path) -> str:
    """The heading in the first line."""
    return file.read_text("utf-8").splitlines()[0].removeprefix("#").strip()


def files() -> list[Path]:
    """The decisions, newest first."""
    return sorted(FOLDER.glob("[0-9]*.md"), reverse=True)


def nav() -> list[dict[str, str]]:
    """The entries of the navigation: the list, then each decision."""
    return [{"All": "decisions/index.md"}, *({title(file): f"decisions/{file.name}"} for file in files())]


def page() -> str:
    """The page that lists them."""
    lines = [f"- [{file.name[:4]}]({file.name}): {title(file)}" for file in files()]
    return "\n".join(["# Decisions", "", "Why things are as they are, one page each.", "", *lines, ""])
