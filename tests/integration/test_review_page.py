"""`p2m review` in a real Chromium: rows are read, corrected and accepted by keys, kept at once, saved into the file; no other host.

P2M_SCREENSHOTS names a folder in which the pictures are kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from prompt2model_api.loading import load
from prompt2model_stages.examples import VotedExample
from prompt2model_stages.reviewed import read_about, read_version
from prompt2model_stages.storage import Folder
from tests import chromium, generated_runs
from tests.generated_runs import example
from tests.integration.test_choose_page import started

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(chromium.executable() is None, reason="chromium is not installed"),
]

HOSTILE = "<img src=http://192.0.2.1/x.png onerror=\"document.title='taken'\"> ${document.title='taken'} {{value}} `x`"
PORT = 18860
KEYS = {"Escape": 27, "Enter": 13, "ArrowDown": 40}


def examples(count: int = 3000) -> list[VotedExample]:
    """With words before the label in three rows, one wrong label in two, and two rows that ask the same."""
    rows = [example(place) for place in range(count)]
    rows[1] = example(1, HOSTILE, "login", 2, 3)
    for place in (4, 7, 10):
        rows[place] = example(place, output="Answer: login")
    for place in (13, 16):
        rows[place] = example(place, output="lgoin")
    rows[2] = example(2, "Where is my parcel? I ordered it on Monday", "shipping", 2, 5)
    rows[5] = example(5, "Where is my parcel, I ordered it on Monday?", "shipping", 3, 5)
    return rows


@asynccontextmanager
async def reviewing(folder: Path, by: str = "ann") -> AsyncIterator[tuple[subprocess.Popen[str], str]]:
    """The command as its user starts it, and the address that it tells."""
    command = [sys.executable, "-m", "prompt2model_stages.cli.main", "review", "tickets", "--by", by]
    command += ["--runs", str(folder / "runs"), "--port", str(PORT)]
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | {"COLUMNS": "200"}
    async with started(command, environment) as (process, line):
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\S+/", line)
        assert found, line
        yield process, found[0]


async def press(page: chromium.Page, *keys: str, ctrl: bool = False) -> None:
    """Keys, one after the other, as fast as they come."""
    for key in keys:
        code = KEYS.get(key, ord(key.upper()[0]))
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 2 if ctrl else 0}
        text = {"text": key} if len(key) == 1 else {}
        await page.ask("Input.dispatchKeyEvent", type="keyDown", **told, **text)
        await page.ask("Input.dispatchKeyEvent", type="keyUp", **told)


async def write_over(page: chromium.Page, text: str) -> None:
    """Another text in the cell that is being edited."""
    await page.until("document.activeElement.tagName === 'TEXTAREA'")
    await page.value("document.activeElement.select()")
    await page.ask("Input.insertText", text=text)
    await press(page, "Enter", ctrl=True)


async def counts(page: chromium.Page, told: str) -> None:
    """Waits until the page counts so."""
    await page.until(f"document.querySelector('.p2m-count')?.textContent.includes({json.dumps(told)})")


async def current(page: chromium.Page, row: int) -> None:
    """Waits until this row, counted from 1, is the current one."""
    await page.until(f"document.querySelector('tr.current')?.dataset.row === '{row - 1}'")


async def click(page: chromium.Page, selector: str) -> None:
    """A click, as a person makes it."""
    await page.until(f"!!document.querySelector({json.dumps(selector)})")
    await page.value(f"document.querySelector({json.dumps(selector)}).click()")


async def pick(page: chromium.Page, name: str, option: str) -> None:
    """Picks an option of a filter by its name."""
    await page.value(f"document.querySelector('#{name} input').focus()")
    await page.until(f"!!document.querySelector('#{name} [role=option], ul[role=listbox] [role=option]')")
    await page.value(
        "[...document.querySelectorAll('[role=option]')]"
        f".find(o => o.textContent.trim().endsWith({json.dumps(option)}) || o.textContent.includes({json.dumps(option)}))"
        ".dispatchEvent(new MouseEvent('mousedown', {bubbles: true}))"
    )


async def kept(page: chromium.Page, name: str) -> None:
    """A picture of the page, where P2M_SCREENSHOTS wants them."""
    if folder := os.environ.get("P2M_SCREENSHOTS"):
        await asyncio.sleep(0.4)
        await page.screenshot(Path(folder) / f"review-{name}.png")


async def opened(page: chromium.Page, address: str) -> None:
    """The page, wide and ready."""
    await page.ask("Emulation.setDeviceMetricsOverride", width=1280, height=1000, deviceScaleFactor=1, mobile=False)
    await page.open(address)
    await page.until("!!document.querySelector('tr.current')")


def edits(folder: Path) -> list[dict[str, Any]]:
    """The lines of the journal behind its head."""
    (file,) = (folder / "runs/default/tickets").glob("edits-*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()[1:]]


async def end(process: subprocess.Popen[str]) -> str:
    """Ctrl-C; what was said then."""
    process.send_signal(signal.SIGINT)
    said, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    return said


async def test_a_person_reviews(tmp_path: Path) -> None:
    file = generated_runs.write(tmp_path, examples())
    async with reviewing(tmp_path) as (process, address), chromium.page() as page:
        await opened(page, address)
        await counts(page, "0 of 3,000")
        assert await page.value("document.querySelectorAll('tr[data-row]').length") == 25
        assert (
            await page.value("document.querySelector('tr[data-row=\"1\"] [data-field=input]').textContent") == HOSTILE
        )
        await kept(page, "opened")

        await press(page, "a", "a", "j", "a")  # rows 1, 2, and 4
        await counts(page, "3 accepted")
        await current(page, 5)
        await press(page, "e")
        await write_over(page, "login")
        await page.until("document.querySelector('.p2m-offers')?.textContent.includes('In 2 other rows')")
        await counts(page, "1 corrected")
        await kept(page, "like-it")
        await press(page, "y")
        await counts(page, "3 corrected")
        await press(page, "u")
        await counts(page, "1 corrected")
        await press(page, "k", "k", "k", "k", "r")  # undo led to row 8
        await counts(page, "1 removed")
        removed = await page.value("document.querySelector('tr.removed').dataset.row")
        assert removed == "3"

        await page.value("document.querySelector('#text input, #text textarea').focus()")
        await page.ask("Input.insertText", text="lgoin")
        await page.until("document.querySelector('.p2m-bar').textContent.includes('of 2')")
        await page.value("document.activeElement.blur()")
        await press(page, "e")
        await write_over(page, "login")
        await page.until("document.querySelector('.p2m-offers')?.textContent.includes('In 1 other row')")
        await press(page, "y")
        await counts(page, "3 corrected")
        await kept(page, "found")

        await click(page, "#draft")
        await page.until("document.querySelector('#lines').textContent.includes('accepted:')")
        assert "accepted" not in file.read_text()
        await kept(page, "draft")
        await click(page, "#write")
        await page.until("document.querySelector('#said').textContent.includes('Written to')")
        await kept(page, "saved")
        assert await page.value("document.title") == "Review of tickets"
        hosts = {urlsplit(request).netloc for request in page.requests if not request.startswith("data:")}
        assert hosts == {urlsplit(address).netloc}
        assert page.console == []
        said = await end(process)
        assert "Saved as reviewed-" in said and "are kept in" in said and "not saved" not in said

    accepted = load(file).spec.generation.accepted or ""
    version = read_version(folder := Folder(str(tmp_path / "runs/default/tickets")), accepted.partition("-")[2])
    assert len(version.examples) == 2999 and version.corrected == 3
    assert not any(row.input == examples()[3].input for row in version.examples)
    about = read_about(folder, version.sha256)
    assert about is not None and about.by == ["ann"] and about.counts.accepted == 2
    assert "# What the model shall do." in file.read_text() and "# enough to begin with" in file.read_text()
    assert [edit["do"] for edit in edits(tmp_path)].count("undo") == 1


async def test_filters_pages_and_near_duplicates(tmp_path: Path) -> None:
    generated_runs.write(tmp_path, examples())
    async with reviewing(tmp_path) as (process, address), chromium.page() as page:
        await opened(page, address)
        await click(page, "[data-do=page][data-at='2975']")
        await page.until("document.querySelector('.p2m-bar').textContent.includes('2,976 to 3,000')")
        await current(page, 2976)
        await press(page, "k")
        await current(page, 2975)
        await press(page, *("a" * 20), *("u" * 20))  # as fast as they come: none is lost
        await page.until("document.querySelector('.p2m-review').dataset.turn === '42'")
        await counts(page, "0 of 3,000")
        assert len(edits(tmp_path)) == 40
        await pick(page, "look", "votes differ")
        await page.until("document.querySelector('.p2m-bar').textContent.includes('of 3')")
        await pick(page, "look", "near-duplicates")
        await page.until("document.querySelector('td small')?.textContent.includes('≈')")
        await kept(page, "near")
        found = await page.value("[...document.querySelectorAll('tr[data-row]')].map(r => r.dataset.row)")
        assert {"2", "5"} <= set(found)
        await pick(page, "look", "all rows")
        await pick(page, "label", "lgoin")
        await page.until("document.querySelector('.p2m-bar').textContent.includes('of 2')")
        assert page.console == []
        await end(process)


async def test_what_was_done_is_there_after_a_kill_and_another_window_is_told_of_it(tmp_path: Path) -> None:
    generated_runs.write(tmp_path, examples(60))
    async with reviewing(tmp_path) as (process, address), chromium.page() as page, chromium.page() as other:
        await opened(page, address)
        await opened(other, address)
        await press(page, "r")
        await counts(page, "1 removed")
        await press(other, "e")
        await write_over(other, "shipping")
        await other.until("document.querySelector('.p2m-warn')?.textContent.includes('changed in another window')")
        await counts(other, "1 removed")
        await kept(other, "other-window")
        await press(page, "a")
        await counts(page, "1 accepted")
        await opened(other, address)
        await counts(other, "2 of 60")
        process.kill()
        process.wait()
    async with reviewing(tmp_path, "bob") as (process, address), chromium.page() as page:
        await opened(page, address)
        await counts(page, "2 of 60")
        command = [sys.executable, "-m", "prompt2model_stages.cli.main", "review", "tickets"]
        refused = await asyncio.create_subprocess_exec(
            *command, "--runs", str(tmp_path / "runs"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await refused.communicate()
        assert refused.returncode == 2 and b"is being reviewed on another page already" in said
        await press(page, "u", "u")
        await counts(page, "0 of 60")
        assert "not saved" not in await end(process)
    assert [(edit["do"], edit["by"]) for edit in edits(tmp_path)] == [
        ("remove", "ann"), ("accept", "ann"), ("undo", "bob"), ("undo", "bob"),
    ]  # fmt: skip
