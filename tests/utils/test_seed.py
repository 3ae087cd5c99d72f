import random

import numpy as np
import torch

from videoreid.utils import generator_from, seed_everything


def test_a_stream_names_its_draw() -> None:
    first = generator_from(0, 3, 14).random(4)
    assert np.array_equal(first, generator_from(0, 3, 14).random(4))
    others = [
        generator_from(*key).random(4) for key in ((0, 3, 15), (0, 14, 3), (1, 3, 14), (0, 3), (-1, 3, 14))
    ]
    assert all(not np.array_equal(first, other) for other in others)


def test_every_global_generator_is_seeded() -> None:
    draws = []
    for _ in range(2):
        seed_everything(5)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert draws[0] == draws[1]
