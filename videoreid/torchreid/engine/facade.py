"""What torchreid's four engines have in common: a data manager in, `run` and `test` with torchreid's keywords."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from videoreid.engine.engine import Engine
from videoreid.engine.evaluation_files import save_evaluation
from videoreid.engine.fitting import FitPlan, fit
from videoreid.engine.logs import CSVLogger, console_logger
from videoreid.engine.settings import TrainSettings
from videoreid.errors import ConfigError, ProtocolError
from videoreid.inference.extraction import extract_features
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.inference.precision import AutoPrecision
from videoreid.inference.scoring import check_matches
from videoreid.metrics import KReciprocal, evaluate_features
from videoreid.types import Features, Ranking
from videoreid.utils import get_logger, setup_logging
from videoreid.utils.processes import process_rank
from videoreid.visual import StripStyle, draw_queries

__all__ = ["DataManagerEngine", "Scoring"]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How `DataManagerEngine.test` scores, in torchreid's words."""

    dist_metric: str = "euclidean"
    normalize_feature: bool = False
    visrank: bool = False
    visrank_topk: int = 10
    use_metric_cuhk03: bool = False
    ranks: Sequence[int] = (1, 5, 10, 20)
    rerank: bool = False
    save_features: bool = False


class DataManagerEngine:
    """Train and test with a data manager, the way torchreid's engines do.

    Args:
        datamanager: has ``train_loader`` and ``test_loader[name]["query" | "gallery"]``, and may have
            ``test_splits[name].protocol``, by which the target is scored.
        model: the network; a `DataParallel` around it is taken off.
        optimizer: over the model's parameters.
        criterion: see `videoreid.losses`.
        scheduler: stepped once an epoch.
        use_gpu: use CUDA where there is one.
    """

    def __init__(
        self,
        datamanager: Any,
        model: nn.Module,
        optimizer: Optimizer,
        *,
        criterion: nn.Module,
        scheduler: LRScheduler | None,
        use_gpu: bool,
    ) -> None:
        self.datamanager = datamanager
        self.model: nn.Module = model.module if isinstance(model, nn.DataParallel) else model
        self.optimizer = optimizer
        self.criterion = criterion
        self.scheduler = scheduler
        self.device = torch.device("cuda" if use_gpu and torch.cuda.is_available() else "cpu")
        self.rankings: dict[str, Ranking] = {}
        self._features: dict[str, tuple[Features, Features]] = {}

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
        precision: AutoPrecision = "float32",
        **scoring: Any,
    ) -> dict[str, Ranking]:
        """Train, test now and then, and test at the end; without a target to test on, train only.

        Args:
            save_dir: where checkpoints, ``log.csv`` and pictures go; an older run there is moved to ``run-<n>`` in it.
            max_epoch: epochs in all.
            start_epoch: epochs that are done already.
            print_freq: updates between two lines.
            fixbase_epoch: epochs in which only ``open_layers`` train.
            open_layers: names of direct children of the model.
            start_eval: first epoch after which it is tested.
            eval_freq: epochs between two tests; -1 tests at the end only.
            test_only: test at once and do not train.
            resume: "auto" goes on from the newest checkpoint in ``save_dir``, if there is one; a path names it.
            precision: see `videoreid.engine.TrainSettings`; "auto" is faster where the hardware has bfloat16. Tests run
                in float32.
            scoring: dist_metric, normalize_feature, visrank, visrank_topk, use_metric_cuhk03, ranks, rerank, as
                in torchreid; save_features keeps the features of the last test in the folder, for a report.

        Returns:
            The ranking of every target at the end.

        Raises:
            ConfigError: no epoch to train, nothing to test on, or a picture of ranks asked for in training.
            ProtocolError: said before any training: no query of a target can be found in its gallery.
        """
        setup_logging()
        options = _scoring(scoring)
        if test_only:
            self.test(save_dir, options)
            self._store(Path(save_dir), options)
            return self.rankings
        _check_training(options, start_epoch, max_epoch)
        _check_targets(self.datamanager, options)
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
        self._store(Path(save_dir), options)
        return self.rankings

    def _train(
        self,
        settings: TrainSettings,
        save_dir: Path,
        epochs: tuple[int, int],
        print_freq: int,
        options: Scoring,
        resume: Literal["auto"] | Path | None,
    ) -> None:
        engine = Engine(
            self.model, self.criterion, self.optimizer, self.scheduler, settings=settings, device=self.device
        )
        start, last = epochs
        loader = self.datamanager.train_loader
        lines = console_logger(print_freq, total_steps=(last - start) * len(loader))
        plan = FitPlan(
            validate=(lambda: self._scores(save_dir, options)) if _targets(self.datamanager) else None,
            output_dir=save_dir,
            resume=resume,
            start_epoch=start,
            callbacks=(lines, CSVLogger(save_dir / "log.csv")),
            progress=False,
        )
        fit(engine, loader, last, plan)

    def test(self, save_dir: str | Path = "log", options: Scoring | None = None) -> dict[str, Ranking]:
        """Score the model on every target and print the scores with their protocol.

        Raises:
            ConfigError: no target has both queries and a gallery.
        """
        options = options or Scoring()
        if not _targets(self.datamanager):
            raise ConfigError("there is nothing to test on: no target has both queries and a gallery")
        self.model.to(self.device)
        for name, loaders in _targets(self.datamanager).items():
            self.rankings[name] = self._rank(name, loaders, options)
            _print_scores(self.rankings[name], options)
            if options.visrank:
                self._draw(name, loaders, Path(save_dir), options)
        return self.rankings

    def _rank(self, name: str, loaders: Any, options: Scoring) -> Ranking:
        features = [extract_features(self.model, loaders[part]) for part in ("query", "gallery")]
        if options.normalize_feature:
            features = [part.normalised() for part in features]
        self._features[name] = features[0], features[1]
        # what torchreid calls "euclidean" is squared
        distance = "squared_euclidean" if options.dist_metric == "euclidean" else options.dist_metric
        refiners: list[Any] = [KReciprocal(metric=distance)] if options.rerank else []
        return evaluate_features(
            *features,
            protocol=_protocol(self.datamanager, name, options),
            distance=distance,
            refiners=refiners,
            dataset=name,
            details={"features": "normalised"} if options.normalize_feature else None,
            top_k=max(options.visrank_topk, 1),
        )

    def _scores(self, save_dir: str | Path, options: Scoring) -> dict[str, float]:
        """Return the headline numbers of the last target, as torchreid does, and of every target by its name."""
        numbers: dict[str, float] = {}
        for name, ranking in self.test(save_dir, options).items():
            summary = {key: value for key, value in ranking.summary().items() if not isinstance(value, str)}
            numbers |= summary
            numbers |= {f"{name}/{key}": value for key, value in summary.items()}
        return numbers

    def _store(self, folder: Path, options: Scoring) -> None:
        """Leave the last ranking of every target in the run folder."""
        if process_rank() != 0:
            return
        for name, ranking in self.rankings.items():
            query, gallery = self._features[name]
            loaders = self.datamanager.test_loader[name]
            sides = [LoaderInfo.of(loaders[part]).tracklets for part in ("query", "gallery")]
            save_evaluation(
                folder,
                ranking,
                query=query,
                gallery=gallery,
                name=re.sub(r"[^\w.+-]", "_", name).lstrip(".+-") or "target",
                tracklets=None if sides[0] is None or sides[1] is None else (sides[0], sides[1]),
                features=options.save_features,
                notes={"model": type(self.model).__qualname__, "device": str(self.device)},
            )

    def _draw(self, name: str, loaders: Any, folder: Path, options: Scoring) -> None:
        query, gallery = loaders["query"].dataset, loaders["gallery"].dataset
        draw_queries(
            self.rankings[name],
            query.tracklets,
            gallery.tracklets,
            folder / f"visrank_{name}",
            read_frames=query.reader.read,
            top_k=options.visrank_topk,
            style=StripStyle(junk=False),  # torchreid leaves it out
        )


