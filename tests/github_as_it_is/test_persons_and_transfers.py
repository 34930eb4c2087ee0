"""Persons, their rights, and issues that only came from another repository."""

FILE = ".github/bot.toml"


def settled(scene, happening):
    known = len(scene.jobs())
    scene.deliver(happening)

    def is_settled():
        rows = scene.jobs()[known:]
        return rows and all(row["state"] in {"done", "ignored", "dead"} for row in rows)

    scene.until(is_settled, f"{happening[0]} is done")


def test_a_merge_by_an_account_without_a_person_invites_nobody(scene):
    """Neither an organisation, nor a mannequin, nor the ghost of a deleted account."""
    for kind in ("Organization", "Mannequin"):
        scene.github.add_user(f"{scene.organization}-{kind}", kind=kind)
        merged = scene.github.merge_pull_request(scene.repo, f"{scene.organization}-{kind}")
        settled(scene, merged)
    scene.github.open_pull_request(scene.repo, f"{scene.organization}-gone")
    scene.github.delete_account(f"{scene.organization}-gone")
    settled(scene, scene.github.merge_pull_request(scene.repo, "ghost", number=3))
    assert scene.writes() == []


def test_a_custom_role_upon_triage_is_obeyed(scene):
    """GitHub names its rights; its name is the organisation's own."""
    scene.github.add_file(scene.repo, FILE, "[commands]\nenabled = true\n")
    scene.github.world.label(scene.github.world.repositories[scene.repo], "bug")
    scene.github.add_collaborator(scene.repo, "gardener", "triage", custom_role="gardeners")
    scene.github.open_issue(scene.repo, "alice")
    settled(scene, scene.github.comment(scene.repo, 1, "gardener", "/label bug"))
    assert [label.name for label in scene.github.issue(scene.repo, 1).labels] == ["bug"]


def test_a_managed_user_is_assigned(scene):
    """The login of a managed user has an underscore."""
    scene.github.add_file(scene.repo, FILE, "[commands]\nenabled = true\n")
    scene.github.add_member(scene.organization, "octo_acme", role="admin")
    scene.github.open_issue(scene.repo, "alice")
    settled(scene, scene.github.comment(scene.repo, 1, "octo_acme", "/assign @octo_acme"))
    assert [one.login for one in scene.github.issue(scene.repo, 1).assignees] == ["octo_acme"]


def test_a_transferred_issue_is_neither_answered_nor_welcomed(scene):
    """GitHub says `opened`, but it was written, answered and welcomed elsewhere."""
    scene.github.add_file(scene.repo, FILE, "[welcome]\nenabled = true\n")
    other = f"{scene.organization}/other"
    scene.github.open_issue(other, "alice", body="/ping")
    settled(scene, scene.github.transfer_issue(other, 1, scene.repo, "alice"))
    assert scene.writes() == []
