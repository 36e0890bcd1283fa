"""Keeps the chart in step with the types: `python charts/render.py [--check]`.

The CRDs are copied into the chart, and what may stand under `settings` in its values is taken from the operator's types:
all but what the chart itself fills in. With --check nothing is written, and the exit status is 1 where something differs.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prompt2model_operator.settings import Settings

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "prompt2model"
SCHEMA = CHART / "values.schema.json"

FILLED_IN = (
    "namespace",
    "watchNamespaces",
    "watchNodes",
    "peering",
    "images",
    "tracking",
    "teacher",
    "metricsPort",
    "livenessPort",
)
"""Settings that the chart's other values say."""


def settings_schemas() -> dict[str, Any]:
    """The JSON schemas of the settings that stand under `settings`, by the names of their types."""
    whole = Settings.model_json_schema(by_alias=True)
    schemas: dict[str, Any] = whole.pop("$defs")
    for name in FILLED_IN:
        del whole["properties"][name]
    schemas["Settings"] = whole
    used = _used_by("Settings", schemas)
    return {name: _without_titles(schemas[name]) for name in sorted(used)}


def values_schema(text: str) -> str:
    """The chart's schema with the settings' schemas as they are now; types have a capital letter there."""
    schema = json.loads(text)
    written = {name: part for name, part in schema["$defs"].items() if not name[0].isupper()}
    schema["$defs"] = {**written, **settings_schemas()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def files() -> dict[Path, str]:
    """The content of each file that is made."""
    copies = {CHART / "files" / "crds" / path.name: path.read_text("utf-8") for path in (ROOT / "crds").glob("*.yaml")}
    return {**copies, SCHEMA: values_schema(SCHEMA.read_text("utf-8"))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or checks the files. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python charts/render.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where a file differs")
    options = parser.parse_args(arguments)
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    if options.check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        logger.error("%s: not what the types say; run python charts/render.py", names)
        return 1
    for path in stale:
        path.write_text(files()[path], "utf-8")
        logger.info("wrote %s", path.relative_to(ROOT))
    return 0


def _used_by(name: str, schemas: dict[str, Any]) -> set[str]:
    """The type and all that it names."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            text = json.dumps(schemas[current])
            waiting += [other for other in schemas if f'"#/$defs/{other}"' in text]
    return found


def _without_titles(schema: Any) -> Any:
    """The schema without pydantic's titles, which repeat the names."""
    if isinstance(schema, list):
        return [_without_titles(part) for part in schema]
    if isinstance(schema, dict):
        return {
            key: _without_titles(part) for key, part in schema.items() if key != "title" or not isinstance(part, str)
        }
    return schema


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main())
