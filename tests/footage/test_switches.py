from pathlib import Path

import numpy as np
import pytest

from tests.data.numbered_video import number_of, write_numbered
from videoreid.errors import ConfigError
from videoreid.footage.switches import cut_switches, embed_boxes
from videoreid.footage.track_files import Tracks


def tracks_of(lengths: dict[int, int], step: int = 1) -> Tracks:
    rows = [(step * place, name) for name, length in lengths.items() for place in range(length)]
    frames, ids = (np.array(column) for column in zip(*rows, strict=True))
    return Tracks(frames, ids, np.tile([0.0, 0.0, 128.0, 64.0], (len(rows), 1)))


def people(*runs: tuple[int, int], noise: float = 0.1) -> np.ndarray:
    """Embeddings of runs of (person, length), with noise."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([np.tile(np.eye(8)[person], (length, 1)) for person, length in runs])
    rows = rows + noise * rng.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_track_is_cut_where_the_person_changes() -> None:
    tracks = tracks_of({3: 30, 7: 20})
    cut, count = cut_switches(tracks, people((0, 12), (1, 18), (2, 20)))
    assert count == 1
    assert cut.track_ids.tolist() == [3] * 12 + [7] * 20 + [8] * 18  # in the order of ids
    assert cut.select(cut.track_ids == 8).frames.tolist() == list(range(12, 30))


@pytest.mark.parametrize(("last", "new"), [(2**63 - 1, 1), (2**64 - 2, 1), (2**63, 2**63 + 1)])
def test_new_ids_are_free_also_where_the_numbers_end(last: int, new: int) -> None:
    ids = np.array([last] * 30, dtype=np.uint64 if last >= 2**63 else np.int64)
    tracks = Tracks(np.arange(30), ids, np.tile([0.0, 0.0, 9.0, 9.0], (30, 1)))
    cut, count = cut_switches(tracks, people((0, 12), (1, 18)))
    assert count == 1
    assert sorted(set(cut.track_ids.tolist())) == sorted({last, new})


def test_two_switches_are_two_cuts_and_noise_is_none() -> None:
    cut, count = cut_switches(tracks_of({1: 40}), people((0, 13), (1, 14), (0, 13)))
    assert count == 2
    assert np.unique(cut.track_ids, return_counts=True)[1].tolist() == [13, 14, 13]
    assert cut_switches(tracks_of({1: 40}), people((0, 40)))[1] == 0


def test_boxes_without_an_embedding_go_with_their_neighbours() -> None:
    embeddings = people((0, 24), (1, 24))
    embeddings[np.arange(48) % 2 == 1] = np.nan
    cut, count = cut_switches(tracks_of({1: 48}), embeddings)
    assert count == 1
    assert cut.track_ids.tolist() == [1] * 24 + [2] * 24


def test_short_tracks_are_left_alone() -> None:
    assert cut_switches(tracks_of({1: 7}), people((0, 3), (1, 4)))[1] == 0
    assert cut_switches(Tracks(*(np.empty(0, int),) * 2, np.empty((0, 4))), np.empty((0, 8)))[1] == 0


@pytest.mark.parametrize("options", [{"window": 0}, {"threshold": 0.0}, {"threshold": 2.0}])
def test_options_are_checked(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected a window"):
        cut_switches(tracks_of({1: 9}), people((0, 9)), **options)
    with pytest.raises(ConfigError, match="as many embeddings as boxes"):
        cut_switches(tracks_of({1: 9}), people((0, 8)))


def test_boxes_are_embedded_every_nth_frame_in_batches(tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "mpeg4.mp4", 30)
    sizes: list[int] = []

    def encode(crops: list[np.ndarray]) -> list[list[float]]:
        sizes.append(len(crops))
        return [[3.0 * np.cos(number_of(crop)), 3.0 * np.sin(number_of(crop))] for crop in crops]

    tracks = tracks_of({1: 25, 2: 20})
    found = embed_boxes(video, tracks, encode, every=5, batch_size=4)
    assert sizes == [4, 4, 1]
    wanted = np.stack([np.cos(tracks.frames), np.sin(tracks.frames)], axis=1)
    seen = tracks.frames % 5 == 0
    assert found[seen] == pytest.approx(wanted[seen], abs=1e-6)
    assert np.isnan(found[~seen]).all()
    with pytest.raises(ConfigError, match=r"the encoder returned \(4,\) for 4 crops"):
        embed_boxes(video, tracks, lambda crops: [1.0] * len(crops), every=5, batch_size=4)
    with pytest.raises(ConfigError, match="every and batch_size"):
        embed_boxes(video, tracks, encode, every=0)
