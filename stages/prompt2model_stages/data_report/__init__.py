"""What the data of a resource is like: figures computed once, for the terminal and for a page; and the data as files.

`collecting` computes the figures (`figures`) from what the stages wrote, `sections` puts them into words and tables, `page`
into HTML. `exporting` writes the rows of the splits for other programs. Nothing here starts a stage or asks a teacher.
"""

from prompt2model_stages.data_report.collecting import OF_DATA, report_of
from prompt2model_stages.data_report.page import page_of
from prompt2model_stages.data_report.sections import sections_of
from prompt2model_stages.data_report.sources import DataSources, StageData

__all__ = ["OF_DATA", "DataSources", "StageData", "page_of", "report_of", "sections_of"]
