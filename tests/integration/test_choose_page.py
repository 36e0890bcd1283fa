"""`p2m choose` in a real Chromium: it shows rows of a hub on this machine, asks no other host, writes the choice, and ends.

P2M_SCREENSHOTS names a folder in which the pictures are kept.
"""

# ruff: noqa: ASYNC220  (the command is a process; nothing else runs in the test's loop)
from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import datasets
import httpx
import pytest

from prompt2model_api.loading import load
from prompt2model_api.results import DatasetCandidate
from prompt2model_stages.choosing.hosting import bound_from
from tests import chromium, hub_server, waiting_runs

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(chromium.executable() is None, reason="chromium is not installed"),
]

HOSTILE = "<img src=http://192.0.2.1/x.png onerror=\"document.title='taken'\">"
COMMAND = [sys.executable, "-m", "prompt2model_stages.cli.main", "choose", "questions"]
PORT = 18760


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hub_server.Hub]:
    """With 30 rows in the form of SQuAD."""
    root = tmp_path_factory.mktemp("hub")
    text = datasets.Value("string")
    answers = datasets.Sequence({"text": text, "answer_start": datasets.Value("int32")})
    features = datasets.Features({"context": text, "question": text, "answers": answers})
    rows = {
        "context": [f"It was built in {1900 + n}. {HOSTILE}" for n in range(30)],
        "question": [f"When was it built, number {n}?" for n in range(30)],
        "answers": [{"text": [str(1900 + n)], "answer_start": [16]} for n in range(30)],
    }
    folder = root / "datasets/rajpurkar/squad/data"
    folder.mkdir(parents=True)
    for split in ("train", "validation"):
        datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / f"{split}-00000-of-00001.parquet")
    with hub_server.serving(root) as served:
        yield served


@asynccontextmanager
async def choosing(folder: Path, hub: hub_server.Hub) -> AsyncIterator[tuple[subprocess.Popen[str], str]]:
    """The command as its user starts it, and the address that it tells."""
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("HF_")}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "COLUMNS": "200"}
    command = [*COMMAND, "--runs", str(folder / "runs"), "--port", str(PORT)]
    async with started(command, environment) as (process, line):
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\S+/", line)
        assert found, line
        assert line.startswith(
            "Choose on" if found[1] == str(PORT) else f"Port {PORT} is in use, this page has another one."
        )
        yield process, found[0]


@asynccontextmanager
async def started(command: list[str], environment: dict[str, str]) -> AsyncIterator[tuple[subprocess.Popen[str], str]]:
    """A process in a group of its own, as a shell starts it, and the first line that it writes."""

    def heard() -> None:
        # Where the tests run in the background of a shell, SIGINT is ignored, and children inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heard,
        process_group=0,
    ) as process:
        try:
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            if "http" not in line:
                line += process.stdout.read()
            yield process, line
        finally:
            process.kill()


async def typed(page: chromium.Page, field: str, text: str) -> None:
    """Writes a value of one's own into a picker."""
    await page.value(f"(() => {{ const i = document.querySelector('{field} input'); i.focus(); i.select(); }})()")
    await page.ask("Input.insertText", text=text)
    for kind in ("rawKeyDown", "keyUp"):
        await page.ask("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13)


async def kept(page: chromium.Page, name: str) -> None:
    """A picture of the whole page, where P2M_SCREENSHOTS wants them."""
    if not (folder := os.environ.get("P2M_SCREENSHOTS")):
        return
    height = await page.value("document.documentElement.scrollHeight")
    await page.ask("Emulation.setDeviceMetricsOverride", width=1280, height=height, deviceScaleFactor=1, mobile=False)
    await asyncio.sleep(0.5)
    await page.screenshot(Path(folder) / f"choose-{name}.png")


async def test_a_person_chooses(tmp_path: Path, hub: hub_server.Hub) -> None:
    file = waiting_runs.write(tmp_path)
    async with choosing(tmp_path, hub) as (process, address), chromium.page() as page:
        await page.ask("Emulation.setDeviceMetricsOverride", width=1280, height=1000, deviceScaleFactor=1, mobile=False)
        await page.open(address)
        await page.until("document.querySelector('#lines')?.textContent.includes('outputColumn: answers.text')")
        preview = await page.value("document.querySelector('#preview').textContent")
        assert (
            f"{waiting_runs.INSTRUCTION}\nquestion: When was it built, number 0?\ncontext: It was built in 1900. {HOSTILE}"
            in preview
        )
        assert preview.strip().endswith("1900")
        assert await page.value("document.querySelectorAll('#rows tbody tr').length") == 20
        assert await page.value("document.querySelector('#card').textContent.includes('cc-by-4.0')")
        await kept(page, "dataset")

        await typed(page, "#output", "question")
        await page.until("document.querySelector('#lines').textContent.includes('both an input and the output')")
        await page.value("document.querySelector('#save').click()")
        await kept(page, "wrong")
        await typed(page, "#output", "answers.text")
        await page.until("document.querySelector('#lines').textContent.includes('outputColumn')")
        assert file.read_text() == waiting_runs.YAML

        await typed(page, "#split", "validation")
        await page.until("document.querySelector('#lines').textContent.includes('split: validation')")
        tab = "[...document.querySelectorAll('button[role=tab]')].find(b => b.textContent.includes('Student'))"
        await page.value(f"{tab}.click()")
        await page.until("document.querySelector('#student-card')?.textContent.includes('google/flan-t5-small')")
        await kept(page, "student")
        lines = await page.value("document.querySelector('#lines').innerText")
        await page.value("document.querySelector('#save').click()")
        await page.until("document.querySelector('#said').textContent.includes('Written to')")
        await kept(page, "saved")

        assert await page.value("document.title") == "Choose for questions"
        hosts = {urlsplit(request).netloc for request in page.requests if not request.startswith("data:")}
        assert hosts == {urlsplit(address).netloc}
        assert page.console == []
        said, _ = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0 and "Written to" in said
    spec = load(file).spec
    assert spec.datasets.choice is not None and spec.datasets.choice.split == "validation"
    assert spec.student.name == "google/flan-t5-small"
    added = [line for line in file.read_text().splitlines() if line not in waiting_runs.YAML.splitlines()]
    assert added and all(f"+ {line}" in lines.splitlines() for line in added)
    assert set(waiting_runs.YAML.splitlines()) - set(file.read_text().splitlines()) == {
        "  student: {selection: Manual}"
    }


async def test_only_its_address_opens_it_and_ctrl_c_ends_it(tmp_path: Path, hub: hub_server.Hub) -> None:
    file = waiting_runs.write(tmp_path)
    async with choosing(tmp_path, hub) as (process, address), httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(address)).status_code == 200
        root = f"http://{urlsplit(address).netloc}"
        for path in ("/", "/config", "/gradio_api/info", "/guessed/config"):
            assert (await client.get(root + path)).status_code == 404
        process.send_signal(signal.SIGINT)
        said, _ = await asyncio.to_thread(process.communicate)
        assert process.returncode == 130 and said.strip().endswith("Nothing was saved.")
    assert file.read_text() == waiting_runs.YAML


