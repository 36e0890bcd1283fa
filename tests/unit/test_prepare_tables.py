"""Data as people have it: each file is read right or refused with a sentence that helps; no label moves in silence."""

from __future__ import annotations

import datetime
import gzip
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from prompt2model_api.spec.references import DataFormat, DataKind, OwnData
from prompt2model_stages.cli.commands import DONE, REFUSED, validate
from prompt2model_stages.errors import StageError
from prompt2model_stages.local.checks import load_checked
from prompt2model_stages.prepare.own_data import OwnExamples, read_own

pytestmark = pytest.mark.unit

WHERE = "spec.datasets.own"


def read(path: Path, columns: tuple[str, ...] = ("input",), **form: Any) -> OwnExamples:
    own = OwnData(uri=str(path), input_columns=list(columns), format=DataFormat(**form) if form else None)
    return read_own(str(path), own, WHERE)


def pairs(path: Path, **form: Any) -> list[tuple[str, str]]:
    return [(example.input, example.output) for example in read(path, **form).examples]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def parquet(folder: Path, features: dict[str, Any] | None = None, **columns: Any) -> Path:
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


REFUND = [("refund", "billing"), ("crash", "bug")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "input,output\r\nrefund,billing\r\ncrash,bug\r\n"),
        ("a.csv", "input,output\rrefund,billing\rcrash,bug\r"),
        ("a.csv", "\n\ninput,output\nrefund,billing\n\n\ncrash,bug"),
        ("a.csv", "# exported 2024-01-01\n# by tool, twice\ninput,output\nrefund,billing\ncrash,bug\n"),
        ("a.csv", "#id,input,output\n1,refund,billing\n2,crash,bug\n"),
        ("a.csv", ",input,output\n0,refund,billing\n1,crash,bug\n"),
        ("a.csv", "input,output,\nrefund,billing,\ncrash,bug,\n"),
        ("a.csv", "input,output\nrefund,billing,\ncrash,bug,\n"),
        ("a.csv", "Input , OUTPUT\nrefund , billing\ncrash,bug\n"),
        ("a.csv", "input,output,x,x\nrefund,billing,1,2\ncrash,bug,3,4\n"),
        ("a.csv", 'input, output\nrefund, "billing"\n"crash", "bug"\n'),
        ("a.csv", "input;output\nrefund;billing\ncrash;bug\n"),
        ("a.csv", "input\toutput\nrefund\tbilling\ncrash\tbug\n"),
        ("a.csv", "input|output\nrefund|billing\ncrash|bug\n"),
        ("a.tsv", "input,output\nrefund,billing\ncrash,bug\n"),
        ("a.csv", "sep=;\r\ninput;output\r\nrefund;billing\r\ncrash;bug\r\n"),
        ("a.csv", "\ufeff\ufeffinput,output\nrefund,billing\ncrash,bug\n"),
        ("a.csv", "input,output\nrefund,billing\ncrash,bug\n".encode("utf-16")),
        ("a.csv", "input,output\nrefund,billing\ncrash,bug\n".encode("utf-32")),
        ("a.json", '[{"input": "refund", "output": "billing"}, {"input": "crash", "output": "bug"}]'),
        (
            "a.json",
            json.dumps([{"input": "refund", "output": "billing"}, {"input": "crash", "output": "bug"}], indent=2),
        ),
        ("a.jsonl", '{"input":"refund","output":"billing"}{"input":"crash","output":"bug"}'),
        ("a.jsonl", '{"input":"refund","output":"billing"},\n{"input":"crash","output":"bug"},\n'),
        (
            "a.json",
            json.dumps({"input": "refund", "output": "billing"}, indent=1) + '\n{"input":"crash","output":"bug"}',
        ),
        ("a.json", '{"v": 1, "data": [{"input": "refund", "output": "billing"}, {"input": "crash", "output": "bug"}]}'),
        ("a.json", '{"input": {"0": "refund", "1": "crash"}, "output": {"0": "billing", "1": "bug"}}'),
        ("a.json", '{"input": ["refund", "crash"], "output": ["billing", "bug"]}'),
        (
            "a.json",
            '{"columns": ["input", "output"], "index": [0, 1], "data": [["refund", "billing"], ["crash", "bug"]]}',
        ),
        ("a.json", '{"0": {"input": "refund", "output": "billing"}, "1": {"input": "crash", "output": "bug"}}'),
        (
            "a.json",
            '{"features": [{"name": "input"}], "rows": [{"row": {"input": "refund", "output": "billing"}},'
            ' {"row": {"input": "crash", "output": "bug"}}]}',
        ),
    ],
)
def test_the_same_rows_in_every_form(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert pairs(written(tmp_path, name, content)) == REFUND


@pytest.mark.parametrize(
    ("name", "content", "reason", "said"),
    [
        ("a.csv", "input,output\nHello, I was charged, help,billing\nok,bug\nshort\n", "DataMalformed",
         r"2 of 3 rows with another number of values.*line 2 has 4, line 4 has 1"),
        ("a.csv", "input,output\nrefund, please,\ncrash,bug\n", "DataMalformed", "line 2 has 3"),
        ("a.csv", "input,output\n1,refund,billing\n2,crash,bug\n", "DataMalformed", "2 of 2 rows"),
        ("a.csv", 'input,output\n"Hello,greeting\n"a, b",parting\n', "DataMalformed", "begins in line 2"),
        ("a.csv", 'input,output\nx,greet\n"Hello,greet\nBye,part\nHe said ",quote\nLast,part\n', "DataMalformed",
         "line 3 that pairs with one in line 5"),
        ("a.csv", "input,output,output\na,b,c\n", "ColumnTwice", "output more than once"),
        ("a.csv", "Input,INPUT,output\na,c,b\n", "ColumnMissing", "no column input"),
        ("a.csv", "input，output\na，b\n", "ColumnMissing", r"format\.delimiter"),
        ("a.csv", "refund my order,billing\ncrash,bug\n", "ColumnMissing", "put a line with the columns' names"),
        ("a.csv", "input,output\n", "DataMalformed", "has no rows"),
        ("a.csv", "input,output\na,\n,b\n", "NoRows", "none of the 2 rows"),
        ("a.csv", "", "DataMalformed", "is empty"),
        ("a.csv", gzip.compress(b"input,output\n", mtime=0), "DataMalformed", "gzip.*Unpack"),
        ("a.csv", b"PK\x03\x04xl/worksheets", "DataMalformed", "Excel.*CSV UTF-8"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "DataMalformed", "Excel.*CSV UTF-8"),
        ("a.csv", "<!DOCTYPE html>\n<html></html>", "DataMalformed", "HTML page"),
        ("a.csv", "version https://git-lfs.github.com/spec/v1\nsize 1\n", "DataMalformed", "git lfs pull"),
        ("a.parquet", "version https://git-lfs.github.com/spec/v1\nsize 1\n", "DataMalformed", "git lfs pull"),
        ("a.parquet", "input,output\na,b\n", "DataMalformed", "no Parquet file"),
        ("a.csv", b"PAR1....PAR1", "DataMalformed", r"Rename it to end with \.parquet"),
        ("a.csv", '{"input": "a", "output": "b"}\n', "DataMalformed", r"is JSON.*\.jsonl"),
        ("a.csv", "input,output\n今天天气很好,天气\n".encode("gb18030"), "DataMalformed",
         r"line 2 holds the byte 0xBD.*GB18030 \(“今天天气很好.*format\.encoding"),
        ("a.csv", "input,output\n今日は晴れ,天気\n".encode("cp932"), "DataMalformed", "Shift_JIS"),
        ("a.csv", b"input,output\n" + b"ok,x\n" * 9000 + "café,y\n".encode("cp1252"), "DataMalformed",
         r"line 9002 .*Windows-125"),
        ("a.csv", "input,output\na,b\n".encode("utf-16-le"), "DataMalformed", "UTF-16 without a byte order mark"),
        ("a.xlsx", b"PK\x03\x04", "FormatUnknown", "CSV UTF-8"),
        ("a.csv.gz", b"", "FormatUnknown", "Unpack"),
        ("a.jsonl", '{"input":"a","output":"b"}\n{"input":"c","output":"d","output":"e"}\n', "DataMalformed",
         r"key output twice \(line 2\)"),
        ("a.jsonl", '{"input":"a","output":"b"}\n{"input":"c"\n{"input":"d","output":"e"}\n', "DataMalformed",
         "line 2 is no JSON"),
        ("a.jsonl", '{"input":"a","output":' + "[" * 100_000 + "\n", "DataMalformed", "nested too deep"),
        ("a.jsonl", '{"input":"a","output":' + "[" * 500 + "]" * 500 + "}\n", "DataMalformed", "nested too deep: row 1"),
        ("a.jsonl", "{'input':'a','output':'b'}\n", "DataMalformed", r"json\.dumps"),
        ("a.jsonl", '{"input":"a","output":"b"}\nnull\n', "DataMalformed", r"null \(row 2, line 2\)"),
        ("a.json", '["a", "b"]', "DataMalformed", "no JSON object"),
        ("a.json", "[]", "DataMalformed", "has no rows"),
        ("a.json", "input,output\na,b\n", "DataMalformed", r"\.csv"),
        ("a.json", '{"input": ["a", "b"], "output": ["x"]}', "DataMalformed", "input has 2, output has 1"),
        ("a.json", '{"train": [{"input":"a","output":"b"}], "test": [{"input":"c","output":"d"}]}', "DataMalformed",
         "several tables: train, test"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, name: str, content: str | bytes, reason: str, said: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(StageError) as error:
        read(path)
    failure = error.value.failure
    assert failure.reason == reason
    assert failure.remedy
    whole = f"{failure.message} {failure.remedy}"
    assert str(path) in whole
    assert re.search(said, whole), whole


def test_quotation_marks_of_a_file_that_does_not_quote(tmp_path: Path) -> None:
    lines = 'input\toutput\n"Hello\tgreeting\nBye\tparting\nHe said "hi" to me\tquote\n"Why?\tquestion\n'
    own = read(written(tmp_path, "a.tsv", lines))
    assert [e.output for e in own.examples] == ["greeting", "parting", "quote", "question"]
    assert own.examples[0].input == '"Hello'
    assert any("quotation marks" in note for note in own.table.notes)
    paired = 'input\toutput\n"Hello\tgreeting\nBye\tparting\nHe said "\tquote\n'
    assert [e.output for e in read(written(tmp_path, "b.tsv", paired)).examples] == ["greeting", "parting", "quote"]


def lone_marks(first: int, last: int, rows: int) -> str:
    """Texts with answers, of which two lines have a quotation mark each that belongs to nothing."""
    lines = [f"text {i},answer {i}" for i in range(rows)]
    lines[first] = f'"Great {lines[first]}'
    lines[last] = f'monitor of 27",answer {last}'
    return "\n".join(["input,output", *lines]) + "\n"


@pytest.mark.parametrize(("first", "last", "rows"), [(20, 280, 300), (100, 121, 1000), (5, 12, 60)])
def test_two_lone_marks_far_apart_swallow_no_rows(tmp_path: Path, first: int, last: int, rows: int) -> None:
    place = written(tmp_path, "a.csv", lone_marks(first, last, rows))
    with pytest.raises(
        StageError, match=f"in line {first + 2} that pairs with one in line {last + 2} and makes one value"
    ):
        read_own(str(place), OwnData(uri=str(place)), "datasets.own")


def test_a_few_lines_that_may_be_rows_are_one_value_with_a_note(tmp_path: Path) -> None:
    place = written(tmp_path, "a.csv", lone_marks(100, 110, 1000))
    own = read_own(str(place), OwnData(uri=str(place)), "datasets.own")
    assert len(own.examples) == 990
    assert any("line 102 to line 112 are the first" in note for note in own.table.notes)


def test_a_quoted_letter_of_several_lines_stays_one_value(tmp_path: Path) -> None:
    content = 'input,output\n"Dear team,\nI was charged twice, please help.\n\nBest,\nBob",billing\n5" pipe,bug\n'
    assert pairs(written(tmp_path, "a.csv", content)) == [
        ("Dear team,\nI was charged twice, please help.\n\nBest,\nBob", "billing"), ('5" pipe', "bug"),
    ]  # fmt: skip


def test_labels_that_look_like_nothing_are_text_in_csv(tmp_path: Path) -> None:
    content = "input,output\nwho?,None\nNA,null\n007,N/A\nnan,NaN\nx,#REF!\n"
    assert [output for _, output in pairs(written(tmp_path, "a.csv", content))] == [
        "None",
        "null",
        "N/A",
        "NaN",
        "#REF!",
    ]


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    digits = "9" * 5000
    content = f'{{"input":{digits},"output":1e400}}\n{{"input":"b","output":0.10}}\n{{"input":true,"output":3.0}}\n'
    assert pairs(written(tmp_path, "a.jsonl", content)) == [(digits, "1e400"), ("b", "0.10"), ("true", "3.0")]
    whole = '{"input":"a","output":NaN}\n{"input":"b","output":3.0}\n{"input":"c","output":null}\n'
    assert [output for _, output in pairs(written(tmp_path, "b.jsonl", whole))] == ["", "3", ""]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([1.0, None, 3.0]), ["1", "", "3"]),
        (pa.array([1.0, float("nan"), 3.0]), ["1", "", "3"]),
        (pa.array([1.0, float("nan"), 3.5]), ["1.0", "", "3.5"]),
        (pa.array([0.1, 2.5, 3.0], pa.float32()), ["0.1", "2.5", "3.0"]),
        (pa.array([b"billing", "größe".encode(), b""]), ["billing", "größe", ""]),
        (pa.array([Decimal("1.50"), Decimal("2.00"), None]), ["1.50", "2.00", ""]),
        (pa.array([datetime.date(2021, 5, 3)] * 3), ["2021-05-03"] * 3),
        (pa.array([None, 1, 2], pa.timestamp("s")), ["", "1970-01-01 00:00:01", "1970-01-01 00:00:02"]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.array([[("k", b"v")], [], None], pa.map_(pa.string(), pa.binary())), ['{"k": "v"}', "{}", ""]),
    ],
)
def test_values_of_parquet(tmp_path: Path, values: pa.Array, texts: list[str]) -> None:
    path = parquet(tmp_path, input=["a", "b", "c"], output=values)
    assert [output for _, output in pairs(path)] == texts


def test_class_ids_in_lists_and_structs_become_names(tmp_path: Path) -> None:
    label = {"names": ["bad", "good"], "_type": "ClassLabel"}
    text = {"dtype": "string", "_type": "Value"}
    listed = {"input": text, "output": {"feature": label, "_type": "List"}}
    path = parquet(tmp_path, listed, input=["a", "b", "c"], output=[[0, 1], [1], [-1]])
    assert [output for _, output in pairs(path)] == ["bad, good", "good", ""]
    nested = {"input": text, "output": {"label": label, "why": text}}
    path = parquet(tmp_path, nested, input=["a", "b"], output=[{"label": 0, "why": "x"}, {"label": 1, "why": "y"}])
    assert [output for _, output in pairs(path)] == ['{"label": "bad", "why": "x"}', '{"label": "good", "why": "y"}']
    field = OwnData(uri=str(path), output_column="output.label")
    assert [example.output for example in read_own(str(path), field, WHERE).examples] == ["bad", "good"]
    floats = parquet(tmp_path, {"output": label}, input=["a", "b"], output=[1.0, float("nan")])
    assert [output for _, output in pairs(floats)] == ["good", ""]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ([0, 7], "1 of 2 rows.*row 2 has the class id 7, and there are 2 classes"),
        ([b"x", b"\xff\xd8"], "row 2 has bytes"),
    ],
)
def test_values_that_are_no_label_are_refused_with_row_and_count(tmp_path: Path, output: list[Any], said: str) -> None:
    path = parquet(tmp_path, {"output": {"names": ["a", "b"], "_type": "ClassLabel"}}, input=["a", "b"], output=output)
    with pytest.raises(StageError, match=said):
        read(path)


