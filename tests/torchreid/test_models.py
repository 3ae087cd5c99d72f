import pytest

from videoreid.torchreid import models


def test_keywords_of_torchreid_are_accepted() -> None:
    model = models.build_model(
        name="osnet_x0_25", num_classes=3, loss="triplet", pretrained=False, use_gpu=False
    )
    assert model.classifier.out_features == 3


def test_positions_of_torchreid_are_accepted() -> None:
    assert models.build_model("osnet_x0_25", 4, "softmax", False).classifier.out_features == 4


def test_a_network_is_a_function_of_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert models.osnet_x0_25(5, loss="triplet").classifier.out_features == 5
    assert not hasattr(models, "osnet_x9")
    models.show_avai_models()
    assert "'osnet_x0_25'" in capsys.readouterr().out
