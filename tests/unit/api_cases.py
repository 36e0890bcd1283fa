"""Prompt2Models that must be taken and that must be refused, with words that the refusal must hold.

The same cases go to the loader (unit) and to a real API server (integration), so that both refuse the same things.
"""

from __future__ import annotations

from typing import Any, NamedTuple

HEAD = {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model"}
TEACHER = {"baseURL": "http://teacher/v1", "model": "m"}
OWN = {"uri": "s3://bucket/own.csv"}
OWN_GATE = {"metric": "ExactMatch", "split": "Own"}
CHOICE = {"name": "dates", "inputColumns": ["words"], "outputColumn": "iso"}


class Refused(NamedTuple):
    """A spec, and a part of the sentence that refuses it: here, and (where it differs) at an API server."""

    spec: dict[str, Any]
    here: str
    there: str = ""


def resource(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A whole resource."""
    return {**HEAD, "metadata": {"name": name}, "spec": spec}


TAKEN: dict[str, dict[str, Any]] = {
    "prompt-alone": {"prompt": "Turn dates into ISO."},
    "in-parts": {"instruction": "Turn dates.", "demonstrations": [{"input": "3 May 2021", "output": "2021-05-03"}]},
    "longest-prompt": {"prompt": "x" * 32768},
    "most-demonstrations": {"instruction": "i", "demonstrations": [{"input": "é" * 2047, "output": "12"}] * 64},
    "budget-in-money": {
        "prompt": "p",
        "teacher": {
            **TEACHER,
            "budget": {"usd": 5},
            "price": {"inputPerMillion": 0.15, "outputPerMillion": 0.6},
        },
    },
    "teacher-on-azure": {
        "prompt": "p",
        "teacher": {**TEACHER, "baseURL": "https://r.openai.azure.com/openai/deployments/x?api-version=2024-10-21"},
    },
    "teacher-with-the-request": {"prompt": "p", "teacher": {**TEACHER, "baseURL": "https://a.b/v1/chat/completions"}},
    "teacher-on-ipv6": {"prompt": "p", "teacher": {**TEACHER, "baseURL": "http://[::1]:65535/v1"}},
    "no-budget": {"prompt": "p", "teacher": {**TEACHER, "budget": {"unlimited": True}}},
    "manual": {"prompt": "p", "datasets": {"selection": "Manual", "choice": CHOICE}, "student": {"name": "t5-small"}},
    "no-dataset": {"prompt": "p", "datasets": {"choice": {"none": True}}},
    "one-dataset-in-several-ways": {
        "prompt": "p",
        "datasets": {
            "choice": {
                **CHOICE,
                "also": [
                    {**CHOICE, "config": "c"},
                    {**CHOICE, "split": "validation"},
                    {**CHOICE, "inputColumns": ["z"]},
                    {"name": CHOICE["name"]},
                ],
            }
        },
    },
    "shares-of-all-the-rows": {
        "prompt": "p",
        "datasets": {"choice": {**CHOICE, "share": 60, "also": [{"name": "c/d", "share": 40}]}},
    },
    "a-file-in-a-bucket": {"prompt": "p", "datasets": {"choice": {**CHOICE, "name": "s3://bucket/rows.csv"}}},
    "a-name-with-a-dot": {"prompt": "p", "datasets": {"choice": {**CHOICE, "name": "owner/rows.csv.v2"}}},
    "a-name-alone": {"prompt": "p", "datasets": {"choice": {"name": "a/b"}}},
    "several-datasets": {
        "prompt": "p",
        "datasets": {"most": 3, "choice": {**CHOICE, "share": 60, "also": [{**CHOICE, "name": "c/d", "share": 40}]}},
    },
    "own-alone": {"prompt": "p", "datasets": {"enabled": False, "own": OWN}, "generation": {"enabled": False}},
    "config-map": {"prompt": "p", "datasets": {"own": {"configMap": {"name": "own", "key": "own.csv"}}}},
    "gate": {"prompt": "p", "evaluation": {"gate": {"metric": "ChrF++", "atLeast": "85.5"}}},
    "gate-at-the-top": {"prompt": "p", "evaluation": {"gate": {"metric": "ChrF++", "atLeast": "100.0"}}},
    "gate-on-own-data": {"prompt": "p", "datasets": {"own": OWN}, "evaluation": {"gate": OWN_GATE}},
    "gate-on-a-choice": {
        "prompt": "p",
        "datasets": {"enabled": False, "choice": CHOICE},
        "evaluation": {"gate": {**OWN_GATE, "split": "Retrieved"}},
    },
    "gate-on-rewritten-rows": {
        "prompt": "p",
        "teacher": TEACHER,
        "datasets": {"transform": "Auto"},
        "evaluation": {"gate": {**OWN_GATE, "split": "Transformed"}},
    },
    "gate-without-a-metric": {"prompt": "p", "evaluation": {"gate": {"margin": 2.5}}},
    "gate-of-any-metric": {"prompt": "p", "evaluation": {"gate": {"metric": "BERTScore"}}},
    "teacher-prompts": {"prompt": "p", "evaluation": {"teacherPrompts": ["ZeroShot", "FewShot"]}},
    "instruction-limit": {"prompt": "p", "training": {"maxInstructionCharacters": 0}},
    "one-temperature": {"prompt": "p", "generation": {"temperature": {"from": 1.4}}},
    "nothing-written": {
        "prompt": "p",
        "instruction": None,
        "teacher": {**TEACHER, "budget": None, "apiKeySecretRef": {"name": "teacher", "key": None}},
        "generation": None,
        "training": {"epochs": None, "resources": {"gpu": None, "cpu": None}},
        "evaluation": {"metrics": None, "gate": None},
    },
    "small-rate": {"prompt": "p", "training": {"learningRate": 5e-7, "epochs": 1}},
    "replicas": {"prompt": "p", "service": {"replicas": {"min": 2, "max": 4}}},
    "absolute-paths": {
        "prompt": "p",
        "datasets": {"own": {"uri": "/storage/own.csv"}},
        "evaluation": {"testData": {"uri": "file:///storage/tests.csv"}, "encoder": "/models/bert"},
        "student": {"name": "/models/t5"},
    },
    "bucket-of-google": {"prompt": "p", "storage": {"uri": "gs://bucket/p2m"}},
    "bucket": {"prompt": "p", "storage": {"uri": "s3://bucket/p2m", "secret": "s3"}},
    "labels": {"prompt": "p", "scheduling": {"labels": {"team": "nlp"}, "nodeSelector": {"gpu": "true"}}},
}

AMOUNTS: dict[int | str, str] = {2: "2", 0: "0", "2": "2", "500m": "500m", 1073741824: "1073741824", "0.5": "0.5"}
"""What cpu and memory may be, and what is meant."""
WRONG_AMOUNTS: tuple[object, ...] = (-1, 0.5, True, "2 cores", "-1")

REFUSED: dict[str, Refused] = {
    "neither": Refused({"seed": 1}, "write exactly one of prompt and instruction"),
    "both": Refused({"prompt": "p", "instruction": "i"}, "write exactly one of prompt and instruction"),
    "empty": Refused({"prompt": ""}, "prompt is empty: say in plain words"),
    "blank": Refused({"prompt": " \n "}, "prompt is empty: say in plain words"),
    "blank-in-unicode": Refused({"prompt": "\u00a0\u3000"}, "prompt is empty: say in plain words"),
    "blank-instruction": Refused({"instruction": "\n"}, "instruction is empty: say in plain words"),
    "long": Refused({"prompt": "x" * 32769}, "spec.prompt is over 32 KiB", "may not be more than 32768 bytes"),
    "long-in-bytes": Refused({"prompt": "é" * 20000}, "prompt is over 32 KiB: shorten it"),
    "demonstrations-too-long-together": Refused(
        {"instruction": "i", "demonstrations": [{"input": "é" * 2048, "output": "1"}] * 64},
        "demonstrations are over 256 KiB together: keep a few short ones",
    ),
    "parts-and-prompt": Refused(
        {"prompt": "p", "demonstrations": [{"input": "a", "output": "b"}]}, "demonstrations go with instruction"
    ),
    "no-data": Refused(
        {"prompt": "p", "datasets": {"enabled": False}, "generation": {"enabled": False}},
        "no data: enable generation or datasets",
    ),
    "unknown-field": Refused(
        {"prompt": "p", "trainig": {"epochs": 3}},
        "spec.trainig is not a field: did you mean training?",
        "unknown field",
    ),
    "misplaced-field": Refused(
        {"prompt": "p", "epochs": 3}, "spec.epochs is not a field here: did you mean spec.training.epochs?", "unknown"
    ),
    "no-budget-at-all": Refused(
        {"prompt": "p", "teacher": {**TEACHER, "budget": {}}}, "write tokens or usd, or unlimited: true"
    ),
    "no-tokens": Refused(
        {"prompt": "p", "teacher": {**TEACHER, "budget": {"tokens": 0}}},
        "spec.teacher.budget.tokens is 0: write the most that may be spent, or unlimited: true for no limit",
        "should be greater than or equal to 1",
    ),
    "no-money": Refused(
        {"prompt": "p", "teacher": {**TEACHER, "budget": {"usd": 0}}},
        "spec.teacher.budget.usd is 0",
        "should be greater than 0",
    ),
    "two-budgets": Refused(
        {"prompt": "p", "teacher": {**TEACHER, "budget": {"tokens": 5, "unlimited": True}}},
        "unlimited excludes tokens and usd",
    ),
    "money-without-price": Refused(
        {"prompt": "p", "teacher": {**TEACHER, "budget": {"usd": 1}}}, "budget.usd needs price.inputPerMillion"
    ),
    "address": Refused(
        {"prompt": "p", "teacher": {"baseURL": "api.example.com", "model": "m"}},
        "write an address such as https://",
        "should match '^https?",
    ),
    "two-places": Refused(
        {"prompt": "p", "datasets": {"own": {**OWN, "configMap": {"name": "a", "key": "b"}}}},
        "name exactly one of uri and configMap",
    ),
    "no-place": Refused({"prompt": "p", "datasets": {"own": {}}}, "name exactly one of uri and configMap"),
    "a-delimiter-of-json": Refused(
        {"prompt": "p", "datasets": {"own": {**OWN, "format": {"kind": "JSON", "delimiter": ";"}}}},
        "delimiter is for CSV and encoding for text: leave it out, or correct kind",
    ),
    "an-encoding-of-parquet": Refused(
        {"prompt": "p", "datasets": {"own": {**OWN, "format": {"kind": "Parquet", "encoding": "GB18030"}}}},
        "delimiter is for CSV and encoding for text: leave it out, or correct kind",
    ),
    "half-a-choice": Refused(
        {"prompt": "p", "datasets": {"selection": "Manual", "choice": {"name": "dates", "inputColumns": ["a"]}}},
        "choice needs name, with both inputColumns and outputColumn or neither, or none: true",
    ),
    "half-of-another-choice": Refused(
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "also": [{"name": "c/d", "outputColumn": "a"}]}}},
        "name both inputColumns and outputColumn, or neither",
    ),
    "none-and-another": Refused(
        {"prompt": "p", "datasets": {"choice": {"none": True, "also": [{**CHOICE, "name": "c/d"}]}}},
        "none and name exclude each other",
    ),
    "too-large-shares": Refused(
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "share": 70, "also": [{**CHOICE, "share": 40}]}}},
        "the shares of choice are over 100 % together",
    ),
    "shares-that-leave-nothing": Refused(
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "share": 100, "also": [{**CHOICE, "name": "c/d"}]}}},
        "nothing is left for a dataset without one: lower them, or give it a share",
    ),
    "more-shares-that-leave-nothing": Refused(
        {
            "prompt": "p",
            "datasets": {
                "choice": {**CHOICE, "also": [{**CHOICE, "name": f"c/{share}", "share": share} for share in (40, 60)]}
            },
        },
        "nothing is left for a dataset without one: lower them, or give it a share",
    ),
    "a-dataset-twice": Refused(
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "also": [{**CHOICE, "share": 10}]}}},
        "choice names one dataset twice, with the same configuration, split and columns: remove one of the two",
    ),
    "a-dataset-twice-beside-another": Refused(
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "also": [{"name": "c/d", "config": "e"}] * 2}}},
        "choice names one dataset twice, with the same configuration, split and columns: remove one of the two",
    ),
    "none-and-columns": Refused(
        {"prompt": "p", "datasets": {"choice": {"none": True, "inputColumns": ["a"], "outputColumn": "b"}}},
        "choice.none excludes config, inputColumns, outputColumn and share",
    ),
    "none-and-share": Refused(
        {"prompt": "p", "datasets": {"choice": {"none": True, "share": 20}}}, "choice.none excludes config"
    ),
    "choice-and-none": Refused(
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "none": True}}}, "none and name exclude each other"
    ),
    "gate-not-measured": Refused(
        {"prompt": "p", "evaluation": {"metrics": ["ChrF++"], "gate": {"metric": "ExactMatch"}}}, "is not in metrics"
    ),
    "metric-twice": Refused(
        {"prompt": "p", "evaluation": {"metrics": ["ChrF++", "ExactMatch", "ChrF++"]}},
        "metrics names one of them twice",
    ),
    **{
        f"teacher-{name}": Refused({"prompt": "p", "teacher": {**TEACHER, "baseURL": url}}, words)
        for name, url, words in (
            ("port", "http://127.0.0.1:114344/v1", "the port is malformed"),
            ("port-zero", "http://127.0.0.1:0/v1", "the port is malformed"),
            ("host", "http://[::1/v1", "the host is missing or malformed"),
            ("ipv4", "http://999.1.1.1/v1", "the host is not an IPv4 address"),
            ("ipv4-short", "http://1.2.3:8000/v1", "the host is not an IPv4 address"),
            ("empty-label", "http://a..b/v1", "the host is missing or malformed"),
            ("not-ascii", "http://\u4f8b.jp/v1", "the host is missing or malformed"),
            ("placeholder", "https://<name>.openai.azure.com", "the host is missing or malformed"),
            ("user", "http://user:password@host/v1", "a user or password is in the address"),
            ("key", "https://host/v1?api_key=abc", "a key is in the address"),
            ("fragment", "https://host/v1#a", "a # is in the address"),
            ("another-request", "https://host/v1/responses", "it ends in the path of another request"),
        )
    },
    "teacher-prompt-twice": Refused(
        {"prompt": "p", "evaluation": {"teacherPrompts": ["FewShot", "FewShot"]}},
        "teacherPrompts names one of them twice",
    ),
    "negative-margin": Refused(
        {"prompt": "p", "evaluation": {"gate": {"margin": -1}}}, "it must be at least 0", "greater than or equal"
    ),
    "gate-over-100": Refused(
        {"prompt": "p", "evaluation": {"gate": {"metric": "ExactMatch", "atLeast": "100.5"}}},
        'atLeast is "100.5": write Teacher, or a number from 0 to 100 in quotes, such as "85"',
        "should match '^(Teacher|100",
    ),
    "gate-without-own-data": Refused(
        {"prompt": "p", "evaluation": {"gate": OWN_GATE}}, "evaluation.gate.split is Own, without own data"
    ),
    "gate-without-a-dataset": Refused(
        {
            "prompt": "p",
            "datasets": {"choice": {"none": True}},
            "evaluation": {"gate": {**OWN_GATE, "split": "Retrieved"}},
        },
        "evaluation.gate.split is Retrieved, and no dataset is retrieved",
    ),
    **{
        f"gate-{name}": Refused(
            {"prompt": "p", "teacher": TEACHER, **fields, "evaluation": {"gate": {**OWN_GATE, "split": split}}}, message
        )
        for name, split, fields, message in (
            ("on-raw-rows", "Retrieved", {"datasets": {"transform": "Always"}}, "and datasets.transform is Always"),
            (
                "on-no-rows",
                "Transformed",
                {"datasets": {"transform": "Always", "choice": {"none": True}}},
                "no dataset is",
            ),
            ("on-rewritten-rows", "Transformed", {"datasets": {"transform": "None"}}, "and datasets.transform is None"),
            (
                "without-teacher",
                "Transformed",
                {"teacher": None, "datasets": {"transform": "Auto"}},
                "no teacher is named",
            ),
        )
    },
    "gate-without-generation": Refused(
        {
            "prompt": "p",
            "generation": {"enabled": False},
            "evaluation": {"gate": {**OWN_GATE, "split": "Generated"}},
        },
        "evaluation.gate.split is Generated, and generation is not enabled",
    ),
    "falling-temperature": Refused(
        {"prompt": "p", "generation": {"temperature": {"from": 1.5}}}, "from must be at most to: write a lower from"
    ),
    "gate-as-number": Refused(
        {"prompt": "p", "evaluation": {"gate": {"metric": "ExactMatch", "atLeast": 85}}},
        'atLeast is the number 85 and must be text: write Teacher, or a number from 0 to 100 in quotes, such as "85"',
        "must be of type string",
    ),
    **{
        f"memory-{number}": Refused(
            {"prompt": "p", part: {"resources": {"memory": given}}}, "memory is below 1Mi: add the unit"
        )
        for number, (part, given) in enumerate({"training": 16, "evaluation": "16", "service": "1048575"}.items())
    },
    "memory-in-thousandths": Refused({"prompt": "p", "training": {"resources": {"memory": "500m"}}}, "below 1Mi"),
    "replicas": Refused({"prompt": "p", "service": {"replicas": {"min": 3}}}, "max must be at least min"),
    "two-storages": Refused({"prompt": "p", "storage": {"uri": "s3://a", "claim": "b"}}, "name one of uri and claim"),
    "negative": Refused({"prompt": "p", "seed": -1}, "spec.seed is -1: it must be at least 0", "greater than or equal"),
    "number-as-text": Refused(
        {"prompt": "p", "training": {"epochs": "3"}},
        'spec.training.epochs is "3", text: write a whole number, without quotes',
        "must be of type integer",
    ),
    "yes-as-output": Refused(
        {"instruction": "p", "demonstrations": [{"input": "a", "output": True}]},
        "spec.demonstrations[0].output is true (YAML takes yes, no, on and off so): put the text in quotes",
        "must be of type string",
    ),
    "word": Refused(
        {"prompt": "p", "datasets": {"selection": "manual"}},
        'spec.datasets.selection is "manual": write one of Automatic, Manual',
        'supported values: "Automatic", "Manual"',
    ),
    "size": Refused({"prompt": "p", "student": {"maxSize": "3GB"}}, "such as 500m, 2 or 3Gi", "should match '^[0-9]+"),
    "no-metric": Refused(
        {"prompt": "p", "evaluation": {"metrics": []}}, "has too few entries", "should have at least 1 items"
    ),
}

LOCAL_ONLY: dict[str, tuple[dict[str, Any], str]] = {
    "storage-file": ({"prompt": "p", "storage": {"uri": "file:///p2m"}}, "spec.storage.uri is no s3:// or gs://"),
    "storage-path": ({"prompt": "p", "storage": {"uri": "/p2m"}}, "spec.storage.uri is no s3:// or gs://"),
    "own-dotted": (
        {"prompt": "p", "datasets": {"own": {"uri": "./own.csv"}}},
        "spec.datasets.own.uri is a relative path, which a pod cannot read: bring the file in a ConfigMap",
    ),
    "own-bare": ({"prompt": "p", "datasets": {"own": {"uri": "own.csv"}}}, "spec.datasets.own.uri is a relative path"),
    "own-home": ({"prompt": "p", "datasets": {"own": {"uri": "~/a.csv"}}}, "spec.datasets.own.uri is a relative path"),
    "test-data": (
        {"prompt": "p", "evaluation": {"testData": {"uri": "../tests.csv"}}},
        "spec.evaluation.testData.uri is a relative path",
    ),
    "student": ({"prompt": "p", "student": {"name": "./t5"}}, "spec.student.name is a relative path"),
    "encoder": ({"prompt": "p", "evaluation": {"encoder": "~/bert"}}, "spec.evaluation.encoder is a relative path"),
    "choice": (
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "name": "../rows.csv"}}},
        "spec.datasets.choice.name is a path, and a changed file would not be noticed",
    ),
    "choice-absolute": (
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "name": "/data/rows.csv"}}},
        "spec.datasets.choice.name is a path",
    ),
    "choice-file": (
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "also": [{**CHOICE, "name": "file:///data/rows.csv"}]}}},
        "spec.datasets.choice.also[0].name is a path",
    ),
    "choice-bare": (
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "name": "rows.csv"}}},
        "spec.datasets.choice.name is a path",
    ),
    "choice-in-a-folder": (
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "also": [{**CHOICE, "name": "data/rows.JSONL"}]}}},
        "spec.datasets.choice.also[0].name is a path",
    ),
    "another-dataset": (
        {"prompt": "p", "datasets": {"choice": {**CHOICE, "also": [{**CHOICE, "name": "./rows.csv"}]}}},
        "spec.datasets.choice.also[0].name is a path, and a changed file",
    ),
}
"""Taken for a local run, refused by an API server: with a part of the sentence, which begins with the field's path."""
