"""The page, made with Gradio. The table is HTML of this package: only one page of rows is ever in the browser."""

from __future__ import annotations

from typing import Any

import gradio as gr

from prompt2model_api.loading import SpecError
from prompt2model_stages.choosing.html import done, warning
from prompt2model_stages.reviewing import html
from prompt2model_stages.reviewing.filtering import Look, Wanted
from prompt2model_stages.reviewing.reviewer import Action, Drafted, Reviewer, View
from prompt2model_stages.reviewing.rows import Verdict

ANY = "any"


class Page:
    """The components of the page and what moves them."""

    def __init__(self, reviewer: Reviewer) -> None:
        self.reviewer = reviewer
        with gr.Blocks(analytics_enabled=False, title=f"Review of {reviewer.generated.name}") as self.blocks:
            gr.HTML(html.head(reviewer.generated), padding=False)
            self.view, self.shown = gr.State(View()), gr.State(None)
            self._filters()
            self.table = gr.HTML(
                html.table(reviewer, View()),
                js_on_load=html.SCRIPT.read_text(encoding="utf-8"),
                apply_default_css=False,
                padding=False,
                elem_id="table",
            )
            self._saving()
            self._wire()

    def _filters(self) -> None:
        labels = self._labels()
        looks = [Look.ALL, *([Look.DIFFERING] if self.reviewer.finder.differing else []), Look.NEAR]
        with gr.Row():
            self.text = gr.Textbox(label="Search in input and output", elem_id="text", scale=2)
            self.verdict = gr.Dropdown(
                [(ANY, ANY), *((one.value, one.value) for one in Verdict)], value=ANY, label="Review", elem_id="verdict"
            )
            self.label = gr.Dropdown(
                labels, value=ANY, label="Output", elem_id="label", visible=bool(self.reviewer.finder.labels)
            )
            self.look = gr.Dropdown(
                [(one.value, one.value) for one in looks], value=Look.ALL.value, label="Look at", elem_id="look"
            )

    def _labels(self) -> list[tuple[str, str]]:
        """The outputs to pick from, with their counts, where they are a closed set. A label is marked, for `any` may be one."""
        counts = self.reviewer.finder.label_counts() if self.reviewer.finder.labels else {}
        return [(ANY, ANY), *((f"{label or 'nothing'} ({count:,})", f"={label}") for label, count in counts.items())]

    def _saving(self) -> None:
        gr.Markdown("### Save")
        gr.HTML(
            "<p class='p2m-note'>Each edit is kept at once, and is there when this page is opened again. Saving makes a version of "
            "the examples that the next run trains on.</p>",
            padding=False,
        )
        self.draft = gr.Button("Show what is saved", elem_id="draft")
        self.lines = gr.HTML(padding=False, elem_id="lines")
        with gr.Row():
            self.write = gr.Button("Save and write into the file", variant="primary", elem_id="write", visible=False)
            self.only = gr.Button("Save, I write it myself", elem_id="only", visible=False)
        self.said = gr.HTML(padding=False, elem_id="said")

    def _wire(self) -> None:
        # Not through Gradio's queue: its browser side loses the answer of an event that is sent while the stream of the one before
        # is being closed, and a person presses keys faster than that.
        direct: dict[str, Any] = {"queue": False, "api_visibility": "private"}
        quiet = {**direct, "show_progress": "hidden"}
        wanted = [self.text, self.verdict, self.label, self.look]
        self.blocks.load(self._render, self.view, self.table, **quiet)
        # Each is done, in its order: the browser sends the next one when it has the answer.
        self.table.submit(self._act, self.view, [self.view, self.table], trigger_mode="multiple", **quiet)
        for changed in (self.text.change, self.verdict.change, self.label.change, self.look.change):
            changed(
                self._search,
                [self.view, *wanted],
                [self.view, self.table],
                trigger_mode="always_last",
                show_progress="minimal",
                show_progress_on=self.look,
                **direct,
            )
        self.label.focus(lambda: gr.update(choices=self._labels()), None, self.label, **quiet)
        saving = [self.shown, self.lines, self.write, self.only, self.said]
        self.draft.click(self._draft, None, saving, **quiet)
        self.write.click(lambda shown: self._save(shown, into_file=True), self.shown, saving, **quiet)
        self.only.click(lambda shown: self._save(shown, into_file=False), self.shown, saving, **quiet)

    def _render(self, view: View) -> str:
        return html.table(self.reviewer, view)

    def _act(self, view: View, event: gr.EventData) -> list[Any]:
        view = self.reviewer.act(view, Action.read(event._data))
        return [view, self._render(view)]

    def _search(self, view: View, text: str, verdict: str, label: str, look: str) -> list[Any]:
        wanted = Wanted(
            text=(text or "").strip(),
            verdict=None if verdict == ANY else Verdict(verdict),
            label=None if label == ANY else label.removeprefix("="),
            look=Look(look),
        )
        view = self.reviewer.search(view, wanted)
        return [view, self._render(view)]

    def _draft(self) -> list[Any]:
        shown = self.reviewer.draft()
        savable = shown.draft.counts.removed < len(self.reviewer.rows)
        return [
            shown,
            html.drafted(shown),
            gr.update(visible=savable and shown.proposal is not None),
            gr.update(visible=savable),
            "",
        ]

    def _save(self, shown: Drafted, *, into_file: bool) -> list[Any]:
        try:
            said = self.reviewer.save(shown, into_file=into_file)
        except SpecError as error:
            return [*self._draft()[:-1], warning(str(error))]
        return [shown, "", gr.update(visible=False), gr.update(visible=False), done(said)]
