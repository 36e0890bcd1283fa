"""`python -m prompt2model_stages.evaluate JOBFILE`: one attempt of evaluate."""

from prompt2model_stages.evaluate.stage import run
from prompt2model_stages.stage_process import main

main(run)
