"""Tracklets of any length to one file: the right numbers, in bounded batches, also after a kill."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from killed_extraction import Dying, tracklets
from PIL import Image

from videoreid import __version__
from videoreid.cli import main
from videoreid.data import eval_loader
from videoreid.engine import ExtractionSettings, extract_features, extract_tracklets, extraction
from videoreid.engine.batch_forward import Forward, embed_batches
from videoreid.engine.part_files import Part, PartFiles
from videoreid.engine.tracklet_batches import read_batches
from videoreid.errors import ConfigError, FrameError, ProtocolError
from videoreid.metrics import evaluate_features
from videoreid.models import build_model
from videoreid.models.digest import weights_digest
from videoreid.retrieval import read_features
from videoreid.types import Splits, Tracklet

SMALL_BATCHES = ExtractionSettings(frame_budget=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    for number in range(60):
        picture = rng.integers(0, 256, (16, 8, 3)) // 2 + rng.integers(0, 120, 3)
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{number:03d}.png")
    return folder


def expected_means(folder):
    network = Dying(10**9)
    rows = []
    for tracklet in tracklets(folder):
        pixels = np.stack([np.asarray(Image.open(file)) for file in tracklet.frames]).astype(np.float64)
        normalised = (pixels / 255 - network.pixel_mean) / network.pixel_std
        colours = normalised.mean((1, 2))
        rows.append(np.concatenate([colours, colours**2], 1).mean(0))
    return torch.tensor(np.array(rows), dtype=torch.float32)


@pytest.mark.parametrize("budget", [1, 4, 64])
def test_every_frame_counts_once_whatever_the_budget(folder, tmp_path, budget):
    settings = ExtractionSettings(frame_budget=budget)
    made = extract_tracklets(Dying(10**9), tracklets(folder), tmp_path / "f.h5", settings=settings)
    torch.testing.assert_close(made.gallery.embeddings, expected_means(folder), rtol=1e-5, atol=1e-5)
    stored = read_features(tmp_path / "f.h5")
    assert torch.equal(stored.gallery.embeddings, made.gallery.embeddings)
    assert stored.gallery.pids.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert stored.gallery.camids.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert stored.gallery.times.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert stored.model == "Dying"
    assert stored.details["frames"] == "all_continuous, T = 1, mean"
    assert stored.details["weights_sha256"] == weights_digest(Dying(1))
    assert stored.details["library"] == __version__
    assert [path.name for path in tmp_path.iterdir()] == ["f.h5"]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_numbers_do_not_depend_on_the_threads(folder, tmp_path, threads):
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        made = extract_tracklets(Dying(10**9), tracklets(folder), tmp_path / "f.h5", settings=SMALL_BATCHES)
        assert torch.get_num_threads() == threads
        found = []
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert found == [threads], "a thread that starts later has the cores it had"
    finally:
        torch.set_num_threads(usual)
    torch.testing.assert_close(made.gallery.embeddings, expected_means(folder), rtol=1e-5, atol=1e-5)


def test_batches_run_side_by_side_each_with_its_copy_of_the_modules(folder):
    together = threading.Barrier(2)

    class Meeting(Dying):
        def forward(self, frames):
            together.wait(20)  # one batch alone would wait in vain
            self.left = int(frames.sum())  # a module's own state, which another batch must not change
            rows = super().forward(frames)
            together.wait(20)
            assert self.left == int(frames.sum())
            return rows

    plan = extraction._plan(Dying(1), ExtractionSettings(frame_budget=15))
    given = [Tracklet(t.frames[:1], t.pid, t.camid) for t in tracklets(folder)] * 2
    network = Meeting(10**9).eval()
    batches = read_batches(given[:14], replace(plan, batch_frames=7))
    embedded = list(embed_batches(Forward(network, "float32", False, 2), batches, given))
    assert [batch.rows for batch, _ in embedded] == [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12, 13]]
    alone = embed_batches(Forward(Dying(10**9).eval(), "float32", False), read_batches(given, plan), given)
    assert torch.equal(torch.cat([rows for _, rows in embedded]), next(alone)[1])


def test_a_batch_has_as_many_frames_as_pay_and_a_longer_clip_runs_alone(folder):
    given = [Tracklet([str(folder / "000.png")] * length, 0, 0) for length in (5, 3, 3, 3, 9)]
    plan = replace(
        extraction._plan(Dying(1), ExtractionSettings(frame_budget=9)), sampling="all", batch_frames=6
    )
    sizes = [tuple(batch.frames.shape[:2]) for batch in read_batches(given, plan)]
    assert sizes == [(1, 5), (2, 3), (1, 3), (1, 9)]


def test_a_long_tracklet_never_fills_the_memory(folder):
    long = [Tracklet([str(folder / "000.png")] * 500, 0, 0)]
    network = Dying(10**9)
    plan = extraction._plan(network, ExtractionSettings(frame_budget=8, num_frames=2))
    sizes = [tuple(batch.frames.shape[:2]) for batch in read_batches(long, plan)]
    assert sizes == [(4, 2)] * 62 + [(2, 2)]
    plan = replace(plan, sampling="all")
    with pytest.raises(ConfigError, match="a clip of 500 frames is more than the budget of 8"):
        next(read_batches(long, plan))


def test_it_agrees_with_extract_features(folder, tmp_path):
    torch.manual_seed(0)
    model, given = build_model("osnet_x0_25"), tracklets(folder)
    settings = ExtractionSettings(size=(32, 16), num_frames=4, flip=True, frame_budget=16)
    splits = Splits("small", query=tuple(given[:3]), gallery=tuple(given[3:]))
    made = extract_tracklets(model, splits, tmp_path / "f.h5", settings=settings, model_name="mine")
    from videoreid.data import build_transform

    transform = build_transform(size=(32, 16), train=False)
    for part, features in ((splits.query, made.query), (splits.gallery, made.gallery)):
        loader = eval_loader(part, num_frames=4, sampling="all_continuous", transform=transform)
        other = extract_features(model, loader, flip=True, progress=False)
        torch.testing.assert_close(features.embeddings, other.embeddings, rtol=1e-4, atol=1e-5)
    assert (made.model, made.dataset, made.protocol) == ("mine", "small", "cross_camera")
    assert model.training


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("batches", "threads"), [(2, 1), (9, 1), (9, 3)])
def test_a_killed_extraction_goes_on(folder, tmp_path, batches, threads):
    script = str(Path(__file__).parent / "killed_extraction.py")
    output = tmp_path / "f.h5"
    command = [sys.executable, script, str(folder), str(output), str(batches), str(threads)]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == -9, done.stderr
    assert not output.exists()
    before = Dying.runs
    made = extract_tracklets(Dying(10**9), tracklets(folder), output, settings=SMALL_BATCHES)
    again = Dying.runs - before
    # 15 batches of four frames in all; the one that kills is not finished, nor need those of other threads be
    assert again == 16 - batches if threads == 1 else 16 - batches <= again <= 15, (
        "a finished batch is run again"
    )
    torch.testing.assert_close(made.gallery.embeddings, expected_means(folder), rtol=1e-5, atol=1e-5)
    assert output.is_file()
    assert not (tmp_path / "f.h5.partial").exists()


def test_features_are_never_mixed(folder, tmp_path):
    given, output = tracklets(folder), tmp_path / "f.h5"
    extract_tracklets(Dying(10**9), given, output, settings=SMALL_BATCHES)
    finished, before = Dying(10**9), Dying.runs
    extract_tracklets(finished, given, output, settings=SMALL_BATCHES)
    assert Dying.runs == before, "a complete file is returned as it is"
    other = Dying(10**9)
    with torch.no_grad():
        other.scale += 1
    for model, tracks, settings, word in (
        (other, given, SMALL_BATCHES, "weights_sha256"),
        (finished, given[1:], SMALL_BATCHES, "tracklets_sha256"),
        (finished, given, replace(SMALL_BATCHES, flip=True), "flip"),
        (finished, given, replace(SMALL_BATCHES, num_frames=2), "frames"),
    ):
        with pytest.raises(ConfigError, match=f"with other {word}; features are not mixed"):
            extract_tracklets(model, tracks, output, settings=settings)


def test_an_error_keeps_what_was_finished_and_the_rest_is_not_mixed(folder, tmp_path):
    given, output = tracklets(folder), tmp_path / "f.h5"
    missing = [*given[:4], Tracklet([str(tmp_path / "none.png")], 9, 0)]
    with pytest.raises(FrameError, match=r"none\.png"):
        extract_tracklets(Dying(10**9), missing, output, settings=SMALL_BATCHES)
    assert not output.exists()
    assert list((tmp_path / "f.h5.partial").glob("clips-*.npz"))
    with pytest.raises(ConfigError, match="beginning of another extraction, with other tracklets_sha256"):
        extract_tracklets(Dying(10**9), given, output, settings=SMALL_BATCHES)
    Image.fromarray(np.zeros((16, 8, 3), np.uint8)).save(tmp_path / "none.png")
    made = extract_tracklets(Dying(10**9), missing, output, settings=SMALL_BATCHES)
    torch.testing.assert_close(made.gallery.embeddings[:4], expected_means(folder)[:4], rtol=1e-5, atol=1e-5)


def test_nan_is_an_error_that_names_the_tracklet(folder, tmp_path):
    network = Dying(10**9)
    with torch.no_grad():
        network.scale.fill_(float("nan"))
    with pytest.raises(ProtocolError, match=r"the embedding of tracklet 0 .* is NaN"):
        extract_tracklets(network, tracklets(folder), tmp_path / "f.h5")
    with pytest.raises(ConfigError, match="no tracklet"):
        extract_tracklets(network, [], tmp_path / "f.h5")
    with pytest.raises(ConfigError, match="must be 1 or more"):
        ExtractionSettings(frame_budget=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_models_of_other_types_extract_and_rank(folder, tmp_path, dtype):
    torch.manual_seed(0)
    model = build_model("osnet_x0_25").eval()
    given = [replace(t, pid=t.pid // 2) for t in tracklets(folder)]
    splits = Splits("small", query=tuple(given[:3]), gallery=tuple(given))
    settings = ExtractionSettings(size=(64, 32))
    exact = extract_tracklets(model, splits, tmp_path / "a.h5", settings=settings)
    made = extract_tracklets(model.to(dtype), splits, tmp_path / "b.h5", settings=settings)
    assert made.gallery.embeddings.dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(made.gallery.embeddings, exact.gallery.embeddings)
    assert cosine.min() > {torch.float64: 0.999999, torch.float16: 0.9999, torch.bfloat16: 0.999}[dtype]
    ranking = evaluate_features(made.query, made.gallery)
    assert (
        ranking.distances.shape == (3, 7) if hasattr(ranking, "distances") else len(ranking.top_indices) == 3
    )


def test_the_command_writes_a_file_that_eval_scores(tmp_path, capsys):
    torch.manual_seed(0)
    torch.save(build_model("osnet_x0_25").state_dict(), tmp_path / "w.pth")
    rng = np.random.default_rng(1)
    for pid in range(4):
        for camera in range(2):
            place = tmp_path / "data" / f"{pid:04d}" / f"c{camera}" / "walk"
            place.mkdir(parents=True)
            for frame in range(3):
                picture = rng.integers(0, 256, (16, 8, 3)).astype(np.uint8)
                Image.fromarray(picture).save(place / f"{frame:03d}.jpg")
    output = tmp_path / "f.h5"
    command = ["extract", "--corpus", "folder", "--root", str(tmp_path / "data"), "--model", "osnet_x0_25"]
    command += ["--option", "test_share=0.5"]
    command += ["--weights", str(tmp_path / "w.pth"), "--size", "64", "32", "--output", str(output)]
    assert main(command) == 0, capsys.readouterr().err
    stored = read_features(output)
    assert stored.model == "osnet_x0_25"
    assert stored.details["weights"] == "w.pth"
    assert len(stored.details["weights_file_sha256"]) == 64
    assert main(command) == 0  # complete already
    assert main(["eval", str(output)]) == 0
    assert "osnet_x0_25" in capsys.readouterr().out


def test_a_store_a_folder_and_a_video_are_sources(tmp_path):
    from videoreid.data import pack_splits
    from videoreid.engine import VideoTracks
    from videoreid.footage.track_files import Tracks

    rng = np.random.default_rng(2)
    for person in (3, 8):
        place = tmp_path / "people" / f"{person:04d}" / "c0" / "walk"
        place.mkdir(parents=True)
        for frame in range(3):
            picture = np.full((16, 8, 3), rng.integers(0, 256, 3), np.uint8)
            Image.fromarray(picture).save(place / f"{frame}.png")
    model = Dying(10**9)
    made = extract_tracklets(model, tmp_path / "people", tmp_path / "a.h5")
    assert (made.gallery.pids.tolist(), len(made.query), made.dataset) == ([3, 8], 0, "people")
    frames = {
        pid: [str(tmp_path / "people" / f"{pid:04d}" / "c0" / "walk" / f"{frame}.png") for frame in range(3)]
        for pid in (3, 8)
    }
    splits = Splits("two", query=(Tracklet(frames[3], 3, 0),), gallery=(Tracklet(frames[8], 8, 0),))
    pack_splits(splits, tmp_path / "packed.h5")
    packed = extract_tracklets(model, str(tmp_path / "packed.h5"), tmp_path / "b.h5")
    assert (packed.query.pids.tolist(), packed.gallery.pids.tolist()) == ([3], [8])
    both = torch.cat([packed.query.embeddings, packed.gallery.embeddings])
    torch.testing.assert_close(both, made.gallery.embeddings)

    import cv2

    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 25, (64, 48))
    if not writer.isOpened():
        pytest.skip("OpenCV cannot write FFV1 here")
    for level in (40, 80, 120):
        picture = np.full((48, 64, 3), level, np.uint8)
        picture[:, 32:] = 255 - level
        writer.write(picture)
    writer.release()
    boxes = np.array([[2, 2, 16, 32], [40, 2, 16, 32]] * 3, np.float64)
    tracks = Tracks(np.array([0, 0, 1, 1, 2, 2]), np.array([1, 2] * 3), boxes)
    seen = extract_tracklets(model, VideoTracks(tmp_path / "v.avi", tracks, camid=4), tmp_path / "c.h5")
    assert seen.gallery.pids.tolist() == [1, 2]
    assert seen.gallery.camids.tolist() == [4, 4]
    assert seen.gallery.times.tolist() == [0.0, 0.0]
    grey = (np.array([80.0, 175.0]) / 255 - 0.5) / 0.25  # the means of three frames
    np.testing.assert_allclose(seen.gallery.embeddings[:, 0].numpy(), grey, atol=0.02)
    assert not (tmp_path / "c.h5.crops").exists()
    with pytest.raises(ConfigError, match="neither a packed store"):
        extract_tracklets(model, tmp_path / "none", tmp_path / "d.h5")


def test_the_choice_of_arithmetic_is_stored_and_kept(folder, tmp_path, monkeypatch):
    """An extraction that goes on takes what it began with and never times again."""
    asked = []

    def choose(make_copy, frames, camids):
        asked.append(tuple(frames.shape[:2]))
        return extraction.Arithmetic("bfloat16", channels_last=True, reason="the test says so")

    monkeypatch.setattr(extraction, "choose_arithmetic", choose)
    monkeypatch.setattr(extraction, "_WORTH_TIMING", 50)
    given, output = tracklets(folder), tmp_path / "f.h5"
    missing = [*given[:4], Tracklet([str(tmp_path / "none.png")], 9, 0), *given[4:]]
    with pytest.raises(FrameError):
        extract_tracklets(Dying(10**9), missing, output, settings=SMALL_BATCHES)
    assert asked == []  # the sample has the missing frame as well
    Image.fromarray(np.zeros((16, 8, 3), np.uint8)).save(tmp_path / "none.png")
    made = extract_tracklets(Dying(10**9), missing, output, settings=SMALL_BATCHES)
    assert asked == [(8, 1)]
    assert (made.details["precision"], made.details["layout"]) == ("bfloat16", "channels last")
    extract_tracklets(Dying(10**9), missing, output, settings=SMALL_BATCHES)
    assert asked == [(8, 1)], "a complete file says how it was made"
    with pytest.raises(ConfigError, match="with other layout, precision"):
        extract_tracklets(Dying(10**9), missing, output, settings=replace(SMALL_BATCHES, precision="float32"))
    monkeypatch.setattr(extraction, "_WORTH_TIMING", 10**9)
    short = extract_tracklets(Dying(10**9), missing, tmp_path / "g.h5", settings=SMALL_BATCHES)
    assert (asked, short.details["precision"]) == ([(8, 1)], "float32")


def test_parts_say_how_they_began(folder, tmp_path, monkeypatch):
    parts = PartFiles(tmp_path / "f.h5")
    run = {"precision": "bfloat16", "layout": "channels last"}
    parts.open(run)
    assert parts.record() == run
    arithmetic = extraction._arithmetic(Dying(1), tracklets(folder), None, ExtractionSettings(), run)
    assert (arithmetic.precision, arithmetic.channels_last) == ("bfloat16", True)
    sums = np.ones((2, 3))
    parts.write(Part(0, 4, np.array([0, 1]), sums))
    parts.write(Part(6, 9, np.array([1, 2]), sums))
    parts.write(Part(3, 5, np.array([1, 2]), sums))  # overlaps: of another cut
    (parts.folder / "clips-000000009-000000012.npz").write_bytes(b"cut off")
    assert [part[:2] for part in parts.read(12)] == [(0, 4), (6, 9)]


def test_without_a_compiler_compile_says_so(folder, tmp_path, monkeypatch):
    def no_compiler(*inputs):
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\n\nSet TORCHDYNAMO_VERBOSE=1")

    class Uncompiled(torch.nn.Module):
        forward = staticmethod(no_compiler)

    monkeypatch.setattr(torch, "compile", lambda model: Uncompiled().eval())
    with pytest.raises(
        ConfigError, match=r"No working C\+\+ compiler found. Install what is missing, or extract"
    ):
        extract_tracklets(
            Dying(10**9), tracklets(folder), tmp_path / "f.h5", settings=replace(SMALL_BATCHES, compile=True)
        )
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_features(folder, tmp_path):
    torch.manual_seed(0)
    model = build_model("osnet_x0_25").eval()
    settings = ExtractionSettings(size=(64, 32), precision="float32")
    plain, compiled = (
        extract_tracklets(
            model, tracklets(folder), tmp_path / f"{way}.h5", settings=replace(settings, compile=way)
        )
        for way in (False, True)
    )
    torch.testing.assert_close(compiled.gallery.embeddings, plain.gallery.embeddings, rtol=1e-3, atol=1e-4)
