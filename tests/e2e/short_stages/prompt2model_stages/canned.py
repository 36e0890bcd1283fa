"""What a stage does in its stand-in: waits a moment, then patches a result into its own StageRun's status."""

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


def work(stage, prompt):
    """A moment; a prompt that says "train needs 600 MB" or "generate takes 30 s" has that stage take so much."""
    wish = re.search(rf"{stage} (needs|takes) (\d+)", prompt)
    if wish and wish[1] == "needs":
        held = bytearray(int(wish[2]) * 10**6)
        held[::4096] = b"x" * len(held[::4096])  # memory counts once it is written to
    time.sleep(float(wish[2]) if wish and wish[1] == "takes" else WORK_S)


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
    namespace, _, name = os.environ["P2M_STAGE_RUN"].partition("/")
    work(stage, job["resource"]["spec"].get("prompt", ""))
    check_own_data(job["stageRun"]["spec"])
    outputs = dict(OUTPUTS[stage])
    if stage == "discover":
        outputs["instruction"] = job["stageRun"]["spec"]["parameters"]["prompt"]
    result = {"attempt": int(os.environ["P2M_ATTEMPT"]), "digest": job["stageRun"]["spec"]["digest"], "sha256": SHA}
    result |= {"seconds": WORK_S, "outputs": outputs}
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    path = f"/apis/prompt2model.dev/v1alpha1/namespaces/{namespace}/stageruns/{name}/status"
    with open(f"{ACCOUNT}/token") as file:
        token = file.read()
    request = urllib.request.Request(
        f"https://{host}:{port}{path}",
        json.dumps({"status": {"result": result}}).encode(),
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
