"""The service's OpenAPI description: of this model alone, with its own examples. Pure."""

from __future__ import annotations

from typing import Any

from prompt2model_stages.service.card import Card
from prompt2model_stages.service.requests import TEXT_LIMIT, TEXTS_LIMIT

REFUSALS = {
    "400": "The request is wrong; the sentence says what to change.",
    "408": "The request did not come to its end.",
    "413": "The request is too big.",
    "415": "The body is not JSON in UTF-8.",
    "422": "An input is longer than what the model reads.",
    "500": "The model failed, or is not the one that was measured.",
    "503": "The model is being loaded, or too many texts wait: try again after Retry-After seconds.",
    "504": "The answer took too long.",
}
RETRIED = ("503",)


def openapi(card: Card) -> dict[str, Any]:
    """The description, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": card.name, "version": card.version, "description": _description(card)},
        "servers": [{"url": "."}],
        "paths": {
            "/predict": {"post": _predict(card)},
            "/readyz": {"get": _probe("200 once the model reproduced what it answered when it was measured.")},
            "/livez": {"get": _probe("200 while the process is alive.")},
            "/metrics": {"get": _probe("Metrics for Prometheus.")},
        },
        "components": {"schemas": _schemas(card)},
    }


def _description(card: Card) -> str:
    about = [card.instruction] if card.instruction else []
    made = " ".join(filter(None, ["A small model, fine-tuned for this one task.", card.review]))
    return "\n\n".join([*about, made, " ".join(card.limits())])


def _predict(card: Card) -> dict[str, Any]:
    inputs = [one.input for one in card.examples] or ["..."]
    outputs = [one.output for one in card.examples] or ["..."]
    one = {"summary": "One text", "value": {"text": inputs[0]}}
    many = {"summary": "Many texts", "value": {"texts": inputs[:2]}}
    answers = {
        "one": {"summary": "One text", "value": {"output": outputs[0]}},
        "many": {"summary": "Many texts", "value": {"outputs": outputs[:2]}},
    }
    answered = {"schema": {"$ref": "#/components/schemas/Answer"}, "examples": answers}
    return {
        "operationId": "predict",
        "summary": "The model's output for one text, or for many in their order.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Request"},
                    "examples": {"one": one, "many": many},
                }
            },
        },
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": answered}},
            **{status: _refusal(status, text) for status, text in REFUSALS.items()},
        },
    }


def _refusal(status: str, text: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    if status in RETRIED:
        found["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def _probe(text: str) -> dict[str, Any]:
    return {"summary": text, "responses": {"200": {"description": "OK"}}}


def _schemas(card: Card) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": TEXT_LIMIT, "examples": [one.input for one in card.examples]}
    texts = {"type": "array", "items": {**text}, "minItems": 1, "maxItems": TEXTS_LIMIT}
    flags = {"type": "array", "items": {"type": "boolean"}}
    cut = "There only where an input was cut, which service.truncate allows"
    return {
        "Request": {
            "oneOf": [
                {"type": "object", "properties": {"text": text}, "required": ["text"], "additionalProperties": False},
                {
                    "type": "object",
                    "properties": {"texts": texts},
                    "required": ["texts"],
                    "additionalProperties": False,
                },
            ]
        },
        "Answer": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {
                        "output": {"type": "string"},
                        "truncated": {"type": "boolean", "description": f"{cut}."},
                    },
                    "required": ["output"],
                },
                {
                    "type": "object",
                    "properties": {
                        "outputs": {"type": "array", "items": {"type": "string"}},
                        "truncated": {**flags, "description": f"{cut}: whether each was."},
                    },
                    "required": ["outputs"],
                },
            ]
        },
        "Error": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
    }
