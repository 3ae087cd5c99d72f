"""What one of two processes does; started by torch.distributed.run. Usage: two_processes.py OUTPUT_DIR"""

import os
import sys
from pathlib import Path

import torch
from small_world import Clips, Net, loader
from torch import distributed as dist

from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.samplers import PKSampler
from videoreid.engine import Engine, TrainSettings, auto_precision, extract_features
from videoreid.errors import TrainingError
from videoreid.inference.sharding import shard_loader
from videoreid.losses import BagOfTricksCriterion, SoftmaxCriterion
from videoreid.optim import build_optimizer
from videoreid.types import Clip, Tracklet

COUNT, CLASSES = 24, 6


def build(criterion, **settings):
    torch.manual_seed(0)
    model = Net()
    if criterion == "softmax":
        loss = SoftmaxCriterion()
    else:
        vectors = (lambda: model.classifier.weight) if criterion == "all" else None
        loss = BagOfTricksCriterion(CLASSES, 8, beta=0.3, classifier_weight=vectors)
    return Engine(model, loss, build_optimizer(model), settings=TrainSettings(**settings), device="cpu")


def gradients(engine, clip):
    engine.accelerator.backward(engine.step(clip)["loss"])
    engine._average_criterion_gradients()
    parameters = [*engine.model.parameters(), *engine.criterion.parameters()]
    return torch.cat([p.grad.flatten() for p in parameters])


def part_of(clip, rank, count):
    return Clip(*(values.chunk(count)[rank] for values in clip))


def one_process_fails(data, rank):
    """Train on a loss that is infinite on one process; return the error and whether the weights are as before."""
    engine = build("softmax")
    before = [parameter.detach().clone() for parameter in engine.model.parameters()]
    if rank == 1:
        engine.criterion.register_forward_hook(lambda m, a, out: {**out, "loss": out["loss"] + torch.inf})
    try:
        engine.fit(data, 1, progress=False)
    except TrainingError as error:
        pairs = zip(before, engine.model.parameters(), strict=True)
        return str(error), all(torch.equal(a, b) for a, b in pairs)


def chosen_precision(data, rank):
    """Train with "auto" while the processes time differently; return what each trains in, and its weights."""
    auto_precision.has_native_bfloat16 = lambda device: True
    auto_precision.FEWEST_BATCHES = 1
    measured = auto_precision.faster_precision

    def disagree(*args):
        measured(*args)
        return ("bfloat16", "float32")[rank], "as told"

    auto_precision.faster_precision = disagree
    engine = build("softmax", precision="auto")
    engine.fit(data, 1, progress=False)
    weights = torch.cat([p.detach().flatten() for p in engine.model.parameters()])
    return engine.settings.precision, engine.accelerator.mixed_precision, weights


def main(folder):
    torch.set_num_threads(1)
    clip = next(iter(loader(batch_size=COUNT)))
    engine = build("softmax")  # the first engine starts the process group
    rank, count = dist.get_rank(), dist.get_world_size()
    results = {"softmax": gradients(engine, part_of(clip, rank, count))}
    engine = build("all", gather_features=True)
    results["all"] = gradients(engine, part_of(clip, rank, count))
    results["local"] = gradients(build("centers"), part_of(clip, rank, count))

    data = loader(Clips(7, 2, clips=3), 4)  # 42 clips in 11 batches: the shares are not equal
    results["items"] = sum(len(clip.pid) for clip in shard_loader(data))
    features = extract_features(engine.model, data, progress=False)
    results["features"] = [features.embeddings, torch.tensor(features.pids), torch.tensor(features.times)]
    results["listed"] = extract_features(engine.model, list(data), progress=False).embeddings

    names = {f"person {n}" for n in range(40)}  # a set: its order differs between processes
    tracklets = [Tracklet(["x"], int(name.split()[1]) * 7, 0) for name in names]
    results["labels"] = {str(t.pid): r.pid for t, r in zip(tracklets, relabel_pids(tracklets), strict=True)}
    results["hash"] = hash("person 1")

    train = loader(Clips(), 3, sampler=range(rank, COUNT, count))
    engine = build("softmax", ema_decay=0.5)
    history = engine.fit(
        train, 2, output_dir=folder / "run", validate=lambda: engine.evaluate(data, data, progress=False).summary(),
        progress=False,
    )  # fmt: skip
    results["weights"] = torch.cat([p.detach().flatten() for p in engine.model.parameters()])
    results["history"] = history
    dist.barrier()  # the first process writes the checkpoint that all read
    for name, options in (("resumed", {"output_dir": folder / "run", "resume": "auto"}), ("straight", {})):
        engine = build("softmax", ema_decay=0.5)
        engine.fit(train, 3, progress=False, **options)
        results[name] = torch.cat([p.detach().flatten() for p in engine.scored_model.parameters()])
    results["precision"] = chosen_precision(train, rank)
    results["error"], results["kept"] = one_process_fails(train, rank)
    for _ in range(2):  # the second run begins in a folder that is used
        build("softmax").fit(train, 1, output_dir=folder / "twice", progress=False)
    results["plan"] = [
        key.tracklet for key in PKSampler(Clips().tracklets, batch_size=4, instances=2, seed=1)
    ]
    torch.save(results, folder / f"rank{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("ACCELERATE_USE_CPU", "true")
    main(Path(sys.argv[1]))
