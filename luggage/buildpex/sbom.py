"""The bill of materials: a CycloneDX 1.6 document of what is in the pex, as JSON.

Written by hand, because the format's own library would be a build tool of twenty thousand lines for
a document of six kinds of fields (https://cyclonedx.org/docs/1.6/json/). Nothing in it depends on
when or where it was made.
"""

import hashlib
import json
import re
import uuid
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from luggage.buildpex.source import Commit

# A namespace of our own for serial numbers that are made of what they number.
_NAMESPACE = uuid.UUID("6f0c2b52-7a0a-5d0e-9b43-6d4e1c0b7f21")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r";.*\bextra\b")


@dataclass(frozen=True)
class Wheel:
    """What a wheel says of itself; `requires` are the names it needs without any extra."""

    name: str
    version: str
    license: Mapping[str, Any] | None
    requires: frozenset[str]
    sha256: str

    @property
    def purl(self) -> str:
        """The package URL (https://github.com/package-url/purl-spec), unique in a pex."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_wheel(path: Path) -> Wheel:
    """Return what the wheel at `path` says of itself.

    Raises zipfile.BadZipFile or StopIteration for a file that is no wheel.
    """
    with zipfile.ZipFile(path) as archive:
        inside = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        about = HeaderParser().parsestr(archive.read(inside).decode())
    requires = (line for line in about.get_all("Requires-Dist", []) if not _EXTRA.search(line))
    return Wheel(
        name=normal(str(about["Name"])),
        version=str(about["Version"]),
        license=_license(about),
        requires=frozenset(normal(_NAME.match(line.strip())[0]) for line in requires),  # type: ignore[index]
        sha256=sha256_of(path),
    )


def normal(name: str) -> str:
    """Return a project's name as indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bill(pex: Path, wheels: Iterable[Wheel], *, main: str, commit: Commit, python: str) -> str:
    """Return the document for a pex made of `wheels`, of which the one named `main` is ours.

    `python` is the version of Python that it runs on. Any dependency that the wheels do not have,
    because it is for another system, is left out.
    """
    parts = {wheel.name: wheel for wheel in sorted(wheels, key=lambda wheel: wheel.name)}
    ours = parts.pop(main)
    digest = sha256_of(pex)
    about = _component(ours, "application") | {
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "properties": [
            {"name": "commit", "value": commit.hash},
            {"name": "python", "value": python},
        ],
    }
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(_NAMESPACE, digest).urn,
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(commit.committed_at, UTC).isoformat(),
            "component": about,
        },
        "components": [_component(part, "library") for part in parts.values()],
        "dependencies": [
            {"ref": ours.purl, "dependsOn": [part.purl for part in parts.values()]},
            *(_dependency(part, parts) for part in parts.values()),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(wheel: Wheel, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": kind,
        "bom-ref": wheel.purl,
        "name": wheel.name,
        "version": wheel.version,
        "purl": wheel.purl,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
    }
    return found | ({"licenses": [wheel.license]} if wheel.license else {})


def _dependency(wheel: Wheel, parts: Mapping[str, Wheel]) -> dict[str, Any]:
    known = sorted(wheel.requires & parts.keys())
    return {"ref": wheel.purl, "dependsOn": [parts[name].purl for name in known]}


def _license(about: Message) -> dict[str, Any] | None:
    """Return the licence: an SPDX expression where one is given, else its name in words."""
    if about["License-Expression"]:
        return {"expression": str(about["License-Expression"])}
    classifiers = (str(line) for line in about.get_all("Classifier", []))
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    text = str(about["License"] or "").strip()
    if named or not text:
        return {"license": {"name": named[0]}} if named else None
    if "\n" not in text:
        return {"license": {"name": text}}
    whole = {"contentType": "text/plain", "content": text}
    return {"license": {"name": "given in full", "text": whole}}
