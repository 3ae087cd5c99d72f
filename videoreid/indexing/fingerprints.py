"""Fingerprints of models and recordings."""

import functools
import hashlib
import json
import os
from pathlib import Path

import torch

from videoreid.data.image_sequences import image_sequence, is_image_sequence
from videoreid.errors import FrameError
from videoreid.models import ReIDModel
from videoreid.models.options import embedding_options
from videoreid.utils import sha256_of

__all__ = ["file_digest", "model_fingerprint"]


def model_fingerprint(model: ReIDModel) -> str:
    """Return the class of a network and 16 digits of a SHA-256 of everything that its embeddings depend on.

    These are all tensors except the classifier's, the input size, the normalisation and the options that are not the
    default: the same weights from another file have the same fingerprint. A network without tensors, an exported file,
    has the checksum of its weights instead (``weights_sha256``).

    Args:
        model: the network with its weights.
    """
    digest = hashlib.sha256(repr((model.input_size, model.pixel_mean, model.pixel_std)).encode())
    for name, tensor in sorted(model.state_dict().items()):
        if "classifier" in name or name.endswith("num_batches_tracked"):
            continue
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    digest.update(str(getattr(model, "weights_sha256", "")).encode())
    if options := embedding_options(model.build_arguments):
        digest.update(json.dumps(options, sort_keys=True, default=str).encode())
    return f"{type(model).__name__}:{digest.hexdigest()[:16]}"


def file_digest(video: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a recording; for a folder or pattern of images, one over all images in order.

    Raises:
        FrameError: the recording does not exist.
    """
    text = os.fspath(video)
    if is_image_sequence(text):
        joined = "".join(sha256_of(path) for _, path in image_sequence(text))
        return hashlib.sha256(joined.encode()).hexdigest()
    if not Path(text).is_file():
        raise FrameError(f"no video {text}")
    status = Path(text).stat()
    return _digest(text, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1024)  # the digest is needed twice, but a long recording is read once
def _digest(path: str, _size: int, _changed: int) -> str:
    return sha256_of(path)
