"""Shapes of head, hair, hats and bags."""

import numpy as np

from videoreid.synthetic_world.labels import Part
from videoreid.synthetic_world.people import Colour
from videoreid.synthetic_world.shapes import Shape, capsule, disc, outline
from videoreid.synthetic_world.wardrobe import Figure

__all__ = ["bags", "head"]


def head(figure: Figure) -> list[Shape]:
    """Return neck, skull, face, hair, hat, sunglasses and scarf."""
    body, outfit = figure.person.body, figure.person.outfit
    layer = np.zeros(len(figure.view.yaw))
    centre = figure.at["head"]
    wide, tall = figure.size(0.052 * body.head), figure.size(0.068 * body.head)
    neck = capsule(figure.at["neck"], centre, figure.size(0.030), figure.size(0.028))
    bald = body.hair_style == "bald"
    cover = body.skin if bald else body.hair
    label = Part.FACE if bald else Part.HAIR
    shapes = [
        Shape(Part.FACE, neck, layer + 1.02, body.skin),
        Shape(label, disc(centre, wide, tall), layer + 3.0, cover),
        *_hair(figure, centre, wide, tall),
        *_face(figure, centre, wide, tall),
    ]
    if outfit.hat is not None:
        shapes += _hat(figure, centre, wide, tall)
    if outfit.scarf is not None:
        low = figure.at["neck"] + 0.10 * (figure.at["pelvis"] - figure.at["neck"])
        ring = disc(figure.at["neck"], figure.size(0.056), figure.size(0.026))
        tail = capsule(figure.at["neck"], low + 2 * (low - figure.at["neck"]), *2 * (figure.size(0.022),))
        front = np.cos(figure.view.yaw) > 0.1
        shapes.append(Shape(Part.SCARF, ring, layer + 1.7, outfit.scarf))
        shapes.append(Shape(Part.SCARF, tail, layer + 1.65, outfit.scarf, visible=front))
    return shapes


def _face(figure: Figure, centre: np.ndarray, wide: np.ndarray, tall: np.ndarray) -> list[Shape]:
    """Return the face: an ellipse that moves to the side the head is turned to and becomes narrower."""
    body, outfit, yaw = figure.person.body, figure.person.outfit, figure.view.yaw
    layer = np.zeros(len(yaw))
    facing = np.cos(yaw)
    seen = facing > -0.5
    half = wide * 0.90 * (0.58 + 0.42 * np.maximum(facing, -0.5))
    middle = centre + np.stack([np.sin(yaw) * (0.97 * wide - half), 0.20 * tall], axis=1)
    shapes = [Shape(Part.FACE, disc(middle, half, 0.80 * tall), layer + 3.1, body.skin, visible=seen)]
    if body.beard:
        chin = middle + np.stack([0 * tall, 0.48 * tall], axis=1)
        beard = disc(chin, 0.80 * half, 0.32 * tall)
        shapes.append(Shape(Part.FACE, beard, layer + 3.12, body.hair, visible=seen))
    brow = middle - np.stack([0 * tall, 0.12 * tall], axis=1)
    if outfit.sunglasses:
        bar = disc(brow, 0.92 * half, 0.17 * tall)
        shapes.append(Shape(Part.SUNGLASSES, bar, layer + 3.2, (24, 24, 28), visible=seen))
        return shapes
    for sign in (-1.0, 1.0):
        shift = np.clip(np.sin(yaw) * 0.55 + sign * 0.42 * facing, -0.75, 0.75) * half
        eye = disc(brow + np.stack([shift, 0 * shift], axis=1), 0.11 * wide, 0.07 * tall)
        visible = facing + sign * -0.4 * np.sin(yaw) > 0.05
        shapes.append(Shape(Part.FACE, eye, layer + 3.15, (40, 32, 30), visible=visible))
    return shapes


def _hair(figure: Figure, centre: np.ndarray, wide: np.ndarray, tall: np.ndarray) -> list[Shape]:
    body, yaw = figure.person.body, figure.view.yaw
    layer, behind = np.zeros(len(yaw)), np.cos(yaw) < 0
    backwards = -np.sin(yaw)
    if body.hair_style in ("long", "bob"):
        drop = 2.0 if body.hair_style == "long" else 1.15
        axis = centre + np.stack([0.35 * wide * backwards, 0 * tall], axis=1)
        half = wide * (1.08 - 0.25 * np.abs(backwards))
        levels = [
            (axis[:, 1] + step * tall, axis[:, 0] - scale * half, axis[:, 0] + scale * half)
            for step, scale in ((-0.4, 0.9), (0.4, 1.08), (drop, 1.0))
        ]
        order = np.where(behind, 3.05, -0.3)
        order = np.where(np.abs(np.cos(yaw)) < 0.7, np.where(behind, 3.05, 2.95), order)
        return [Shape(Part.HAIR, outline(levels), order, body.hair)]
    if body.hair_style == "bun":
        knot = centre + np.stack([0.75 * wide * backwards, -0.75 * tall], axis=1)
        return [Shape(Part.HAIR, disc(knot, 0.5 * wide, 0.4 * tall), layer + 2.9, body.hair)]
    if body.hair_style == "ponytail":
        root = centre + np.stack([0.9 * wide * backwards, -0.2 * tall], axis=1)
        tip = root + np.stack([0.7 * wide * backwards, 1.5 * tall], axis=1)
        tail = capsule(root, tip, 0.36 * wide, 0.22 * wide)
        return [Shape(Part.HAIR, tail, np.where(behind, 3.05, 0.3), body.hair)]
    if body.hair_style == "curly":
        crown = centre - np.stack([-0.15 * wide * backwards, 0.12 * tall], axis=1)
        return [Shape(Part.HAIR, disc(crown, 1.28 * wide, 1.12 * tall), layer + 2.98, body.hair)]
    return []