def test_broken_parquet(tmp_path: Path) -> None:
    path = parquet(tmp_path, input=["some text"] * 5000, output=[str(i) for i in range(5000)])
    whole = path.read_bytes()
    for content, said in (
        (whole[: len(whole) // 2], "was cut"),
        (whole[:100] + b"\xff" * 400 + whole[500:], "cannot be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(StageError, match=said) as error:
            read(path)
        assert error.value.failure.reason == "DataMalformed"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 3, ["input", "output", "output"]), path)
    with pytest.raises(StageError, match="output more than once"):
        read(path)
    parquet(tmp_path, input=pa.array([], pa.string()), output=pa.array([], pa.string()))
    with pytest.raises(StageError, match="has no rows"):
        read(path)


def test_the_format_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.txt", "input^output\ncafé^très, cher\n".encode("cp1252"))
    assert pairs(path, delimiter="^", encoding="Windows-1252") == [("café", "très, cher")]
    path = written(tmp_path, "rows", '{"input": "天気", "output": "b"}'.encode("cp932"))
    assert pairs(path, kind=DataKind.JSON, encoding="shift-jis") == [("天気", "b")]
    path = written(tmp_path, "tab.csv", "input\toutput\na,b\tc\n")
    assert pairs(path, delimiter="\\t") == [("a,b", "c")]
    for name in ("klingon", "base64", "punycode"):
        with pytest.raises(StageError, match="no such encoding"):
            read(path, encoding=name)
    with pytest.raises(StageError, match="is not GB18030"):
        read(written(tmp_path, "a.csv", b"input,output\na,\xff\xff\n"), encoding="GB18030")


def chat(folder: Path, *conversations: list[tuple[str, str]], key: str = "messages") -> Path:
    names = ("role", "content") if key == "messages" else ("from", "value")
    rows = [{key: [dict(zip(names, turn, strict=True)) for turn in turns]} for turns in conversations]
    return written(folder, "chat.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def test_conversations(tmp_path: Path) -> None:
    one = [("system", "Sort."), ("user", "refund"), ("assistant", "billing")]
    assert pairs(chat(tmp_path, one)) == [("refund", "billing")]
    assert pairs(chat(tmp_path, [("human", "refund"), ("gpt", "billing")], key="conversations")) == [
        ("refund", "billing")
    ]
    longer = [("user", "hi"), ("assistant", "hello"), ("user", "crash"), ("user", "again"), ("assistant", "bug")]
    own = read(chat(tmp_path, one[1:], longer))
    assert [(e.input, e.output) for e in own.examples] == [("refund", "billing"), ("crash\nagain", "bug")]
    assert any("1 of 2 conversations have turns before" in note for note in own.table.notes)
    whole = read(chat(tmp_path, one[1:], longer), columns=("history", "input"))
    assert whole.examples[1].input == "history: user: hi\nassistant: hello\ninput: crash\nagain"
    unanswered = read(chat(tmp_path, [*one[1:], ("user", "and this?")]))
    assert [(e.input, e.output) for e in unanswered.examples] == [("refund", "billing")]
    assert any("1 of 1 conversations end with a turn that nobody answered" in note for note in unanswered.table.notes)


def test_what_an_answer_may_depend_on_is_not_left_out_in_silence(tmp_path: Path) -> None:
    french, german = ([("system", f"To {to}."), ("user", "house"), ("assistant", word)]
                      for to, word in (("French", "maison"), ("German", "Haus")))  # fmt: skip
    path = chat(tmp_path, french, german)
    with pytest.raises(StageError, match="2 different system messages"):
        read(path)
    assert read(path, columns=("system", "input")).examples[0].input == "system: To French.\ninput: house"
    with pytest.raises(StageError, match=r"row 1.* follows what a tool said"):
        read(chat(tmp_path, [("user", "sum"), ("tool", "42"), ("assistant", "42")]))
    with pytest.raises(StageError, match="the role narrator"):
        read(chat(tmp_path, [("narrator", "sum"), ("assistant", "42")]))
    parts = [{"type": "image_url", "image_url": {"url": "x"}}]
    row = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "b"}]}
    with pytest.raises(StageError, match="not text alone"):
        read(written(tmp_path, "a.jsonl", json.dumps(row)))


