"""Reasons of the user's own data and of datasets from the Hugging Face hub."""

from __future__ import annotations

from prompt2model_api.reasons.base import BLOCKED, FAILED, KnownReason

DATA = (
    KnownReason(
        "FileMissing",
        "There is no file at the uri, or it is a folder.",
        "Correct the uri, or put the file there. In a cluster bring it in a ConfigMap or at s3:// or gs://: a pod has the files "
        "of its image and of the claim alone.",
        BLOCKED + FAILED,
    ),
    KnownReason(
        "LicenseNotAllowed",
        "The dataset of `datasets.choice` or the student of `student.name` has a license that is not in `datasets.licenses` or "
        "`student.licenses`, or its license is not known.",
        "Name another one, or add its license to the list.",
        BLOCKED,
    ),
    KnownReason(
        "FileUnreachable",
        "The file cannot be read: the network, the credentials or the address are wrong. An address that is malformed or needs "
        "a login ends the run.",
        "Check the address, the network and the credentials, or put the file on storage such as s3://.",
        BLOCKED + FAILED,
    ),
    KnownReason(
        "FileTooLarge",
        "A file from the web is larger than what is read from there.",
        "Put it on storage such as s3://.",
        FAILED,
    ),
    KnownReason(
        "HostNotAllowed",
        "Own data at https:// comes from a host or a network that is not allowed.",
        "Name the host in the chart's `settings.ownData.hosts`, in a local run in P2M_OWN_DATA_HOSTS; for a private network, "
        "`settings.ownData.networks` or P2M_OWN_DATA_NETWORKS.",
        BLOCKED,
    ),
    KnownReason(
        "ConfigMapMissing",
        "The ConfigMap with own data does not exist. Nothing new is started until it does; work that was done with its content "
        "still counts.",
        "Create the ConfigMap in the resource's namespace, or name another.",
        BLOCKED,
    ),
    KnownReason(
        "ConfigMapKeyMissing",
        "The ConfigMap with own data does not have the key.",
        "Add the key to the ConfigMap, or name another key.",
        BLOCKED,
    ),
    KnownReason(
        "SourceChanged",
        "The content of an own data file is not the content that the stage run was made for.",
        "Nothing, where the file was changed just now: a stage run for the new content takes the place of this one, or the pod "
        "sees the new content at the next attempt.",
        BLOCKED,
    ),
    KnownReason(
        "ReviewedMissing",
        "The examples that `generation.accepted` names are not in the resource's folder.",
        "Save them again with `p2m review`, or set `generation.accepted` to the hash of the generated examples alone.",
        BLOCKED,
    ),
    KnownReason(
        "ReviewedChanged",
        "The file with the examples that `generation.accepted` names was altered, or was made of other generated examples.",
        "Save them again with `p2m review`, or set `generation.accepted` to the hash of the generated examples alone.",
        BLOCKED,
    ),
    KnownReason(
        "FormatUnknown",
        "The file's suffix does not say whether it is CSV, JSON or Parquet.",
        "Set `datasets.own.format.kind` or `evaluation.testData.format.kind`, or rename the file.",
        FAILED,
    ),
    KnownReason(
        "DataMalformed",
        "A data file cannot be read, or has no rows.",
        "Correct the file at the place that the message names.",
        FAILED,
    ),
    KnownReason(
        "ColumnMissing",
        "A data file or a dataset does not have the columns that are read, or they cannot be used as text.",
        "Set `inputColumns` and `outputColumn` to columns that are there, or add a header line to the file.",
        BLOCKED + FAILED,
    ),
    KnownReason(
        "ColumnTwice", "Two columns of a data file have the same name.", "Give each column a name of its own.", FAILED
    ),
    KnownReason(
        "NoRows", "No row of a data file has both an input and an output.", "Fill the columns, or name others.", FAILED
    ),
    KnownReason(
        "NothingTransformed",
        "No row of the chosen dataset could be rewritten for the task: the teacher refused them, or they are empty.",
        "Choose another dataset in `datasets.choice`, or `none: true`, or say in the prompt more clearly what is wanted.",
        FAILED,
    ),
    KnownReason(
        "NoTrainingData",
        "There is no retrieved, transformed, generated or own example to train on.",
        "Enable generation, choose a dataset, or bring your own data in `datasets.own`.",
        FAILED,
    ),
    KnownReason(
        "DatasetUnknown",
        "Neither the hub nor the shipped catalog knows the dataset or its revision.",
        "Correct `datasets.choice.name`; for a private dataset, set `huggingFace.tokenSecretRef`.",
        BLOCKED + FAILED,
    ),
    KnownReason(
        "DatasetGated",
        "The dataset is gated at the hub.",
        "Ask for access at the hub and set `huggingFace.tokenSecretRef`.",
        BLOCKED,
    ),
    KnownReason(
        "DatasetUnusable",
        "The dataset has no data that can be read as rows.",
        "Correct `datasets.choice.config` or `datasets.choice.split`, or choose another dataset.",
        FAILED,
    ),
    KnownReason(
        "DatasetNeedsCode",
        "The dataset comes as code that loads it, and no code of a dataset is run.",
        "Choose another dataset, or one that holds the same rows as Parquet files.",
        FAILED,
    ),
    KnownReason(
        "ConfigUnnamed",
        "The dataset has several configurations and none of them is its default, or it has no such configuration.",
        "Set `datasets.choice.config` to one of those that the message names.",
        FAILED,
    ),
    KnownReason("DatasetUnavailable", "The dataset could not be loaded from the hub.", "See the stage's log.", BLOCKED),
    KnownReason(
        "SplitMissing",
        "The dataset has no such split, or its folder no file for it.",
        "Set `datasets.choice.split` to one of those that the message names, or name a file.",
        FAILED,
    ),
    KnownReason(
        "RevisionNotCached",
        "Offline, the commit of the dataset that was decided is not in the cache of this machine; another one may be.",
        "Unset HF_HUB_OFFLINE, load that revision into the cache, or correct the revision.",
        BLOCKED,
    ),
    KnownReason(
        "HubUnreachable",
        "The Hugging Face hub does not answer, and the files are not in the local cache.",
        "Check the connection, HF_ENDPOINT and HF_HUB_OFFLINE (in a cluster: `settings.huggingFace`), or name a folder.",
        BLOCKED,
    ),
)
