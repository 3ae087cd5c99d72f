"""Python blocks of the pages are executed, top to bottom, one namespace a page, in an empty folder."""

import re
from pathlib import Path

import pytest

from videoreid.errors import MissingExtraError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDEOREID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(
        "videoreid.utils.reuse_freed_memory", lambda: True
    )  # it would last for all other tests
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "__page__"}
    for block in BLOCK.finditer(text):
        line = text[: block.start(1)].count("\n")
        code = compile("\n" * line + block[1], str(page), "exec")  # errors name the line of the page
        try:
            exec(code, namespace)
        except MissingExtraError as error:
            pytest.skip(f"{page.name}: {error}")
    assert text.startswith("# "), f"{page.name} has no title"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_fences_are_closed(page: Path) -> None:
    assert page.read_text(encoding="utf-8").count("```") % 2 == 0
