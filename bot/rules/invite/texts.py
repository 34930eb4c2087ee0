"""Default texts about invitations, in Markdown.

Each paragraph is one line, because GitHub renders line breaks in comments.
"""

_AFTER = """\
If you accept it,

* you get the $organization badge, which you can show on your profile or keep to yourself;
* you can help with issues and reviews, as much or as little as you like;
* GitHub may send you more notifications; "Unwatch" turns them off for a repository.

Nothing is expected of you, now or later. If you would rather not join, just decline or ignore the \
invitation: you are just as welcome to contribute, and no one will bother you about it.

I am only a bot. If anything is unclear, ask the people in this thread: they are happy to help.
"""

WELCOME = f"""\
Thank you, @$person! :tada: Your pull request is in. That is a good day for **$organization**.

We would love to have you with us, so I have just sent you an invitation to join. {_AFTER}"""

BY_HAND = f"""\
Hello @$person! The people here would love to have you with them, so I have just sent you an \
invitation to join **$organization**. {_AFTER}"""

COUNTDOWN = """\
Thank you, @$person! Your pull request is merged. :tada: That makes **$merged of $wanted**: after \
$wanted merged pull requests, we invite people to join **$organization**. You are on your way!
"""

_APPROVE = """\
People who may approve invitations can reply `/approve @$person` in a comment. If no one does, \
nothing happens, and I will not ask about this person again.
"""

QUESTION = f"""\
A pull request by @$person has been merged: $pull_request. Should I invite them to join \
**$organization**?

{_APPROVE}"""

REQUEST = f"""\
@$by asks me to invite `$person` to join **$organization** ($place). Should I?

{_APPROVE}"""

INTRODUCTION_TITLE = "Welcome, $person!"

INTRODUCTION = """\
@$person has just joined **$organization**. Welcome! :wave:

I am posting this so that everyone knows. There is nothing to do, but feel free to say hello.
"""

# Replies to maintainers, filled by `str.format`. Settings cannot change them.
APPROVED = "Thank you! I have invited @{person} to join **{organization}**."
NOT_ALLOWED = "Only people with write access to this repository can ask me to invite someone."
NOT_IN_A_REVIEW = (
    "Please write this in a comment on the conversation: in a review, GitHub does not tell me "
    "whether you or an App wrote it."
)
NOT_AN_APPROVER = (
    "Only people with write access to the repository where this organisation approves invitations "
    "can approve this one."
)
NOT_A_MAINTAINER = (
    "Only people who maintain this repository (the roles *maintain* and *admin*) can approve this "
    "invitation."
)
ASKED = (
    "I have asked the people who approve invitations to **{organization}** about `{person}`. If "
    "one of them agrees, I will send the invitation."
)
ASKED_BEFORE = (
    "The people who approve invitations to **{organization}** have already been asked about "
    "`{person}`. If one of them agrees, I will send the invitation."
)
NAME_ONE = (
    "I have asked about several people here. Please name the person: `/approve @person`.{waiting}"
)
WAITING = " Those who wait: {people}."
NO_NAME = "Who would you like to invite? Please name the person: `/invite @person`."
NOT_FOUND = "I could not find `{person}` on GitHub. Is there a typo in the name?"
NOT_A_PERSON = "`{person}` is not a person, so it cannot join **{organization}**."
REFUSED = "I could not do that. {reason}"
TRIED_BEFORE = (
    "I was told to invite `{person}` before. The invitation is not sent yet: it waits for another "
    "day, or for GitHub, or somebody discarded it. Whoever runs me sees which in my console."
)
EXCLUDED = (
    "I am not allowed to invite `{person}`: the name matches `exclude` in `.github/bot.toml`."
)
BY_STATE = {
    "active": "@{person} is already a member of **{organization}**.",
    "pending": "@{person} already has an invitation to join **{organization}** and can accept it "
    "on the organisation's page.",
    "declined": "@{person} was invited before and did not accept. I never invite people twice, but "
    "an owner of **{organization}** can, on its People page.",
    "left": "@{person} was a member of **{organization}** and has left. I never invite people "
    "twice, but an owner can, on the organisation's People page.",
}
