"""What holds for every registered dataset; one without an imitation of its layout fails here."""

import inspect
import math
import pickle
import shutil
from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import IMITATIONS, OWN_TESTS, Facts
from videoreid.data.datasets import DATASETS, build_dataset, dataset_info, list_datasets, list_infos
from videoreid.errors import DatasetError
from videoreid.metrics import PROTOCOLS
from videoreid.types import Splits, Tracklet

NAMES = sorted(IMITATIONS)
# without what other tests may have registered
OURS = [name for name in list_datasets() if DATASETS[name].__module__.startswith("videoreid.data.datasets.")]
PAGES = Path(__file__).parents[3] / "docs" / "datasets"


@pytest.fixture(scope="module", params=NAMES)
def dataset(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Facts]:
    root = tmp_path_factory.mktemp(request.param)
    return request.param, root, IMITATIONS[request.param](root)


@pytest.fixture(scope="module")
def splits(dataset: tuple[str, Path, Facts]) -> Splits:
    name, root, facts = dataset
    return build_dataset(name, root, **facts.options)


def figures(tracklets: tuple[Tracklet, ...]) -> tuple[int, int, int]:
    return len({t.pid for t in tracklets}), len(tracklets), sum(map(len, tracklets))


def test_every_dataset_has_an_imitation_or_tests_of_its_own() -> None:
    assert set(OURS) == {*IMITATIONS, *OWN_TESTS}
    assert all((Path(__file__).parents[1] / path).is_file() for path in OWN_TESTS.values())


def test_counts_are_those_that_were_written(dataset: tuple[str, Path, Facts], splits: Splits) -> None:
    facts = dataset[2]
    assert figures(splits.train) == facts.train
    assert figures(splits.query) == facts.query
    assert figures(splits.gallery) == facts.gallery


def test_every_frame_exists_once_in_natural_order(splits: Splits) -> None:
    for part in (splits.train, splits.query, splits.gallery):
        paths = [path for tracklet in part for path in tracklet.frames]
        assert len(paths) == len(set(paths))
        assert all(Path(path).is_file() for path in paths)


def test_labels_cameras_and_times_keep_the_contract(dataset: tuple[str, Path, Facts], splits: Splits) -> None:
    assert {t.pid for t in splits.train} == set(range(splits.num_train_pids))
    everything = (*splits.train, *splits.query, *splits.gallery)
    assert {t.camid for t in everything} <= dataset[2].cameras
    assert all(t.pid != -1 for t in everything)
    assert all(math.isnan(t.time) == math.isnan(t.end_time) for t in everything)
    assert all(t.time <= t.end_time for t in everything if not math.isnan(t.time))


def test_the_protocol_is_known_and_the_licence_stated(
    dataset: tuple[str, Path, Facts], splits: Splits
) -> None:
    assert splits.protocol == dataset[2].protocol
    assert splits.protocol in PROTOCOLS
    assert splits.licence == dataset_info(dataset[0]).licence != "unknown"
    assert splits.name.split("/")[0] == dataset[0]


def test_reading_twice_gives_the_same(dataset: tuple[str, Path, Facts], splits: Splits) -> None:
    name, root, facts = dataset
    again = build_dataset(name, str(root), **facts.options)
    for part in ("train", "query", "gallery"):
        for a, b in zip(getattr(splits, part), getattr(again, part), strict=True):
            assert (list(a.frames), a.pid, a.camid, repr(a.time)) == (
                list(b.frames),
                b.pid,
                b.camid,
                repr(b.time),
            )


def test_tracklets_travel_to_workers(splits: Splits) -> None:
    back = pickle.loads(pickle.dumps(splits.train))
    assert [list(t.frames) for t in back] == [list(t.frames) for t in splits.train]


def test_the_parent_folder_will_do(dataset: tuple[str, Path, Facts], tmp_path: Path) -> None:
    name, root, facts = dataset
    if name == "folder":
        return  # your own data have no usual name
    usual = dataset_info(name).layout.split("/")[0].strip()
    shutil.copytree(root, tmp_path / usual)
    assert figures(build_dataset(name, tmp_path, **facts.options).train) == facts.train


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_root_is_one_clear_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    (tmp_path / "photos").mkdir()
    with pytest.raises(DatasetError, match=r"holiday\.jpg|photos|no folder train") as caught:
        build_dataset(name, tmp_path)
    assert name in str(caught.value)
    with pytest.raises(DatasetError, match="does not exist"):
        build_dataset(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_must_be_unpacked(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.zip").touch()
    with pytest.raises(DatasetError, match="is an archive: unpack it"):
        build_dataset(name, tmp_path / f"{name}.zip")


@pytest.mark.parametrize("name", list_infos())
def test_cards_are_complete(name: str) -> None:
    card = dataset_info(name)
    assert card.name == name
    for text in (card.title, card.citation, card.provenance, card.licence, card.layout):
        assert text.strip()
    assert all(len(line) < 125 for line in card.layout.splitlines())


@pytest.mark.parametrize("name", sorted(set(OURS) - OWN_TESTS.keys()))
def test_loaders_are_documented(name: str) -> None:
    doc = inspect.getdoc(DATASETS[name]) or ""
    assert "Args:" in doc
    assert "Raises:" in doc
    assert "Reference:" in doc or name == "folder"
    assert inspect.getmodule(DATASETS[name]).__name__.endswith(f".{name}")  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["dukemtmcreid", "dukemtmcvidreid"])
def test_withdrawn_data_are_never_offered(name: str) -> None:
    card = dataset_info(name)
    assert card.withdrawn
    assert "withdrawn" in card.licence
    assert not any(
        word in card.provenance.lower() for word in ("http", "drive", "baidu", ".com", ".edu", "mirror")
    )


@pytest.mark.parametrize("name", sorted(set(list_infos()) - OWN_TESTS.keys()))
def test_every_dataset_has_a_page_that_repeats_its_card(name: str) -> None:
    card, page = dataset_info(name), (PAGES / f"{name}.md").read_text(encoding="utf-8")
    for text in (card.title, card.layout.rstrip(), card.provenance, card.licence):
        assert text in page or text[0].upper() + text[1:] in page
    assert card.citation in page or name == "folder"
    for part, counts in card.counts.items():
        values = [
            "not stated" if v is None else f"{v:,}" for v in (counts.ids, counts.tracklets, counts.images)
        ]
        assert f"| {part} | {' | '.join(values)} |" in page
    assert f"({name}.md)" in (PAGES / "index.md").read_text(encoding="utf-8")
