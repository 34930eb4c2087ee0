"""The document editor: values go to the expected place, and nothing else moves."""

import difflib
import tomllib
from collections.abc import Callable

import pytest

from luggage.crypto import (
    DocumentError,
    KeyMissing,
    KeyOfAnotherPair,
    KeyPresent,
    NameUnknown,
    PrivateKey,
    ValueCount,
    conceal,
    open_secrets,
)
from luggage.crypto.document import Document, Entry

KEY = PrivateKey(b"1" * 32)
OTHER = PrivateKey(b"2" * 32)
TEXT = '''\
# What this is.
[keys]

# About the bot.
[github]
# The number.
# app_id = 12345   # an example

user_agent = 'bot'   # kept as it is

[github.deep]
x = "1"

# About people.
[invite]
merged = 1
message = """
# app_id = 5
[github]
"""

[sentry]
# dsn = "x"'''


@pytest.fixture
def document() -> Document:
    """A document with a current key."""
    made = Document(TEXT)
    made.add_key(KEY.public)
    return made


def seal(document: Document, name: str, value: str = "hunter2") -> None:
    """Set `name` to `value`, sealed for the current key."""
    document.put(name, document.current_key().seal(name, value))


def seal_in_list(document: Document, name: str, value: str, *, keep: bool) -> None:
    """Put `value` into the list of `name`, sealed for the current key."""
    document.put_in_list(name, document.current_key().seal(name, value), keep=keep)


def added(before: str, after: str) -> list[str]:
    """Return the added and removed lines up to a colon, like `diff`."""
    lines = difflib.ndiff(conceal(before).splitlines(), conceal(after).splitlines())
    return sorted(line.split(":")[0] for line in lines if line[0] in "+-")


def value(document: Document, name: str, *keys: PrivateKey) -> tuple[str, ...]:
    """Return the plain values under `name`."""
    return open_secrets(tomllib.loads(document.text), keys or (KEY,))[name].reveal_all()


def test_untouched_text_is_kept() -> None:
    """An unchanged document is written as it was read, with a final line end."""
    assert Document(TEXT).text == f"{TEXT}\n"


def test_a_key_is_listed_in_its_section(document: Document) -> None:
    """The public key goes into [keys], before the comment of the next section."""
    assert document.text.startswith(
        f'# What this is.\n[keys]\ncurrent = "{KEY.id}"\n{KEY.id} = "{KEY.public.text}"\n\n# About'
    )


def test_a_second_pair_is_refused(document: Document) -> None:
    """A document with a pair refuses another, and names the remedy."""
    with pytest.raises(KeyPresent, match=f"{KEY.id}: `rotate`"):
        document.add_key(OTHER.public)


def test_a_second_pair_on_demand(document: Document) -> None:
    """With `beside_others` it takes another pair, which becomes current."""
    document.add_key(OTHER.public, beside_others=True)
    assert (list(document.live_keys()), document.current_key().id) == ([KEY.id, OTHER.id], OTHER.id)


@pytest.mark.parametrize("keys", ["", '[keys]\ncurrent = "12345678"\n', "[keys]\ncurrent = []\n"])
def test_no_current_key(keys: str) -> None:
    """The error has a remedy."""
    with pytest.raises(KeyMissing, match="make a pair with `keygen`"):
        Document(keys).current_key()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("github.app_id", ["- # app_id = 12345   # an example", '+ app_id = "sealed']),
        ("github.user_agent", ["- user_agent = 'bot'   # kept as it is", '+ user_agent = "sealed']),
        ("github.new", ['+ new = "sealed']),
        ("github.deep.y", ['+ y = "sealed']),
        ("invite.new", ['+ new = "sealed']),
        ("sentry.dsn", ['- # dsn = "x"', '+ dsn = "sealed']),
        ("sentry.new", ['+ new = "sealed']),
        ("brand.new", ["+ ", "+ [brand]", '+ new = "sealed']),
        ("top", ['+ top = "sealed', "+ "]),
    ],
)
def test_a_value_takes_its_place(document: Document, name: str, change: list[str]) -> None:
    """A value replaces the old one or its commented example, or is added; other lines stay."""
    before = document.text
    seal(document, name)
    assert (added(before, document.text), value(document, name)) == (sorted(change), ("hunter2",))


