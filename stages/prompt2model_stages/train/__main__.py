"""`python -m prompt2model_stages.train JOBFILE`: one attempt of train."""

from prompt2model_stages.stage_process import main
from prompt2model_stages.train.stage import run

main(run)
