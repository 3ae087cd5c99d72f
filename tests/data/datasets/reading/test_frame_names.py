import os
import pickle

import numpy as np
import pytest

from videoreid.data.datasets import FrameNames


@pytest.fixture
def frames() -> FrameNames:
    return FrameNames("root/0001", np.array([b"a.jpg", b"bb.jpg", b"c.jpg"]))


def test_it_is_a_sequence_of_paths(frames: FrameNames) -> None:
    paths = ["root/0001/a.jpg", "root/0001/bb.jpg", "root/0001/c.jpg"]
    assert list(frames) == paths
    assert [frames[i] for i in range(3)] == paths
    assert frames[-1] == paths[-1]
    assert list(frames[1:]) == paths[1:]
    assert list(frames[::-1]) == paths[::-1]
    assert "root/0001/a.jpg" in frames
    with pytest.raises(IndexError):
        frames[3]


def test_it_equals_the_same_paths_in_any_sequence(frames: FrameNames) -> None:
    assert frames == tuple(frames)
    assert frames == list(frames)
    assert frames == FrameNames("root/0001", np.array([b"a.jpg", b"bb.jpg", b"c.jpg"]))
    assert frames != frames[1:]
    assert frames != FrameNames("root/0002", np.array([b"a.jpg", b"bb.jpg", b"c.jpg"]))
    assert frames != "root/0001/a.jpg"
    assert hash(frames) == hash(tuple(frames))


def test_it_survives_pickling(frames: FrameNames) -> None:
    assert pickle.loads(pickle.dumps(frames)) == frames
    assert "3 frames" in repr(frames)


def test_names_come_back_as_the_file_system_gave_them() -> None:
    names = ["naïve 1.jpg", os.fsdecode(b"odd\xff.jpg") if os.name == "posix" else "odd.jpg"]
    assert list(FrameNames.of("root", names)) == [f"root/{name}" for name in names]
