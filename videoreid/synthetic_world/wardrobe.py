"""A dressed walker as a list of shapes: trunk, arms and legs; `accessories` adds head and carried things."""

import numpy as np

from videoreid.synthetic_world.gait import Skeleton
from videoreid.synthetic_world.labels import Part
from videoreid.synthetic_world.people import Garment, Person
from videoreid.synthetic_world.shapes import Cloth, Shape, View, capsule, outline
from videoreid.synthetic_world.textures import garment_tile

__all__ = ["Figure", "clothes"]

_UPPER = {"shirt": Part.UPPER_CLOTHES, "dress": Part.DRESS, "jumpsuit": Part.JUMPSUITS, "coat": Part.COAT}
_ARM = {"left": Part.LEFT_ARM, "right": Part.RIGHT_ARM}
_LEG = {"left": Part.LEFT_LEG, "right": Part.RIGHT_LEG}
_SHOE = {"left": Part.LEFT_SHOE, "right": Part.RIGHT_SHOE}

# Levels of the trunk: fraction of the distance from neck to pelvis, half width and half depth in body heights.
_TRUNK = (
    (-0.02, 0.040, 0.040),
    (0.03, 0.078, 0.052),
    (0.10, 0.104, 0.060),
    (0.38, 0.092, 0.066),
    (0.66, 0.079, 0.062),
    (0.92, 0.088, 0.068),
    (1.06, 0.088, 0.068),
)


class Figure:
    """A walking person on the canvas: joints and radii in pixels.

    Args:
        person: the person.
        skeleton: joints over F frames.
        view: position and direction of view.
    """

    def __init__(self, person: Person, skeleton: Skeleton, view: View) -> None:
        self.person = person
        self.skeleton = skeleton
        self.view = view
        self.at = {name: view.project(joint) for name, joint in skeleton.joints.items()}
        self.near = {name: view.nearness(joint) for name, joint in skeleton.joints.items()}

    def size(self, length: float) -> np.ndarray:
        """Return a length in body heights as ``(F,)`` pixels."""
        return length * self.view.scale

    def limb(self, start: str, end: str, radii: tuple[float, float], cut: float = 1.0) -> np.ndarray:
        """Return the outline ``(F, 12, 2)`` of a limb, or of its first part up to ``cut``."""
        stop = self.at[start] + cut * (self.at[end] - self.at[start])
        taper = radii[0] + cut * (radii[1] - radii[0])
        return capsule(self.at[start], stop, self.size(radii[0]), self.size(taper))

    def hang(self, garment: Garment, start: str, end: str, radius: float) -> Cloth | None:
        """Return the garment's texture along a limb; None for a plain garment."""
        half = np.stack([self.size(radius), self.size(radius)], axis=1)
        return self.wrap(garment, self.at[start], self.at[end], half)

    def wrap(self, garment: Garment, top: np.ndarray, bottom: np.ndarray, half: np.ndarray) -> Cloth | None:
        """Return the garment's texture around a tube ``(F, 2)``, see `Cloth`; None for a plain garment."""
        if garment.pattern == "plain":
            return None
        return Cloth(garment_tile(garment), top, bottom, half, self.view.yaw)

    def arm_order(self, side: str) -> np.ndarray:
        """Return the drawing order ``(F,)``: above the trunk if the arm is nearer, otherwise below the legs."""
        near = 0.5 * (self.near[f"{side}_elbow"] + self.near[f"{side}_hand"])
        return np.where(near > -0.035, 2.0 + 0.5 * near, -0.5 + 0.5 * near)


def clothes(figure: Figure) -> list[Shape]:
    """Return the shapes of legs, trunk and arms with their clothes."""
    outfit = figure.person.outfit
    shapes: list[Shape] = []
    one_piece = outfit.upper.kind in ("dress", "jumpsuit")
    lower = outfit.upper if one_piece else outfit.lower
    for side in ("left", "right"):
        shapes += _leg(figure, side, lower)
        shapes += _arm(figure, side)
    if lower.kind in ("pants", "shorts", "jumpsuit"):
        label = Part.JUMPSUITS if lower.kind == "jumpsuit" else Part.PANTS
        shapes.append(_trunk(figure, lower, label, first=4, order=0.5, swell=1.02))
    shapes.append(_trunk(figure, outfit.upper, _UPPER[outfit.upper.kind], first=0, order=1.0, swell=1.0))
    if lower.kind in ("skirt", "dress"):
        label = Part.SKIRT if lower.kind == "skirt" else Part.DRESS
        length = lower.length if lower.kind == "skirt" else 0.55 + 0.4 * (1.0 - lower.length)
        shapes.append(_skirt(figure, lower, label, length, order=1.1))
    if outfit.coat is not None:
        shapes.append(_trunk(figure, outfit.coat, Part.COAT, first=0, order=1.2, swell=1.09))
        shapes.append(_skirt(figure, outfit.coat, Part.COAT, outfit.coat.length, order=1.15))
        shapes.append(_opening(figure))
    return shapes


