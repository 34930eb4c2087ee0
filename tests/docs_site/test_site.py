"""The site of this tree: built without a warning, complete, and usable without a network."""

import importlib
import shutil

import pytest

from docs.site import versions
from docs.site.navigation import MODULES
from tests.docs_site.planted import ROOT, build
from tests.support.browser import visiting

pytestmark = [pytest.mark.needs("sphinx"), pytest.mark.xdist_group("docs-site")]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The site in two versions; the older lacks a page."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, "--version", "2.0", "--output", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    shutil.copytree(folder / "2.0", folder / "1.0")
    (folder / "1.0" / "glossary.html").unlink()
    versions.write(folder)
    return folder


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_is_on_its_page(output, module):
    """The API reference has an entry for each name of `__all__`, also for submodules."""
    page = (output / "2.0" / "api" / f"{module}.html").read_text()
    missing = []
    for name in getattr(importlib.import_module(module), "__all__", []):
        whole = f"{module}.{name}"
        if f'id="{whole}"' not in page and whole not in MODULES:
            missing.append(whole)
    assert not missing


def test_each_decision_is_listed(output):
    """The page of the decisions has a link to each record."""
    page = (output / "2.0" / "decisions" / "index.html").read_text()
    records = [path.stem for path in ROOT.glob("docs/decisions/[0-9]*.md")]
    assert [record for record in records if f'href="{record}.html"' not in page] == []


@pytest.fixture
def visit(output, chromium):
    """A browser at the site, opened from the disk; nothing may be asked of any host."""
    asked = []
    with visiting(chromium) as found:
        found.page.on("request", lambda request: asked.append(request.url))
        found.page.goto(f"file://{output}/index.html")
        found.page.wait_for_url("**/2.0/index.html")
        yield found
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []
    assert found.troubles == []


@pytest.mark.parametrize(("word", "page"), [("invite", "invite.html"), ("lease", "jobs.html")])
def test_the_search_works_without_a_server(visit, word, page):
    """A word is found in a site that was opened from the disk."""
    visit.page.fill("input.sidebar-search", word)
    visit.page.press("input.sidebar-search", "Enter")
    visit.page.wait_for_selector(f"#search-results a[href*='{page}']")


def test_the_switch_leads_to_the_same_page(visit):
    """Another version opens at the same page, and says that it is not the newest."""
    visit.page.click("text=What a GitHub App is >> nth=0")
    visit.page.select_option("#versions", label="1.0")
    visit.page.wait_for_url("**/1.0/github-apps.html")
    assert "version 1.0" in visit.page.inner_text(".not-the-newest")


def test_the_switch_leads_to_the_first_page_where_the_same_is_missing(visit, output):
    """A version without the page opens at its first page."""
    visit.page.goto(f"file://{output}/2.0/glossary.html")
    visit.page.select_option("#versions", label="1.0")
    visit.page.wait_for_url("**/1.0/index.html")


def test_dark_mode_stays(visit):
    """The choice of dark mode lasts to the next page."""
    visit.page.click(".content-icon-container .theme-toggle")
    visit.page.click("text=What a GitHub App is >> nth=0")
    visit.page.wait_for_url("**/github-apps.html")
    visit.page.wait_for_selector("body[data-theme=dark]")


def test_no_page_is_wider_than_a_telephone(output, chromium):
    """At 390 pixels nothing but tables, code and diagrams scrolls sideways."""
    wide = []
    with visiting(chromium, width=390) as found:
        for path in sorted((output / "2.0").rglob("*.html")):
            if "_static" in path.parts:
                continue
            found.page.goto(f"file://{path}")
            if found.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(path.name)
    assert wide == []
