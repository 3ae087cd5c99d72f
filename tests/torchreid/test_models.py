from videoreid.torchreid import models


def test_keywords_of_torchreid_are_accepted() -> None:
    model = models.build_model(
        name="osnet_x0_25", num_classes=3, loss="triplet", pretrained=False, use_gpu=False
    )
    assert model.classifier.out_features == 3
