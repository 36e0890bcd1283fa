"""Kubernetes quantities as numbers of bytes."""

from __future__ import annotations

import pytest

from prompt2model_api.quantities import bytes_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "size"),
    [("3Gi", 3 * 2**30), ("500M", 500 * 10**6), ("1.5G", 1_500_000_000), ("1.5Ki", 1536), ("2000m", 2), ("42", 42)],
)
def test_quantities(text: str, size: int) -> None:
    assert bytes_of(text) == size


def test_what_is_no_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="no quantity"):
        bytes_of("3 GB")
