"""Every reader of the library: a sound file, how it is read, and whether a checksum covers its bytes.

A reader returns plain values, which are compared with those of the sound file.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from videoreid.types import Features, Splits, Tracklet

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Args:
        make: writes sound files into a folder and returns the one to damage.
        read: reads what belongs to it; returns something that ``repr`` tells apart.
        checked: a checksum covers every byte that decides, so that a mutant is the same or refused.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    checked: bool = False


FORMATS: dict[str, Format] = {}


def fmt(name: str, *, checked: bool = False) -> Callable[[type], type]:
    def decorate(holder: type) -> type:
        FORMATS[name] = Format(holder.make, holder.read, checked)
        return holder

    return decorate


def digest(value: Any) -> Any:
    """Return arrays and tensors as text that tells them apart."""
    if isinstance(value, torch.Tensor):
        value = (
            value.detach().cpu().float().numpy()
            if value.dtype == torch.bfloat16
            else value.detach().cpu().numpy()
        )
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    if isinstance(value, dict):
        return {str(key): digest(item) for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, list | tuple):
        return [digest(item) for item in value]
    return value


def tracklets(splits: Splits) -> Any:
    return [
        (part, list(t.frames), t.pid, t.camid, repr(t.time), repr(t.end_time))
        for part in ("train", "query", "gallery")
        for t in getattr(splits, part)
    ]


def pictures(folder: Path, count: int = 6) -> list[str]:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        names.append(str(folder / f"{number}.png"))
        cv2.imwrite(names[-1], rng.integers(0, 256, (12, 6, 3), dtype=np.uint8))
    return names


def features(count: int, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    embeddings = torch.from_numpy(rng.normal(size=(count, 8)).astype(np.float32))
    return Features(embeddings, rng.integers(0, 9, count), rng.integers(0, 3, count), rng.random(count))


STATE = {
    "conv.weight": torch.arange(600.0).reshape(20, 30),
    "fc.bias": torch.ones(7),
    "steps": torch.tensor(3),
}


@fmt("weights .pth (zip)", checked=True)
class WeightsZip:
    def make(folder: Path) -> Path:
        torch.save({"state_dict": STATE}, folder / "w.pth")
        return folder / "w.pth"

    def read(path: Path) -> Any:
        from videoreid.models.checkpoint_file import read_state_dict

        return digest(dict(read_state_dict(path)))


@fmt("weights .pth (legacy)")
class WeightsLegacy:
    def make(folder: Path) -> Path:
        torch.save(STATE, folder / "w.pth", _use_new_zipfile_serialization=False)
        return folder / "w.pth"

    read = WeightsZip.read


@fmt("weights .safetensors (ours)", checked=True)
class Safetensors:
    def make(folder: Path) -> Path:
        from safetensors.torch import save_file

        from videoreid.models.build_metadata import tensor_digest

        metadata = {"build": '{"name": "osnet_x0_25"}', "format": "pt"}
        save_file(STATE, folder / "w.safetensors", {**metadata, "sha256": tensor_digest(STATE, metadata)})
        return folder / "w.safetensors"

    read = WeightsZip.read


@fmt("weights .safetensors (others')")
class ForeignSafetensors:
    def make(folder: Path) -> Path:
        from safetensors.torch import save_file

        save_file(STATE, folder / "w.safetensors")
        return folder / "w.safetensors"

    read = WeightsZip.read


@fmt("training checkpoint", checked=True)
class Checkpoint:
    def make(folder: Path) -> Path:
        from videoreid.engine.checkpointing import save_checkpoint

        state = {
            "progress": {"step": 3, "epoch": 1},
            "model": STATE,
            "rng": torch.arange(40, dtype=torch.uint8),
        }
        return save_checkpoint(state, folder / "checkpoint-00000003.pt")

    def read(path: Path) -> Any:
        from videoreid.engine.checkpointing import load_checkpoint

        return digest(load_checkpoint(path))


@fmt("feature file .h5", checked=True)
class FeatureFile:
    def make(folder: Path) -> Path:
        from videoreid.retrieval import write_features

        write_features(folder / "f.h5", features(5), features(9, 1), model="m", details={"flip": "no"})
        return folder / "f.h5"

    def read(path: Path) -> Any:
        from videoreid.retrieval import read_features

        stored = read_features(path)
        sides = [[getattr(side, name) for name in ("embeddings", "pids", "camids", "times", "end_times")]
                 for side in (stored.query, stored.gallery)]  # fmt: skip
        return digest([sides, stored.model, stored.dataset, stored.protocol, dict(stored.details)])


@fmt("packed store .h5", checked=True)
class Store:
    def make(folder: Path) -> Path:
        from videoreid.data.packing import pack_splits

        names = pictures(folder / "crops")
        parts = (Tracklet(tuple(names[:3]), 1, 0, 1.5, 2.5),), (Tracklet(tuple(names[3:]), 2, 1),)
        pack_splits(Splits("x", train=parts[0], gallery=parts[1]), folder / "s.h5")
        return folder / "s.h5"

    def read(path: Path) -> Any:
        from videoreid.data import FrameReader
        from videoreid.data.stores import packed_splits
        from videoreid.data.stores.reading import _cached_store

        _cached_store.cache_clear()
        splits = packed_splits(path)
        frames = [FrameReader().read(t.frames) for part in (splits.train, splits.gallery) for t in part]
        return digest([tracklets(splits), splits.name, frames])


@fmt("gallery index .npz", checked=True)
class Index:
    def make(folder: Path) -> Path:
        from videoreid.retrieval import GalleryIndex

        index = GalleryIndex(8)
        index.add(features(9))
        index.save(folder / "i.npz")
        return folder / "i.npz"

    def read(path: Path) -> Any:
        from videoreid.retrieval import GalleryIndex

        index = GalleryIndex.load(path)
        found = index.search(features(3, 2).embeddings, k=3)
        return digest([list(found), index.keys, index.distance, index.features.times])


@fmt("spatial-temporal model .npz", checked=True)
class SpatialTemporal:
    def make(folder: Path) -> Path:
        from videoreid.metrics import SpatialTemporalModel

        rng = np.random.default_rng(0)
        model = SpatialTemporalModel.fit(
            pids=rng.integers(0, 5, 60), camids=rng.integers(0, 3, 60), times=rng.integers(0, 900, 60),
            num_bins=20, sigma=1.0,
        )  # fmt: skip
        model.save(folder / "st.npz")
        return folder / "st.npz"

    def read(path: Path) -> Any:
        from videoreid.metrics import SpatialTemporalModel

        model = SpatialTemporalModel.load(path)
        return digest([model.histogram, model.interval, model.sigma, model.visits, repr(model.rules)])


def tree(folder: Path, kind: str) -> Path:
    """Write a published layout of the synthetic world."""
    from videoreid.data.datasets import synthetic, synthetic_sequences

    writers = {
        "mars": synthetic.write_mars,
        "lsvid": synthetic_sequences.write_lsvid,
        "prid2011": synthetic_sequences.write_prid2011,
        "ilidsvid": synthetic_sequences.write_ilidsvid,
        "lip": synthetic.write_lip,
    }
    return writers[kind](folder / kind, identities=6, seed=3, frames=2)


def _read_tables_once() -> None:
    """Keep what a process of its own read: the tables beside a damaged list are always the same."""
    from videoreid.data.datasets.reading import mat

    if not hasattr(mat.read_mat73, "cache_info"):
        mat.read_mat73 = functools.lru_cache(mat.read_mat73)


def dataset(kind: str, file: str) -> type:
    class Dataset:
        def make(folder: Path) -> Path:
            return tree(folder, kind) / file

        def read(path: Path) -> Any:
            from videoreid.data.datasets import build_dataset, build_parsing_dataset

            if not file.endswith(".mat"):
                _read_tables_once()
            root = path
            while root.name != kind:
                root = root.parent
            if kind == "lip":
                dataset = build_parsing_dataset("lip", root)
                return [
                    [(pair.image, pair.label) for pair in part]
                    for part in (dataset.train, dataset.val, dataset.test)
                ]
            return tracklets(build_dataset(kind, root))

    return Dataset


for _name, _kind, _file in (
    ("MARS tracks .mat", "mars", "info/tracks_test_info.mat"),
    ("MARS query .mat", "mars", "info/query_IDX.mat"),
    ("MARS name list", "mars", "info/test_name.txt"),
    ("MARS tracks_time.csv", "mars", "info/tracks_time.csv"),
    ("LS-VID table .mat v7.3", "lsvid", "test/data/info_test.mat"),
    ("LS-VID frame list", "lsvid", "list_frame/list_lvreid_test.txt"),
    ("LS-VID sequence list", "lsvid", "list_sequence/list_seq_train.txt"),
    ("PRID splits .json", "prid2011", "splits_prid2011.json"),
    ("iLIDS splits .mat", "ilidsvid", "train-test people splits/train_test_splits_ilidsvid.mat"),
    ("LIP name list", "lip", "train_id.txt"),
):
    fmt(_name)(dataset(_kind, _file))


@fmt("CSV of frames")
class Table:
    def make(folder: Path) -> Path:
        names = pictures(folder / "own" / "a", 12)
        rows = ["path,pid,camid,tracklet,time,split"]
        for number, _ in enumerate(names):
            split = ("train", "query", "gallery")[number // 4]
            rows.append(f"a/{number}.png,{number // 4},{number % 2},t{number // 2},{number / 2},{split}")
        (folder / "own" / "frames.csv").write_text("\n".join(rows) + "\n")
        return folder / "own" / "frames.csv"

    def read(path: Path) -> Any:
        from videoreid.data.datasets import build_dataset

        return tracklets(build_dataset("folder", path))


@fmt("MOT tracks .txt")
class MotTracks:
    def make(folder: Path) -> Path:
        rows = [
            f"{frame},{track},{10 * track},{5 + frame},20,40,1,-1,-1,-1"
            for track in (1, 2)
            for frame in range(1, 9)
        ]
        (folder / "tracks.txt").write_text("\n".join(rows) + "\n")
        return folder / "tracks.txt"

    def read(path: Path) -> Any:
        from videoreid.data import read_tracks

        tracks = read_tracks(path)
        return digest([tracks.frames, tracks.track_ids, tracks.boxes])


@fmt("list of recordings .csv")
class SourceList:
    def make(folder: Path) -> Path:
        rows = ["video,tracks,camera,offset,fps"]
        rows += [f"v{number}.avi,t{number}.txt,{number},{number * 60}.5,25" for number in range(6)]
        (folder / "list.csv").write_text("\n".join(rows) + "\n")
        return folder / "list.csv"

    def read(path: Path) -> Any:
        from videoreid.footage.source_lists import read_sources

        return [tuple(source) for source in read_sources(path)]


@fmt("list of identities .csv")
class IdentityList:
    def make(folder: Path) -> Path:
        rows = [f"v{number // 4}.avi,{number % 4},{number + 1}" for number in range(12)]
        (folder / "who.csv").write_text("\n".join(["video,track,person", *rows]) + "\n")
        return folder / "who.csv"

    def read(path: Path) -> Any:
        from videoreid.footage.source_lists import read_identities

        videos = [f"v{number}.avi" for number in range(3)]
        return read_identities(path, videos, [range(4)] * 3)


def picture(suffix: str) -> type:
    class Picture:
        def make(folder: Path) -> Path:
            image = np.add.outer(np.arange(48), np.arange(24))[..., None] * np.array([1, 2, 3])
            cv2.imwrite(str(folder / f"p{suffix}"), image.astype(np.uint8))
            return folder / f"p{suffix}"

        def read(path: Path) -> Any:
            from videoreid.data import FrameReader

            return digest(FrameReader().read([str(path)]))

    return Picture


for _suffix in (".jpg", ".png", ".bmp", ".webp"):
    fmt(f"picture {_suffix}", checked=_suffix == ".png")(picture(_suffix))


@fmt("label picture .png", checked=True)
class Label:
    def make(folder: Path) -> Path:
        cv2.imwrite(str(folder / "l.png"), np.arange(20, dtype=np.uint8).reshape(4, 5).repeat(6, 0))
        return folder / "l.png"

    def read(path: Path) -> Any:
        from videoreid.data.datasets.parsing import read_label

        return digest(read_label(str(path)))


def video(suffix: str, code: str) -> type:
    class Video:
        def make(folder: Path) -> Path:
            path = folder / f"v{suffix}"
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 10, (64, 48))
            rng = np.random.default_rng(0)
            for number in range(12):
                writer.write(
                    cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48)) // 2 + number * 8
                )
            writer.release()
            return path

        def read(path: Path) -> Any:
            from videoreid.data.video import iterate_video

            return digest(list(iterate_video(path)))

    return Video


for _suffix, _code in ((".avi", "MJPG"), (".mp4", "mp4v")):
    fmt(f"video {_suffix} ({_code})")(video(_suffix, _code))


@fmt("pack journal", checked=True)
class Journal:
    def make(folder: Path) -> Path:
        from videoreid.data.packing.spool import Spool
        from videoreid.data.packing.writing import _fingerprint, entry_names
        from videoreid.data.stores.layout import spool_path

        names = pictures(folder / "crops", 8)
        with Spool(folder / "s.h5", _fingerprint(entry_names(names), None), 8) as spool:
            for first in (0, 3):
                spool.append([Path(name).read_bytes() for name in names[first : first + 3]])
        (folder / "kept").write_bytes(spool_path(folder / "s.h5").read_bytes())
        return folder / "s.h5.journal"

    def read(path: Path) -> Any:
        from videoreid.data import FrameReader
        from videoreid.data.packing import pack_splits
        from videoreid.data.stores.layout import spool_path
        from videoreid.data.stores.reading import _cached_store

        folder, store = path.parent, path.parent / "s.h5"
        names = [str(folder / "crops" / f"{number}.png") for number in range(8)]
        spool_path(store).write_bytes((folder / "kept").read_bytes())
        store.unlink(missing_ok=True)
        _cached_store.cache_clear()
        packed = pack_splits(Splits("x", train=(Tracklet(tuple(names), 1, 0),)), store)
        return digest(FrameReader().read(packed.train[0].frames))
