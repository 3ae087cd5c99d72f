"""People: body shape, skin, hair, clothes, carried things and gait."""

from dataclasses import dataclass, replace

from videoreid.synthetic_world.draws import Draws

__all__ = ["Body", "Colour", "Garment", "Gait", "Outfit", "Person", "look_alike", "sample_person"]

Colour = tuple[int, int, int]

# Street clothes are mostly dark or neutral, so colour alone is a weak cue.
_CLOTHES: tuple[tuple[Colour, float], ...] = (
    ((32, 32, 36), 4.0),  # black
    ((70, 72, 78), 2.4),  # dark grey
    ((140, 142, 146), 2.2),  # grey
    ((226, 224, 218), 2.6),  # white
    ((40, 52, 88), 2.8),  # navy
    ((78, 104, 148), 2.5),  # denim
    ((176, 158, 128), 2.0),  # beige
    ((104, 80, 62), 1.5),  # brown
    ((168, 48, 52), 1.8),  # red
    ((112, 34, 52), 1.0),  # burgundy
    ((60, 108, 74), 1.4),  # green
    ((104, 108, 70), 1.2),  # olive
    ((62, 132, 140), 1.0),  # teal
    ((132, 172, 206), 1.2),  # light blue
    ((222, 188, 74), 1.0),  # yellow
    ((212, 122, 58), 0.9),  # orange
    ((212, 142, 162), 0.9),  # pink
    ((112, 78, 136), 0.9),  # purple
)
_SKIN: tuple[Colour, ...] = (
    (241, 208, 184),
    (226, 184, 154),
    (203, 158, 124),
    (172, 124, 90),
    (126, 86, 62),
    (88, 60, 46),
)
_HAIR: tuple[tuple[Colour, float], ...] = (
    ((30, 25, 24), 4.0),
    ((58, 40, 30), 4.0),
    ((98, 66, 42), 3.0),
    ((184, 148, 92), 1.6),
    ((150, 74, 40), 0.8),
    ((168, 166, 164), 1.4),
)
_PATTERNS = ("plain", "stripes", "pinstripes", "checks", "dots", "print", "block", "yoke")
_PATTERN_WEIGHTS = (7.0, 2.6, 1.2, 2.0, 1.2, 2.4, 1.6, 1.2)


@dataclass(frozen=True)
class Garment:
    """A piece of clothing.

    Args:
        kind: "shirt", "coat", "dress", "jumpsuit", "pants", "shorts" or "skirt".
        pattern: "plain", "stripes", ...; see `textures`.
        base: main colour, RGB.
        accent: second colour of the pattern.
        length: length of the sleeve or leg, 0 (none) to 1 (to the wrist or ankle).
        period: number that sets the width of stripes, checks and dots; larger is narrower.
        motif: number of the print's shape.
    """

    kind: str
    pattern: str
    base: Colour
    accent: Colour
    length: float
    period: int
    motif: int


@dataclass(frozen=True)
class Body:
    """Body proportions, as factors on those of an average person; skin, hair and beard."""

    height: float
    girth: float
    shoulders: float
    hips: float
    legs: float
    head: float
    skin: Colour
    hair: Colour
    hair_style: str
    beard: bool


@dataclass(frozen=True)
class Gait:
    """Way of walking: cycles per second, speed (m/s), swing of legs and arms, lean and bend of the elbows (radians)."""

    cadence: float
    speed: float
    leg_swing: float
    arm_swing: float
    lean: float
    elbow: float


@dataclass(frozen=True)
class Outfit:
    """Everything worn or carried; None where there is none."""

    upper: Garment
    lower: Garment
    coat: Garment | None
    shoes: Colour
    boots: bool
    socks: Colour | None
    hat: str | None
    hat_colour: Colour
    scarf: Colour | None
    gloves: Colour | None
    sunglasses: bool
    bag: str | None
    bag_colour: Colour


@dataclass(frozen=True)
class Person:
    """An identity."""

    body: Body
    outfit: Outfit
    gait: Gait


def sample_person(draws: Draws) -> Person:
    """Draw a person."""
    return Person(_sample_body(draws), _sample_outfit(draws), _sample_gait(draws))


def look_alike(draws: Draws, other: Person) -> Person:
    """Draw a person in the main colours of another person, but with another body, patterns and accessories."""
    stranger = sample_person(draws)
    mine, theirs = stranger.outfit, other.outfit
    upper = replace(mine.upper, base=_shade(draws, theirs.upper.base, 10))
    lower = replace(mine.lower, base=_shade(draws, theirs.lower.base, 10))
    coat = None
    if theirs.coat is not None:
        coat = replace(mine.coat or theirs.coat, base=_shade(draws, theirs.coat.base, 10))
    return replace(stranger, outfit=replace(mine, upper=upper, lower=lower, coat=coat))


