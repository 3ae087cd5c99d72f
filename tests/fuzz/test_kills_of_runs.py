"""Kill -9 at any moment of long runs: importing tracks, extracting features, fetching weights, training.

The next run goes on or begins anew, ends as a run that nobody killed, and leaves nothing behind.
"""

import hashlib
import http.server
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tqdm import tqdm

from tests.engine.small_world import Clips, Net, loader
from videoreid.engine import Engine, TrainSettings, extract_features
from videoreid.errors import VideoReIDError
from videoreid.footage.importing import Footage, import_footage
from videoreid.footage.track_sources import tracks_from_arrays
from videoreid.losses import SoftmaxCriterion
from videoreid.retrieval import read_features, write_features
from videoreid.utils.download import fetch

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="forks processes and kills them"
)


def kill_after(seconds: float, run: Callable[..., object], *args: object) -> bool:
    """Run in a forked process, kill it if it takes longer; say whether it was killed."""
    child = multiprocessing.get_context("fork").Process(target=_with_bars_of_its_own, args=(run, *args))
    child.start()
    child.join(seconds)
    alive = child.is_alive()
    if alive:
        os.kill(child.pid, signal.SIGKILL)
    child.join()
    if not alive:
        assert child.exitcode == 0, "it failed by itself"
    return alive


def _with_bars_of_its_own(run: Callable[..., object], *args: object) -> None:
    """Run with a lock for progress bars that no other process shares: a kill would leave it locked for all of them."""
    tqdm.set_lock(threading.RLock())
    run(*args)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, without the time of writing in the head of a .mat file."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found[str(path.relative_to(folder))] = data[128:] if path.suffix == ".mat" else data
    return found


