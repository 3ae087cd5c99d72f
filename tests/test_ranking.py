"""A ranking names the gallery that was searched: rows become the right tracklets, or an error."""

import numpy as np
import pytest

from videoreid.errors import ProtocolError
from videoreid.types import EvaluationProtocol, RankedGallery, Ranking, Tracklet


def tracklets(*ids: tuple[int, int]) -> list[Tracklet]:
    return [Tracklet([f"{pid}/{camid}"], pid, camid) for pid, camid in ids]


QUERY = tracklets((7, 0), (8, 0))
GALLERY = tracklets((8, 1), (7, 2), (9, 1))


def ranked(items: list[Tracklet], query_start: int | None) -> RankedGallery:
    return RankedGallery(np.array([t.pid for t in items]), np.array([t.camid for t in items]), query_start, 2)


def ranking(gallery: RankedGallery | None, protocol: EvaluationProtocol | None = None) -> Ranking:
    return Ranking(
        average_precision=np.array([1.0, 0.5]),
        inverse_negative_penalty=np.array([1.0, 0.5]),
        first_match=np.array([1, 2]),
        cmc=np.array([0.5, 1.0]),
        top_indices=np.array([[4, 0, 2], [1, 3, -1]]),
        top_distances=np.zeros((2, 3), np.float32),
        top_matches=np.zeros((2, 3), bool),
        protocol=protocol or EvaluationProtocol("test"),
        protocol_line="line",
        gallery=gallery,
    )


@pytest.mark.parametrize(("items", "start"), [([*QUERY, *GALLERY], 0), ([*GALLERY, *QUERY], 3)])
def test_the_queries_stand_where_they_were_ranked(items: list[Tracklet], start: int) -> None:
    answer = ranking(ranked(items, start))
    assert list(answer.searched(QUERY, GALLERY)) == items
    assert list(answer.searched(QUERY, items)) == items, "the whole gallery is as good"
    is_query, rows = answer.origin()
    for index, asked, row in zip(answer.top_indices.flat, is_query.flat, rows.flat, strict=True):
        if index >= 0:
            assert (QUERY if asked else GALLERY)[row] == items[index]
        else:
            assert (asked, row) == (False, -1)


def test_a_gallery_as_given_is_returned() -> None:
    items = [*GALLERY, *QUERY]
    answer = ranking(ranked(items, None))
    assert list(answer.searched(QUERY, items)) == items
    assert not answer.origin()[0].any()
    with pytest.raises(ProtocolError, match="a gallery of 5 tracklets, but the given gallery holds 3"):
        answer.searched(QUERY, GALLERY)


def test_other_tracklets_are_refused() -> None:
    answer = ranking(ranked([*GALLERY, *QUERY], 3))
    with pytest.raises(ProtocolError, match="holds 2 queries, got 1 tracklets"):
        answer.searched(QUERY[:1], GALLERY)
    with pytest.raises(
        ProtocolError, match="5 tracklets, 2 of them the queries, but the given gallery holds 2"
    ):
        answer.searched(QUERY, GALLERY[:2])
    with pytest.raises(
        ProtocolError, match="2 rows have another pid, the first is row 0 with pid 7 instead of 8"
    ):
        answer.searched(QUERY, [GALLERY[1], GALLERY[0], GALLERY[2]])
    with pytest.raises(ProtocolError, match="1 rows have another camid, the first is row 2"):
        answer.searched(QUERY, [*GALLERY[:2], *tracklets((9, 5))])
    with pytest.raises(ProtocolError, match="another pid"):
        answer.searched(QUERY[::-1], GALLERY)


def test_a_ranking_made_by_hand_cannot_hide_appended_queries() -> None:
    five = [*GALLERY, *QUERY]
    assert list(ranking(None).searched(QUERY, five)) == five
    with pytest.raises(ProtocolError, match="does not hold its gallery"):
        ranking(None).searched(QUERY, GALLERY)
    with pytest.raises(ProtocolError, match="does not hold its gallery"):
        ranking(None, EvaluationProtocol("test", queries_in_gallery=True)).searched(QUERY, five)


def test_a_query_cannot_find_itself() -> None:
    with pytest.raises(ProtocolError, match="every query would find itself first"):
        EvaluationProtocol("test", queries_in_gallery=True, junk="nothing")
