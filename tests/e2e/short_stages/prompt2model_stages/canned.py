"""What a stage does in its stand-in: waits a moment, then patches a result into its own StageRun's status."""

import datetime
import hashlib
import json
import os
import re
import ssl
import time
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SHA = "ab" * 32
WORK_S = 1.0


def interval(value):
    return {"value": value, "low": value, "high": value}


SCORE = {"split": "Retrieved", "metric": "ExactMatch", "rows": 9}
SCORES = {"student": interval(90.0), "untrained": interval(0.0), "teacher": interval(20.0)}
CANDIDATE = {"name": "builtin:d", "revision": "r1", "inputColumns": ["a"], "outputColumn": "b", "score": 3.0}
OUTPUTS = {
    "discover": {
        "instruction": "Say it.",
        "datasetCandidates": [{**CANDIDATE, "recommended": True}],
        "studentCandidates": [{"name": "org/t5", "architecture": "EncoderDecoder", "sizeBytes": 1, "score": 1.0}],
    },
    "generate": {"examples": 3, "examplesSha256": SHA},
    "prepare": {"rows": {"train": 3}},
    "train": {"modelSha256": SHA},
    "evaluate": {"scores": [{**SCORE, **SCORES}]},
}


def work(stage, prompt, say):
    """A moment; a prompt that says "train needs 600 MB" or "generate takes 30 s" has that stage take so much.

    "generate is 660 s behind": it says once a second that it works, and its clock is so far behind.
    """
    wishes = {verb: int(number) for verb, number in re.findall(rf"{stage} (needs|takes|is) (\d+)", prompt)}
    held = bytearray(wishes.get("needs", 0) * 10**6)
    held[::4096] = b"x" * len(held[::4096])  # memory counts once it is written to
    until = time.monotonic() + wishes.get("takes", WORK_S)
    while (left := until - time.monotonic()) > 0:
        if "is" in wishes:
            at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=wishes["is"])
            say({"progress": {"attempt": int(os.environ["P2M_ATTEMPT"]), "at": at.isoformat()}})
        time.sleep(min(1.0, left))


def check_own_data(spec):
    """The ConfigMaps that are mounted hold what the stage run names."""
    for path in ("datasets.own", "evaluation.testData"):
        ref = spec["parameters"].get(path, {}).get("configMap")
        if ref is not None:
            with open(f"{os.environ['P2M_OWN_FOLDER']}/{ref['name']}/{ref['key']}", "rb") as file:
                assert hashlib.sha256(file.read()).hexdigest() == spec["sources"][path], path


def report(stage):
    """Reports a result of attempt P2M_ATTEMPT for the job in the file that P2M_JOB names."""
    with open(os.environ["P2M_JOB"]) as file:
        job = json.load(file)
    work(stage, job["resource"]["spec"].get("prompt", ""), patch_status)
    check_own_data(job["stageRun"]["spec"])
    outputs = dict(OUTPUTS[stage])
    if stage == "discover":
        outputs["instruction"] = job["stageRun"]["spec"]["parameters"]["prompt"]
    result = {"attempt": int(os.environ["P2M_ATTEMPT"]), "digest": job["stageRun"]["spec"]["digest"], "sha256": SHA}
    patch_status({"result": result | {"seconds": WORK_S, "outputs": outputs}})


def patch_status(status):
    """A merge patch of the stage run's status."""
    namespace, _, name = os.environ["P2M_STAGE_RUN"].partition("/")
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    path = f"/apis/prompt2model.dev/v1alpha1/namespaces/{namespace}/stageruns/{name}/status"
    with open(f"{ACCOUNT}/token") as file:
        token = file.read()
    request = urllib.request.Request(
        f"https://{host}:{port}{path}",
        json.dumps({"status": status}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
        method="PATCH",
    )
    trusted = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    for last in (False,) * 9 + (True,):  # an API server under load may answer late
        try:
            urllib.request.urlopen(request, context=trusted, timeout=30).read()
            return
        except OSError:
            if last:
                raise
            time.sleep(3)
