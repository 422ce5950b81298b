"""A Dagster logger for the terminal: only what a person must see while a progress bar runs."""

import logging

import dagster as dg

# What follows from a failure, such as a check of what was not loaded, is no news.
_FOLLOWS = "Dependencies for step "


class _NotAnEvent(logging.Filter):
    """Drop what Dagster says by itself: the command line reports failures, once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a Dagster event, and for a step that a failed one leaves undone."""
        meta = getattr(record, "dagster_meta", None)
        event = isinstance(meta, dict) and meta.get("dagster_event")
        return not event and _FOLLOWS not in record.getMessage()


@dg.logger(None, description="Warnings on stderr; Dagster's events go to its log only.")
def quiet_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger definition."""
    logger = logging.Logger("fundplatform", logging.WARNING)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    handler.addFilter(_NotAnEvent())
    logger.addHandler(handler)
    return logger
