"""The list of versions puts the newest release first, and the index leads there."""

import json

import pytest

from docs.site import versions


def listed(output):
    text = (output / "versions.js").read_text()
    return json.loads(text.removeprefix("showVersions(").removesuffix(");\n"))


@pytest.mark.parametrize(
    ("folders", "order", "first"),
    [
        (["dev"], ["dev"], "dev"),
        (["dev", "0.9", "0.10"], ["0.10", "0.9", "dev"], "0.10"),
        (["1.0", "2.0rc1"], ["2.0rc1", "1.0"], "1.0"),
    ],
)
def test_versions_are_listed_by_age(tmp_path, folders, order, first):
    """Releases come first, the newest before the others; a pre-release is no first page."""
    for folder in folders:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "index.html").touch()
    versions.write(tmp_path)
    assert [version["name"] for version in listed(tmp_path)] == order
    assert f"url={first}/index.html" in (tmp_path / "index.html").read_text()


def test_the_pages_of_a_version_are_listed(tmp_path):
    """The switch knows which pages a version has; the search and static files are none."""
    for name in ("index.html", "api/x.html", "search.html", "_static/x.html"):
        path = tmp_path / "dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    versions.write(tmp_path)
    assert listed(tmp_path)[0]["pages"] == ["api/x.html", "index.html"]
