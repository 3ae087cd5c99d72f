"""The front door refuses what makes no sense."""

import pytest

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.models import build_model


def test_options_are_kept_for_saving() -> None:
    model = build_model("osnet_x0_25", 7, temporal="max")
    assert model.build_arguments == {"name": "osnet_x0_25", "num_classes": 7, "temporal": "max"}


@pytest.mark.parametrize("name", ["osnet_x0_25", "gcm"])
def test_unknown_options(name: str) -> None:
    with pytest.raises(ConfigError, match=r"no .*option.*colour"):
        build_model(name, 3, colour="red")


def test_no_identities() -> None:
    with pytest.raises(ConfigError, match="num_classes must be 1 or more, got 0"):
        build_model("osnet_x0_25", 0)


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        build_model("resnet5O")
