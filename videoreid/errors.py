"""Exceptions of the library: each message says what was wrong, what was expected and what to do."""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DatasetError",
    "ExportError",
    "FrameError",
    "MissingExtraError",
    "ProtocolError",
    "ServerError",
    "StorageError",
    "TrackFileError",
    "TrainingError",
    "UnknownNameError",
    "VideoReIDError",
    "WeightsError",
    "WorkerError",
]


class VideoReIDError(Exception):
    """Base of every error that a user can cause."""


class ConfigError(VideoReIDError, ValueError):
    """An argument, or a combination of arguments, makes no sense."""


class UnknownNameError(VideoReIDError, KeyError):
    """A registry was asked for a name it does not hold."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would print quotes and escapes.
        return str(self.args[0]) if self.args else ""


class DatasetError(VideoReIDError):
    """A dataset is missing, damaged, or not in the published layout."""


class FrameError(DatasetError):
    """A frame cannot be read or decoded; the message names the file."""


class TrackFileError(DatasetError):
    """A track file is malformed or does not fit its video; the message names the line."""


class ProtocolError(VideoReIDError, ValueError):
    """Evaluation inputs do not fit the protocol: unequal lengths, NaN, nothing to score."""


class ServerError(VideoReIDError, ConnectionError):
    """A search server does not answer, or refuses what was asked; the message names its address."""


class StorageError(VideoReIDError, OSError):
    """A file cannot be written: the disk is full, a folder is read-only or is no folder; the message says which."""


class WeightsError(VideoReIDError):
    """Weights are missing, corrupt, or do not fit the model."""


class CheckpointError(WeightsError):
    """A training checkpoint is truncated, unreadable, or of another run."""


class ExportError(VideoReIDError):
    """A network cannot be exported, or the file does not answer as the network does; no file is left."""


class TrainingError(VideoReIDError, RuntimeError):
    """Training cannot go on: a loss is NaN or infinite; the message names the batch."""


class WorkerError(VideoReIDError, RuntimeError):
    """A process that reads for a loader has died: killed, mostly for memory; the message says what is known."""


class MissingExtraError(VideoReIDError, ImportError):
    """An optional dependency is needed; the message names the extra to install."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed; run: pip install 'videoreid[{extra}]'"
        )
