from pathlib import Path

import numpy as np
import pytest

from videoreid.analysis import (
    LabelledPairs,
    calibrate_pairs,
    held_out_probabilities,
    pairs_of_gallery,
    read_pairs,
    threshold_at,
)
from videoreid.errors import ConfigError, DatasetError
from videoreid.metrics import PairDistances, fit_logistic
from videoreid.retrieval import Gallery, GalleryCalibration, GalleryTracklet, Recording


def drawn(genuine: int, impostor: int, groups: int = 10, seed: int = 0) -> LabelledPairs:
    generator = np.random.default_rng(seed)
    distances = np.concatenate([generator.normal(0.3, 0.1, genuine), generator.normal(0.7, 0.1, impostor)])
    same = np.arange(genuine + impostor) < genuine
    return LabelledPairs(distances, same, generator.integers(0, groups, len(same)))


@pytest.mark.parametrize(("count", "near"), [(40, 0.2), (4000, 0.05)])
def test_two_normal_kinds_meet_half_way(count: int, near: float) -> None:
    """Equal spreads and equal numbers: the probability is a logistic curve of slope 0.4 / 0.1**2 about 0.5.

    Few pairs give a flatter curve, as Platt's targets never are 0 and 1.
    """
    found = calibrate_pairs(drawn(count, count), source="drawn")
    assert (found.genuine, found.impostor) == (count, count)
    assert threshold_at(found) == pytest.approx(0.5, abs=0.05)
    expected = 1 / (1 + np.exp(40 * (np.array([0.4, 0.45, 0.6]) - 0.5)))
    assert found(np.array([0.4, 0.45, 0.6])) == pytest.approx(expected, abs=near)
    assert (np.diff(found(np.linspace(0, 2, 500))) <= 1e-12).all()
    assert 0 <= found.error < near and f"{2 * count} pairs, {count} of them" in found.basis


def test_a_prior_moves_the_curve() -> None:
    rare = calibrate_pairs(drawn(400, 400), prior=0.01)
    # odds of 1 : 99 move a logistic curve of slope 40 by log(99) / 40
    assert threshold_at(rare) == pytest.approx(0.5 - np.log(99) / 40, abs=0.05)


def test_what_is_told_was_not_fitted() -> None:
    pairs = drawn(60, 60)
    told = held_out_probabilities(pairs)
    groups = np.unique(pairs.groups)
    alike = [
        fit_logistic(
            PairDistances(
                pairs.distances[~np.isin(pairs.groups, out) & pairs.same],
                pairs.distances[~np.isin(pairs.groups, out) & ~pairs.same],
            )
        )(pairs.distances)
        for out in [
            (a, b) for a in groups for b in groups if a < b
        ]  # ten groups in five folds: two are left out
    ]
    for row, probability in enumerate(told):
        fits = [
            curve[row]
            for curve, out in zip(alike, [(a, b) for a in groups for b in groups if a < b], strict=True)
            if pairs.groups[row] in out
        ]
        assert np.abs(np.array(fits) - probability).min() < 2e-3


def test_few_pairs_and_wrong_labels_are_refused() -> None:
    with pytest.raises(ConfigError, match="9 pairs of one person and 30 of two"):
        calibrate_pairs(drawn(9, 30))
    pairs = drawn(50, 50)
    with pytest.raises(ConfigError, match="labels right"):
        calibrate_pairs(LabelledPairs(pairs.distances, ~pairs.same, pairs.groups))


def gallery_with_names(path: Path) -> Gallery:
    gallery = Gallery.open(path, fingerprint="net:1", create=True)
    generator = np.random.default_rng(1)
    for camera in range(2):
        rows = [GalleryTracklet(n, n, n + 1, person=name) for n, name in enumerate(["7", "8", ""])]
        gallery.add(
            Recording(f"c{camera}", f"{camera}{camera}", f"c{camera}"), rows, generator.normal(size=(3, 4))
        )
    return gallery


def test_pairs_of_a_labelled_gallery(tmp_path: Path) -> None:
    gallery = gallery_with_names(tmp_path)
    pairs = pairs_of_gallery(gallery)
    expected = {}
    for one in ("c0:0", "c0:1"):
        for two in ("c1:0", "c1:1"):  # over cameras, and without those nobody knows
            expected[round(float(1 - gallery.embedding(one) @ gallery.embedding(two)), 5)] = (
                one[-1] == two[-1]
            )
    assert dict(zip(np.round(pairs.distances, 5).tolist(), pairs.same.tolist(), strict=True)) == expected
    assert pairs.share == 0.5
    nobody = Gallery.open(tmp_path / "none", fingerprint="net:1", create=True)
    with pytest.raises(ConfigError, match="knows none of its persons"):
        pairs_of_gallery(nobody)


