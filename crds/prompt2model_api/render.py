"""Renders the CustomResourceDefinitions from the types: `python -m prompt2model_api.render [--check] [FOLDER]`.

With --check nothing is written, and the exit status is 1 where a file is not what the types say.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from prompt2model_api.base import Model
from prompt2model_api.prompt2model import GROUP, VERSION, Prompt2Model
from prompt2model_api.schemas import structural
from prompt2model_api.stage_run import StageRun

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent.parent
HEADER = (
    "# Rendered from crds/prompt2model_api by `python -m prompt2model_api.render`: edit the types, not this file.\n"
)

Column = tuple[str, str, str]

PROMPT2MODEL_COLUMNS: tuple[Column, ...] = (
    ("Phase", "string", ".status.phase"),
    ("Progress", "string", ".status.progress"),
    ("Score", "string", ".status.score"),
    ("Teacher", "string", ".status.teacherScore"),
    ("Model", "string", ".status.model.name"),
    ("URL", "string", ".status.service.url"),
    ("Age", "date", ".metadata.creationTimestamp"),
)
STAGE_RUN_COLUMNS: tuple[Column, ...] = (
    ("Stage", "string", ".spec.stage"),
    ("State", "string", ".status.phase"),
    ("Progress", "string", ".status.progress.summary"),
    ("Attempt", "integer", ".status.attempt"),
    ("Run", "string", ".status.runURL"),
    ("Age", "date", ".metadata.creationTimestamp"),
)


def definition(model: type[Model], short_name: str, columns: Sequence[Column]) -> dict[str, Any]:
    """The CustomResourceDefinition of a resource."""
    kind = model.__name__
    plural = f"{kind.lower()}s"
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {**names, "shortNames": [short_name], "categories": ["prompt2model"]},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind_of, "jsonPath": path} for name, kind_of, path in columns
                    ],
                    "schema": {"openAPIV3Schema": structural(model)},
                }
            ],
        },
    }


def files() -> dict[str, str]:
    """The content of each file, by name."""
    definitions = {
        "prompt2models.yaml": definition(Prompt2Model, "p2m", PROMPT2MODEL_COLUMNS),
        "stageruns.yaml": definition(StageRun, "p2msr", STAGE_RUN_COLUMNS),
    }
    return {
        name: HEADER + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        for name, content in definitions.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or checks the files. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m prompt2model_api.render", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where a file differs")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the files lie (default: crds/)")
    options = parser.parse_args(arguments)
    stale = []
    for name, content in files().items():
        path = options.folder / name
        if path.exists() and path.read_text("utf-8") == content:
            continue
        stale.append(name)
        if not options.check:
            path.write_text(content, "utf-8")
            logger.info("wrote %s", path)
    if options.check and stale:
        logger.error("%s: not what the types say; run python -m prompt2model_api.render", ", ".join(stale))
        return 1
    return 0


class _Dumper(yaml.SafeDumper):
    """Writes shared objects out in full: an API server's YAML has no need of anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main())
