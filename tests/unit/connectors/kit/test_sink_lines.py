"""Bulk operations of one sink that share a line: what they must agree about."""

import pytest

from connectors.kit.connector import Bulk, Operation, Sink
from gridwire.topics import BRAZE_COMMANDS, BRAZE_RECEIPTS
from tests.unit.connectors.kit.bulks import bulk_steps, steps
from tests.unit.connectors.kit.platforms import platform


def width(parallel_max: int, line: str = "") -> Bulk:
    return Bulk(bulk_steps, 50, parallel_max=parallel_max, line=line)


def shop(**bulks: Bulk) -> Sink:
    operations = {name: Operation(name, "natural", steps, one) for name, one in bulks.items()}
    return Sink(platform(), BRAZE_COMMANDS, BRAZE_RECEIPTS, operations)


def test_operations_of_one_line_that_disagree_about_its_width_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"a and b share the line 'x' .* \(2 and 3\)"):
        shop(a=width(2, "x"), b=width(3, "x"))


def test_an_operation_without_a_line_has_the_one_of_its_name() -> None:
    with pytest.raises(ValueError, match="share the line 'stock'"):
        shop(stock=width(2), other=width(3, "stock"))


def test_lines_of_their_own_are_as_wide_as_they_like() -> None:
    assert len(shop(a=width(2, "x"), b=width(2, "x"), c=width(3)).operations) == 3
