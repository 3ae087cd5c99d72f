import pytest

from videoreid.errors import ConfigError, UnknownNameError, VideoReIDError
from videoreid.registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry: Registry = Registry("model")
    registry.register("osnet_x1_0", "osnet")(lambda: "osnet")
    registry.register("resnet50")(lambda: "resnet")
    return registry


def test_lookup_by_name_and_alias(registry: Registry) -> None:
    assert registry["osnet_x1_0"]() == registry["osnet"]() == "osnet"
    assert registry.names() == ["osnet", "osnet_x1_0", "resnet50"] == list(registry)
    assert "resnet50" in registry
    assert "resnet51" not in registry
    assert len(registry) == 3


def test_a_duplicate_raises(registry: Registry) -> None:
    with pytest.raises(ConfigError, match="model 'resnet50' is registered already"):
        registry.register("resnet50")(lambda: "other")


def test_a_typo_gets_a_suggestion(registry: Registry) -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry["osnet_x10"]
    assert str(caught.value) == "unknown model 'osnet_x10'; did you mean 'osnet_x1_0' or 'osnet'?"
    assert isinstance(caught.value, VideoReIDError)
    assert isinstance(caught.value, KeyError)


def test_a_stranger_gets_the_list(registry: Registry) -> None:
    with pytest.raises(UnknownNameError, match="known: osnet, osnet_x1_0, resnet50"):
        registry["zzz"]
