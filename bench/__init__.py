"""Measurements of what `docs/benchmarks.md` promises; `python -m bench` runs them."""

import fundplatform  # noqa: F401 - before polars: it settles how memory is kept
