"""The plots in MLflow. Each takes plain data and returns a matplotlib Figure; none uses pyplot's global state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prompt2model_stages.statistics_files import Histogram, Lengths
from prompt2model_stages.tracking.values import SYSTEMS, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"student": "#0072b2", "untrained": "#999999", "teacher": "#e69f00"}
"""Told apart by the colour-blind too (Okabe and Ito's palette), like SOURCE_COLOURS."""

SOURCE_COLOURS = {"own": "#009e73", "retrieved": "#56b4e9", "transformed": "#e69f00", "generated": "#cc79a7"}
CURVE_COLOURS = {"train/loss": "#0072b2", "validation/loss": "#d55e00"}


def learning_curve(points: Iterable[Point]) -> Figure | None:
    """Training and validation loss over steps, and the learning rate below; None where there are no losses."""
    curves: dict[str, dict[int, float]] = {}
    for point in points:  # of a step that was done twice, after a kill, the later value counts
        curves.setdefault(point.key, {})[point.step] = point.value
    losses = {key: sorted(curves[key].items()) for key in CURVE_COLOURS if key in curves}
    if not losses:
        return None
    rate = sorted(curves.get("train/learning_rate", {}).items())
    figure = _figure(8.0, 5.6 if rate else 4.2)
    axes = figure.subplots(2 if rate else 1, 1, sharex=True, squeeze=False, height_ratios=[3, 1] if rate else [1])[:, 0]
    for key, curve in losses.items():
        mark = "o" if len(curve) < 60 else None
        axes[0].plot(
            *zip(*curve, strict=True), color=CURVE_COLOURS[key], marker=mark, markersize=3, label=key.split("/")[0]
        )
    axes[0].set_ylabel("loss (nats per target token)")
    axes[0].set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    axes[0].set_title("Learning curve")
    if rate:
        axes[1].plot(*zip(*rate, strict=True), color="#555555")
        axes[1].set_ylabel("learning rate")
        axes[1].ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axes[-1].set_xlabel("optimizer step")
    _plain(*axes)
    return figure


def score_bars(scores: Sequence[Mapping[str, Any]]) -> Figure | None:
    """One panel a test split: for each metric the three systems side by side, with their 95 % intervals."""
    splits = list(dict.fromkeys(score["split"] for score in scores))
    if not splits:
        return None
    figure = _figure(max(4.6 * len(splits), 6.0), 4.4)
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    for panel, split in zip(panels, splits, strict=True):
        _score_panel(panel, [score for score in scores if score["split"] == split])
    panels[0].set_ylabel("score (%), with 95 % interval")
    handles = {label: bar for panel in panels for bar, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    ordered = {system: handles[system] for system in SYSTEMS if system in handles}
    figure.legend(ordered.values(), ordered.keys(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle("Student, untrained student and teacher on held-out data")
    _plain(*panels)
    return figure


def _score_panel(panel: Axes, scores: Sequence[Mapping[str, Any]]) -> None:
    width = 0.26
    for place, system in enumerate(SYSTEMS):
        present = [(x, score[system]) for x, score in enumerate(scores) if score.get(system)]
        if not present:
            continue
        at = [x + (place - 1) * width for x, _ in present]
        values = [one["value"] for _, one in present]
        errors = [
            [max(o["value"] - o["low"], 0) for _, o in present],
            [max(o["high"] - o["value"], 0) for _, o in present],
        ]
        panel.bar(at, values, width, color=COLOURS[system], label=system, yerr=errors, capsize=3, ecolor="#333333")
        for x, (_, one) in zip(at, present, strict=True):
            panel.text(x, max(one["high"], one["value"]) + 1.5, f"{one['value']:.3g}", ha="center", fontsize=8)
    panel.set_xticks(range(len(scores)), [str(score["metric"]) for score in scores])
    panel.set_xlim(-0.5, len(scores) - 0.5)
    panel.set_ylim(0, 112)
    panel.set_yticks(range(0, 101, 20))
    measured = "" if any(score.get("teacher") for score in scores) else ", teacher not measured"
    panel.set_title(f"{scores[0]['split']} test split, {scores[0]['rows']} rows{measured}", fontsize=10)


def length_histograms(lengths: Lengths) -> Figure | None:
    """How long inputs and outputs are, by where they come from, over all splits; None where there are no rows."""
    histograms = {"input": lengths.input, "output": lengths.output}
    panels = [kind for kind, histogram in histograms.items() if _totals(histogram)]
    if not panels:
        return None
    figure = _figure(4.6 * len(panels), 4.0)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, kind in zip(axes, panels, strict=True):
        edges = histograms[kind].edges
        totals = _totals(histograms[kind])
        used = max((i for counts in totals.values() for i, count in enumerate(counts) if count), default=0) + 1
        bottom = [0] * used
        width = edges[1] - edges[0]
        for source, counts in totals.items():
            colour = SOURCE_COLOURS.get(source, "#999999")
            panel.bar(
                edges[:used], counts[:used], width, bottom, align="edge", color=colour, edgecolor="white", label=source
            )
            bottom = [low + count for low, count in zip(bottom, counts, strict=False)]
        panel.set_title(f"{kind}s", fontsize=10)
        panel.set_xlabel(f"length ({lengths.unit})")
    axes[0].set_ylabel("rows, all splits")
    axes[-1].legend(frameon=False)
    figure.suptitle("Lengths by source")
    _plain(*axes)
    return figure


def duplicates_over_time(pairs: Sequence[Sequence[float]]) -> Figure | None:
    """How many of the examples made were duplicates, as the unique ones came in; None where none were made."""
    if not pairs:
        return None
    unique, duplicates = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    share = [100 * d / (u + d) if u + d else 0.0 for u, d in zip(unique, duplicates, strict=True)]
    figure = _figure(8.0, 4.2)
    count, percent = figure.subplots(1, 2)
    count.plot(unique, duplicates, color="#cc79a7", marker="o" if len(pairs) < 60 else None, markersize=3)
    count.set_ylabel("duplicates dropped so far")
    count.set_ylim(bottom=0)
    percent.plot(unique, share, color="#555555", marker="o" if len(pairs) < 60 else None, markersize=3)
    percent.set_ylabel("share of all examples made (%)")
    percent.set_ylim(0, max(5.0, min(100.0, 1.2 * max(share))))
    for axes in (count, percent):
        axes.set_xlabel("unique examples so far")
    figure.suptitle("Duplicates among the generated examples")
    _plain(count, percent)
    return figure


def _totals(histogram: Histogram) -> dict[str, list[int]]:
    totals: dict[str, list[int]] = {}
    for sources in histogram.counts.values():
        for source, counts in sources.items():
            before = totals.get(source, [0] * len(counts))
            totals[source] = [a + b for a, b in zip(before, counts, strict=True)]
    return {source: totals[source] for source in (*SOURCE_COLOURS, *totals) if source in totals and any(totals[source])}


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def _plain(*panels: Axes) -> None:
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="#dddddd", linewidth=0.7)
        panel.set_axisbelow(True)