def footage(folder: Path) -> list[Footage]:
    rng = np.random.default_rng(0)
    items = []
    for camera in (0, 1):
        writer = cv2.VideoWriter(str(folder / f"{camera}.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 25, (64, 48))
        for _ in range(20):
            writer.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        writer.release()
        rows = [
            (frame, track, (12 * track, 5, 12 * track + 10, 25)) for track in (1, 2, 3) for frame in range(20)
        ]
        tracks = tracks_from_arrays(*([row[i] for row in rows] for i in range(3)))
        items.append(Footage(folder / f"{camera}.avi", tracks, camid=camera, identities={1: 1, 2: 2, 3: 3}))
    return items


def kill_imports(folder: Path, trials: int, longest: float) -> None:
    items, rng = footage(folder), np.random.default_rng(trials)
    began = time.perf_counter()
    whole = files_of(import_footage(items, folder / "whole"))
    took = time.perf_counter() - began
    kills = 0
    for trial in range(trials):
        root = folder / str(trial)
        for _ in range(5):
            if not kill_after(float(rng.uniform(0, longest * took)), import_footage, items, root):
                break
            kills += 1
            if (root / "info").exists() and not (root / ".import-plan").exists():
                break  # killed on its way out: all was done
        if not ((root / "info").exists() and not (root / ".import-plan").exists()):
            import_footage(items, root)
        (root / ".import.lock").unlink(missing_ok=True)  # means nothing: the lock died with its process
        assert files_of(root) == whole
        assert sorted(path.name for path in root.iterdir()) == ["bbox_test", "bbox_train", "info"]
    assert kills > 0


def test_an_import_that_is_killed_ends_in_the_same_dataset(tmp_path: Path) -> None:
    kill_imports(tmp_path, 3, 1.2)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_import_that_is_killed_often_ends_in_the_same_dataset(tmp_path: Path) -> None:
    kill_imports(tmp_path, 30, 1.5)


def extract_for_ever(folder: Path) -> None:
    torch.set_num_threads(1)
    while True:
        torch.manual_seed(0)
        features = extract_features(Net(), loader(Clips(), 4, num_workers=1), progress=False)
        write_features(folder / "features.h5", features, features)


def kill_extraction(folder: Path, kills: int) -> None:
    torch.manual_seed(0)
    expected = extract_features(Net(), loader(Clips(), 4), progress=False).embeddings
    rng = np.random.default_rng(kills)
    for _ in range(kills):
        assert kill_after(float(rng.uniform(0.1, 0.8)), extract_for_ever, folder)
        if (folder / "features.h5").exists():
            stored = read_features(folder / "features.h5")
            torch.testing.assert_close(stored.query.embeddings, expected)
            torch.testing.assert_close(stored.gallery.embeddings, expected)
    names = {path.name for path in folder.iterdir()}
    assert all(name == "features.h5" or name.startswith(".features.writing-") for name in names)
    assert "features.h5" in names


def test_extraction_that_is_killed_leaves_whole_features(tmp_path: Path) -> None:
    kill_extraction(tmp_path, 6)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_extraction_that_is_killed_often_leaves_whole_features(tmp_path: Path) -> None:
    kill_extraction(tmp_path, 60)


CONTENT = np.random.default_rng(0).bytes(1 << 20)


class Slow(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT in sixteen blocks with pauses between; knows ranges."""

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.send_header("ETag", '"v1"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        for place in range(start, len(CONTENT), 1 << 16):
            try:
                self.wfile.write(CONTENT[place : place + (1 << 16)])
            except OSError:  # the other side was killed
                return
            time.sleep(self.server.pause)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


def download(url: str) -> None:
    fetch(url, progress=False)


def kill_downloads(folder: Path, trials: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEOREID_OFFLINE", raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    url, rng, kills = f"http://127.0.0.1:{server.server_port}/weights.pth", np.random.default_rng(trials), 0
    try:
        for trial in range(trials):
            monkeypatch.setenv("VIDEOREID_HOME", str(folder / str(trial)))
            server.pause = 0.01
            for _ in range(3):
                kills += kill_after(float(rng.uniform(0.02, 0.3)), download, url)
            server.pause = 0.0
            began = time.monotonic()
            path = fetch(url, progress=False)
            assert time.monotonic() - began < 30, "it waited for a dead process"
            assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(CONTENT).digest()
            # a temporary file may be somebody's work for an hour
            names = {entry.name for entry in path.parent.iterdir() if ".writing-" not in entry.name}
            assert names == {path.name, f"{path.name}.sha256", f"{path.name}.source"}
    finally:
        server.shutdown()
        server.server_close()
    assert kills > 0


def test_a_download_that_is_killed_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_downloads(tmp_path, 3, monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_download_that_is_killed_often_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_downloads(tmp_path, 40, monkeypatch)


def train(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Net(6)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    engine = Engine(model, SoftmaxCriterion(), optimizer, settings=TrainSettings(save_every=2), device="cpu")
    engine.fit(loader(Clips(), 4, shuffle=True), 4, output_dir=folder / "run", resume="auto", progress=False)
    torch.save(model.state_dict(), folder / "end.pt")


def kill_training(folder: Path, trials: int) -> None:
    (folder / "whole").mkdir()
    began = time.perf_counter()
    assert not kill_after(300, train, folder / "whole")
    took = time.perf_counter() - began
    expected = torch.load(folder / "whole" / "end.pt")
    rng, kills = np.random.default_rng(trials), 0
    for trial in range(trials):
        place = folder / str(trial)
        place.mkdir()
        for _ in range(4):
            kills += kill_after(float(rng.uniform(0.2, 0.9) * took), train, place)
        assert not kill_after(300, train, place)
        state = torch.load(place / "end.pt")
        for name, value in expected.items():
            torch.testing.assert_close(state[name], value, rtol=0, atol=0)
    assert kills > 0


def test_training_that_is_killed_ends_in_the_same_weights(tmp_path: Path) -> None:
    kill_training(tmp_path, 1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_training_that_is_killed_often_ends_in_the_same_weights(tmp_path: Path) -> None:
    kill_training(tmp_path, 12)


def test_a_run_that_fails_by_itself_is_no_kill(tmp_path: Path) -> None:
    def fail() -> None:
        raise VideoReIDError("x")

    with pytest.raises(AssertionError, match="failed by itself"):
        kill_after(30, fail)
