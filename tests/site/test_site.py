"""The documentation site: it is built without warnings or network, and works in a browser.

`pytest -m site` builds it (or takes the directory that AUTODIFF_SITE names) and opens it in Chromium, if Selenium and a
browser are there: search, pictures, formulas, menus, and a screen as narrow as a telephone's.
"""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

pytestmark = pytest.mark.site
ROOT = Path(__file__).parents[2]
PAGES = [
    "index.html",
    "get-started.html",
    "examples/index.html",
    "examples/dynamics/figure_eight_orbit.html",
    "reference/transformations.html",
    "reference/coverage.html",
    "errors.html",
    "benchmarks.html",
    "sharp-bits.html",
]


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.anchors.add(str(given["id"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        elif tag == "link" and given.get("rel") != "canonical" and given.get("href"):
            self.loaded.append(str(given["href"]))
        elif given.get("src"):
            self.loaded.append(str(given["src"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the pages."""
    if "AUTODIFF_SITE" in os.environ:
        return Path(os.environ["AUTODIFF_SITE"])
    pytest.importorskip("sphinx_gallery")
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(ROOT / "docs"),
        str(out),
    ]
    environment = {name: value for name, value in os.environ.items() if name != "AUTODIFF_CHECK"}
    # A proxy that does not answer: whatever asks for the network fails.
    environment.update(http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9")
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    found = {}
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if not name.startswith(("_static/", "_modules/")):
            found[name] = Page(path.read_text(encoding="utf-8"))
    return found


# -- as files --------------------------------------------------------------------------------------
def test_every_link_leads_somewhere(site: Path, pages: dict[str, Page]) -> None:
    broken = []
    for name, page in pages.items():
        for link in [*page.links, *page.loaded]:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, anchor = urldefrag(urljoin(name, link))
            target = unquote(urlsplit(target).path)
            if not (site / target).exists():
                broken.append(f"{name}: {link}")
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
                broken.append(f"{name}: {link} (no such place)")
    assert len(pages) > 80
    assert broken == []


def test_no_page_needs_another_server(pages: dict[str, Page]) -> None:
    """Fonts, scripts, formulas and pictures are all part of the site."""
    foreign = {
        link for page in pages.values() for link in page.loaded if link.startswith(("http", "//"))
    }
    assert foreign == set()


def test_every_page_of_the_repository_is_on_the_site(site: Path) -> None:
    texts = {
        path.relative_to(ROOT / "docs").with_suffix(".html")
        for path in (ROOT / "docs").rglob("*.md")
        if "_build" not in path.parts
    }
    assert {path for path in texts if not (site / path).exists()} == set()
    scripts = {
        path.relative_to(ROOT / "docs" / "gallery")
        for path in (ROOT / "docs" / "gallery").rglob("*.py")
    }
    assert len(scripts) >= 24
    for script in scripts:
        assert (site / "examples" / script.with_suffix(".html")).exists()
        assert list((site / "_images").glob(f"sphx_glr_{script.stem}_001*.png")), script


# -- in a browser ----------------------------------------------------------------------------------
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if chromium is None:
        pytest.skip("no Chromium is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
                 f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


def wait(browser: Any, condition: str) -> Any:
    """What a JavaScript expression gives, as soon as it is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 20).until(lambda b: b.execute_script(f"return {condition}"))


@pytest.mark.parametrize("width", [1280, 375], ids=["desk", "telephone"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_screen_and_shows_its_pictures(
    browser: Any, address: str, page: str, width: int
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get(address + page)
    # Pictures below the screen are loaded when one scrolls there.
    browser.execute_script(
        "document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })"
    )
    wait(browser, "Array.from(document.images).every(i => i.complete)")
    broken = browser.execute_script(
        "return Array.from(document.images).filter(i => i.naturalWidth === 0).map(i => i.src)"
    )
    assert broken == []
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width, f"the page is {wide} wide"
    assert (
        browser.execute_script("return document.querySelector('h1').getBoundingClientRect().width")
        > 100
    )
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []


def test_the_gallery_shows_every_script(browser: Any, address: str) -> None:
    browser.get(address + "examples/index.html")
    count = len(list((ROOT / "docs" / "gallery").rglob("*.py")))
    assert (
        browser.execute_script(
            "return document.querySelectorAll('.sphx-glr-thumbcontainer').length"
        )
        == count
    )
    browser.execute_script("document.querySelector('.sphx-glr-thumbcontainer a').click()")
    wait(browser, "document.querySelector('article h1') && document.images.length > 0")
    assert "examples/" in browser.current_url


def test_formulas_are_drawn(browser: Any, address: str) -> None:
    browser.get(address + "examples/fitting/school_influenza.html")
    assert (
        browser.execute_script("return document.querySelectorAll('img[src*=mathmpl]').length") >= 1
    )


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("vmap", "transformations"),
        ("AD302", "errors"),
        ("Kalman", "nile_kalman"),
        ("holomorphic", "complex"),
    ],
)
def test_search_finds(browser: Any, address: str, words: str, page: str) -> None:
    browser.get(f"{address}search.html?q={words}")
    wait(browser, "document.querySelectorAll('#search-results li a').length > 0")
    found = wait(
        browser,
        f"Array.from(document.querySelectorAll('#search-results li a')).some(a => a.href.includes('{page}'))",
    )
    assert found


def test_the_menu_opens_on_a_telephone(browser: Any, address: str) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 375, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.get(address + "index.html")
    browser.execute_script("document.querySelector('button.primary-toggle').click()")
    wait(
        browser,
        "Array.from(document.querySelectorAll('dialog[open] a, .pst-primary-sidebar-modal a')).some(a => a.href.includes('examples/index'))",
    )
