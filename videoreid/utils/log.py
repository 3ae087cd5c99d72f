"""The logger ``videoreid``; the library does not print, and does not configure logging on import."""

import logging

__all__ = ["get_logger", "setup_logging"]


def get_logger(name: str = "") -> logging.Logger:
    """Return the library's logger, or a child of it."""
    return logging.getLogger(f"videoreid.{name}" if name else "videoreid")


def setup_logging(level: int = logging.INFO) -> logging.Logger:
    """Send the library's messages to standard error; for scripts and the command line. Safe to call twice."""
    logger = get_logger()
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    return logger
