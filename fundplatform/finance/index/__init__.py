"""Indices: composition, session returns and levels (methodology A).

`build` computes a range of sessions; `levels` chains all of them. Data access, the calendar and
the choice of instruments belong to the caller; definitions are in `index_definition.py`.
"""

from fundplatform.finance.index.build import IndexResult, build, look_back
from fundplatform.finance.index.levels import levels

METHOD_VERSION = 3
"""Raised when the same definition and data come to give other rows: all days are built again."""

__all__ = ["METHOD_VERSION", "IndexResult", "build", "levels", "look_back"]
