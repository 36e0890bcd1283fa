"""Renders the CustomResourceDefinitions from the types: `python -m prompt2model_api.render [--check] [FOLDER]`.

With --check nothing is written, and the exit status is 1 where a file is not what the types say.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; a wide one is shown with `-o wide` alone, so that a line fits into a terminal."""

    name: str
    path: str
    kind: str = "string"
    wide: bool = False

    def dump(self) -> dict[str, Any]:
        """As the CustomResourceDefinition has it."""
        priority = {"priority": 1} if self.wide else {}
        return {"name": self.name, "type": self.kind, **priority, "jsonPath": self.path}


PROMPT2MODEL_COLUMNS: tuple[Column, ...] = (
    Column("Phase", ".status.phase"),
    Column("Progress", ".status.progress"),
    Column("Score", ".status.score"),
    Column("Teacher", ".status.teacherScore"),
    Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', wide=True),
    Column("Model", ".status.model.name", wide=True),
    Column("URL", ".status.service.url", wide=True),
    Column("Run", ".status.runURL", wide=True),
    Column("Age", ".metadata.creationTimestamp", "date"),
)
STAGE_RUN_COLUMNS: tuple[Column, ...] = (
    Column("Stage", ".spec.stage"),
    Column("State", ".status.state"),
    Column("Reason", ".status.failure.reason"),
    Column("Progress", ".status.progress.summary"),
    Column("Attempt", ".status.attempt", "integer"),
    Column("Run", ".status.runURL", wide=True),
    Column("Age", ".metadata.creationTimestamp", "date"),
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
                    "additionalPrinterColumns": [column.dump() for column in columns],
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
