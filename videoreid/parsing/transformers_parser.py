"""Parsers from segmentation models of the transformers library; needs the [parsing] extra."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from videoreid.errors import MissingExtraError, WeightsError
from videoreid.parsing.parsers import CallableParser
from videoreid.parsing.tables import LabelTable, get_table

__all__ = ["transformers_parser"]


def transformers_parser(
    name: str,
    *,
    table: LabelTable | str | None = None,
    device: torch.device | str | None = None,
    **options: Any,
) -> CallableParser:
    """Load a segmentation model of transformers as a parser.

    Args:
        name: folder, or name on the model hub, for ``from_pretrained``.
        table: its classes; None uses the class names of the model, without swap pairs.
        device: device of the model; None keeps the default device.
        **options: passed to ``from_pretrained`` of model and processor (``revision``, ``local_files_only``).

    Raises:
        MissingExtraError: transformers is not installed.
        WeightsError: there is no such model, or it cannot be read.
        ConfigError: the class names of the model do not form a table.
    """
    try:
        from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation
    except ImportError as error:
        raise MissingExtraError("transformers", "parsing", "a parser of the model hub") from error
    try:
        processor = AutoImageProcessor.from_pretrained(name, **options)
        model = AutoModelForSemanticSegmentation.from_pretrained(name, **options).eval()
    except (OSError, ValueError) as error:
        raise WeightsError(f"transformers cannot load {name!r} for segmentation: {error}") from error
    if device is not None:
        model.to(device)
    if table is None:
        names = tuple(str(model.config.id2label[number]) for number in range(model.config.num_labels))
        table = LabelTable(name, names)

    @torch.inference_mode()
    def label(images: Sequence[np.ndarray]) -> list[np.ndarray]:
        inputs = processor(images=list(images), return_tensors="pt").to(model.device)
        sizes = [image.shape[:2] for image in images]
        maps = processor.post_process_semantic_segmentation(model(**inputs), target_sizes=sizes)
        return [labels.cpu().numpy() for labels in maps]

    return CallableParser(label, get_table(table), f"transformers {name}")
