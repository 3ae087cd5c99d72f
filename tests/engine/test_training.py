import pytest
import torch

from videoreid.engine import Engine, open_all_layers, open_specified_layers, step, train_one_epoch
from videoreid.engine.training import forward
from videoreid.errors import ConfigError, TrainingError
from videoreid.functional import normalise_frames
from videoreid.losses import SoftmaxCriterion, TripletCriterion
from videoreid.models import build_model
from videoreid.optim import build_optimizer
from videoreid.types import Clip


def test_step_normalises_with_the_models_own_numbers_and_changes_nothing(world):
    torch.manual_seed(0)
    model, criterion = world.Net(), TripletCriterion()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    clip = next(iter(world.loader()))
    losses = step(model, criterion, clip)
    expected = criterion(model(normalise_frames(clip.frames, world.MEAN, world.STD)), clip)
    assert losses == expected
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_train_one_epoch_equals_the_loop_written_out(world):
    results = []
    for written_out in (False, True):
        torch.manual_seed(0)
        model = world.Net()
        optimizer = build_optimizer(model, "sgd", lr=0.1)
        if not written_out:
            means = train_one_epoch(model, SoftmaxCriterion(), optimizer, world.loader(), progress=False)
        else:
            values = []
            for clip in world.loader():
                loss = SoftmaxCriterion()(model(normalise_frames(clip.frames, world.MEAN, world.STD)), clip)[
                    "loss"
                ]
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                values.append(loss.item())
            means = {"loss": sum(values) / len(values)}
        results.append((means["loss"], model.body.weight.detach()))
    assert results[0][0] == pytest.approx(results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_a_loss_that_is_not_finite_names_pids_and_frames(world):
    model = world.Net()
    torch.nn.init.constant_(model.body.weight, torch.inf)
    optimizer = build_optimizer(model)
    with pytest.raises(TrainingError, match=r"pids \[0, 1, 2\].*/frames/0.jpg.*/frames/2.jpg"):
        train_one_epoch(model, SoftmaxCriterion(), optimizer, world.loader(batch_size=3), progress=False)
    with pytest.raises(TrainingError, match=r"tracklets \[0, 1, 2\]"):
        train_one_epoch(
            model, SoftmaxCriterion(), optimizer, [next(iter(world.loader(batch_size=3)))], progress=False
        )


def test_a_model_in_eval_mode_is_refused(world):
    with pytest.raises(ConfigError, match=r"call model.train\(\)"):
        forward(world.Net().eval(), next(iter(world.loader())).frames)


def test_freezing_and_opening(world):
    model = world.Net(norm=True)
    model.norm.bias.fixed_by_design = True
    model.norm.bias.requires_grad = False
    open_specified_layers(model, "classifier")
    assert [name for name, p in model.named_parameters() if p.requires_grad] == [
        "classifier.weight",
        "classifier.bias",
    ]
    assert not model.norm.training
    assert model.classifier.training
    open_specified_layers(model, ["norm"])
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["norm.weight"]
    open_all_layers(model)
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["norm.bias"]
    assert model.norm.training
    with pytest.raises(ConfigError, match="has no layer head; it has: body, norm"):
        open_specified_layers(model, ["head", "body"])


def test_cameras_learn_in_a_training_step(world):
    model = build_model(
        "tracklet_vit", num_classes=8, backbone="vit_ti_16", num_cameras=3, height=64, width=32
    )
    frames = torch.randint(0, 256, (4, 2, 3, 64, 32), dtype=torch.uint8)
    clip = Clip(
        frames, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2, 2, 0]), torch.zeros(4), torch.arange(4)
    )
    engine = Engine(model.train(), TripletCriterion(), build_optimizer(model), device="cpu")
    engine.step(clip)["loss"].backward()
    learnt = model.cameras.grad.abs().sum(1) > 0
    assert learnt.tolist() == [True, False, True]
