"""The page in a headless Chromium: ``pip install -e '.[browser]' && pytest -m browser``."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.visual.conftest import Scene, read_frames
from videoreid.visual import StripStyle, write_ranking_html

pytestmark = pytest.mark.browser
WIDTH = 32


@pytest.fixture
def browser(scene: Scene, tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install 'videoreid[browser]'")
    if shutil.which("chromedriver") is None:
        pytest.skip("chromedriver is not installed")
    path = tmp_path / "ranking.html"
    style = StripStyle(frames=4, size=(64, WIDTH))
    write_ranking_html(scene.ranking, scene.query, scene.gallery, path, read_frames=read_frames, style=style)
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1300,900"):
        options.add_argument(flag)
    for flag in (
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get(path.as_uri())
        yield driver
    finally:
        driver.quit()


def order(browser: Any) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll('.row')].map(r => r.dataset.row)")


def choose(browser: Any, tool: str, value: str) -> None:
    script = "const [id, value] = arguments; document.getElementById(id).value = value;"
    script += "document.getElementById(id).dispatchEvent(new Event('input'))"
    browser.execute_script(script, tool, value)


def visible(browser: Any) -> list[str]:
    return browser.execute_script(
        "return [...document.querySelectorAll('.row:not([hidden])')].map(r => r.dataset.row)"
    )


def test_sorting_and_filtering(browser: Any) -> None:
    assert order(browser) == ["0", "1", "2"]
    choose(browser, "sort", "best")
    assert order(browser) == ["1", "0", "2"], "the query that was not scored stays last"
    choose(browser, "sort", "worst")
    assert order(browser) == ["0", "1", "2"]
    choose(browser, "show", "miss")
    assert visible(browser) == ["0", "2"]
    choose(browser, "person", "3")
    assert visible(browser) == ["2"]


def test_every_strip_is_decoded_at_its_full_width(browser: Any) -> None:
    widths = browser.execute_async_script("""
        const done = arguments[0];
        Promise.all([...document.querySelectorAll('.frame')].map(async frame => {
            const image = new Image();
            image.src = getComputedStyle(frame).backgroundImage.slice(5, -2);
            await image.decode();
            return [image.naturalWidth, Number(frame.dataset.frames)];
        })).then(done);
    """)
    assert len(widths) == 11
    assert all(width == WIDTH * frames for width, frames in widths)


def test_hovering_plays_the_frames_and_leaving_stops(browser: Any) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    frame = browser.find_element("css selector", ".row .frame")
    ActionChains(browser).move_to_element(frame).perform()
    seen = set()

    def has_played(_: Any) -> bool:
        seen.add(browser.execute_script("return arguments[0].style.backgroundPosition", frame))
        return {"-32px 0px", "-64px 0px", "-96px 0px"} <= seen

    WebDriverWait(browser, 20, poll_frequency=0.05).until(has_played)
    ActionChains(browser).move_to_element(browser.find_element("css selector", "h1")).perform()
    assert browser.execute_script("return arguments[0].style.backgroundPosition", frame) in {"0px 0px", "0px"}