def _check_training(options: Scoring, start_epoch: int, max_epoch: int) -> None:
    if options.visrank:
        raise ConfigError("visrank draws the ranks of a finished model: set test_only=True as well")
    if max_epoch <= start_epoch:
        raise ConfigError(
            f"max_epoch is {max_epoch} and start_epoch {start_epoch}: there is no epoch to train; set "
            "max_epoch, or test_only=True"
        )


def _print_scores(ranking: Ranking, options: Scoring) -> None:
    ranks = "  ".join(f"Rank-{k} {ranking.rank(k):.1%}" for k in options.ranks)
    message = "mAP %.1f%%  %s\n  %s"
    get_logger("engine").info(message, 100 * ranking.mean_average_precision, ranks, ranking.protocol_line)


def _targets(datamanager: Any) -> dict[str, Any]:
    """Return the loaders of every target that has queries and a gallery."""
    return {
        name: loaders
        for name, loaders in (datamanager.test_loader or {}).items()
        if all(loaders.get(part) is not None and len(loaders[part]) for part in ("query", "gallery"))
    }


def _check_targets(datamanager: Any, options: Scoring) -> None:
    """Say before training which targets cannot be scored."""
    targets = _targets(datamanager)
    left_out = [name for name in datamanager.test_loader or {} if name not in targets]
    if left_out or not targets:
        get_logger("engine").warning(
            "no queries or no gallery%s: %s",
            f" in {', '.join(left_out)}" if left_out else "",
            "the other targets are tested" if targets else "the model is trained and not tested",
        )
    for name, loaders in targets.items():
        query, gallery = (LoaderInfo.of(loaders[part]).tracklets for part in ("query", "gallery"))
        if query is None or gallery is None:
            continue
        try:
            check_matches(query, gallery, protocol=_protocol(datamanager, name, options))
        except ProtocolError as error:
            raise ProtocolError(f"target {name!r}: {error}") from error


def _protocol(datamanager: Any, target: str, options: Scoring) -> str:
    splits = getattr(datamanager, "test_splits", {}).get(target)
    own = "cross_camera" if splits is None else splits.protocol
    return "single_gallery_shot" if options.use_metric_cuhk03 else own


def _scoring(keywords: dict[str, Any]) -> Scoring:
    try:
        return Scoring(**keywords)
    except TypeError as error:
        raise ConfigError(f"run() does not know a keyword: {error}") from error
