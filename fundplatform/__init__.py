"""fundplatform: an open market- and fund-data platform of Dagster assets."""

import os

__version__ = "0.1.0"

# Before polars is imported, which otherwise gives its memory back after half a second and asks for
# it anew: a fifth of the CPU of a large load (docs/decisions/0014-memory-kept.md).
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:-1")
