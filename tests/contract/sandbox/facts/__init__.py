"""The vendors' contracts as tables of requests and answers; the sandbox must agree with every row."""

from tests.contract.sandbox.facts.bigcommerce import BIGCOMMERCE
from tests.contract.sandbox.facts.braze import BRAZE
from tests.contract.sandbox.facts.fact import Table
from tests.contract.sandbox.facts.trading_grid import TRADING_GRID

TABLES: tuple[Table, ...] = (BRAZE, BIGCOMMERCE, TRADING_GRID)
