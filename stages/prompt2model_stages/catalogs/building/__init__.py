"""Builds a catalog from a hub's API: what is new since the last build, page by page, kept as it comes."""

from prompt2model_stages.catalogs.building.building import Built, Told, build

__all__ = ["Built", "Told", "build"]
