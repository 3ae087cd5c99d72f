"""The engine: a learner that is trained over epochs and scored."""

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

    The engine is given modules and loaders and knows nothing of datasets. Override `step` to train differently.
    Arguments are those of `Learner`.

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
            loader: yields `Clip` batches, has a length, and hears of each epoch through ``set_epoch`` if it has it.
            epochs: to train in all, those before a resume included.
            validate: called between epochs; returns numbers by name. `validation` makes one.
            output_dir: where checkpoints go; None saves none. A folder belongs to one run: where a new run begins, the
                files of an older one are moved to ``run-<n>`` inside it.
            resume: "auto" goes on from the newest readable checkpoint in ``output_dir``, if there is one; a path
                names it.
            callbacks: told of each step, epoch and validation on the main process; an exception from one ends
                the run.
            max_steps: stop after so many updates; where that is inside an epoch, a resume goes on with its next batch.
            progress: show one bar with loss, rate, clips per second and the time that is left.

        Returns:
            One row per finished epoch: mean losses, lr, and what ``validate`` returned; and one of the epoch inside
            which ``max_steps`` stopped.

        Raises:
            TrainingError: a loss is NaN or infinite; the batch is named, and has changed nothing.
            CheckpointError: no checkpoint can be read, or it belongs to another run.
            ConfigError: it was saved by fewer or more processes, or a schedule waits for what will not come.
            KeyboardInterrupt: Ctrl-C; a checkpoint has been saved (SIGTERM likewise ends with SystemExit).
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
        """Score the model (its moving average, if there is one).

        Args:
            query_loader: clips of the query tracklets.
            gallery_loader: clips of the gallery tracklets.
            output_dir: run folder to store the ranking in, for `videoreid report` and `compare`; None stores nothing.
            name: of the stored evaluation; one of this name is replaced.
            save_features: store the features too, from which a report draws distances.
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
        """Return a ``validate`` for `fit`: `evaluate` on these loaders, as numbers by name.

        That some query can be found in the gallery is looked at here, before anything is trained.

        Args:
            query_loader: clips of the query tracklets.
            gallery_loader: clips of the gallery tracklets.
            options: of `evaluate`; with ``output_dir`` the ranking of the last validation stays there.

        Raises:
            ProtocolError: no query can have a match, whatever the network learns.
        """
        query, gallery = LoaderInfo.of(query_loader).tracklets, LoaderInfo.of(gallery_loader).tracklets
        if query is not None and gallery is not None:
            check_matches(query, gallery, protocol=options.get("protocol", "cross_camera"))
        return lambda: self.evaluate(query_loader, gallery_loader, **options).summary()
