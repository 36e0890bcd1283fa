"""Stand-in for discover."""

from prompt2model_stages.canned import report

report("discover")
