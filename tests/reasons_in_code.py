"""Which reasons the code can set, and with which state: read from the syntax tree of every module, nothing is run.

A reason is a literal in a call of a constructor (`Failure`, `GateState`, `Condition`, `blocked`, ...) or in the triple of a
condition's verdict. A function that hands one of its parameters on to a constructor is a constructor, too. An expression of
another form is an error, so that no reason escapes the search.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("crds/prompt2model_api", "operator/prompt2model_operator", "stages/prompt2model_stages")
STATUSES = ("True", "False", "Unknown")
HANDED_ON = (".reason", "reason")
"""A reason that was read from a failure, a gate or a verdict: it is found where that one is made."""
PHASES = {"status.phase.value": ("Pending", "Running")}
"""The verdict of a stage that has neither a result nor a failure has its phase as its reason."""


@dataclass(frozen=True)
class Maker:
    """A callable that takes a reason: the place and name of that argument, and the state it gives to the failure."""

    name: str
    position: int
    keyword: str = "reason"
    state: str | None = None
    module: Path | None = None


STARTING = (
    Maker("Failure", 1),
    Maker("Condition", 2),
    Maker("GateState", 1),
)


@dataclass
class Found:
    """The reasons with their states (none for the reason of a gate or a condition), and what could not be read."""

    states: dict[str, set[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def add(self, reason: str, state: str | None) -> None:
        self.states.setdefault(reason, set()).update([state] if state else [])


@dataclass(frozen=True)
class _Call:
    node: ast.Call
    module: Path
    function: ast.FunctionDef | ast.AsyncFunctionDef | None


def reasons_in_code() -> Found:
    """Every reason that some line of the product can set."""
    trees = {
        path: ast.parse(path.read_text("utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    calls = [call for path, tree in trees.items() for call in _calls(tree, path, None)]
    makers, found = _makers(calls), Found()
    for call in calls:
        for maker in makers:
            if _is_call_of(call, maker):
                _read(call, maker, found)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple) and _is_verdict(node):
                _read_verdict(node, path, found)
    return found


def _makers(calls: list[_Call]) -> list[Maker]:
    """The constructors, and the functions that hand a parameter on to one of them."""
    makers, waiting = [], list(STARTING)
    while waiting:
        maker = waiting.pop()
        if maker in makers:
            continue
        makers.append(maker)
        for call in calls:
            reason = _argument(call.node, maker) if _is_call_of(call, maker) else None
            if call.function is None or not isinstance(reason, ast.Name):
                continue
            names = [one.arg for one in call.function.args.args]
            if reason.id in names:
                at = names.index(reason.id) - (names[0] in ("self", "cls"))
                name = call.function.name
                waiting.append(Maker(name, at, reason.id, _state(call, maker), call.module if name[0] == "_" else None))
    return makers


def _calls(node: ast.AST, module: Path, function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> Iterator[_Call]:
    for child in ast.iter_child_nodes(node):
        inside = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.Call):
            yield _Call(child, module, function)
        yield from _calls(child, module, inside)


def _is_call_of(call: _Call, maker: Maker) -> bool:
    called = call.node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if maker.module is None and isinstance(called, ast.Attribute) and ast.unparse(called).startswith("threading."):
        return False
    return name == maker.name and maker.module in (None, call.module)


def _argument(node: ast.Call, maker: Maker) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg == maker.keyword:
            return keyword.value
    return node.args[maker.position] if len(node.args) > maker.position else None


def _state(call: _Call, maker: Maker) -> str | None:
    """The state that a call gives: of its maker, or in its own argument `state`."""
    if maker.state is not None:
        return maker.state
    stated = [k.value for k in call.node.keywords if k.arg == "state"] or call.node.args[:1]
    text = ast.unparse(stated[0]) if stated else ""
    return text.removeprefix("FailureState.").capitalize() if text.startswith("FailureState.") else None


def _read(call: _Call, maker: Maker, found: Found) -> None:
    reason = _argument(call.node, maker)
    where = f"{call.module.relative_to(ROOT)}:{call.node.lineno}"
    names = [one.arg for one in call.function.args.args] if call.function else []
    if isinstance(reason, ast.Name) and reason.id in names:
        return  # its callers are read
    _take(reason, _state(call, maker), where, found)


def _take(reason: ast.expr | None, state: str | None, where: str, found: Found) -> None:
    if isinstance(reason, ast.IfExp):
        _take(reason.body, state, where, found)
        _take(reason.orelse, state, where, found)
    elif isinstance(reason, ast.Constant) and isinstance(reason.value, str):
        found.add(reason.value, state)
    elif reason is not None and (text := ast.unparse(reason)) in PHASES:
        for phase in PHASES[text]:
            found.add(phase, None)
    elif reason is None or not ast.unparse(reason).endswith(HANDED_ON):
        found.unreadable.append(f"{where}: {ast.unparse(reason) if reason else 'no reason'}")


def _is_verdict(node: ast.Tuple) -> bool:
    return len(node.elts) == 3 and _are_statuses(node.elts[0]) and not _are_statuses(node.elts[1])


def _are_statuses(node: ast.expr) -> bool:
    texts = _texts(node)
    return bool(texts) and all(text in STATUSES for text in texts)


def _texts(node: ast.expr) -> list[object]:
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) else []


def _read_verdict(node: ast.Tuple, module: Path, found: Found) -> None:
    _take(node.elts[1], None, f"{module.relative_to(ROOT)}:{node.lineno}", found)
