"""Several processes extract one file: every clip once, in order, also after one of them was killed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from killed_extraction import Dying, tracklets
from PIL import Image

from videoreid.engine import extract_tracklets
from videoreid.engine.tracklet_batches import ClipCounts, share_clips
from videoreid.retrieval import read_features

SCRIPT = Path(__file__).with_name("extracting_process.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    for number in range(60):
        picture = rng.integers(0, 256, (16, 8, 3)) // 2 + rng.integers(0, 120, 3)
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{number:03d}.png")
    return folder


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), min_size=1, max_size=8),
    st.lists(st.integers(0, 48), max_size=6),
    st.integers(1, 5),
)
def test_every_clip_that_is_not_done_has_one_owner(tracks, borders, processes):
    clips, lengths = (np.array(values) for values in zip(*tracks, strict=True))
    counts = ClipCounts(clips, clips * lengths)
    borders = sorted({min(border, counts.total) for border in borders})
    done = [pair for pair in zip(borders[::2], borders[1::2], strict=False) if pair[0] < pair[1]]
    shares = share_clips(counts, done, processes=processes)
    owned = [clip for share in shares for first, last in share for clip in range(first, last)]
    finished = [clip for first, last in done for clip in range(first, last)]
    assert owned == sorted(owned)
    assert sorted(owned + finished) == list(range(counts.total))


def test_shares_are_cut_by_frames_through_a_long_tracklet():
    counts = ClipCounts(np.array([1, 1000, 3]), np.array([4, 4000, 12]))
    shares = share_clips(counts, [], processes=4)
    assert shares == [[(0, 251)], [(251, 502)], [(502, 753)], [(753, 1004)]]
    assert share_clips(counts, [(0, 502)], processes=2) == [[(502, 753)], [(753, 1004)]]
    # a clip of 100 frames weighs as much as a hundred of one frame
    assert share_clips(ClipCounts(np.array([1, 100]), np.array([100, 100])), [], processes=2) == [
        [(0, 1)],
        [(1, 101)],
    ]


def start(folder, output, processes, dying=-1, batch=0):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), *map(str, (folder, output, rank, processes, dying, batch))],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]


def same_as_one_process(folder, output, tmp_path):
    alone = extract_tracklets(Dying(10**9), tracklets(folder), tmp_path / "alone.h5")
    stored = read_features(output)
    assert stored.gallery.pids.tolist() == alone.gallery.pids.tolist() == list(range(7))
    assert stored.gallery.times.tolist() == alone.gallery.times.tolist()
    torch.testing.assert_close(stored.gallery.embeddings, alone.gallery.embeddings, rtol=1e-6, atol=1e-6)
    assert not output.with_name(output.name + ".partial").exists()


@pytest.mark.skipif(os.name == "nt", reason="gloo meets in a file here")
def test_two_processes_share_the_frames(folder, tmp_path):
    output = tmp_path / "f.h5"
    for process in start(folder, output, 2):
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
    # 60 frames in batches of four: 30 frames each, so eight batches each, and none twice
    assert [(tmp_path / f"runs-{rank}").read_text("utf-8") for rank in range(2)] == ["8 7", "8 7"]
    same_as_one_process(folder, output, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_a_killed_process_goes_on_with_any_number(folder, tmp_path, processes):
    output = tmp_path / "f.h5"
    first, second = start(folder, output, 2, dying=1, batch=5)
    assert second.wait(timeout=200) == -9
    first.kill()  # what torchrun does with the others
    first.communicate(timeout=60)
    assert not output.exists()
    kept = sum(
        int(name.stem.split("-")[2]) - int(name.stem.split("-")[1])
        for name in (tmp_path / "f.h5.partial").glob("clips-*.npz")
    )
    assert kept >= 16, "four batches of the second process, whatever the first one had"
    for process in start(folder, output, processes):
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
    runs = sum(int((tmp_path / f"runs-{rank}").read_text("utf-8").split()[0]) for rank in range(processes))
    assert runs <= (60 - kept) // 4 + 2 * processes, "nothing that was kept is run again"
    same_as_one_process(folder, output, tmp_path)
