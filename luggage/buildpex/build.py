"""The steps of a build, in their order, told one by one."""

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
from luggage.buildpex.tools import Bench, environment


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is packed: the same recipe and commit make the same pex, to the byte.

    `root` is the checkout, `contents` the files and folders of it that our wheel is built from,
    `requirements` and `build_requirements` lists with hashes, `package` the one that is run, and
    that gets the stamp of the commit.
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
    """A pex, the bill of materials beside it, and the pex's SHA-256 in hexadecimal."""

    pex: Path
    bill: Path
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Build:
    """Builds of one recipe: `environ` is the caller's environment, `tell` is handed the progress.

    Each method raises BuildError when a step fails.
    """

    recipe: Recipe
    environ: Mapping[str, str] = field(repr=False)
    tell: Callable[[str], None]

    def fill(self, house: Path) -> None:
        """Download the tools and the parts into an empty directory; the only use of a network.

        Raises BuildError also for a directory in which there is something.
        """
        if house.exists() and any(house.iterdir()):
            raise BuildError(f"{house} is not empty: name a new directory for the wheelhouse")
        house.mkdir(parents=True, exist_ok=True)
        with _workplace() as work:
            bench = self._bench(work, network=True)
            self.tell(f"downloading the tools, {self.recipe.build_requirements}")
            wheelhouse.download(self.recipe.root / self.recipe.build_requirements, house, bench)
            self._install_tools(house, work)
            self.tell(f"downloading the parts, {self.recipe.requirements}")
            wheelhouse.download(self.recipe.root / self.recipe.requirements, house, bench)

    def make(self, output: Path, house: Path) -> Built:
        """Write the pex `output`, for the Python that runs this, and its bill beside it.

        Everything comes from the wheelhouse `house`; no network is used. An older `output` stays as
        it was when a step fails; safe to repeat.
        """
        with _workplace() as work:
            wheels = self._wheels(house, work)
            self.tell(f"packing {output.name}")
            made = work / output.name
            make_pex(
                wheels,
                made,
                entry_point=self.recipe.package,
                opening=preamble_source(
                    self.recipe.name, sys.version_info[:2], EXTENSION_SUFFIXES[0]
                ),
                bench=self._bench(work),
            )
            return self._deliver(made, wheels, output)

    def make_twice(
        self, output: Path, house: Path, *, sleep: Callable[[float], None]
    ) -> tuple[Built, Built]:
        """Build as `make` does, and once more elsewhere and later; the second is gone at the end.

        Between them are the two seconds by which times in archives are told.
        """
        first = self.make(output, house)
        self.tell(f"sha256 {first.sha256}; now once more, elsewhere")
        sleep(2.1)
        with _workplace() as other:
            again = self.make(other / output.name, house)
        self.tell(f"sha256 {again.sha256}")
        return first, again

    def _wheels(self, house: Path, work: Path) -> Path:
        """Put the wheels of the parts and our own into a directory and return it."""
        recipe, wheels, bench = self.recipe, work / "wheels", self._bench(work)
        if not house.is_dir():
            raise BuildError(f"{house} is no wheelhouse: fill one with --download")
        self.tell("checking the hashes, collecting the wheels")
        self._install_tools(house, work)
        wheelhouse.wheels(recipe.root / recipe.requirements, house, wheels, bench)
        self.tell(f"building the wheel of {recipe.name}, commit {recipe.commit.hash}")
        export(recipe.root, recipe.contents, work / "source")
        provenance.stamp(work / "source" / recipe.package, recipe.commit)
        wheelhouse.own_wheel(work / "source", wheels, bench)
        return wheels

    def _deliver(self, made: Path, wheels: Path, output: Path) -> Built:
        """Copy a finished pex to its place, where it is whole or not at all, and its bill."""
        recipe = self.recipe
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        parts = [sbom.read_wheel(path) for path in wheels.glob("*.whl")]
        text = sbom.bill(made, parts, main=recipe.name, commit=recipe.commit, python=python)
        bill = output.with_suffix(".cdx.json")
        output.parent.mkdir(parents=True, exist_ok=True)
        arriving = output.with_name(f".{output.name}.{os.getpid()}")
        shutil.copy(made, arriving)
        arriving.replace(output)
        bill.write_text(text, encoding="utf-8")
        return Built(output, bill, sbom.sha256_of(output))

    def _install_tools(self, house: Path, work: Path) -> None:
        pins = self.recipe.root / self.recipe.build_requirements
        wheelhouse.install(pins, house, work / "tools", self._bench(work))

    def _bench(self, work: Path, *, network: bool = False) -> Bench:
        epoch = self.recipe.commit.committed_at
        env = environment(self.environ, tools=work / "tools", epoch=epoch, network=network)
        return Bench(sys.executable, work, env)


@contextmanager
def _workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="buildpex-") as directory:
        yield Path(directory)
