"""Every number of every recipe, by value.

Places are sections of the specification of the published systems: V is that of video models and datasets, S that of
tricks and the spatial-temporal metric. `COMMON` holds what a record says when nothing else is published.
"""

import re
from typing import Any

import pytest

from videoreid.recipes import get_recipe, list_recipes, settings_of

COMMON: dict[str, Any] = {
    "model_options": {}, "fixed_size": False, "pretrained": True, "erase_frames": 0.0, "frames_as_samples": False,
    "dense_step": None, "dense_window": None, "label_smoothing": 0.0, "heads": "mean", "triplet_weight": 1.0,
    "margin": 0.3, "triplet_distance": "cosine", "center_weight": 0.0, "center_learning_rate": 0.5, "beta": None,
    "osm_vectors": "centers", "osm_sigma": 0.8, "osm_alpha": 1.2, "osm_l": 0.5, "optimizer": "adam",
    "weight_decay": 5e-4, "nesterov": False, "new_layers": [], "trunk_share": 1.0, "gamma": 0.1, "warmup": "none",
    "warmup_epochs": 10, "warmup_factor": 0.01, "validate_every": 10, "validate_from": 1, "seed": 1,
    "test_batch_size": 32, "distance": "cosine", "protocol": None, "split_id": None, "reranked": False,
    "num_bins": None,
}  # fmt: skip

VPREID = {  # V 5 (column VP), V 3.1, V 3.2, V 2.1, V 4.1
    **COMMON, "model": "gcm_baseline", "height": 256, "width": 128, "num_frames": 4,
    "sampling": "random_crop",  # V 2.1, train default
    "augmentation": "vpreid",  # V 3.1, row VP
    "batch_size": 32, "instances": 4, "grouping": "vpreid",  # V 5: 32 (8x4), T=4; V 3.2, first row
    "heads": "sum",  # V 5: plain sum over four branches
    "learning_rate": 3e-4,  # V 5: Adam 3e-4, wd 5e-4
    "schedule": "multi_step", "milestones": [40, 80, 120, 160, 200],  # V 5: x.1
    "epochs": 240, "seed": 626,  # V 5: 240 / 10, 626 fixed
    "test_sampling": "test_all_sampled",  # V 2.1, final test default
}  # fmt: skip
AME = {  # V 5 (column AME), V 3.1 (VP without LGT), V 2.2
    **VPREID, "model": "ame", "augmentation": "ame", "seed": 1, "test_sampling": "ame_all",
}  # fmt: skip
PSTA = {  # V 5 (column PSTA), V 2.4, V 3.1
    **COMMON, "model": "psta", "fixed_size": True, "height": 256, "width": 128, "num_frames": 8,
    "sampling": "random_interval", "augmentation": "psta", "batch_size": 32, "instances": 4, "grouping": "psta",
    "label_smoothing": 0.1, "learning_rate": 3.5e-4, "schedule": "multi_step",
    "milestones": [70, 140, 210, 310, 410], "gamma": 0.3,  # V 5: x.3
    "warmup": "linear", "epochs": 500, "seed": 999, "test_sampling": "begin_interval",
}  # fmt: skip
TEMPORAL = {  # V 5 (column JG), V 2.5, V 3.1, V 4.10, V 6.2
    **COMMON, "model": "resnet50_tp", "height": 224, "width": 112, "num_frames": 4, "sampling": "jg_random",
    "augmentation": "jg", "batch_size": 32, "instances": 4, "grouping": "jg", "label_smoothing": 0.1,
    "triplet_distance": "euclidean", "learning_rate": 3e-4, "schedule": "single_step", "milestones": [200],
    "epochs": 800, "validate_every": 50, "test_sampling": "jg_dense", "distance": "squared_euclidean",
}  # fmt: skip
ATTENTION = {**TEMPORAL, "model": "resnet50_ta", "fixed_size": True}
TRICKS = {  # S 1.2, S 1.3, S 1.4; constants S 1.5, column MARS
    **COMMON, "model": "resnet50_ta_bot", "fixed_size": True, "height": 224, "width": 112, "num_frames": 4,
    "sampling": "tricks_random", "augmentation": "tricks", "batch_size": 32, "instances": 4,
    "grouping": "permutation", "label_smoothing": 0.1, "margin": 4.4132437486402204e-05,
    "center_weight": 5e-4, "center_learning_rate": 0.5, "osm_sigma": 0.9047814732165316,
    "osm_alpha": 2.8436551583293728, "osm_l": 0.5873389293193368, "learning_rate": 3.5e-4, "weight_decay": 0.0005,
    "schedule": "multi_step", "milestones": [40, 70], "gamma": 0.3282654557691594, "warmup": "linear",
    "epochs": 400, "validate_from": 60, "test_sampling": "tricks_dense", "distance": "squared_euclidean",
    "reranked": True,
}  # fmt: skip
STREID = {  # S 3.2, S 3.4
    **COMMON, "model": "pcb_streid", "model_options": {"mirror": True}, "height": 384, "width": 192,
    "num_frames": 1, "sampling": "evenly", "augmentation": "streid", "batch_size": 32, "instances": 1,
    "grouping": "all_groups", "heads": "sum", "triplet_weight": 0.0, "optimizer": "sgd", "learning_rate": 0.1,
    "nesterov": True, "new_layers": ["heads"], "trunk_share": 0.1, "schedule": "single_step", "milestones": [40],
    "epochs": 60, "test_sampling": "evenly", "num_bins": 5000,
}  # fmt: skip
STUDY = {  # the study's table and torchreid's defaults: RandomSampler, 15 frames evenly, flip + crop, step 20
    **COMMON, "height": 128, "width": 128, "num_frames": 15, "sampling": "evenly", "augmentation": "torchreid_crop",
    "frames_as_samples": True, "batch_size": 8, "instances": 1, "grouping": "all_groups", "label_smoothing": 0.1,
    "triplet_weight": 0.0, "triplet_distance": "euclidean", "learning_rate": 1e-4, "schedule": "single_step",
    "milestones": [20], "epochs": 60, "test_sampling": "evenly", "test_batch_size": 8, "distance": "euclidean",
}  # fmt: skip
STUDY_T = {**STUDY, "instances": 4, "grouping": "distinct", "triplet_weight": 1.0}
OURS = {
    "num_frames": 4, "sampling": "random_crop", "augmentation": "basic", "frames_as_samples": False, "instances": 2,
    "grouping": "permutation", "milestones": [60], "distance": "cosine",
}  # fmt: skip
HACNN = {**STUDY, "model": "hacnn", "pretrained": False, "height": 160, "width": 64}
PAIRS = {
    "osnet_x1_0_s": {**STUDY, "model": "osnet_x1_0"},
    "osnet_x1_0_t": {**STUDY_T, "model": "osnet_x1_0"},
    "resnet50mid_s": {**STUDY, "model": "resnet50mid"},
    "resnet50mid_t": {**STUDY_T, "model": "resnet50mid"},
    "hacnn_s": HACNN,
    "pcb_p4_s": {**STUDY, "model": "pcb_p4"},
    "resnet101_s": {**STUDY, "model": "resnet101"},
}

