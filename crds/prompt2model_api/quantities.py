"""Kubernetes quantities as numbers."""

from __future__ import annotations

import re
from decimal import Decimal

_FACTORS = {
    "": Decimal(1), "m": Decimal("0.001"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip


def number_of(quantity: str) -> Decimal:
    """The quantity as a number: bytes of memory, cores of CPU. Raises: ValueError."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", quantity)
    if match is None:
        raise ValueError(f"{quantity} is no quantity such as 3Gi")
    return Decimal(match[1]) * _FACTORS[match[2] or ""]


def bytes_of(quantity: str) -> int:
    """The quantity in bytes, rounded down. Raises: ValueError."""
    return int(number_of(quantity))