def _leg(figure: Figure, side: str, lower: Garment) -> list[Shape]:
    body = figure.person.body
    girth = 0.5 + 0.5 * body.girth
    order = 0.6 * figure.near[f"{side}_knee"]
    thigh, shin = (0.054 * girth, 0.037 * girth), (0.037 * girth, 0.023 * girth)
    skin = _LEG[side]
    shapes = [
        Shape(skin, figure.limb(f"{side}_hip", f"{side}_knee", thigh), order, body.skin),
        Shape(skin, figure.limb(f"{side}_knee", f"{side}_ankle", shin), order + 0.001, body.skin),
        *_foot(figure, side, order),
    ]
    covered = lower.length if lower.kind in ("pants", "shorts") else float(lower.kind == "jumpsuit")
    if covered <= 0.0:
        return shapes
    label = Part.JUMPSUITS if lower.kind == "jumpsuit" else Part.PANTS
    loose = 1.12
    on_thigh, on_shin = min(1.0, 2.0 * covered), 2.0 * covered - 1.0
    polygon = figure.limb(f"{side}_hip", f"{side}_knee", (thigh[0] * loose, thigh[1] * loose), on_thigh)
    cloth = figure.hang(lower, f"{side}_hip", f"{side}_knee", thigh[0])
    shapes.append(Shape(label, polygon, order + 0.01, lower.base, cloth))
    if on_shin > 0.0:
        widths = (shin[0] * loose, shin[1] * 1.35)
        polygon = figure.limb(f"{side}_knee", f"{side}_ankle", widths, on_shin)
        cloth = figure.hang(lower, f"{side}_knee", f"{side}_ankle", shin[0])
        shapes.append(Shape(label, polygon, order + 0.009, lower.base, cloth))
    return shapes


def _foot(figure: Figure, side: str, order: np.ndarray) -> list[Shape]:
    outfit = figure.person.outfit
    shapes = []
    if outfit.socks is not None:
        ankle, knee = figure.at[f"{side}_ankle"], figure.at[f"{side}_knee"]
        sock = capsule(ankle + 0.28 * (knee - ankle), ankle, figure.size(0.029), figure.size(0.025))
        shapes.append(Shape(Part.SOCKS, sock, order + 0.002, outfit.socks))
    if outfit.boots:
        ankle, knee = figure.at[f"{side}_ankle"], figure.at[f"{side}_knee"]
        shaft = capsule(ankle + 0.45 * (knee - ankle), ankle, figure.size(0.034), figure.size(0.028))
        shapes.append(Shape(_SHOE[side], shaft, order + 0.012, outfit.shoes))
    shoe = figure.limb(f"{side}_heel", f"{side}_toe", (0.026, 0.019))
    shapes.append(Shape(_SHOE[side], shoe, order + 0.003, outfit.shoes))
    return shapes


def _arm(figure: Figure, side: str) -> list[Shape]:
    body, outfit = figure.person.body, figure.person.outfit
    girth = 0.4 + 0.6 * body.girth
    upper, lower = (0.030 * girth, 0.026 * girth), (0.026 * girth, 0.018 * girth)
    order = figure.arm_order(side)
    shapes = [
        Shape(_ARM[side], figure.limb(f"{side}_shoulder", f"{side}_elbow", upper), order, body.skin),
        Shape(_ARM[side], figure.limb(f"{side}_elbow", f"{side}_wrist", lower), order + 0.002, body.skin),
    ]
    glove = outfit.gloves
    hand = figure.limb(f"{side}_wrist", f"{side}_hand", (0.018, 0.016))
    label = _ARM[side] if glove is None else Part.GLOVE
    shapes.append(Shape(label, hand, order + 0.003, body.skin if glove is None else glove))
    sleeve = outfit.upper if outfit.coat is None else outfit.coat
    length = sleeve.length if outfit.coat is None else 1.0
    loose = 1.15 if outfit.coat is None else 1.3
    if length <= 0.0:
        return shapes
    cut = min(1.0, 1.8 * length)
    polygon = figure.limb(f"{side}_shoulder", f"{side}_elbow", (upper[0] * loose, upper[1] * loose), cut)
    cloth = None
    if sleeve.pattern != "print":
        cloth = figure.hang(sleeve, f"{side}_shoulder", f"{side}_elbow", upper[0])
    shapes.append(Shape(_UPPER[sleeve.kind], polygon, order + 0.005, sleeve.base, cloth))
    if length > 0.6:
        cut = 0.35 if length < 0.9 else 1.0
        polygon = figure.limb(f"{side}_elbow", f"{side}_wrist", (lower[0] * loose, lower[1] * loose), cut)
        cloth = cloth and figure.hang(sleeve, f"{side}_elbow", f"{side}_wrist", lower[0])
        shapes.append(Shape(_UPPER[sleeve.kind], polygon, order + 0.004, sleeve.base, cloth))
    return shapes