PUBLISHED: dict[str, dict[str, Any]] = {
    "vpreid_baseline": VPREID,
    "vpreid_me": {**VPREID, "model": "gcm_me"},  # V 4.1, row me
    "vpreid_gemme": {**VPREID, "model_options": {"motion": "gem"}},  # V 4.2, MeGemP
    "vpreid_coordatt3d": {**VPREID, "model": "gcm_coordatt"},  # V 4.1, row coordatt
    "vpreid_multiloss": {**VPREID, "model": "gcm_multiloss"},  # V 4.1, row multiloss
    "vpreid_gcm": {**VPREID, "model": "gcm"},  # V 4.1, row coordatt_me_multiloss
    "vpreid_mra": {**VPREID, "model": "mra", "heads": "mean"},  # V 8
    "vpreid_ame": AME,
    "psta": PSTA,
    "temporal_image": {**TEMPORAL, "num_frames": 1},
    "temporal_pooling": TEMPORAL,
    "temporal_attention": ATTENTION,
    "temporal_rnn": {**TEMPORAL, "model": "resnet50_rnn", "learning_rate": 1e-4},  # V 5: RNN, 3D 1e-4
    "temporal_3d": {**TEMPORAL, "model": "resnet50_3d", "learning_rate": 1e-4},
    "tricks_baseline": {**ATTENTION, "reranked": True},
    "tricks_bot": TRICKS,
    "tricks_osm": {**TRICKS, "beta": 1.0, "osm_vectors": "classifier"},  # S 1.5, beta_ratio of MARS
    "tricks_centers": {**TRICKS, "beta": 1.0},
    "tricks_attention": {**TRICKS, "beta": 1.0, "erase_frames": 0.5},  # S 1.3, RandomErasing3(p .5)
    "tricks_search": {  # S 2
        **TRICKS, "beta": 1.0, "augmentation": "tricks_no_erasing", "epochs": 121, "test_sampling": "dense_subset",
        "reranked": False,
    },
    "streid_pcb": STREID,
    **{f"ilids_{pair}": numbers for pair, numbers in PAIRS.items()},
    **{f"ilids_ours_{pair}": {**numbers, **OURS} for pair, numbers in PAIRS.items()},
}  # fmt: skip

