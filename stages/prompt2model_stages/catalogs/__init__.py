"""Catalogs: the searchable lists of known datasets and known models, and the data that this package ships."""

from prompt2model_stages.catalogs.catalog import locate_dataset

__all__ = ["locate_dataset"]
