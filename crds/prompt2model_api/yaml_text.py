"""YAML as an API server reads it: no key twice, no dates and no base 60, and errors that a person understands.

PyYAML follows YAML 1.1 more closely than Kubernetes does: it takes 2021-05-03 for a date, 1:30 for the number 90 and 5e-5 for
text, and the last of two equal keys wins. The same file must mean the same here and in a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode


class YamlError(Exception):
    """The text is no YAML, or none that an API server would take. The message names line and column."""


def documents(text: str) -> list[Any]:
    """The documents, empty ones left out. Raises: YamlError."""
    try:
        return [document for document in yaml.load_all(text, _Loader) if document is not None]
    except yaml.reader.ReaderError as error:
        raise YamlError(_unreadable(text, error)) from error
    except yaml.MarkedYAMLError as error:
        raise YamlError(_sentence(text, error)) from error
    except RecursionError as error:
        raise YamlError("it is nested too deeply, or an alias contains itself: write it out") from error
    except (ValueError, OverflowError) as error:  # such as an integer of 5,000 digits
        raise YamlError(f"a value cannot be read ({error}): write text in quotes") from error


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses what would be lost or mean something else in a cluster."""

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Hashable, Any]:
        if isinstance(node, MappingNode):
            _refuse_bad_keys(node)
        return super().construct_mapping(node, deep=deep)  # type: ignore[arg-type]


def _refuse_bad_keys(node: MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode) or key.tag not in (_STRING, _MERGE):
            shown = f"{key.value!r}" if isinstance(key, ScalarNode) else "a list or a mapping"
            raise yaml.constructor.ConstructorError(
                None, None, f"{shown} as a key is not text: write it in quotes", key.start_mark
            )
        if key.value in seen:
            message = f"{key.value!r} stands twice in the same place, first in line {seen[key.value]}: keep one of them"
            raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
        seen[key.value] = key.start_mark.line + 1


_STRING = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_DATE = "tag:yaml.org,2002:timestamp"

_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT, _DATE)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _INT, re.compile(r"^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"^[-+]?((\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$"),
    list("-+0123456789."),
)


def _sentence(text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "it cannot be read"
    if mark is None:
        return problem
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}{_advice(problem, line)}"


def _advice(problem: str, line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or "'\\t'" in problem:
        return ": indent with spaces, not with tabs"
    if "mapping values are not allowed" in problem:
        return ": put text that holds a colon in quotes, and check the indentation"
    if "cannot start any token" in problem:
        return ": put the text in quotes"
    if "could not determine a constructor" in problem:
        return ": leave the tag (the word after !) out"
    if "expected <block end>" in problem or "could not find expected ':'" in problem:
        return ": check the indentation and the quotes here and in the lines before"
    return ""


def _unreadable(text: str, error: yaml.reader.ReaderError) -> str:
    before = text[: error.position]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"line {line}, column {column}: the character U+{ord(text[error.position]):04X} is not allowed: delete it"
