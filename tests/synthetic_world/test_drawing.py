"""Pixels and labels: they agree, follow the view, and are the same on every platform."""

import zlib

import numpy as np
import pytest

from videoreid.data.datasets.lip import LIP_CLASSES
from videoreid.synthetic_world.accessories import bags, head
from videoreid.synthetic_world.camera import shrink_labels
from videoreid.synthetic_world.drawing import CANVAS, Canvas, Drawing
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.gait import walk
from videoreid.synthetic_world.labels import Part
from videoreid.synthetic_world.people import Garment, sample_person
from videoreid.synthetic_world.population import WorldOptions, make_population
from videoreid.synthetic_world.shapes import View
from videoreid.synthetic_world.textures import AROUND, FRONT, garment_tile
from videoreid.synthetic_world.wardrobe import Figure, clothes

GREY = 150


def draw_person(number: int, yaws: list[float], pitch: float = 0.2) -> list[Canvas]:
    person = sample_person(Draws(11, number))
    count = len(yaws)
    skeleton = walk(person.body, person.gait, 0.7 * np.arange(count))
    feet = np.tile([CANVAS[1] / 2, 245.0], (count, 1))
    figure = Figure(person, skeleton, View(np.array(yaws), pitch, feet, np.full(count, 215.0)))
    drawing = Drawing([*clothes(figure), *head(figure), *bags(figure)])
    canvases = []
    for frame in range(count):
        canvas = Canvas(
            np.full((*CANVAS, 3), GREY, np.uint8), np.zeros(CANVAS, np.uint8), np.zeros(CANVAS, np.uint8)
        )
        drawing.draw(canvas, frame)
        canvases.append(canvas)
    return canvases


def test_labels_are_the_published_classes() -> None:
    ours = [part.name.lower().replace("_", " ") for part in Part]
    assert ours == list(LIP_CLASSES)


@pytest.mark.parametrize("number", range(10))
def test_a_pixel_has_a_label_only_where_the_person_was_drawn(number: int) -> None:
    for canvas in draw_person(number, [0.0, 1.57, 3.14, 4.0]):
        painted = (canvas.rgb != GREY).any(axis=2)
        figure = canvas.figure == 255
        assert not painted[~figure].any()
        assert painted[figure].mean() > 0.99  # cloth may by chance be as grey as the wall
        assert not canvas.labels[~figure].any()
        # what is drawn without a label is carried: bags
        carried = figure & (canvas.labels == 0)
        assert carried.any() == (sample_person(Draws(11, number)).outfit.bag is not None) or not carried.any()
        assert 0.08 < figure.mean() < 0.5


def centre(canvas: Canvas, part: Part) -> float | None:
    columns = np.nonzero(canvas.labels == part)[1]
    return float(columns.mean()) if len(columns) else None


@pytest.mark.parametrize("number", range(10))
def test_left_and_right_are_the_persons_own(number: int) -> None:
    front, back = draw_person(number, [0.0, np.pi])
    left, right = centre(front, Part.LEFT_SHOE), centre(front, Part.RIGHT_SHOE)
    assert left is not None and right is not None
    assert left > right  # facing us, a person's left is on our right
    left, right = centre(back, Part.LEFT_SHOE), centre(back, Part.RIGHT_SHOE)
    assert left is not None and right is not None
    assert left < right


@pytest.mark.parametrize("number", range(10))
def test_a_face_is_seen_from_the_front_and_not_from_behind(number: int) -> None:
    person = sample_person(Draws(11, number))
    front, back = draw_person(number, [0.0, np.pi])
    assert (front.labels == Part.FACE).sum() > 150
    if person.body.hair_style != "bald":
        assert (back.labels == Part.FACE).sum() < (front.labels == Part.FACE).sum()
    assert (front.labels == Part.SUNGLASSES).any() == person.outfit.sunglasses
    assert not (back.labels == Part.SUNGLASSES).any()


def test_every_class_occurs_in_the_world() -> None:
    seen: set[int] = set()
    for number in range(60):
        for canvas in draw_person(number, [0.0, 1.2]):
            seen |= set(np.unique(canvas.labels).tolist())
    assert seen == set(range(20))


def test_a_print_is_on_the_chest_and_stripes_go_around() -> None:
    shirt = Garment("shirt", "print", (20, 20, 20), (240, 240, 240), 1.0, 3, 0)
    tile = garment_tile(shirt)
    assert tile[24, FRONT, 0] == 240
    assert (tile[:, 0] == 20).all()
    stripes = garment_tile(Garment("shirt", "stripes", (20, 20, 20), (240, 240, 240), 1.0, 4, 0))
    assert (stripes == stripes[:, :1]).all()
    assert len(np.unique(stripes[:, 0, 0])) == 2
    lines = garment_tile(Garment("pants", "pinstripes", (20, 20, 20), (240, 240, 240), 1.0, 4, 0))
    assert (lines == lines[:1]).all()
    assert lines.shape[1] == AROUND


def test_someone_who_is_not_of_interest_hides_the_labels() -> None:
    (canvas,) = draw_person(0, [0.0])
    before = int((canvas.labels > 0).sum())
    person = sample_person(Draws(11, 1))
    view = View(np.zeros(1), 0.2, np.array([[CANVAS[1] / 2, 245.0]]), np.array([215.0]))
    figure = Figure(person, walk(person.body, person.gait, np.zeros(1)), view)
    Drawing([*clothes(figure), *head(figure)]).draw(canvas, 0, of_interest=False)
    assert (canvas.labels > 0).sum() < before / 2


@pytest.mark.parametrize("size", [(256, 112), (97, 42), (64, 28), (300, 131)])
def test_labels_shrink_to_the_nearest_pixel(size: tuple[int, int]) -> None:
    labels = np.arange(256 * 112, dtype=np.int64).reshape(256, 112)
    small = shrink_labels(labels, size)
    assert small.shape == size
    for row in (0, size[0] // 2, size[0] - 1):
        for column in (0, size[1] // 3, size[1] - 1):
            y, x = int((row + 0.5) * 256 / size[0]), int((column + 0.5) * 112 / size[1])
            assert small[row, column] == labels[y, x]


def test_the_world_is_the_same_on_every_platform() -> None:
    # Labels are drawn in whole numbers and must be equal to the bit; colours pass through interpolation and a
    # response curve, whose last bit is the library's own, so their means may differ a little.
    population = make_population(WorldOptions(identities=6, seed=3, frames=4))
    crc, means, numbers = 0, [], []
    for sighting in population.sightings[::7]:
        for frame in film(population, sighting):
            crc = zlib.crc32(frame.labels.tobytes(), crc)
            means.append(frame.rgb.mean(axis=(0, 1)))
            numbers.append(frame.number)
    assert (len(means), sum(numbers)) == RECORDED_FRAMES
    assert crc == RECORDED_CRC
    np.testing.assert_allclose(np.mean(means, axis=0), RECORDED_MEAN, atol=0.3)


RECORDED_FRAMES = (21, 122581)
RECORDED_CRC = 2201042527
RECORDED_MEAN = (130.01, 126.99, 122.06)
