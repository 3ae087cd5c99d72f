import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.visual.conftest import Scene, read_frames
from videoreid.errors import ConfigError
from videoreid.visual import StripStyle, write_ranking_html

STYLE = StripStyle(frames=4, size=(64, 32))


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("class") == "row":
            self.rows.append({**values, "figures": [], "frames": []})
        elif tag == "figure":
            self.rows[-1]["figures"].append(values["class"])
        elif "frame" in (values.get("class") or "").split():
            self.rows[-1]["frames"].append((values["class"].split()[1], int(values["data-frames"])))


@pytest.fixture
def text(scene: Scene, tmp_path: Path) -> str:
    path = tmp_path / "ranking.html"
    write_ranking_html(scene.ranking, scene.query, scene.gallery, path, read_frames=read_frames, style=STYLE)
    return path.read_text("utf-8")


def test_rows_and_answers(text: str) -> None:
    rows = Page(text).rows
    assert [row["data-row"] for row in rows] == ["0", "1", "2"]
    assert [row["data-ap"] for row in rows] == ["0.500000", "1.000000", ""]
    assert rows[0]["figures"] == ["asked", "miss", "hit", "miss"]
    assert rows[2]["figures"] == ["asked", "miss", "miss"], "padding is no answer"
    assert rows[0]["frames"] == [("s-q0", 4), ("s-g0", 4), ("s-g1", 4), ("s-g2", 2)]


def test_every_strip_is_stored_once_and_decodes(text: str) -> None:
    sprites = dict(re.findall(r"\.(s-\w+) \{ background-image: url\(data:image/jpeg;base64,([^)]+)\)", text))
    assert sorted(sprites) == ["s-g0", "s-g1", "s-g2", "s-q0", "s-q1", "s-q2"]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(sprites["s-g1"]), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (64, 4 * 32, 3)
    assert image[..., 2].mean() > 180, "person 1 is red"


def test_the_page_is_whole_and_alone(text: str) -> None:
    assert "@" not in re.sub(r"base64,[^)]*", "", text), "every placeholder is filled"
    assert not re.search(r"(src|href)=|https?://", text), "nothing is loaded from elsewhere"
    assert "2 scored &amp; &lt;1 skipped&gt;" in text


def test_nothing_to_show_is_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no query to show"):
        write_ranking_html(
            scene.ranking, scene.query, scene.gallery, tmp_path / "a.html", read_frames=read_frames, rows=[]
        )
    assert list(tmp_path.iterdir()) == []
