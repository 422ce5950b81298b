"""The asset graph: thin declarations; sources fetch, finance computes, storage keeps."""

import warnings

import dagster as dg

# Backfill policies and nonexistent upstream partitions are beta in the pinned release; chosen on
# purpose (docs/decisions), so a user need not read about it at every start.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
