"""The picture: bars that can be compared, and words that are safe."""

from xml.etree import ElementTree as ET

import pytest

from bench import plot
from bench.plot import Series

RECT = "{http://www.w3.org/2000/svg}rect"


def drawn(values: dict[str, list[tuple[str, float]]]) -> ET.Element:
    panels = {name: f"<{name}> & more" for name in values}
    return ET.fromstring(plot.svg("A & B", panels, [Series("events", "#123456", values)]))


def heights(picture: ET.Element) -> list[float]:
    bars = [node for node in picture.iter(RECT) if node.get("fill") == "#123456"]
    return [float(node.get("height", "nan")) for node in bars]


def test_bars_of_one_row_share_a_scale() -> None:
    tall, half, quarter = heights(drawn({"a": [("1", 100.0), ("2", 50.0)], "b": [("1", 25.0)]}))
    assert half == pytest.approx(tall / 2, abs=0.1)
    assert quarter == pytest.approx(tall / 4, abs=0.1)


def test_nothing_measured_draws_nothing_and_zero_has_no_height() -> None:
    assert heights(drawn({"a": []})) == []
    assert heights(drawn({"a": [("1", 0.0)]})) == [0.0]


def test_words_are_escaped() -> None:
    assert "<a> & more" in [node.text for node in drawn({"a": []}).iter()]


@pytest.mark.parametrize(
    ("value", "text"),
    [(123_456.0, "123k"), (9_500.0, "9.5k"), (250.0, "250"), (5.25, "5.2"), (0.47, "0.47")],
)
def test_labels_have_three_digits_at_most(value: float, text: str) -> None:
    assert plot.label(value) == text
