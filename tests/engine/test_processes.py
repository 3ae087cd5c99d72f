"""Two processes (gloo on the CPU): gradients as of one process, evaluation without duplicates or loss, in order."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}", str(SCRIPT),
        str(folder),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "random",
        "ACCELERATE_USE_CPU": "true",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    results = [torch.load(folder / f"rank{rank}.pt") for rank in range(2)]
    return {"results": results, "folder": folder}


@pytest.fixture(scope="module")
def script():
    import importlib.util

    sys.path.insert(0, str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["softmax", "all"])
def test_the_gradient_is_that_of_one_process(ranks, script, kind):
    clip = next(iter(script.loader(batch_size=script.COUNT)))
    alone = script.gradients(script.build(kind), clip)
    for result in ranks["results"]:
        assert torch.allclose(result[kind], alone, atol=1e-5, rtol=1e-5)


def halves(script, kind):
    clip = next(iter(script.loader(batch_size=script.COUNT)))
    return [script.gradients(script.build(kind), script.part_of(clip, rank, 2)) for rank in range(2)]


def test_pairs_across_processes_matter(ranks, script):
    """The triplet of half a batch is another loss: without gathering, the test above would fail."""
    first, second = halves(script, "all")
    assert not torch.allclose((first + second) / 2, ranks["results"][0]["all"], atol=1e-3)


def test_without_gathering_network_and_centres_get_the_mean(ranks, script):
    first, second = halves(script, "centers")
    centres = slice(-script.CLASSES * 8, None)
    assert not torch.allclose(first[centres], second[centres], atol=1e-4)
    for result in ranks["results"]:
        assert torch.allclose(result["local"], (first + second) / 2, atol=1e-5, rtol=1e-5)


def test_extraction_is_complete_and_in_order_on_every_process(ranks, script):
    from videoreid.engine import extract_features

    data = script.loader(script.Clips(7, 2, clips=3), 4)
    alone = extract_features(script.build("all").model, data, progress=False)
    assert sum(result["items"] for result in ranks["results"]) == 42
    for result in ranks["results"]:
        embeddings, pids, times = result["features"]
        assert torch.allclose(embeddings, alone.embeddings, atol=1e-6)
        assert pids.tolist() == alone.pids.tolist()
        assert times.tolist() == alone.times.tolist()
        assert torch.allclose(result["listed"], alone.embeddings, atol=1e-6)


def test_labels_are_equal_on_every_process(ranks):
    first, second = ranks["results"]
    assert first["hash"] != second["hash"]  # sets did differ
    assert first["labels"] == second["labels"]


def test_weights_and_scores_stay_equal_and_one_process_saves(ranks):
    first, second = ranks["results"]
    assert torch.equal(first["weights"], second["weights"])
    assert first["history"] == second["history"]
    names = sorted(path.name for path in (ranks["folder"] / "run").iterdir())
    assert names == ["best.pt", "checkpoint-00000008.pt", "checkpoint-00000012.pt", "run.json"]
    state = torch.load(ranks["folder"] / "run" / "checkpoint-00000012.pt")
    assert len(state["streams"]) == 2


def test_two_processes_resume_to_the_same_bits(ranks):
    for result in ranks["results"]:
        assert torch.equal(result["resumed"], result["straight"])


def test_a_loss_that_is_infinite_on_one_process_stops_all_and_changes_none(ranks):
    first, second = (result["error"] for result in ranks["results"])
    assert "not finite on another process" in first
    assert "batch: pids" in second
    assert all(result["kept"] for result in ranks["results"])


def test_all_processes_train_in_the_precision_that_the_first_one_chose(ranks):
    (first, mixed, weights), (second, also_mixed, same_weights) = (r["precision"] for r in ranks["results"])
    assert first == second == "bfloat16"
    assert mixed == also_mixed == "bf16"
    assert torch.equal(weights, same_weights)


def test_one_process_moves_an_older_run_aside(ranks):
    folder = ranks["folder"] / "twice"
    names = ["checkpoint-00000004.pt", "run.json"]
    assert sorted(path.name for path in folder.iterdir()) == [names[0], "run-1", names[1]]
    assert sorted(path.name for path in (folder / "run-1").iterdir()) == names


def test_pk_batches_are_whole_and_disjoint(ranks):
    first, second = (result["plan"] for result in ranks["results"])
    assert len(first) == len(second) > 0
    assert not {tuple(first[i : i + 4]) for i in range(0, len(first), 4)} & {
        tuple(second[i : i + 4]) for i in range(0, len(second), 4)
    }
