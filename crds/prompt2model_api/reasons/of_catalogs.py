"""Reasons of the catalogs that datasets and students are searched in, and of the parts that packages replace."""

from __future__ import annotations

from prompt2model_api.reasons.base import BLOCKED, KnownReason

CATALOGS = (
    KnownReason(
        "CatalogMissing",
        "There is no catalog at the address, or its first build is not finished.",
        "Build it with `p2m catalog build`. Without `settings.catalogs.uri`, or P2M_CATALOGS in a local run, the shipped catalogs "
        "are used.",
        BLOCKED,
    ),
    KnownReason(
        "CatalogUnusable",
        "The catalog is of another version of the schema, is not whole, or is no Parquet file.",
        "Build it again with `p2m catalog build` of this release, or name another catalog.",
        BLOCKED,
    ),
    KnownReason(
        "CatalogUnreachable",
        "The catalog's files cannot be read or written: the network, the credentials or the address are wrong.",
        "Check the address, the network and the credentials.",
        BLOCKED,
    ),
    KnownReason(
        "CatalogInUse",
        "Another build works on the catalog's folder.",
        "Wait for it, or build to another folder.",
        BLOCKED,
    ),
    KnownReason(
        "HubRefused",
        "The hub does not list its repositories: it wants a token, knows no such address, or is no hub.",
        "Set HF_TOKEN, or correct HF_ENDPOINT.",
        BLOCKED,
    ),
    KnownReason(
        "PartMissing",
        "No installed package brings the part that `parts` names, or its package has another version.",
        "Install the package, in a cluster in the stages image, or name one of those in the message.",
        BLOCKED,
    ),
    KnownReason(
        "PartUnusable",
        "The part that `parts` names cannot be imported or made, or it is of another class than its kind needs.",
        "Correct the package and install it again, or leave the field out.",
        BLOCKED,
    ),
)
