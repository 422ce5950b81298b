"""What must hold of what a vendor's source made of a case, and of what it asked for it."""

from urllib.parse import unquote

import polars as pl

from fundplatform.sources.base import (
    LISTING_SCHEMA,
    PAYLOAD_SCHEMA,
    REJECT_SCHEMA,
    SKIP_SCHEMA,
    Batch,
    Kind,
    batch_schema,
)
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Profile
from fundplatform_tests.sources.vendor_case import KEY, Case
from fundplatform_tests.sources.vendor_server import Vendor


def verify(batch: Batch, case: Case, kind: Kind) -> None:
    """Everything that must hold of a fetch's result."""
    for frame, schema in (
        (batch.rows, batch_schema(kind)),
        (batch.rejected, REJECT_SCHEMA),
        (batch.payloads, PAYLOAD_SCHEMA),
        (batch.skipped, SKIP_SCHEMA),
    ):
        assert frame.schema == schema
    assert batch.listings is None or batch.listings.schema == LISTING_SCHEMA
    assert KEY not in str(batch.payloads.to_dicts()), "the key is in a payload's name"
    got = dict(batch.rejected.group_by("rule").len().iter_rows())
    assert got == dict(case.rejected), f"rejected: {batch.rejected.to_dicts()}"
    if case.rows is not None:
        assert batch.rows.height == case.rows, f"rows: {batch.rows.to_dicts()}"
    if case.row is not None:
        found = batch.rows.filter(pl.col(n).eq_missing(pl.lit(v)) for n, v in case.row.items())
        assert found.height == 1, f"{dict(case.row)} is not among {batch.rows.to_dicts()}"
    assert batch.absent == case.absent
    skipped = dict(batch.skipped.select("vendor_symbol", "failure").iter_rows())
    assert skipped == {s: str(f) for s, f in case.skipped.items()}
    counted = batch.rows.height + batch.rejected.height
    assert batch.payloads["rows"].sum() == counted, "each vendor row is a row or a reject"
    used = {*batch.rows["payload_hash"], *batch.rejected["payload_hash"]}
    assert used <= {*batch.payloads["payload_hash"]}
    if batch.listings is not None:
        lost = {*batch.rows["vendor_symbol"]} - {*batch.listings["vendor_symbol"]}
        assert not lost, f"no listing for {lost}: call collector.list, or name them in listings()"


def as_planned(plan: Plan, vendor: Vendor, profile: Profile) -> None:
    """Counted by the vendor: its requests are those of the plan."""
    # yfinance's handshake is played below /elsewhere; it is once a process and no call of ours.
    own = [a for a in vendor.asked if not a.path.startswith("/elsewhere/")]
    made = [_plain(Request(a.path, a.params), profile) for a in own]
    planned = [_plain(r, profile) for r in plan.requests]
    assert made, "else this test proves nothing"
    match plan.bound:
        case Bound.EXACTLY:
            assert made == planned
        case Bound.AT_LEAST:
            assert not [r for r in planned if r not in made], made
        case Bound.AT_MOST:
            assert len(made) <= len(planned)
    assert (plan.bound is Bound.EXACTLY) == (plan.because == ""), "say what may come on top"


def _plain(request: Request, profile: Profile) -> tuple[str, dict[str, str]]:
    """A request without what the platform adds to it; blank values do not travel."""
    added = {profile.key_param, "crumb"}
    own = {n: v for n, v in request.params.items() if n not in added and v != ""}
    return unquote(request.path), own
