"""The engine: a learner with the methods fit, evaluate and validation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from videoreid.engine.evaluation_files import save_evaluation
from videoreid.engine.fitting import FitPlan, fit
from videoreid.engine.learner import Learner
from videoreid.engine.progress import Callback
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.inference.scoring import check_matches, evaluate_and_keep
from videoreid.types import Clip, Ranking
from videoreid.utils.processes import process_rank
from videoreid.utils.wrappers import unwrap_model

__all__ = ["Engine"]


class Engine(Learner):
    """Train and score one model, on one process or on several.

    The engine takes modules and loaders, not datasets. Override `step` to change the training step. The arguments are
    those of `Learner`.

    Example:
        >>> from videoreid.engine import Engine, TrainSettings
        >>> settings = TrainSettings(clip_norm=1.0, ema_decay=0.999)
        >>> engine = Engine(model, criterion, optimizer, settings=settings)  # doctest: +SKIP
    """

    def fit(
        self,
        loader: Iterable[Clip],
        epochs: int,
        *,
        validate: Callable[[], Mapping[str, Any]] | None = None,
        output_dir: str | Path | None = None,
        resume: Literal["auto"] | Path | None = None,
        callbacks: Sequence[Callback] = (),
        max_steps: int | None = None,
        progress: bool = True,
    ) -> list[dict[str, float]]:
        """Train for a number of epochs.

        Args:
            loader: yields `Clip` batches and has a length; its ``set_epoch``, if it has one, is called for each epoch.
            epochs: total number of epochs, including those before a resume.
            validate: called between epochs; returns numbers by name. `validation` returns such a function.
            output_dir: folder for checkpoints; None saves none. A folder belongs to one run: when a new run begins,
                the files of an older run are moved to ``run-<n>`` inside it.
            resume: "auto" continues from the newest readable checkpoint in ``output_dir``, if there is one; a path
                names one.
            callbacks: called with each step, epoch and validation on the main process; an exception in one ends
                the run.
            max_steps: stop after this number of updates; inside an epoch, a resume continues with the next batch.
            progress: show a bar with loss, rate, clips per second and remaining time.

        Returns:
            One row per finished epoch: mean losses, lr, and the numbers from ``validate``; and a row for the epoch
            inside which ``max_steps`` stopped.

        Raises:
            TrainingError: a loss is NaN or infinite; the message names the batch, which has not changed the model.
            CheckpointError: no checkpoint can be read, or it belongs to another run.
            ConfigError: another number of processes saved the checkpoint, or the schedule follows a number that no
                validation returns.
            KeyboardInterrupt: Ctrl-C was pressed; a checkpoint has been saved (SIGTERM: SystemExit instead).
        """
        plan = FitPlan(
            validate=validate,
            callbacks=tuple(callbacks),
            max_steps=max_steps,
            output_dir=None if output_dir is None else Path(output_dir),
            resume=resume,
            progress=progress,
        )
        return fit(self, loader, epochs, plan)

    def evaluate(
        self,
        query_loader: Iterable[Clip],
        gallery_loader: Iterable[Clip],
        *,
        output_dir: str | Path | None = None,
        name: str = "test",
        save_features: bool = False,
        **options: Any,
    ) -> Ranking:
        """Score the model, or its moving average if there is one.

        Args:
            query_loader: clips of the query tracklets.
            gallery_loader: clips of the gallery tracklets.
            output_dir: run folder for the ranking, for `videoreid report` and `compare`; None stores nothing.
            name: of the stored evaluation; an older evaluation of this name is replaced.
            save_features: also store the features, so that a report can draw distances.
            options: of `videoreid.engine.evaluate`.
        """
        ranking, query, gallery = evaluate_and_keep(
            self.scored_model, query_loader, gallery_loader, **options
        )
        if output_dir is not None and process_rank() == 0:
            sides = [LoaderInfo.of(loader).tracklets for loader in (query_loader, gallery_loader)]
            model = unwrap_model(self.model)
            notes = {"model": type(model).__qualname__, "device": str(self.device)}
            save_evaluation(
                output_dir,
                ranking,
                query=query,
                gallery=gallery,
                name=name,
                tracklets=None if sides[0] is None or sides[1] is None else (sides[0], sides[1]),
                features=save_features,
                notes=notes,
            )
        return ranking

    def validation(
        self, query_loader: Iterable[Clip], gallery_loader: Iterable[Clip], **options: Any
    ) -> Callable[[], dict[str, Any]]:
        """Return a ``validate`` function for `fit`, which calls `evaluate` and returns numbers by name.

        Before any training, this method checks that at least one query has a match in the gallery.

        Args:
            query_loader: clips of the query tracklets.
            gallery_loader: clips of the gallery tracklets.
            options: of `evaluate`; with ``output_dir`` the ranking of the last validation is kept there.

        Raises:
            ProtocolError: no query has a match in the gallery.
        """
        query, gallery = LoaderInfo.of(query_loader).tracklets, LoaderInfo.of(gallery_loader).tracklets
        if query is not None and gallery is not None:
            check_matches(query, gallery, protocol=options.get("protocol", "cross_camera"))
        return lambda: self.evaluate(query_loader, gallery_loader, **options).summary()
