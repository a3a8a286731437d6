"""Readers of any released version can read what we write, and we what was written under it."""

import json
from pathlib import Path

import pytest

from gridwire import releases
from gridwire.compatibility import LEVEL
from gridwire.topics import TOPICS
from sandbox.registry.compatibility import problems
from sandbox.registry.schema import parsed

ENRICHED = {topic.subject for topic in TOPICS if topic.kind == "enriched"}


def breaches(current: dict[str, str], released: dict[str, dict[str, str]]) -> list[str]:
    """What readers of released schemas would stumble over."""
    found = []
    for version, schemas in released.items():
        for subject, text in schemas.items():
            if subject in current:
                new, old = parsed(current[subject]), parsed(text)
                why = problems(LEVEL, new, [(1, old)])
                found += [f"{subject} of {version}: {one}" for one in why]
            elif subject in ENRICHED or subject.startswith("enriched."):
                found.append(f"{subject} of {version} is gone, and its readers are not")
    return found


def without(text: str, field: str) -> str:
    schema = json.loads(text)
    schema["fields"] = [one for one in schema["fields"] if one["name"] != field]
    return json.dumps(schema)


def with_field(text: str, field: dict[str, object]) -> str:
    schema = json.loads(text)
    schema["fields"].append(field)
    return json.dumps(schema)


def test_todays_schemas_are_compatible_with_all_that_were_released() -> None:
    released = releases.released()
    assert released, "make release-schemas"
    assert all(schemas.keys() >= ENRICHED for schemas in released.values())
    assert breaches(releases.current(), released) == []


@pytest.mark.parametrize("subject", sorted(ENRICHED))
def test_a_change_that_breaks_readers_of_a_release_is_found(subject: str) -> None:
    current, released = releases.current(), releases.released()
    fields = {
        "dropped": without(current[subject], "source"),
        "required": with_field(current[subject], {"name": "extra", "type": "string"}),
    }
    for text in fields.values():
        found = breaches({**current, subject: text}, released)
        assert len(found) == len(released)
        assert found[0].startswith(f"{subject} of ")
    gone = {name: text for name, text in current.items() if name != subject}
    assert breaches(gone, released) == [
        f"{subject} of {version} is gone, and its readers are not" for version in released
    ]


def test_a_field_with_a_default_may_come() -> None:
    current = releases.current()
    extra: dict[str, object] = {"name": "extra", "type": ["null", "string"], "default": None}
    later = {name: with_field(text, extra) for name, text in current.items()}
    assert breaches(later, releases.released()) == []


def test_a_version_is_kept_by_subject_and_read_back(tmp_path: Path) -> None:
    (tmp_path / "1.0.0").mkdir()
    (tmp_path / "1.0.0" / "gone-value.avsc").write_text("{}")
    releases.keep(tmp_path / "1.0.0", releases.current())
    [(version, kept)] = releases.released(tmp_path).items()
    assert version == "1.0.0"
    assert kept.keys() == releases.current().keys()
    assert breaches(releases.current(), {version: kept}) == []


def test_a_version_that_is_out_is_known_by_the_changelog() -> None:
    changelog = "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n"
    assert releases.is_out("0.1.0", changelog)
    assert not releases.is_out("0.2.0", changelog)
    assert not releases.is_out("0.1", changelog)
