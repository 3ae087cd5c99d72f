"""The walk cycle: joints of the body over time, in the walker's own frame."""

from dataclasses import dataclass

import numpy as np

from videoreid.synthetic_world.people import Body, Gait

__all__ = ["Skeleton", "walk"]


@dataclass(frozen=True)
class Skeleton:
    """Joints over F frames, each ``(F, 3)`` float64: to the person's left, forward, up, in body heights.

    Args:
        joints: "neck", "head", "pelvis", "chest", and for each of "left" and "right": "hip", "knee", "ankle",
            "heel", "toe", "shoulder", "elbow", "wrist", "hand" as ``"left_knee"`` and so on.
    """

    joints: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.joints[name]


def walk(body: Body, gait: Gait, phase: np.ndarray, motion: float = 1.0) -> Skeleton:
    """Return the skeleton at each phase of the walk cycle.

    Hip and shoulder swing as sines in opposite phase, the knee bends while its leg swings forward, and the lower foot
    stays on the ground, which moves the pelvis up and down.

    Args:
        body: proportions.
        gait: the person's way of walking.
        phase: ``(F,)`` radians; one cycle is two steps.
        motion: 0 for standing, 1 for a full walk.
    """
    count = len(phase)
    pelvis = np.zeros((count, 3))
    joints: dict[str, np.ndarray] = {}
    for side, sign, offset in (("left", 1.0, 0.0), ("right", -1.0, np.pi)):
        joints |= _leg(side, sign, body, gait, phase + offset, motion)
    lowest = np.minimum(
        np.minimum(joints["left_heel"][:, 2], joints["left_toe"][:, 2]),
        np.minimum(joints["right_heel"][:, 2], joints["right_toe"][:, 2]),
    )
    for name, joint in joints.items():
        joints[name] = joint - np.stack([0 * lowest, 0 * lowest, lowest], axis=1)
    pelvis[:, 2] = -lowest
    joints["pelvis"] = pelvis
    torso = 0.297 / (0.5 + 0.5 * body.legs)
    lean = gait.lean * motion
    joints["chest"] = _raise(pelvis, lean, 0.62 * torso)
    joints["neck"] = _raise(pelvis, lean, torso)
    joints["head"] = _raise(pelvis, 0.8 * lean, torso + 0.105)
    for side, sign, offset in (("left", 1.0, np.pi), ("right", -1.0, 0.0)):
        joints |= _arm(side, sign, body, gait, joints["neck"], phase + offset, motion)
    return Skeleton(joints)


def _raise(base: np.ndarray, lean: float, length: float) -> np.ndarray:
    return base + np.array([0.0, length * np.sin(lean), length * np.cos(lean)])


def _leg(
    side: str, sign: float, body: Body, gait: Gait, phase: np.ndarray, motion: float
) -> dict[str, np.ndarray]:
    thigh, shin, foot = 0.245 * body.legs, 0.235 * body.legs, 0.105
    hip = gait.leg_swing * motion * np.sin(phase) + 0.05
    bend = 0.5 + 0.5 * np.cos(phase + 0.25)
    knee = 0.10 + 0.95 * motion * bend * bend * bend
    start = np.zeros((len(phase), 3))
    start[:, 0] = sign * 0.050 * body.hips
    mid = start + _swing(hip, thigh, sign * 0.01)
    ankle = mid + _swing(hip - knee, shin, -sign * 0.012)
    tilt = np.where(hip - knee < 0, 0.85 * (hip - knee), 0.7 * (hip - knee))
    heel, toe = (ankle + _turn(ahead, -0.030, tilt) for ahead in (-0.028, foot))
    toe[:, 0] += sign * 0.018
    points = {"hip": start, "knee": mid, "ankle": ankle, "heel": heel, "toe": toe}
    return {f"{side}_{name}": point for name, point in points.items()}


def _arm(
    side: str, sign: float, body: Body, gait: Gait, neck: np.ndarray, phase: np.ndarray, motion: float
) -> dict[str, np.ndarray]:
    swing = gait.arm_swing * motion * np.sin(phase) + 0.02
    elbow = gait.elbow + 0.5 * motion * np.maximum(0.0, swing)
    shoulder = neck + np.array([sign * 0.094 * body.shoulders, 0.0, -0.032])
    mid = shoulder + _swing(swing, 0.165, sign * (0.018 + 0.025 * max(0.0, body.girth - 1.0)))
    wrist = mid + _swing(swing + elbow, 0.135, sign * 0.004)
    hand = wrist + _swing(swing + elbow, 0.05, 0.0)
    points = {"shoulder": shoulder, "elbow": mid, "wrist": wrist, "hand": hand}
    return {f"{side}_{name}": point for name, point in points.items()}


def _turn(ahead: float, up: float, angle: np.ndarray) -> np.ndarray:
    """Return a vector of the foot, with its tip turned up by ``angle``."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([0 * angle, ahead * cos - up * sin, ahead * sin + up * cos], axis=1)


def _swing(angle: np.ndarray, length: float, sideways: float) -> np.ndarray:
    """Return the vector of a hanging limb that is swung forward by ``angle``."""
    return np.stack([sideways + 0 * angle, length * np.sin(angle), -length * np.cos(angle)], axis=1)
