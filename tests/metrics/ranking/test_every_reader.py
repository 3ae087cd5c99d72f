"""Every protocol x everything that turns gallery rows into tracklets: all must name the tracklet that was ranked."""

import csv
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.cli import rank as rank_command
from videoreid.errors import ProtocolError
from videoreid.metrics import evaluate_distances, evaluate_features, get_protocol, list_protocols
from videoreid.retrieval import GalleryIndex
from videoreid.types import Features, Ranking, Splits, Tracklet
from videoreid.visual import ExplorerOptions, StripStyle, draw_ranking, write_explorer

TOP = 6


@dataclass
class World:
    query: list[Tracklet]
    gallery: list[Tracklet]
    features: tuple[Features, Features]


def make_world() -> World:
    """Six people in three cameras, a distractor and junk; every tracklet has frames of its own name."""
    rng = np.random.default_rng(0)
    query = [(pid, camid) for camid in (0, 1) for pid in range(1, 7)]
    gallery = [(pid, camid) for pid in range(1, 7) for camid in (1, 2)] + [(0, 2), (-1, 0)]
    sides = []
    for name, ids in (("query", query), ("gallery", gallery)):
        tracklets = [Tracklet([f"{name}/{row}"], *pair) for row, pair in enumerate(ids)]
        pids, camids = np.array(ids).T
        sides.append((tracklets, Features(rng.normal(size=(len(ids), 4)).astype(np.float32), pids, camids)))
    return World(sides[0][0], sides[1][0], (sides[0][1], sides[1][1]))


def truth(world: World, protocol: str) -> list[list[str]]:
    """Frames of the answers to each query, by sorting: no code of the library but the record of the protocol."""
    rules = get_protocol(protocol)
    items = [*world.gallery, *world.query] if rules.queries_in_gallery else world.gallery
    q, g = (part.embeddings.double().numpy() for part in world.features)
    g = np.concatenate([g, q]) if rules.queries_in_gallery else g
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (q, g)]
    distances = 1 - unit[0] @ unit[1].T
    if rules.same_camera_penalty:
        kept = [row for row, item in enumerate(items) if item.pid not in rules.junk_pids]
        same = np.array([[asked.camid == item.camid for item in items] for asked in world.query])
        distances = distances + same * distances[:, kept].max()
    answers = []
    for asked, line in zip(world.query, distances, strict=True):
        rows = [
            row
            for row in np.argsort(line, kind="stable")
            if items[row].pid not in rules.junk_pids
            and not (
                rules.junk == "same_camera" and (items[row].pid, items[row].camid) == (asked.pid, asked.camid)
            )
        ]
        answers.append([items[row].frames[0] for row in rows[:TOP]])
    return answers


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(params=list_protocols())
def ranking(request: pytest.FixtureRequest, world: World) -> Ranking:
    return evaluate_features(*dressed(world, request.param), protocol=request.param, top_k=TOP)


def dressed(world: World, protocol: str) -> tuple[Features, Features]:
    """Return the features in clothes that make nobody junk."""
    changed = int(get_protocol(protocol).clothes == "changed")
    query, gallery = world.features
    return (
        replace(query, clothes=np.zeros(len(query), np.int64)),
        replace(gallery, clothes=np.full(len(gallery), changed)),
    )


