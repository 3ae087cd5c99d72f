"""torchreid's `Engine`: `run` and `test` with its keywords, and a training step to override."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from torch import nn

from videoreid.engine.engine import Engine as TrainingEngine
from videoreid.engine.fitting import FitPlan, fit
from videoreid.engine.learner import Learner
from videoreid.engine.logs import CSVLogger, console_logger
from videoreid.engine.settings import TrainSettings
from videoreid.errors import ConfigError
from videoreid.inference.precision import AutoPrecision
from videoreid.torchreid.engine.own_step import OwnExtraction, OwnStepLearner, modes_kept
from videoreid.torchreid.engine.scoring import (
    Scoring,
    Sides,
    check_targets,
    draw_target,
    print_scores,
    rank_target,
    read_scoring,
    store_target,
    targets_of,
)
from videoreid.torchreid.engine.steps import TrainingSteps
from videoreid.types import Ranking
from videoreid.utils import setup_logging
from videoreid.utils.processes import process_rank

__all__ = ["Engine"]


class Engine(TrainingSteps):
    """Train and test a network with the loaders of a data manager.

    A subclass calls `register_model` in ``__init__`` and overrides `forward_backward`; `extract_features`,
    `parse_data_for_eval`, `update_lr`, `set_model_mode` and `two_stepped_transfer_learning` are called by `run` and may
    be overridden too. Checkpoints, logs and resuming are those of `videoreid.Engine`.

    Args:
        datamanager: has ``train_loader`` and ``test_loader[name]["query" | "gallery"]``, and may have
            ``test_splits[name].protocol``, by which the target is scored.
        use_gpu: use CUDA where there is one.

    Attributes:
        training_criterion: ``(output, clip) -> losses``; an engine that has one, and no `forward_backward` of its own,
            trains by it.
        rankings: of the last test, by target.
    """

    def __init__(self, datamanager: Any, use_gpu: bool = True) -> None:  # noqa: FBT001, FBT002 - torchreid's
        super().__init__(datamanager, use_gpu)
        self.training_criterion: nn.Module | None = None
        self.rankings: dict[str, Ranking] = {}
        self._features: dict[str, Sides] = {}

    def run(  # noqa: PLR0913 - torchreid's signature
        self,
        save_dir: str | Path = "log",
        max_epoch: int = 0,
        start_epoch: int = 0,
        print_freq: int = 10,
        fixbase_epoch: int = 0,
        open_layers: str | Sequence[str] | None = None,
        start_eval: int = 0,
        eval_freq: int = -1,
        test_only: bool = False,  # noqa: FBT001, FBT002
        *,
        resume: Literal["auto"] | Path | None = None,
        precision: AutoPrecision = "auto",
        **scoring: Any,
    ) -> dict[str, Ranking]:
        """Train with tests during and after training; without a target, only train.

        Args:
            save_dir: where checkpoints, ``log.csv`` and pictures go; an older run there is moved to ``run-<n>`` in it.
            max_epoch: number of epochs, those before ``start_epoch`` included.
            start_epoch: number of epochs that were trained before.
            print_freq: updates between two lines of the log.
            fixbase_epoch: epochs in which only ``open_layers`` train.
            open_layers: names of direct children of the model.
            start_eval: first epoch after which it is tested.
            eval_freq: epochs between two tests; -1 tests at the end only.
            test_only: test without training.
            resume: "auto" continues from the newest checkpoint in ``save_dir``, if there is one; a path names it.
            precision: see `videoreid.engine.TrainSettings`; a `forward_backward` of your own is not affected, and tests
                run in float32.
            scoring: dist_metric, normalize_feature, visrank, visrank_topk, use_metric_cuhk03, ranks, rerank, as
                in torchreid; save_features keeps the features of the last test in the folder, for a report.

        Returns:
            The ranking of every target at the end.

        Raises:
            ConfigError: no epoch to train, nothing to test on, or ``visrank`` without ``test_only``.
            ProtocolError: before training: no query of a target has a match in its gallery.
        """
        setup_logging()
        options = read_scoring(scoring)
        if not test_only:
            _check_training(options, start_epoch, max_epoch)
            check_targets(self.datamanager, options)
            layers = (open_layers,) if isinstance(open_layers, str) else tuple(open_layers or ())
            settings = TrainSettings(
                precision=precision,
                fixbase_epochs=fixbase_epoch if layers else 0,
                open_layers=layers,
                validate_every=eval_freq if eval_freq > 0 else max_epoch,
                validate_from=max(start_eval, 1),
                metric="rank1",
            )
            self._train(settings, Path(save_dir), (start_epoch, max_epoch), print_freq, options, resume)
        else:
            self._test(Path(save_dir), options)
        self._store(Path(save_dir), options)
        return self.rankings

    def test(self, save_dir: str | Path = "log", **scoring: Any) -> dict[str, Ranking]:
        """Score the model on every target and print the scores with their protocol.

        Args:
            save_dir: where pictures of ranks go.
            scoring: as for `run`.

        Raises:
            ConfigError: no target has both queries and a gallery.
        """
        return self._test(Path(save_dir), read_scoring(scoring))

    def _train(
        self,
        settings: TrainSettings,
        save_dir: Path,
        epochs: tuple[int, int],
        print_freq: int,
        options: Scoring,
        resume: Literal["auto"] | Path | None,
    ) -> None:
        learner = self._learner(settings)
        start, last = epochs
        loader = self.datamanager.train_loader
        self.max_epoch, self.num_batches = last, len(loader)
        lines = console_logger(print_freq, total_steps=(last - start) * len(loader))
        plan = FitPlan(
            validate=(lambda: self._scores(save_dir, options)) if targets_of(self.datamanager) else None,
            output_dir=save_dir,
            resume=resume,
            start_epoch=start,
            callbacks=(lines, CSVLogger(save_dir / "log.csv")),
            progress=False,
        )
        fit(learner, loader, last, plan)

    def _learner(self, settings: TrainSettings) -> Learner:
        if self._steps_itself():
            return OwnStepLearner(self, settings)
        assert self.training_criterion is not None
        assert self.optimizer is not None
        return TrainingEngine(
            self._scored(),
            self.training_criterion,
            self.optimizer,
            self.scheduler,
            settings=settings,
            device=self.device,
        )

    def _steps_itself(self) -> bool:
        """Whether a subclass trains by its own `forward_backward`."""
        return (
            self.training_criterion is None
            or type(self).forward_backward is not TrainingSteps.forward_backward
        )

    def _test(self, folder: Path, options: Scoring) -> dict[str, Ranking]:
        targets = targets_of(self.datamanager)
        if not targets:
            raise ConfigError("nothing to test on: no target has both queries and a gallery")
        self._move(self.device)
        model = OwnExtraction(self) if self._steps_itself() else self._scored()
        for name, loaders in targets.items():
            with modes_kept(self._models.values()):
                self.rankings[name], self._features[name] = rank_target(
                    model, self.datamanager, name, options
                )
            print_scores(self.rankings[name], options)
            if options.visrank:
                draw_target(self.rankings[name], loaders, folder / f"visrank_{name}", options)
        return self.rankings

    def _scores(self, folder: Path, options: Scoring) -> dict[str, float]:
        """Return the summary of the last target, as torchreid does, and the summary of every target with its name."""
        numbers: dict[str, float] = {}
        for name, ranking in self._test(folder, options).items():
            summary = {key: value for key, value in ranking.summary().items() if not isinstance(value, str)}
            numbers |= summary
            numbers |= {f"{name}/{key}": value for key, value in summary.items()}
        return numbers

    def _store(self, folder: Path, options: Scoring) -> None:
        """Write the last ranking of every target into the run folder."""
        if process_rank() != 0:
            return
        notes = {"model": type(self._scored()).__qualname__, "device": str(self.device)}
        for name, ranking in self.rankings.items():
            sides, features = self._features[name], options.save_features
            store_target(folder, name, ranking, sides, self.datamanager, features=features, notes=notes)


def _check_training(options: Scoring, start_epoch: int, max_epoch: int) -> None:
    if options.visrank:
        raise ConfigError("visrank draws the ranks of a finished model: set test_only=True as well")
    if max_epoch <= start_epoch:
        raise ConfigError(
            f"max_epoch is {max_epoch} and start_epoch {start_epoch}: there is no epoch to train; set "
            "max_epoch, or test_only=True"
        )
