"""Makes data/dates-in-words.jsonl: dates as people write them, each with the date in ISO 8601.

    python -m prompt2model_stages.catalogs.make_dates_in_words

The same seed makes the same file, and a test compares. Months, weekdays and holidays are those of English; figures with
slashes put the month first, as in the United States. Every input stands once.
"""

from __future__ import annotations

import argparse
import calendar
import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

ROWS = 900
SEED = 20_000
YEARS = (1950, 2049)
TARGET = Path(__file__).parent / "data" / "dates-in-words.jsonl"

MONTHS = tuple(calendar.month_name)[1:]
WEEKDAYS = tuple(calendar.day_name)
HOLIDAYS = {
    "Christmas Day": (12, 25),
    "Christmas Eve": (12, 24),
    "New Year's Day": (1, 1),
    "New Year's Eve": (12, 31),
    "Halloween": (10, 31),
    "Valentine's Day": (2, 14),
}
Pair = tuple[str, date]


def make(rows: int = ROWS, seed: int = SEED) -> list[dict[str, str]]:
    """So many rows of `text` and `iso`, no text twice."""
    chance = random.Random(seed)
    forms, weights = zip(*FORMS, strict=True)
    made: dict[str, str] = {}
    while len(made) < rows:
        text, day = chance.choices(forms, weights)[0](chance)
        made.setdefault(text, day.isoformat())
    return [{"text": text, "iso": iso} for text, iso in made.items()]


def _plain(chance: random.Random) -> Pair:
    day = _day(chance)
    return _plain_text(day), day


def _american(chance: random.Random) -> Pair:
    day = _day(chance)
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}", day


def _short(chance: random.Random) -> Pair:
    day = _day(chance)
    return f"{MONTHS[day.month - 1][:3]} {day.day} {day.year}", day


def _slashes(chance: random.Random) -> Pair:
    day = _day(chance)
    return f"{day.month}/{day.day}/{day.year}", day


def _ordinal(chance: random.Random) -> Pair:
    day = _day(chance)
    return f"the {_nth(day.day)} of {MONTHS[day.month - 1]} {day.year}", day


def _weekday(chance: random.Random) -> Pair:
    day = _day(chance)
    return f"{WEEKDAYS[day.weekday()]}, {_plain_text(day)}", day


def _neighbour(chance: random.Random) -> Pair:
    day, step = _day(chance), chance.choice((-1, 1))
    return f"the day {'after' if step > 0 else 'before'} {_plain_text(day)}", day + timedelta(step)


def _days_away(chance: random.Random) -> Pair:
    day, step = _day(chance), chance.choice((-2, 2))
    return f"two days {'after' if step > 0 else 'before'} {_plain_text(day)}", day + timedelta(step)


def _end_of_month(chance: random.Random) -> Pair:
    day = _day(chance)
    last = chance.random() < 0.7
    number = calendar.monthrange(day.year, day.month)[1] if last else 1
    return f"the {'last' if last else 'first'} day of {MONTHS[day.month - 1]} {day.year}", day.replace(day=number)


def _holiday(chance: random.Random) -> Pair:
    name, year = chance.choice(sorted(HOLIDAYS)), chance.randint(*YEARS)
    return f"{name} {year}", date(year, *HOLIDAYS[name])


def _day(chance: random.Random) -> date:
    first = date(YEARS[0], 1, 1).toordinal()
    return date.fromordinal(chance.randint(first, date(YEARS[1], 12, 31).toordinal()))


def _plain_text(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _nth(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number not in (11, 12, 13) else "th"
    return f"{number}{ending}"


FORMS: tuple[tuple[Callable[[random.Random], Pair], int], ...] = (
    (_plain, 12),
    (_american, 12),
    (_short, 10),
    (_slashes, 14),
    (_ordinal, 14),
    (_weekday, 8),
    (_neighbour, 14),
    (_days_away, 4),
    (_end_of_month, 6),
    (_holiday, 6),
)
"""Each form with its share."""


def main() -> None:
    """Writes the file, or the one that --target names."""
    parser = argparse.ArgumentParser(description="Makes the dataset builtin:dates-in-words.")
    parser.add_argument("--target", type=Path, default=TARGET)
    target: Path = parser.parse_args().target
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) for row in make())
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
