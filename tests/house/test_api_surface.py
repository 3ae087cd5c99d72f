"""The public names are recorded; removing or adding one is a decision, not an accident.

Public is what the packages export, and five modules of the ground floor. What a module inside a package holds may
move without notice. To record a decision: ``python tests/house/test_api_surface.py``.
"""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).parent / "api_surface.json"
MODULES = {"videoreid.types", "videoreid.functional", "videoreid.errors", "videoreid.registry"}
NOT_PUBLIC = ("videoreid.cli",)


def current_surface() -> dict[str, list[str]]:
    import videoreid

    surface = {"videoreid": sorted(videoreid.__all__)}
    for info in pkgutil.walk_packages(videoreid.__path__, "videoreid."):
        if any(part.startswith("_") for part in info.name.split(".")) or info.name in NOT_PUBLIC:
            continue
        if not info.ispkg and info.name not in MODULES:
            continue
        module = importlib.import_module(info.name)
        names = getattr(module, "__all__", None)
        if names is not None:
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


def test_the_record_is_made_of_this_checkout(tmp_path: Path) -> None:
    decoy = tmp_path / "videoreid" / "__init__.py"
    decoy.parent.mkdir()
    decoy.write_text("raise AssertionError('an installed package was read')")
    done = subprocess.run(
        [sys.executable, __file__, "--where"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=120,
    )
    assert done.stdout.strip() == str(ROOT / "videoreid" / "__init__.py"), done.stderr


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # this checkout, whatever is installed
    import videoreid

    if sys.argv[1:] == ["--where"]:
        print(videoreid.__file__)
    else:
        RECORD.write_text(json.dumps(current_surface(), indent=1) + "\n")
