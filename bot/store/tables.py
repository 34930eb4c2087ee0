"""Tables of the bot, without those of the queue (luggage.jobs)."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite only numbers rows automatically if the type of the key is exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")

board_line = Table(
    "board_line",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("said_at", Double, nullable=False),
    Column("text", Text, nullable=False),
    # The line's id on the board's server; None in lines older than this column.
    Column("uid", String(32)),
    # When the bot last tried to send it there, and when it knew that it was there.
    Column("sending_at", Double),
    Column("sent_at", Double),
)

beat = Table(
    "beat",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("beat_at", Double, nullable=False),
)

membership = Table(
    "membership",
    metadata,
    Column("organization", String(100), primary_key=True),
    Column("person", String(100), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("seen_at", Double, nullable=False),
)

# Numeric ids of accounts and repositories. `key_name` is the name that all other tables, and the
# keys of actions, have for them (bot.store.identities); it never changes. `name` is the name last
# seen, at `seen_at`, or "" where another one has taken it over since. Both are in lower case.
identity = Table(
    "identity",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("key_name", String(200), nullable=False),
    Column("name", String(200), nullable=False, index=True),
    Column("seen_at", Double, nullable=False),
    UniqueConstraint("kind", "key_name", name="identity_key_name"),
)

# Issues that people claimed through the bot and have not released.
claim = Table(
    "claim",
    metadata,
    Column("repository", String(200), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("person", String(100), primary_key=True),
    Column("claimed_at", Double, nullable=False),
)

# The position in GitHub's log of deliveries, by GitHub's clock, in one row. `caught_up_at` is when
# no delivery was missing, by our clock.
recovery = Table(
    "recovery",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("cursor", Text, nullable=False),
    Column("caught_up_at", Double, nullable=False),
)

# The rate limits of an installation, in luggage.github's own format.
limit_memory = Table(
    "limit_memory",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("text", Text, nullable=False),
)

# Sealed with a key that bot.store.tokens derives from the App's private key.
installation_token = Table(
    "installation_token",
    metadata,
    Column("installation", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", Double, nullable=False),
)

# Console sessions. Hashes only, so that a reader of the database cannot sign in.
console_session = Table(
    "console_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("who", String(100), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("used_at", Double, nullable=False),
    # What the person may see, as bot.web.ownership encodes it; "" is nothing.
    Column("scope", Text, nullable=False, server_default=""),
)

console_link = Table(
    "console_link",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("expires_at", Double, nullable=False),
)

# Missed deliveries: those to fetch, and those that are lost, with the reason.
missed = Table(
    "missed",
    metadata,
    Column("guid", String(100), primary_key=True),
    Column("attempt_id", BigInteger, nullable=False),
    Column("attempted_at", Double, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("lost", Text, nullable=False),
)

# The cache of `.github/bot.toml` of each repository: its last valid text, and current problems.
settings_file = Table(
    "settings_file",
    metadata,
    Column("repository", String(200), primary_key=True),
    Column("text", Text, nullable=False),
    Column("sha", String(64), nullable=False),
    Column("problems", Text, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("checked_at", Double, nullable=False),
)

# The issues of KeepIssue actions: their number, and the job that last changed them.
kept_issue = Table(
    "kept_issue",
    metadata,
    Column("about", String(300), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("job", BigInteger, nullable=False),
)

# The scheduled time for which each rule last ran.
schedule = Table(
    "schedule",
    metadata,
    Column("rule", String(100), primary_key=True),
    Column("tick", Double, nullable=False),
)

# Invitations that the bot sent or was about to send.
invitation = Table(
    "invitation",
    metadata,
    Column("organization", String(100), primary_key=True),
    Column("person", String(100), primary_key=True),
    Column("sent_at", Double, nullable=False),
)

# Requests for approval of an invitation: where the bot asked, and the merged pull request, both as
# owner/repo#number. `login` is in GitHub's spelling.
invitation_request = Table(
    "invitation_request",
    metadata,
    Column("organization", String(100), primary_key=True),
    Column("person", String(100), primary_key=True),
    Column("asked_in", String(300), nullable=False, index=True),
    Column("pull_request", String(300), nullable=False),
    Column("login", String(100), nullable=False),
)

# Pull requests that were seen to be merged: GitHub's search learns of them later.
merged = Table(
    "merged",
    metadata,
    Column("organization", String(100), primary_key=True),
    Column("person", String(100), primary_key=True),
    Column("repository", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
)

# The first issue or pull request of a person in a repository.
newcomer = Table(
    "newcomer",
    metadata,
    Column("repository", String(200), primary_key=True),
    Column("person", String(100), primary_key=True),
    Column("number", Integer, nullable=False),
)

# The time (GitHub's, ISO 8601) of the latest command to pause or resume an organisation.
rest_order = Table(
    "rest_order",
    metadata,
    Column("organization", String(100), primary_key=True),
    Column("ordered_at", String(40), nullable=False),
)

# What GitHub refuses in an installation (bot.store.refusals).
refusal = Table(
    "refusal",
    metadata,
    Column("installation", BigInteger, primary_key=True, autoincrement=False),
    Column("account", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("words", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("since", Double, nullable=False),
)

# What operators did in the console and at the terminal (bot.store.audit). `delivery` is the number
# of the delivery that it is about, 0 for none; `tenant` its installation, "" for the whole bot.
operator_action = Table(
    "operator_action",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("at", Double, nullable=False),
    Column("who", String(200), nullable=False),
    Column("place", String(20), nullable=False),
    Column("what", String(40), nullable=False),
    Column("about", Text, nullable=False),
    Column("delivery", BigInteger, nullable=False),
    Column("tenant", String(40), nullable=False),
)

# The counter totals of all processes (bot.store.totals); `labels` is a JSON list.
total = Table(
    "total",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("labels", String(300), primary_key=True),
    Column("value", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
)

# The number of each process's last addition to the totals, so that none counts twice.
total_source = Table(
    "total_source",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("told_at", Double, nullable=False),
)
