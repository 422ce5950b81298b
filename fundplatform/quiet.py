"""A Dagster logger for the terminal: only what a person must see while a progress bar runs."""

import logging

import dagster as dg


class _NotAnEvent(logging.Filter):
    """Drop Dagster's own events: the command line reports failures itself, once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a record that carries a Dagster event."""
        meta = getattr(record, "dagster_meta", None)
        return not (isinstance(meta, dict) and meta.get("dagster_event"))


@dg.logger(None, description="Warnings on stderr; Dagster's events go to its log only.")
def quiet_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger definition."""
    logger = logging.Logger("fundplatform", logging.WARNING)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    handler.addFilter(_NotAnEvent())
    logger.addHandler(handler)
    return logger
