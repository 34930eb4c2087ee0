"""luggage.telemetry.logs: log lines and crash reports."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from luggage.telemetry import logs

log = logging.getLogger("some.module")


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.fixture
def text() -> Callable[[], str]:
    """Return everything logged as text since the test began."""
    stream = io.StringIO()
    logs.configure_logging("text", name="loop", stream=stream)
    return stream.getvalue


@pytest.fixture
def one_object() -> Callable[[], dict[str, object]]:
    """Return the one line logged as JSON since the test began."""
    stream = io.StringIO()
    logs.configure_logging("json", name="loop", stream=stream)
    return lambda: json.loads(stream.getvalue())


def log_an_error(message: str) -> None:
    """Log a failure with its exception."""
    log.error("failed", exc_info=ValueError(message))


def test_a_text_line_names_time_level_process_and_logger(text: Callable[[], str]) -> None:
    """A text line has the time, the level, the process and the module."""
    log.warning("it rains")
    time, level, process, logger, *words = text().split()
    assert time.endswith("Z")
    assert (level, process.partition("[")[0], logger) == ("WARNING", "loop", "some.module:")
    assert words == ["it", "rains"]


def test_a_json_line_has_the_same_fields(one_object: Callable[[], dict[str, object]]) -> None:
    """A JSON line has the same under field names, and the fields of `extra`."""
    log.warning("it %s", "rains", extra={"litres": 3})
    found = one_object()
    assert found.pop("time")
    assert found.pop("pid")
    assert found == {
        "level": "WARNING",
        "logger": "some.module",
        "message": "it rains",
        "process": "loop",
        "litres": 3,
    }


def test_a_line_has_the_fields_of_its_context(text: Callable[[], str]) -> None:
    """Inside `log_context` each line has the delivery; inner blocks add to it."""
    with logs.log_context(delivery="d-1"), logs.log_context(job=7):
        log.info("deciding")
    assert text().rstrip().endswith("deciding (delivery=d-1, job=7)")


def test_a_context_ends_with_its_block(text: Callable[[], str]) -> None:
    """Lines after the block have no fields."""
    with logs.log_context(delivery="d-1"):
        pass
    log.info("idle")
    assert "d-1" not in text()


def test_a_json_line_has_the_fields_of_its_context(
    one_object: Callable[[], dict[str, object]],
) -> None:
    """The delivery is a field of the object."""
    with logs.log_context(delivery="d-1"):
        log.info("deciding")
    assert one_object()["delivery"] == "d-1"


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ("red \x1b[31m", r"red \x1b[31m"),
        ("one\ntwo\r", r"one\ntwo\r"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202eevil", r"\u202eevil"),
        ("line\u2028end", r"line\u2028end"),
        ("grüße 🐍", "grüße 🐍"),
    ],
    ids=["colour", "line end", "C1", "bidirectional", "U+2028", "letters"],
)
def test_a_payload_cannot_steer_a_terminal(
    text: Callable[[], str], payload: str, shown: str
) -> None:
    """Control characters of a quoted payload are escaped; letters stay."""
    log.info("title: %s", payload)
    assert text().endswith(f"title: {shown}\n")


def test_a_lone_surrogate_is_escaped() -> None:
    """JSON may have one, but UTF-8 cannot encode it."""
    assert logs.escape("half \ud83d") == r"half \ud83d"


def test_a_payload_cannot_forge_a_field(text: Callable[[], str]) -> None:
    """A delivery's id is escaped like the message."""
    with logs.log_context(delivery="x\ny"):
        log.info("deciding")
    assert text().count("\n") == 1


def test_a_traceback_is_indented_and_escaped(text: Callable[[], str]) -> None:
    """No line of a traceback can mimic a log line, whatever the exception quotes."""
    log_an_error("quoted\n2026-01-01T00:00:00Z forged \x1b[2J")
    first, *rest = text().splitlines()
    assert first.endswith("failed")
    assert all(line.startswith("    ") and "\x1b" not in line for line in rest)
    assert any("forged" in line for line in rest)


def test_json_carries_the_traceback(one_object: Callable[[], dict[str, object]]) -> None:
    """A traceback is one field of the same line."""
    log_an_error("quoted")
    assert "ValueError: quoted" in str(one_object()["traceback"])


def test_chatty_libraries_are_heard_only_when_they_warn(text: Callable[[], str]) -> None:
    """Alembic's INFO lines are not for operators."""
    logging.getLogger("alembic").info("Context impl SQLiteImpl")
    assert text() == ""


