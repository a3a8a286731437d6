"""The conformance suite: cases that every connector passes against its simulator. A connector joins by one line here.

Which cases make no sense for a connector, and why, stands in its value (`Conformance.inapplicable`).
"""

from tests.contract.connectors.conformance.bigcommerce import BIGCOMMERCE
from tests.contract.connectors.conformance.braze import BRAZE
from tests.contract.connectors.conformance.trading_grid import TRADING_GRID
from tests.contract.connectors.conformance.value import Conformance

CONFORMANCES: tuple[Conformance, ...] = (
    BRAZE,
    BIGCOMMERCE,
    TRADING_GRID,
)
