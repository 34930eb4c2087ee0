"""Accounts: users, organizations, memberships, teams."""

from luggage.fake_github.records import Account, Membership, Team
from luggage.fake_github.shapes.common import Json, node_id, optional_timestamp, timestamp
from luggage.fake_github.world import World

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_ORGANIZATION_LINKS = {
    "repos_url": "/repos",
    "events_url": "/events",
    "hooks_url": "/hooks",
    "issues_url": "/issues",
    "members_url": "/members{/member}",
    "public_members_url": "/public_members{/member}",
}


def user(world: World, account: Account) -> Json:
    """Return a "simple user"; an organization that owns something has this shape too."""
    url = f"{world.api_url}/users/{account.login.replace('[', '%5B').replace(']', '%5D')}"
    # A bot's page is its App's: github.com/apps/NAME.
    page = f"apps/{account.login.removesuffix('[bot]')}" if account.kind == "Bot" else account.login
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("O" if account.is_organization else "U", account.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.server_url}/{page}",
        **{name: url + suffix for name, suffix in _USER_LINKS.items()},
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def optional_user(world: World, account: Account | None) -> Json | None:
    """Return a user, or None."""
    return None if account is None else user(world, account)


def public_user(world: World, account: Account) -> Json:
    """Return the response of GET /users/{username}."""
    unknown = (
        "name",
        "company",
        "blog",
        "location",
        "email",
        "hireable",
        "bio",
        "twitter_username",
    )
    return {
        **user(world, account),
        **dict.fromkeys(unknown),
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": timestamp(account.created_at),
        "updated_at": timestamp(account.created_at),
    }


def organization(world: World, account: Account) -> Json:
    """Return a "simple organization", as in payloads and memberships."""
    url = f"{world.api_url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("O", account.id),
        "url": url,
        **{name: url + suffix for name, suffix in _ORGANIZATION_LINKS.items()},
        "avatar_url": f"https://avatars.githubusercontent.com/u/{account.id}?v=4",
        "description": "",
    }


def full_organization(world: World, account: Account) -> Json:
    """Return the response of GET /orgs/{org}."""
    return {
        **organization(world, account),
        "html_url": f"{world.server_url}/{account.login}",
        "name": account.login,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "type": "Organization",
        "created_at": timestamp(account.created_at),
        "updated_at": timestamp(account.created_at),
        "archived_at": optional_timestamp(None),
    }


def membership(world: World, one: Membership) -> Json:
    """Return a membership; its state is "pending" until the person accepts."""
    url = f"{world.api_url}/orgs/{one.organization.login}"
    return {
        "url": f"{url}/memberships/{one.user.login}",
        "state": one.state,
        "role": one.role,
        "organization_url": url,
        "user": user(world, one.user),
        "organization": organization(world, one.organization),
    }


def invitation(world: World, one: Membership) -> Json:
    """Return an open invitation; a future member's role is direct_member."""
    page = f"{world.api_url}/organizations/{one.organization.id}/invitations/{one.id}"
    return {
        "id": one.id,
        "node_id": node_id("OI", one.id),
        "login": one.user.login,
        "email": None,
        "role": "admin" if one.role == "admin" else "direct_member",
        "created_at": timestamp(one.since_at),
        "failed_at": None,
        "failed_reason": None,
        "inviter": user(world, world.bot),
        "team_count": 0,
        "invitation_teams_url": f"{page}/teams",
    }


def team(world: World, one: Team) -> Json:
    """Return a team, as in lists."""
    url = f"{world.api_url}/organizations/{one.organization.id}/team/{one.id}"
    page = f"{world.server_url}/orgs/{one.organization.login}/teams/{one.slug}"
    return {
        "id": one.id,
        "node_id": node_id("T", one.id),
        "url": url,
        "html_url": page,
        "name": one.name,
        "slug": one.slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "parent": None,
    }


def team_membership(world: World, one: Team, login: str) -> Json:
    """Return a team membership; it is pending as long as the organization's is."""
    member = one.organization.members[login.lower()]
    url = f"{world.api_url}/organizations/{one.organization.id}/team/{one.id}"
    return {
        "url": f"{url}/memberships/{member.user.login}",
        # Owners maintain every team they are in.
        "role": "maintainer" if member.role == "admin" else one.roles[login.lower()],
        "state": member.state,
    }
