"""Stand-in for train."""

from prompt2model_stages.canned import report

report("train")
