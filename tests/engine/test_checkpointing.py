import logging
import pickle

import pytest
import torch

from videoreid.engine.checkpointing import (
    find_checkpoint,
    list_checkpoints,
    load_checkpoint,
    prune_checkpoints,
    save_checkpoint,
)
from videoreid.errors import CheckpointError


def state(step):
    return {"progress": {"step": step}, "weights": torch.full((1000,), float(step))}


def save(folder, *steps):
    return [save_checkpoint(state(step), folder / f"checkpoint-{step:08d}.pt") for step in steps]


def test_round_trip_and_order(tmp_path):
    save(tmp_path, 5, 100, 20)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        f"checkpoint-{n:08d}.pt" for n in (5, 20, 100)
    ]
    path, found = find_checkpoint(tmp_path)
    assert path.name == "checkpoint-00000100.pt"
    assert torch.equal(found["weights"], torch.full((1000,), 100.0))
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_an_empty_folder_has_none(tmp_path):
    assert find_checkpoint(tmp_path) is None
    assert find_checkpoint(tmp_path / "absent") is None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_one_is_passed_over_with_a_warning(tmp_path, share, caplog):
    _, last = save(tmp_path, 1, 2)
    content = last.read_bytes()
    last.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_checkpoint(last)
    with caplog.at_level(logging.WARNING, "videoreid"):
        path, found = find_checkpoint(tmp_path)
    assert path.name == "checkpoint-00000001.pt"
    assert found["progress"]["step"] == 1
    assert "checkpoint-00000002.pt" in caplog.text


def test_when_all_are_damaged_nothing_is_guessed(tmp_path):
    for path in save(tmp_path, 1, 2):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="none of the 2 checkpoints"):
        find_checkpoint(tmp_path)


def test_code_in_the_file_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('the trap ran')",))

    path = tmp_path / "checkpoint-00000001.pt"
    torch.save({"progress": {}, "trap": Trap()}, path)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_other_errors(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "absent.pt")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match="no training state"):
        load_checkpoint(tmp_path / "weights.pt")


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    (path,) = save(tmp_path, 1)
    with pytest.raises(AttributeError):
        save_checkpoint({"progress": {}, "unpicklable": lambda: None}, path)
    assert load_checkpoint(path)["progress"]["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_prune_keeps_the_newest(tmp_path):
    save(tmp_path, 1, 2, 3, 4)
    (tmp_path / "best.pt").write_bytes(b"")
    prune_checkpoints(tmp_path, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best.pt",
        "checkpoint-00000003.pt",
        "checkpoint-00000004.pt",
    ]
