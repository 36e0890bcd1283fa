"""Tells rules (`Question: must have four options / Answer: must be one letter`) from examples."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RULE = re.compile(
    r"(?i)^\W*(?:must|should|shall|may only|needs? to|has to|have to|at most|at least|no more than|no longer than|up to|exactly|"
    r"only|never|always|keep (?:it|them|the)|use the|use only|write in|json with|a json|in lower ?case|"
    r"muss|müssen|soll|sollte|höchstens|mindestens|nur|nie|niemals|immer|"
    r"debe|deben|como máximo|al menos|solo|sólo|nunca|siempre|doit|doivent|au plus|au moins|seulement|jamais|toujours|"
    r"deve|devono|al massimo|almeno|mai|sempre|должен|должна|должно|не более|не менее|только|никогда|всегда)(?=\s+\w)"
)


def read_as_rules(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether pairs say how inputs and outputs must be: both halves of one do, or the output of the only one."""
    return any(_RULE.match(given) and _RULE.match(output) for given, output in pairs) or (
        len(pairs) == 1 and _RULE.match(pairs[0][1]) is not None
    )
