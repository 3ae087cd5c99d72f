import logging

from videoreid.utils import get_logger, setup_logging


def test_the_library_is_silent_until_told_otherwise() -> None:
    logger = get_logger()
    handlers = list(logger.handlers)
    try:
        assert setup_logging() is logger
        setup_logging()
        assert len(logger.handlers) == len(handlers) + (0 if handlers else 1), (
            "calling twice does not print twice"
        )
        assert get_logger("data").parent is logger
    finally:
        logger.handlers = handlers
        logger.setLevel(logging.NOTSET)
