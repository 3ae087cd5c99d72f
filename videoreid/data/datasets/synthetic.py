"""The synthetic dataset: drawn people who walk past the cameras of a small town.

Nothing is downloaded and no real person is shown: the seed determines people, cameras, their network and every frame.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import DatasetInfo
from videoreid.data.datasets.mars import mars
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits
from videoreid.utils import cache_home

if TYPE_CHECKING:
    from videoreid.synthetic_world.population import Population, WorldOptions

__all__ = [
    "SYNTHETIC",
    "synthetic",
    "write_footage",
    "write_layout",
    "write_lip",
    "write_market1501",
    "write_mars",
]

_VERSION = 1  # version of the drawing; a world of another version is drawn again
_FOOTAGE_VERSION = 1  # version of the filmed recordings
_CARD = "info/world.json"

SYNTHETIC = DatasetInfo(
    name="synthetic",
    title="The synthetic world",
    citation="videoreid, the synthetic world",
    provenance="Drawn on this machine by `videoreid.data.datasets.synthetic`; nothing is downloaded.",
    licence="MIT, like the library: no real person is shown",
    layout="""\
synthetic-i250-s0-v1/                     MARS layout, written on first use
  bbox_train/0001/0001C1T0001F001.jpg
  bbox_test/0000/...                      passers-by (distractors); 00-1/ holds misplaced boxes (junk)
  info/train_name.txt, test_name.txt, tracks_train_info.mat, tracks_test_info.mat, query_IDX.mat
  info/tracks_time.csv                    split,row,start,end: frame numbers on one clock
  info/world.json                         the options of the world
