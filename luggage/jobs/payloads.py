"""Payload storage: compressed bodies (docs/decisions/0012), and texts without NUL. Pure."""

import threading

import zstandard

PLAIN = "plain"
ZSTD = "zstd"

# Longer texts would widen the job's row; a page shows them on one line.
_MAX_TEXT = 2000

_local = threading.local()


class UnknownCodec(ValueError):  # noqa: N818
    """Another release stored the body with a codec that this one does not know."""


def pack(body: bytes) -> tuple[str, bytes]:
    """Return the codec's name and the packed body; a body that would not shrink stays as it is."""
    packed = _compressor().compress(body)
    return (ZSTD, packed) if len(packed) < len(body) else (PLAIN, body)


def _compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor: it is not thread-safe, and dear to make."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=1)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def unpack(codec: str, packed: bytes) -> bytes:
    """Return the body that was packed. Raises UnknownCodec for a codec of another release."""
    if codec == ZSTD:
        return zstandard.decompress(packed)
    if codec == PLAIN:
        return packed
    raise UnknownCodec(
        f"a job's body is stored as {codec!r}, which this release cannot read: run the release "
        "that stored it, or a newer one"
    )


def storable(text: str) -> str:
    """Return `text` as both databases take it: no NUL, no lone surrogates, 2,000 characters."""
    return (
        text[:_MAX_TEXT]
        .encode(errors="replace")
        .decode()
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
