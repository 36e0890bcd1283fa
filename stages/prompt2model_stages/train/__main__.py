"""`python -m prompt2model_stages.train JOBFILE`: one attempt of train."""

from prompt2model_stages.stage_process import main
from prompt2model_stages.train.stage import run

if __name__ == "__main__":
    main(run, warm=("ray.train.torch", "pyarrow.parquet"))
