"""The explorer in a headless Chromium: ``pip install -e '.[browser]' && pytest -m browser``."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.visual.conftest import COLOURS, tracklet
from videoreid.metrics import evaluate_features
from videoreid.types import Features, Ranking, Tracklet
from videoreid.visual import ExplorerOptions, StripStyle, write_explorer, write_ranking_html

pytestmark = pytest.mark.browser
EVIL = "<script>document.title='evil'</script>\"'&\u5b57"
PEOPLE, OPTIONS = 40, ExplorerOptions(frames=4, size=(64, 32), top_k=6, progress=False, title=EVIL)


def read(keys: Any) -> list[np.ndarray]:
    images = []
    for key in keys:
        pid, number = (int(part) for part in key.split("/")[:2])
        colour = np.array(COLOURS[1 + pid % 3])
        images.append(np.clip(np.full((64, 32, 3), colour) - 20 * number, 0, 255).astype(np.uint8))
    return images


def world() -> tuple[list[Tracklet], list[Tracklet]]:
    query = [
        replace(tracklet(pid, pid % 2), time=10.0 * pid, end_time=10.0 * pid + 5) for pid in range(PEOPLE)
    ]
    query[3] = replace(query[3], frames=[f"3/0/{EVIL}", *query[3].frames[1:]])
    return query, [tracklet(pid, camid) for camid in (0, 1, 2) for pid in range(PEOPLE)]


def embedded(noise: float, query: list[Tracklet], gallery: list[Tracklet]) -> tuple[Features, Features]:
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(PEOPLE, 16))
    sides = [
        np.stack([centres[t.pid] + noise * rng.normal(size=16) for t in part]) for part in (query, gallery)
    ]
    q, g = (torch.tensor(side, dtype=torch.float32) for side in sides)
    return Features.of(q, query), Features.of(g, gallery)


class Page:
    """An explorer of two runs, and the browser that shows it."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser = browser
        query, gallery = world()
        self.features = embedded(1.3, query, gallery)
        other = embedded(1.0, query, gallery)
        self.rankings: list[Ranking] = [
            evaluate_features(*features, protocol="cross_camera", top_k=6)
            for features in (self.features, other)
        ]
        self.query, self.gallery = query, gallery
        flags = {EVIL: np.arange(PEOPLE) % 4 == 0, "low light": np.arange(PEOPLE) % 5 == 0}
        write_explorer(
            {"ours": self.rankings[0], EVIL: self.rankings[1]},
            query,
            gallery,
            folder,
            read_frames=read,
            features=self.features,
            flags=flags,
            options=OPTIONS,
        )
        self.open((folder / "index.html").as_uri())

    def open(self, address: str) -> None:
        self.browser.get("about:blank")
        self.browser.get(address)
        self.wait("return document.querySelectorAll('.row[data-open]').length > 0")

    def run(self, script: str, *values: Any) -> Any:
        return self.browser.execute_script(script, *values)

    def wait(self, script: str, *values: Any) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, 30, poll_frequency=0.05).until(lambda _: self.run(script, *values))

    def choose(self, tool: str, value: str) -> None:
        self.run(
            "const c = document.getElementById(arguments[0]); c.value = arguments[1];"
            "c.dispatchEvent(new Event('input'))",
            tool,
            value,
        )

    def count(self) -> str:
        return str(self.run("return document.getElementById('count').textContent"))

    def first(self, number: int = 1) -> list[int]:
        script = (
            "return [...document.querySelectorAll('#rows .row')].sort((a, b) => a.dataset.at - b.dataset.at)"
        )
        return [int(row) for row in self.run(script + ".map(row => row.dataset.query)")][:number]

    def key(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="the extra [browser] is not installed")
    if shutil.which("chromedriver") is None:
        pytest.skip("chromedriver is not installed")
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
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Page]:
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page = Page(browser, tmp_path)
    yield page
    assert browser.get_log("browser") == [], "the console is silent"


