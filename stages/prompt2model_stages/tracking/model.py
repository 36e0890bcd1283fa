"""The student as an MLflow pyfunc model, "from code": MLflow copies this file beside the weights and runs it on loading.

    model = mlflow.pyfunc.load_model("models:/default.dates@champion")
    model.predict(pandas.DataFrame({"text": ["the 2nd of June 1999"]}))

The packages prompt2model_stages and prompt2model_api travel with the model; requirements.txt names the rest.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas


class StudentModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Raw texts in, the student's outputs out, with the same preprocessing as in training and in the service."""

    def load_context(self, context: Any) -> None:
        """Loads the model that lies beside this file."""
        from prompt2model_stages.service.answering import load_student

        self._answer = load_student(Path(context.artifacts["model"])).answer

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """One output for each row of the column `text`. MLflow would take type hints for a signature of its own."""
        return pandas.DataFrame({"output": self._answer([str(text) for text in model_input["text"]])})


mlflow.models.set_model(StudentModel())
