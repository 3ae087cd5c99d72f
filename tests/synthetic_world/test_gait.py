"""The walk: bones keep their length, a foot is on the ground, a cycle is a cycle."""

import numpy as np
import pytest

from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.gait import walk
from videoreid.synthetic_world.people import sample_person

PEOPLE = [sample_person(Draws(5, number)) for number in range(12)]
BONES = [("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"), ("ankle", "toe")]


@pytest.mark.parametrize("person", PEOPLE)
def test_bones_keep_their_length_and_a_foot_is_on_the_ground(person) -> None:
    skeleton = walk(person.body, person.gait, np.linspace(0, 2 * np.pi, 40))
    for side in ("left", "right"):
        for start, end in BONES:
            lengths = np.linalg.norm(skeleton[f"{side}_{end}"] - skeleton[f"{side}_{start}"], axis=1)
            assert np.ptp(lengths) < 2e-3, (side, start)
    feet = [skeleton[f"{side}_{part}"][:, 2] for side in ("left", "right") for part in ("heel", "toe")]
    np.testing.assert_allclose(np.min(feet, axis=0), 0.0, atol=1e-12)
    assert (skeleton["head"][:, 2] > skeleton["neck"][:, 2]).all()
    assert (skeleton["neck"][:, 2] > skeleton["pelvis"][:, 2]).all()


def test_a_cycle_repeats_and_half_a_cycle_swaps_the_sides() -> None:
    person = PEOPLE[0]
    phase = np.linspace(0, 2 * np.pi, 9)
    here = walk(person.body, person.gait, phase)
    later = walk(person.body, person.gait, phase + 2 * np.pi)
    half = walk(person.body, person.gait, phase + np.pi)
    for joint in ("knee", "ankle", "toe", "elbow", "hand"):
        np.testing.assert_allclose(here[f"left_{joint}"], later[f"left_{joint}"], atol=1e-9)
        mirrored = half[f"right_{joint}"] * np.array([-1.0, 1.0, 1.0])
        np.testing.assert_allclose(here[f"left_{joint}"], mirrored, atol=1e-9)


def test_arms_swing_against_the_legs_and_knees_never_bend_forward() -> None:
    person = PEOPLE[1]
    skeleton = walk(person.body, person.gait, np.linspace(0, 2 * np.pi, 60))
    leg = skeleton["left_ankle"][:, 1] - skeleton["left_hip"][:, 1]
    arm = skeleton["left_elbow"][:, 1] - skeleton["left_shoulder"][:, 1]
    assert np.corrcoef(leg, arm)[0, 1] < -0.5
    thigh = skeleton["left_knee"] - skeleton["left_hip"]
    shin = skeleton["left_ankle"] - skeleton["left_knee"]
    bend = (
        thigh[:, 1] * shin[:, 2] - thigh[:, 2] * shin[:, 1]
    )  # of the sagittal plane, positive where it bends back
    assert (bend < 0).all() or (bend > 0).all()


def test_who_stands_does_not_move() -> None:
    person = PEOPLE[2]
    skeleton = walk(person.body, person.gait, np.linspace(0, 2 * np.pi, 5), motion=0.0)
    for joint in skeleton.joints.values():
        assert np.ptp(joint, axis=0).max() < 1e-12
