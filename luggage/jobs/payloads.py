"""How a job's body and the words about it lie in the database. Pure.

Chosen: zstd at level 1 (docs/decisions/0012 has the figures). Against: zlib, which is slower and
packs less, and storing JSON as text, ten times as much to write and to sync. The codec is named
beside each body, so that another may follow.
"""

import threading

import zstandard

PLAIN = "plain"
ZSTD = "zstd"


_of_thread = threading.local()


class UnknownCodec(ValueError):  # noqa: N818
    """The body was stored by a release which knows a codec that this one does not."""


def pack(body: bytes) -> tuple[str, bytes]:
    """Return the codec's name and the packed body; what would not get smaller stays as it is."""
    packed = _compressor().compress(body)
    return (ZSTD, packed) if len(packed) < len(body) else (PLAIN, body)


def _compressor() -> zstandard.ZstdCompressor:
    """Return the thread's own: to make one costs more than to pack a body, none may be shared."""
    if not hasattr(_of_thread, "compressor"):
        _of_thread.compressor = zstandard.ZstdCompressor(level=1)
    compressor: zstandard.ZstdCompressor = _of_thread.compressor
    return compressor


def unpack(codec: str, packed: bytes) -> bytes:
    """Return the body that `pack` was given. Raises UnknownCodec for a codec of another release."""
    if codec == ZSTD:
        return zstandard.decompress(packed)
    if codec == PLAIN:
        return packed
    raise UnknownCodec(
        f"a body is stored as {codec!r}; run the release which stored it, or a newer one"
    )


# Reasons are read by people, in a line of a page; and the row of a job is to stay narrow.
_LENGTH = 2000


def storable(words: str) -> str:
    """Return `words` as both databases take them: without NUL and half characters, not too long.

    Errors quote what they stumbled over, and recording an error must not fail.
    """
    return (
        words[:_LENGTH].encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
