"""Parsers of the zoo and of others, and their evaluation."""

import numpy as np
import pytest
import torch

from videoreid.data.datasets import ParsingPair, ParsingSplits, read_pair
from videoreid.errors import ConfigError, ProtocolError
from videoreid.models import build_model
from videoreid.models.ce2p import CE2P
from videoreid.parsing import (
    LABEL_TABLES,
    CallableParser,
    NetworkParser,
    evaluate_parser,
    parsing_scores,
)


def network(classes: int = 20) -> CE2P:
    torch.manual_seed(0)
    model = build_model("ce2p_resnet18_half", num_classes=classes, head_channels=16)
    assert isinstance(model, CE2P)
    return model


def test_label_maps_have_the_size_of_their_pictures() -> None:
    parser = NetworkParser(model=network(), table="lip20", size=(64, 32))
    images = [
        np.random.default_rng(0).integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in ((50, 20), (64, 40))
    ]
    together = parser(images)
    assert [labels.shape for labels in together] == [(50, 20), (64, 40)]
    assert all(labels.dtype == np.uint8 and labels.max() < 20 for labels in together)
    assert np.array_equal(together[1], parser(images[1:])[0])
    assert parser([]) == []


def test_flip_makes_a_parser_symmetric() -> None:
    table = LABEL_TABLES["lip20"]
    parser = NetworkParser(model=network(), table=table, size=(64, 32), flip=True)
    images = torch.rand(1, 3, 64, 32)
    mirrored = parser.probabilities(images.flip(3)).flip(3)[:, list(table.mirror_order)]
    assert torch.allclose(parser.probabilities(images), mirrored, atol=1e-5)


def test_windows() -> None:
    parser = NetworkParser(model=network(), table="lip20", size=(96, 32), window=(64, 32))
    assert "windows 64x32" in parser.description
    assert parser([np.zeros((30, 10, 3), np.uint8)])[0].shape == (30, 10)


def test_a_table_of_other_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="20 classes, table 'seed7' has 7"):
        NetworkParser(model=network(), table="seed7")


def test_scores_of_a_perfect_parser(world: ParsingSplits) -> None:
    truth = {read_pair(pair, 20)[0].tobytes(): read_pair(pair, 20)[1] for pair in world.val}
    parser = CallableParser(lambda images: [truth[image.tobytes()] for image in images], "lip20", "the truth")
    scores = evaluate_parser(parser, world.val, dataset="world val", batch_size=3, progress=False)
    assert scores.pixel_accuracy == 1
    present = scores.confusion.sum(1) > 0
    assert (scores.iou[present] == 1).all()
    assert scores.protocol_line == (
        f"world val | {len(world.val)} pictures in their own size | classes lip20 | the truth | 255 left out, absent "
        "classes count as 0"
    )


def test_another_table_gives_what_mapping_every_pixel_gives(world: ParsingSplits) -> None:
    def noisy(images: list[np.ndarray]) -> list[np.ndarray]:
        return [(image[..., 0] % 20).astype(np.uint8) for image in images]

    table = LABEL_TABLES["seed7"]
    scores = evaluate_parser(CallableParser(noisy, "lip20"), world.val, table="seed7", progress=False)
    read = [read_pair(pair, 20) for pair in world.val]
    labels = np.concatenate([table.map(label).ravel() for _, label in read])
    guess = np.concatenate([table.map(noisy([image])[0]).ravel() for image, _ in read])
    assert np.array_equal(scores.confusion, parsing_scores(labels, guess, num_classes=7).confusion)
    with pytest.raises(ProtocolError, match="reads 20 classes, 7 were counted"):
        evaluate_parser(
            CallableParser(lambda images: [np.zeros(i.shape[:2], int) for i in images], "seed7"),
            world.val,
            table="spreid5",
            progress=False,
        )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda images: [], "0 label maps for 1"),
        (lambda images: [np.zeros((2, 2), int)], "of the same size"),
        (lambda images: [np.zeros((4, 3))], "of the same size"),
        (lambda images: [np.full((4, 3), 7)], "label 7, but table 'seed7' has 7"),
    ],
)
def test_parsers_of_others_are_checked(answer: object, message: str) -> None:
    parser = CallableParser(answer, "seed7")
    with pytest.raises(ConfigError, match=message):
        parser([np.zeros((4, 3, 3), np.uint8)])


def test_pictures_without_labels_cannot_be_scored() -> None:
    parser = CallableParser(lambda images: list(images), "seed7")
    with pytest.raises(ConfigError, match=r"no labels, such as a\.jpg"):
        evaluate_parser(parser, [ParsingPair("a.jpg")], progress=False)
