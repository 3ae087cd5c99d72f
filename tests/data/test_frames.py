import multiprocessing as mp
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.data.numbered_video import COUNT, number_of, write_numbered
from tests.data.numbered_video import damage as damage_video
from videoreid.data.clips import ClipDataset
from videoreid.data.frames import FrameReader
from videoreid.data.keys import Box, video_key
from videoreid.data.loaders import ClipLoader
from videoreid.errors import ConfigError, DatasetError, FrameError
from videoreid.types import Tracklet


def test_files_are_read_in_order(make_tracklets) -> None:
    tracklet = make_tracklets(identities=1)[1]
    frames = FrameReader().read(tracklet.frames)
    assert [frame[0, 0].tolist() for frame in frames] == [[1, f, 7] for f in range(5)]


def test_video_frames_and_boxes_are_read(video: Path) -> None:
    whole, part = FrameReader().read([video_key(video, 3), video_key(video, 4, Box(10, 5, 30, 25))])
    assert whole.shape == (40, 48, 3)
    assert part.shape == (20, 20, 3)
    np.testing.assert_array_equal(part[..., 1], whole[5:25, 10:30, 1])  # the green gradient stands still


def test_a_box_outside_the_frame_is_an_error(video: Path) -> None:
    with pytest.raises(FrameError, match="outside the 48x40 frame"):
        FrameReader().read([video_key(video, 0, Box(10, 5, 49, 25))])


def damage(path: str) -> None:
    Path(path).write_bytes(Path(path).read_bytes()[:40])


def test_a_bad_frame_is_raised_by_name(make_tracklets) -> None:
    frames = make_tracklets(identities=1)[0].frames
    damage(frames[2])
    with pytest.raises(FrameError, match=r"000_002\.png"):
        FrameReader().read(frames)


def test_a_skipped_frame_is_replaced_by_its_neighbour_and_counted(
    make_tracklets, caplog: pytest.LogCaptureFixture
) -> None:
    frames = make_tracklets(identities=1)[0].frames
    damage(frames[0])
    damage(frames[3])
    reader = FrameReader("skip")
    assert [int(frame[0, 0, 1]) for frame in reader.read(frames)] == [1, 1, 2, 2, 4]
    assert reader.skipped == 2
    assert "000_003.png" in caplog.text


def test_a_frame_of_a_missing_store_is_skipped_like_any_other(make_tracklets, tmp_path: Path) -> None:
    good = make_tracklets(identities=1)[0].frames[2]
    keys = [f"{tmp_path}/none.h5::a.jpg", good]
    reader = FrameReader("skip")
    assert [int(frame[0, 0, 1]) for frame in reader.read(keys)] == [2, 2]
    assert reader.skipped == 1
    with pytest.raises(DatasetError, match="no packed store"):
        FrameReader().read(keys)


def test_a_clip_without_a_readable_frame_is_an_error(make_tracklets) -> None:
    frames = make_tracklets(identities=1)[0].frames
    for frame in frames:
        damage(frame)
    with pytest.raises(FrameError, match="none of 5 frames"):
        FrameReader("skip").read(frames)


def test_skips_of_workers_are_counted(make_tracklets) -> None:
    tracklets = make_tracklets(identities=4, cameras=1)
    for tracklet in tracklets[:3]:
        damage(tracklet.frames[1])
    dataset = ClipDataset(tracklets, num_frames=5, sampling="evenly", on_bad_frame="skip")
    assert sum(len(batch.pid) for batch in ClipLoader(dataset, batch_size=1, workers=2)) == 4
    assert dataset.skipped_frames == 3


def test_a_reader_is_pickled_without_its_open_videos(video: Path) -> None:
    reader = FrameReader()
    reader.read([video_key(video, 0)])
    copy = pickle.loads(pickle.dumps(reader))
    assert copy.read([video_key(video, 1)])[0].shape == (40, 48, 3)


def test_another_word_for_on_bad_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match="'raise' or 'skip'"):
        FrameReader("ignore")  # type: ignore[arg-type]


def test_many_videos_take_turns(video: Path, tmp_path: Path) -> None:
    keys = []
    for number in range(12):
        copy = tmp_path / f"{number}.avi"
        copy.write_bytes(video.read_bytes())
        keys.append(video_key(copy, number))
    frames = FrameReader().read(keys)
    assert [round(float(frame[..., 0].mean()) / 10) for frame in frames] == list(range(12))


def test_tracklets_of_a_video_need_no_files(video: Path) -> None:
    tracklet = Tracklet(tuple(video_key(video, f, Box(0, 0, 16, 32)) for f in range(6)), 1, 0)
    clip = ClipDataset([tracklet], num_frames=3)[0]
    assert clip.frames.shape == (3, 3, 32, 16)
    assert [round(float(frame[0].float().mean()) / 10) for frame in clip.frames] == [0, 2, 4]


def numbers_by_key(reader: FrameReader, path: Path, numbers: list[int]) -> list[int]:
    return [number_of(reader.read([video_key(path, number)])[0]) for number in numbers]


def _child(reader: FrameReader, path: Path, results: "mp.Queue[list[int]]") -> None:
    results.put(numbers_by_key(reader, path, [3, 80, 5]))


@pytest.mark.parametrize("name", ["mjpg.avi", "mpeg4.mp4"])
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_a_reader_that_was_used_works_in_other_processes(name: str, method: str, tmp_path: Path) -> None:
    path = write_numbered(tmp_path / name)
    reader = FrameReader()
    assert numbers_by_key(reader, path, [60, 2]) == [60, 2]
    context = mp.get_context(method)
    results = context.Queue()
    children = [context.Process(target=_child, args=(reader, path, results)) for _ in range(2)]
    for child in children:
        child.start()
    assert [results.get(timeout=100) for _ in children] == [[3, 80, 5]] * 2
    for child in children:
        child.join(timeout=100)
        assert child.exitcode == 0
    assert numbers_by_key(reader, path, [61, 1]) == [61, 1]


def test_workers_after_a_look_at_a_video(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "mpeg4.mp4")
    tracklets = [Tracklet(tuple(video_key(path, 4 * t + f) for f in range(4)), t, 0) for t in range(8)]
    loader = ClipLoader(ClipDataset(tracklets, num_frames=4, sampling="evenly"), batch_size=2, workers=2)
    _ = loader.dataset[0]
    assert sorted(int(pid) for batch in loader for pid in batch.pid) == list(range(8))


def test_threads_share_a_reader(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "mpeg4.mp4")
    reader = FrameReader()
    numbers = np.random.default_rng(0).integers(0, COUNT, 160).tolist()
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(lambda part: numbers_by_key(reader, path, part), np.split(np.array(numbers), 4))
        )
    assert [number for part in found for number in part] == numbers


def test_a_damaged_frame_of_a_video_can_be_skipped(tmp_path: Path) -> None:
    path = damage_video(write_numbered(tmp_path / "mjpg.avi"), 7)
    reader = FrameReader("skip")
    keys = [video_key(path, number) for number in (5, 6, 7, 8)]
    assert [number_of(image) for image in reader.read(keys)] == [5, 6, 6, 8]
    assert reader.skipped == 1
