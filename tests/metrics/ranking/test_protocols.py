import pytest

from videoreid.errors import UnknownNameError
from videoreid.metrics import PROTOCOLS, get_protocol, list_protocols, protocol_line
from videoreid.types import EvaluationProtocol


def test_the_published_rules():
    names = "any_camera camera_aware cross_camera dukemtmcvidreid ilidsvid lsvid lsvid_queries_out market1501"
    more = "market1501_toolkit mars_official mars_torchreid no_cameras prid2011 single_gallery_shot xmars"
    more += " clothes_change same_clothes"
    assert set(list_protocols()) == {*names.split(), *more.split()}
    assert {name for name, record in PROTOCOLS.items() if record.queries_in_gallery} == {
        "camera_aware",
        "mars_official",
        "lsvid",
        "xmars",
    }
    assert all(name == record.name for name, record in PROTOCOLS.items())
    assert {name for name, record in PROTOCOLS.items() if record.same_camera_penalty} == {"camera_aware"}
    assert PROTOCOLS["market1501_toolkit"].average_precision == "trapezoidal"
    assert {name for name, record in PROTOCOLS.items() if record.junk == "nothing"} == {
        "any_camera",
        "no_cameras",
    }


def test_a_record_passes_through_and_a_typo_gets_a_suggestion():
    own = EvaluationProtocol("mine")
    assert get_protocol(own) is own
    with pytest.raises(UnknownNameError, match="did you mean 'mars_official'"):
        get_protocol("mars_oficial")
    with pytest.raises(UnknownNameError, match="known: any_camera"):
        get_protocol("zzz")
    with pytest.raises(
        UnknownNameError, match=r"did you mean 'no_cameras' or 'any_camera' or 'cross_camera'\?"
    ):
        get_protocol("cameras")


def test_the_line_says_what_decides():
    line = protocol_line(
        get_protocol("mars_official"),
        counts=(11310, 1980, 0),
        distance="cosine",
        refiners=["a", "b"],
        dataset="mars",
        details={"frames": "all"},
    )
    assert line.startswith(
        "mars | protocol mars_official | gallery 11,310 with the queries | queries 1,980 scored, 0 without a match "
        "skipped | junk: same person in the same camera; pids -1 | distance cosine | AP standard | "
        "refiners a + b | frames all | "
    )
    plain = protocol_line(
        EvaluationProtocol("p", junk="nothing", junk_pids=()), counts=(1, 1, 0), distance="given"
    )
    assert "junk: none" in plain
    assert plain.startswith("unnamed dataset | ")


def test_every_deviating_rule_is_in_the_line():
    rules = {
        "clothes": "changed",
        "unmatched": "zero",
        "gallery_shot": "single",
        "average_precision": "trapezoidal",
    }
    line = protocol_line(
        EvaluationProtocol("p", **rules), counts=(1200, 7, 3), distance="euclidean", dataset="d"
    )
    assert line == (
        "d | protocol p | gallery 1,200 | queries 7 scored, 3 without a match scored 0 | junk: same person in the same "
        "camera; same person in the same clothes; pids -1 | distance euclidean | AP trapezoidal | "
        "CMC by single gallery shot | refiners none"
    )
    same = protocol_line(EvaluationProtocol("p", clothes="same"), counts=(1, 1, 0), distance="cosine")
    assert same == (
        "unnamed dataset | protocol p | gallery 1 | queries 1 scored, 0 without a match skipped | junk: same person in "
        "the same camera; same person in other clothes; pids -1 | distance cosine | AP standard | refiners none"
    )


def test_a_note_does_not_say_what_a_part_of_the_dataset_lacks():
    """A line is printed for galleries of any size: counts of the whole dataset are named as such."""
    for record in PROTOCOLS.values():
        for count in ("11,310", "9,330"):
            assert count not in record.note or f"whole MARS: {count}" in record.note
