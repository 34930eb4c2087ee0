"""Settings: read from variables, files and config.toml, checked, and frozen in one value.

`Config` and `load` are imported at their first use. They load most of the bot, which the
subcommands that seal secrets do without.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot_deploy.config.settings import Config, load

__all__ = ["Config", "load"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bot_deploy.config import settings  # noqa: PLC0415  see above

    return getattr(settings, name)
