"""Tables on pages are those that the benchmarks have recorded."""

import json
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FIRST, _LAST = slice(5), slice(-5, None)


def test_the_tables_of_the_proof_of_learning_are_the_recorded_ones() -> None:
    recorded = (ROOT / "benchmarks/results/proof_of_learning.md").read_text(encoding="utf-8").splitlines()
    page = (ROOT / "docs/proof_of_learning.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in recorded if line.startswith("| ")]
    assert len(rows) > 20
    assert [line for line in rows if line not in page] == []
    shown = [line for line in page if line.startswith("| ")]
    assert [line for line in shown if line not in rows] == []


@pytest.mark.parametrize(
    ("name", "model"),
    [("ResNet-50", "resnet50"), ("ResNet-18", "resnet18"), ("OSNet x0.25", "osnet_x0_25")],
)
def test_the_convergence_on_the_page_is_the_recorded_one(name: str, model: str) -> None:
    path = ROOT / f"benchmarks/results/training_convergence_{model}.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"].values()
    scores = [f"{100 * run['mAP']['mean']:.1f} ± {100 * run['mAP']['spread']:.1f}" for run in runs]
    waits = [f"{100 * run['data_wait']['mean']:.1f}" for run in runs]
    row = f"| {name} | {scores[0]} | {scores[1]} | {waits[0]} and {waits[1]} % |"
    assert row in (ROOT / "docs/training.md").read_text(encoding="utf-8").splitlines()