PRID = {  # S 1.5, column PRID; S 1.4: split 0 only
    "osm_sigma": 0.8769823511927456, "osm_alpha": 1.5747007053351507, "osm_l": 0.5241677630566622,
    "margin": 0.040520629258433416, "gamma": 0.368667605025003, "weight_decay": 0.014055481861393148, "split_id": 0,
}  # fmt: skip
PRID_BETA = {**PRID, "beta": 0.7103921571238655}
TORCHREID = {"mars": {"protocol": "mars_torchreid"}}  # V 1.1: JG and TR do not append the queries
VPREID_VARIANTS = {
    "mars": {"protocol": "mars_official"},  # V 1.1: VP, AME, PSTA prepend the queries
    "dukemtmcvidreid": {"dense_step": 64},  # V 1.2
    "lsvid": {"protocol": "lsvid_queries_out"},  # V 1.3: test-all appends only for MARS
    "prid2011": {"dense_step": 32, "dense_window": 64, "split_id": 9},  # V 1.4
    "ilidsvid": {"dense_step": 32, "dense_window": 64, "split_id": 9},  # V 1.4, V 1.5
}
SHORT = {"dense_step": 32, "dense_window": 64, "num_frames": 8, "seed": 19970626}  # V 5, column AME
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    **dict.fromkeys([name for name in PUBLISHED if name.startswith("vpreid_")], VPREID_VARIANTS),
    "vpreid_mra": {
        **VPREID_VARIANTS,
        "prid2011": {**VPREID_VARIANTS["prid2011"], "split_id": 0},  # V 7, the bracket
        "ilidsvid": {**VPREID_VARIANTS["ilidsvid"], "split_id": 0},
    },
    "vpreid_ame": {
        "mars": {"protocol": "mars_official"},
        "dukemtmcvidreid": {"dense_step": 64, "batch_size": 64},  # V 5: Duke and LS-VID 64
        "lsvid": {"protocol": "lsvid_queries_out", "batch_size": 64},
        "prid2011": {**SHORT, "split_id": 6},  # V 7, AME
        "ilidsvid": {**SHORT, "split_id": 7},
    },
    "psta": {
        "mars": {"protocol": "mars_official"},
        "dukemtmcvidreid": {"test_sampling": "psta_dense"},  # V 2.4: dense (Duke test)
    },
    **dict.fromkeys([name for name in PUBLISHED if name.startswith("temporal_")], TORCHREID),
    "tricks_baseline": TORCHREID,
    "tricks_bot": {**TORCHREID, "prid2011": PRID},
    **{
        f"tricks_{stage}": {**TORCHREID, "prid2011": PRID_BETA}
        for stage in ("osm", "centers", "attention", "search")
    },
    "streid_pcb": {  # S 3.6 (the toolkit's AP), S 3.4 (bins)
        "market1501": {"protocol": "market1501_toolkit"},
        "dukemtmcreid": {"protocol": "market1501_toolkit", "num_bins": 3000},
    },
    **{name: {"ilidsvid": {"split_id": 0}} for name in PUBLISHED if name.startswith("ilids_")},
}

