"""A process that calls a vendor under its shared limits: URL BUCKET RATES CALLS SECONDS.

`python -m fundplatform_tests.sources.web.limit_worker` prints the calls it made. RATES is like
`5/2,25/14`; BUCKET a SQLite file or a postgresql:// URL.
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from fundplatform.sources.web.client import HttpWeb, Patience
from fundplatform.sources.web.profile import Profile, Rate
from fundplatform.sources.web.shared_limits import SharedLimits, in_file, in_postgres


def main() -> None:
    url, bucket, rates_text, calls, seconds = sys.argv[1:6]
    pairs = (text.split("/") for text in rates_text.split(","))
    rates = tuple(Rate(int(n), float(s)) for n, s in pairs)
    profile = Profile("acme", url, lambda reply: None, rates)

    def opened() -> object:
        if bucket.startswith("postgresql://"):
            return in_postgres(bucket, "acme", rates)
        return in_file(Path(bucket), rates)

    limits = SharedLimits("acme", rates, opened, lease=5.0)  # type: ignore[arg-type]
    web = HttpWeb(profile, lambda: datetime.now(UTC), limits=limits, patience=Patience(attempts=1))
    until = time.monotonic() + float(seconds)
    made = 0
    while made < int(calls) and time.monotonic() < until:
        web.get("/x")
        made += 1
    print(made)


if __name__ == "__main__":
    main()