def test_configuring_again_replaces(text: Callable[[], str]) -> None:
    """A second call does not duplicate the lines."""
    second = io.StringIO()
    logs.configure_logging("text", name="other", stream=second)
    log.info("once")
    assert text() == ""
    assert second.getvalue().count("once") == 1


def test_a_childs_own_line_is_passed_on_as_it_is(text: Callable[[], str]) -> None:
    """A line of the child's logging already has its name."""
    log.info("hello")
    line = text().rstrip()
    assert logs.relay("text", "loop", line) == line


def test_a_foreign_line_gets_the_childs_name() -> None:
    """Other output is escaped and gets the name."""
    assert logs.relay("text", "loop", "Traceback \x1b[0m") == r"loop: Traceback \x1b[0m"


def test_a_line_that_names_another_process_gets_the_name() -> None:
    """A child cannot write in another process's name."""
    line = "2026-11-21T10:00:00.000Z INFO    gunicorn[1] x: y"
    assert logs.relay("text", "loop", line) == f"loop: {line}"


@pytest.mark.parametrize("line", ["Segmentation fault", '"a string"', "7"])
def test_json_stays_json(line: str) -> None:
    """In JSON format a line that is not an object is wrapped into one, with the name."""
    assert json.loads(logs.relay("json", "loop", line)) == {"process": "loop", "message": line}


def test_a_json_object_is_passed_on_as_it_is() -> None:
    """In JSON format the child's own objects stay as they are."""
    assert logs.relay("json", "loop", '{"message": "x"}') == '{"message": "x"}'


def test_without_an_address_nothing_is_reported() -> None:
    """An empty DSN switches crash reports off."""
    assert logs.configure_sentry("") is False


def test_the_settings_of_sentry_keep_people_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option that could report a person or a body is off."""
    settings: dict[str, object] = {}
    monkeypatch.setattr("sentry_sdk.init", lambda dsn, **more: settings.update(more, dsn=dsn))
    assert logs.configure_sentry("https://key@sentry.example/1", "1.0")
    assert (
        settings.items()
        >= {
            "dsn": "https://key@sentry.example/1",
            "release": "1.0",
            "send_default_pii": False,
            "include_local_variables": False,
            "max_request_body_size": "never",
            "max_breadcrumbs": 0,
        }.items()
    )
    event: dict[str, object] = {
        "request": {
            "method": "POST",
            "url": "http://bot/webhook/github",
            "headers": {"X-Hub-Signature-256": "s3cret"},
            "query_string": "token=s3cret",
        }
    }
    event["logentry"] = {"message": "failed over %s", "params": ["s3cret"]}
    event["exception"] = {"values": [{"type": "ValueError", "value": "s3cret"}]}
    with logs.log_context(delivery="d-1"):
        sent = settings["before_send"](event, {})  # type: ignore[operator]
    assert sent["request"] == {"method": "POST"}
    assert sent["logentry"] == {"message": "failed over %s"}
    assert sent["exception"]["values"][0]["type"] == "ValueError"
    assert sent["tags"] == {"delivery": "d-1"}
    assert "s3cret" not in str(sent)


CRASH = """
import logging, sentry_sdk
from sentry_sdk.transport import Transport
from luggage.telemetry import logs

class Printing(Transport):
    def capture_envelope(self, envelope):
        print(envelope.serialize().decode())

def open_it(key):
    raise ValueError(f"it broke over {key}")

logs.configure_sentry("https://key@sentry.example/1")
sentry_sdk.get_client().transport = Printing()
secret = "s3" + "cret"  # the source of a frame is sent; this way it does not hold the word
logging.warning("a line about %s", secret)
with logs.log_context(delivery="d-1"):
    try:
        open_it(secret)
    except ValueError:
        logging.exception("failed over %s", secret)
"""


def test_a_crash_report_holds_the_stack_and_no_secret() -> None:
    """The sent report has the error's type and the delivery, and quotes nothing."""
    done = subprocess.run(
        [sys.executable, "-c", CRASH, "--an-argument"], capture_output=True, text=True, check=True
    )
    assert '"type":"ValueError"' in done.stdout
    assert '"function":"open_it"' in done.stdout
    assert '"delivery":"d-1"' in done.stdout
    assert '"message":"failed over %s"' in done.stdout
    assert "s3cret" not in done.stdout
    assert "--an-argument" not in done.stdout
