"""Build: runs the steps from a wheelhouse to a pex, and reports each."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from luggage.buildpex import provenance, sbom, wheelhouse
from luggage.buildpex.errors import BuildError
from luggage.buildpex.pexfile import make_pex, preamble_source
from luggage.buildpex.source import Commit, export
from luggage.buildpex.tools import ToolRunner, environment


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Inputs of a build: the same recipe and commit make the same pex, to the byte.

    `root` is the checkout; `contents` are its files and folders that go into the project's wheel.
    `requirements` and `build_requirements` are files with hashes. `package` is what the pex runs;
    the commit is stamped into it.
    """

    root: Path
    contents: tuple[str, ...]
    name: str
    package: str
    commit: Commit
    requirements: str = "requirements.txt"
    build_requirements: str = "requirements-build.txt"


@dataclass(frozen=True)
class Built:
    """A pex, its bill of materials, and the pex's SHA-256 in hexadecimal."""

    pex: Path
    bill: Path
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Build:
    """Builds of one recipe; `tell` gets progress lines. Each method raises BuildError."""

    recipe: Recipe
    environ: Mapping[str, str] = field(repr=False)
    tell: Callable[[str], None]

    def fill(self, house: Path) -> None:
        """Download tools and dependencies into the new directory `house`; uses the network.

        Raises BuildError if `house` is not empty or a download fails.
        """
        if house.exists() and any(house.iterdir()):
            raise BuildError(f"{house} is not empty: name a new directory for the wheelhouse")
        house.mkdir(parents=True, exist_ok=True)
        with _work_dir() as work:
            runner = self._runner(work, network=True)
            self.tell(f"downloading the tools of {self.recipe.build_requirements}")
            wheelhouse.download(self.recipe.root / self.recipe.build_requirements, house, runner)
            self._install_tools(house, work)
            self.tell(f"downloading the dependencies of {self.recipe.requirements}")
            wheelhouse.download(self.recipe.root / self.recipe.requirements, house, runner)

    def make(self, output: Path, house: Path) -> Built:
        """Build the pex `output`, for the Python that runs this, and its bill of materials.

        Everything comes from the wheelhouse `house`, without the network. When a step fails, an
        older `output` stays as it was. Safe to repeat.
        """
        with _work_dir() as work:
            wheels = self._wheels(house, work)
            self.tell(f"packing {output.name}")
            pex = work / output.name
            make_pex(
                wheels,
                pex,
                entry_point=self.recipe.package,
                preamble_text=preamble_source(
                    self.recipe.name, sys.version_info[:2], EXTENSION_SUFFIXES[0]
                ),
                runner=self._runner(work),
            )
            return self._install(pex, wheels, output)

    def make_twice(
        self, output: Path, house: Path, *, sleep: Callable[[float], None]
    ) -> tuple[Built, Built]:
        """Build as `make` does, then again in another directory; remove the second pex.

        It sleeps in between for longer than the two seconds that are the resolution of zip times.
        """
        first = self.make(output, house)
        self.tell(f"sha256 {first.sha256}; building again in another directory")
        sleep(2.1)
        with _work_dir() as other:
            second = self.make(other / output.name, house)
        self.tell(f"sha256 {second.sha256}")
        return first, second

    def _wheels(self, house: Path, work: Path) -> Path:
        """Return a directory with the wheels of the dependencies and of the project."""
        recipe, wheels, runner = self.recipe, work / "wheels", self._runner(work)
        if not house.is_dir():
            raise BuildError(f"{house} is not a wheelhouse: fill one with --download")
        self.tell("checking the hashes and collecting the wheels")
        self._install_tools(house, work)
        wheelhouse.wheels(recipe.root / recipe.requirements, house, wheels, runner)
        self.tell(f"building the wheel of {recipe.name}, commit {recipe.commit.hash}")
        export(recipe.root, recipe.contents, work / "source")
        provenance.stamp(work / "source" / recipe.package, recipe.commit)
        wheelhouse.own_wheel(work / "source", wheels, runner)
        return wheels

    def _install(self, pex: Path, wheels: Path, output: Path) -> Built:
        """Replace `output` atomically with a finished pex, and write its bill of materials."""
        recipe = self.recipe
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        parts = [sbom.read_wheel(path) for path in wheels.glob("*.whl")]
        text = sbom.bill(pex, parts, main=recipe.name, commit=recipe.commit, python=python)
        bill = output.with_suffix(".cdx.json")
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = output.with_name(f".{output.name}.{os.getpid()}")
        shutil.copy(pex, partial)
        partial.replace(output)
        bill.write_text(text, encoding="utf-8")
        return Built(output, bill, sbom.sha256_of(output))

    def _install_tools(self, house: Path, work: Path) -> None:
        pins = self.recipe.root / self.recipe.build_requirements
        wheelhouse.install(pins, house, work / "tools", self._runner(work))

    def _runner(self, work: Path, *, network: bool = False) -> ToolRunner:
        epoch = self.recipe.commit.committed_at
        env = environment(self.environ, tools=work / "tools", epoch=epoch, network=network)
        return ToolRunner(sys.executable, work, env)


@contextmanager
def _work_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="buildpex-") as directory:
        yield Path(directory)
