"""Attributes that make a crop hard to recognise, from its pixels: occlusion, people, resolution, light, clothes."""

from collections.abc import Sequence

import numpy as np

from videoreid.analysis.crowding import occlusion_and_people
from videoreid.analysis.figure_ground import foreground, normalised_colours
from videoreid.analysis.images import Images, as_images, luminance, shrink
from videoreid.analysis.light import clothing_darkness, scene_light
from videoreid.analysis.part_labels import PartMaps, part_occlusion, part_people, resize_masks
from videoreid.analysis.sharpness import edge_widths, effective_height
from videoreid.errors import ConfigError
from videoreid.parsing import LabelTable

__all__ = ["ATTRIBUTES", "frame_attributes", "motion_blur"]

ATTRIBUTES = ("occlusion", "people", "resolution", "light", "clothing_darkness")
_LEAST = 16  # least height in pixels, and half of it the least width, at which shapes are measured
_LEAST_CONTRAST = 4.0  # grey levels between the 5th and the 95th percentile
_SURE = 0.6


def frame_attributes(
    images: Images,
    *,
    label_maps: Sequence[np.ndarray] | None = None,
    table: LabelTable | None = None,
) -> dict[str, np.ndarray]:
    """Measure attributes that make crops of people hard to recognise.

    By default only pixels are used; with part labels, occlusion, people and clothes are measured from the labels. A
    value is NaN if it cannot be measured: occlusion, people, resolution and clothes of a picture without contrast, and
    occlusion, people and clothes below 16 x 8 pixels. docs/error_analysis.md reports the agreement with the truth.

    Args:
        images: an array ``(N, H, W, 3)``, a tensor ``(N, 3, H, W)``, or a sequence of arrays ``(H, W, 3)`` of any
            sizes; uint8 RGB, as stored: resolution cannot be measured on crops that were scaled down later.
        label_maps: N part maps of ``table``, of any sizes (`videoreid parse` writes them).
        table: the classes of the maps.

    Returns:
        Arrays ``(N,)`` float64 by name. ``occlusion``: estimated hidden share of the person, 0..1. ``people``: visible
        area of other people divided by that of the person, 0 if alone. ``resolution``: height in pixels that the
        detail needs, at most the stored height. ``light``: grey level of the surroundings, 0..1.
        ``clothing_darkness``: of the clothes in full light, 0 (white) to 1 (black).

    Raises:
        ConfigError: another shape or type, label maps without a table, or not one map per picture.
    """
    found = as_images(images)
    maps = _checked(found, label_maps, table)
    if not found:
        return {name: np.empty(0) for name in ATTRIBUTES}
    small = shrink(found)
    colours = normalised_colours(small)
    figure = foreground(colours)
    if maps is None:
        occlusion, people = occlusion_and_people(colours, figure)
        background, clothes = None, _trunk(figure)
    else:
        occlusion, people = part_occlusion(maps), part_people(maps)
        background, clothes = resize_masks(maps.background), resize_masks(maps.clothes)
    light = scene_light(small, background)
    dark = clothing_darkness(small, light)
    known = clothing_darkness(small, light, clothes)
    values = {
        "occlusion": occlusion,
        "people": people,
        "resolution": np.array([effective_height(image) for image in found]),
        "light": light,
        "clothing_darkness": np.where(np.isnan(known), dark, known) if maps is None else known,
    }
    return _masked(values, found, small)


def motion_blur(images: Images) -> np.ndarray:
    """Return the natural log of the ratio of edge widths in the two directions, 0 or more.

    Low resolution widens all edges, motion only the edges across it.

    Args:
        images: as for `frame_attributes`.

    Returns:
        ``(N,)`` float64; NaN where a picture has too few edges.
    """
    widths = np.array([edge_widths(image) if min(image.shape[:2]) >= _LEAST else (np.nan,) * 2
                       for image in as_images(images)]).reshape(-1, 2)  # fmt: skip
    return np.asarray(np.abs(np.log(widths[:, 0] / widths[:, 1])))


def _checked(
    images: list[np.ndarray], label_maps: Sequence[np.ndarray] | None, table: LabelTable | None
) -> PartMaps | None:
    if label_maps is None:
        return None
    if table is None or len(label_maps) != len(images):
        raise ConfigError(
            f"label maps need their table, and one map per picture: got {len(label_maps)} for {len(images)} pictures"
        )
    return PartMaps.of(label_maps, table)


def _trunk(figure: np.ndarray) -> np.ndarray:
    """Return a mask of pixels that are certainly clothes: foreground in the middle of the box, below the head."""
    mask = np.zeros(figure.shape, dtype=bool)
    middle = (slice(None), slice(10, 37), slice(7, 17))
    mask[middle] = figure[middle] > _SURE
    mask[mask.sum(axis=(1, 2)) < 20] = False
    return mask


def _masked(
    values: dict[str, np.ndarray], images: list[np.ndarray], small: np.ndarray
) -> dict[str, np.ndarray]:
    low, high = np.percentile(luminance(small), (5, 95), axis=(1, 2))
    flat = high - low < _LEAST_CONTRAST
    tiny = np.array([image.shape[0] < _LEAST or image.shape[1] < _LEAST // 2 for image in images])
    unknown = {
        "occlusion": flat | tiny,
        "people": flat | tiny,
        "resolution": flat,
        "clothing_darkness": flat | tiny,
    }
    return {
        name: np.where(unknown[name], np.nan, value) if name in unknown else value
        for name, value in values.items()
    }
