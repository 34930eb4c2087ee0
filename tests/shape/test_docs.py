"""The documentation can break the build: links lead somewhere, and nothing is left out."""

import re
from pathlib import Path

import pytest

from bot.rules import CORE_PERMISSIONS, RULES
from bot_deploy.__main__ import subcommands
from bot_deploy.config.sources import KNOWN

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
REFERENCE = ROOT / "docs" / "reference.md"
MAPPED = ("bot", "luggage", "bot_deploy")
LONGEST_MAP = 40
# What is neither a room nor a module of its own in the map of the README.
UNMAPPED = {"__init__", "__pycache__", "migrations", "templates", "static", "py", "versions"}


def name_of(page):
    return str(page.relative_to(ROOT))


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_a_page_lead_somewhere(page):
    """A relative link names a file that exists, and a heading in it."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)}: {link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{name_of(page)}: {link} names no heading"


@pytest.mark.parametrize("name", sorted(subcommands()))
def test_each_subcommand_is_in_the_reference(name):
    """docs/reference.md has a line for each subcommand."""
    assert re.search(rf"^\| `{name}[ `]", REFERENCE.read_text(), re.MULTILINE)


def settings():
    """Each variable that bot_deploy asks the operator for."""
    source = (ROOT / "bot_deploy" / "config" / "settings.py").read_text()
    asked = re.findall(r'sources\.(?:text|word|path)\("([A-Z_]+)"', source)
    known = [name for setting in KNOWN.values() for name in setting.variables[::2]]
    return sorted({*asked, *known, "BOT_CONFIG", "BOT_DATA", "SECRET_KEY", "SECRET_KEY_FILE"})


def test_each_rule_says_which_permissions_it_needs():
    """docs/howto/register.md has a row for the bot, and for each rule with what it needs."""
    page = (ROOT / "docs" / "howto" / "register.md").read_text()
    rows = [("the bot itself", CORE_PERMISSIONS)]
    for rule in RULES:
        off = "" if rule.settings().enabled else " (off by default)"
        rows.append((f"`{rule.name}`{off}", rule.permissions))
    lines = []
    for who, needed in rows:
        cell = ", ".join(f"{name.replace('_', ' ')}: {needed[name]}" for name in sorted(needed))
        lines.append(f"| {who} | {cell} |\n")
    assert f"|---|---|\n{''.join(lines)}\n" in page


@pytest.mark.parametrize("name", settings())
def test_each_setting_is_in_the_reference(name):
    """docs/reference.md has a line for each variable."""
    assert re.search(rf"^\| `{name}`", REFERENCE.read_text(), re.MULTILINE)


def modules():
    """Each module or room of the house: `bot/web/app.py`, `luggage/github/`.

    Of bot_deploy only the rooms: its modules are the subcommands, which docs/reference.md lists.
    """
    for package in MAPPED:
        for path in sorted((ROOT / package).iterdir()):
            if package == "bot_deploy" and not path.is_dir():
                continue
            if path.stem not in UNMAPPED and not path.name.startswith((".", "__")):
                yield f"{package}/{path.name}{'/' if path.is_dir() else ''}"


@pytest.mark.parametrize("module", list(modules()))
def test_each_module_has_a_line_in_the_map(module):
    """README.md shows the house, a line for each module."""
    folder, name = module.split("/", 1)
    readme = (ROOT / "README.md").read_text()
    room = re.search(rf"^{folder}/ .*?(?=^\S|```)", readme, re.MULTILINE | re.DOTALL)
    assert room, f"the map has no room {folder}/"
    assert re.search(rf"^  {re.escape(name)}\s+\S", room[0], re.MULTILINE), f"no line for {module}"


def test_the_map_fits_on_a_screen():
    """The map in README.md has at most 40 lines."""
    (tree,) = re.findall(
        r"^```\nbot/ .*?^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(tree.splitlines()) - 2 <= LONGEST_MAP


def libraries():
    """The names in requirements.in."""
    lines = (ROOT / "requirements.in").read_text().splitlines()
    names = [re.match(r"[\w-]+", line) for line in lines if not line.startswith("#")]
    return sorted(name[0] for name in names if name)


@pytest.mark.parametrize("library", libraries())
def test_each_library_has_a_decision(library):
    """docs/decisions says of each library why it was chosen."""
    records = "\n".join(path.read_text().lower() for path in ROOT.glob("docs/decisions/*.md"))
    assert re.search(rf"\b{re.escape(library)}\b", records)


def decisions():
    return sorted((ROOT / "docs" / "decisions").glob("[!R]*.md"))


@pytest.mark.parametrize("record", decisions(), ids=name_of)
def test_a_decision_is_named_and_dated(record):
    """A record is called NNNN-title.md, and says its status and its date."""
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", record.name)
    assert re.search(r"20\d\d-\d\d-\d\d", record.read_text())


def test_the_numbers_of_decisions_differ():
    """A record is known by its number."""
    numbers = [record.name[:4] for record in decisions()]
    assert len(numbers) == len(set(numbers))


def test_a_new_rule_takes_four_files_to_read():
    """The guide's rule imports what the four files define that the guide names, and no more."""
    guide = (ROOT / "docs" / "howto" / "write-a-rule.md").read_text()
    rule = re.search(r"```python\n(.*?)```", guide, re.DOTALL)[1]
    modules = set(re.findall(r"^from (bot[.\w]*) import", rule, re.MULTILINE))
    assert modules == {"bot.actions", "bot.events", "bot.options.kinds", "bot.rule"}
    sentence = re.search(r"Four files define [^.]*?: (.*?)\.\n\n", guide, re.DOTALL)[1]
    files = re.findall(r"`(bot/[\w/]*\.py)`", sentence)
    assert len(files) == len(modules)
    assert all((ROOT / file).is_file() for file in files)
