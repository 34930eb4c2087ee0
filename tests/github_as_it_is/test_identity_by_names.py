"""Kind F: names change, ids do not. Nobody is invited or told twice because of a new name."""

from luggage.fake_github import faults
from tests.support.running import until

BROKEN = "[invite\nenabled = maybe\n"
FILE = ".github/bot.toml"


def settled(scene):
    """Wait until nothing is left to do."""
    rows = scene.jobs
    scene.until(
        lambda: rows() and all(row["state"] in {"done", "ignored", "dead"} for row in rows()),
        "the bot is done",
    )


def told(scene, *happenings):
    """Deliver what happens, and wait until the bot has done all that follows from it."""
    for happening in happenings:
        scene.deliver(happening)
        settled(scene)


def invitations(scene):
    return [call for call in scene.github.calls_to("PUT", "/orgs/*/memberships/*")
            if call.installation_id == installation(scene)]


def installation(scene):
    account = next(a for a in scene.github.world.accounts.values() if a.login in names_of(scene))
    return scene.github.world.installation_of(account).id


def names_of(scene):
    return {scene.organization, f"{scene.organization}-renamed"}
