"""The record in MLflow of what lies in storage.

Storage is the road and MLflow the record: stages never wait for it, and what is missing is recorded when it is back.
Importing this package imports no MLflow; only `Recorder.sync` does.
"""

from prompt2model_stages.tracking.marks import needs_sync, run_url
from prompt2model_stages.tracking.recorder import Recorder

__all__ = ["Recorder", "needs_sync", "run_url"]
