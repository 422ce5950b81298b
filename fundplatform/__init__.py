"""fundplatform: an open market- and fund-data platform of Dagster assets."""

__version__ = "0.1.0"
