"""The check of the built pages finds what a generator would let pass."""

import pytest

from docs.site.verify import findings

WHOLE = '<h1 id="top">x</h1><a href="#top">x</a><a href="other.html#there">x</a><img src="x.png">'


def site(tmp_path, page, style=""):
    (tmp_path / "page.html").write_text(page)
    (tmp_path / "other.html").write_text('<p id="there">x</p>')
    (tmp_path / "x.png").touch()
    (tmp_path / "x.css").write_text(style)
    return list(findings(tmp_path))


def test_a_whole_site_has_no_findings(tmp_path):
    """Links inside the site, its pictures and addresses elsewhere pass."""
    page = WHOLE + '<a href="https://example.org/a">x</a><a href="mailto:a@example.org">x</a>'
    assert site(tmp_path, page, "a { background: url(x.png) url(data:image/png;base64,AA) }") == []


@pytest.mark.parametrize(
    ("page", "finding"),
    [
        ('<a href="gone.html">', "gone.html: leads nowhere"),
        ('<a href="../page.html">', "../page.html: leads nowhere"),
        ('<a href="#gone">', "#gone: names nothing on its page"),
        ('<a href="other.html#gone">', "other.html#gone: names nothing on its page"),
        ('<a href="http://example.org">', "http://example.org: is not https"),
        ('<a href="https://nowhere">', "https://nowhere: names no host"),
        ('<a href="javascript:x()">', "the scheme javascript is not one of the web"),
        ('<img src="gone.png">', "loads gone.png, which is not there"),
        ('<img src="https://a.example/x.png">', "from another host"),
        ('<script src="//a.example/x.js"></script>', "from another host"),
        ('<link rel="preload stylesheet" href="https://a.example/x">', "from another host"),
        ('<p style="background: url(https://a.example/x)">', "loads https://a.example/x"),
    ],
)
def test_a_fault_of_a_page_is_found(tmp_path, page, finding):
    """Each kind of fault gives one finding that names the page."""
    (found,) = site(tmp_path, page)
    assert finding in found
    assert found.startswith("page.html: ")


@pytest.mark.parametrize("style", ["@import '//a.example/x'", "a { b: url(https://a.example/x) }"])
def test_a_stylesheet_loads_nothing_from_elsewhere(tmp_path, style):
    """A font or a stylesheet of another host is found."""
    (found,) = site(tmp_path, WHOLE, style)
    assert found.startswith("x.css: loads ")
