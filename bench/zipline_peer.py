"""zipline-reloaded's csvdir bundle over a folder of files, run by a Python that has zipline.

Arguments: folder with daily/*.csv, first and last session. Prints {"ingest_s": seconds}.
"""

import json
import os
import sys
import time

import pandas as pd
from zipline.data.bundles import ingest, register
from zipline.data.bundles.csvdir import csvdir_equities

folder, first, last = sys.argv[1:]
register(
    "bench",
    csvdir_equities(["daily"], folder),
    calendar_name="NYSE",
    start_session=pd.Timestamp(first),
    end_session=pd.Timestamp(last),
)
begun = time.perf_counter()
ingest("bench", os.environ, pd.Timestamp("2026-01-01", tz="UTC"), show_progress=False)
print(json.dumps({"ingest_s": time.perf_counter() - begun}))
