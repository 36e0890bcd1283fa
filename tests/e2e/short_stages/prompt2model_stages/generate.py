"""Stand-in for generate."""

from prompt2model_stages.canned import report

report("generate")
