"""Software bill of materials of a pex, as CycloneDX 1.6 in JSON (docs/decisions/0062)."""

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

# The namespace of serial numbers, which are derived from the pex's digest.
_NAMESPACE = uuid.UUID("6f0c2b52-7a0a-5d0e-9b43-6d4e1c0b7f21")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r";[^;]*\bextra\b")


@dataclass(frozen=True)
class Wheel:
    """A wheel's metadata; `requires` are the names of its dependencies without extras."""

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
    """Return a wheel's metadata; raise BadZipFile or StopIteration for any other file."""
    with zipfile.ZipFile(path) as archive:
        member = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(member).decode())
    requires = (line for line in metadata.get_all("Requires-Dist", []) if not _EXTRA.search(line))
    return Wheel(
        name=normal(str(metadata["Name"])),
        version=str(metadata["Version"]),
        license=_license(metadata),
        requires=frozenset(normal(_NAME.match(line.strip())[0]) for line in requires),  # type: ignore[index]
        sha256=sha256_of(path),
    )


def normal(name: str) -> str:
    """Return a project's normalized name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bill(pex: Path, wheels: Iterable[Wheel], *, main: str, commit: Commit, python: str) -> str:
    """Return the document for a pex made of `wheels`; the one named `main` is the project's.

    `python` is the version of Python that it runs on. Dependencies without a wheel, because they
    are for another system, are left out.
    """
    parts = {wheel.name: wheel for wheel in sorted(wheels, key=lambda wheel: wheel.name)}
    project = parts.pop(main)
    digest = sha256_of(pex)
    component = _component(project, "application") | {
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
            "component": component,
        },
        "components": [_component(part, "library") for part in parts.values()],
        "dependencies": [
            {"ref": project.purl, "dependsOn": [part.purl for part in parts.values()]},
            *(_dependency(part, parts) for part in parts.values()),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(wheel: Wheel, kind: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": kind,
        "bom-ref": wheel.purl,
        "name": wheel.name,
        "version": wheel.version,
        "purl": wheel.purl,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
    }
    return component | ({"licenses": [wheel.license]} if wheel.license else {})


def _dependency(wheel: Wheel, parts: Mapping[str, Wheel]) -> dict[str, Any]:
    known = sorted(wheel.requires & parts.keys())
    return {"ref": wheel.purl, "dependsOn": [parts[name].purl for name in known]}


def _license(metadata: Message) -> dict[str, Any] | None:
    """Return the licence: an SPDX expression if there is one, else its name or text."""
    if metadata["License-Expression"]:
        return {"expression": str(metadata["License-Expression"])}
    classifiers = (str(line) for line in metadata.get_all("Classifier", []))
    names = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    text = str(metadata["License"] or "").strip()
    if names or not text:
        return {"license": {"name": names[0]}} if names else None
    if "\n" not in text:
        return {"license": {"name": text}}
    full_text = {"contentType": "text/plain", "content": text}
    return {"license": {"name": "given in full", "text": full_text}}