def test_judged_pairs_are_read(tmp_path: Path) -> None:
    gallery = gallery_with_names(tmp_path)
    table = tmp_path / "marks.csv"
    table.write_text(
        "query,key,distance,same,model\nphoto.jpg,c0:0,0.25,yes,net:1\nc0:0,c1:1,,no,\nphoto.jpg,c0:0,0.25,no,net:1\n"
    )
    pairs = read_pairs(gallery, [table])
    between = float(1 - gallery.embedding("c0:0") @ gallery.embedding("c1:1"))
    assert pairs.distances == pytest.approx([0.25, between]) and pairs.same.tolist() == [False, False]
    assert pairs.groups.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "needs a first line with the columns query,key,same"),
        ("query,key,same\nc0:0,c1:1,perhaps\n", "line 2: 'same' must be yes or no"),
        ("query,key,same,distance\nx,y,yes,near\n", "line 2: the distance 'near' is not a number"),
        ("query,key,same,distance\nx,y,yes,3\n", "must be between 0 and 2"),
        ("query,key,same,distance,model\nx,y,yes,0.3,net:2\n", "of the model net:2, the gallery of net:1"),
        ("query,key,same\nc0:0,c9:1,yes\n", "no tracklet 'c9:1'"),
        ("query,key,same\nc0:0\n", "line 2: a field is missing"),
    ],
)
def test_bad_tables_are_named(text: str, message: str, tmp_path: Path) -> None:
    gallery = gallery_with_names(tmp_path / "ix")
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises((DatasetError, ConfigError), match=message):
        read_pairs(gallery, [tmp_path / "m.csv"])
    with pytest.raises(DatasetError, match="cannot read pairs"):
        read_pairs(gallery, [tmp_path / "none.csv"])


def test_close_knots_are_kept(tmp_path: Path) -> None:
    """Knots are distances of pairs, of which many may lie within the seventh decimal."""
    gallery = gallery_with_names(tmp_path)
    knots = np.float32([0.1, np.nextafter(np.float32(0.1), 1), 0.5]).astype(np.float64)
    gallery.calibrate(GalleryCalibration(knots, np.array([0.9, 0.8, 0.1]), 20, 20))
    kept = Gallery.open(tmp_path).calibration
    assert kept is not None
    assert kept.distances.tolist() == knots.tolist() and kept.probabilities.tolist() == [0.9, 0.8, 0.1]


def test_a_gallery_keeps_its_calibration(tmp_path: Path) -> None:
    gallery = gallery_with_names(tmp_path)
    query = gallery.embedding("c0:0")
    assert gallery.calibration is None
    plain = gallery.search(query)
    assert plain[0].probability is None and plain.basis == "" and "%" not in repr(plain)
    gallery.calibrate(GalleryCalibration(np.array([0.0, 1.0]), np.array([0.9, 0.1]), 12, 30, 0.04, "by hand"))
    answer = Gallery.open(tmp_path).search(query)
    assert answer[0].probability == pytest.approx(0.9, abs=1e-6) and answer[0].verdict == "likely"
    assert answer[-1].probability == pytest.approx(0.9 - 0.8 * min(answer[-1].distance, 1), abs=1e-6)
    assert "42 pairs, 12 of them of one person" in repr(answer) and "90 % likely" in repr(answer)
    assert '"probability": 0.9' in answer.to_json()
    assert [GalleryCalibration.verdict(p) for p in (0.8, 0.79, 0.2, 0.19)] == [
        "likely",
        "possible",
        "possible",
        "unlikely",
    ]
    text = (tmp_path / "calibration.json").read_text()
    (tmp_path / "calibration.json").write_text(text.replace("net:1", "net:2"))
    with pytest.raises(DatasetError, match="for the model net:2"):
        gallery.search(query)
    (tmp_path / "calibration.json").write_text(text[:50])
    with pytest.raises(DatasetError, match="cannot be used"):
        gallery.search(query)
    with pytest.raises(ConfigError, match="do not increase"):
        GalleryCalibration(np.array([0.0, 1.0]), np.array([0.1, 0.9]), 1, 1)
