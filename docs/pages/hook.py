"""MkDocs calls this: adds the generated pages and the navigation that depends on files.

MkDocs imports a hook by its path, so the root is put on the import path here; PYTHONPATH has the packages.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parents[2]))

from docs.pages import chart_values, decisions, examples, fields, metrics, reasons

GENERATED = {
    "decisions/index.md": decisions.page,
    "examples.md": examples.examples_page,
    "reference/fields.md": fields.fields_page,
    "reference/reasons.md": reasons.reasons_page,
    "reference/metrics.md": metrics.metrics_page,
    "reference/chart-values.md": chart_values.chart_values_page,
}
"""The generated pages, and what writes each."""


def on_config(config: Any) -> Any:
    """Adds the decisions to the navigation."""
    config.nav.append({"Decisions": decisions.nav()})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages."""
    for path, page in GENERATED.items():
        files.append(File.generated(config, path, content=page()))
    return files