def test_orders_are_over_all_queries_and_stay_in_the_address(page: Page) -> None:
    precision = page.rankings[0].average_precision
    assert page.first(3) == [0, 1, 2]
    page.choose("sort", "worst")
    assert page.first(3) == np.argsort(precision, kind="stable")[:3].tolist()
    page.choose("sort", "best")
    assert page.first(3) == np.argsort(-precision, kind="stable")[:3].tolist()
    page.choose("sort", "near")
    near = page.rankings[0].top_distances[:, 0].astype(float).round(5)
    assert page.first(3) == np.argsort(near, kind="stable")[:3].tolist()
    page.choose("sort", "late")
    assert page.first() == [int(np.argmax(page.rankings[0].first_match))]
    page.choose("sort", "gain")
    change = page.rankings[1].average_precision.round(6) - precision.round(6)
    assert page.first() == [int(np.argmax(change))]
    assert "sort=gain" in page.browser.current_url
    page.open(page.browser.current_url)
    assert page.first() == [int(np.argmax(change))]


def test_filters(page: Page) -> None:
    hits = page.rankings[0].top_matches[:, 0]
    assert page.count() == f"{PEOPLE} of {PEOPLE} queries"
    page.choose("show", "miss")
    assert page.count() == f"{(~hits).sum()} of {PEOPLE} queries"
    page.choose("show", "won")
    won = page.rankings[1].top_matches[:, 0] & ~hits
    assert page.count() == f"{won.sum()} of {PEOPLE} queries"
    page.choose("show", "all")
    page.choose("camera", "1")
    assert page.count() == f"20 of {PEOPLE} queries"
    page.choose("flag", "1")
    assert page.count() == f"4 of {PEOPLE} queries", "low light is 0, 5, 10, ...; camera 1 has the odd people"
    page.choose("camera", "")
    page.choose("flag", "")
    page.choose("person", "7")
    assert page.first(2) == [7]
    page.choose("person", "")
    page.choose("text", "LIGHT, cam 0")
    assert page.count() == f"4 of {PEOPLE} queries"
    page.choose("text", "nothing of the kind")
    assert (
        page.run("return document.querySelector('#rows .nothing').textContent")
        == "No query matches these filters."
    )


def test_only_rows_on_the_screen_exist(page: Page) -> None:
    assert page.run("return document.querySelectorAll('#rows .row').length") < 12
    page.run("const m = document.getElementById('rows'); m.scrollTop = m.scrollHeight")
    page.wait("return document.querySelector('#rows .row[data-query=\"39\"][data-open]') !== null")
    assert page.run("return document.querySelectorAll('#rows .row').length") < 12


