"""`mksecret`: makes a file with a secret.

`python3 -m bot_deploy.mksecret` works before anything is installed, for a checkout beside Docker.
"""

import getpass
import secrets
import sys
from pathlib import Path

from bot_deploy.arguments import program, subcommand_parser
from bot_deploy.config.private_file import make_private

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "make a file with a random secret, or one that you give, which only you can read"

_BYTES = 32


def main(argv: list[str]) -> int:
    """Make the file; returns 0, or 1 if it exists, or there is no secret to write.

    Raises OSError for a file that cannot be written.
    """
    parser = subcommand_parser(
        argv,
        f"{SUMMARY}. The secret is 64 hexadecimal digits. The file is new, with mode 0600.",
        config=False,
    )
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the new file, such as secret.webhook"
    )
    parser.add_argument(
        "--read",
        action="store_true",
        help="write what stdin holds or, on a terminal, what you type, which is not shown",
    )
    options = parser.parse_args(argv[1:])
    if options.file.exists():  # before anyone types the secret
        return _refused(argv[0], f"{options.file} exists, and is never overwritten")
    content = _given() if options.read else f"{secrets.token_hex(_BYTES)}\n".encode()
    if not content.strip():
        return _refused(argv[0], "the secret is empty, so nothing was written")
    try:
        make_private(options.file, content)
    except FileExistsError:
        return _refused(argv[0], f"{options.file} exists, and is never overwritten")
    print(f"{options.file}: a secret, mode 0600; keep it out of git", file=sys.stderr)
    return 0


def _given() -> bytes:
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read()
    try:
        return getpass.getpass("secret (not shown): ").encode(errors="surrogateescape")
    except EOFError:
        return b""


def _refused(name: str, problem: str) -> int:
    print(f"{program()} {name}: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(["mksecret", *sys.argv[1:]]))
