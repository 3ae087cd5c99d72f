import base64
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.visual.conftest import Scene, read_frames
from videoreid.errors import ConfigError
from videoreid.visual import StripStyle, write_ranking_html

STYLE = StripStyle(frames=4, size=(64, 32))


def taken(text: str) -> dict[str, Any]:
    """Return what the page hands to its scripts, by name."""
    found = re.findall(r'^explorer\.take\("([\w-]+)",(.*)\);$', text, re.MULTILINE)
    return {name: json.loads(value) for name, value in found}


@pytest.fixture
def text(scene: Scene, tmp_path: Path) -> str:
    path = tmp_path / "ranking.html"
    write_ranking_html(scene.ranking, scene.query, scene.gallery, path, read_frames=read_frames, style=STYLE)
    return path.read_text("utf-8")


def test_rows_and_answers(text: str) -> None:
    values = taken(text)
    index, rows = values["index"], values["run0-0"]
    assert index["rows"] == [0, 1, 2]
    assert index["runs"][0]["ap"] == [0.5, 1.0, None]
    assert index["runs"][0]["first"] == [2, 1, 0]
    assert index["runs"][0]["nearest"] == [0.1, 0.05, 0.4]
    assert [row[0]["id"] for row in rows] == [[3, 4, 5], [3, 5, 4], [4, 3]], "padding is no answer"
    assert rows[0][0]["hit"] == [0, 1, 0]
    assert index["tracklets"]["frames"] == [4, 4, 4, 4, 4, 2]
    assert index["tracklets"]["length"] == [6, 6, 6, 6, 6, 2]
    assert index["tracklets"]["pid"] == [1, 2, 3, 2, 1, 2]
    assert index["tracklets"]["time"] == [None] * 6


def test_every_strip_is_stored_once_and_decodes(text: str) -> None:
    strips = taken(text)["strips"]
    assert sorted(strips) == ["0", "1", "2", "3", "4", "5"]
    data = base64.b64decode(strips["4"].removeprefix("data:image/jpeg;base64,"))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (64, 4 * 32, 3)
    assert image[..., 2].mean() > 180, "person 1 is red"


def test_the_page_is_whole_and_alone(text: str) -> None:
    assert not re.search(r"@[A-Z]+@", text), "every placeholder is filled"
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", text), "nothing is loaded"
    assert set(re.findall(r"https?://[\w./]*", text)) == {"http://www.w3.org/2000/svg"}, "a name, no address"
    assert "2 scored & \\u003c1 skipped>" in text


def test_of_many_queries_the_worst_of_all_are_shown(scene: Scene, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("videoreid.visual.html._MOST", 1)
    path = tmp_path / "a.html"
    write_ranking_html(scene.ranking, scene.query, scene.gallery, path, read_frames=read_frames, style=STYLE)
    index = taken(path.read_text("utf-8"))["index"]
    assert index["rows"] == [0], "query 0 has the lowest AP"
    assert index["title"] == "Ranking of 3 queries, 1 of them shown"


def test_nothing_to_show_is_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no query to show"):
        write_ranking_html(
            scene.ranking, scene.query, scene.gallery, tmp_path / "a.html", read_frames=read_frames, rows=[]
        )
    assert list(tmp_path.iterdir()) == []