def test_a_new_value_ends_its_section(document: Document) -> None:
    """A new value follows the last one of its section, before the next section's comments."""
    seal(document, "github.deep.new")
    lines = document.text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("new = "))
    assert [lines[i] for i in (place - 1, place + 1, place + 2)] == [
        'x = "1"',
        "",
        "# About people.",
    ]


def test_comments_behind_values_stay(document: Document) -> None:
    """A comment after a value stays when the value is replaced."""
    seal(document, "github.user_agent")
    assert '"   # kept as it is\n' in document.text


@pytest.mark.parametrize(
    "text",
    [
        "github = {a = 1}\n",
        "[github.deep]\nx = 1\n",
        "github.x = 1\n",
        "[github.a]\n[other]\n[github.b]\n",
        "[github]\n[[github.many]]\nx = 1\n",
        "[github]\na = 1\n[github.deep]\n# token = 1\n",
        "[github]\r\n# token = 1\r\n\r\n[other]\r\n",
        "",
    ],
)
def test_unusual_forms(text: str) -> None:
    """Inline, implied, scattered and repeated sections take a value too."""
    document = Document(text)
    document.add_key(KEY.public)
    seal(document, "github.token")
    assert value(document, "github.token") == ("hunter2",)


def test_a_list_grows(document: Document) -> None:
    """A list takes a first value and another, each on its own line."""
    seal_in_list(document, "github.hooks", "one", keep=True)
    seal_in_list(document, "github.hooks", "two", keep=True)
    lines = [line.strip()[:9] for line in document.text.splitlines() if "sealed:" in line]
    assert (value(document, "github.hooks"), lines) == (("one", "two"), ['"sealed:a'[:9]] * 2)


def test_a_list_is_replaced(document: Document) -> None:
    """One value can replace a list."""
    seal_in_list(document, "github.hooks", "one", keep=True)
    seal_in_list(document, "github.hooks", "two", keep=False)
    assert value(document, "github.hooks") == ("two",)


def test_one_value_is_not_put_over_a_list(document: Document) -> None:
    """The caller must choose between adding and replacing."""
    seal_in_list(document, "github.hooks", "one", keep=True)
    with pytest.raises(ValueCount, match=r"--append.*--replace"):
        seal(document, "github.hooks", "two")


def test_a_list_is_not_put_over_one_value(document: Document) -> None:
    """One value does not become a list."""
    with pytest.raises(ValueCount, match=r"github\.user_agent is one value"):
        seal_in_list(document, "github.user_agent", "two", keep=True)


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a..b", "a.", "keys.current", "keys", "github", "github.user_agent.x", "gïthub.x"],
)
def test_invalid_names(document: Document, name: str) -> None:
    """A malformed name, a section, a name below a value or in [keys] is refused."""
    with pytest.raises(NameUnknown):
        seal(document, name)


def test_entries(document: Document) -> None:
    """Each value has an entry with the id of its pair, if it is sealed."""
    seal_in_list(document, "sentry.hooks", "one", keep=True)
    assert [
        entry for entry in document.entries() if entry.name.startswith(("github", "sentry"))
    ] == [
        Entry("github.user_agent", 1, 1, None),
        Entry("github.deep.x", 1, 1, None),
        Entry("sentry.hooks", 1, 1, KEY.id),
    ]


@pytest.fixture
def full(document: Document) -> Document:
    """A document with sealed and plain values, and a list of both."""
    seal(document, "sentry.dsn", "one")
    seal_in_list(document, "github.hooks", "two", keep=True)
    seal_in_list(document, "github.hooks", "three", keep=True)
    return document


def test_reseal_opens_with_the_new_key(full: Document) -> None:
    """After a rotation every value opens with the new key alone."""
    assert full.reseal([KEY], OTHER.public) == 3
    assert value(full, "sentry.dsn", OTHER) + value(full, "github.hooks", OTHER) == (
        "one",
        "two",
        "three",
    )


def test_reseal_refuses_the_old_key(full: Document) -> None:
    """After a rotation the old key opens nothing."""
    full.reseal([KEY], OTHER.public)
    with pytest.raises(KeyOfAnotherPair):
        value(full, "sentry.dsn", KEY)


