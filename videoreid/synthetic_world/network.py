"""The camera network: positions of the cameras, and the routes of people past them."""

import itertools
import math
from dataclasses import dataclass

from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.people import Person

__all__ = ["FRAME_RATE", "Network", "Visit", "sample_network", "sample_route"]

FRAME_RATE = 25
"""Frames per second of every camera; all share one clock."""
_RADIUS = 42.0  # metres from the middle of the map to a camera
_IN_VIEW = 8.0  # metres of a route that lie in a camera's view


@dataclass(frozen=True)
class Network:
    """Cameras on a map.

    Args:
        positions: one (x, y) per camera, metres.
        neighbours: for each camera, the cameras that people walk to next, in ascending order.
    """

    positions: tuple[tuple[float, float], ...]
    neighbours: tuple[tuple[int, ...], ...]

    def distance(self, first: int, second: int) -> float:
        """Return the metres from one camera's view to another's."""
        (x0, y0), (x1, y1) = self.positions[first], self.positions[second]
        return math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)

    def heading(self, first: int, second: int) -> float:
        """Return the direction on the map from one camera to another, radians."""
        (x0, y0), (x1, y1) = self.positions[first], self.positions[second]
        return math.atan2(y1 - y0, x1 - x0)


@dataclass(frozen=True)
class Visit:
    """A person passes a camera.

    Args:
        camera: 0-based.
        start: frame number at which the person comes into view.
        end: frame number at which the person is out of view.
        heading_in: walking direction at the start, radians on the map.
        heading_out: walking direction at the end, radians on the map.
    """

    camera: int
    start: int
    end: int
    heading_in: float
    heading_out: float


def sample_network(draws: Draws, cameras: int) -> Network:
    """Place cameras on a rough ring; neighbours are the next ones and, in even rings of six or more, the opposite."""
    positions = []
    for camera in range(cameras):
        angle = 2.0 * math.pi * (camera + draws.uniform(-0.25, 0.25)) / cameras
        radius = _RADIUS * draws.uniform(0.65, 1.25)
        positions.append((radius * math.cos(angle), radius * math.sin(angle)))
    neighbours = []
    for camera in range(cameras):
        near = {(camera + 1) % cameras, (camera - 1) % cameras}
        if cameras >= 6 and cameras % 2 == 0:
            near.add((camera + cameras // 2) % cameras)
        neighbours.append(tuple(sorted(near - {camera})))
    return Network(tuple(positions), tuple(neighbours))


def sample_route(draws: Draws, network: Network, person: Person, duration: int) -> list[Visit]:
    """Draw the route of a person: three to five visits, each at a neighbour of the previous camera.

    The transit time is the distance divided by the person's speed, with a standard deviation of 10 %, and sometimes a
    pause: times help to recognise a person, but do not decide it.

    Args:
        draws: the random stream of this person.
        network: the cameras.
        person: the person, for the walking speed.
        duration: number of frames within which people appear.
    """
    stops = [draws.integer(0, len(network.positions))]
    while len(stops) < 3 or (len(stops) < 5 and draws.chance(0.6)):
        options = [c for c in network.neighbours[stops[-1]] if len(stops) < 2 or c != stops[-2]]
        stops.append(draws.pick(options or network.neighbours[stops[-1]]))
    headings = [network.heading(a, b) for a, b in itertools.pairwise(stops)]
    headings = [headings[0] + draws.uniform(-1.0, 1.0), *headings, headings[-1] + draws.uniform(-1.0, 1.0)]
    clock = float(draws.integer(0, max(1, duration)))
    visits = []
    for number, camera in enumerate(stops):
        if number:
            distance = network.distance(stops[number - 1], camera)
            clock += FRAME_RATE * distance / person.gait.speed * (1.0 + 0.10 * draws.bell())
            if draws.chance(0.12):
                clock += FRAME_RATE * draws.uniform(3.0, 25.0)
        stay = FRAME_RATE * _IN_VIEW / person.gait.speed * draws.uniform(0.85, 1.2)
        visits.append(
            Visit(camera, round(clock), round(clock + stay), headings[number], headings[number + 1])
        )
        clock += stay
    return visits
