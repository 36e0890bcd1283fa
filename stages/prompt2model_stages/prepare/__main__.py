"""`python -m prompt2model_stages.prepare JOBFILE`: one attempt of prepare."""

from prompt2model_stages.prepare.stage import run
from prompt2model_stages.stage_process import main

if __name__ == "__main__":
    main(run, warm=("datasets", "pyarrow.parquet"), streams=True)
