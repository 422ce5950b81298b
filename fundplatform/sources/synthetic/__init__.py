"""A seeded market with known answers, for golden tests and load tests. Never real data.

`plan.py` decides what happens to each company, `walk.py` makes its prices, `faults.py` damages
some rows, `market.py` puts the whole market together, `answers.py` says what is true, and
`source.py` hands it out as a source.
"""

from fundplatform.sources.synthetic.answers import Answers
from fundplatform.sources.synthetic.source import Synthetic

__all__ = ["Answers", "Synthetic"]
