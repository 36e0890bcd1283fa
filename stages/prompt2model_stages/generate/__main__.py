"""`python -m prompt2model_stages.generate JOBFILE`: one attempt of generate."""

from prompt2model_stages.generate.stage import run
from prompt2model_stages.stage_process import main

if __name__ == "__main__":
    main(run, warm=("ray",))
