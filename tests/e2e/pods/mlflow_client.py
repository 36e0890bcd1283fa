"""Tries to read and to write a namespace's record in MLflow, and says what was answered.

Arguments: MLflow's URL, the namespace, and a user name and a password, or neither.
"""

import json
import sys

import httpx

url, namespace, *login = sys.argv[1:]
answers = {}
with httpx.Client(
    base_url=url,
    auth=tuple(login) if login else None,
    headers={"X-MLFLOW-WORKSPACE": f"p2m-{namespace}"},
    timeout=15,
) as client:
    for what, path, body in (
        ("read", "experiments/search", {"max_results": 10}),
        ("write", "experiments/create", {"name": f"{namespace}/planted"}),
    ):
        try:
            answer = client.post(f"/api/2.0/mlflow/{path}", json=body)
            found = answer.json().get("experiments", []) if answer.status_code == 200 else []
            answers[what] = answer.status_code
            answers["seen"] = sorted({*answers.get("seen", []), *(each["name"] for each in found)})
        except httpx.TransportError:
            answers[what] = "not reached"
sys.stdout.write(json.dumps(answers) + "\n")
