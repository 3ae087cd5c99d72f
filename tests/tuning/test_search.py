import sys

import cv2
import pytest

from videoreid.engine import Event
from videoreid.errors import ConfigError, MissingExtraError, TrainingError
from videoreid.tuning import BAG_OF_TRICKS_SPACE, Range, draw_study, pruning_callback, run_search, suggest

SPACE = {"x": Range(-1.0, 1.0), "rate": Range(1e-6, 1.0, log=True)}


@pytest.fixture
def optuna():
    module = pytest.importorskip("optuna", reason="the extra [tune] is not installed")
    module.logging.set_verbosity(module.logging.WARNING)
    return module


def objective(trial):
    numbers = suggest(trial, SPACE)
    return -((numbers["x"] - 0.5) ** 2)


def test_the_published_bounds():
    assert set(BAG_OF_TRICKS_SPACE) == {"log", "published"}
    for name, space in BAG_OF_TRICKS_SPACE.items():
        assert (space["sigma"], space["alpha"], space["l"]) == (
            Range(0.1, 1.0),
            Range(0.5, 3.0),
            Range(0.1, 1.0),
        )
        assert space["margin"] == Range(1e-6, 1.0, log=True)
        assert space["beta"] == space["gamma"] == Range(1e-6, 1.0)
        assert space["weight_decay"] == Range(1e-6, 1.0, log=name == "log")


def test_a_search_finds_better_than_chance_and_stays_in_bounds(optuna, tmp_path):
    study = run_search(objective, 25, storage=tmp_path / "study.db", seed=1)
    assert study.best_value > -0.02
    assert all(-1 <= t.params["x"] <= 1 and 1e-6 <= t.params["rate"] <= 1 for t in study.trials)
    assert sum(t.params["rate"] < 1e-2 for t in study.trials[:10]) >= 3  # drawn in log scale


def test_a_search_resumes_from_its_file(optuna, tmp_path):
    first = run_search(objective, 5, storage=tmp_path / "study.db", seed=1)
    seen = [t.params for t in first.trials]
    second = run_search(objective, 8, storage=tmp_path / "study.db", seed=1)
    assert [t.params for t in second.trials[:5]] == seen
    assert len(second.trials) == 8
    assert second.trials[5].params not in seen
    assert len(run_search(objective, 8, storage=tmp_path / "study.db", seed=1).trials) == 8


def test_the_same_seed_draws_the_same(optuna, tmp_path):
    runs = [run_search(objective, 12, storage=tmp_path / f"{n}.db", seed=4) for n in range(2)]
    assert [t.params for t in runs[0].trials] == [t.params for t in runs[1].trials]


def test_a_killed_trial_does_not_count_and_a_failed_one_fails_alone(optuna, tmp_path):
    def kill(trial):
        objective(trial)
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_search(lambda t: kill(t) or 1.0, 5, storage=tmp_path / "study.db")

    def fail(trial):
        if trial.number == 4:
            raise TrainingError("the loss is not finite")
        return objective(trial)

    study = run_search(fail, 7, storage=tmp_path / "study.db")
    states = [t.state.name for t in study.trials]
    assert states.count("COMPLETE") + states.count("FAIL") >= 7
    assert "FAIL" in states


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_a_crashed_trial_is_done_again(optuna, tmp_path, error):
    def crash(trial):
        if trial.number == 2:
            raise error
        return objective(trial)

    with pytest.raises(error):
        run_search(crash, 4, storage=tmp_path / "study.db")
    study = run_search(objective, 4, storage=tmp_path / "study.db")
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert len({trial.params["x"] for trial in study.trials if trial.params}) == 4


@pytest.mark.parametrize("failure", [TrainingError("the loss is not finite"), float("nan")])
def test_a_trial_that_failed_by_its_numbers_is_done(optuna, tmp_path, failure):
    def fail(trial):
        if trial.number == 1 and isinstance(failure, Exception):
            raise failure
        return failure if trial.number == 1 else objective(trial)

    for _ in range(2):
        study = run_search(fail, 3, storage=tmp_path / "study.db")
        assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "COMPLETE"]


@pytest.mark.parametrize("name", ["a study?.db", "50%20#x.db", "mode=ro&ü.db", "folder?x=1/the study.db"])
def test_any_characters_may_be_in_the_path(optuna, tmp_path, name):
    for trials in (1, 2):
        study = run_search(objective, trials, storage=tmp_path / name)
    assert len(study.trials) == 2
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).name]


def test_hopeless_trials_are_pruned(optuna, tmp_path):
    def prunable(trial):
        report = pruning_callback(trial, "mAP")
        good = trial.number < 4
        for epoch in range(1, 4):
            report(Event("step", epoch, epoch, {"loss": 1.0}))
            report(Event("validation", epoch, epoch, {"mAP": epoch * (0.2 if good else 0.01)}))
        return 0.6 if good else 0.03

    study = run_search(prunable, 8, storage=tmp_path / "study.db", startup_trials=2)
    states = [t.state.name for t in study.trials]
    assert states[:4] == ["COMPLETE"] * 4
    assert set(states[4:]) == {"PRUNED"}


def test_the_plot_shows_every_parameter(optuna, tmp_path):
    study = run_search(objective, 6, storage=tmp_path / "study.db")
    draw_study(study, tmp_path / "pictures" / "study.png")
    picture = cv2.imread(str(tmp_path / "pictures" / "study.png"))
    assert picture is not None
    assert picture.std() > 5


def test_errors(optuna, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="trials must be 1"):
        run_search(objective, 0, storage=tmp_path / "study.db")
    with pytest.raises(ConfigError, match="path of an SQLite file"):
        run_search(objective, 1, storage="sqlite:///study.db")
    with pytest.raises(ConfigError, match="nothing to draw"):
        draw_study(optuna.create_study(), tmp_path / "study.png")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"videoreid\[tune\]"):
        run_search(objective, 1, storage=tmp_path / "study.db")
