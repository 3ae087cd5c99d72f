import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.datasets.dataset_imitations import IMITATIONS
from videoreid.data.datasets import build_dataset
from videoreid.data.datasets.reading.files import (
    check_inside,
    find_root,
    list_folders,
    list_images,
    natural_key,
    read_lines,
)
from videoreid.errors import DatasetError

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


def test_natural_order_counts() -> None:
    names = ["f10.jpg", "f9.jpg", "f1.jpg", "f01.jpg", "g²", "10", "9a"]
    assert sorted(names, key=natural_key) == ["9a", "10", "f01.jpg", "f1.jpg", "f9.jpg", "f10.jpg", "g²"]


@given(st.lists(st.text("a1b20._", min_size=1, max_size=6), unique=True))
def test_natural_order_does_not_depend_on_the_given_order(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere does not exist; `videoreid data layout mars`"):
        find_root(tmp_path / "nowhere", "mars", ["info"])


def test_a_wrong_root_says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError, match=r"lacks info .found notes.txt, photos/."):
        find_root(tmp_path, "mars", ["info"], ["mars"])


def test_a_root_with_the_right_name_and_wrong_content_is_described(tmp_path: Path) -> None:
    (tmp_path / "mars" / "images").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"mars lacks info .found images/"):
        find_root(tmp_path, "mars", ["info"], ["mars"])


def test_an_empty_root_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is empty"):
        find_root(tmp_path, "mars", ["info"])


@pytest.mark.parametrize("name", ["MARS.zip", "MARS.tar", "mars.tar.gz", "mars.tgz"])
def test_an_archive_must_be_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DatasetError, match="is an archive: unpack it"):
        find_root(tmp_path / name, "mars", ["info"])
    with pytest.raises(DatasetError, match=f"unpack {name} first"):
        find_root(tmp_path, "mars", ["info"])


def test_a_file_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(DatasetError, match="is a file, not a folder"):
        find_root(tmp_path / "a.txt", "mars", ["info"])


def test_listings_are_in_natural_order_without_hidden_entries(tmp_path: Path) -> None:
    for name in ("f10.jpg", "f9.PNG", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).touch()
    for name in ("p10", "p9", ".git"):
        (tmp_path / name).mkdir()
    assert list_images(tmp_path) == ["f9.PNG", "f10.jpg"]
    assert list_folders(tmp_path) == ["p9", "p10"]
    with pytest.raises(DatasetError, match="cannot list"):
        list_images(tmp_path / "nowhere")


@needs_links
def test_a_link_to_its_own_ancestor_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "0001" / "cam1"
    folder.mkdir(parents=True)
    (folder / "again").symlink_to(tmp_path / "0001")
    with pytest.raises(DatasetError, match=r"again is a symbolic link .* contains the link itself"):
        list_folders(folder)


@needs_links
def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    with pytest.raises(DatasetError, match=r"loop.jpg is a symbolic link that leads nowhere, or to itself"):
        list_images(tmp_path)
    with pytest.raises(DatasetError, match="cannot list"):
        list_folders(tmp_path / "loop.jpg")


@needs_links
@pytest.mark.parametrize("name", ["dukemtmcvidreid", "folder"])
def test_a_loop_of_links_in_a_dataset_is_refused(tmp_path: Path, name: str) -> None:
    IMITATIONS[name](tmp_path)
    person = next(path for path in (tmp_path / "train").iterdir())
    (person / "again").symlink_to(tmp_path / "train")
    with pytest.raises(DatasetError, match=r"again is a symbolic link"):
        build_dataset(name, tmp_path)


@needs_links
def test_a_link_to_an_image_elsewhere_is_followed(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "1.jpg").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.jpg").symlink_to(tmp_path / "store" / "1.jpg")
    assert list_images(tmp_path / "folder") == ["a.jpg"]


@needs_links
def test_a_link_to_another_disk_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk" / "0001").mkdir(parents=True)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "0001").symlink_to(tmp_path / "disk" / "0001")
    assert list_folders(tmp_path / "dataset") == ["0001"]


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x.jpg", "a/../../x.jpg", "C:\\x.jpg", "..\\x.jpg", "\\x"]
)
def test_paths_that_leave_the_root_are_refused(name: str) -> None:
    with pytest.raises(DatasetError, match=r"list.txt:3: path .* leaves the root"):
        check_inside(name, "list.txt:3")


def test_paths_below_the_root_pass() -> None:
    assert check_inside("a/b..c/d.jpg", "x") == "a/b..c/d.jpg"


def test_a_binary_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="line 1: byte 0x00 is not UTF-16"):
        read_lines(tmp_path / "list.txt", "lsvid")


@pytest.mark.parametrize("name", ["a/" + "9" * 300 + ".png", "a\0b.png"])
def test_a_path_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(DatasetError, match=r"list, line 3: path .* is not a possible file path"):
        check_inside(name, "list, line 3")
