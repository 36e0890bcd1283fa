"""What is asked of a teacher and made of its answers, against a record of the version before the generator was taken apart.

The record is of 2026-11-27. P2M_WRITE_GOLDEN=1 writes it anew; but whoever needs that makes every user pay again.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from prompt2model_stages.generate.base import Order
from tests.unit.generation_cases import CASES, numbers, record, record_client, untidy

pytestmark = pytest.mark.unit

FILE = Path(__file__).parent / "golden" / "generation.json"
CLIENT = {
    "client, several": (Order(60, group="g"), untidy(300), False),
    "client, n = 3 in parts": (Order(40, group="g", examples_per_answer=1, completions=3), numbers(10**6), True),
    "client, n = 3, further outputs": (
        Order(20, group="g", examples_per_answer=1, completions=3, outputs_per_input=2),
        untidy(300),
        False,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_generator_asks_and_makes_what_it_did(name: str) -> None:
    _compare(name, asyncio.run(record(*CASES[name])))


@pytest.mark.parametrize("name", CLIENT)
def test_wire_and_journal_are_what_they_were(name: str, tmp_path: Path) -> None:
    order, write, one_by_one = CLIENT[name]
    _compare(name, asyncio.run(record_client(tmp_path, order, write, one_by_one)))


def _compare(name: str, found: Any) -> None:
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    found = json.loads(json.dumps(found))
    if os.environ.get("P2M_WRITE_GOLDEN"):
        FILE.write_text(json.dumps({**known, name: found}, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        return
    assert found == known[name]