def _sample_body(draws: Draws) -> Body:
    slender = draws.bell(0.0, 1.0)
    frame = draws.bell(0.0, 1.0)
    styles = ("short", "long", "bun", "ponytail", "bald", "curly", "bob")
    style = draws.pick(styles, (5.0, 2.4, 1.0, 1.4, 0.9, 1.0, 1.6))
    return Body(
        height=1.0 + 0.05 * draws.bell(),
        girth=1.0 + 0.13 * slender,
        shoulders=1.0 + 0.06 * frame + 0.04 * slender,
        hips=1.0 - 0.05 * frame + 0.07 * slender,
        legs=1.0 + 0.035 * draws.bell(),
        head=1.0 + 0.04 * draws.bell(),
        skin=_shade(draws, draws.pick(_SKIN, (3.0, 3.0, 2.5, 1.8, 1.3, 1.0)), 8),
        hair=_shade(draws, draws.pick([c for c, _ in _HAIR], [w for _, w in _HAIR]), 8),
        hair_style=style,
        beard=style in ("short", "bald", "bun") and draws.chance(0.3),
    )


def _sample_gait(draws: Draws) -> Gait:
    speed = 1.35 * (1.0 + 0.11 * draws.bell())
    return Gait(
        cadence=0.93 * (0.4 + 0.6 * speed / 1.35) * (1.0 + 0.05 * draws.bell()),
        speed=speed,
        leg_swing=0.40 * (0.5 + 0.5 * speed / 1.35) * (1.0 + 0.10 * draws.bell()),
        arm_swing=max(0.06, 0.36 + 0.13 * draws.bell()),
        lean=0.03 + 0.025 * draws.bell(),
        elbow=max(0.05, 0.28 + 0.14 * draws.bell()),
    )


def _sample_outfit(draws: Draws) -> Outfit:
    form = draws.pick(("two", "dress", "jumpsuit"), (0.84, 0.11, 0.05))
    upper_kind = {"two": "shirt", "dress": "dress", "jumpsuit": "jumpsuit"}[form]
    sleeve = draws.pick((0.0, 0.34, 0.42, 0.7, 1.0), (0.6, 1.6, 1.6, 0.5, 4.0))
    upper = _sample_garment(draws, upper_kind, sleeve)
    lower_kind = draws.pick(("pants", "shorts", "skirt"), (7.0, 1.7, 1.3))
    length = {"pants": 1.0, "shorts": draws.uniform(0.32, 0.55), "skirt": draws.uniform(0.42, 0.8)}[
        lower_kind
    ]
    lower = _sample_garment(draws, lower_kind, length)
    if lower_kind == "pants" and draws.chance(0.75):
        lower = replace(lower, pattern="plain")
    coat = None
    if form != "jumpsuit" and draws.chance(0.22):
        coat = _sample_garment(draws, "coat", draws.uniform(0.12, 0.62))
    hat = draws.pick(("none", "cap", "beanie", "brim"), (0.80, 0.10, 0.06, 0.04))
    bag = draws.pick(("none", "backpack", "shoulder", "hand"), (0.56, 0.20, 0.13, 0.11))
    return Outfit(
        upper=upper,
        lower=lower,
        coat=coat,
        shoes=_sample_colour(draws),
        boots=draws.chance(0.16),
        socks=_sample_colour(draws) if draws.chance(0.6) else None,
        hat=None if hat == "none" else hat,
        hat_colour=_sample_colour(draws),
        scarf=_sample_colour(draws) if draws.chance(0.09) else None,
        gloves=_sample_colour(draws) if draws.chance(0.06) else None,
        sunglasses=draws.chance(0.12),
        bag=None if bag == "none" else bag,
        bag_colour=_sample_colour(draws),
    )


def _sample_garment(draws: Draws, kind: str, length: float) -> Garment:
    base = _sample_colour(draws)
    accent = _sample_colour(draws)
    while max(abs(a - b) for a, b in zip(base, accent, strict=True)) < 45:
        accent = _sample_colour(draws)
    pattern = draws.pick(_PATTERNS, _PATTERN_WEIGHTS)
    if kind != "shirt" and pattern == "print":
        pattern = "plain"
    return Garment(kind, pattern, base, accent, length, draws.integer(3, 8), draws.integer(0, 6))


def _sample_colour(draws: Draws) -> Colour:
    return _shade(draws, draws.pick([c for c, _ in _CLOTHES], [w for _, w in _CLOTHES]), 14)


def _shade(draws: Draws, colour: Colour, spread: int) -> Colour:
    common = draws.uniform(-spread, spread)  # lightness varies more than hue
    red, green, blue = (
        min(250, max(8, round(value + common + draws.uniform(-spread, spread) * 0.5))) for value in colour
    )
    return red, green, blue
