"""Prometheus metrics of the operator."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

API_REQUESTS = Counter("p2m_api_requests_total", "Requests to the API server.", ["verb", "resource"])
RESOURCES = Gauge("p2m_resources", "Prompt2Model resources by phase.", ["phase"])
STAGE_SECONDS = Histogram(
    "p2m_stage_seconds",
    "The work of a stage, as its result says.",
    ["stage"],
    buckets=(1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600),
)
STAGE_FAILURES = Counter("p2m_stage_failures_total", "Attempts that failed.", ["stage", "reason"])
TEACHER_TOKENS = Counter("p2m_teacher_tokens_total", "Tokens of the teacher, as results say.", ["kind"])
TEACHER_USD = Counter("p2m_teacher_usd_total", "US dollars spent on the teacher, as results say.")
LOOK_SECONDS = Histogram("p2m_look_seconds", "One look at a resource: observe, decide, apply.")
LOOK_ERRORS = Counter("p2m_look_errors_total", "Looks that ended with an error and are tried again.")
QUEUE = Gauge("p2m_queue_length", "Resources that wait for a look.")
WATCH_AGE = Gauge("p2m_watch_heartbeat_age_seconds", "Since the watch brought the lease's last renewal.")
LEADER = Gauge("p2m_leader", "1 while this operator is the active one.")