def test_reseal_retires_the_old_pair(full: Document) -> None:
    """After a rotation [keys] lists the new pair alone."""
    full.reseal([KEY], OTHER.public)
    assert (list(full.live_keys()), KEY.id in full.text) == ([OTHER.id], False)


def test_reseal_moves_nothing_else(full: Document) -> None:
    """A rotation changes only the sealed values and the keys."""

    def without(text: str) -> list[str]:
        kept = conceal(text).splitlines()
        return [line.split("sealed:")[0] for line in kept if "public_" not in line]

    before = full.text.replace(KEY.id, OTHER.id)
    full.reseal([KEY], OTHER.public)
    assert without(full.text) == without(before)


PARTS = {"web": OTHER.public}


def part_of(name: str) -> str:
    """The hooks are the web part's."""
    return "web" if name == "github.hooks" else ""


def test_reseal_in_parts(full: Document) -> None:
    """The pair of a part opens its own values; another key opens none of them."""
    third = PrivateKey(b"3" * 32)
    assert full.reseal([KEY], third.public, parts=PARTS, part_of=part_of) == 3
    assert value(full, "github.hooks", OTHER) == ("two", "three")
    assert value(full, "sentry.dsn", third) == ("one",)
    for name, key in (("sentry.dsn", OTHER), ("github.hooks", third)):
        with pytest.raises(KeyOfAnotherPair):
            value(full, name, key)


def test_a_part_without_a_pair_has_the_current_one(document: Document) -> None:
    """A document without parts seals everything for its current key."""
    assert document.part_keys() == {}
    assert document.key_for("web").id == KEY.id


def test_the_pairs_of_parts_are_kept(document: Document) -> None:
    """One more pair leaves those of the parts as they are."""
    third = PrivateKey(b"3" * 32)
    document.add_key(third.public, beside_others=True, parts=PARTS)
    document.add_key(KEY.public, beside_others=True)
    assert document.key_for("web").id == OTHER.id
    assert document.key_for("loop").id == KEY.id
    assert document.live_keys().keys() == {KEY.id, OTHER.id, third.id}


def test_a_part_whose_pair_is_gone(document: Document) -> None:
    """A part that names a pair which [keys] lacks is told, with the remedy."""
    broken = Document(document.text.replace("[keys]\n", '[keys]\nweb = "00000000"\n'))
    with pytest.raises(KeyMissing, match="lacks 00000000, the pair of web: `rotate`"):
        broken.key_for("web")


def test_reseal_is_all_or_nothing(full: Document) -> None:
    """If one value cannot be opened, nothing changes."""
    full.add_key(OTHER.public, beside_others=True)
    seal(full, "github.app_id", "four")
    before = full.text
    with pytest.raises(KeyOfAnotherPair):
        full.reseal([KEY], PrivateKey(b"3" * 32).public)
    assert full.text == before


@pytest.mark.parametrize(
    "use",
    [
        Document,
        lambda text: Document("x = 1\n").__init__(text),  # type: ignore[misc]
    ],
)
def test_not_toml(use: Callable[[str], object]) -> None:
    """A text that is not TOML is refused in one line."""
    with pytest.raises(
        DocumentError, match=r"^the document is not valid TOML \([^\n]*\): fix it[^\n]*$"
    ):
        use("<<<<<<< mine\n")


# An inline table of several lines is TOML 1.1.
needs_toml_1_0 = pytest.mark.needs("TOML 1.0")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a = {\nb = 1}", marks=needs_toml_1_0),
        "a = " + "[" * 3000,
        f"a = {'9' * 5000}",
    ],
)
def test_a_document_that_the_bot_cannot_read_is_refused(text):
    """The bot's reader may support an older TOML than tomlkit."""
    with pytest.raises(DocumentError, match="not valid TOML"):
        Document(text)


@needs_toml_1_0
def test_a_change_that_is_refused_changes_nothing():
    """The document stays as it was."""
    document = Document("a = 1\n")
    with pytest.raises(DocumentError):
        document._load("b = {\nc = 1}")
    assert document.text == "a = 1\n"