def test_the_keyboard_reaches_and_plays_everything(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.run("document.getElementById('text').focus()")
    page.key(Keys.TAB, Keys.TAB)
    label = "return document.activeElement.getAttribute('aria-label')"
    assert page.run(label).startswith("query 0, person 0, camera 0, t 0–5, 4 frames")
    page.key(Keys.ARROW_RIGHT)
    page.wait(label + ".includes('rank 1: person')")
    page.key(" ")
    seen = set()
    film = "return document.activeElement.querySelector('.film').dataset.frame"
    page.wait("return document.activeElement.querySelector('.film').dataset.frame === '3'")
    page.key(" ")
    seen.add(page.run(film))
    assert seen == {"0"}, "stopped at the first frame"
    page.key(Keys.ARROW_DOWN)
    page.wait("return document.activeElement.closest('.row').dataset.query === '1'")
    page.key(Keys.END)
    page.key(Keys.ENTER)
    page.wait("return document.getElementById('viewer').open")
    assert page.run("return document.querySelector('#viewer input').max") == "3"
    page.key(Keys.ESCAPE)
    page.wait("return !document.getElementById('viewer').open")
    assert "shot" in page.run("return document.activeElement.className"), "focus returns to where it was"


def test_the_mouse_plays_and_the_viewer_shows_every_frame(page: Page) -> None:
    from selenium.webdriver import ActionChains

    shot = page.browser.find_element("css selector", "#rows .row .shot")
    ActionChains(page.browser).move_to_element(shot).perform()
    page.wait("return arguments[0].querySelector('.film').dataset.frame === '3'", shot)
    ActionChains(page.browser).move_to_element(page.browser.find_element("id", "title")).perform()
    page.wait("return arguments[0].querySelector('.film').dataset.frame === '0'", shot)
    shot.click()
    page.wait("return document.getElementById('viewer').open")
    slider = "const s = document.querySelector('#viewer input'); s.value = arguments[0];"
    for frame in range(4):
        page.run(slider + "s.dispatchEvent(new Event('input'))", frame)
        shown = page.run("return document.querySelector('#viewer .film').style.backgroundPositionX")
        assert float(shown.rstrip("%")) == pytest.approx(100 * frame / 3, abs=0.01)


def test_a_gallery_tracklet_becomes_the_query(page: Page) -> None:
    import json

    page.run("document.querySelectorAll('#rows .row .shot')[1].click()")
    page.wait("return document.getElementById('viewer').open")
    number = int(page.run("return document.querySelector('#viewer .film').dataset.number"))
    page.run("document.getElementById('ask').click()")
    page.wait("return document.querySelectorAll('#search .shot').length > 2")
    script = "return JSON.stringify([...document.querySelectorAll('#search .shot')].map(s => s.about))"
    shown = json.loads(page.run(script))[1:]
    table = torch.nn.functional.normalize(all_embeddings(page), dim=1)
    distances = (1 - table[PEOPLE:] @ table[number]).numpy()
    for about in shown:
        assert about["distance"] == pytest.approx(float(distances[about["number"] - PEOPLE]), abs=0.01)
    asked = page.gallery[number - PEOPLE]
    kinds = {about["number"]: about["kind"] for about in shown}
    for found, kind in kinds.items():
        item = page.gallery[found - PEOPLE]
        junk = item.camid == asked.camid
        assert kind == ("miss" if item.pid != asked.pid else "junk" if junk else "hit")
    assert number not in kinds


def all_embeddings(page: Page) -> torch.Tensor:
    return torch.cat([part.embeddings for part in page.features])


def test_values_are_text_and_nothing_else(page: Page) -> None:
    assert page.browser.title == EVIL
    assert page.run("return document.getElementById('title').textContent") == EVIL
    assert EVIL in page.run("return document.getElementById('runs').textContent")
    page.choose("person", "3")
    page.wait("return document.querySelector('#rows .row[data-open]')")
    page.run("document.querySelector('#rows .shot').click()")
    assert EVIL.split("/")[-1] in page.run("return document.getElementById('viewer').textContent")
    assert page.run("return document.querySelectorAll('script').length") < 14


def test_a_phone_has_a_small_header_and_touch_plays(page: Page) -> None:
    metrics = {"width": 390, "height": 701, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.open(page.browser.current_url)
    assert page.run("return document.querySelector('header').offsetHeight") <= 110
    assert page.run("return document.documentElement.scrollWidth") == 390
    box = page.run("return document.querySelectorAll('#rows .shot')[1].getBoundingClientRect().toJSON()")
    point = [{"x": box["x"] + 20, "y": box["y"] + 40}]
    page.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": point})
    page.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait("return document.getElementById('viewer').open")
    page.wait("return document.querySelector('#viewer .film').dataset.frame === '2'")


def test_light_and_dark(page: Page) -> None:
    def brightness() -> int:
        return sum(
            int(part)
            for part in page.run(
                "return getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3)"
            )
        )

    media = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    assert brightness() < 150
    page.run("document.getElementById('theme').click()")
    assert brightness() > 600
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_hits_and_misses_differ_in_sign_and_line(page: Page) -> None:
    look = (
        "const s = document.querySelector('#rows .shot.' + arguments[0]);"
        "return [getComputedStyle(s).borderTopStyle, s.querySelector('.sign').textContent[0]]"
    )
    page.choose("sort", "worst")
    page.wait(
        "return document.querySelector('#rows .shot.miss') && document.querySelector('#rows .shot.missed')"
    )
    assert page.run(look, "miss") == ["dashed", "✗"]
    assert page.run(look, "missed") == ["dotted", "○"]
    page.choose("sort", "best")
    page.wait("return document.querySelector('#rows .shot.hit')")
    assert page.run(look, "hit") == ["solid", "✓"]


def test_one_file_shows_the_same(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "one.html"
    style = StripStyle(frames=4, size=(64, 32))
    write_ranking_html(page.rankings[0], page.query, page.gallery, path, read_frames=read, style=style)
    page.open(path.as_uri())
    assert page.count() == f"{PEOPLE} of {PEOPLE} queries"
    page.wait(
        "return document.querySelector('#rows .film').style.backgroundImage.startsWith('url(\"data:image/jpeg')"
    )
