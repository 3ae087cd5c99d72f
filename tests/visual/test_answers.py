import base64
from pathlib import Path

from videoreid.visual import AnswerRow, write_answer_html


def test_the_page_shows_what_it_is_given_and_nothing_of_it_is_markup(tmp_path: Path) -> None:
    row = AnswerRow(["camera <b>gate</b>", "distance 0.1"], [b"one", b"two"], 'file:///a"b.mp4#t=3')
    write_answer_html(tmp_path / "a.html", [row], asked=[b"who"], note="3 & more", title="Who?")
    page = (tmp_path / "a.html").read_text()
    assert (
        "camera &lt;b&gt;gate&lt;/b&gt;" in page and "3 &amp; more" in page and "<title>Who?</title>" in page
    )
    assert 'href="file:///a&quot;b.mp4#t=3"' in page
    for picture in (b"one", b"two", b"who"):
        assert base64.b64encode(picture).decode() in page
    assert page.count("alt=") == 3 and "http" not in page


def test_an_empty_answer_says_so(tmp_path: Path) -> None:
    write_answer_html(tmp_path / "a.html", [])
    assert "Nobody is near enough" in (tmp_path / "a.html").read_text()
