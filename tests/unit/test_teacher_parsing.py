"""What a language model writes where JSON was asked for."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_stages.teacher.parsing import parse_json

pytestmark = pytest.mark.unit

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\n", [1, 2]),
        ('```json\n{"a": "```x"}\n```', {"a": "```x"}),
        ('```\n{"a": 1}\n```', {"a": 1}),
        ('Sure! Here it is:\n```json\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('{"a": 1}\n\nLet me know if you need more examples!', {"a": 1}),
        ('Of the [many] examples, {one}: {"a": 1}', {"a": 1}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2,],}', {"a": [1, 2]}),
        ('{"a": True, "b": None}', {"a": True, "b": None}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"input": "x", "output": "2021-0', {"input": "x"}),
        ('{"input": "x", "output": "\\u00', {"input": "x"}),
        ('{"input": "x", "output": 12', {"input": "x"}),
        ('{"input": "x", "out', {"input": "x"}),
        ('{"examples": [{"a": "1"}, {"a": "2"}, {"a": "3', {"examples": [{"a": "1"}, {"a": "2"}]}),
        ('[{"a": 1}, {"a"', [{"a": 1}]),
        ('```json\n[{"a": 1}, {"a"', [{"a": 1}]),
    ],
)
def test_repairs(text: str, value: object) -> None:
    assert parse_json(text) == value


@pytest.mark.parametrize(
    "text", ["", "I'm sorry, but I can't help with that request.", "{", "[", "{{{", "[" * 5000, '{"a']
)
def test_no_json(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@given(VALUES)
def test_json_is_read_as_it_is(value: object) -> None:
    assert parse_json(json.dumps(value)) == json.loads(json.dumps(value))


@given(st.text(alphabet='{}[]",:\\ntrue10.- `'))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_json(text)


@given(st.dictionaries(st.text(), st.text(), min_size=1, max_size=4), st.data())
def test_what_is_cut_off_is_left_out_and_nothing_is_made_up(value: dict[str, str], data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        found = parse_json(cut)
    except ValueError:
        return
    assert found.items() <= value.items()


def test_brackets_in_a_string_that_is_cut_are_no_json() -> None:
    with pytest.raises(ValueError, match="no JSON"):
        parse_json('{"00[": "')
