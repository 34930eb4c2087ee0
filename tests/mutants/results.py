"""Results of mutation tests, and what is left to do about them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.mutants.argued import Mutation

# A mutant is noticed, too, when it ends the process of the tests, or never ends.
KILLED = frozenset({"killed", "timeout", "segfault", "caught by type check"})
SURVIVED = frozenset({"survived", "no tests", "suspicious", "skipped"})


@dataclass(frozen=True)
class Results:
    """Results of a part: how many mutants have each status, its files, and the survivors."""

    statuses: Counter[str]
    files: frozenset[str]
    survivors: tuple[Mutation, ...]

    @property
    def killed(self) -> int:
        """How many mutants the tests noticed."""
        return sum(self.statuses[each] for each in KILLED)

    @property
    def not_run(self) -> int:
        """How many mutants have not been tried."""
        return self.statuses.total() - self.killed - len(self.survivors)


@dataclass(frozen=True)
class Account:
    """Results next to the argued mutations of docs/mutants.md."""

    name: str
    results: Results
    argued: Mapping[Mutation, str]

    @property
    def settled(self) -> bool:
        """Whether there are mutants, all were tried, and each survivor is argued."""
        some = self.results.statuses.total() > 0
        return some and not (self.open or self.needless or self.results.not_run)

    @property
    def open(self) -> list[Mutation]:
        """The survivors that are not argued."""
        return [each for each in self.results.survivors if each not in self.argued]

    @property
    def needless(self) -> list[Mutation]:
        """The argued mutations that the tests kill; known when all mutants were tried."""
        if self.results.not_run:
            return []
        known = {each for each in self.argued if each.file in self.results.files}
        return sorted(known - set(self.results.survivors))

    def lines(self) -> Iterator[str]:
        """The report: an entry for each open survivor, the figures, what to do."""
        yield from map(str, self.open)
        survived = len(self.results.survivors)
        yield (
            f"{self.name}: {self.results.statuses.total()} mutants, {self.results.killed} killed,"
            f" {survived} survived, {survived - len(self.open)} of them argued,"
            f" {self.results.not_run} not run"
        )
        if self.open:
            yield (
                f"{len(self.open)} survive without an argument: write a test that fails on them,"
                " or add their entries above to docs/mutants.md, with a reason"
            )
        for each in self.needless:
            yield f"the tests kill this mutation; remove it from docs/mutants.md:\n{each}"
