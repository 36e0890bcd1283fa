"""Places that only a local run can read: a pod has neither the folder of the user's file nor the user's home.

The CRD refuses them at apply (see rules). The operator says the same of a resource that was stored before the CRD had the rule.
An absolute path may be in the image or on the claim, so it is looked up by discover, before anything is paid.
"""

from __future__ import annotations

from dataclasses import dataclass

from prompt2model_api.data_files import KINDS, is_path
from prompt2model_api.prompt2model import Prompt2ModelSpec

DOTTED = ("./", "../", "~")
FILES = (*DOTTED, "/", "file://")
STORES = ("s3://", "gs://", "gcs://")


@dataclass(frozen=True)
class Place:
    """A field that names a place, the values that a pod can use, and what to do about others.

    field: its path below its type, as CEL and messages write it.
    check: CEL that holds of a value which a pod can use; `{}` is the value.
    message: what is said otherwise.
    """

    field: str
    check: str
    message: str

    def rule(self) -> str:
        """CEL over the type that has the field, which may be left out."""
        value = f"self.{self.field}"
        steps = self.field.split(".")
        left_out = " || ".join(f"!has(self.{'.'.join(steps[: i + 1])})" for i in range(len(steps)))
        return f"{left_out} || {self.check.format(value)}"


_KIND = f"(?i)(^|[.])({'|'.join(KINDS)})$"
_FILE_CHECK = (
    "!("
    + " || ".join(f"{{0}}.startsWith('{start}')" for start in FILES)
    + f" || (!{{0}}.contains('://') && {{0}}.matches('{_KIND}')))"
)
"""A chosen dataset that is a file of a pod's has no hash there that a digest could name, so that an edit of it went unseen.

A name that ends as data files do is a path as well, and no dataset of the hub: see data_files.is_path.
"""
_DOTTED_CHECK = "!(" + " || ".join(f"{{0}}.startsWith('{start}')" for start in DOTTED) + ")"

STORAGE = Place(
    "uri",
    " || ".join(f"{{0}}.startsWith('{start}')" for start in STORES),
    "uri is no s3:// or gs://, and what a pod writes elsewhere is lost with it: name one of these, or leave uri out to "
    "store on a PersistentVolumeClaim",
)
OWN_DATA = Place(
    "uri",
    "{0}.startsWith('/') || {0}.contains('://')",
    "uri is a relative path, which a pod cannot read: bring the file in a ConfigMap (configMap), at s3:// or gs://, or name "
    "an absolute path on the claim or in the image",
)
STUDENT = Place(
    "name",
    _DOTTED_CHECK,
    "name is a relative path, which a pod cannot read: write the name of a model at the Hugging Face Hub, or an absolute "
    "path on the claim or in the image",
)
ENCODER = Place(
    "encoder",
    _DOTTED_CHECK,
    "encoder is a relative path, which a pod cannot read: write the name of a model at the Hugging Face Hub, "
    "embedded:MiniLM, or an absolute path on the claim or in the image",
)
_FILE = (
    "path, and a changed file would not be noticed in a cluster: write the name of a dataset at the Hugging Face Hub, or bring "
    "your own data in datasets.own"
)
CHOICE = Place(
    "choice.name",
    _FILE_CHECK,
    f"choice.name is a {_FILE}",
)

ANOTHER_DATASET = Place(
    "name",
    _FILE_CHECK,
    f"name is a {_FILE}",
)


def unusable_places(spec: Prompt2ModelSpec) -> list[str]:
    """What the CRD's rules would say of this spec, each with the field's path."""
    choice, storage, student, encoder = (
        spec.datasets.choice,
        spec.storage.uri,
        spec.student.name,
        spec.evaluation.encoder,
    )
    own = {"datasets.own": spec.datasets.own, "evaluation.testData": spec.evaluation.test_data}
    found = [f"spec.{path}.{OWN_DATA.message}" for path, one in own.items() if one and _is_relative(one.uri)]
    if storage is not None and not storage.startswith(STORES):
        found.append(f"spec.storage.{STORAGE.message}")
    if student is not None and student.startswith(DOTTED):
        found.append(f"spec.student.{STUDENT.message}")
    if encoder.startswith(DOTTED):
        found.append(f"spec.evaluation.{ENCODER.message}")
    if choice is not None and choice.name is not None and _is_file(choice.name):
        found.append(f"spec.datasets.{CHOICE.message}")
    for number, another in enumerate((choice.also if choice is not None else None) or []):
        if _is_file(another.name):
            found.append(f"spec.datasets.choice.also[{number}].{ANOTHER_DATASET.message}")
    return found


def _is_relative(uri: str | None) -> bool:
    return uri is not None and not uri.startswith("/") and "://" not in uri


def _is_file(name: str) -> bool:
    """Whether a dataset's name is a file or folder: _FILE_CHECK in Python."""
    return name.startswith(FILES) or ("://" not in name and is_path(name))