# dataset, split, block: Rank-1, Rank-5, Rank-10, Rank-20, mAP
Scores = dict[tuple[str, int | None, str], tuple[float | None, ...]]
SCORES: dict[str, Scores] = {
    "vpreid_baseline": {  # the system's table of results
        ("mars", None, "ori"): (88.9, None, None, None, 83.4),
        ("dukemtmcvidreid", None, "ori"): (95.9, None, None, None, 95.3),
        ("lsvid", None, "ori"): (81.5, None, None, None, 72.1),
        ("prid2011", 9, "ori"): (94.4, None, None, None, None),
        ("ilidsvid", 9, "ori"): (82.7, None, None, None, None),
    },
    "vpreid_gcm": {
        ("mars", None, "ori"): (90.2, 97.1, 98.0, None, 85.4),  # V 7, log, epoch 220
        ("mars", None, "re"): (94.4, None, None, None, 88.5),  # V 7, log, epoch 220, re
        ("prid2011", 9, "ori"): (92.1, None, None, None, None),
        ("ilidsvid", 9, "ori"): (86.0, None, None, None, None),
        ("mars", None, "ori, MST"): (91.2, None, None, None, 86.3),  # V 7, column MST, and the four below
        ("dukemtmcvidreid", None, "ori, MST"): (97.1, None, None, None, 97.6),
        ("lsvid", None, "ori, MST"): (78.9, None, None, None, 68.3),
        ("prid2011", 0, "ori, MST"): (96.6, None, None, None, None),
        ("ilidsvid", 0, "ori, MST"): (95.3, None, None, None, None),
    },
    "vpreid_mra": {  # V 7, column MRA
        ("mars", None, "ori"): (91.1, None, None, None, 85.5),
        ("dukemtmcvidreid", None, "ori"): (98.4, None, None, None, 97.4),
        ("lsvid", None, "ori"): (78.9, None, None, None, 67.9),
        ("prid2011", 0, "ori"): (94.4, None, None, None, None),
        ("ilidsvid", 0, "ori"): (92.0, None, None, None, None),
        ("mars", None, "ori, MST-MRA"): (91.6, None, None, None, 85.6),  # V 7, column MST-MRA
    },
    "vpreid_ame": {  # V 7, AME
        ("mars", None, "ori"): (90.1, 96.9, 98.1, None, 85.3),
        ("prid2011", 6, "ori"): (97.8, None, None, None, None),
        ("ilidsvid", 7, "ori"): (88.7, None, None, None, None),
    },
    "psta": {  # V 7, PSTA README
        ("mars", None, "ori"): (91.5, None, None, None, 85.8),
        ("dukemtmcvidreid", None, "ori"): (98.3, None, None, None, 97.7),
    },
    "temporal_image": {("mars", None, "ori"): (81.3, 92.6, 94.8, 96.7, 74.1)},  # V 7, JG README
    "temporal_pooling": {("mars", None, "ori"): (83.1, 92.8, 95.3, 96.8, 75.8)},
    "temporal_attention": {("mars", None, "ori"): (83.3, 93.8, 96.0, 97.4, 76.7)},
    "temporal_rnn": {("mars", None, "ori"): (81.6, 92.8, 94.7, 96.3, 73.9)},
    "temporal_3d": {("mars", None, "ori"): (78.5, 90.9, 93.9, 95.9, 70.5)},
    "tricks_baseline": {  # S 1.5, the last paragraph but one; so are the four below
        ("mars", None, "ori"): (83.3, 93.8, None, 97.4, 76.7),
        ("mars", None, "re-ranked"): (85.0, 94.7, None, 97.7, 84.5),
    },
    "tricks_bot": {
        ("mars", None, "ori"): (87.1, 95.9, None, 98.2, 81.3),
        ("mars", None, "re-ranked"): (87.6, 96.0, None, 98.4, 88.4),
    },
    "tricks_osm": {
        ("mars", None, "ori"): (87.9, 96.0, None, 98.0, 82.4),
        ("mars", None, "re-ranked"): (87.6, 95.7, None, 98.5, 88.1),
    },
    "tricks_centers": {
        ("mars", None, "ori"): (86.3, 95.6, None, 98.2, 81.2),
        ("mars", None, "re-ranked"): (88.0, 96.1, None, 98.5, 88.5),
    },
    "tricks_attention": {
        ("mars", None, "ori"): (88.6, 96.2, None, 98.0, 82.9),
        ("mars", None, "re-ranked"): (88.0, 95.4, None, 98.3, 87.8),
        ("prid2011", 0, "ori"): (93.1, 98.9, None, 100.0, None),
        ("prid2011", 0, "ori, pretrained on MARS"): (96.6, 100.0, None, 100.0, None),
    },
    "streid_pcb": {  # S 3.8
        ("market1501", None, "ori"): (91.2, None, None, None, None),
        ("market1501", None, "joint"): (98.1, None, None, None, 87.6),
        ("market1501", None, "joint, re-ranked"): (98.0, None, None, None, 95.5),
        ("dukemtmcreid", None, "ori"): (83.8, None, None, None, None),
        ("dukemtmcreid", None, "joint"): (94.4, None, None, None, 83.9),
        ("dukemtmcreid", None, "joint, re-ranked"): (94.5, None, None, None, 92.7),
    },
    # the study's table, mAP / Rank-1: .7328/.6267 .727/.6333 .7596/.6467 .778/.68 .5718/.46 .7329/.6333 .6675/.5533
    **{
        f"ilids_{pair}": {("ilidsvid", 0, "ori"): (rank1, None, None, None, mean_ap)}
        for pair, mean_ap, rank1 in (
            ("osnet_x1_0_s", 73.28, 62.67), ("osnet_x1_0_t", 72.7, 63.33), ("resnet50mid_s", 75.96, 64.67),
            ("resnet50mid_t", 77.8, 68.0), ("hacnn_s", 57.18, 46.0), ("pcb_p4_s", 73.29, 63.33),
            ("resnet101_s", 66.75, 55.33),
        )
    },
}  # fmt: skip

