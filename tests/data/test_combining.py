import pytest

from videoreid.data.combining import combine_train
from videoreid.errors import ConfigError
from videoreid.types import Splits, Tracklet


def dataset(name: str, people: list[tuple[int, int]], *, camera: int = 0) -> Splits:
    """A dataset with one training tracklet for each (label, camera), and test people 5, 9, a distractor and a copy."""
    train = tuple(Tracklet([f"{name}/train/{n}"], pid, camid) for n, (pid, camid) in enumerate(people))
    query = (Tracklet([f"{name}/q5"], 5, camera),)
    gallery = (
        Tracklet([f"{name}/g9"], 9, camera + 2),
        Tracklet([f"{name}/g0"], 0, camera),
        Tracklet([f"{name}/q5"], 5, camera),  # the query again, as DukeMTMC-VideoReID holds it
        Tracklet([f"{name}/g5"], 5, camera + 1),
    )
    return Splits(name, train, query, gallery)


def test_people_and_cameras_of_datasets_do_not_mix() -> None:
    a, b = dataset("a", [(0, 0), (1, 2), (1, 1)]), dataset("b", [(0, 0), (0, 3)])
    tracklets, domains = combine_train([a, b])
    assert [(t.pid, t.camid) for t in tracklets] == [(0, 0), (1, 2), (1, 1), (2, 3), (2, 6)]
    assert domains == (0, 0, 0, 1, 1)


def test_test_people_get_labels_after_the_training_ones() -> None:
    tracklets, _ = combine_train([dataset("a", [(0, 0), (1, 0)])], include_test=True)
    assert [(t.frames[0], t.pid) for t in tracklets] == [
        ("a/train/0", 0),
        ("a/train/1", 1),
        ("a/q5", 2),
        ("a/g9", 3),
        ("a/g5", 2),
    ]


def test_no_cameras_stay_no_cameras() -> None:
    a, b = dataset("a", [(0, -1)]), dataset("b", [(0, 1)])
    assert [t.camid for t in combine_train([a, b]).tracklets] == [-1, 1]


@pytest.mark.parametrize("datasets", [[], [Splits("empty")]])
def test_nothing_to_train_on_is_refused(datasets: list[Splits]) -> None:
    with pytest.raises(ConfigError, match="nothing to train on in"):
        combine_train(datasets)
