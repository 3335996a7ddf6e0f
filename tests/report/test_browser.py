"""The report in a real browser: filters, links, keyboard, phone width, dark mode, no request, no error."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from typer.testing import CliRunner

from ersde_theory.cli import app

CLAIMS = ("limits", "fei-order", "admissible", "order-ode")
VERDICTS = {"limits": "proved", "fei-order": "proved", "admissible": "qualified", "order-ode": "refuted"}
PHONE, DESKTOP = (390, 844), (1280, 900)


def _found(*names: str) -> str | None:
    """Return the first program that is there."""
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Write a report of a few claims with figures and derivations."""
    folder = tmp_path_factory.mktemp("report")
    result = CliRunner().invoke(app, ["verify", *CLAIMS, "--out", str(folder)])
    assert result.exit_code == 0, result.output
    return folder / "index.html"


@pytest.fixture(scope="module")
def browser(report):
    """Open the report in headless Chromium, with its console and network logged."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="comes with the extra `test`")
    chromium, driver = _found("chromium", "chromium-browser", "google-chrome"), _found("chromedriver")
    if chromium is None or driver is None:
        message = "needs Chromium and its driver (Debian: chromium, chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(f"the browser test {message}")
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={report.parent / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as found:
        found.set_window_size(*DESKTOP)
        found.get("about:blank")
        found.get_log("performance")  # what the browser's own first page asked for
        found.get(report.as_uri())
        yield found


def shown(browser) -> list[str]:
    """Return the ids of the claims whose row and section are both visible."""
    rows = [e.text for e in browser.find_elements("css selector", "tr[data-verdict] th a") if e.is_displayed()]
    sections = [
        e.get_attribute("aria-labelledby").removeprefix("claim-")
        for e in browser.find_elements("css selector", "section.claim[data-verdict]")
        if e.is_displayed()
    ]
    assert rows == sections
    return rows


def test_page_loads_without_errors_or_requests(browser, report):
    """Assert that the console is silent and that nothing but the file itself was asked for."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {
        event["params"]["request"]["url"].partition("#")[0]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}
    assert browser.get_log("browser") == []


def test_a_request_would_be_seen(browser, report):
    """Assert that the log shows a request that a page makes, with a picture that is not there."""
    browser.execute_script("const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i)")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert any("127.0.0.1" in url for url in asked)
    browser.get(report.as_uri())
    browser.get_log("browser")
    browser.get_log("performance")


@pytest.mark.parametrize("word", sorted(set(VERDICTS.values())))
def test_filter_shows_claims_of_one_verdict(browser, word):
    """Assert that a filter leaves rows and sections of its verdict alone, and that `all` brings them back."""
    browser.find_element("id", f"show-{word}").click()
    assert shown(browser) == [name for name in _in_order(browser) if VERDICTS[name] == word]
    browser.find_element("id", "show-all").click()
    assert sorted(shown(browser)) == sorted(CLAIMS)


def _in_order(browser) -> list[str]:
    """Return the claims in the order of the page."""
    links = browser.find_elements("css selector", "tr[data-verdict] th a")
    return [link.get_attribute("href").rpartition("#claim-")[2] for link in links]


def test_filters_work_from_the_keyboard(browser):
    """Assert that arrow keys move between filters and that the focus is seen."""
    first = browser.find_element("id", "show-all")
    first.click()
    first.send_keys("\ue015")  # down
    active = browser.switch_to.active_element
    assert active.get_attribute("id") != "show-all"
    assert len(shown(browser)) < len(CLAIMS)
    assert active.value_of_css_property("outline-style") != "none"
    browser.find_element("id", "show-all").click()


def test_every_link_leads_somewhere_in_the_page(browser):
    """Assert that each link's target exists and can be scrolled to, opening what hides it."""
    links = "[...document.querySelectorAll('a[href^=\"#\"]')]"
    targets = browser.execute_script(f"return {links}.map(a => [a.hash, !!document.getElementById(a.hash.slice(1))])")
    assert targets
    assert not [name for name, there in targets if not there]
    link = browser.find_element("css selector", "section.claim ul a[href^='#derivation-']")
    name = link.get_attribute("href").rpartition("#")[2]
    browser.execute_script("location.hash = arguments[0]", f"#{name}")
    assert browser.find_element("id", name).is_displayed()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_page_does_not_scroll_sideways(browser, size):
    """Assert that the page is as wide as the window; wide formulas and tables scroll by themselves."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
    )
    width, window = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= window


def test_dark_mode_is_dark_and_print_hides_controls(browser):
    """Assert that colours follow the reader's preference, with contrast, and that print has no controls."""
    dark = {"media": "screen", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    paper, ink = (_lightness(browser, name) for name in ("background-color", "color"))
    assert paper < 0.15
    assert ink > 0.8
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    assert not browser.find_element("id", "show-all").is_displayed()
    assert _lightness(browser, "background-color") > 0.95
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def _lightness(browser, name: str) -> float:
    """Return the mean of the three channels of a colour of the body, 0 to 1."""
    value = browser.find_element("css selector", "body").value_of_css_property(name)
    return sum(float(part) for part in value[value.index("(") + 1 : -1].split(",")[:3]) / 3.0 / 255.0
