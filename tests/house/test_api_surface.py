"""The public names are recorded; removing or adding one is a decision, not an accident.

To record a decision: ``python tests/house/test_api_surface.py``.
"""

import importlib
import json
import pkgutil
from pathlib import Path

RECORD = Path(__file__).parent / "api_surface.json"


def current_surface() -> dict[str, list[str]]:
    import videoreid

    surface = {"videoreid": sorted(videoreid.__all__)}
    for info in pkgutil.walk_packages(videoreid.__path__, "videoreid."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        module = importlib.import_module(info.name)
        names = getattr(module, "__all__", None)
        if names is not None and info.ispkg:
            assert list(names) == sorted(names), f"{info.name}.__all__ is not sorted"
        surface[info.name] = sorted(names or [])
        for name in surface[info.name]:
            assert hasattr(module, name), f"{info.name}.__all__ names {name}, which is not there"
    return surface


def test_the_public_api_is_the_recorded_one() -> None:
    recorded = json.loads(RECORD.read_text())
    surface = current_surface()
    gone = {m: sorted(set(recorded[m]) - set(surface.get(m, []))) for m in recorded}
    new = {m: sorted(set(surface[m]) - set(recorded.get(m, []))) for m in surface}
    assert not {m: names for m, names in gone.items() if names}, "public names were removed"
    assert not {m: names for m, names in new.items() if names}, (
        f"record the new names: python {Path(__file__).name}"
    )


if __name__ == "__main__":
    RECORD.write_text(json.dumps(current_surface(), indent=1) + "\n")
