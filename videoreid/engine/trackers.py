"""Callbacks that log scalars and pictures to TensorBoard, Weights & Biases or MLflow; by default to local files."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from videoreid.engine.progress import Callback, Event
from videoreid.errors import ConfigError, MissingExtraError

__all__ = ["MLflowLogger", "PictureSink", "TensorBoardLogger", "WandbLogger", "log_pictures"]

Picture = NDArray[np.uint8]


class PictureSink(Protocol):
    """A logger that accepts pictures."""

    def add_picture(self, name: str, picture: Picture, *, step: int) -> None:
        """Log an RGB picture ``(H, W, 3)`` uint8."""


def log_pictures(
    draw: Callable[[Event], Mapping[str, Picture]],
    sinks: Sequence[PictureSink],
    *,
    kind: Literal["epoch", "validation"] = "validation",
    every: int = 1,
) -> Callback:
    """Return a callback that draws pictures between epochs and logs them.

    Args:
        draw: returns RGB pictures ``(H, W, 3)`` uint8 by name, for an event.
        sinks: loggers that receive them.
        kind: of the events at which pictures are drawn.
        every: draw at the first and then at every n-th of these events.

    Raises:
        ConfigError: ``every`` is below 1.
    """
    if every < 1:
        raise ConfigError(f"every must be 1 or more, got {every}")
    seen = [0]

    def tell(event: Event) -> None:
        if event.kind != kind:
            return
        seen[0] += 1
        if (seen[0] - 1) % every:
            return
        for name, picture in draw(event).items():
            for sink in sinks:
                sink.add_picture(name, picture, step=event.step)

    return tell


class _Closing:
    """Base class of loggers that are closed at the end of a ``with`` block."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TensorBoardLogger(_Closing):
    """Write scalars ``kind/name`` and pictures to TensorBoard event files.

    Args:
        folder: of the event files.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("tensorboard", "tensorboard", "TensorBoardLogger") from error
        self.writer: Any = SummaryWriter(str(folder))

    def __call__(self, event: Event) -> None:
        """Log one event."""
        for name, value in event.values.items():
            self.writer.add_scalar(f"{event.kind}/{name}", value, event.step)
        if event.kind != "step":
            self.writer.flush()

    def add_picture(self, name: str, picture: Picture, *, step: int) -> None:
        """Log an RGB picture ``(H, W, 3)`` uint8."""
        self.writer.add_image(name, _checked(picture), step, dataformats="HWC")
        self.writer.flush()

    def close(self) -> None:
        """Close the files."""
        self.writer.close()


class WandbLogger(_Closing):
    """Log scalars ``kind/name`` and pictures to Weights & Biases; offline unless ``mode`` is "online".

    An offline run is a folder that ``wandb sync`` can send later; crash reports are switched off too. The environment
    variable ``WANDB_MODE`` is ignored. The run starts with the first event, so that only the process that receives
    events has a run.

    Args:
        folder: of the run.
        project: name of the project.
        mode: "offline", "online" (sends during the run), or "disabled" (writes nothing).
        name: of the run; by default W&B chooses one.
        run_id: of the run to continue, after a resume.
        config: settings to store with the run.

    Raises:
        ConfigError: the mode is unknown.
        MissingExtraError: wandb is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        project: str = "videoreid",
        mode: Literal["offline", "online", "disabled"] = "offline",
        name: str | None = None,
        run_id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if mode not in ("offline", "online", "disabled"):
            raise ConfigError(f"unknown mode {mode!r}; choose 'offline', 'online' or 'disabled'")
        if mode != "online":  # read when wandb is imported
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb
        except ImportError as error:
            raise MissingExtraError("wandb", "wandb", "WandbLogger") from error
        self._wandb: Any = wandb
        self._options = {
            "project": project,
            "mode": mode,
            "name": name,
            "id": run_id,
            "config": dict(config or {}),
        }
        self._folder = Path(folder)
        self._run: Any = None

    @property
    def run(self) -> Any:
        """The W&B run, which starts on first use."""
        if self._run is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            resume = "allow" if self._options["id"] else None
            self._run = self._wandb.init(dir=str(self._folder), resume=resume, **self._options)
        return self._run

    def __call__(self, event: Event) -> None:
        """Log one event."""
        numbers = {f"{event.kind}/{name}": value for name, value in event.values.items()}
        self.run.log({**numbers, "epoch": event.epoch}, step=event.step)

    def add_picture(self, name: str, picture: Picture, *, step: int) -> None:
        """Log an RGB picture ``(H, W, 3)`` uint8."""
        self.run.log({name: self._wandb.Image(_checked(picture))}, step=step)

    def close(self) -> None:
        """Finish the run."""
        if self._run is not None:
            self._run.finish()
            self._run = None