def _hat(figure: Figure, centre: np.ndarray, wide: np.ndarray, tall: np.ndarray) -> list[Shape]:
    outfit, yaw = figure.person.outfit, figure.view.yaw
    layer = np.zeros(len(yaw))
    high, low, reach = {
        "cap": (1.08, -0.30, 1.08),
        "beanie": (1.22, -0.18, 1.12),
        "brim": (1.2, -0.34, 1.06),
    }[str(outfit.hat)]
    x, y = centre[:, 0], centre[:, 1]
    levels = [
        (y + level * tall, x - scale * wide, x + scale * wide)
        for level, scale in ((-high, 0.5 * reach), (-high + 0.25, 0.86 * reach), (low, reach))
    ]
    shapes = [Shape(Part.HAT, outline(levels), layer + 3.4, outfit.hat_colour)]
    edge = centre + np.stack([0 * tall, low * tall], axis=1)
    if outfit.hat == "brim":
        shapes.append(Shape(Part.HAT, disc(edge, 1.75 * wide, 0.2 * tall), layer + 3.45, outfit.hat_colour))
    if outfit.hat == "cap":
        peak = edge + np.stack([0.95 * wide * np.sin(yaw), 0.05 * tall], axis=1)
        front = np.cos(yaw) > -0.6
        across = wide * (0.55 + 0.35 * np.abs(np.cos(yaw)))
        shapes.append(
            Shape(Part.HAT, disc(peak, across, 0.15 * tall), layer + 3.45, outfit.hat_colour, visible=front)
        )
    return shapes


def bags(figure: Figure) -> list[Shape]:
    """Return backpack, shoulder bag or handbag; they are background, because LIP has no class for them."""
    kind, colour = figure.person.outfit.bag, figure.person.outfit.bag_colour
    if kind == "backpack":
        return _backpack(figure, colour)
    if kind == "shoulder":
        return _shoulder_bag(figure, colour)
    if kind == "hand":
        grip = figure.at["right_hand"]
        order = figure.arm_order("right") + 0.02
        below = grip + np.stack([0 * grip[:, 0], figure.size(0.075)], axis=1)
        half = figure.view.half_width(0.022, 0.055)
        strap = capsule(grip, below, figure.size(0.006), figure.size(0.006))
        bag = capsule(below, below + np.stack([0 * half, figure.size(0.05)], axis=1), 0.8 * half, half)
        return [
            Shape(Part.BACKGROUND, strap, order, colour),
            Shape(Part.BACKGROUND, bag, order + 0.001, colour),
        ]
    return []


def _backpack(figure: Figure, colour: Colour) -> list[Shape]:
    yaw = figure.view.yaw
    back = np.array([0.0, -0.105, 0.0])
    top = figure.view.project(figure.skeleton["neck"] + back + np.array([0.0, 0.0, -0.025]))
    low = figure.view.project(figure.skeleton["pelvis"] + back + np.array([0.0, 0.0, 0.075]))
    half = figure.view.half_width(0.075, 0.045)
    levels = [
        (top[:, 1], top[:, 0] - 0.7 * half, top[:, 0] + 0.7 * half),
        (0.8 * top[:, 1] + 0.2 * low[:, 1], top[:, 0] - half, top[:, 0] + half),
        (low[:, 1], low[:, 0] - half, low[:, 0] + half),
    ]
    order = np.where(np.cos(yaw) < 0.15, 1.5, -0.4)
    shapes = [Shape(Part.BACKGROUND, outline(levels), order, colour)]
    pocket = 0.35 * top + 0.65 * low
    darker = (colour[0] * 3 // 4, colour[1] * 3 // 4, colour[2] * 3 // 4)
    patch = disc(pocket, 0.7 * half, figure.size(0.035))
    shapes.append(Shape(Part.BACKGROUND, patch, order + 0.01, darker, visible=np.cos(yaw) < 0.15))
    for sign in (-1.0, 1.0):
        forward = np.array([sign * 0.062, 0.062, 0.0])
        upper = figure.view.project(figure.skeleton["neck"] + forward + np.array([0.0, -0.03, -0.012]))
        under = figure.view.project(figure.skeleton["chest"] + forward + np.array([0.0, 0.0, 0.02]))
        strap = capsule(upper, under, figure.size(0.011), figure.size(0.010))
        front = np.cos(yaw) - sign * np.sin(yaw) * 0.8 > 0.15
        shapes.append(Shape(Part.BACKGROUND, strap, 0 * yaw + 1.5, colour, visible=front))
    return shapes


def _shoulder_bag(figure: Figure, colour: Colour) -> list[Shape]:
    yaw = figure.view.yaw
    hip = figure.skeleton["pelvis"] + np.array([0.115, -0.01, 0.02])
    spot = figure.view.project(hip)
    half = figure.view.half_width(0.028, 0.062)
    order = np.where(figure.view.nearness(hip) > -0.06, 1.8, -0.6)
    bag = capsule(spot, spot + np.stack([0 * half, figure.size(0.04)], axis=1), half, half)
    strap = capsule(figure.at["right_shoulder"], spot, figure.size(0.009), figure.size(0.009))
    return [
        Shape(Part.BACKGROUND, strap, np.where(np.abs(np.cos(yaw)) > 0.2, 1.45, 0.8), colour),
        Shape(Part.BACKGROUND, bag, order, colour),
    ]
