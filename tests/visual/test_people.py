import math
import re
from pathlib import Path

from videoreid.visual import SeenTracklet, write_people_html


def test_strips_lie_at_their_times_and_never_on_each_other(tmp_path: Path) -> None:
    seen = [
        SeenTracklet(0, "gate", 0.0, 10.0, "gate <early>", [b"one", b"two"], "file:///g.mp4#t=0.0"),
        SeenTracklet(0, "gate", 1.0, 4.0, "gate, meanwhile", [b"three"]),
        SeenTracklet(0, "hall", 90.0, 100.0, "hall", [b"four"]),
        SeenTracklet(1, "hall", math.nan, math.nan, "when?", [b"five"]),
    ]
    write_people_html(tmp_path / "p.html", seen, axis=("08:00 & so", "09:00"), note="4 <tracklets>")
    page = (tmp_path / "p.html").read_text()
    people = page.split("<section")[1:]
    assert [re.search(r'data-person="(\d)"><h2>(.*?)</h2>', text).groups() for text in people] == [
        ("0", "person 0: 3 tracklets, 2 cameras"),
        ("1", "person 1: 1 tracklet, 1 camera"),
    ]
    places = re.findall(r"left: ([\d.]+)%; min-width: ([\d.]+)%; top: (\d+)px", people[0])
    assert places == [("0.00", "10.00", "4"), ("1.00", "3.00", "82"), ("90.00", "10.00", "4")]
    assert (
        people[0].count('class="lane"') == 2
        and "gate &lt;early&gt;" in page
        and "4 &lt;tracklets&gt;" in page
    )
    assert (
        "08:00 &amp; so" in page and 'href="file:///g.mp4#t=0.0"' in page and "not prove an identity" in page
    )


def test_nobody_is_said(tmp_path: Path) -> None:
    write_people_html(tmp_path / "p.html", [])
    assert "There is no tracklet" in (tmp_path / "p.html").read_text()