def test_an_answer_of_weight_zero_is_not_learnt(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "good"},
                {"role": "user", "content": "r"}, {"role": "assistant", "content": "bad", "weight": 0}]  # fmt: skip
    assert pairs(written(tmp_path, "a.jsonl", json.dumps({"messages": messages}))) == [("q", "good")]


def spec(folder: Path, field: str, file: Path) -> Path:
    section, name = field.split(".")
    spec: dict[str, Any] = {"prompt": "Sort tickets.", "evaluation": {"metrics": ["ExactMatch"]}}
    spec.setdefault(section, {})[name] = {"uri": file.name}
    tree = {
        "apiVersion": "prompt2model.dev/v1alpha1",
        "kind": "Prompt2Model",
        "metadata": {"name": "tickets"},
        "spec": spec,
    }
    return written(folder, "tickets.yaml", json.dumps(tree))


@pytest.mark.parametrize("field", ["datasets.own", "evaluation.testData"])
def test_validate_says_what_the_file_holds(tmp_path: Path, field: str, capsys: pytest.CaptureFixture[str]) -> None:
    content = "input;output\n" + "refund;billing\n" * 3 + "crash it;bug\nwhat;Bug\nnothing;\nlost;#REF!\nnone;None\n"
    file = spec(tmp_path, field, written(tmp_path, "a.csv", content))
    assert validate(Console(), file) == DONE
    said = capsys.readouterr().out
    assert f"spec.{field}: 8 rows in {tmp_path / 'a.csv'}" in said
    for line in (
        "1 left out: 0 without an input, 1 without an output",
        "labels: billing 3, #REF! 1, Bug 1, None 1, bug 1",
        "input 4 to 8 (median 6), output 3 to 7 (median 5) characters",
        "separated by semicolons",
        "1 output is an error of a spreadsheet (#REF! in row 7)",
        "None as an output is taken as text",
        "Bug and bug differ in case alone",
    ):
        assert line in said
    written(tmp_path, "a.csv", "input,output\na, b,c\n")
    assert validate(Console(), file) == REFUSED
    assert "line 2 has 3" in capsys.readouterr().err


def test_validate_reads_no_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prompt2model_stages.local.checks.READ_LIMIT", 10)
    said: list[str] = []
    load_checked(
        spec(tmp_path, "datasets.own", written(tmp_path, "a.csv", "input,output\nrefund,billing\n")), said.append
    )
    assert len(said) == 1 and "is not read here" in said[0]