async def test_a_second_start_on_one_port_says_where_it_is(tmp_path: Path, hub: hub_server.Hub) -> None:
    waiting_runs.write(tmp_path)
    first, second = bound_from(PORT), bound_from(PORT)  # at one moment, before a server takes either
    with first, second:
        assert [bound.getsockname()[1] for bound in (first, second)] == [PORT, PORT + 1]
        async with choosing(tmp_path, hub) as (process, address), httpx.AsyncClient(trust_env=False) as client:
            assert urlsplit(address).port == PORT + 2
            assert (await client.get(address)).status_code == 200
            process.send_signal(signal.SIGINT)
            said, _ = await asyncio.to_thread(process.communicate)
            assert said.strip() == "Nothing was saved."


def test_a_run_that_waits_names_the_next_commands_with_its_runs_folder(tmp_path: Path) -> None:
    file = waiting_runs.write(
        tmp_path, f"{waiting_runs.YAML}  generation: {{enabled: false}}\n  evaluation: {{encoder: embedded:MiniLM}}\n"
    )
    where = f"{file} --runs {tmp_path / 'runs'}"
    command = [sys.executable, "-m", "prompt2model_stages.cli.main", "run", *where.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"`p2m run {where}` goes on where it was." in done.stdout and f"`p2m choose {where}`" in done.stdout


def test_no_other_command_imports_gradio() -> None:
    heavy = {"gradio", "pandas", "datasets", "fastapi", "prompt2model_stages.choosing"}
    code = f"import sys, prompt2model_stages.cli.main; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_a_line_opens_its_own_configuration_also_in_a_sorted_table(
    tmp_path: Path, hub: hub_server.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        waiting_runs.datasets()[0],
        *(
            DatasetCandidate(name="nyu-mll/glue", config=config, input_columns=[column], output_column="label", score=n)
            for n, (config, column) in enumerate([("sst2", "sentence"), ("qnli", "question"), ("cola", "text")])
        ),
    ]
    monkeypatch.setattr(waiting_runs, "datasets", lambda: made)
    file = waiting_runs.write(tmp_path)
    async with choosing(tmp_path, hub) as (_, address), chromium.page() as page:
        await page.ask("Emulation.setDeviceMetricsOverride", width=1280, height=1000, deviceScaleFactor=1, mobile=False)
        await page.open(address)
        await page.until("document.querySelector('#lines')?.textContent.includes('outputColumn: answers.text')")
        cells = "[...document.querySelectorAll('#datasets [data-testid^=cell-]')]"
        await page.value("document.querySelector('#datasets thead .cell-menu-button').click()")
        item = "[...document.querySelectorAll('[role=menuitem]')].find(b => b.innerText.includes('ascending'))"
        await page.until(f"{item} !== undefined")
        await page.value(f"{item}.click()")
        await page.until(f"{cells}[0].innerText.includes('nyu-mll/glue (cola)')")
        line = f"{cells}.find(c => c.innerText.includes('nyu-mll/glue (qnli)'))"
        box = await page.value(f"(() => {{ const b = {line}.getBoundingClientRect(); return [b.x + 9, b.y + 9]; }})()")
        for kind in ("mousePressed", "mouseReleased"):
            await page.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)
        await page.until("document.querySelector('#lines').textContent.includes('config: qnli')")
        assert await page.value("document.querySelector('#dataset input').value") == "nyu-mll/glue (qnli)"
        await page.value("document.querySelector('#save').click()")
        await page.until("document.querySelector('#said').textContent.includes('Written to')")
    choice = load(file).spec.datasets.choice
    assert choice is not None and (choice.name, choice.config, choice.input_columns) == (
        "nyu-mll/glue",
        "qnli",
        ["question"],
    )
