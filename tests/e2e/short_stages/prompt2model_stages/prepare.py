"""Stand-in for prepare."""

from prompt2model_stages.canned import report

report("prepare")
