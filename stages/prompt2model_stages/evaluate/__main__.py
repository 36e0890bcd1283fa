"""`python -m prompt2model_stages.evaluate JOBFILE`: one attempt of evaluate."""

from prompt2model_stages.evaluate.stage import run
from prompt2model_stages.stage_process import main

if __name__ == "__main__":
    main(
        run,
        warm=(
            "prompt2model_stages.student.model",
            "transformers",
            "prompt2model_stages.evaluate.scoring",
            "prompt2model_stages.evaluate.teaching",
            "pyarrow.parquet",
        ),
    )
