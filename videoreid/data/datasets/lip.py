"""LIP (Look into Person): 50,462 pictures of people with 20 part labels."""

from pathlib import Path

from videoreid.data.datasets.info import Counts, DatasetInfo, record_info
from videoreid.data.datasets.parsing import PARSING_DATASETS, ParsingPair, ParsingSplits
from videoreid.data.datasets.reading.files import check_inside, find_root, read_lines
from videoreid.errors import DatasetError

__all__ = ["LIP", "LIP_CLASSES", "LIP_MIRROR_PAIRS", "lip"]

LIP_CLASSES = (
    "background",
    "hat",
    "hair",
    "glove",
    "sunglasses",
    "upper clothes",
    "dress",
    "coat",
    "socks",
    "pants",
    "jumpsuits",
    "scarf",
    "skirt",
    "face",
    "left arm",
    "right arm",
    "left leg",
    "right leg",
    "left shoe",
    "right shoe",
)
LIP_MIRROR_PAIRS = ((14, 15), (16, 17), (18, 19))

LIP = DatasetInfo(
    name="lip",
    title="LIP (Look into Person)",
    citation='Gong, Liang, Zhang, Shen and Lin, "Look into Person: Self-supervised Structure-sensitive Learning and a '
    'New Benchmark for Human Parsing", CVPR 2017',
    provenance="The authors' project page (sysu-hcp.net/lip) links the single-person set.",
    licence="non-commercial research only",
    layout="""\
LIP/
  train_images/NAME.jpg   train_segmentations/NAME.png    labels 0-19 as grey values
  val_images/NAME.jpg     val_segmentations/NAME.png
  test_images/NAME.jpg
  train_id.txt  val_id.txt  test_id.txt                   one NAME per line
""",
    counts={
        "train": Counts(images=30_462),
        "val": Counts(images=10_000),
        "test": Counts(images=10_000),
    },
)
record_info(LIP)


@PARSING_DATASETS.register("lip")
def lip(root: str | Path | None = None, *, check_files: bool = False) -> ParsingSplits:
    """Read LIP from its lists of names.

    A missing list leaves its split empty, because many copies lack the test images; the training list is required.

    Args:
        root: folder that holds ``train_id.txt``, or its parent.
        check_files: also check that every picture exists.

    Raises:
        DatasetError: the training list is missing, a name leaves the root or is listed twice, or (with
            ``check_files``) a picture is missing.

    Reference:
        Gong et al., "Look into Person: Self-supervised Structure-sensitive Learning and a New Benchmark for Human
        Parsing", CVPR 2017.
    """
    folder = find_root(root, "lip", ["train_id.txt", "train_images"], ["LIP", "lip"])
    splits = {split: _read_pairs(folder, split) for split in ("train", "val", "test")}
    if check_files:
        for pair in (pair for pairs in splits.values() for pair in pairs):
            for path in filter(None, (pair.image, pair.label)):
                if not Path(path).is_file():
                    raise DatasetError(f"lip: missing picture {path}; unpack the archive again")
    return ParsingSplits(
        name="lip",
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        classes=LIP_CLASSES,
        mirror_pairs=LIP_MIRROR_PAIRS,
        licence=LIP.licence,
    )


def _read_pairs(folder: Path, split: str) -> tuple[ParsingPair, ...]:
    path = folder / f"{split}_id.txt"
    if not path.is_file():
        return ()
    pairs = []
    seen = set()
    for number, line in enumerate(read_lines(path, "lip"), 1):
        name = check_inside(line.strip(), f"lip: {path}, line {number}")
        if name in seen:
            raise DatasetError(f"lip: {path}, line {number}: {name} is listed twice")
        seen.add(name)
        label = "" if split == "test" else str(folder / f"{split}_segmentations" / f"{name}.png")
        pairs.append(ParsingPair(str(folder / f"{split}_images" / f"{name}.jpg"), label))
    return tuple(pairs)
