"""Indices: composition, session returns and levels (methodology A).

`build` computes a range of sessions; `levels` chains all of them. Data access, the calendar and
the choice of instruments belong to the caller; definitions are in `index_definition.py`.
"""

from fundplatform.finance.index.build import build
from fundplatform.finance.index.levels import levels
from fundplatform.finance.index.market import Prepared
from fundplatform.finance.index.payouts import Payouts, payouts
from fundplatform.finance.index.prepare import look_back, prepare
from fundplatform.finance.index.result import TABLES, Facts, IndexResult

METHOD_VERSION = 14
"""Raised when the same definition and data come to give other rows: all days are built again."""

__all__ = [
    "METHOD_VERSION",
    "TABLES",
    "Facts",
    "IndexResult",
    "Payouts",
    "Prepared",
    "build",
    "levels",
    "look_back",
    "payouts",
    "prepare",
]
