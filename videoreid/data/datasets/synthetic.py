"""The embedded synthetic dataset: drawn people walking past the cameras of a small town.

No download and no rights of anyone: a seed makes the people, the cameras, their network and every frame.
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

_VERSION = 1  # of the drawing; a world of another version is drawn again
_FOOTAGE_VERSION = 1  # of what is filmed
_CARD = "info/world.json"
_UNIFORM = ("outfits", "gait_spread", "frame_occluders")

SYNTHETIC = DatasetInfo(
    name="synthetic",
    title="The embedded world",
    citation="videoreid, the embedded world",
    provenance="Drawn on this machine by `videoreid.data.datasets.synthetic`; nothing is downloaded.",
    licence="MIT, as the library: nobody is shown",
    layout="""\
synthetic-i250-s0-v1/                     MARS layout, written on first use
  bbox_train/0001/0001C1T0001F001.jpg
  bbox_test/0000/...                      passers-by (distractors); 00-1/ holds boxes that missed
  info/train_name.txt, test_name.txt, tracks_train_info.mat, tracks_test_info.mat, query_IDX.mat
  info/tracks_time.csv                    split,row,start,end: frame numbers on one clock
  info/world.json                         what the world was made from
""",
    num_cameras=6,
)


def write_mars(root: str | Path, *, identities: int = 250, seed: int = 0, **options: Any) -> Path:
    """Write a world in the layout of MARS, which any MARS loader reads.

    A file beside the published ones, ``info/tracks_time.csv``, holds first and last frame number of every tracklet
    on a clock that all cameras share. The world is made in a temporary folder and renamed: whole or absent.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: people, training and test together, 2 to 9999.
        seed: names the world; the same seed gives the same world on every machine.
        **options: ``cameras`` (2 to 6), ``frames`` (typical number per tracklet), ``train_share`` (of the
            identities), ``difficulty`` (how much cameras disagree; 1 is the calibrated world), and the shares of the
            tracklets that a trouble touches (``occluders``, ``second_walkers``, ``low_resolution``, ``low_light``; 0
            each); ``info/tracks_truth.csv`` then says how much of it each tracklet got. ``outfits``, ``gait_spread``
            and ``frame_occluders`` are those of people in uniforms; ``preset="uniforms"`` sets them, and ``frames``.

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
        identities: people, training and test together.
        seed: names the world.
        images: at most so many of each tracklet; a query is one image.
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

    The people of the training split train; of the others, two thirds validate and a third tests, with labels.
    Things carried, other walkers and obstacles are background.

    Args:
        root: folder to make; it must not exist, or be empty.
        identities: people in all.
        seed: names the world.
        images: at most so many of each tracklet.
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
    """Film a world: whole frames of several cameras, between which people walk, and hide one another.

    For each camera there is a video (``camera1.mp4``), the boxes of everybody in it as ground truth of MOT17
    (``camera1.gt.txt``: ids number the tracks of that camera, a person who comes back has a new one; the last column is
    the visible share), and boxes as a fair detector would give them (``camera1.det.txt``: they tremble, the hidden are
    missed). ``identities.csv`` says which person each track is. The recordings begin at the same moment. All is
    made in a temporary folder and renamed: whole or absent.

    Args:
        root: folder to make; it must not exist, or be empty.
        cameras: 1 to 99.
        minutes: length of each recording.
        people: who walk about.
        seed: names the world.
        **options: ``frame_rate`` (25 a second), ``height`` of a frame (360 pixels; the width is 16 ninths of it) and
            ``difficulty`` (1.0, a factor on how much cameras disagree).

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
        lay_out: takes the world and an empty folder, and fills the folder.
        identities: people in all.
        seed: names the world.
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
    """Load the embedded world, drawing it first if it is not there.

    Args:
        root: folder in which worlds are kept, each in a folder of its own, or a world that `write_mars` wrote;
            None means a per-user cache (``VIDEOREID_HOME`` names another).
        identities: people, training and test together.
        seed: names the world.
        **options: as for `write_mars`.

    Raises:
        ConfigError: an option that does not exist or is out of range.
        DatasetError: ``root`` is a world made from other options.
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
    from videoreid.synthetic_world.uniforms import PRESETS

    preset = options.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"the embedded world has no preset {preset!r}; there is {', '.join(PRESETS)}")
    options = {**PRESETS.get(preset or "", {}), **options}
    known = WorldOptions.__dataclass_fields__
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"the embedded world has no option {unknown[0]!r}; its options are {', '.join(known)}, preset"
        )
    return WorldOptions(**options)


def _check_images(images: int) -> None:
    if images < 1:
        raise ConfigError(f"images must be 1 or more per tracklet, got {images}")


def _card(options: "WorldOptions") -> dict[str, Any]:
    given = {name: getattr(options, name) for name in options.__dataclass_fields__}
    # as worlds were before there were knobs
    quiet = [
        name
        for name in (*options.degradations, *_UNIFORM)
        if given[name] == options.__dataclass_fields__[name].default
    ]
    return {"version": _VERSION, **{name: value for name, value in given.items() if name not in quiet}}


def _folder_name(options: "WorldOptions") -> str:
    from videoreid.synthetic_world.population import WorldOptions

    name = f"synthetic-i{options.identities}-s{options.seed}"
    default = WorldOptions()
    for field in ("cameras", "frames", "train_share", "difficulty", *default.degradations, *_UNIFORM):
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
    temporary.chmod(0o755)  # mkdtemp makes private folders; a dataset is as readable as any other
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    try:
        temporary.rename(target)
    except OSError:
        # someone else wrote the same world meanwhile: theirs is as good as ours
        if not (target / _CARD).is_file():
            raise
