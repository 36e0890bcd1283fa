"""The report in words and tables: what the terminal and the page both show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prompt2model_stages.data_report.figures import DataReport, LengthFigures
from prompt2model_stages.examples import Pair
from prompt2model_stages.splits import TRAIN

TERMINAL_LABELS = 20


@dataclass(frozen=True)
class Grid:
    """A table.

    numbers: columns that stand right.
    texts: columns with texts of the data, which may be long, in any language, and hold anything.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: frozenset[int] = frozenset()
    texts: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Section:
    """A part of the report: a title, sentences, a table where there is one, and sentences below it."""

    title: str
    before: Sequence[str] = ()
    grid: Grid | None = None
    after: Sequence[str] = ()


def sections_of(report: DataReport, labels: int | None = None) -> list[Section]:
    """The report, part by part; one that is not known yet says so.

    Args:
        labels: at most so many labels are listed; all where nothing is said.
    """
    parts: list[Callable[[], Section | None]] = [
        lambda: _state(report),
        lambda: _sizes(report),
        lambda: _lengths(report),
        lambda: _tokens(report),
        lambda: _labels(report, labels),
        lambda: _left_out(report),
        lambda: _leaks(report),
        lambda: _cost(report),
        lambda: _origins(report),
        lambda: _samples(report),
        lambda: Section("Notes of the stages", report.notes) if report.notes else None,
    ]
    return [section for part in parts if (section := part()) is not None]


def _state(report: DataReport) -> Section:
    states = ", ".join(f"{stage} {state}" for stage, state in report.states.items())
    told = [f"{states}." if states else "No stage was started yet."]
    if not report.prepared:
        what = "What follows is what the stages before it wrote." if report.splits else "No rows are written yet."
        told.append(f"There are no splits yet: prepare makes them, of your own and retrieved rows too. {what}")
    return Section("State", told)


def _sizes(report: DataReport) -> Section | None:
    if not report.splits:
        return None
    sources = list(dict.fromkeys(source for split in report.splits for source in split.sources))
    rows = [
        (split.name, _number(split.rows), *(_number(split.sources.get(s, 0)) for s in sources), _number(split.inputs))
        for split in report.splits
    ]
    if len(rows) > 1:
        sums = [sum(split.sources.get(source, 0) for split in report.splits) for source in sources]
        whole = sum(split.rows for split in report.splits), *sums, sum(split.inputs for split in report.splits)
        rows.append(("all", *map(_number, whole)))
    first = "split" if report.prepared else "written by"
    columns = (first, "rows", *sources, "different inputs")
    after = ["Inputs that differ only in case, punctuation or spaces count once."]
    grouping = report.grouping
    if grouping is not None and grouping.groups:
        after.append(
            f"Different questions: {_number(grouping.families)} of {_number(grouping.groups)} different inputs. The largest "
            f"family of inputs that ask the same, or share a context, has {_number(grouping.largest)}. Counted by prepare "
            "before it left out leaks."
        )
    elif report.prepared:
        after.append("How many different questions there are was not counted by the version that prepared this data.")
    else:
        after.append("How many different questions there are is counted by prepare.")
    return Section("Rows by split and source", grid=_figures(columns, rows), after=after)


def _lengths(report: DataReport) -> Section | None:
    if not report.splits:
        return None
    rows = [(split.name, _three(split.input), _three(split.output)) for split in report.splits]
    first = "split" if report.prepared else "written by"
    return Section("Lengths in characters", [_HOW], _figures((first, "input", "output"), rows))


_HOW = "Median / 95th percentile / longest."


def _tokens(report: DataReport) -> Section:
    title = f"Lengths in tokens of {report.student or 'the student'}"
    if not report.tokens:
        return Section(title, ["Not known yet: train counts them before its first step."])
    rows = [
        (of.split, _three(of.input), _three(of.output), _share(of.cut_inputs, of.rows), _share(of.cut_outputs, of.rows))
        for of in report.tokens
    ]
    columns = ("split", "input", "output", "inputs cut", "outputs cut")
    limits = [
        f"{field} {_number(limit)}"
        for field, limit in (("maxInputTokens", report.limits.input), ("maxOutputTokens", report.limits.output))
        if limit is not None
    ]
    after = ["Inputs with the instruction before them, outputs with the end token."]
    if limits:
        after.append(f"Training cuts what is longer than {' and '.join(limits)}.")
    if any(of.input is None for of in report.tokens):
        after.append("The version that trained this student counted what was cut, and no lengths.")
    return Section(title, [_HOW], _figures(columns, rows), after)


def _labels(report: DataReport, most: int | None) -> Section | None:
    if not report.splits:
        return None
    if report.labels is None:
        return Section(
            "Labels", ["The outputs are not a closed set: there are too many different ones, or too few rows of each."]
        )
    splits = [split.name for split in report.splits]
    rows = [
        (label.output, _number(sum(label.rows.values())), *(_number(label.rows.get(name, 0)) for name in splits))
        for label in report.labels[:most]
    ]
    after = []
    if most is not None and len(report.labels) > most:
        after.append(
            f"{_some(len(report.labels) - most, 'rarer label is', 'rarer labels are')} not listed; the page in MLflow has all."
        )
    if report.prepared and (never := [one.output for one in report.labels if not one.rows.get(TRAIN)]):
        after.append(
            f"{_some(len(never), 'label is', 'labels are')} never trained on: {', '.join(map(_quoted, never[:5]))}."
        )
    grid = Grid(("label", "rows", *splits), rows, frozenset(range(1, 2 + len(splits))), frozenset({0}))
    return Section(f"Labels ({_number(len(report.labels))})", grid=grid, after=after)


