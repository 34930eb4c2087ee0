"""Open files of the web process, and what few of them mean to its operator."""

from bot_deploy.config.sources import Notice
from luggage.serving import descriptors

# Two, so that the bot still answers while one is killed.
WORKERS = 2


def notice_of(files: int) -> Notice | None:
    """Return a warning if a web process may have so few open files that strangers fill them."""
    if files >= descriptors.WANTED:
        return None
    connections = descriptors.most_connections(files)
    return Notice(
        f"a process may have {files} open files, so each of the {WORKERS} workers holds at most "
        f"{connections} connections",
        f"allow {descriptors.WANTED} (`ulimit -Hn`, LimitNOFILE= of systemd, or --ulimit nofile)",
    )
