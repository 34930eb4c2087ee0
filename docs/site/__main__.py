"""Build of the site: `python -m docs.site`, which `make docs` calls.

Adds the folder of one version to the output, next to those of other versions. Any warning, and any
finding in the built pages, ends it with 1 and leaves the output as it was.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.site import versions
from docs.site.sources import gather, origin
from docs.site.verify import findings

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Build one version of the site; return the exit code."""
    options = _parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        sources, built = Path(folder, "sources"), Path(folder, "built")
        gather(ROOT, sources)
        if not _sphinx(sources, built, options.version):
            return 1
        found = list(findings(built))
        for finding in found:
            print(finding, file=sys.stderr)
        if found:
            return 1
        target = options.output / options.version
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built, target)
    versions.write(options.output)
    print(f"The site is at {target / 'index.html'}")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m docs.site", description="Build the site.")
    parser.add_argument(
        "--version", type=versions.name, default=versions.UNRELEASED, help="1.2.0, or dev (default)"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build" / "docs", help="default: build/docs"
    )
    return parser.parse_args(arguments)


def _sphinx(sources: Path, built: Path, version: str) -> bool:
    command = [sys.executable, "-m", "sphinx", "-b", "html", "--quiet", "--jobs=auto"]
    command += ["--fail-on-warning", "--keep-going", f"--define=release={version}"]
    command += [f"--define=version={version}", f"--conf-dir={Path(__file__).parent}"]
    command += [f"--doctree-dir={sources}.doctrees", str(sources), str(built)]
    done = subprocess.run(  # noqa: S603 -- our own interpreter
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    page = re.compile(re.escape(f"{sources}/") + r"([^\s:]+)\.md")
    told = page.sub(lambda found: str(origin(ROOT, found[1]).relative_to(ROOT)), done.stdout)
    print(told, end="", file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
