"""The spatial-temporal metric against recorded figures, loops written from the formulas, and bad input."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.reranking.oracle import square_oracle
from videoreid.distances import FeatureSource, MatrixSource, StreamedSource, pairwise_distance
from videoreid.errors import ConfigError, ProtocolError, WeightsError
from videoreid.metrics import (
    JointKReciprocal,
    JointRules,
    KReciprocal,
    SpatialTemporalModel,
    evaluate_distances,
    evaluate_features,
)
from videoreid.metrics.spatial_temporal.histogram import cluster_visits, smooth_histogram
from videoreid.types import Features

FIGURES = Path(__file__).resolve().parents[4] / "shared" / "reference" / "numeric" / "spatial_temporal.npz"


def mean_oracle(pids, camids, times, cameras, bins, interval, epsilon=1e-7):
    """Count the published votes with dictionaries."""
    seen = {}
    for pid, camid, time in zip(pids, camids, times, strict=True):
        seen.setdefault(pid, {}).setdefault(camid, []).append(time)
    histogram = np.zeros((cameras, cameras, bins))
    for stays in seen.values():
        means = {camid: sum(values) / (len(values) + epsilon) for camid, values in stays.items()}
        for a in means:
            for b in means:
                if a < b:
                    later, earlier = (a, b) if means[a] > means[b] else (b, a)
                    histogram[later, earlier, int(abs(means[a] - means[b]) / interval)] += 1
    return histogram / (histogram.sum(2, keepdims=True) + 1e-7)


def smoothing_oracle(row, sigma):
    """Convolve one row with two loops."""
    result = np.zeros_like(row)
    for i in range(len(row)):
        for k in range(len(row)):
            if abs(i - k) <= 3 * sigma:
                density = math.exp(-((i - k) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
                result[i] += row[k] * density
    return result / (result.sum() + 1e-7)


def joint_oracle(model, similarity, q_camids, g_camids, q_times, g_times):
    """Score pair by pair; unknown pairs and, where asked, those of one camera are neutral."""
    rules, scores = model.rules, np.zeros(similarity.shape)
    for i in range(len(q_camids)):
        for j in range(len(g_camids)):
            delta, a, b = q_times[i] - g_times[j], q_camids[i], g_camids[j]
            if math.isnan(delta) or a < 0 or b < 0 or (a == b and rules.same_camera == "neutral"):
                p = model.neutral
            else:
                row = model.distribution[a, b] if delta > 0 else model.distribution[b, a]
                bin_ = int(abs(delta) // model.interval)
                p = row[bin_] if bin_ < len(row) else 0.0
            visual = 1 / (1 + rules.visual_lambda * math.exp(-rules.visual_gamma * similarity[i, j]))
            scores[i, j] = visual / (1 + rules.time_lambda * math.exp(-rules.time_gamma * p))
    return scores


def small_world(seed=0, rows=300, cameras=5, people=40):
    rng = np.random.default_rng(seed)
    return {
        "pids": rng.integers(0, people, rows),
        "camids": rng.integers(0, cameras, rows),
        "times": rng.integers(0, 2000, rows).astype(float),
    }


def fitted(**options):
    return SpatialTemporalModel.fit(
        **small_world(), **{"interval": 20, "num_bins": 120, "sigma": 4, **options}
    )


@pytest.fixture(scope="module")
def figures():
    if not FIGURES.exists():
        pytest.skip("the recorded figures are not beside this checkout")
    return np.load(FIGURES)


@pytest.fixture(scope="module")
def published(figures):
    return SpatialTemporalModel.fit(
        pids=figures["train_pids"],
        camids=figures["train_camids"] - 1,
        times=figures["train_frames"],
        num_cameras=int(figures["num_cameras"]),
    )


def test_recorded_histogram(figures, published):
    expected = np.zeros((8, 8, 5000))
    expected[tuple(figures["histogram_nonzero"].T)] = figures["histogram_values"]
    np.testing.assert_allclose(published.histogram, expected, rtol=0, atol=1e-12)


def test_recorded_smoothing(figures, published):
    np.testing.assert_allclose(published.distribution[:6, :6, :1000], figures["smoothed"], rtol=0, atol=1e-8)
    assert not published.distribution[6:].any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_recorded_joint_scores(figures, published, dtype):
    similarity = 1 - pairwise_distance(
        torch.from_numpy(figures["q_features"]).double(), torch.from_numpy(figures["g_features"]).double()
    )
    found = published.joint(
        similarity.numpy().astype(dtype),
        q_camids=figures["q_camids"] - 1,
        g_camids=figures["g_camids"] - 1,
        q_times=figures["q_frames"],
        g_times=figures["g_frames"],
    )
    assert found.dtype == dtype
    np.testing.assert_allclose(found, figures["joint_score"], rtol=0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_published_histogram_equals_the_loops(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    rows, cameras = data.draw(st.sampled_from([2, 5, 10, 60])), data.draw(st.integers(2, 5))
    pids, camids = rng.integers(0, 6, rows), rng.integers(0, cameras, rows)
    times = rng.integers(0, 400, rows).astype(float)
    expected = mean_oracle(pids, camids, times, cameras, 50, 10)
    options = {"num_bins": 50, "interval": 10, "sigma": 0, "num_cameras": cameras}
    if not expected.any():
        with pytest.raises(ProtocolError, match="nothing to learn"):
            SpatialTemporalModel.fit(pids=pids, camids=camids, times=times, **options)
        return
    model = SpatialTemporalModel.fit(pids=pids, camids=camids, times=times, **options)
    np.testing.assert_allclose(model.histogram, expected, rtol=0, atol=1e-12)
    if len(set(zip(pids.tolist(), camids.tolist(), strict=True))) == rows:
        # every visit is one moment, so both rules say the same but for the 1e-7 of the published mean
        options["visits"] = "clustered"
        clustered = SpatialTemporalModel.fit(pids=pids, camids=camids, times=times, **options)
        exact = mean_oracle(pids, camids, times, cameras, 50, 10, epsilon=0)
        np.testing.assert_allclose(clustered.histogram, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.7, 3, 50])
def test_smoothing_equals_the_loops(sigma):
    rows = np.random.default_rng(0).random((2, 2, 60))
    rows[0, 0] = 0
    found = smooth_histogram(rows, sigma)
    for a in range(2):
        for b in range(2):
            np.testing.assert_allclose(found[a, b], smoothing_oracle(rows[a, b], sigma), rtol=0, atol=1e-12)


def test_an_isolated_spike_keeps_its_known_peak():
    rows = np.zeros((2, 2, 2000))
    rows[0, 1, 1000], rows[1, 0, 0] = 1, 1
    found = smooth_histogram(rows, 50)
    assert found[0, 1].max() == pytest.approx(0.0080, abs=5e-5)
    assert found[1, 0].max() == found[1, 0, 0] == pytest.approx(0.0159, abs=5e-5)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_joint_scores_equal_the_loops(data):
    rules = JointRules(
        same_camera=data.draw(st.sampled_from(["zero", "neutral"])),
        visual_lambda=data.draw(st.sampled_from([1.0, 0.5])),
        time_gamma=data.draw(st.sampled_from([5.0, 40.0])),
    )
    model = fitted(rules=rules)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    q, g = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 12))
    times = [rng.integers(0, 3000, n).astype(float) for n in (q, g)]
    for values in times:
        values[rng.random(len(values)) < 0.2] = np.nan
    camids = [rng.integers(-1, 5, n) for n in (q, g)]
    similarity = rng.uniform(-1, 1, (q, g))
    found = model.joint(
        similarity, q_camids=camids[0], g_camids=camids[1], q_times=times[0], g_times=times[1]
    )
    np.testing.assert_allclose(found, joint_oracle(model, similarity, *camids, *times), rtol=0, atol=1e-12)


def test_two_formulas_by_hand():
    model = SpatialTemporalModel.fit(
        pids=[0, 0, 1, 1], camids=[0, 1, 0, 1], times=[0, 300, 50, 350], num_bins=10, sigma=0
    )
    found = model.joint(
        np.ones((1, 3)), q_camids=[0], g_camids=[1, 1, 0], q_times=[0], g_times=[250, 700, 250]
    )
    certain, impossible = 1 / (1 + 2 * math.exp(-5)), 1 / 3
    visual = 1 / (1 + math.exp(-5))
    np.testing.assert_allclose(
        found, [[visual * certain, visual * impossible, visual * impossible]], atol=1e-6
    )


def test_the_published_mean_puts_an_exact_interval_one_bin_lower():
    options = {"pids": [0, 0], "camids": [0, 1], "times": [0, 100], "num_bins": 3, "sigma": 0}
    assert SpatialTemporalModel.fit(**options).histogram[1, 0].argmax() == 0
    assert SpatialTemporalModel.fit(**options, visits="clustered").histogram[1, 0].argmax() == 1


def test_visits_are_split_at_absences_and_nested_tracklets_do_not_split():
    visits = cluster_visits(
        np.array([1, 0, 0, 0, 0, 0]),
        np.array([0, 0, 0, 0, 0, 1]),
        np.array([5.0, 0, 10, 60, 400, 7]),
        np.array([6.0, 100, 20, 70, 410, 8]),
        50,
    )
    rows = list(zip(visits.pids, visits.camids, visits.starts, visits.ends, visits.middles, strict=True))
    assert rows == [(0, 0, 0, 100, 50), (0, 0, 400, 410, 405), (0, 1, 7, 8, 7.5), (1, 0, 5, 6, 5.5)]


def test_several_visits_vote_for_each_change_of_camera():
    model = SpatialTemporalModel.fit(
        pids=[0] * 4,
        camids=[0, 1, 0, 0],
        times=[0, 1000, 3000, 3010],
        interval=100,
        num_bins=40,
        sigma=0,
        visits="clustered",
        rules=JointRules(visit_gap=200),
    )
    assert model.histogram[1, 0].nonzero()[0].tolist() == [10]  # 0 -> 1000
    assert model.histogram[0, 1].nonzero()[0].tolist() == [20]  # 1000 -> 3005
    single = SpatialTemporalModel.fit(
        pids=[0] * 4, camids=[0, 1, 0, 0], times=[0, 1000, 3000, 3010], num_bins=40, sigma=0
    )
    assert single.histogram[0, 1].nonzero()[0].tolist() == [10]  # 1000 -> mean 2003
    assert not single.histogram[1, 0].any()


@pytest.mark.parametrize(("between", "expected"), [("midpoint", [40, -40, 5]), ("gap", [30, -30, 0])])
def test_tracklets_are_intervals(between, expected):
    rules = JointRules(between=between)
    model = SpatialTemporalModel.fit(
        pids=[0, 0],
        camids=[0, 1],
        times=[0, 40],
        end_times=[10, 50],
        interval=1,
        num_bins=60,
        sigma=0,
        visits="clustered",
        rules=rules,
    )
    assert model.histogram[1, 0].nonzero()[0].tolist() == [abs(expected[0])]
    # mark every bin with its own probability, to read off which one is looked up
    marks = np.arange(60.0) / 10000
    histogram = np.zeros((2, 2, 60))
    histogram[1, 0], histogram[0, 1] = marks, marks + 0.01
    model = replace(model, histogram=histogram)
    found = model.joint(
        np.zeros((1, 3)),
        q_camids=[1],
        g_camids=[0, 0, 0],
        q_times=[100],
        q_end_times=[110],
        g_times=[60, 140, 96],
        g_end_times=[70, 150, 104],
    )
    probability = -np.log((0.5 / found - 1) / 2) / 5
    bins = [
        round(p * 10000) if step >= 0 else round((p - 0.01) * 10000)
        for p, step in zip(probability[0], expected, strict=True)
    ]
    assert bins == [abs(step) for step in expected]


def test_an_end_that_is_unknown_makes_a_moment():
    model = fitted()
    options = {"q_camids": [0, 1], "g_camids": [1, 2], "q_times": [0, 500], "g_times": [300, 900]}
    similarity = np.eye(2)
    found = model.joint(similarity, **options, q_end_times=[np.nan, 500], g_end_times=[300, np.nan])
    np.testing.assert_array_equal(found, model.joint(similarity, **options))


def test_clock_offsets_are_added_in_training_and_test():
    world = small_world()
    shift = np.array([0.0, 500, -300, 20, 90])
    plain = SpatialTemporalModel.fit(**world, num_bins=200, interval=20, sigma=4)
    wrong = {**world, "times": world["times"] - shift[world["camids"]]}
    model = SpatialTemporalModel.fit(
        **wrong, num_bins=200, interval=20, sigma=4, rules=JointRules(clock_offsets=shift)
    )
    np.testing.assert_array_equal(model.histogram, plain.histogram)
    camids = np.arange(5)
    times = np.arange(5) * 400.0
    options = {"q_camids": camids, "g_camids": camids}
    similarity = np.zeros((5, 5))
    np.testing.assert_array_equal(
        model.joint(similarity, **options, q_times=times - shift, g_times=times - shift),
        plain.joint(similarity, **options, q_times=times, g_times=times),
    )


def test_the_unit_of_time_changes_nothing():
    world = small_world()
    frames = fitted()
    seconds = SpatialTemporalModel.fit(
        **{**world, "times": world["times"] / 32}, interval=20 / 32, num_bins=120, sigma=4
    )
    np.testing.assert_array_equal(frames.histogram, seconds.histogram)


def test_rows_of_unknown_time_camera_or_identity_teach_nothing():
    world = small_world()
    more = {
        "pids": np.concatenate([world["pids"], [0, -1, 0]]),
        "camids": np.concatenate([world["camids"], [1, 2, -1]]),
        "times": np.concatenate([world["times"], [np.nan, 7, 7]]),
    }
    model = SpatialTemporalModel.fit(**more, interval=20, num_bins=120, sigma=4)
    np.testing.assert_array_equal(model.histogram, fitted().histogram)


def test_neutral_is_the_mean_of_possible_bins_or_as_given():
    model = fitted()
    assert model.neutral == pytest.approx(model.distribution[model.distribution > 0].mean())
    assert fitted(rules=JointRules(neutral=0.25)).neutral == 0.25


def test_smoothing_again_starts_from_the_histogram():
    np.testing.assert_array_equal(fitted(sigma=9).distribution, fitted(sigma=2).smooth(9).distribution)
    assert fitted().smooth(0).distribution is fitted().smooth(0).histogram or np.array_equal(
        fitted().smooth(0).distribution, fitted().histogram
    )


def test_save_and_load(tmp_path):
    rules = JointRules(same_camera="neutral", clock_offsets=(0, 1, 2, 3, 4), between="gap", visit_gap=10)
    model = fitted(rules=rules, visits="clustered")
    model.save(tmp_path / "model.npz")
    loaded = SpatialTemporalModel.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.histogram, model.histogram)
    assert (loaded.interval, loaded.sigma, loaded.visits) == (model.interval, model.sigma, "clustered")
    assert loaded.rules == rules
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_load_says_what_is_wrong(tmp_path):
    with pytest.raises(WeightsError, match="absent"):
        SpatialTemporalModel.load(tmp_path / "absent.npz")
    (tmp_path / "junk.npz").write_bytes(b"no archive")
    with pytest.raises(WeightsError, match=r"(cannot be read as a|is no) spatial-temporal model"):
        SpatialTemporalModel.load(tmp_path / "junk.npz")
    fitted().save(tmp_path / "model.npz")
    whole = (tmp_path / "model.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"(cannot be read as a|is no) spatial-temporal model"):
        SpatialTemporalModel.load(tmp_path / "half.npz")
    np.savez(tmp_path / "wide.npz", **{**dict(np.load(tmp_path / "model.npz")), "settings": '{"sigma": 1e9}'})
    with pytest.raises(WeightsError, match=r"(cannot be read as a|is no) spatial-temporal model"):
        SpatialTemporalModel.load(tmp_path / "wide.npz")
    np.savez(tmp_path / "other.npz", histogram=np.zeros((2, 2, 2)))
    with pytest.raises(WeightsError, match="version"):
        SpatialTemporalModel.load(tmp_path / "other.npz")
    np.savez(tmp_path / "pickled.npz", version=np.array({}, dtype=object))
    with pytest.raises(WeightsError, match=r"(cannot be read as a|is no) spatial-temporal model"):
        SpatialTemporalModel.load(tmp_path / "pickled.npz")
    with np.load(tmp_path / "model.npz") as stored:
        values = dict(stored)
    np.savez(tmp_path / "later.npz", **{**values, "version": 9})
    with pytest.raises(WeightsError, match="version 9"):
        SpatialTemporalModel.load(tmp_path / "later.npz")
    np.savez(tmp_path / "strange.npz", **{**values, "settings": '{"interval": 1, "sigma": 1, "colour": 2}'})
    with pytest.raises(WeightsError, match=r"(cannot be read as a|is no) spatial-temporal model"):
        SpatialTemporalModel.load(tmp_path / "strange.npz")


def test_tensors_give_tensors_and_blocks_change_nothing(monkeypatch):
    model = fitted()
    rng = np.random.default_rng(0)
    options = {
        "q_camids": rng.integers(0, 5, 30),
        "g_camids": rng.integers(0, 5, 50),
        "q_times": rng.integers(0, 2000, 30),
        "g_times": rng.integers(0, 2000, 50),
    }
    similarity = torch.from_numpy(rng.uniform(-1, 1, (30, 50)))
    kept = similarity.clone()
    whole = model.joint(similarity, **options)
    assert isinstance(whole, torch.Tensor)
    monkeypatch.setattr("videoreid.metrics.spatial_temporal.lookup.CHUNK_ELEMENTS", 100)
    torch.testing.assert_close(model.joint(similarity, **options), whole, rtol=0, atol=1e-12)
    assert torch.equal(similarity, kept)


def small_features(count, seed, cameras=5):
    rng = np.random.default_rng(seed)
    return Features(
        torch.from_numpy(rng.standard_normal((count, 8))),
        rng.integers(0, 6, count),
        rng.integers(0, cameras, count),
        rng.integers(0, 40, count) * 50.0,
    )


def test_it_is_a_refiner_and_is_named_in_the_protocol_line():
    query, gallery, model = small_features(10, 0), small_features(30, 1), fitted()
    distances = FeatureSource(query.embeddings, gallery.embeddings, "cosine")
    expected = joint_oracle(
        model, 1 - distances.dense().numpy(), query.camids, gallery.camids, query.times, gallery.times
    )
    found = model(distances, query, gallery)
    np.testing.assert_allclose(found.dense(), 1 - expected, rtol=0, atol=1e-12)
    again = model(MatrixSource(distances.dense()), query, gallery)
    assert torch.equal(again.dense(), found.dense()), "a matrix that another refiner made is refined as well"
    for refiner in (model, JointKReciprocal(model)):
        ranking = evaluate_features(query, gallery, refiners=[refiner])
        assert refiner.name in ranking.protocol_line
    with pytest.raises(ConfigError, match=r"within 0\.\.2"):
        model(MatrixSource(distances.dense() * 10), query, gallery).dense()
    with pytest.raises(ConfigError, match="cosine distances, got 'euclidean'"):
        model(FeatureSource(query.embeddings, gallery.embeddings, "euclidean"), query, gallery)


def test_an_evaluation_never_holds_the_whole_matrix(monkeypatch):
    query, gallery, model = small_features(40, 0), small_features(70, 1), fitted()
    monkeypatch.setattr("videoreid.metrics.spatial_temporal.model.ROW_STEP", 16)
    shapes = []
    rows = FeatureSource.rows

    def counted(self, part):
        shapes.append((part.start, part.stop))
        return rows(self, part)

    monkeypatch.setattr(FeatureSource, "rows", counted)
    monkeypatch.setattr(FeatureSource, "dense", None)
    monkeypatch.setattr(StreamedSource, "dense", None)
    streamed = evaluate_features(query, gallery, refiners=[model], top_k=5)
    assert shapes == [(0, 16), (16, 32), (32, 40)]
    monkeypatch.undo()
    distances = model(FeatureSource(query.embeddings, gallery.embeddings, "cosine"), query, gallery).dense()
    whole = evaluate_distances(distances, query.pids, gallery.pids, query.camids, gallery.camids, top_k=5)
    np.testing.assert_array_equal(streamed.match_ranks, whole.match_ranks)
    np.testing.assert_array_equal(streamed.top_indices, whole.top_indices)


@pytest.mark.parametrize("rule", ["published", "repaired"])
@pytest.mark.parametrize("same_camera", ["zero", "neutral"])
def test_reranking_joint_scores_equals_the_dense_oracle(rule, same_camera):
    query, gallery = small_features(15, 0), small_features(60, 1)
    model = fitted(rules=JointRules(same_camera=same_camera))
    both = query.concat(gallery)
    similarity = 1 - pairwise_distance(both.embeddings, both.embeddings).fill_diagonal_(0).numpy()
    score = joint_oracle(model, similarity, both.camids, both.camids, both.times, both.times)
    if rule == "repaired":
        largest = max(model.distribution.max(), model.neutral if same_camera == "neutral" else 0)
        low = 1 / (1 + math.exp(5)) / 3
        high = 1 / (1 + math.exp(-5)) / (1 + 2 * math.exp(-5 * largest))
        score = (score - low) / (high - low)
        np.fill_diagonal(score, 1)
    full = 2 - 2 * score
    refiner = JointKReciprocal(model, rule, KReciprocal(k1=8, k2=3, exponent=1, chunk_size=16))
    found = refiner(FeatureSource(query.embeddings, gallery.embeddings, "cosine"), query, gallery).dense()
    times = both.times[:, None] == both.times
    assert times.sum() > len(both), "the asymmetric case is part of this test"
    expected = square_oracle(full, 15, 8, 3, 0.3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_joint_refiner_refuses_what_it_cannot_do():
    query, gallery, model = small_features(10, 0), small_features(30, 1), fitted()
    with pytest.raises(ConfigError, match="published or repaired"):
        JointKReciprocal(model, "mended")
    with pytest.raises(ConfigError, match="cosine similarity"):
        JointKReciprocal(model, settings=KReciprocal(metric="euclidean"))
    with pytest.raises(ConfigError, match="given other distances"):
        JointKReciprocal(model)(MatrixSource(torch.zeros(10, 30)), query, gallery)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 0}, "interval"),
        ({"num_bins": 0}, "num_bins"),
        ({"num_bins": 5}, r"pass num_bins=\d+ or more"),
        ({"sigma": -1}, "sigma"),
        ({"visits": "median"}, "mean or clustered"),
        ({"pids": np.zeros(300)}, "pids must be integers"),
        ({"camids": np.zeros(300)}, "camids must be integers"),
        ({"rules": JointRules(clock_offsets=(1, 2))}, "2 clock offsets for 5 cameras"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ConfigError, match=message):
        SpatialTemporalModel.fit(**{**small_world(), "interval": 20, "num_bins": 120, "sigma": 4, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pids": np.zeros(299, dtype=int)}, "299 training rows, but camids"),
        ({"times": np.zeros(299)}, "300 training rows, but times"),
        ({"times": np.full(300, np.nan)}, "nothing to fit"),
        ({"end_times": np.full(300, -5.0)}, "end before they start"),
        ({"times": np.full(300, "noon")}, "training times must be numbers, NaN if unknown, got <U4"),
        ({"camids": np.zeros(300, dtype=int)}, "nothing to fit: 1 cameras"),
        ({"pids": np.arange(300)}, "nothing to learn"),
        ({"num_cameras": 3}, r"cameras \[3, 4\] are outside the model"),
    ],
)
def test_bad_training_rows(options, message):
    with pytest.raises(ProtocolError, match=message):
        SpatialTemporalModel.fit(**{**small_world(), "interval": 20, "num_bins": 120, **options})


@pytest.mark.parametrize(
    ("similarity", "options", "error", "message"),
    [
        (np.zeros((2, 2), dtype=int), {}, ConfigError, "float similarities"),
        (np.zeros(2), {}, ConfigError, r"\(Q, G\)"),
        (np.array([[0, 0], [0, np.nan]]), {}, ProtocolError, r"NaN, the first \[1\]"),
        (np.zeros((3, 2)), {}, ProtocolError, "3 query rows, but camids"),
        (np.zeros((2, 2)), {"g_camids": [1, 9]}, ProtocolError, r"cameras \[9\] are outside"),
        (np.zeros((2, 2)), {"g_camids": [0.5, 1.5]}, ConfigError, "must be integers"),
        (np.zeros((2, 2)), {"q_end_times": [-1, 9]}, ProtocolError, r"rows \[0\] end before"),
        (np.zeros((2, 2)), {"q_end_times": [9]}, ProtocolError, "end_times of shape"),
    ],
)
def test_bad_pairs(similarity, options, error, message):
    given_ = {"q_camids": [0, 1], "g_camids": [1, 2], "q_times": [0, 5], "g_times": [30, 90], **options}
    with pytest.raises(error, match=message):
        fitted().joint(similarity, **given_)


@pytest.mark.parametrize(
    "options",
    [
        {"visual_gamma": 0},
        {"time_lambda": -1},
        {"same_camera": "half"},
        {"between": "ends"},
        {"neutral": 2},
        {"visit_gap": -1},
        {"clock_offsets": (math.nan,)},
    ],
)
def test_bad_rules(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        JointRules(**options)


@pytest.mark.parametrize(
    "histogram", [np.zeros((2, 3, 4)), np.zeros((2, 4)), np.full((2, 2, 3), np.nan), np.zeros((2, 2, 3))]
)
def test_bad_histograms(histogram):
    with pytest.raises(ConfigError, match="histogram"):
        SpatialTemporalModel(histogram)


@pytest.mark.gpu
def test_device_changes_nothing():
    query, gallery, model = small_features(10, 0), small_features(30, 1), fitted()
    distances = pairwise_distance(query.embeddings, gallery.embeddings)
    found = model(MatrixSource(distances.cuda()), query, gallery).dense().cpu()
    expected = model(MatrixSource(distances), query, gallery).dense()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
