"""The batch-normalisation neck between an embedding and its classifier."""

from torch import nn

__all__ = ["bn_neck", "identity_classifier"]


def bn_neck(dim: int) -> nn.BatchNorm1d:
    """Build a BN neck: weight 1, and a bias that stays 0 by design.

    The fixed bias keeps the features centred at the origin, as a bias-free classifier and the cosine distance assume.

    Args:
        dim: width of the embedding.

    Reference:
        Luo et al., Bag of Tricks and a Strong Baseline for Deep Person Re-identification, CVPRW 2019.
    """
    neck = nn.BatchNorm1d(dim)
    neck.bias.requires_grad = False
    # read by videoreid.models.freezing; on the module, because a copied parameter loses its attributes
    neck.fixed_by_design = ("bias",)  # type: ignore[assignment]
    return neck


def identity_classifier(dim: int, num_classes: int, *, bias: bool) -> nn.Linear:
    """Build a classifier whose logits start near zero: weight ~ N(0, 0.001), bias 0.

    Args:
        dim: width of the embedding.
        num_classes: number of training identities K.
        bias: give the classifier a bias; False after a neck with a fixed bias.
    """
    classifier = nn.Linear(dim, num_classes, bias=bias)
    nn.init.normal_(classifier.weight, std=0.001)
    if bias:
        nn.init.zeros_(classifier.bias)
    return classifier
