import numpy as np
import pytest

from videoreid.errors import ConfigError
from videoreid.footage.track_cutting import appearance_jumps, cut_at_gaps, describe_crop
from videoreid.footage.track_sources import tracks_from_arrays


def test_pieces_end_at_gaps_and_tracks() -> None:
    frames = [0, 1, 4, 5, 20, 3, 4]
    tracks = tracks_from_arrays(frames, [1] * 5 + [2] * 2, [[0, 0, 1, 1]] * 7)
    assert cut_at_gaps(tracks, 0).tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert cut_at_gaps(tracks, 2).tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert cut_at_gaps(tracks, 14).tolist() == [0, 0, 0, 0, 0, 1, 1]
    with pytest.raises(ConfigError, match="max_gap"):
        cut_at_gaps(tracks, -1)


def person(upper: tuple[int, int, int], lower: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    image = np.empty((60, 20, 3))
    image[:30], image[30:] = upper, lower
    return np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)


def test_a_descriptor_is_nine_histograms() -> None:
    descriptor = describe_crop(person((200, 30, 30), (30, 30, 200), np.random.default_rng(0)))
    assert descriptor.shape == (96,)
    assert descriptor.reshape(3, 32)[:, :16].sum(1) == pytest.approx([1, 1, 1])
    assert descriptor.sum() == pytest.approx(9)
    assert describe_crop(np.zeros((1, 1, 3), np.uint8)).shape == (96,)


def test_a_change_of_person_is_found_at_its_frame() -> None:
    rng = np.random.default_rng(0)
    looks = [((180, 40, 40), (40, 40, 120))] * 20 + [((40, 160, 60), (200, 200, 190))] * 25
    descriptors = np.stack([describe_crop(person(*look, rng)) for look in looks])
    marked = appearance_jumps(np.zeros(45, int), descriptors)
    assert np.flatnonzero(marked).tolist() == [20]
    assert not appearance_jumps(np.zeros(20, int), descriptors[:20]).any()
    # a jump between two pieces is no jump
    assert not appearance_jumps(np.repeat([0, 1], [20, 25]), descriptors).any()
    # nor is one in a piece too short to judge
    assert not appearance_jumps(np.zeros(15, int), descriptors[12:27]).any()


def test_the_distance_of_strangers_is_one() -> None:
    descriptors = np.zeros((16, 96), np.float32)
    for histogram in range(9):
        start = (histogram // 3) * 32 + (0, 16, 24)[histogram % 3]
        descriptors[:8, start] = 1
        descriptors[8:, start + 1] = 1
    assert np.flatnonzero(appearance_jumps(np.zeros(16, int), descriptors, threshold=0.999)).tolist() == [8]
    assert not appearance_jumps(np.zeros(16, int), descriptors, threshold=1.0).any()


@pytest.mark.parametrize("options", [{"window": 0}, {"threshold": 0.0}, {"threshold": 1.5}])
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError, match="expected a window"):
        appearance_jumps(np.zeros(4, int), np.zeros((4, 96)), **options)
    with pytest.raises(ConfigError, match="4 and 3"):
        appearance_jumps(np.zeros(4, int), np.zeros((3, 96)))
