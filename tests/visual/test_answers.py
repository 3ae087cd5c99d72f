import base64
from pathlib import Path

from videoreid.visual import AnswerRow, write_answer_html


def test_the_page_shows_what_it_is_given_and_nothing_of_it_is_markup(tmp_path: Path) -> None:
    lines = ["camera <b>gate</b>", "distance 0.1"]
    row = AnswerRow(lines, [b"one", b"two"], 'file:///a"b.mp4#t=3', 'k"</script>', 0.1, "likely <i>90 %</i>")
    write_answer_html(
        tmp_path / "a.html", [row], asked=[b"who"], query="</script>", note="3 & more", title="Who?"
    )
    page = (tmp_path / "a.html").read_text()
    assert (
        "camera &lt;b&gt;gate&lt;/b&gt;" in page and "3 &amp; more" in page and "<title>Who?</title>" in page
    )
    assert 'href="file:///a&quot;b.mp4#t=3"' in page
    for picture in (b"one", b"two", b"who"):
        assert base64.b64encode(picture).decode() in page
    assert page.count("alt=") == 3 and "http" not in page and page.count("</script>") == 2
    assert "likely &lt;i&gt;90 %&lt;/i&gt;" in page and page.count('data-mark="') == 2


def test_rows_without_a_key_cannot_be_marked(tmp_path: Path) -> None:
    write_answer_html(tmp_path / "a.html", [AnswerRow(["a"], [b"one"])])
    assert 'data-mark="' not in (tmp_path / "a.html").read_text()


def test_an_empty_answer_says_so(tmp_path: Path) -> None:
    write_answer_html(tmp_path / "a.html", [])
    assert "No tracklet is near enough" in (tmp_path / "a.html").read_text()
