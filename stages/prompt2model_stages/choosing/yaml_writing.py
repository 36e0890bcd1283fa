"""Values as YAML: mappings in lines, lists in one line, as a person would write a choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node

from prompt2model_api.yaml_text import YamlError, documents

WIDE = 10**6
"""No line is broken."""


def rendered(tree: Mapping[str, Any]) -> str:
    """A tree as lines of YAML."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDE, default_flow_style=None
    )
    return text.rstrip("\n")


def flow(tree: Mapping[str, Any]) -> str:
    """A tree in one line, in braces."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDE, default_flow_style=True
    )
    return text.strip()


class _Dumper(yaml.SafeDumper):
    """Mappings in lines, lists in one line; every text in quotes that the reader of these files would take for something else."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = bool(self.default_flow_style)
        return node


def _represent_text(dumper: _Dumper, text: str) -> Node:
    try:
        plain = documents(f"a: {text}") == [{"a": text}]
    except YamlError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)
