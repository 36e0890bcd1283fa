"""Names of licenses: what the hub's tags call them, what SPDX calls them, and which a spec's list allows.

A list may name any license of SPDX; those here are the ones that the hub has tags for.

Source: https://huggingface.co/docs/hub/repositories-licenses and https://spdx.org/licenses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from prompt2model_api.fields import close_to
from prompt2model_api.spdx_identifiers import SPDX_IDENTIFIERS

UNKNOWN = "unknown"
_SPDX = """
AFL-3.0 AGPL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 C-UDA-1.0 CC0-1.0
CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0
CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-2.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC-PDDC
CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 etalab-2.0 EUPL-1.1 EUPL-1.2 GPL-2.0 GPL-3.0 ISC
LGPL-2.1 LGPL-3.0 LGPLLR LPPL-1.3c MIT MIT-0 MPL-2.0 MS-PL NCSA ODbL-1.0 ODC-By-1.0 OFL-1.1 OSL-3.0 PDDL-1.0 PostgreSQL Unlicense
WTFPL Zlib
"""
_HUB_ONLY = """
apple-amlr apple-ascl bigcode-openrail-m bigscience-bloom-rail-1.0 bigscience-openrail-m bsd cc creativeml-openrail-m
deepfloyd-if-license fair-noncommercial-research-license gemma gfdl gpl grok2-community h-research intel-research lgpl llama2 llama3
llama3.1 llama3.2 llama3.3 llama4 openmdw-1.0 openrail openrail++
"""
"""What the hub has a tag for, and SPDX no identifier, or several: they stand as the hub writes them."""
_OTHERWISE = {
    "c-uda": "C-UDA-1.0",
    "cc0": "CC0-1.0",
    "lgpl-lr": "LGPLLR",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
    **{f"{name}-{which}".lower(): name for name in ("AGPL-3.0", "GPL-2.0", "GPL-3.0", "LGPL-2.1", "LGPL-3.0")
       for which in ("only", "or-later")},
    **{f"{name}+".lower(): name for name in ("GPL-2.0", "GPL-3.0", "LGPL-2.1", "LGPL-3.0")},
}  # fmt: skip
"""Other names of the same: the hub's tags do not say whether a later version may be used."""
_AT_THE_HUB = {name.lower(): name for name in (*_SPDX.split(), *_HUB_ONLY.split())} | _OTHERWISE
_NAMES = {name.lower(): name for name in SPDX_IDENTIFIERS.split()} | _AT_THE_HUB
_VERSION = re.compile(r"\d+(?:\.\d+)*")
_EXPRESSION = re.compile(r"\s(OR|AND|WITH)\s")
_NOT_A_NAME = re.compile(r"\b(the|public|licen[cs]e)\b", re.IGNORECASE)


def _canonical(written: str) -> str:
    """The SPDX identifier of a name in a spec's list. Raises: ValueError with one sentence."""
    if (found := _NAMES.get(written.strip().lower())) is not None:
        return found
    if written.strip().lower() in (UNKNOWN, "other"):
        raise ValueError(f"{written} is no license: name those that may be used, such as Apache-2.0")
    if _EXPRESSION.search(written):
        raise ValueError(f"{written} is an expression: write its licenses one by one")
    near = _nearest(written)
    advice = f"did you mean {near}?" if near else "write an SPDX identifier, such as Apache-2.0 or CC-BY-SA-4.0"
    raise ValueError(f"no license is called {written}: {advice}")


def _nearest(written: str) -> str | None:
    """The license that was probably meant: of the version that is written, and rather one that the hub has a tag for."""
    plain, versions = "-".join(_NOT_A_NAME.sub(" ", written).split()), _versions(written)
    for names in (_AT_THE_HUB, _NAMES):
        same = [name for name in names if not versions or _versions(name) == versions]
        if (near := close_to(plain, same)) is not None:
            return names[near]
    return None


def _versions(name: str) -> list[str]:
    """The numbers in a name; 3.0 is 3."""
    return [number.removesuffix(".0") for number in _VERSION.findall(name)]


License = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_canonical)]
"""A license by its SPDX identifier, or the hub's name where SPDX has none; case does not count."""

Licenses = Annotated[list[License], AfterValidator(lambda names: sorted(set(names)))]
"""A list of them: neither order nor repetition changes what it allows, so neither changes a digest."""


def spdx(license_name: str | None) -> str:
    """The names of a catalog entry or of the hub's tags, as SPDX writes them; `unknown` where there is none."""
    names = [name.strip() for name in (license_name or "").split(",") if name.strip()]
    return ", ".join(dict.fromkeys(_NAMES.get(name.lower(), name) for name in names)) or UNKNOWN


def license_objection(license_name: str | None, allowed: Sequence[str] | None, field: str) -> str:
    """Why a list forbids a license, as a sentence without its end; empty where it allows all of its names.

    Args:
        license_name: of a dataset or model: one name, several with commas between them, or None.
        allowed: of the spec, canonical; None: anything is.
        field: where the list is, such as datasets.licenses.
    """
    if allowed is None:
        return ""
    names = spdx(license_name)
    if names == UNKNOWN:
        return f"its license is unknown, and {field} asks for {_either(allowed)}"
    missing = [name for name in names.split(", ") if name not in allowed]
    return f"its license {' and '.join(missing)} is not in {field} ({', '.join(allowed)})" if missing else ""


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
