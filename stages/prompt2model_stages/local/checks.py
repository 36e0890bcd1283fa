"""What is checked before a run starts: each wrong input gets one sentence, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from prompt2model_api.base import Metric
from prompt2model_api.data_files import is_path
from prompt2model_api.environment_names import P2M_TEACHER_API_KEY
from prompt2model_api.loading import SpecError, load, resolve_paths
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.quantities import bytes_of
from prompt2model_api.spec.references import OwnData
from prompt2model_api.texts import told
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.licensing import check_license, license_of
from prompt2model_stages.catalogs.opening import catalogs_named, open_datasets, open_models
from prompt2model_stages.errors import StageError
from prompt2model_stages.evaluate.encoders import resolve_encoder
from prompt2model_stages.local.data_summary import summary_of
from prompt2model_stages.parts import with_pinned_parts
from prompt2model_stages.prepare.own_data import OwnExamples, read_alike, read_own
from prompt2model_stages.prepare.retrieving import BUILTIN, load_choice
from prompt2model_stages.prepare.spelling import unseen_labels
from prompt2model_stages.prepare.tables.fetching import size_of
from prompt2model_stages.prepare.web import is_web
from prompt2model_stages.student import resolve
from prompt2model_stages.student.checking import Limits, check
from prompt2model_stages.student.resolving import is_folder

READ_LIMIT = 256 * 2**20
"""Bytes; a larger file of the user's is not read before the run."""

OWN, TEST_DATA = "spec.datasets.own", "spec.evaluation.testData"


def load_checked(file: Path, say: Callable[[str], None] = lambda line: None) -> Prompt2Model:
    """The resource in a YAML file, paths made absolute.

    Args:
        file: the YAML file.
        say: hears lines about the user's data.

    Raises: SpecError with one sentence.
    """
    resource = resolve_paths(load(file), file.absolute().parent)
    try:
        resource = with_pinned_parts(resource)
        _check_key(resource)
        _check_token(resource)
        _check_catalogs()
        _check_student(resource)
        _check_data(resource, say)
        _check_choice(resource)
        _check_licenses(resource)
        _check_encoder(resource)
    except StageError as error:
        raise SpecError(told(error.failure.message, error.failure.remedy)) from error
    return resource


def _check_catalogs() -> None:
    """Those of P2M_CATALOGS; the shipped ones are right."""
    if (uri := catalogs_named()) is not None:
        open_datasets(uri)
        open_models(uri)


def _check_key(resource: Prompt2Model) -> None:
    teacher = resource.spec.teacher
    if teacher is None:
        return
    key = os.environ.get(P2M_TEACHER_API_KEY)
    if key:
        from prompt2model_stages.teacher.keys import usable_key, variable  # its package imports the HTTP libraries

        usable_key(key, variable(P2M_TEACHER_API_KEY))
    elif teacher.api_key_secret_ref:
        raise SpecError(
            "spec.teacher.apiKeySecretRef asks for a key, and a local run takes it from the environment: "
            f"set {P2M_TEACHER_API_KEY}."
        )


def _check_token(resource: Prompt2Model) -> None:
    if resource.spec.hugging_face.token_secret_ref is None:
        return
    from huggingface_hub import get_token

    if not get_token():
        raise SpecError(
            "spec.huggingFace.tokenSecretRef asks for a token, and a local run takes it from the environment: set HF_TOKEN."
        )


def _check_student(resource: Prompt2Model) -> None:
    if (name := resource.spec.student.name) is not None:
        training = resource.spec.training
        limits = Limits(training.max_input_tokens, training.max_output_tokens)
        check(resolve(name, max_bytes=bytes_of(resource.spec.student.max_size)), limits)


def _check_data(resource: Prompt2Model, say: Callable[[str], None]) -> None:
    """The user's files, read as prepare reads them: each as the other is written."""
    data, test_data = resource.spec.datasets.own, resource.spec.evaluation.test_data
    own = _own(OWN, data, say)
    tests = _own(TEST_DATA, test_data, say)
    if data is not None and test_data is not None and own is not None and tests is not None:
        own, tests = read_alike(own, data, tests, test_data), read_alike(tests, test_data, own, data)
    for field, read in ((OWN, own), (TEST_DATA, tests)):
        for line in summary_of(field, read) if read is not None else []:
            say(line)
    if own is not None and tests is not None and not is_web(own.table.name) and not is_web(tests.table.name):
        filled = [[row for row in read.examples if row.input and row.output] for read in (own, tests)]
        if unseen := unseen_labels([row.output for row in filled[0]], filled[1]):
            say(f"  {unseen}")


def _own(field: str, own: OwnData | None, say: Callable[[str], None]) -> OwnExamples | None:
    """The user's file; None where there is none, or it is not read here."""
    if own is None:
        return None
    if own.uri is None:
        raise SpecError(f"{field}.configMap is for a cluster: name a file in {field}.uri for a local run.")
    size = 0 if is_web(own.uri) else size_of(own.uri)
    if size > READ_LIMIT:
        say(f"{field}: {own.uri} has {size / 2**20:,.0f} MiB and is not read here; prepare reads it.")
        return None
    return read_own(own.uri, own, field)


def _check_choice(resource: Prompt2Model) -> None:
    """Of a local file or a built-in dataset; what only a hub knows is checked when it is read."""
    choice = resource.spec.datasets.choice
    for one in choice.datasets() if choice is not None else []:
        if one.has_columns and (is_path(one.name) or one.name.startswith(BUILTIN)):
            load_choice(one, None)


def _check_licenses(resource: Prompt2Model) -> None:
    """Of what the spec names, where it lists licenses; what it does not name is found by those that it may use."""
    datasets, student, catalogs = resource.spec.datasets, resource.spec.student, catalogs_named()
    for one in datasets.choice.datasets() if datasets.licenses and datasets.choice is not None else []:
        if not is_path(one.name):
            check_license(Kind.DATASETS, one.name, license_of(Kind.DATASETS, one.name, catalogs), datasets.licenses)
    if student.licenses and student.name is not None and not is_folder(student.name):
        check_license(Kind.MODELS, student.name, license_of(Kind.MODELS, student.name, catalogs), student.licenses)


def _check_encoder(resource: Prompt2Model) -> None:
    metrics = resource.spec.evaluation.metrics
    if metrics is None or Metric.BERT_SCORE in metrics:
        resolve_encoder(resource.spec.evaluation.encoder)