_KINDS = {
    "empty": "without an input or an output",
    "duplicates": "duplicates: the same question, the same output",
    "conflicts": "conflicts: the same question, another output than the one that is kept",
    "leaks": "leaks: they ask what a test row asks",
}


def _left_out(report: DataReport) -> Section | None:
    if not report.prepared:
        return None
    rows = [
        (_KINDS.get(kind, kind), _number(sum(counts.values())), _told(counts))
        for kind, counts in report.dropped.items()
        if counts
    ]
    told = [] if rows else ["No row was left out."]
    grid = Grid(("why", "rows", "of them"), rows, frozenset({1})) if rows else None
    after, grouping = [], report.grouping
    if grouping is not None:
        after.append(f"Pairs of near-duplicates that were kept together in one split: {_number(grouping.near)}.")
        if grouping.own_asked:
            after.append(
                f"{_number(grouping.own_asked)} rows ask what your own test data asks; {_number(grouping.near_tests)} inputs "
                "ask it in other words."
            )
        if grouping.own_context:
            after.append(
                f"{_number(grouping.own_context)} rows share a context with your own test data, and no question."
            )
    return Section("Left out", told, grid, after)


def _leaks(report: DataReport) -> Section | None:
    if not report.prepared:
        return None
    told = [
        f"{_some(one.inputs, 'input is', 'inputs are')} both in {one.one} and in {one.other}: a score on such rows is too good."
        for one in report.overlaps
    ]
    told = told or ["Checked again: no input is in two splits."]
    if not report.nearest:
        return Section("Leaks", [*told, "No test row shares words with a training row."])
    rows = [(f"{near.similarity:.2f}", near.split, _arrow(near.test), _arrow(near.train)) for near in report.nearest]
    grid = Grid(("similarity", "split", "test row", "nearest training row"), rows, frozenset({0}), frozenset({2, 3}))
    after = ["Similarity is how much of their words the two inputs share, 0 to 1."]
    if report.recorded is not None and report.recorded != report.nearest[0].similarity:
        after.append(f"prepare recorded {report.recorded:.2f} as the highest similarity: the files were changed since.")
    return Section("Leaks: test rows nearest to a training row", told, grid, after)


def _cost(report: DataReport) -> Section:
    cost = report.cost
    if not cost.stages:
        return Section("Cost of the data", ["Nothing was asked of the teacher yet."])
    rows = [
        (one.stage, _number(one.requests), _number(one.tokens), _dollars(one.usd) if cost.priced else "-")
        for one in cost.stages
    ]
    if len(rows) > 1:
        stages = cost.stages
        usd = _dollars(sum(one.usd for one in stages)) if cost.priced else "-"
        rows.append(("all", _number(sum(o.requests for o in stages)), _number(sum(o.tokens for o in stages)), usd))
    after = []
    if cost.free:
        after.append("The embedded teacher costs nothing.")
    elif not cost.priced:
        after.append("The teacher's price is not known: name it in teacher.price.")
    if cost.per_thousand is not None:
        after.append(f"{_dollars(cost.per_thousand)} US dollars for 1,000 generated examples.")
    return Section("Cost of the data", grid=_figures(("stage", "requests", "tokens", "US dollars"), rows), after=after)


def _origins(report: DataReport) -> Section | None:
    rows = [
        (one.name, one.kind, "-" if one.read is None else _number(one.read), one.license, _told(one.rows) or "-")
        for one in report.origins
    ]
    if not rows:
        return None
    grid = Grid(("origin", "kind", "rows read", "license", "rows kept"), rows, frozenset({2}))
    return Section("Origin and license", grid=grid)


def _samples(report: DataReport) -> Section | None:
    if not report.samples:
        return None
    rows = [
        (one.split, one.source or "-", one.input, " | ".join(one.references) or one.output) for one in report.samples
    ]
    grid = Grid(("split", "source", "input", "output"), rows, texts=frozenset({2, 3}))
    return Section("Rows", [f"Drawn by the seed {report.seed}."], grid)


def _figures(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Grid:
    """A table of numbers behind a first column of names."""
    return Grid(columns, list(rows), frozenset(range(1, len(columns))))


def _three(lengths: LengthFigures | None) -> str:
    return "-" if lengths is None else f"{lengths.median:,} / {lengths.p95:,} / {lengths.longest:,}"


def _arrow(row: Pair) -> str:
    return f"{row.input} → {row.output}"


def _number(number: int) -> str:
    return f"{number:,}"


def _some(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _share(part: int, whole: int) -> str:
    """Such as `12 (2.4 %)`; a part that is not nothing is not shown as 0 %."""
    if not part:
        return "0"
    percent = 100 * part / max(1, whole)
    return f"{part:,} ({percent:.1f} %)" if percent >= 0.1 else f"{part:,} (< 0.1 %)"


def _dollars(usd: float) -> str:
    """Two digits that say something: 12.30, 0.42, 0.0031."""
    return f"{usd:,.2f}" if usd >= 0.1 or usd == 0 else f"{usd:.2g}"


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _quoted(text: str) -> str:
    return f"“{' '.join(text.split())[:40]}”"
