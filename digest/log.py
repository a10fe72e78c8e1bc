"""Log lines: a constant event and its fields. Knows nothing of what is logged."""

import logging
import sys
from typing import TextIO

import structlog


def configure(*, verbose: bool = False, stream: TextIO | None = None) -> None:
    """Send log lines to `stream` (standard error). `verbose` adds debugging and the libraries' own lines."""
    out = stream or sys.stderr
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(stream=out, level=logging.DEBUG if verbose else logging.WARNING, force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
