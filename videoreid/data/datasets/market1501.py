"""Market-1501: single images of 1,501 people in six cameras in front of a supermarket."""

import re
from pathlib import Path
from typing import Literal

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import find_root
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.single_images import ImageName, read_images
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits

__all__ = ["MARKET1501", "market1501", "market1501_time"]

# 0002_c1s1_000451_03.jpg: person, camera, sequence, frame in the sequence, box in the frame
_NAME = re.compile(r"(-1|\d{4})_c(\d+)s(\d+)_(\d+)_(\d+)\.\w+")

# the largest frame number of every sequence of every camera: the offset of the next sequence
_SEQUENCE_FRAMES = {
    1: (72681, 74546, 74881, 74661, 74891, 54346),
    2: (163691, 164677, 98102),
    3: (161708, 161769, 104469),
    4: (72107, 72373, 74810, 74541, 74910, 50616),
    5: (161095, 161724, 103487),
    6: (87551, 131268, 95817, 30952),
}

MARKET1501 = DatasetInfo(
    name="market1501",
    title="Market-1501",
    citation='Zheng, Shen, Tian, Wang, Wang and Tian, "Scalable Person Re-identification: A Benchmark", ICCV 2015',
    provenance="The authors' project page (zheng-lab-anu.github.io).",
    licence="research only; no redistribution and no commercial use",
    layout="""\
market1501/                               also Market-1501-v15.09.15/
  bounding_box_train/0002_c1s1_000451_03.jpg    person, camera, sequence, frame, box
  bounding_box_test/...                         0000_* are distractors, -1_* junk
  query/...
""",
    counts={
        "train": Counts(ids=751, tracklets=12_936, images=12_936),
        "query": Counts(ids=750, tracklets=3_368, images=3_368),
        "gallery": Counts(
            ids=751, tracklets=15_913, images=15_913
        ),  # with the distractor label, without junk
    },
    num_cameras=6,
    image_size=(128, 64),
)


@register_dataset(MARKET1501)
def market1501(root: str | Path | None = None, *, clock: Literal["camera", "sequence"] = "camera") -> Splits:
    """Read Market-1501 as tracklets of one frame.

    File names count frames within a sequence. With clock "camera", the largest frame numbers of the earlier sequences
    are added, so that the times of a camera increase over its sequences. The sum is an estimate, and the clocks of the
    cameras drift apart. Junk (pid -1) is dropped, distractors (pid 0) stay in the gallery.

    Args:
        root: folder that holds ``bounding_box_train``, or its parent.
        clock: "camera" (cumulative), or "sequence" (as in the file name).

    Raises:
        DatasetError: a folder is missing, or a file name does not fit the dataset.
        ConfigError: an unknown clock.

    Reference:
        Zheng et al., "Scalable Person Re-identification: A Benchmark", ICCV 2015; the offsets: Wang et al.,
        "Spatial-Temporal Person Re-identification", AAAI 2019.
    """
    if clock not in ("camera", "sequence"):
        raise ConfigError(f"unknown clock {clock!r} of market1501; choose 'camera' or 'sequence'")
    parts = ["bounding_box_train", "query", "bounding_box_test"]
    version = "Market-1501-v15.09.15"
    usual = ["market1501", f"market1501/{version}", version, "Market-1501", "Market1501"]
    folder = find_root(root, "market1501", parts, usual)

    def parse(name: str) -> ImageName | None:
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        camera, sequence, frame = int(match[2]), int(match[3]), int(match[4])
        time = market1501_time(camera, sequence, frame) if clock == "camera" else frame
        return ImageName(int(match[1]), camera, float(time))

    train, query, gallery = (
        read_images(folder / part, parse, num_cameras=6, dataset="market1501") for part in parts
    )
    return Splits(
        name="market1501",
        train=relabel_pids(train),
        query=query,
        gallery=gallery,
        protocol="market1501",
        licence=MARKET1501.licence,
    )


def market1501_time(camera: int, sequence: int, frame: int) -> int:
    """Return a frame number that counts through the sequences of a camera.

    Args:
        camera: 1 to 6.
        sequence: counted from one.
        frame: counted within the sequence.

    Raises:
        DatasetError: the camera has no such sequence.
    """
    lengths = _SEQUENCE_FRAMES.get(camera)
    if lengths is None or not 1 <= sequence <= len(lengths):
        known = f"has sequences 1 to {len(lengths)}" if lengths else "does not exist: cameras are 1 to 6"
        raise DatasetError(f"market1501: camera {camera} {known}, so there is no sequence {sequence}")
    return frame + sum(lengths[: sequence - 1])