class Reader:
    """Gives grey frames and remembers whose were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def read(self, keys: list[str]) -> list[np.ndarray]:
        self.asked += keys
        return [np.full((8, 4, 3), 128, np.uint8) for _ in keys]


def test_searched_tracklets(world: World, ranking: Ranking) -> None:
    searched = ranking.searched(world.query, world.gallery)
    expected = truth(world, ranking.protocol.name)
    shown = [[searched[row].frames[0] for row in line if row >= 0] for line in ranking.top_indices]
    assert shown == expected
    is_query, rows = ranking.origin()
    sides = {True: world.query, False: world.gallery}
    named = [
        [sides[bool(asked)][row].frames[0] for asked, row in zip(*line, strict=True) if row >= 0]
        for line in zip(is_query, rows, strict=True)
    ]
    assert named == expected


def test_pictures(world: World, ranking: Ranking, tmp_path: Path) -> None:
    reader, style = Reader(), StripStyle(dpi=50, junk=False)
    parts = ranking, world.query, world.gallery
    draw_ranking(*parts, tmp_path / "a.png", read_frames=reader.read, top_k=TOP, style=style)
    expected = truth(world, ranking.protocol.name)
    drawn = [
        key for asked, line in zip(world.query, expected, strict=True) for key in (asked.frames[0], *line)
    ]
    assert reader.asked == drawn


def test_junk_is_drawn_where_it_would_have_stood(world: World, ranking: Ranking, tmp_path: Path) -> None:
    reader, style = Reader(), StripStyle(dpi=50)
    parts = ranking, world.query, world.gallery
    draw_ranking(*parts, tmp_path / "a.png", read_frames=reader.read, rows=[0], top_k=TOP, style=style)
    query, searched = world.query[0], ranking.searched(world.query, world.gallery)
    answers = [searched[row] for row in ranking.top_indices[0]]
    extra = [key for key in reader.asked[1:] if key not in {item.frames[0] for item in answers}]
    people = {item.frames[0]: (item.pid, item.camid) for item in searched}
    assert all(people[key] == (query.pid, query.camid) for key in extra)
    assert query.frames[0] not in extra, "the query itself is no junk worth a picture"
    assert [key for key in reader.asked[1:] if key not in extra] == [item.frames[0] for item in answers]


def test_explorers(world: World, ranking: Ranking, tmp_path: Path) -> None:
    parts, options = (ranking, world.query, world.gallery), ExplorerOptions(top_k=TOP, progress=False)
    write_explorer(*parts, tmp_path, read_frames=Reader().read, options=options)
    block = (tmp_path / "data" / "run0-0.js").read_text("ascii")
    rows = json.loads(re.fullmatch(r'explorer\.take\("run0-0",(.*)\);\n', block)[1])
    items = [*world.query, *world.gallery]
    shown = [[items[number].frames[0] for number in answers["id"]] for answers, _, _ in rows]
    assert shown == truth(world, ranking.protocol.name)
    for number, (answers, truths, _) in enumerate(rows):
        hits = sum(answers["hit"]) + len(truths["id"])
        assert hits == np.diff(ranking.match_offsets)[number], (
            "every true match is in the list or among the missed"
        )


def test_command(world: World, ranking: Ranking, tmp_path: Path, monkeypatch, capsys) -> None:
    protocol = ranking.protocol.name
    splits = Splits("world", (), tuple(world.query), tuple(world.gallery))
    reader = Reader()
    features = iter(dressed(world, protocol))
    monkeypatch.setattr(rank_command, "_dataset", lambda args: splits)
    monkeypatch.setattr(
        rank_command, "_build", lambda args: (None, {"weights": "-", "weights_sha256": "0" * 64})
    )
    monkeypatch.setattr(rank_command, "_embed", lambda *args: next(features))
    monkeypatch.setattr("videoreid.data.FrameReader", lambda: reader)
    arguments = ["rank", "--dataset", "world", "--model", "-", "--weights", "-", "--output", str(tmp_path)]
    assert main([*arguments, "--protocol", protocol, "--top", str(TOP)]) == 0
    with (tmp_path / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = truth(world, protocol)
    written = [[row for row in rows if int(row["query"]) == query] for query in range(len(world.query))]
    assert [[row["first_frame"] for row in line] for line in written] == expected
    assert [[f"{row['found_in']}/{row['row']}" for row in line] for line in written] == expected
    people = {t.frames[0]: t for t in (*world.query, *world.gallery)}
    for row in rows:
        found = people[row["first_frame"]]
        assert (int(row["pid"]), int(row["camid"])) == (found.pid, found.camid)
        assert (row["match"] == "1") == (row["pid"] == row["query_pid"])
    printed = capsys.readouterr().out.splitlines()
    first = " ".join(
        f"{people[key].pid}@{people[key].camid}{'*' if people[key].pid == world.query[0].pid else ''}"
        for key in expected[0]
    )
    assert any(line.endswith(f" {first}") for line in printed)


@pytest.mark.parametrize("queries_first", [True, False])
def test_a_given_matrix(world: World, ranking: Ranking, queries_first: bool) -> None:
    query, gallery = dressed(world, ranking.protocol.name)
    items = world.gallery
    if ranking.protocol.queries_in_gallery:
        order = (query, gallery) if queries_first else (gallery, query)
        gallery = order[0].concat(order[1])
    unit = [torch.nn.functional.normalize(part.embeddings.double(), dim=1) for part in (query, gallery)]
    ids = query.pids, gallery.pids, query.camids, gallery.camids
    given = evaluate_distances(
        1 - unit[0] @ unit[1].t(),
        *ids,
        protocol=ranking.protocol,
        top_k=TOP,
        clothes=(query.clothes, gallery.clothes),
    )
    searched = given.searched(world.query, items)
    shown = [[searched[row].frames[0] for row in line if row >= 0] for line in given.top_indices]
    assert shown == truth(world, ranking.protocol.name)


def test_a_gallery_index(world: World, ranking: Ranking) -> None:
    """An index that was filled as the ranking's gallery was gives keys that are the ranking's rows."""
    if ranking.protocol.same_camera_penalty:  # which an index does not know
        plain = replace(ranking.protocol, name="plain", same_camera_penalty=False)
        ranking = evaluate_features(*world.features, protocol=plain, top_k=TOP)
    searched = ranking.searched(world.query, world.gallery)
    index = GalleryIndex(4)
    index.add(world.features[1])
    if len(searched) > len(world.gallery):
        index.add(world.features[0])
    answer = index.search(world.features[0].embeddings, k=len(searched))
    place = np.argsort(answer.keys, axis=1)  # keys are 0..G-1
    rows = np.maximum(ranking.top_indices, 0)
    for values, expected in (
        (answer.pids, np.array([t.pid for t in searched])[rows]),
        (answer.camids, np.array([t.camid for t in searched])[rows]),
        (answer.distances, ranking.top_distances),
    ):
        found = np.take_along_axis(np.take_along_axis(values, place, 1), rows, 1)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_matrix_whose_queries_may_be_first_or_last_needs_the_whole_gallery(world: World) -> None:
    query = world.features[0]
    twice = query.concat(query)
    ids = query.pids, twice.pids, query.camids, twice.camids
    matrix = np.random.default_rng(0).random((len(query), len(twice)))
    ranking = evaluate_distances(matrix, *ids, protocol="mars_official")
    assert ranking.gallery is not None and ranking.gallery.query_start is None
    assert len(ranking.searched(world.query, [*world.query, *world.query])) == len(twice)
    with pytest.raises(ProtocolError, match="a gallery of 24 tracklets, but the given gallery holds 12"):
        ranking.searched(world.query, world.query)


def test_rows_of_the_same_person(world: World, ranking: Ranking) -> None:
    """Against sorting: every true match is named with its rank, however far down, and the junk beside it."""
    same = ranking.same_person
    assert same is not None
    searched = ranking.searched(world.query, world.gallery)
    whole = evaluate_features(
        *dressed(world, ranking.protocol.name), protocol=ranking.protocol, top_k=len(searched)
    )
    for number, asked in enumerate(world.query):
        rows, distances = same.of(number, matches=True)
        answers = whole.top_indices[number][whole.top_matches[number]]
        assert rows.tolist() == answers.tolist()
        np.testing.assert_allclose(
            distances, whole.top_distances[number][whole.top_matches[number]], atol=1e-6
        )
        ranks = ranking.match_ranks[ranking.match_offsets[number] : ranking.match_offsets[number + 1]]
        assert [int(whole.top_indices[number][rank - 1]) for rank in ranks] == rows.tolist()
        junk, _ = same.of(number, matches=False)
        expected = {
            row
            for row, item in enumerate(searched)
            if item.pid == asked.pid and row not in whole.top_indices[number]
        }
        assert set(junk.tolist()) == expected
