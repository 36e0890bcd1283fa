"""The page, made with Gradio. Nothing but what 127.0.0.1 serves is loaded: fonts are the system's, analytics are off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from prompt2model_stages.choosing import html
from prompt2model_stages.choosing.chooser import EMPTY, LEAVE, NONE, Chooser, Opened, Option, Shown
from prompt2model_stages.choosing.picking import Pick
from prompt2model_stages.choosing.sampling import ROWS, Sample, labelled
from prompt2model_stages.choosing.tables import DATASET_HEADERS, STUDENT_HEADERS, dataset_line, student_line

WIDTHS: list[str | int] = ["18%", "6%", "10%", "10%", "10%", "16%", "30%"]


AWAITED = "What is selected is still being read: its columns are not here yet."


@dataclass(frozen=True)
class Reading:
    """What was read, and of which dataset, configuration and split: until another one is there, the columns are of this one."""

    of: tuple[str, str, str] = ("", "", "")
    sample: Sample = EMPTY

    def is_of(self, selected: str, config: str, split: str) -> bool:
        """Whether it is what the pickers say now."""
        selected, config, split = ((text or "").strip() for text in (selected, config, split))
        return self.of == (selected, config, split) or (self.of[0] == selected and selected in (LEAVE, NONE))


class Page:
    """The components of the page and what moves them. saved: called once the choice is written."""

    def __init__(self, chooser: Chooser, saved: Callable[[], None]) -> None:
        self.chooser, self.saved = chooser, saved
        with gr.Blocks(analytics_enabled=False, title=f"Choose for {chooser.offers.name}") as self.blocks:
            gr.HTML(html.head(chooser.offers), padding=False)
            self.reading, self.shown = gr.State(Reading()), gr.State(Shown())
            with gr.Tab("Dataset"):
                self._dataset_tab()
            with gr.Tab("Student"):
                self._student_tab()
            gr.Markdown("### What is written")
            self.lines = gr.HTML(padding=False, elem_id="lines")
            self.said = gr.HTML(padding=False, elem_id="said")
            self.save = gr.Button("Save", variant="primary", elem_id="save")
            self._wire()

    def _dataset_tab(self) -> None:
        chooser = self.chooser
        lines = [[one.label, *dataset_line(one.offered)[1:]] for one in chooser.datasets if one.offered]
        self.datasets = _table(DATASET_HEADERS, lines, "datasets")
        self.dataset = _named("dataset", chooser.dataset_options(), chooser.first_dataset())
        with gr.Row():
            with gr.Column(scale=1):
                self.card = gr.HTML(padding=False, elem_id="card")
            with gr.Column(scale=1):
                with gr.Row():
                    self.config = _picker("Configuration", "config")
                    self.split = _picker("Split", "split")
                self.inputs = _picker("Input columns, in their order", "inputs", multiselect=True)
                self.output = _picker("Output column", "output")
        gr.Markdown("### One training row")
        self.row = gr.Slider(1, ROWS, value=1, step=1, label="Row", elem_id="row")
        self.preview = gr.HTML(padding=False, elem_id="preview")
        gr.Markdown(f"### The first {ROWS} rows")
        self.rows = gr.HTML(padding=False, elem_id="rows")

    def _student_tab(self) -> None:
        chooser = self.chooser
        lines = [student_line(offered) for offered in chooser.offers.students]
        self.students = _table(STUDENT_HEADERS, lines, "students")
        self.student = _named("student", chooser.student_options(), chooser.first_student())
        self.student_card = gr.HTML(padding=False, elem_id="student-card")

    def _wire(self) -> None:
        pickers = [self.config, self.split, self.inputs, self.output]
        picked = [self.dataset, *pickers, self.reading, self.student]
        opened = [self.card, *pickers, self.reading, self.rows]
        result = [self.preview, self.lines, self.shown, self.said]

        def outcome(event: Any) -> None:
            event.then(self._outcome, [*picked, self.row], result, show_progress="hidden")

        outcome(self.blocks.load(self._open, self.dataset, opened))
        self.blocks.load(self.chooser.student_card, self.student, self.student_card, show_progress="hidden")
        outcome(self.dataset.change(self._open, self.dataset, opened, show_progress_on=self.rows))
        for picker in (self.config, self.split):
            outcome(picker.input(self._reread, [self.dataset, *pickers], opened[2:], show_progress_on=self.rows))
        for picker in (self.inputs, self.output, self.row):
            picker.input(self._outcome, [*picked, self.row], result, show_progress="hidden")
        outcome(self.student.change(self.chooser.student_card, self.student, self.student_card, show_progress="hidden"))
        self.datasets.select(_selected, None, self.dataset, show_progress="hidden")
        self.students.select(_selected, None, self.student, show_progress="hidden")
        self.save.click(self._save, [*picked, self.shown], [self.lines, self.shown, self.said, self.save])

    def _open(self, name: str) -> list[Any]:
        opened = self.chooser.open_dataset((name or "").strip())
        config = gr.update(choices=list(opened.configs), value=opened.pick.config, interactive=bool(opened.pick.name))
        return [opened.card, config, *self._pickers(opened, (name or "").strip(), opened.pick.config)]

    def _reread(self, name: str, config: str, split: str, inputs: list[str], output: str) -> list[Any]:
        opened = Opened("", self._pick(name, config, split, inputs, output))
        opened = self.chooser.read(opened) if opened.pick.name else opened
        return self._pickers(opened, (name or "").strip(), (config or "").strip())

    def _pickers(self, opened: Opened, selected: str, config: str) -> list[Any]:
        """What the pickers of split and columns have now, what they were read of, and its rows."""
        pick, read = opened.pick, opened.sample
        there = bool(pick.name)
        columns = labelled(opened.columns, read.types)
        splits = list(dict.fromkeys([*read.splits, pick.split]))
        return [
            gr.update(choices=splits, value=pick.split, interactive=there),
            gr.update(choices=columns, value=list(pick.inputs), interactive=there),
            gr.update(choices=columns, value=pick.output or None, interactive=there),
            Reading((selected, config, pick.split) if there else (selected, "", ""), read),
            html.rows(read.table.columns, read.cells(), read.sentence) if there else "",
        ]

    def _pick(self, selected: str, config: str, split: str, inputs: list[str], output: str) -> Pick:
        """What the dataset's option and the pickers say together."""
        selected = (selected or "").strip()
        if selected == NONE or not selected:
            return Pick(none=selected == NONE)
        option = self.chooser.dataset(selected)
        columns, others = tuple(inputs or ()), not option.is_given
        return Pick(option.name, False, (config or "").strip(), (split or "").strip(), columns, output or "", others)

    def _outcome(
        self, name: str, config: str, split: str, inputs: list[str], output: str, read: Reading, student: str, row: int
    ) -> list[Any]:
        pick = self._pick(name, config, split, inputs, output)
        if not read.is_of(name, config, split):
            shown = Shown(AWAITED)
            return [html.note(AWAITED), shown.text, shown, ""]
        shown = self.chooser.show(pick, read.sample, student or "")
        return [self.chooser.preview(pick, read.sample, row - 1), shown.text, shown, ""]

    def _save(
        self,
        name: str,
        config: str,
        split: str,
        inputs: list[str],
        output: str,
        read: Reading,
        student: str,
        shown: Shown,
    ) -> list[Any]:
        if not read.is_of(name, config, split):
            return [Shown(AWAITED).text, Shown(AWAITED), "", gr.update()]
        pick = self._pick(name, config, split, inputs, output)
        now, said = self.chooser.save(shown, pick, read.sample, student or "")
        if not self.chooser.saved:
            return [now.text, now, said, gr.update()]
        self.saved()
        return [now.text, now, said, gr.update(value="Saved", interactive=False)]


def _selected(event: gr.SelectData) -> Any:
    """The option, which is the first cell of the line that was selected."""
    return event.row_value[0]


def _table(headers: tuple[str, ...], lines: list[list[str]], name: str) -> Any:
    return gr.Dataframe(
        lines,
        headers=list(headers),
        datatype="str",
        type="array",
        interactive=False,
        wrap=True,
        max_height=340,
        column_widths=WIDTHS,
        buttons=[],
        show_label=False,
        elem_id=name,
        elem_classes="p2m-tables",
    )


def _named(kind: str, options: list[Option], value: str) -> Any:
    """Where a dataset or student is chosen by its name."""
    what = "model" if kind == "student" else kind
    return gr.Dropdown(
        options,
        value=value,
        label=kind.capitalize(),
        info=f"Select a line of the table, or write the name of any {what} at the hub.",
        allow_custom_value=True,
        elem_id=kind,
    )


def _picker(label: str, name: str, *, multiselect: bool = False) -> Any:
    return gr.Dropdown([], label=label, multiselect=multiselect, allow_custom_value=True, elem_id=name)
