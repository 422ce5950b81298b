"""The market under test, and its row counts worked out from the plans of the companies alone.

The calendar is Monday to Friday without holidays, so that nothing here needs an exchange.
"""

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from fundplatform.sources.base import Kind
from fundplatform.sources.synthetic import Synthetic
from fundplatform.sources.synthetic.plan import Company, companies
from fundplatform_tests.sources.contract import NOW

START, END = date(2015, 1, 2), date(2017, 12, 29)
SYMBOLS = 40


def weekdays(calendar: str, first: date, last: date) -> list[date]:
    """A calendar without holidays: Monday to Friday."""
    days = (first + timedelta(days=i) for i in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def make(symbols: int = SYMBOLS, end: date = END, seed: int = 7) -> Synthetic:
    return Synthetic(symbols, START, end, seed, weekdays)


def whole(source: Synthetic, kind: Kind) -> pl.DataFrame:
    return source.fetch(kind, source.start, source.end, now=NOW).rows


DAYS = weekdays("", START, END)
MONTHS = [
    i
    for i, day in enumerate(DAYS)
    if day.month != weekdays("", day + timedelta(1), day + timedelta(4))[0].month
]
QUARTERS = [i for i in MONTHS if DAYS[i].month in (3, 6, 9, 12)]
COMPANIES = [company for slot in range(1, SYMBOLS + 1) for company in companies(7, slot)]


def ended(company: Company) -> int:
    """Offset of the first session without the company."""
    return min(len(DAYS), company.died or len(DAYS))


def bars(company: Company) -> int:
    """Rows of the company, counted from its plan alone."""
    end = ended(company)
    lost = len(faults(company)) if company.role == "conflicting_rows" else 0
    return end - company.born - sum(h < end for h in company.halts) - lost


def faults(company: Company) -> list[int]:
    return [offset for offset in company.faults if offset < ended(company)]


def refused(company: Company) -> int:
    """Both of two contradicting rows, and the second copy of a doubled one."""
    return {"conflicting_rows": 2, "doubled_row": 1}.get(company.role, 0) * len(faults(company))


def actions(company: Company) -> int:
    events = [*company.splits, *company.dividends]
    died = company.died is not None and company.died < len(DAYS)
    return sum(company.born < offset < ended(company) for offset in events) + died


def alive(company: Company, offsets: list[int]) -> int:
    return sum(company.born <= o < ended(company) for o in offsets)


def priced(company: Company) -> int:
    return alive(company, [o for o in MONTHS if o not in company.halts])


def total(count: Callable[[Company], int]) -> int:
    return sum(count(company) for company in COMPANIES)
