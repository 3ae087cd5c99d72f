import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import (
    picture,
    write_folder,
    write_lip,
    write_mars,
    write_prid2011,
)
from videoreid.data.checks import verify_parsing, verify_splits
from videoreid.data.checks.findings import VerifyReport
from videoreid.data.checks.frame_checks import look_at_frames, missing_frames, sample_frames
from videoreid.data.datasets import (
    Counts,
    DatasetInfo,
    build_dataset,
    build_parsing_dataset,
    collect_remarks,
    dataset_info,
)
from videoreid.types import Splits, Tracklet

CARD = DatasetInfo(
    "own",
    "Own",
    "",
    "",
    "",
    "",
    {"train": Counts(2, 3, 7), "query": Counts(tracklets=1)},
    num_cameras=2,
    image_size=(16, 8),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_folder(tmp_path)
    return tmp_path


def found(report: VerifyReport, check: str) -> list[tuple[str, str]]:
    return [(finding.level, finding.message) for finding in report.findings if finding.check == check]


def test_a_whole_dataset_is_not_damaged(root: Path) -> None:
    report = verify_splits(build_dataset("folder", root), CARD, num_frames=2)
    assert not report.damaged
    assert [level for level, _ in found(report, "counts")] == ["ok"] * 4
    assert found(report, "files") == [("ok", "all 12 frames are there")]
    assert found(report, "decoding") == [("ok", "all 12 frames tried decode")]
    assert found(report, "sizes") == [("ok", "all are 16x8, as published")]
    assert found(report, "lengths")[0][0] == "note"  # one gallery tracklet has one frame
    assert "no damage found" in str(report)
    assert report.statistics["train"].frames == 7


def test_counts_that_differ_are_damage(root: Path) -> None:
    shutil.rmtree(root / "train" / "12")
    report = verify_splits(build_dataset("folder", root), CARD)
    assert report.damaged
    assert ("damage", "train has 5 images; 7 were published") in found(report, "counts")
    assert ("ok", "query has 1 tracklets, as published") in found(report, "counts")


def test_a_frame_that_does_not_decode_is_named(root: Path) -> None:
    path = root / "train" / "3" / "hall" / "a" / "9.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    report = verify_splits(build_dataset("folder", root), CARD)
    level, message = found(report, "decoding")[0]
    assert level == "damage"
    assert message.startswith("1 of 12 frames tried do not decode")
    assert str(path.parent) in message
    assert path.name in message


def test_missing_frames_are_named(tmp_path: Path) -> None:
    write_mars(tmp_path)
    (tmp_path / "bbox_test" / "0002" / "0002C4T0005F003.jpg").unlink()
    shutil.rmtree(tmp_path / "bbox_train" / "0007")
    splits = build_dataset("mars", tmp_path)
    report = verify_splits(splits)
    assert found(report, "files")[0][0] == "damage"
    assert found(report, "files")[0][1].startswith("8 of 40 frames are missing, such as ")
    gone = list(map(Path, missing_frames(splits.gallery)))
    assert gone == [tmp_path / "bbox_test" / "0002" / "0002C4T0005F003.jpg"]
    assert missing_frames([Tracklet(["store.h5::1"], 1, 0)]) == []


def test_files_of_many_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videoreid.data.checks.frame_checks._FOLDERS", 2)
    paths = [str(picture(tmp_path / str(n % 5) / f"{n}.jpg")) for n in range(15)]
    tracklets = [Tracklet([path], 1, 0) for path in paths]
    assert missing_frames(tracklets) == []
    Path(paths[7]).unlink()
    assert missing_frames(tracklets) == [paths[7]]


def test_duplicates_are_damage(root: Path) -> None:
    splits = build_dataset("folder", root)
    twice = Splits("own", splits.train + splits.train[:1], splits.query, splits.gallery + splits.train[1:2])
    report = verify_splits(twice)
    assert [message.split(",")[0] for _, message in found(report, "duplicates")] == [
        "2 frames are listed twice in a split",
        "3 training frames are also tested",
    ]
    # queries that the published gallery holds again are no damage
    again = Splits("own", splits.train, splits.query, splits.gallery + splits.query)
    assert found(verify_splits(again), "duplicates")[0][0] == "ok"


def test_copies_are_counted(root: Path) -> None:
    folder = root / "train" / "3" / "hall" / "a"
    shutil.copyfile(folder / "8.jpg", folder / "11.jpg")
    before = verify_splits(build_dataset("folder", root))
    assert int(found(before, "copies")[0][1].split()[0]) >= 1
    assert not before.damaged


def test_mixed_sizes_are_damage_where_one_size_was_published(root: Path) -> None:
    picture(root / "train" / "3" / "hall" / "a" / "8.jpg", height=20)
    splits = build_dataset("folder", root)
    level, message = found(verify_splits(splits, CARD), "sizes")[0]
    assert (level, message) == (
        "damage",
        "mixed image sizes: 16x8 (11), 20x8 (1); every frame was published as 16x8",
    )
    assert found(verify_splits(splits), "sizes")[0][0] == "ok"


def test_one_foreign_size_is_a_note(tmp_path: Path) -> None:
    write_prid2011(tmp_path)
    report = verify_splits(build_dataset("prid2011", tmp_path), dataset_info("prid2011"))
    assert found(report, "sizes")[0] == ("note", "all are 16x8 (30); published as 128x64: were they resized?")


def test_a_camera_too_many_is_damage(root: Path) -> None:
    picture(root / "train" / "3" / "yard" / "a" / "8.jpg")
    report = verify_splits(build_dataset("folder", root), CARD)
    assert ("damage", "camera 3 of a dataset with 2 cameras") in found(report, "cameras")
    assert ("ok", "train: cameras per id: 1 ids in 1, 1 ids in 3") in found(report, "cameras")


def test_queries_without_a_match(root: Path) -> None:
    splits = build_dataset("folder", root)
    two = Splits("own", (), (*splits.query, Tracklet(splits.query[0].frames, 7, 1)), splits.gallery)
    assert found(verify_splits(two), "matches")[0][0] == "note"
    none = Splits("own", (), splits.query, tuple(t for t in splits.gallery if t.pid != 4))
    assert found(verify_splits(none), "matches")[0][0] == "damage"
    train_only = Splits("own", splits.train)
    assert found(verify_splits(train_only), "matches") == [
        ("note", "no queries: this dataset cannot be scored")
    ]


def test_no_cameras_are_no_damage(root: Path) -> None:
    splits = build_dataset("folder", root)
    blind = Splits(
        "own",
        query=tuple(Tracklet(t.frames, t.pid, -1) for t in splits.query),
        gallery=tuple(Tracklet(t.frames, t.pid, -1) for t in splits.gallery),
    )
    report = verify_splits(blind, CARD)
    assert ("note", "query: no cameras") in found(report, "cameras")
    assert found(report, "matches")[0][0] == "ok"


def test_a_sample_is_seeded_sorted_and_within_the_dataset() -> None:
    tracklets = [Tracklet([f"{n}_{i}" for i in range(n)], n, 0) for n in range(1, 30)]
    everything = [path for t in tracklets for path in t.frames]
    chosen = list(sample_frames(tracklets, 50, seed=1))
    assert chosen == list(sample_frames(tracklets, 50, seed=1)) != list(sample_frames(tracklets, 50, seed=2))
    assert len(set(chosen)) == 50
    assert [everything.index(path) for path in chosen] == sorted(everything.index(path) for path in chosen)
    assert list(sample_frames(tracklets, None)) == list(sample_frames(tracklets, 10**6)) == everything
    assert list(sample_frames([], 5)) == []
    # every frame can be drawn
    drawn = {path for seed in range(80) for path in sample_frames(tracklets[:5], 3, seed)}
    assert drawn == set(everything[:15])


def test_progress_is_counted_and_workers_do_not_matter(root: Path) -> None:
    frames = [path for t in build_dataset("folder", root).train for path in t.frames]
    steps: list[int] = []
    looks = [look_at_frames(frames, workers=workers, progress=steps.append) for workers in (1, 3)]
    assert looks[0] == looks[1]
    assert steps == [7, 7]
    assert looks[0].sizes == {(16, 8): 7}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_published_lists_with_tiny_images(mars_metadata: Path, tmp_path: Path) -> None:
    """1,191,003 names as links to tiny pictures: the published counts, all files there, a sample decoded."""
    folder = tmp_path / "mars"
    shutil.copytree(mars_metadata / "info", folder / "info")
    links = 0
    for split in ("train", "test"):
        made: set[str] = set()
        for name in (folder / "info" / f"{split}_name.txt").read_text().split():
            place = folder / f"bbox_{split}" / name[:4]
            if name[:4] not in made:
                made.add(name[:4])
                place.mkdir(parents=True)
            if links % 30_000 == 0:  # file systems limit the links of one file
                source = picture(tmp_path / f"{links}.jpg", links)
            (place / name).hardlink_to(source)
            links += 1
    assert links == 1_191_003
    splits = build_dataset("mars", tmp_path)
    report = verify_splits(splits, dataset_info("mars"), sample=5000)
    shutil.rmtree(folder)  # pytest would keep a million files
    assert not report.damaged, str(report)
    assert [level for level, _ in found(report, "counts")] == ["ok"] * 9
    assert found(report, "files") == [("ok", f"all {1_191_003 - 23_380:,} frames are there")]
    assert np.sum([s.frames for s in report.statistics.values()]) == 509_914 + 114_493 + 543_216


def test_own_data_are_told_more_than_no_damage(tmp_path: Path) -> None:
    """Copies across the sides, an image in no split, a crop of a scene, one tracklet a person, times of some."""
    for seed, (split, person, camera) in enumerate(
        [
            ("train", "1", "a"),
            ("train", "1", "b"),
            ("train", "2", "a"),
            ("query", "3", "a"),
            ("gallery", "3", "b"),
        ]
    ):
        picture(tmp_path / split / person / camera / "t" / "1.png", seed)
    picture(tmp_path / "gallery" / "4" / "b" / "t" / "1.png", 9, height=8, width=20)
    shutil.copyfile(tmp_path / "train/2/a/t/1.png", tmp_path / "gallery/4/b/t/2.png")
    with collect_remarks() as remarks:
        splits = build_dataset("folder", tmp_path)
    kept = Tracklet(splits.gallery[1].frames[1:], 4, 1, 5.0, 4.0)
    changed = Splits("own", splits.train, splits.query, (splits.gallery[0], kept))
    report = verify_splits(changed, remarks=[*remarks, "a remark of the loader"])
    assert ("note", "a remark of the loader") in found(report, "reading")
    assert found(report, "unlisted")[0][1].startswith(
        "1 images lie in folders of the dataset and are in no split"
    )
    assert [message[:60] for _, message in found(report, "copies")] == [
        "1 of 6 frames tried are copies of another, byte for byte, su",
        "1 of these are trained on under one name and tested under an",
    ]
    assert found(report, "people") == [
        ("note", "1 of 2 training people have one tracklet: a batch can only repeat it")
    ]
    assert found(report, "times") == [("damage", "1 tracklets end before they begin")]
    wide = verify_splits(splits)
    assert found(wide, "sizes")[1] == (
        "note",
        "1 of 7 frames tried are wider than high: are they crops of people?",
    )
    assert found(wide, "times") == [("ok", "no tracklet has a time")]
    assert str(wide).endswith("no counts were published, so completeness was not checked")


def test_a_parsing_dataset_reports_names_on_two_lists_and_on_none(tmp_path: Path) -> None:
    write_lip(tmp_path)
    shutil.copyfile(tmp_path / "train_images" / "0_train.jpg", tmp_path / "val_images" / "0_train.jpg")
    shutil.copyfile(tmp_path / "train_segmentations/0_train.png", tmp_path / "val_segmentations/0_train.png")
    picture(tmp_path / "val_images" / "other.jpg")
    with (tmp_path / "val_id.txt").open("a") as file:
        file.write("0_train\n")
    report = verify_parsing(build_parsing_dataset("lip", tmp_path), dataset_info("lip"))
    assert found(report, "duplicates") == [("note", "1 names are in train and in val, such as 0_train.jpg")]
    assert found(report, "unlisted")[0][1].startswith("1 images in")
