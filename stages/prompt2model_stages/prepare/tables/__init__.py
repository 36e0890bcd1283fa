"""Tables of the user's and of catalogs: CSV, JSON, Parquet and chat rows, behind one small type."""

from prompt2model_stages.prepare.tables.reading import READERS, read_table
from prompt2model_stages.prepare.tables.table import LEAST_OF_A_CLASS, OutputOf, Table

__all__ = ["LEAST_OF_A_CLASS", "READERS", "OutputOf", "Table", "read_table"]
