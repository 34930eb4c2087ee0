"""Actions on names: accounts, repositories and the App are renamed, transferred or deleted."""

from dataclasses import replace
from typing import Any

from luggage.fake_github.happenings.scene import (
    Happening,
    Scene,
    about_issue,
    issue_of,
    payload_of,
    repository_of,
)
from luggage.fake_github.records import Account, Repository
from luggage.fake_github.shapes import accounts, apps, issues, repositories
from luggage.fake_github.world import World

_GHOST, _GHOST_ID = "ghost", 10137


def rename_user(scene: Scene, login: str, new: str) -> None:
    """Give a person another login; anyone may take the old one. GitHub sends no webhook."""
    with scene.world.lock:
        _rename(scene.world, scene.world.account(login), new)
        scene.journal.add(f"{login} is now called {new}")


def rename_organization(scene: Scene, login: str, new: str, by: str = "olga") -> Happening:
    """Rename an organization: organization, action renamed. Its repositories move along."""
    with scene.world.lock:
        world, account = scene.world, scene.world.account(login, "Organization")
        _rename(world, account, new)
        scene.journal.add(f"{by} renames {login} to {new}")
        payload = {
            "action": "renamed",
            "changes": {"login": {"from": login}},
            "organization": accounts.organization(world, account),
            **apps.installation_context(world, account),
            "sender": accounts.user(world, world.account(by)),
        }
        return Happening("organization", payload)


def rename_repository(scene: Scene, repo: str, new: str, by: str = "olga") -> Happening:
    """Rename a repository, `new` without its owner: repository, action renamed.

    Requests to the old name are redirected, until another repository takes it.
    """
    with scene.world.lock:
        repository = repository_of(scene, repo)
        old = repository.name
        _place(scene.world, repository, name=new)
        scene.journal.add(f"{by} renames {repo} to {new}")
        changes = {"repository": {"name": {"from": old}}}
        sender = scene.world.account(by)
        payload = payload_of(scene, "renamed", repository, sender, changes=changes)
        return Happening("repository", payload)


def transfer_repository(scene: Scene, repo: str, owner: str, by: str = "olga") -> Happening:
    """Transfer a repository to another organization: repository, action transferred."""
    with scene.world.lock:
        repository = repository_of(scene, repo)
        old = accounts.user(scene.world, repository.owner)
        account = scene.world.account(owner, "Organization")
        scene.world.install(account)
        _place(scene.world, repository, owner=account)
        scene.journal.add(f"{by} transfers {repo} to {owner}")
        changes = {"owner": {"from": {"organization": old}}}
        sender = scene.world.account(by)
        payload = payload_of(scene, "transferred", repository, sender, changes=changes)
        return Happening("repository", payload)


def transfer_issue(scene: Scene, repo: str, number: int, to: str, by: str) -> Happening:
    """Transfer an issue: issues, action opened, in its new repository."""
    with scene.world.lock:
        old, source = issue_of(scene, repo, number), repository_of(scene, repo)
        changes = {
            "old_issue": issues.issue(scene.world, old),
            "old_repository": repositories.repository(scene.world, source),
        }
        moved = scene.world.issue(repository_of(scene, to), old.author, old.title, old.body)
        moved.created_at = old.created_at
        del source.issues[number]
        scene.journal.add(f"{by} transfers {repo}#{number} to {to}#{moved.number}")
        sender = scene.world.account(by)
        return about_issue(scene, "issues", "opened", moved, sender, changes=changes)


def rename_app(scene: Scene, slug: str) -> None:
    """Rename the App, and with it the account that it writes with. GitHub sends no webhook."""
    with scene.world.lock:
        world = scene.world
        world.app = replace(world.app, slug=slug, name=slug)
        world.app_slugs.add(slug)
        _rename(world, world.bot, f"{slug}[bot]")


def delete_account(scene: Scene, login: str) -> None:
    """Delete a person's account: GitHub shows `ghost` as the author of what they wrote."""
    with scene.world.lock:
        account = scene.world.accounts.pop(login.lower())
        for other in scene.world.accounts.values():
            other.members.pop(login.lower(), None)
        account.login, account.id, account.kind = _GHOST, _GHOST_ID, "User"
        scene.journal.add(f"{login} is deleted")


def hide_profile(scene: Scene, login: str) -> None:
    """Make a person's profile private: a search for what they wrote gets 422; no webhook."""
    with scene.world.lock:
        scene.world.accounts[login.lower()].is_hidden = True
        scene.journal.add(f"{login} has a private profile")


def _rename(world: World, account: Account, new: str) -> None:
    old = account.login.lower()
    world.accounts[new.lower()] = world.accounts.pop(old)
    for other in world.accounts.values():
        _rekey(other.members, old, new)
        for team in other.teams.values():
            _rekey(team.roles, old, new)
    owned = [each for each in world.repositories.values() if each.owner is account]
    for repository in world.repositories.values():
        _rekey(repository.collaborators, old, new)
        if account.login in repository.contributors:
            repository.contributors.remove(account.login)
            repository.contributors.add(new)
    names = {each: each.full_name for each in owned}
    account.login = new
    for repository, name in names.items():
        _moved(world, repository, name)


def _place(
    world: World, repository: Repository, *, owner: Account | None = None, name: str = ""
) -> None:
    old = repository.full_name
    repository.owner = owner or repository.owner
    repository.name = name or repository.name
    _moved(world, repository, old)


def _moved(world: World, repository: Repository, old: str) -> None:
    world.repositories.pop(old.lower())
    world.repositories[repository.full_name.lower()] = repository
    world.former_names[old.lower()] = repository


def _rekey(records: dict[str, Any], old: str, new: str) -> None:
    if old in records:
        records[new.lower()] = records.pop(old)
