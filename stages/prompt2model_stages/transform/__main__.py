"""`python -m prompt2model_stages.transform JOBFILE`: one attempt of transform."""

from prompt2model_stages.stage_process import main
from prompt2model_stages.transform.stage import run

if __name__ == "__main__":
    main(run, streams=True)
