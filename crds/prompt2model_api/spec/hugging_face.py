"""`spec.huggingFace`: how to show the Hugging Face hub who one is."""

from __future__ import annotations

from pydantic import Field

from prompt2model_api.base import Model, Name
from prompt2model_api.spec.references import SecretKey

HUB_TOKEN = "HF_TOKEN"


class TokenKey(SecretKey):
    """One key of a Secret in the resource's namespace."""

    key: Name = Field(default=HUB_TOKEN, description="The key in the Secret.")


class HuggingFaceSpec(Model):
    """Access to the Hugging Face hub."""

    token_secret_ref: TokenKey | None = Field(
        default=None,
        description="The Secret with the token for private or gated students and datasets. A local run reads the environment "
        "variable HF_TOKEN instead.",
    )