""",
    num_cameras=6,
)


def write_mars(root: str | Path, *, identities: int = 250, seed: int = 0, **options: Any) -> Path:
    """Write a world in the layout of MARS, which any MARS loader reads.

    An additional file, ``info/tracks_time.csv``, holds the first and last frame number of every tracklet on a clock
    that all cameras share. The world is written to a temporary folder, which is then renamed: it is never incomplete.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: number of people, training and test together, 2 to 9999.
        seed: seed of the world; the same seed gives the same world on every machine.
        **options: ``cameras`` (2 to 6), ``frames`` (typical number per tracklet), ``train_share`` (of the
            identities), ``difficulty`` (how much cameras differ; 1 is the calibrated world), and the share of the
            tracklets with each degradation (``occluders``, ``second_walkers``, ``low_resolution``, ``low_light``; 0
            each); ``info/tracks_truth.csv`` then holds its strength in every tracklet.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty.
    """
    from videoreid.synthetic_world.layouts import lay_out_mars
    from videoreid.synthetic_world.population import make_population

    chosen = _options(identities=identities, seed=seed, **options)

    def write(folder: Path) -> None:
        lay_out_mars(make_population(chosen), folder)
        (folder / _CARD).write_text(json.dumps(_card(chosen), indent=1) + "\n")

    return _make(Path(root), write)


def write_market1501(
    root: str | Path, *, identities: int = 250, seed: int = 0, images: int = 4, **options: Any
) -> Path:
    """Write a world in the layout of Market-1501: single images, named by person, camera and frame number.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: number of people, training and test together.
        seed: seed of the world.
        images: at most this many images per tracklet; a query is one image.
        **options: as for `write_mars`.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty.
    """
    from videoreid.synthetic_world.layouts import lay_out_market1501

    _check_images(images)
    lay_out = partial(lay_out_market1501, images=images)
    return write_layout(root, lay_out, identities=identities, seed=seed, **options)


def write_lip(
    root: str | Path, *, identities: int = 250, seed: int = 0, images: int = 2, **options: Any
) -> Path:
    """Write a world in the layout of LIP: images, and label maps of twenty parts (`LIP_CLASSES`).

    Training people are in the training set; of the others, two thirds are in the validation set and a third in the test
    set, with labels. Carried things, other walkers and obstacles are background.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: number of people in all.
        seed: seed of the world.
        images: at most this many images per tracklet.
        **options: as for `write_mars`.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty.
    """
    from videoreid.synthetic_world.layouts import lay_out_lip

    _check_images(images)
    return write_layout(
        root, partial(lay_out_lip, images=images), identities=identities, seed=seed, **options
    )


def write_footage(
    root: str | Path, *, cameras: int = 3, minutes: float = 1, people: int = 20, seed: int = 0, **options: Any
) -> Path:
    """Film a world: whole frames of several cameras, in which people walk and occlude one another.

    For each camera there is a video (``camera1.mp4``), the boxes of everybody in it as ground truth in the format of
    MOT17 (``camera1.gt.txt``: ids number the tracks of that camera, a person who comes back gets a new one; the last
    column is the visible share), and boxes like those of a fair detector (``camera1.det.txt``: they jitter, and hidden
    people are missed). ``identities.csv`` gives the person of each track. The recordings begin at the same moment. All
    files are written to a temporary folder, which is then renamed: the folder is never incomplete.

    Args:
        root: folder to make; it must not exist, or be empty.
        cameras: number of cameras, 1 to 99.
        minutes: length of each recording.
        people: number of people who walk through the views.
        seed: seed of the world.
        **options: ``frame_rate`` (25 per second), ``height`` of a frame (360 pixels; the width is 16/9 of it) and
            ``difficulty`` (1.0, a factor on how much cameras differ).

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty, or the videos cannot be written.
    """
    from videoreid.synthetic_world.footage_layout import lay_out_footage
    from videoreid.synthetic_world.walks import FilmOptions, make_film_world

    known = FilmOptions.__dataclass_fields__
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f"footage has no option {unknown[0]!r}; its options are {', '.join(known)}")
    chosen = FilmOptions(cameras=cameras, minutes=minutes, people=people, seed=seed, **options)

    def write(folder: Path) -> None:
        lay_out_footage(make_film_world(chosen), folder)
        card = {"version": _FOOTAGE_VERSION, **asdict(chosen)}
        (folder / "world.json").write_text(json.dumps(card, indent=1) + "\n")

    return _make(Path(root), write)


def write_layout(
    root: str | Path,
    lay_out: "Callable[[Population, Path], None]",
    *,
    identities: int,
    seed: int,
    **options: Any,
) -> Path:
    """Write a world in any layout.

    Args:
        root: folder to make; it must not exist, or be empty.
        lay_out: function of the world and an empty folder, which it fills.
        identities: number of people in all.
        seed: seed of the world.
        **options: as for `write_mars`.

    Returns:
        The folder.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: the folder is not empty.
    """
    from videoreid.synthetic_world.population import make_population

    chosen = _options(identities=identities, seed=seed, **options)
    return _make(Path(root), lambda folder: lay_out(make_population(chosen), folder))


@register_dataset(SYNTHETIC)
def synthetic(
    root: str | Path | None = None, *, identities: int = 250, seed: int = 0, **options: Any
) -> Splits:
    """Load the synthetic world; draw it first if it does not exist.

    Args:
        root: folder that holds one folder per world, or a world that `write_mars` wrote; None means a per-user cache
            (``VIDEOREID_HOME`` names another).
        identities: number of people, training and test together.
        seed: seed of the world.
        **options: as for `write_mars`.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: ``root`` is a world with other options.
    """
    chosen = _options(identities=identities, seed=seed, **options)
    place = Path(root).expanduser() if root is not None else cache_home() / "worlds"
    if (place / _CARD).is_file():
        folder = place
    else:
        folder = place / _folder_name(chosen)
        if not (folder / _CARD).is_file():
            write_mars(folder, identities=identities, seed=seed, **options)
    made_from = json.loads((folder / _CARD).read_text())
    if made_from != _card(chosen):
        raise DatasetError(
            f"synthetic: {folder} was made from {made_from}, not from {_card(chosen)}; "
            "give the folder above it, or another root"
        )
    splits = mars(folder)
    return replace(splits, name="synthetic", protocol="cross_camera", licence=SYNTHETIC.licence)


def _options(**options: Any) -> "WorldOptions":
    from videoreid.synthetic_world.population import WorldOptions

    known = WorldOptions.__dataclass_fields__
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"the synthetic world has no option {unknown[0]!r}; its options are {', '.join(known)}"
        )
    return WorldOptions(**options)


def _check_images(images: int) -> None:
    if images < 1:
        raise ConfigError(f"images must be 1 or more per tracklet, got {images}")


def _card(options: "WorldOptions") -> dict[str, Any]:
    given = {name: getattr(options, name) for name in options.__dataclass_fields__}
    absent = [
        name for name in options.degradations if not given[name]
    ]  # left out, as in worlds written before these options existed
    return {"version": _VERSION, **{name: value for name, value in given.items() if name not in absent}}


def _folder_name(options: "WorldOptions") -> str:
    from videoreid.synthetic_world.population import WorldOptions

    name = f"synthetic-i{options.identities}-s{options.seed}"
    default = WorldOptions()
    for field in ("cameras", "frames", "train_share", "difficulty", *default.degradations):
        value = getattr(options, field)
        if value != getattr(default, field):
            name += f"-{field}{value}"
    return f"{name}-v{_VERSION}"


def _make(target: Path, write: Callable[[Path], None]) -> Path:
    """Fill a temporary folder and rename it to the target."""
    target = target.expanduser()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DatasetError(f"{target} exists and is not an empty folder; remove it or name another")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        write(temporary)
        _rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _rename(temporary: Path, target: Path) -> None:
    temporary.chmod(0o755)  # mkdtemp makes private folders; a dataset should be readable like other folders
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    try:
        temporary.rename(target)
    except OSError:
        # another process wrote the same world meanwhile
        if not (target / _CARD).is_file():
            raise