def test_the_figures_of_association_are_the_recorded_ones() -> None:
    """Rows have readable names on the page; their figures are those of a recorded row."""
    recorded = (ROOT / "benchmarks/results/association.md").read_text(encoding="utf-8").splitlines()
    figures = {tuple(line.split("|")[2:7]) for line in recorded[2:]}
    page = (ROOT / "docs/association.md").read_text(encoding="utf-8")
    rows = [line.replace("*", "") for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 8
    assert [row for row in rows if tuple(row.split("|")[2:7]) not in figures] == []


def test_the_time_of_a_report_on_the_page_is_the_recorded_one() -> None:
    recorded = json.loads((ROOT / "benchmarks/results/report.json").read_text(encoding="utf-8"))
    assert (recorded["queries"], recorded["gallery"], recorded["width"]) == (1980, 11310, 2048)
    seconds = max(report["cpu_seconds"] for report in recorded["reports"])
    page = (ROOT / "docs/report.md").read_text(encoding="utf-8")
    assert f"take {seconds:.0f} s of processor time" in page
    folder = (ROOT / "docs/run_folder.md").read_text(encoding="utf-8")
    assert f"takes {recorded['ranking_bytes'] / 1e6:.1f} MB" in folder
    assert f"({recorded['features_bytes'] / 1e6:.0f} MB\nat" in folder or (
        f"({recorded['features_bytes'] / 1e6:.0f} MB at" in folder
    )


def test_the_steps_at_published_size_are_the_recorded_ones() -> None:
    from videoreid.recipes import get_recipe, list_recipes

    text = (ROOT / "benchmarks/results/recipe_steps.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    runs = {line["recipe"]: line for line in lines if line["size"] == "published" and line["batch"] == 8}
    assert sorted(runs) == sorted(list_recipes())
    for name, run in runs.items():
        recipe = get_recipe(name).on(run["dataset"])
        assert (run["height"], run["width"], run["frames"]) == (
            recipe.height,
            recipe.width,
            recipe.num_frames,
        )
        assert run["updates"] >= 20
    rising = [name for name, run in runs.items() if sum(run["losses"][_LAST]) >= sum(run["losses"][_FIRST])]
    assert rising == ["streid_pcb"]
    whole = next(line for line in lines if line["recipe"] == "streid_pcb" and line["batch"] == 32)
    means = [sum(run["losses"][part]) / 5 for run in (runs["streid_pcb"], whole) for part in (_FIRST, _LAST)]
    assert [round(mean) for mean in means] == [22, 66, 19, 28]
    page = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    assert "all 35 recipes at the published frame size" in page
    assert "below that of the first five in 34 of them" in page


def test_the_short_trainings_are_the_recorded_ones() -> None:
    from videoreid.recipes import list_recipes

    text = (ROOT / "benchmarks/results/recipe_training.json").read_text(encoding="utf-8")
    rows = json.loads(text)["recipes"]
    assert sorted(rows) == sorted(list_recipes())
    assert min(row["steps"] for row in rows.values()) >= 80
    scores = {name: (row["before"]["mAP"], row["after"]["mAP"]) for name, row in rows.items()}
    worse = {name for name, (before, after) in scores.items() if after <= before}
    studied = {name for name in worse if name.startswith("ilids_")}
    page = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    assert worse == studied | {"temporal_3d"}
    assert (len(worse), len(studied)) == (9, 8)
    assert "higher after training in 26 of 35 recipes" in page
    assert "`temporal_3d` (36.9 to 23.6) and eight of the iLIDS-VID study" in page
    assert scores["temporal_3d"] == (36.9, 23.6)
    assert scores["streid_pcb"] == (46.5, 71.2)
    assert "`streid_pcb` (46.5 to 71.2)" in page
    mars = [scores[name][1] for name, row in rows.items() if row["dataset"] == "mars" and name not in worse]
    assert (min(mars), max(mars)) == (55.0, 81.3)
    assert "to between 55.0 and 81.3" in page
    above = sum(row["before"]["mAP"] > row["chance_mAP"] for row in rows.values())
    assert f"score above random features in {above} of the rows" in page
    text = (ROOT / "benchmarks/results/recipe_training_more_people.json").read_text(encoding="utf-8")
    for name, row in json.loads(text)["recipes"].items():
        assert f"from {row['before']['mAP']} to {row['after']['mAP']} in\n`{name}`" in page or (
            f"from {row['before']['mAP']} to {row['after']['mAP']} in `{name}`" in page
        )
        assert (row["training_identities"], row["queries"]) == (31, 30)


def test_the_wrong_convolutions_are_the_recorded_ones() -> None:
    text = (ROOT / "benchmarks/results/bfloat16_check.json").read_text(encoding="utf-8")
    networks = json.loads(text)["networks"]
    wrong = {name: row["wrong"] for name, row in networks.items() if row["wrong"] and "64x32" not in name}
    assert {"ap3d_resnet50", "sinet", "tclnet", "bicnet_tks", "resnet50_3d"} <= set(wrong)
    assert (min(map(len, wrong.values())), max(map(len, wrong.values()))) == (4, 9)
    errors = [error for row in wrong.values() for error in row.values() if error != "nan"]
    assert (round(min(errors), 2), round(max(errors), 2)) == (0.12, 0.43)
    seconds = [row["processor_seconds"] for row in networks.values()]
    assert (round(min(seconds)), round(max(seconds))) == (1, 5)
    page = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    assert "relative error 0.12 to 0.43, or NaN" in page
    assert "4 to 9 layers of AP3D" in page
    assert "the search took 1 to 5 s of one core" in " ".join(page.split())
    assert networks["resnet50 64x32"]["wrong"], "the 2-D case of the page"


def test_every_network_is_in_the_table_of_exports() -> None:
    from videoreid.models import MODELS, list_models

    # without those that examples on the pages register
    own = [name for name in list_models() if MODELS[name].__module__.startswith("videoreid.")]
    lines = (ROOT / "benchmarks/results/export.md").read_text(encoding="utf-8").splitlines()
    cells = {line.split("`")[1]: line.split("|")[2] for line in lines if line.startswith("| `")}
    assert sorted(cells) == own
    assert all(cell.startswith(" yes, ") for cell in cells.values())
    free = sum("any T, any B" in cell for cell in cells.values())
    one = sum("B = 1" in cell for cell in cells.values())
    page = (ROOT / "docs/export.md").read_text(encoding="utf-8")
    assert f"for all {len(cells)} networks" in page
    assert f"{free} take any clip length and batch; the other {len(cells) - free} are fixed" in page
    assert f"and {one} of these to one clip per call" in page
    assert not any("any T" in cell and "B = 1" in cell for cell in cells.values())


@pytest.mark.parametrize(
    ("file", "rows", "system", "name"),
    [
        ("gallery_hnsw_1m", "1,000,000", "hnsw", '`GalleryIndex`, "hnsw"'),
        ("gallery_hnswlib_1m", "1,000,000", "hnswlib", "hnswlib, M 32, 200, ef 128"),
        ("gallery_hnsw_20k", "20,000", "hnswlib", "hnswlib, M 32, 200, ef 128"),
        ("gallery_hnsw_20k", "20,000", "hnsw", '`GalleryIndex`, "hnsw"'),
        ("gallery_hnsw_100k", "100,000", "hnswlib", "hnswlib, M 32, 200, ef 128"),
        ("gallery_hnsw_100k", "100,000", "hnsw", '`GalleryIndex`, "hnsw"'),
    ],
)
def test_graph_indexes_on_the_page_are_the_recorded_ones(
    file: str, rows: str, system: str, name: str
) -> None:
    recorded = json.loads((ROOT / f"benchmarks/results/{file}.json").read_text(encoding="utf-8"))
    run = recorded[f"run of {system}"][system]
    cells = [f"{run['build_s']:.1f}", f"{run['peak_memory_mib']:.0f}"]
    cells += [
        f"{run[key]:.1f}" for key in ("p50_ms", "p99_ms", "fastest_ms", "queries_per_second_in_batches")
    ]
    row = f"| {rows} | {name} | {' | '.join(cells)} | {run['recall_at_10']:.4f} |"
    page = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    assert row in page.splitlines()
    if file != "gallery_hnswlib_1m":  # of a second run at this size
        ratio = recorded["run of exact"]["ratio_to_faiss_flat_p50_ms"]
        assert f"{ratio:.2f} times" in page


def test_the_chosen_precisions_are_the_recorded_ones() -> None:
    text = (ROOT / "benchmarks/results/training_precision.json").read_text(encoding="utf-8")
    networks = json.loads(text)["networks"]
    page = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    for name, row in networks.items():
        slow, fast = (float(part.split(": ")[1].split()[0]) for part in row["reason"].split(", "))
        (line,) = [one for one in page.splitlines() if one.startswith(f"| {row['chosen']} |")]
        assert f"{name} ({fast / slow:.1f}" in line, name
    seconds = [row["seconds"] for row in networks.values()]
    assert f"The timing took {min(seconds):.0f} to {max(seconds):.0f} s." in page


def test_the_script_with_torchreids_names_is_the_recorded_one() -> None:
    recorded = json.loads((ROOT / "benchmarks/results/torchreid_script.json").read_text(encoding="utf-8"))
    ratio, scores = recorded["ratio"], recorded["mAP"]
    page = (ROOT / "docs/extraction.md").read_text(encoding="utf-8").replace("\n", " ")
    assert f"ran {ratio['default']:.2f} times as fast as with torchreid" in page
    assert f"and {ratio['bfloat16']:.2f} times with" in page
    for name, values in scores.items():
        mean, spread = 100 * statistics.mean(values), 100 * statistics.stdev(values)
        assert f"{name} {mean:.1f} ± {spread:.1f}" in page
