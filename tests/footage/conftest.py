"""The video of the data tests serves here too."""

from tests.data.conftest import video

__all__ = ["video"]
