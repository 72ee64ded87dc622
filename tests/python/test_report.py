"""The page about a plan: complete, self-contained, and read in a browser as a person would."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

import equiload as el
from equiload.palette import colours_of
from equiload.reporting import report

POSITIONS = [[50.1, 8.7], [52.5, 13.4], [48.9, 2.4], [35.7, 139.7], [-33.9, 18.4], [39.0, -77.5]]


@pytest.fixture(scope="module")
def problem():
    return el.data.world(6, 4, 24, seed=1)


@pytest.fixture(scope="module")
def solution(problem):
    return el.solve(problem, tol=1e-4)


@pytest.fixture(scope="module")
def page(problem, solution, tmp_path_factory):
    """Everything that a page can hold."""
    static = problem.static()
    policies = [el.online.Greedy(static, name) for name in ("GLB-Cost", "GLB-Carbon", "GLB-All")]
    policies += [el.online.MirrorDescent(static), el.online.RecedingHorizon(static, window=6)]
    path = tmp_path_factory.mktemp("page") / "report.html"
    report(
        solution,
        path,
        title="Fleet <of> six",
        frontier=el.frontier(problem, {"carbon": [1.0, 100.0, 1000.0]}, tol=1e-3),
        comparison=el.compare(problem, policies, offline=solution),
        positions=POSITIONS,
    )
    return path


def specs_of(path):
    text = path.read_text(encoding="utf-8")
    inside = re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.S)
    return json.loads(inside[1])


def test_the_page_holds_all_that_it_needs(page):
    text = page.read_text(encoding="utf-8")
    assert "<!--" not in text.split("<script")[0]
    assert "Fleet &lt;of&gt; six" in text
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="?https?:', text)
    assert {key.split()[0] for key in specs_of(page)} == {
        "map", "change", "load", "growth", "frontier", "policies",
    }  # fmt: skip


def test_its_numbers_are_those_of_the_plans(page, problem, solution):
    text, specs = page.read_text(encoding="utf-8"), specs_of(page)
    free = el.solve(problem.replace(equity={}), tol=1e-4)
    for name in ("carbon", "water"):
        rows = specs[f"change {name}"]["data"]["values"]
        for plan, answer in (("equity-aware", solution), ("cost only", free)):
            shown = {row["region"]: row["burden"] for row in rows if row["plan"] == plan}
            totals = dict(zip(problem.region_names[name], answer.footprints[name], strict=True))
            assert shown == pytest.approx(totals, rel=1e-3)
    found = el.certify(problem, solution)
    assert f"This plan costs {found.objective:,.0f} USD" in text
    assert f"can cost less than {found.lower_bound:,.0f} USD" in text
    ends = [row for row in specs["growth carbon"]["data"]["values"] if row["region"] != "mean"]
    last = max(row["time"] for row in ends)
    worst = max(row["burden"] for row in ends if row["time"] == last)
    assert worst == pytest.approx(solution.footprints["carbon"].max(), rel=1e-4)


def test_one_colour_a_policy():
    one, other = colours_of(["offline", "MirrorDescent"]), colours_of(["MirrorDescent", "mine"])
    assert one["MirrorDescent"] == other["MirrorDescent"] != other["mine"]
    assert len(set(colours_of(["a", "b", "GLB-Cost", "offline"]).values())) == 4


def test_runs_and_comparisons_are_reported(problem, solution, tmp_path):
    run = el.simulate(el.online.MirrorDescent(problem.static()), problem)
    report(run, tmp_path / "run.html", before=solution)
    free = el.solve(problem.replace(equity={}), tol=1e-2)
    report(solution, tmp_path / "free.html", before=free)
    assert "than the cost only plan" in (tmp_path / "free.html").read_text()
    assert "nothing is claimed about the best plan" in (tmp_path / "run.html").read_text()
    comparison = el.compare(problem, [el.online.Greedy(problem.static())])
    report(comparison, tmp_path / "comparison.html", before=False)
    specs = specs_of(tmp_path / "comparison.html")
    assert "policies carbon" in specs and "change carbon" not in specs


def test_work_that_waits_is_reported(problem, tmp_path):
    patient = problem.replace(network=problem.network.with_delays({0: 4}))
    plan = el.solve(patient, tol=1e-2)
    report(plan, tmp_path / "patient.html", before=False)
    rows = specs_of(tmp_path / "patient.html")["state work that waits"]["data"]["values"]
    shown = {row["name"]: row["value"] for row in rows if row["time"] == rows[0]["time"]}
    network = patient.network
    later = (network.gateway == 0) & (network.delay > 0)
    expected = plan.allocation[0, later].sum()
    assert shown[patient.gateway_names[0]] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_what_cannot_be_reported_is_refused(problem, solution, tmp_path):
    path = tmp_path / "report.html"
    with pytest.raises(el.InputError, match="a Problem cannot be reported"):
        report(problem, path)
    with pytest.raises(el.InputError, match=r"positions has shape \(2,\)"):
        report(solution, path, positions=[1.0, 2.0])
    with pytest.raises(el.InputError, match="nowhere"):
        report(solution, tmp_path / "nowhere" / "report.html", before=False)
    for word in ("title", "before", "frontier", "comparison"):
        with pytest.raises(el.InputError, match=rf"{word} is a int; it must be a "):
            report(solution, path, **{word: 3})
    with pytest.raises(el.InputError, match="path is a int; it must be text or a Path"):
        report(solution, 3)
    full = el.solve(el.Problem(np.full((2, 1), 9.0), [5.0], [[1.0]] * 2))
    with pytest.raises(el.InputError, match="there is no plan to report: slot 0"):
        report(full, path)
    other = el.solve(el.data.world(5, 4, 24), tol=1e-2)
    with pytest.raises(el.InputError, match="before belongs to a problem with other"):
        report(solution, path, before=other)
    assert not path.exists()


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window and without a network."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as started:
        started.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        started.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield started


def opened(browser, page, width: int, scheme: str):
    from selenium.webdriver.support.ui import WebDriverWait

    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get(page.as_uri())
    ready = "return document.documentElement.dataset.ready === 'yes'"
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(ready))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it_without_overlap(browser, page, width, scheme, tmp_path):
    opened(browser, page, width, scheme)
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "DEBUG"] == []
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    charts = browser.find_elements("css selector", ".chart")
    shown = [chart for chart in charts if chart.is_displayed()]
    assert len(shown) == 5
    for chart in shown:
        svg = chart.find_element("css selector", "svg")
        assert 0.6 * chart.size["width"] < svg.size["width"] <= width
        # Labels of an axis lie side by side, and within the picture.
        overlaps = browser.execute_script(OVERLAPS, chart)
        assert overlaps == [], chart.get_attribute("data-chart")
    assert browser.execute_script(BLOCKS) == []
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == (scheme == "dark")
    assert browser.save_screenshot(str(tmp_path / "page.png"))


# Pairs of labels that lie on each other, and labels that stick out of their picture.
OVERLAPS = """
const found = [], svg = arguments[0].querySelector("svg").getBoundingClientRect();
const legend = [...arguments[0].querySelectorAll(".role-legend-label text")];
const axes = [...arguments[0].querySelectorAll(".role-axis-label")];
for (const group of [legend, ...axes.map((axis) => [...axis.querySelectorAll("text")])]) {
  const texts = group.filter((t) => getComputedStyle(t).opacity > 0);
  const boxes = texts.map((text) => text.getBoundingClientRect());
  boxes.forEach((a, n) => {
    const out = [svg.left - a.left, a.right - svg.right, svg.top - a.top, a.bottom - svg.bottom];
    if (Math.max(...out) > 1) found.push(texts[n].textContent);
    for (const b of boxes.slice(n + 1)) {
      const over = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (over > 1 && down > 3) found.push([texts[n].textContent, over, down]);
    }
  });
}
return found;
"""
# Sections, figures and tiles that lie on the one before them.
BLOCKS = """
const found = [];
for (const kind of ["section", "section > *", ".tile"]) {
  const shown = [...document.querySelectorAll(kind)].filter((e) => e.offsetParent !== null);
  const boxes = shown.map((e) => e.getBoundingClientRect());
  boxes.slice(1).forEach((b, n) => {
    const a = boxes[n], over = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    if (over > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1) found.push(kind);
  });
}
return found;
"""


def column(browser, key: str, number: int) -> list[str]:
    cells = f'table[data-table="{key}"] tbody tr:not([hidden]) td:nth-child({number})'
    return [cell.text for cell in browser.find_elements("css selector", cells)]


def click(browser, element):
    middle = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
    browser.execute_script(middle, element)
    element.click()


def test_a_person_sorts_searches_and_switches(browser, page, problem):
    opened(browser, page, 1200, "light")
    head = browser.find_element("css selector", 'table[data-table="sites"] th:nth-child(2)')
    for direction in ("descending", "ascending"):
        click(browser, head.find_element("css selector", "button"))
        assert head.get_attribute("aria-sort") == direction
        loads = [float(text.replace(",", "")) for text in column(browser, "sites", 2)]
        assert loads == sorted(loads, reverse=direction == "descending") and len(set(loads)) > 1
    field = browser.find_element("css selector", 'input[data-search="sites"]')
    field.send_keys(problem.site_names[2])
    assert column(browser, "sites", 1) == [problem.site_names[2]]
    tab = browser.find_element("css selector", "#tab-change-1")
    click(browser, tab)
    assert tab.get_attribute("aria-selected") == "true"
    panel = browser.find_element("css selector", "#panel-change-1 .chart")
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30).until(lambda b: panel.get_attribute("data-drawn") == "yes")
    assert not browser.find_element("css selector", "#panel-change-0").is_displayed()
