"""Names of the environment variables that the product's processes read, each written once.

A constant has the name of its variable, so that one search finds who sets it and who reads it. Tests write the names out:
they are part of what a user may rely on.
"""

from __future__ import annotations

P2M_JOB = "P2M_JOB"
"""Path of the file with a pod's StageJob. Never the job itself: Kubernetes expands $(NAME) and $$ in values."""

P2M_ATTEMPT = "P2M_ATTEMPT"
"""Number of the attempt that a pod makes; the job's file serves all attempts with the same job."""

P2M_STAGE_RUN = "P2M_STAGE_RUN"
"""<namespace>/<name> of the StageRun that a pod reports to; without it, files are the report."""

P2M_OWN_FOLDER = "P2M_OWN_FOLDER"
"""Folder below which the user's ConfigMaps are mounted: <name>/<key>."""

P2M_OWN_DATA_HOSTS = "P2M_OWN_DATA_HOSTS"
"""Environment variable: hosts with commas between, such as data.example.com, *.example.org, or * for every public one."""

P2M_OWN_DATA_NETWORKS = "P2M_OWN_DATA_NETWORKS"
"""Environment variable: networks such as 10.1.0.0/16 whose addresses may be read though they are not public."""

P2M_TEACHER_API_KEY = "P2M_TEACHER_API_KEY"
"""The teacher's API key; StageSettings.teacher_key_env may name another variable."""

P2M_TEACHER_TRIES = "P2M_TEACHER_TRIES"
"""Times in a row that the endpoint may say "too many requests" before the stage stops."""

P2M_TEACHER_TIMEOUT_SECONDS = "P2M_TEACHER_TIMEOUT_SECONDS"
"""Longest that one request to the teacher may take."""

P2M_SETTINGS = "P2M_SETTINGS"
"""File with the operator's settings."""

P2M_WORKSPACE_KEY = "P2M_WORKSPACE_KEY"
"""The key that the operator derives the passwords of MLflow's users from, one for each namespace."""

P2M_SERVICE_ACCOUNT_FOLDER = "P2M_SERVICE_ACCOUNT_FOLDER"
"""Folder with a pod's token and certificate, where it is not Kubernetes' own; for tests."""

P2M_RUNS = "P2M_RUNS"
"""Folder with all local runs."""

P2M_RUN_FOLDER = "P2M_RUN_FOLDER"
"""Set in every process of a local run: the folder of the run, by which processes that were left behind are found."""

P2M_CACHE = "P2M_CACHE"
"""Folder for what is unpacked once, such as the embedded student's weights; by default ~/.cache/prompt2model."""

P2M_CATALOGS = "P2M_CATALOGS"
"""Folder with the catalogs that a local run searches, as `p2m run --catalogs`; without it those that are shipped."""

P2M_SERVICE_MODEL = "P2M_SERVICE_MODEL"
"""Local folder with the service's model, its SHA-256 already checked."""

P2M_SERVICE_GOLDEN = "P2M_SERVICE_GOLDEN"
"""Local file with the service's golden requests."""

P2M_SERVICE_NAME = "P2M_SERVICE_NAME"
"""The service's name in its documentation page and its metrics."""

P2M_SERVICE_SHA256 = "P2M_SERVICE_SHA256"
"""The model folder's SHA-256; its first digits are the version in the OpenAPI description."""

P2M_SERVICE_CARD = "P2M_SERVICE_CARD"
"""Local file with what the task is; it may be empty."""

P2M_SERVICE_TRUNCATE = "P2M_SERVICE_TRUNCATE"
"""There where inputs that are too long are cut and not refused."""

P2M_SERVICE_PARENT = "P2M_SERVICE_PARENT"
"""Process id of the service's own process."""
