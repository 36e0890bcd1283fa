"""The service's own page, at /: what the model does, a form to try it, a command, the limits. It asks no other host."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib import resources
from string import Template

from prompt2model_stages.service.card import Card
from prompt2model_stages.service.requests import TEXT_LIMIT


def page(card: Card) -> str:
    """The page as HTML. Whatever a user wrote in it is escaped."""
    example = card.examples[0].input if card.examples else ""
    found = {
        "name": escape(card.name),
        "version": escape(card.version),
        "instruction": escape(card.instruction or "A small model, fine-tuned for one task."),
        "language": f' lang="{escape(card.language)}"' if card.language else "",
        # HTML drops a line break right after the tag, so one more is given.
        "example": "\n" + escape(example),
        "examples": _examples(card),
        "curl": escape(_curl(example)),
        "review": f'<p id="review">{escape(card.review)}</p>' if card.review else "",
        "limits": "".join(f"<li>{escape(sentence)}</li>" for sentence in card.limits()),
        "text_limit": str(TEXT_LIMIT),
        "style": _file("page.css"),
        "script": _file("page.js"),
    }
    return Template(_file("page.html")).substitute(found)


def headers() -> dict[str, str]:
    """What the browser is told: nothing of another host is loaded or asked, and no script runs but the page's own."""
    policy = {
        "default-src": "'none'",
        "script-src": _hash("page.js"),
        "style-src": _hash("page.css"),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


def _examples(card: Card) -> str:
    if len(card.examples) < 2:
        return ""
    buttons = "".join(
        f'<button type="button" class="example" dir="auto" data-input="{escape(one.input)}">{escape(one.input)}</button>'
        for one in card.examples
    )
    return f"<fieldset><legend>Examples</legend>{buttons}</fieldset>"


def _curl(example: str) -> str:
    """The command as it is without JavaScript, which knows the address."""
    body = json.dumps({"text": example}, ensure_ascii=False).replace("'", "'\\''")
    return f"curl http://localhost:3000/predict -H 'content-type: application/json' -d '{body}'"


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(name: str) -> str:
    digest = hashlib.sha256(_file(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
