"""Datasets at the hub: their first rows, and what each error of the hub's libraries means. No code of a dataset is run."""

from prompt2model_stages.hub_data.errors import hub_data_error
from prompt2model_stages.hub_data.first_rows import DEADLINE_S, FirstRows, first_rows
from prompt2model_stages.hub_data.waiting import told_waits

__all__ = ["DEADLINE_S", "FirstRows", "first_rows", "hub_data_error", "told_waits"]
