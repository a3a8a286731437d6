"""A schema file that cannot become a record is refused with the file and what to write instead."""

import json
from pathlib import Path
from typing import Any

import pytest

from gridwire import generate

FIRST = json.loads((generate.SCHEMAS / "core" / "Notice.avsc").read_text(encoding="utf-8"))
HEADER = FIRST["fields"][: len(generate.HEADER)]


def field(kind: Any, name: str = "size") -> dict[str, Any]:
    return {"name": name, "type": kind, "doc": "How large."}


def written(folder: Path, fields: list[dict[str, Any]]) -> Path:
    """A schema file of one record with these fields."""
    path = folder / "Parcel.avsc"
    schema = {"type": "record", "name": "Parcel", "namespace": "gridwire.core", "doc": "A parcel."}
    path.write_text(json.dumps({**schema, "fields": fields}), encoding="utf-8")
    return path


def refusal(folder: Path) -> str:
    with pytest.raises(generate.SchemaFileError) as raised:
        generate.load(folder)
    return str(raised.value)


@pytest.mark.parametrize(
    "kind",
    [
        "long",
        ["null", "string"],
        {"type": "long", "logicalType": "timestamp-millis"},
        {"type": "array", "items": "string"},
        {"type": "map", "values": ["null", "double"]},
        {"type": "enum", "name": "Size", "symbols": ["s", "m"], "doc": "Sizes."},
    ],
)
def test_a_record_with_its_header_and_known_types_becomes_a_class(
    tmp_path: Path, kind: Any
) -> None:
    written(tmp_path, [*HEADER, field(kind)])
    text = generate.render(generate.load(tmp_path))
    assert "class Parcel(Record, frozen=True, kw_only=True):" in text
    assert "\n    size: " in text


def test_a_record_without_the_header_is_refused_with_file_and_fields(tmp_path: Path) -> None:
    path = written(tmp_path, [*HEADER[1:6], field("long")])
    said = refusal(tmp_path)
    assert str(path) in said
    assert "it lacks event_id, causation_id" in said


def test_a_header_in_another_order_is_refused(tmp_path: Path) -> None:
    written(tmp_path, [*reversed(HEADER), field("long")])
    assert "in this order, and they stand elsewhere" in refusal(tmp_path)


@pytest.mark.parametrize(
    "kind",
    [
        "lng",
        ["null", "lng"],
        {"type": "lng"},
        {"type": "array", "items": "lng"},
        {"type": "map", "values": {"type": "array", "items": "lng"}},
        {"type": "record", "name": "Inner", "doc": "Inner.", "fields": [field("lng")]},
    ],
)
def test_a_type_that_nobody_declares_is_refused_with_file_and_field(
    tmp_path: Path, kind: Any
) -> None:
    path = written(tmp_path, [*HEADER, field(kind)])
    assert refusal(tmp_path).startswith(f"{path}: field size: no type 'lng': write one of boolean")


@pytest.mark.parametrize(
    ("text", "word"), [('{"type": "record",}', "no JSON"), ("[]", "one record"), ("", "no JSON")]
)
def test_a_file_that_is_no_schema_is_refused_by_its_name(
    tmp_path: Path, text: str, word: str
) -> None:
    path = tmp_path / "Parcel.avsc"
    path.write_text(text, encoding="utf-8")
    said = refusal(tmp_path)
    assert str(path) in said
    assert word in said


def test_the_command_prints_the_sentence_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, [*HEADER, field("lng")])
    monkeypatch.setattr(generate, "SCHEMAS", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    assert generate.main() == 1
    assert str(path) in capsys.readouterr().err
