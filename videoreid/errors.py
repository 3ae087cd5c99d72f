"""Exceptions of the library. Each message says what was wrong, what was expected and what to do."""

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
    """A registry has no entry of this name."""

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
    """A search server does not answer, or refuses the request; the message names its address."""


class StorageError(VideoReIDError, OSError):
    """A file cannot be written: the disk is full, the folder is read-only or not a folder; the message says which."""


class WeightsError(VideoReIDError):
    """Weights are missing, corrupt, or do not fit the model."""


class CheckpointError(WeightsError):
    """A training checkpoint is truncated, unreadable, or from another run."""


class ExportError(VideoReIDError):
    """A network cannot be exported, or the exported file gives other results than the network; no file is left."""


class TrainingError(VideoReIDError, RuntimeError):
    """Training cannot continue: a loss is NaN or infinite; the message names the batch."""


class WorkerError(VideoReIDError, RuntimeError):
    """A worker process of a loader was killed, mostly for lack of memory; the message gives the details."""


class MissingExtraError(VideoReIDError, ImportError):
    """An optional dependency is needed; the message names the extra to install."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed; run: pip install 'videoreid[{extra}]'"
        )
