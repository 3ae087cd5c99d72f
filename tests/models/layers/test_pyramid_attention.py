"""The pair fusion of PSTA against loops over positions."""

import torch

from videoreid.models.layers.pyramid_attention import PyramidFusion

C, H, W = 32, 3, 2
P = H * W


def slow_relations(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return (2P, h, w): how each position of this frame relates to every position of the other, both ways."""
    gamma_this, beta_this = first
    gamma_other, beta_other = second
    relation = torch.zeros(2 * P, P)
    for i in range(P):  # position in this frame
        for j in range(P):  # position in the other
            relation[j, i] = gamma_this[:, i] @ beta_other[:, j]
            relation[P + j, i] = gamma_other[:, j] @ beta_this[:, i]
    return relation.view(2 * P, H, W)


def slow_pair(module: PyramidFusion, pair: torch.Tensor) -> torch.Tensor:
    tra, sra = module.temporal, module.spatial
    embedded = [module.embed(frame[None]) for frame in pair]
    vectors = [frame.mean((1, 2)) for frame in pair]
    gammas = [(tra.gamma(f[None])[0].flatten(1), tra.beta(f[None])[0].flatten(1)) for f in pair]
    thetas = [tra.theta(v[None, :, None])[..., 0] for v in vectors]
    reference, appearance = torch.zeros(C, H, W), torch.zeros(C, H, W)
    for a, b in ((0, 1), (1, 0)):
        related = tra.relate(slow_relations(gammas[a], gammas[b])[None])
        both = tra.pair(torch.cat([embedded[a], embedded[b]], 1))
        spatial = tra.position(torch.cat([both, related], 1))[0]
        channel = tra.channel(torch.cat([thetas[a], thetas[b]], 1))[0][:, None, None]
        reference = reference + channel * spatial * pair[a]
        alpha, delta = sra.alpha(pair[a][None])[0].flatten(1), sra.delta(pair[a][None])[0].flatten(1)
        inside = torch.zeros(2 * P, P)
        for i in range(P):
            for j in range(P):
                inside[j, i] = alpha[:, i] @ delta[:, j]
                inside[P + j, i] = alpha[:, j] @ delta[:, i]
        own = sra.relate(inside.view(1, 2 * P, H, W))
        weight = sra.position(torch.cat([embedded[a], own], 1))[0]
        appearance = appearance + sra.channel(vectors[a][None])[0][:, None, None] * weight * pair[a]
    return module.mix((reference.relu() ** 2 + appearance.relu())[None])[0]


def test_fusion_by_loops() -> None:
    torch.manual_seed(0)
    module = PyramidFusion(C, P).eval()
    maps = torch.rand(2, 4, C, H, W)
    with torch.inference_mode():
        fused = module(maps)
        assert fused.shape == (2, 2, C, H, W)
        for b in range(2):
            for pair in range(2):
                expected = slow_pair(module, maps[b, 2 * pair : 2 * pair + 2])
                assert torch.allclose(fused[b, pair], expected, rtol=1e-3, atol=1e-4)


def test_an_odd_frame_is_paired_with_itself() -> None:
    module = PyramidFusion(C, P).eval()
    maps = torch.rand(1, 3, C, H, W)
    with torch.inference_mode():
        fused = module(maps)
        assert fused.shape[1] == 2
        assert torch.allclose(fused[:, 1], module(maps[:, [2, 2]])[:, 0], atol=1e-5)
