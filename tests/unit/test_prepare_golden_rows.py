"""How rows are read must not change under the same digest: transform and prepare would keep what was made of other rows.

Where it really changes, raise `version` of transform and prepare in graph.GRAPH, and write the new rows with
`P2M_WRITE_GOLDEN=1 python -m pytest tests/unit/test_prepare_golden_rows.py tests/unit/test_api_digests.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from prompt2model_api.graph import GRAPH
from prompt2model_api.stage_run import Stage
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.textualizing import examples_of

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden" / "rows.json"
COLORS = ["red", "green", "blue"]

TABLES: dict[str, list[dict[str, object]]] = {
    "numbers of choices": [{"q": f"{i}?", "choices": COLORS, "output": i % 3} for i in range(6)],
    "numbers that do not tell": [{"q": f"{i}?", "choices": COLORS, "output": 1 + i % 2} for i in range(6)],
    "texts of choices": [{"q": f"{i}?", "choices": ["3", "2", "1"], "output": str(1 + i % 3)} for i in range(6)],
    "letters": [{"q": f"{i}?", "choices": COLORS, "output": "ABC"[i % 3]} for i in range(6)],
    "several answers": [{"q": f"{i}?", "output": ["Denver Broncos", "The Denver Broncos"]} for i in range(6)],
    "labels": [{"q": f"{i}?", "output": ["sports", "politics"]} for i in range(6)],
    "no answer": [{"q": f"{i}?", "output": [] if i else ["a b", "b"]} for i in range(3)],
    "floats": [{"q": 1.0 + i, "output": None if i else 0.5} for i in range(3)],
    "a seldom label": [{"q": f"text {i}", "output": "seldom" if i % 100 == 0 else "often"} for i in range(400)],
}


def rows_read() -> dict[str, list[list[object]]]:
    """By table, at most 20 examples: origin, input, output and references."""
    return {
        name: [
            [one.origin, one.input, one.output, list(one.references)]
            for one in examples_of(Table("t", tuple(rows[0]), rows), ["q"], "output", "retrieved", 20, 7)
        ]
        for name, rows in TABLES.items()
    }


def test_other_rows_have_another_version() -> None:
    """The versions in the file are those that the rows came with: raised for another reason, they need no new rows."""
    found = {"versions": {s.value: GRAPH[s].version for s in (Stage.TRANSFORM, Stage.PREPARE)}, "rows": rows_read()}
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else found
    if found["rows"] != golden["rows"]:
        same = [stage for stage, version in golden["versions"].items() if found["versions"][stage] <= version]
        assert not same, f"the rows changed: raise the version of {' and '.join(same)} in graph.GRAPH"
    if os.environ.get("P2M_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert json.loads(GOLDEN.read_text())["rows"] == found["rows"], "write the golden rows: see the head of this file"