LOSSES = {  # S 1.2, totals; V 5, combination
    "vpreid_gcm": {"cross-entropy": 1.0, "triplet": 1.0},
    "psta": {"cross-entropy": 1.0, "triplet": 1.0},
    "streid_pcb": {"cross-entropy": 1.0},
    "tricks_bot": {"cross-entropy": 1.0, "triplet": 1.0, "center": 5e-4},
    "tricks_centers": {"cross-entropy": 1.0, "center": 5e-4, "OSM + CAA": 1.0},
    "tricks_attention": {"cross-entropy": 1.0, "center": 5e-4, "OSM + CAA": 1.0, "frame attention": 1.0},
}


def test_every_recipe_is_pinned() -> None:
    assert sorted(PUBLISHED) == list_recipes() == sorted(VARIANTS)


@pytest.mark.parametrize("name", list_recipes())
def test_the_numbers_are_the_published_ones(name: str) -> None:
    assert settings_of(get_recipe(name)) == {"name": name, **PUBLISHED[name]}


@pytest.mark.parametrize("name", list_recipes())
def test_the_numbers_of_a_dataset_are_the_published_ones(name: str) -> None:
    assert get_recipe(name).variants == VARIANTS[name]
    for dataset, numbers in VARIANTS[name].items():
        assert settings_of(get_recipe(name).on(dataset)) == {"name": name, **PUBLISHED[name], **numbers}
    assert get_recipe(name).on("synthetic") == get_recipe(name)


@pytest.mark.parametrize("name", list_recipes())
def test_the_reported_scores_are_the_published_ones(name: str) -> None:
    shown = {}
    for score in get_recipe(name).results:
        suffix = ", pretrained on MARS" if "pretrained on MARS" in score.remark else ""
        column = re.match('column "(.+?)"', score.remark)
        suffix = f", {column[1]}" if column else suffix
        key = (score.dataset, score.split_id, score.block + suffix)
        assert key not in shown
        assert score.place
        shown[key] = (score.rank1, score.rank5, score.rank10, score.rank20, score.mAP)
    assert shown == SCORES.get(name, {})


@pytest.mark.parametrize("name", LOSSES)
def test_the_losses_and_their_weights(name: str) -> None:
    assert get_recipe(name).losses == LOSSES[name]


def test_prid_keeps_a_share_of_the_triplet_loss() -> None:
    losses = get_recipe("tricks_centers").on("prid2011").losses
    assert losses["triplet"] == pytest.approx(1 - 0.7103921571238655)
    assert losses["OSM + CAA"] == 0.7103921571238655


def test_a_split_has_its_scores() -> None:
    gcm = get_recipe("vpreid_gcm")
    assert [score.rank1 for score in gcm.scores_on("prid2011", 9)] == [92.1]
    assert [score.rank1 for score in gcm.scores_on("prid2011", 0)] == [96.6]
    assert gcm.scores_on("prid2011", 1) == ()
    assert gcm.scores_on("market1501") == ()
    assert gcm.datasets == ("mars", "prid2011", "ilidsvid", "dukemtmcvidreid", "lsvid")
