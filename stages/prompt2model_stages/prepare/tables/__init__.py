"""Tables of the user's and of catalogs: CSV, JSON, Parquet and chat rows, behind one small type."""

from prompt2model_stages.prepare.tables.reading import READERS, read_table
from prompt2model_stages.prepare.tables.table import Table

__all__ = ["READERS", "Table", "read_table"]
