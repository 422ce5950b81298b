"""The SEC's EDGAR: identifiers, shares outstanding, fund holdings and fees, as filed."""

from fundplatform.sources.sec_edgar.profile import PROFILE, SPEC, vendor_symbol
from fundplatform.sources.sec_edgar.source import SecEdgar

__all__ = ["PROFILE", "SPEC", "SecEdgar", "vendor_symbol"]
