"""What people are told about invitations, unless maintainers set other words: Markdown.

A paragraph is one line, because GitHub shows each line break of a comment.
"""

_AFTER = """\
If you accept it,

* you get the badge of $organization, which you can show on your profile or keep to yourself;
* you can help with issues and with reviews, as much or as little as you like;
* GitHub may send you more notifications, which you can turn off for each repository by "Unwatch".

Nothing is expected of you, now or later. If you would rather not, decline it or let it lie: you \
are just as welcome to contribute, and nobody will bother you about it.

I am only a bot. If anything is unclear, ask the people here, in this thread: they are glad to help.
"""

WELCOME = f"""\
Thank you, @$person! :tada: Your pull request is in. That is a good day for **$organization**.

We would like to have you with us, so I have just sent you an invitation to join. {_AFTER}"""

BY_HAND = f"""\
Hello @$person! The people here would like to have you with them, so I have just sent you an \
invitation to join **$organization**. {_AFTER}"""

COUNTDOWN = """\
Thank you, @$person, it is merged! :tada: That makes **$merged of $wanted**: with $wanted merged \
pull requests people are invited to join **$organization**. You are on the way.
"""

QUESTION = """\
@$person has had a pull request merged: $pull_request. Shall I send an invitation to join \
**$organization**?

Whoever has write access to this repository can answer `/approve` in a comment. Without an answer \
nothing happens, and I do not ask about this person again.
"""

INTRODUCTION_TITLE = "Welcome, $person!"

INTRODUCTION = """\
@$person has just joined **$organization**. Welcome! :wave:

This is here so that everybody hears of it. There is nothing to do; but if you would like to say \
hello, please do.
"""

# What a maintainer is answered. `str.format` with names of our own; nobody else writes these.
APPROVED = "Thank you. @{person} has an invitation to join **{organization}** now."
NOT_ALLOWED = "Only people with write access to this repository can have me invite somebody."
NOBODY_NAMED = "Whom? Please name the person: `/invite @person`."
NOBODY = "There is nobody called `{person}` on GitHub. Is it a slip of the pen?"
NO_PERSON = "`{person}` is not a person, and cannot join **{organization}**."
EXCLUDED = (
    "`{person}` is among those whom I am told not to invite: `exclude` in `.github/bot.toml`."
)
BY_STATE = {
    "active": "@{person} is a member of **{organization}** already.",
    "pending": "@{person} has an invitation to join **{organization}** already, and can accept it "
    "on the page of the organisation.",
    "declined": "@{person} was invited once, and did not accept. I ask nobody twice; an owner of "
    "**{organization}** can, on its People page.",
    "left": "@{person} has been a member of **{organization}**, and is no more. I invite nobody "
    "again; an owner can, on the People page of the organisation.",
}
