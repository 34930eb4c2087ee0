"""Navigation of the site: the pages in the sidebar's order, and the documented modules.

A page is named by its path in docs/, without the suffix. A page that is missing here fails the
build.
"""

# Each module gets a page `api/MODULE` with every public name; no other list names them.
MODULES = (
    "luggage.github",
    "luggage.fake_github",
    "luggage.fake_github.faults",
    "luggage.jobs",
    "bot.rule",
    "bot.actions",
    "bot.events",
    "bot.facts",
)

# Pages at the root of the repository, and their names on the site.
ROOT_PAGES = {"CONTRIBUTING.md": "contributing", "CHANGELOG.md": "changelog"}

NAVIGATION = {
    "Set up your bot": (
        "tutorial",
        "github-apps",
        "howto/register",
        "howto/without-a-public-address",
        "settings",
        "howto/invite",
        "howto/commands",
        "howto/pause",
    ),
    "Operate it": (
        "howto/install",
        "howto/deploy",
        "howto/upgrade",
        "howto/uninstall",
        "howto/secrets",
        "howto/doctor",
        "howto/console",
        "howto/deliveries",
        "howto/observe",
        "howto/backup",
        "howto/many-machines",
        "howto/board-on-parse",
        "reference",
    ),
    "Write a rule": (
        "howto/write-a-rule",
        "api/bot.rule",
        "api/bot.actions",
        "api/bot.events",
        "api/bot.facts",
    ),
    "Write a GitHub App": (
        "library",
        "howto/test-your-bot",
        "api/luggage.github",
        "api/luggage.fake_github",
        "api/luggage.fake_github.faults",
        "api/luggage.jobs",
    ),
    "How it works": (
        "architecture",
        "security",
        "reliability",
        "answers",
        "performance",
        "differences",
        "mutants",
        "model/index",
        "decisions/index",
        "glossary",
    ),
    "Project": ("contributing", "changelog"),
}
