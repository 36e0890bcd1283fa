"""Parts of stages that an installed package brings: entry points in the group `prompt2model.parts`.

An entry point is named `<kind>.<name>`, such as datasets.my-retriever, and what it names makes the part: it is called with
the same arguments as the built-in one. docs/how-to/parts.md has the protocol of each kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from prompt2model_api.fields import close_to
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.spec.parts import Parts
from prompt2model_api.texts import cut
from prompt2model_stages.errors import StageError, blocked

GROUP = "prompt2model.parts"
PIN = "=="


@dataclass(frozen=True)
class NamedPart:
    """A part that the spec names.

    base: the class that what it makes is an instance of.
    made: it, with its version, for each time that a stage had it make the part.
    """

    kind: str
    entry: EntryPoint
    base: type[Any]
    made: list[str] = field(default_factory=list, compare=False)

    @property
    def pinned(self) -> str:
        """Its name and the version of its package, as it stands in a spec: what the digest has."""
        return f"{self.entry.name.removeprefix(f'{self.kind}.')}{PIN}{_version(self.entry)}"

    def __call__(self, *arguments: Any) -> Any:
        """Makes the part. Raises: StageError PartUnusable, Blocked."""
        try:
            made = self.entry.load()(*arguments)
        except StageError:
            raise
        except Exception as error:  # it is somebody else's code
            raise self._unusable(f"{type(error).__name__}: {error}") from error
        if not isinstance(made, self.base):
            raise self._unusable(f"it makes a {type(made).__name__}, which is no {self.base.__name__}")
        self.made.append(self.pinned)
        return made

    def _unusable(self, why: str) -> StageError:
        package = _package(self.entry)
        return blocked(
            "PartUnusable",
            cut(f"spec.parts.{self.kind}: {self.pinned} of the package {package} cannot be used: {why}.", 768),
            "Correct the package and install it again (in a cluster, in the stages image), or leave the field out.",
        )


def named_part(kind: str, parts: Parts | None, base: type[Any]) -> NamedPart | None:
    """The part of a kind that a spec names; None where it names none.

    Args:
        kind: the field below spec.parts.
        parts: spec.parts.
        base: of what it makes.

    Raises: StageError PartMissing, naming those that are installed, or PartUnusable where several packages bring it; Blocked.
    """
    written = getattr(parts, kind) if parts is not None else None
    if written is None:
        return None
    name, _, version = written.partition(PIN)
    there = installed(kind)
    found = [entry for entry in there if entry.name == f"{kind}.{name}"]
    if not found:
        raise _missing(kind, f"no installed package brings {name}", name, there)
    fitting = [entry for entry in found if version in ("", _version(entry))]
    if not fitting:
        versions = " and ".join(_version(entry) for entry in found)
        raise _missing(kind, f"{name} is installed in version {versions}, not {version}", "", there)
    if len(fitting) > 1:
        raise _ambiguous(kind, name, fitting)
    return NamedPart(kind, fitting[0], base)


def installed(kind: str) -> list[EntryPoint]:
    """The parts of a kind that installed packages bring, by name. Several packages may bring the same name."""
    found = [entry for entry in entry_points(group=GROUP) if entry.name.startswith(f"{kind}.")]
    return sorted(found, key=lambda entry: (entry.name, _package(entry)))


def with_versions(parts: Parts) -> Parts:
    """The parts with the versions that are installed here. Raises: StageError PartMissing, Blocked."""
    named = {kind: named_part(kind, parts, object) for kind in Parts.model_fields}
    return Parts(**{kind: part.pinned for kind, part in named.items() if part is not None})


def with_pinned_parts(resource: Prompt2Model) -> Prompt2Model:
    """The resource of a local run, its parts with the versions that are installed: another version is other work.

    Raises: StageError PartMissing, PartUnusable, Blocked.
    """
    if resource.spec.parts is None:
        return resource
    spec = resource.spec.model_copy(update={"parts": with_versions(resource.spec.parts)})
    return resource.model_copy(update={"spec": spec})


def used(named: Iterable[NamedPart | None]) -> dict[str, str] | None:
    """For a result: the parts that a stage called in place of built-in ones, by kind; None where there are none."""
    return {part.kind: part.made[-1] for part in named if part is not None and part.made} or None


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist is not None else ""


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _ambiguous(kind: str, name: str, found: Iterable[EntryPoint]) -> StageError:
    packages = ", ".join(f"{_package(entry)} {_version(entry)}" for entry in found)
    return blocked(
        "PartUnusable",
        cut(f"spec.parts.{kind}: several installed packages bring {name}: {packages}.", 768),
        f"Uninstall all but one, or write the version that only one of them has ({name}{PIN}…).",
    )


def _missing(kind: str, why: str, name: str, there: Iterable[EntryPoint]) -> StageError:
    names = [f"{entry.name.removeprefix(f'{kind}.')}{PIN}{_version(entry)}" for entry in there]
    near = close_to(name, [one.partition(PIN)[0] for one in names]) if name else None
    meant = f" Did you mean {near}?" if near else ""
    return blocked(
        "PartMissing",
        f"spec.parts.{kind}: {why}; installed are: {', '.join(names) or 'none'}.{meant}",
        "Install the package (in a cluster, in the stages image), or name another part.",
    )
