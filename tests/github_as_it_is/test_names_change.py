"""Names change, ids do not (tests/bot/rules/triage/test_names.py has what takes longer)."""

from dataclasses import replace

FILE = ".github/bot.toml"
BROKEN = "[invite\nenabled = maybe\n"


def told(scene, *happenings):
    """Deliver events one after another, and wait until all that follows from each is done."""
    for happening in happenings:
        known = len(scene.jobs())
        scene.deliver(happening)
        scene.until(lambda known=known: is_settled(scene.jobs()[known:]), f"{happening[0]} is done")


def is_settled(rows):
    return bool(rows) and all(row["state"] in {"done", "ignored", "dead"} for row in rows)


def invited(scene):
    return [
        call.path.rpartition("/")[2]
        for call in scene.github.calls_to("PUT", f"/orgs/{scene.organization}*/memberships/*")
    ]


def said(scene, repository, number=1):
    bot = scene.github.world.bot
    comments = scene.github.comments(repository, number)
    return [each.body for each in comments if each.author is bot]


def test_who_declined_and_is_renamed_is_not_invited_again(scene):
    """The same person merges another pull request under a new login."""
    told(scene, scene.github.merge_pull_request(scene.repo, f"{scene.organization}-a"))
    scene.github.decline_invitation(scene.organization, f"{scene.organization}-a")
    scene.github.rename_user(f"{scene.organization}-a", f"{scene.organization}-b")
    told(scene, scene.github.merge_pull_request(scene.repo, f"{scene.organization}-b"))
    assert invited(scene) == [f"{scene.organization}-a"]


def test_who_takes_over_the_login_of_somebody_who_declined_is_invited(scene):
    """It is another person."""
    login = f"{scene.organization}-a"
    told(scene, scene.github.merge_pull_request(scene.repo, login))
    scene.github.decline_invitation(scene.organization, login)
    scene.github.rename_user(login, f"{login}-before")
    told(scene, scene.github.merge_pull_request(scene.repo, login))
    assert invited(scene) == [login, login]
    assert len(said(scene, scene.repo, 2)) == 1


def test_who_declined_is_not_invited_again_by_the_renamed_organisation(scene):
    """GitHub tells the App that the organisation is renamed."""
    login, new = f"{scene.organization}-a", f"{scene.organization}-renamed"
    told(scene, scene.github.merge_pull_request(scene.repo, login))
    scene.github.decline_invitation(scene.organization, login)
    happening = scene.github.rename_organization(scene.organization, new)
    later = replace(scene, organization=new)
    told(later, happening, scene.github.merge_pull_request(later.repo, login))
    assert invited(scene) == [login]


def test_a_broken_file_has_one_issue_when_its_repository_is_renamed(scene):
    """The issue moves with the repository, and is closed there."""
    scene.github.add_file(scene.repo, FILE, BROKEN)
    told(scene, scene.github.open_issue(scene.repo, "alice"))
    happening = scene.github.rename_repository(scene.repo, "gadgets")
    new = f"{scene.organization}/gadgets"
    told(scene, happening, scene.github.open_issue(new, "alice"))
    told(scene, scene.github.push(new, "alice", files={FILE: ""}))
    issues = scene.github.world.repositories[new].issues.values()
    ours = [each for each in issues if each.author is scene.github.world.bot]
    assert [each.state for each in ours] == ["closed"]


def test_a_conflict_is_told_once_when_its_repository_is_renamed(scene):
    """The comment is there already."""
    scene.github.add_file(scene.repo, FILE, "[conflicts]\nenabled = true\n")
    scene.github.open_pull_request(scene.repo, "alice")
    scene.github.pull(scene.repo, 1).conflicts = True
    told(scene, scene.github.push_to_pull_request(scene.repo, 1, "alice"))
    scene.github.rename_repository(scene.repo, "gadgets")
    new = f"{scene.organization}/gadgets"
    told(scene, scene.github.push_to_pull_request(new, 1, "alice"))
    assert len(said(scene, new)) == 1


def test_what_waits_for_a_transferred_repository_is_done_for_its_new_owner(scene):
    """The organisation is paused, its repository moves, and the answer is given there."""
    home, other = f"{scene.organization}/.github", f"{scene.organization}-new"
    scene.github.add_repository(home)
    scene.github.add_member(scene.organization, "olga", role="admin")
    told(scene, scene.github.open_issue(home, "olga", body="/bot pause"))
    scene.deliver(scene.github.open_issue(scene.repo, "alice", body="/ping"))
    moved = scene.github.transfer_repository(scene.repo, other)
    there = replace(scene, organization=other)
    told(there, moved)
    scene.deliver(scene.github.comment(home, 1, "olga", "/bot resume"))
    scene.until(lambda: said(scene, there.repo), "the bot answers there")
    assert "pong!" in said(scene, there.repo)[0]
