"""The pages of find and associate in a headless Chromium: ``pip install -e '.[browser]' && pytest -m browser``."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from videoreid.visual import AnswerRow, SeenTracklet, write_answer_html, write_people_html

pytestmark = pytest.mark.browser


def picture(hue: int, frame: int) -> bytes:
    image = np.full((160, 70, 3), (hue, 120, 255 - hue), np.uint8)
    cv2.circle(image, (35, 30), 16, (160, 190, 220), -1)
    cv2.line(image, (35, 90), (35 + 6 * (frame - 3), 155), (30, 30, 30), 9)
    return bytes(cv2.imencode(".jpg", image)[1].tobytes())


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="the extra [browser] is not installed")
    if shutil.which("chromedriver") is None:
        pytest.skip("chromedriver is not installed")
    options = webdriver.ChromeOptions()
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1200,900",
        "--no-first-run",
    ):
        options.add_argument(flag)
    for flag in ("--disable-background-networking", "--disable-component-update", "--disable-sync"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path)})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        driver.quit()


def wait(browser: Any, done: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30, poll_frequency=0.05).until(lambda _: done())


def test_answers_play_and_marks_are_saved(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    rows = [
        AnswerRow(
            [
                f"camera gate, 2024-05-01 08:0{n}:00, for 4.0 s",
                f"distance 0.{n}00",
                "a long path " + "x" * 80,
            ],
            [picture(60 * n, frame) for frame in range(6)],
            f"file:///recordings/gate.mp4#t={n}.0",
            f"gate,one:{n}",
            0.1 * n,
            f"likely the same person: {90 - 10 * n} %",
        )
        for n in range(3)
    ]
    note = "9 tracklets were compared. Probabilities rest on 40 pairs, 20 of them of one person."
    page = tmp_path / "answer.html"
    write_answer_html(page, rows, asked=[picture(0, 3)], query='photo "a".jpg', model="net:1", note=note)
    browser.get(page.as_uri())
    strips = browser.find_elements("css selector", ".strip")
    seen = set()

    def shown(strip: Any) -> int:
        script = "return [...arguments[0].querySelectorAll('img')].findIndex(i => !i.hidden)"
        return browser.execute_script(script, strip)

    def played(strip: Any) -> bool:
        seen.add(shown(strip))
        return seen == set(range(6))

    ActionChains(browser).move_to_element(strips[0]).perform()
    wait(browser, lambda: played(strips[0]))
    ActionChains(browser).move_to_element(browser.find_element("css selector", "h1")).perform()
    assert shown(strips[0]) == 0
    seen.clear()
    strips[1].send_keys(Keys.ENTER)  # without a mouse
    wait(browser, lambda: played(strips[1]))
    strips[1].send_keys(Keys.ENTER)
    assert shown(strips[1]) == 0
    widths = "return [...document.querySelectorAll('img')].filter(i => !i.hidden && !i.naturalWidth).length"
    assert browser.execute_script(widths) == 0

    for row, mark in (
        (0, "yes"),
        (1, "yes"),
        (1, "no"),
        (2, "no"),
        (2, "no"),
    ):  # one is changed, one taken back
        item = browser.find_elements("css selector", "li")[row]
        item.find_element("css selector", f"[data-mark={mark}]").click()
    assert browser.find_element("id", "count").text == "2 of 3 marked: 1 right, 1 wrong"
    browser.find_element("id", "save").click()
    wait(browser, lambda: (tmp_path / "marks.csv").exists())
    with (tmp_path / "marks.csv").open(newline="") as file:
        marks = list(csv.DictReader(file))
    assert [(m["query"], m["key"], m["distance"], m["same"], m["model"]) for m in marks] == [
        ('photo "a".jpg', "gate,one:0", "0.000000", "yes", "net:1"),
        ('photo "a".jpg', "gate,one:1", "0.100000", "no", "net:1"),
    ]
    for width in (1200, 390):
        browser.set_window_size(width, 900)
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(script) <= 0, f"the page scrolls sideways at {width} pixels"
        browser.save_screenshot(str(tmp_path / f"answer{width}.png"))


def test_people_stand_along_the_time_line(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    seen = [
        SeenTracklet(
            n % 2,
            ("gate", "hall", "yard")[n % 3],
            20.0 * n,
            20.0 * n + 12,
            f"tracklet {n}",
            [picture(30 * n, frame) for frame in range(4)],
        )
        for n in range(8)
    ]
    page = tmp_path / "people.html"
    write_people_html(page, seen, axis=("2024-05-01 08:00:00", "2024-05-01 08:02:32"), note="8 tracklets.")
    browser.get(page.as_uri())
    boxes = json.loads(
        browser.execute_script(
            "return JSON.stringify([...document.querySelectorAll('.seen')].map(s => s.getBoundingClientRect()))"
        )
    )
    assert len(boxes) == 8
    for one in range(8):
        for two in range(one):
            a, b = boxes[one], boxes[two]
            apart = a["left"] >= b["right"] - 1 or b["left"] >= a["right"] - 1
            apart = apart or a["top"] >= b["bottom"] - 1 or b["top"] >= a["bottom"] - 1
            assert apart, f"strips {one} and {two} cover each other"
    strip = browser.find_element("css selector", ".seen")
    ActionChains(browser).move_to_element(strip).perform()
    wait(browser, lambda: strip.find_elements("css selector", "img")[2].is_displayed())
    browser.save_screenshot(str(tmp_path / "people.png"))