def _levels(figure: Figure, first: int, swell: float) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    body = figure.person.body
    neck, pelvis = figure.at["neck"], figure.at["pelvis"]
    levels = []
    for index, (fraction, side, depth) in enumerate(_TRUNK):
        if index < first:
            continue
        wide = body.shoulders if fraction < 0.3 else body.girth if fraction < 0.8 else body.hips
        if fraction >= 0.3:
            wide *= 0.6 + 0.4 * body.girth
        half = figure.view.half_width(side * wide * swell, depth * body.girth * swell)
        centre = neck + fraction * (pelvis - neck)
        levels.append((centre[:, 1], centre[:, 0] - half, centre[:, 0] + half))
    return levels


def _trunk(figure: Figure, garment: Garment, label: Part, *, first: int, order: float, swell: float) -> Shape:
    levels = _levels(figure, first, swell)
    half = figure.view.half_width(0.098 * swell, 0.066 * figure.person.body.girth * swell)
    hem = figure.at["neck"] + 1.06 * (figure.at["pelvis"] - figure.at["neck"])
    cloth = figure.wrap(garment, figure.at["neck"], hem, np.stack([half, half], axis=1))
    layer = np.full(len(half), order)
    return Shape(label, outline(levels), layer, garment.base, cloth)


def _skirt(figure: Figure, garment: Garment, label: Part, length: float, order: float) -> Shape:
    """Return a skirt that hangs from the waist and is pushed outwards by the legs."""
    waist, hips = _levels(figure, 4, 1.04)[:2]
    along = min(1.0, 1.35 * length)
    edges = []
    for side in ("left", "right"):
        hip, knee = figure.at[f"{side}_hip"], figure.at[f"{side}_knee"]
        edges.append(hip + along * (knee - hip))
    flare = figure.size(0.058 + 0.012 * garment.motif / 5.0)
    left = np.minimum(edges[0][:, 0], edges[1][:, 0]) - flare
    right = np.maximum(edges[0][:, 0], edges[1][:, 0]) + flare
    bottom = np.maximum(edges[0][:, 1], edges[1][:, 1]) + figure.size(0.02)
    hem = (bottom, np.minimum(left, hips[1]), np.maximum(right, hips[2]))
    middle = 0.5 * (waist[1] + waist[2])
    cloth = figure.wrap(
        garment,
        np.stack([middle, waist[0]], axis=1),
        np.stack([0.5 * (hem[1] + hem[2]), bottom], axis=1),
        np.stack([0.5 * (waist[2] - waist[1]), 0.5 * (hem[2] - hem[1])], axis=1),
    )
    return Shape(label, outline([waist, hips, hem]), np.full(len(bottom), order), garment.base, cloth)


def _opening(figure: Figure) -> Shape:
    """Return the part of the shirt that is visible in an open coat; it is invisible from behind."""
    upper = figure.person.outfit.upper
    yaw = figure.view.yaw
    levels = []
    for y, left, right in _levels(figure, 0, 1.0)[1:]:
        centre, half = 0.5 * (left + right), 0.5 * (right - left)
        edges = [centre + half * np.sin(np.clip(turn, -1.5, 1.5)) for turn in _front_turns(yaw)]
        levels.append((y, edges[0], edges[1]))
    half = figure.view.half_width(0.098, 0.066)
    below = figure.at["neck"] + 1.06 * (figure.at["pelvis"] - figure.at["neck"])
    spread = np.stack([half, half], axis=1)
    cloth = figure.wrap(upper, figure.at["neck"], below, spread)
    order = np.full(len(yaw), 1.25)
    return Shape(_UPPER[upper.kind], outline(levels), order, upper.base, cloth, visible=np.cos(yaw) > -0.1)


def _front_turns(yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    facing = np.arctan2(np.sin(yaw), np.cos(yaw))
    return facing - 0.42, facing + 0.42
