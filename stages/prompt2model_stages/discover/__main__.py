"""Runs the stage: python -m prompt2model_stages.discover JOBFILE."""

from prompt2model_stages.discover.stage import run
from prompt2model_stages.stage_process import main

if __name__ == "__main__":
    main(run, streams=True)
