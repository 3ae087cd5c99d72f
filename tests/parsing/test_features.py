"""Features that use part maps."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.losses import Criterion, CrossEntropyLoss, LogitTerm
from videoreid.metrics import evaluate_features
from videoreid.models import ReIDModel, build_model
from videoreid.models.ce2p import CE2P
from videoreid.models.layers.resnet_trunk import ResNetTrunk
from videoreid.parsing import LABEL_TABLES
from videoreid.parsing.features import (
    MaskContrast,
    MaskContrastTerm,
    ParameterFreeAttention,
    PartMaps,
    SoftPartPooling,
    VisiblePartMatching,
    VisibleParts,
    join_parts,
    nearest_by_visible_parts,
    parameter_free_weights,
    pool_parts,
    split_parts,
    visible_part_distance,
    visible_part_distance_chunks,
)
from videoreid.parsing.visibility import part_shares, part_visibility, typical_shares
from videoreid.types import Clip, Features

SIZE = (64, 32)


def backbone(name: str = "osnet_x0_25") -> ReIDModel:
    torch.manual_seed(0)
    return build_model(name, num_classes=3)


def part_maps(table: str = "spreid5", classes: int = 20) -> PartMaps:
    torch.manual_seed(1)
    parser = build_model("ce2p_resnet18_half", num_classes=classes, head_channels=16)
    assert isinstance(parser, CE2P)
    return PartMaps(parser, table, size=(32, 16))


class Stripes(PartMaps):
    """Background on the left; on the right, each part has a stripe of the height."""

    def forward(self, images: Tensor) -> Tensor:
        parts = torch.zeros(len(images), 5, 8, 4)
        parts[:, 0, :, :2] = 1
        for part in range(1, 5):
            parts[:, part, 2 * part - 2 : 2 * part, 2:] = 1
        return parts


def stripes() -> Stripes:
    return Stripes(part_maps().parser, "spreid5")


def test_pooling_by_hand() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, 4, 2, generator=generator, dtype=torch.float64)
    parts = torch.rand(2, 2, 8, 4, generator=generator, dtype=torch.float64)
    parts[1, 1] = 0
    vectors, shares = pool_parts(maps, parts)
    for n, p in np.ndindex(2, 2):
        weights = parts[n, p].view(4, 2, 2, 2).mean(dim=(1, 3))
        expected = sum(weights[y, x] * maps[n, :, y, x] for y, x in np.ndindex(4, 2))
        assert torch.allclose(
            vectors[n, p] * weights.sum(), expected if weights.any() else torch.zeros(3).double()
        )
        assert shares[n, p] == pytest.approx(parts[n, p].mean().item())
    assert (vectors[1, 1] == 0).all()
    with pytest.raises(ConfigError, match=r"maps \(N, D, h, w\)"):
        pool_parts(maps, parts[:1])


def test_part_maps_are_probabilities_of_the_groups() -> None:
    parts = part_maps()
    images = torch.randn(2, 3, *SIZE)
    probabilities = parts(images)
    assert probabilities.shape == (2, 5, 8, 4)
    assert torch.allclose(probabilities.sum(1), torch.ones(2, 8, 4), atol=1e-5)
    whole = parts.parser.parse_logits(
        F.interpolate(images, size=(32, 16), mode="bilinear", antialias=True)
    ).softmax(1)
    assert torch.allclose(probabilities, LABEL_TABLES["spreid5"].group(whole))
    parts.train()
    assert not parts.parser.training
    assert not any(parameter.requires_grad for parameter in parts.parameters())
    own = part_maps("seed7", classes=7)
    assert own(images).shape == (2, 7, 8, 4)
    with pytest.raises(ConfigError, match="the parser has 7 classes"):
        part_maps("spreid5", classes=7)


def test_part_maps_of_another_normalisation() -> None:
    parts = part_maps()
    pixels = torch.rand(1, 3, 32, 16)
    imagenet = (pixels - torch.tensor(parts._mean).view(3, 1, 1)) / torch.tensor(parts._std).view(3, 1, 1)
    plain = PartMaps(parts.parser, "spreid5", pixel_mean=(0, 0, 0), pixel_std=(1, 1, 1))
    assert torch.allclose(plain(pixels), parts(imagenet), atol=1e-5)


def test_soft_part_pooling() -> None:
    trunk = backbone()
    model = SoftPartPooling(trunk, stripes(), num_classes=3).eval()
    frames = torch.randn(2, 3, 3, *SIZE)
    maps = trunk.feature_maps(frames.flatten(0, 1))  # type: ignore[operator]
    assert maps.shape[2:] == (4, 2)
    right = maps[:, :, :, 1]  # the person's half
    expected = (
        torch.cat([right.mean(2), right.amax(2), maps.mean(dim=(2, 3))], 1).unflatten(0, (2, 3)).mean(1)
    )
    assert torch.allclose(model(frames), expected, atol=1e-5)
    model.train()
    output = model(frames)
    assert output.logits[0].shape == (2, 3)
    output.logits[0].sum().backward()
    assert not any(parameter.requires_grad for parameter in model.parts.parameters())


def test_visible_parts_average_by_visibility() -> None:
    trunk = backbone()
    model = VisibleParts(trunk, part_maps(), num_classes=3).eval()
    frames = torch.randn(1, 3, 3, *SIZE)
    together = model(frames)
    assert together.shape == (1, model.embedding_dim)
    alone = torch.cat([model(frames[:, t]) for t in range(3)])
    assert torch.allclose(together[0], alone.mean(0), atol=1e-5)  # so clips may be averaged as usual
    probabilities = model.parts(frames[0])
    parts = torch.cat([1 - probabilities[:, :1], probabilities[:, 1:]], 1)
    vectors, shares = pool_parts(trunk.feature_maps(frames[0]), parts)  # type: ignore[operator]
    weighted, seen = split_parts(together, 5)
    assert seen[0, 0] == 1
    assert torch.allclose(seen[0, 1:], shares[:, 1:].mean(0), atol=1e-5)
    expected = (vectors[:, 2] * shares[:, 2:3]).sum(0) / shares[:, 2].sum()
    assert torch.allclose(weighted[0, 2] / seen[0, 2], expected, atol=1e-4)


def test_the_head_of_the_backbone_sees_every_part() -> None:
    trunk = backbone().eval()
    model = VisibleParts(trunk, stripes(), head=trunk.fc).eval()  # type: ignore[arg-type]
    frames = torch.randn(2, 1, 3, *SIZE)
    weighted, seen = split_parts(model(frames), 5)
    assert weighted.shape == (2, 5, trunk.embedding_dim)
    maps = trunk.feature_maps(frames[:, 0])  # type: ignore[operator]
    expected = trunk.fc(maps[:, :, 1, 1])  # type: ignore[operator]  # the stripe of the second part: one cell
    assert torch.allclose(weighted[:, 2] / seen[:, 2:3], expected, atol=1e-4)
    model.train()
    assert model(frames).logits[0].shape == (2, 1)


def test_typical_shares_make_visibility_relative() -> None:
    model = VisibleParts(backbone(), stripes(), typical=torch.tensor([0.125, 0.25, 0.5, 1.0])).eval()
    _, seen = split_parts(model(torch.randn(1, 1, 3, *SIZE)), 5)
    assert torch.allclose(seen[0], torch.tensor([1, 1, 0.5, 0.25, 0.125]))
    with pytest.raises(ConfigError, match="4 shares"):
        VisibleParts(backbone(), stripes(), typical=torch.ones(5))


def oracle(x: Tensor, y: Tensor, num_parts: int) -> np.ndarray:
    result = np.empty((len(x), len(y)))
    for n, m in np.ndindex(*result.shape):
        (a, seen_a), (b, seen_b) = split_parts(x[n : n + 1], num_parts), split_parts(y[m : m + 1], num_parts)
        total = weights = 0.0
        for part in range(num_parts):
            weight = min(float(seen_a[0, part]), float(seen_b[0, part]))
            total += weight * (1 - float(F.cosine_similarity(a[0, part], b[0, part], dim=0)))
            weights += weight
        result[n, m] = total / weights if weights else 1.0
    return result


def embeddings(count: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    seen = torch.rand(count, 3, generator=generator, dtype=dtype)
    seen[torch.rand(count, 3, generator=generator) < 0.3] = 0
    vectors = torch.randn(count, 3, 4, generator=generator, dtype=dtype) * seen.unsqueeze(2)
    return join_parts(vectors, seen)


def test_distance_by_hand() -> None:
    x, y = embeddings(9, 0), embeddings(7, 1)
    x[0] = 0
    expected = oracle(x, y, 3)
    assert (expected[0] == 1).all()
    assert np.allclose(visible_part_distance(x, y, 3), expected, atol=1e-12)
    assert np.allclose(visible_part_distance(x.float(), y.float(), 3), expected, atol=1e-6)


def test_distance_is_streamed() -> None:
    x, y = embeddings(9, 0), embeddings(7, 1)
    whole = visible_part_distance(x, y, 3)
    blocks = list(visible_part_distance_chunks(x, y, 3, chunk_size=4))
    assert [block.shape for _, block in blocks] == [(4, 7), (4, 7), (1, 7)]
    assert torch.allclose(torch.cat([block for _, block in blocks]), whole)
    with pytest.raises(ConfigError, match="chunk_size"):
        next(iter(visible_part_distance_chunks(x, y, 3, chunk_size=0)))


def test_a_hidden_part_does_not_count() -> None:
    seen = torch.tensor([[1.0, 1.0]])
    query = join_parts(torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]), torch.tensor([[1.0, 0.0]]))
    same_top = join_parts(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), seen)
    other_top = join_parts(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), seen)
    assert visible_part_distance(query, torch.cat([same_top, other_top]), 2).tolist() == [[0.0, 1.0]]


def features(count: int, seed: int) -> Features:
    return Features(embeddings(count, seed, torch.float32), np.arange(count) % 3, np.arange(count) % 2)


def test_search_and_evaluation() -> None:
    query, gallery = features(6, 0), features(9, 1)
    distances = visible_part_distance(query.embeddings, gallery.embeddings, 3)
    rows, found = nearest_by_visible_parts(query, gallery, 3, k=4, chunk_size=2)
    order = distances.sort(dim=1, stable=True)
    assert np.array_equal(rows, order.indices[:, :4].numpy())
    assert np.allclose(found, order.values[:, :4])
    assert nearest_by_visible_parts(query, gallery, 3, k=99)[0].shape == (6, 9)
    ranking = evaluate_features(query, gallery, refiners=[VisiblePartMatching(3, chunk_size=2)])
    assert "visible parts (3)" in ranking.protocol_line
    kept = [g for g in order.indices[0].tolist() if not (gallery.pids[g] == 0 and gallery.camids[g] == 0)]
    assert ranking.top_indices[0, 0] == kept[0]
    with pytest.raises(ConfigError, match="k is 0"):
        nearest_by_visible_parts(query, gallery, 3, k=0)


def test_wrong_embeddings() -> None:
    x = embeddings(2, 0)
    with pytest.raises(ConfigError, match=r"4 \* \(D \+ 1\)"):
        visible_part_distance(x, x, 4)
    with pytest.raises(ConfigError, match="one model"):
        visible_part_distance(x, torch.zeros(2, 9), 3)


def test_mask_contrast_needs_masks_in_training_alone() -> None:
    trunk = backbone()
    model = MaskContrast(trunk, stripes(), num_classes=3)
    frames = torch.randn(2, 2, 3, *SIZE)
    output = model(frames)
    maps = trunk.feature_maps(frames.flatten(0, 1))  # type: ignore[operator]
    weights = model.attention(maps).sigmoid()
    assert [logits.shape for logits in output.logits] == [(2, 3)] * 3
    both = output.extras["person"] + output.extras["background"]
    assert torch.allclose(both, output.embedding, rtol=1e-3, atol=1e-4)
    assert torch.allclose(output.extras["mask"][0, 0], torch.tensor([[0.0, 1.0]] * 4))
    person = (maps * weights).mean(dim=(2, 3)).unflatten(0, (2, 2)).mean(1)
    assert torch.allclose(output.extras["person"], person, rtol=1e-3, atol=1e-4)
    alone = MaskContrast(trunk, num_classes=3).eval()
    assert torch.equal(alone(frames), model.eval()(frames))
    with pytest.raises(ConfigError, match="needs masks"):
        alone.train()(frames)


def test_mask_contrast_loss() -> None:
    model = MaskContrast(backbone(), stripes(), num_classes=3)
    pids = torch.tensor([0, 1])
    clip = Clip(torch.randn(2, 1, 3, *SIZE), pids, pids, pids.double(), pids)
    output = model(clip.frames)
    loss = MaskContrastTerm(0.3, mask_weight=0.5)(output, clip)
    near = F.cosine_similarity(output.embedding, output.extras["person"])
    far = F.cosine_similarity(output.embedding, output.extras["background"])
    probability, mask = output.extras["attention"].sigmoid(), output.extras["mask"]
    entropy = -(mask * probability.log() + (1 - mask) * (1 - probability).log()).mean()
    expected = (far - near + 0.3).clamp_min(0).mean() + 0.5 * entropy
    assert torch.allclose(loss, expected, rtol=1e-4)
    criterion = Criterion(
        {"softmax": (LogitTerm(CrossEntropyLoss()), 1.0), "mask": (MaskContrastTerm(), 0.1)}
    )
    criterion(output, clip)["loss"].backward()
    assert model.attention.weight.grad is not None
    with pytest.raises(ConfigError, match="0 or more"):
        MaskContrastTerm(-1.0)


def test_parameter_free_weights() -> None:
    maps = torch.rand(2, 3, 2, 2, dtype=torch.float64)
    exponent = maps.sum(1).flatten(1).exp()
    softmax = 4 * exponent / exponent.sum(1, keepdim=True)
    assert torch.allclose(parameter_free_weights(maps).flatten(1), softmax)
    mean = maps.mean(1).flatten(1)
    share = parameter_free_weights(maps, "share")
    assert torch.allclose(share.flatten(1), 4 * mean / mean.sum(1, keepdim=True))
    assert torch.allclose(share.mean(dim=(1, 2, 3)), torch.ones(2).double())
    assert torch.equal(parameter_free_weights(0 * maps, "share"), torch.ones(2, 1, 2, 2).double())
    with pytest.raises(ConfigError, match="'softmax' or 'share'"):
        ParameterFreeAttention("none")  # type: ignore[arg-type]


def test_parameter_free_attention_fits_into_a_trunk() -> None:
    def build(_channels: int) -> nn.Module:
        return ParameterFreeAttention("share")

    torch.manual_seed(0)
    trunk = ResNetTrunk("resnet18_half", inserts={2: (1, build), 3: (1, build)}).eval()
    torch.manual_seed(0)
    plain = ResNetTrunk("resnet18_half").eval()
    clips = torch.randn(1, 2, 3, *SIZE)
    assert trunk(clips).shape == plain(clips).shape
    assert not torch.allclose(trunk(clips), plain(clips))
    assert len(list(trunk.parameters())) == len(list(plain.parameters()))


def test_a_network_without_maps_is_refused() -> None:
    model = build_model("tracklet_vit", backbone="vit_ti_16", num_classes=2)
    with pytest.raises(ConfigError, match="has no feature_maps"):
        SoftPartPooling(model, stripes())


def test_shares_and_visibility() -> None:
    table = LABEL_TABLES["seed7"]
    maps = [
        np.array([[1, 1], [2, 0]], np.uint8),
        np.array([[1, 0, 0, 255]], np.uint8),
        np.zeros((3, 3), np.uint8),
    ]
    shares = part_shares(maps, table)
    assert shares.tolist() == [[0.5, 0.25, 0, 0, 0, 0], [0.25, 0, 0, 0, 0, 0], [0] * 6]
    typical = typical_shares(shares)
    assert typical.tolist() == [0.375, 0.25, 0, 0, 0, 0]
    seen = part_visibility(shares, typical)
    assert seen[0].tolist() == [1, 1, 0, 0, 0, 0]
    assert seen[1, 0] == pytest.approx(2 / 3)
    assert (seen[2] == 0).all()  # nobody in the picture
    assert part_shares([], table).shape == (0, 6)
    with pytest.raises(ConfigError, match="label 9 is not a class"):
        part_shares([np.full((2, 2), 9, np.uint8)], table)
    with pytest.raises(ConfigError, match=r"shares \(N, P\)"):
        part_visibility(shares, typical[:3])
