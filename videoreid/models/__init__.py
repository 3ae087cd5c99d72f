"""The model zoo."""

from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS, build_model, list_models

__all__ = ["MODELS", "ReIDModel", "build_model", "list_models"]