class MLflowLogger(_Closing):
    """Log scalars ``kind/name`` and pictures to MLflow, in a local folder unless ``tracking_uri`` names a server.

    The environment variable ``MLFLOW_TRACKING_URI`` is ignored, and MLflow's usage reports are switched off. The run
    starts with the first event, so that only the process that receives events has a run.

    Args:
        folder: of the local runs: ``mlflow.db`` and ``artifacts``. To view them:
            ``mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db``.
        experiment: name of the experiment; created if it is missing.
        name: of the run.
        tracking_uri: a server or database ("http://localhost:5000", "sqlite:///mlflow.db") for everything logged.
        run_id: of the run to continue, after a resume.
        config: settings to store with the run.

    Raises:
        MissingExtraError: mlflow is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        experiment: str = "videoreid",
        name: str | None = None,
        tracking_uri: str | None = None,
        run_id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise MissingExtraError("mlflow", "mlflow", "MLflowLogger") from error
        self._folder = Path(folder).absolute()
        self._uri = tracking_uri or f"sqlite:///{(self._folder / 'mlflow.db').as_posix()}"
        self._artifacts = None if tracking_uri else (self._folder / "artifacts").as_uri()
        self._client_class: Any = MlflowClient
        self._experiment, self._name, self._config = experiment, name, dict(config or {})
        self._client: Any = None
        self.run_id = run_id

    @property
    def client(self) -> Any:
        """The MLflow client; the run starts on first use."""
        if self._client is None:
            if self._artifacts:
                self._folder.mkdir(parents=True, exist_ok=True)
            self._client = self._client_class(tracking_uri=self._uri)
            if self.run_id is None:
                known = self._client.get_experiment_by_name(self._experiment)
                number = known.experiment_id if known else self._new_experiment()
                self.run_id = self._client.create_run(number, run_name=self._name).info.run_id
                for key, value in self._config.items():
                    self._client.log_param(self.run_id, key, value)
        return self._client

    def _new_experiment(self) -> Any:
        return self._client.create_experiment(self._experiment, artifact_location=self._artifacts)

    def __call__(self, event: Event) -> None:
        """Log one event."""
        client = self.client
        for name, value in event.values.items():
            client.log_metric(self.run_id, f"{event.kind}/{name}", float(value), step=event.step)

    def add_picture(self, name: str, picture: Picture, *, step: int) -> None:
        """Log an RGB picture ``(H, W, 3)`` uint8 as the artifact ``pictures/<name>-<step>.png``."""
        import cv2

        done, data = cv2.imencode(".png", cv2.cvtColor(_checked(picture), cv2.COLOR_RGB2BGR))
        if not done:
            raise ConfigError(f"picture {name!r} of {picture.shape} cannot be written as PNG")
        client = self.client
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name.replace('/', '_')}-{step}.png"
            file.write_bytes(data.tobytes())
            client.log_artifact(self.run_id, str(file), "pictures")

    def close(self) -> None:
        """Mark the run as finished."""
        if self._client is not None:
            self._client.set_terminated(self.run_id)
            self._client = None


def _checked(picture: Picture) -> Picture:
    if (
        not isinstance(picture, np.ndarray)
        or picture.ndim != 3
        or picture.shape[2] != 3
        or picture.dtype != np.uint8
    ):
        found = (
            f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        )
        raise ConfigError(f"a picture is RGB (H, W, 3) uint8, got {found}")
    return picture
