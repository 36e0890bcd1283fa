"""A key is never shown, in whatever form a library puts it into its message."""

from __future__ import annotations

import base64
import html
import io
import json
import socket
import sys
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import httpx
import pytest

from prompt2model_api.redaction import MASK, MaskedStream, mask, mask_streams, secrets_in

pytestmark = pytest.mark.unit

KEYS = {
    "plain": "abcDEF123456+/ghijk==",
    "newline": "abcDEF123456ghijkl\n",
    "two lines": "abcDEF123456\nghiJKL789012",
    "curly": "“abcDEF123456ghijkl”",
    "bearer": "Bearer abcDEF123456ghijkl",
    "punctuation": "p@ss'w\"o\\rd&<1>/%2F?#x",
    "short": "hunter2",
    "wide": "ключ😀-123456",
}
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "stripped": str.strip,
    "repr": repr,
    "repr of repr": lambda key: repr(repr(key)),
    "ascii": ascii,
    "bytes": lambda key: repr(key.encode()),
    "json": json.dumps,
    "json of json": lambda key: json.dumps(json.dumps(key)),
    "json unescaped": lambda key: json.dumps(key, ensure_ascii=False).replace("/", "\\/"),
    "url": lambda key: quote(key, safe=""),
    "url path": quote,
    "url form": quote_plus,
    "url lower case": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "url twice": lambda key: quote(quote(key, safe=""), safe=""),
    "html": html.escape,
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "basic": lambda key: "Authorization: Basic " + base64.b64encode(f"user:{key}".encode()).decode(),
    "basic of a long user": lambda key: base64.b64encode(f"somebody:{key}".encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(f"u:{key}:more".encode()).decode(),
    "in a URL": lambda key: f"http://user:{quote(key, safe='')}@host/v1",
    "latin-1": lambda key: key.encode().decode("latin-1"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_masked_in_every_form(kind: str, form: str) -> None:
    key = KEYS[kind]
    shown = FORMS[form](key)
    text = mask(f"Illegal header value <{shown}>, it says", environment={"P2M_TEACHER_API_KEY": key})
    assert MASK in text and text.startswith("Illegal header value <") and text.endswith(", it says")
    for left in (shown, key.strip(), key.encode().decode("latin-1").strip(), *key.split()):
        assert left not in text
    assert not any(part in text for part in ("abcDEF", "hunter", "123456"))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "P2M_TEACHER_API_KEY",
            "HF_TOKEN",
            "MLFLOW_TRACKING_PASSWORD",
            "MLFLOW_TRACKING_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
        ),
        *("AWS_SESSION_TOKEN", "OPENAI_API_KEY", "RAY_AUTH_TOKEN", "my_password"),
    ],
)
def test_every_secret_of_the_environment_is_known(name: str) -> None:
    environment = {name: "correct horse battery"}
    assert mask("it is 'correct horse battery'", environment=environment) == f"it is '{MASK}'"


def test_what_is_no_secret_is_left_alone() -> None:
    environment = {
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "true",
        "GOOGLE_APPLICATION_CREDENTIALS": "/etc/key.json",
        "TOKENIZERS_PARALLELISM": "false-or-not",
        "AWS_SECRET_ACCESS_KEY": "",
        "HOME": "/home/someone",
    }
    assert secrets_in(environment) in ([], [""])
    text = "true: /etc/key.json is false-or-not at /home/someone; API key provided; hf_hub_download(sk-learn), Bearer token"
    assert mask(text, environment=environment) == text


def test_passwords_in_urls_are_secrets_and_never_shown() -> None:
    environment = {"HTTPS_PROXY": "http://me:p%40ssw0rd@proxy:3128", "MLFLOW_TRACKING_URI": "https://a:tr%C3%A4cking@m"}
    text = mask("407 for p@ssw0rd at http://me:p%40ssw0rd@proxy:3128, träcking", environment=environment)
    assert text == f"407 for {MASK} at http://{MASK}@proxy:3128, {MASK}"
    assert mask("postgresql://u:secret@db:5432/x and u:secret@db", environment={}) == (
        f"postgresql://{MASK}@db:5432/x and {MASK}@db"
    )


def test_keys_of_known_looks_are_masked_wherever_they_come_from() -> None:
    keys = [
        "sk-proj-abc123DEF",
        "hf_abcdefghijKLMNOP1234",
        "AIza" + "Sy0" * 11,
        "eyJhbGciOiJ9.eyJzdWIiOiJ9.c2lnbmF0dXJl",
    ]
    for key in keys:
        assert mask(f"Incorrect API key provided: {key}.", environment={}).startswith(
            f"Incorrect API key provided: {MASK}"
        )


def test_a_key_that_a_message_cuts_short_is_masked() -> None:
    key = "abcDEF123456ghijklMNO789"
    assert mask(f"bad header: {key[:17]}…", key, environment={}) == f"bad header: {MASK}"


def test_what_http_libraries_say_of_a_bad_key_shows_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "abcDEF123456ghijkl\n"
    monkeypatch.setenv("P2M_TEACHER_API_KEY", key)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(httpx.HTTPError) as caught:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        httpx.get(url, headers={"Authorization": f"Bearer {key}"}, trust_env=False)
    assert "abcDEF" in str(caught.value), "what the library says by itself"
    assert "abcDEF" not in mask(str(caught.value)) and "abcDEF" not in mask(repr(caught.value))


def test_streams_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "correct horse battery")
    kept = io.StringIO()
    monkeypatch.setattr(sys, "stderr", kept)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    mask_streams()
    mask_streams()
    assert isinstance(sys.stderr, MaskedStream)
    sys.stderr.writelines(["ValueError: ", ascii("correct horse battery")])
    sys.stderr.flush()
    assert kept.getvalue() == f"ValueError: '{MASK}'"


def test_a_long_text_is_masked_in_linear_time() -> None:
    """A pattern that looks ahead from each character would not come to its end."""
    text = "A" * 200_000
    assert mask(text, "abcDEF123456ghijkl", environment={}) == text
