"""The license of a dataset or model by its name: what the hub says today, else what the catalog says."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from prompt2model_api.licenses import UNKNOWN, license_objection, spdx
from prompt2model_stages.catalogs.catalog import BUILTIN, datasets, models
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.opening import open_catalog
from prompt2model_stages.errors import blocked

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
EMBEDDED = "embedded:"
_FIELDS = {Kind.DATASETS: ("datasets.choice", "datasets.licenses"), Kind.MODELS: ("student.name", "student.licenses")}
_TAG = "license:"
_LONGEST = 253


def license_of(kind: Kind, name: str, catalogs: str | None = None) -> str:
    """The hub's names of a license, with commas between several; `unknown` where the hub names none.

    The catalog counts only where the hub does not answer.

    Args:
        kind: of the name.
        name: at the hub, or of what this package ships.
        catalogs: where the catalogs are; None: the shipped ones.

    Raises: StageError of the catalog, Blocked.
    """
    return hub_license(kind, name) or catalog_license(kind, name, catalogs)


def hub_license(kind: Kind, name: str) -> str:
    """What the hub says; empty where it does not answer, or is not asked because the name is shipped."""
    return "" if is_shipped(name) else _of_hub(kind, name)


def catalog_license(kind: Kind, name: str, catalogs: str | None = None) -> str:
    """What the catalog says; `unknown` where it does not have the name. Raises: StageError of the catalog, Blocked."""
    catalog = open_catalog(kind, catalogs)
    rows = catalog.numbers.get(name, [])
    return str(catalog.entries.column("license")[rows[0]]) if rows else UNKNOWN


def check_license(kind: Kind, name: str, license_name: str, allowed: Sequence[str] | None) -> None:
    """Of what the spec names. Raises: StageError LicenseNotAllowed, Blocked."""
    field, of = _FIELDS[kind]
    if against := license_objection(license_name, allowed, of):
        raise blocked(
            "LicenseNotAllowed",
            f"spec.{field} names {name}, and {against}.",
            f"Name another one, or add the license to spec.{of}.",
        )


def known_license(
    kind: Kind, name: str, decided: str | None, allowed: Sequence[str] | None, *, revision: str | None = None
) -> str:
    """The SPDX identifier for the record: as the gate decided where discover had it from the hub, else looked up and checked.

    Args:
        kind: of the name.
        name: at the hub, or of what this package ships.
        decided: by the gate; None where nobody has looked it up.
        allowed: by the spec; None: any.
        revision: that the gate decided for. Without one the hub was away, and what was decided is the catalog's word: the hub
            is asked again, and only where it is still away that word counts.

    Raises: StageError LicenseNotAllowed and those of the catalog, Blocked.
    """
    if decided is not None and revision is not None:
        return decided
    found = hub_license(kind, name) or decided or catalog_license(kind, name)
    check_license(kind, name, found, allowed)
    return spdx(found)


def license_in(tags: Sequence[str] | None) -> str:
    """The license in the tags of the hub's answer; `unknown` where they have none."""
    return ", ".join(tag.removeprefix(_TAG) for tag in tags or () if tag.startswith(_TAG))[:_LONGEST] or UNKNOWN


def is_shipped(name: str) -> bool:
    """Whether a dataset or student is installed with the product: the catalog's word for its license is the last one."""
    return name.startswith((BUILTIN, EMBEDDED))


def shipped_license(name: str) -> str:
    """The license of a dataset or student that is installed with the product; `unknown` where there is no such name."""
    entries = datasets() if name.startswith(BUILTIN) else models()
    return next((entry.license for entry in entries if entry.name == name), UNKNOWN)


def _of_hub(kind: Kind, name: str) -> str:
    """The license in the hub's tags; empty where the hub does not answer."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return ""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    ask = api.dataset_info if kind is Kind.DATASETS else api.model_info
    try:
        return license_in(ask(name, timeout=TIMEOUT_S).tags)
    except Exception as error:  # whatever its layers raise: the name is looked up, and failures told, elsewhere
        logger.info("the hub names no license of %s: %s", name, error)
        return ""
