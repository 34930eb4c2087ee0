"""FakeGithub: a real HTTP server for a GitHub in memory (docs/decisions/0030)."""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from luggage.fake_github.credentials import Credentials
from luggage.fake_github.credentials import private_key as default_private_key
from luggage.fake_github.dispatch import RequestDispatcher
from luggage.fake_github.faults import Fault, Plan
from luggage.fake_github.happenings import issues, names, organizations, pulls
from luggage.fake_github.happenings.scene import issue_of, repository_of
from luggage.fake_github.hooks import CONNECTION_FAILED, Hooks, Sent
from luggage.fake_github.journal import Journal
from luggage.fake_github.limits import Limits
from luggage.fake_github.messages import Answer, Outcome, Refused, Request
from luggage.fake_github.records import (
    Account,
    App,
    Comment,
    Installation,
    Membership,
    Repository,
    Team,
)
from luggage.fake_github.server import HttpServer
from luggage.fake_github.world import World

EVENTS = (
    "issue_comment",
    "issues",
    "organization",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "star",
)
PERMISSIONS = {
    "checks": "write",
    "contents": "read",
    "issues": "write",
    "members": "write",
    "metadata": "read",
    "pull_requests": "write",
}


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A handled request: `body` is the decoded JSON, `status` the response's.

    `status` is 0 if a fault ended the connection; `fault` is its name or "". `installation_id` is
    None for the App itself and for unauthenticated callers.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int
    at: float
    installation_id: int | None
    fault: str


class FakeGithub:
    """GitHub for one App, in memory: accounts, repositories, tokens, limits, webhooks.

    `app_id`, `private_key` (PEM) and `webhook_secret` are a bot's settings; registering an App from
    a manifest replaces them. `faults` is a list of plans, `journal` a readable log. Any thread may
    use it. Times are epoch seconds by `clock`. Methods that simulate people are functions of
    `happenings`.

    With `app_owner`, an organization, the App is private; otherwise anyone may install it. Sign-in
    redirects people to the first of `callback_urls`.
    """

    def __init__(  # noqa: PLR0913 - keyword-only options with defaults
        self,
        *,
        app_id: int = 1001,
        app_slug: str = "test-bot",
        app_owner: str | None = None,
        callback_urls: Sequence[str] = (),
        webhook_secret: str | None = None,
        webhook_url: str = "",
        private_key: str | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the default only
        read_lag_seconds: float = 0.0,
        token_seconds: float = 3600.0,
        requests_per_hour: int = 5000,
        searches_per_minute: int = 30,
        content_per_minute: int | None = None,
        content_per_hour: int | None = None,
    ) -> None:
        app = App(
            id=app_id,
            slug=app_slug,
            name=app_slug.replace("-", " ").title(),
            permissions=PERMISSIONS,
            events=EVENTS,
            created_at=clock(),
            owner=app_owner or f"{app_slug}-owner",
            public=app_owner is None,
            callback_urls=tuple(callback_urls),
            hook_url=webhook_url,
            client_secret=secrets.token_hex(20),
        )
        self.world = World(app, clock=clock, read_lag_seconds=read_lag_seconds)
        self.journal = Journal()
        self.faults: list[Plan] = []
        self.credentials = Credentials(
            self.world, private_key or default_private_key(), token_seconds=token_seconds
        )
        self.limits = Limits(
            clock=clock,
            requests_per_hour=requests_per_hour,
            searches_per_minute=searches_per_minute,
            content_per_minute=content_per_minute,
            content_per_hour=content_per_hour,
        )
        self.hooks = Hooks(
            app_id=app_id,
            secret=webhook_secret or secrets.token_hex(20),
            clock=clock,
            next_id=self.world.next_id,
        )
        self._dispatcher = RequestDispatcher(
            self.world, self.credentials, self.limits, self.hooks, log=self.journal.add
        )
        self._calls: list[Recorded] = []
        self._calls_lock = threading.Lock()

    # Settings of the bot

    @property
    def app_id(self) -> int:
        """Return the App's id; registration changes it."""
        return self.world.app.id

    @property
    def private_key(self) -> str:
        """Return the App's private key as PEM."""
        return self.credentials.pem

    @property
    def webhook_secret(self) -> str:
        """Return the secret that signs deliveries."""
        return self.hooks.secret

    @property
    def webhook_url(self) -> str:
        """Return the URL that receives deliveries, "" for none; can be set."""
        return self.world.app.hook_url

    @webhook_url.setter
    def webhook_url(self, url: str) -> None:
        with self.world.lock:
            self.world.app = replace(self.world.app, hook_url=url)

    # Setting the scene

    def add_user(self, login: str, *, bot: bool = False, kind: str = "User") -> Account:
        """Return the user of that name, creating it if needed.

        `kind` is GitHub's type, such as Mannequin. A managed user's login ends with `_shortcode`.
        """
        with self.world.lock:
            return self.world.account(login, "Bot" if bot else kind)

    def add_organization(self, login: str, *, installed: bool = True) -> Account:
        """Return the organization of that name, creating it and installing the App if needed."""
        with self.world.lock:
            account = self.world.account(login, "Organization")
            if installed:
                self.world.install(account)
            return account

    def add_repository(
        self, full_name: str, *, private: bool = False, installed: bool = True
    ) -> Repository:
        """Return the repository OWNER/NAME, creating it (and an organization) if needed."""
        with self.world.lock:
            repository = self.world.repository(full_name, private=private)
            if installed:
                self.world.install(repository.owner)
            return repository

    def add_file(self, repo: str, path: str, text: str | bytes, *, commit: str = "") -> None:
        """Add or replace a file on the default branch, or at a commit outside of it."""
        with self.world.lock:
            repository = repository_of(self, repo)
            files = repository.at_commits.setdefault(commit, {}) if commit else repository.files
            files[path] = text.encode() if isinstance(text, str) else text

    def add_member(
        self, organization: str, login: str, *, role: str = "member", state: str = "active"
    ) -> Membership:
        """Add a person to an organization, as "active" or (invited) "pending"."""
        with self.world.lock:
            membership = self.world.join(
                self.add_organization(organization),
                self.world.account(login),
                role=role,
                state=state,
            )
            membership.state = state
            return membership

    def add_team(self, organization: str, name: str, *logins: str) -> Team:
        """Return the team of that name, creating it if needed, with these members added."""
        with self.world.lock:
            team = self.world.team(self.add_organization(organization), name)
            for login in logins:
                self.world.join(
                    team.organization, self.world.account(login), role="member", state="active"
                )
                team.roles[login.lower()] = "member"
            return team

    def add_collaborator(
        self, repo: str, login: str, permission: str = "write", *, custom_role: str = ""
    ) -> None:
        """Give a non-member a permission on a repository: read, triage, write, maintain...

        A custom role has a name of its own, and inherits the permission.
        """
        with self.world.lock:
            self.world.account(login)
            repository = repository_of(self, repo)
            repository.collaborators[login.lower()] = permission
            repository.custom_roles[login.lower()] = custom_role or permission

    def set_browser_user(self, login: str | None) -> None:
        """Set the person who signs in and consents; None declines."""
        with self.world.lock:
            self.world.browser_user = None if login is None else self.world.account(login)

    sits_at_the_browser = set_browser_user  # deprecated: the name in 0.1

    def install(self, login: str) -> Installation:
        """Return the installation on an account, creating it if needed; raises LookupError."""
        with self.world.lock:
            return self.world.install(self.world.accounts[login.lower()])

    # People's actions; each returns its webhook event

    open_issue = issues.open_issue
    close_issue = issues.close_issue
    label_issue = issues.label_issue
    lock_issue = issues.lock_issue
    comment = issues.comment
    star = issues.star
    push = issues.push
    ping = issues.ping
    assign = issues.assign
    issue = issues.issue

    open_pull_request = pulls.open_pull_request
    merge_pull_request = pulls.merge_pull_request
    close_pull_request = pulls.close_pull_request
    review_comment = pulls.review_comment
    review = pulls.review
    push_to_pull_request = pulls.push_to_pull_request
    rename_pull_request = pulls.rename_pull_request
    reopen_pull_request = pulls.reopen_pull_request
    request_review = pulls.request_review
    pull = pulls.pull

    invite_by_hand = organizations.invite_by_hand
    accept_invitation = organizations.accept_invitation
    decline_invitation = organizations.decline_invitation
    leave = organizations.leave

    suspend = organizations.suspend
    unsuspend = organizations.unsuspend
    uninstall = organizations.uninstall
    accept_permissions = organizations.accept_permissions
    set_allow_list = organizations.set_allow_list
    block_repository = organizations.block_repository
    rename_user = names.rename_user
    rename_organization = names.rename_organization
    rename_repository = names.rename_repository
    rename_app = names.rename_app
    transfer_repository = names.transfer_repository
    transfer_issue = names.transfer_issue
    delete_account = names.delete_account
    hide_profile = names.hide_profile

    # Inspecting the result

    @property
    def calls(self) -> list[Recorded]:
        """Return a list of all requests, in order."""
        with self._calls_lock:
            return list(self._calls)

    def calls_to(self, method: str, path: str = "*") -> list[Recorded]:
        """Return the requests that match a method and a path, both shell patterns."""
        return [
            call
            for call in self.calls
            if fnmatchcase(call.method, method) and fnmatchcase(call.path, path)
        ]

    def comments(self, repo: str, number: int) -> list[Comment]:
        """Return the comments of an issue or pull request, oldest first, without read lag."""
        with self.world.lock:
            return list(issue_of(self, repo, number).comments)

    def membership(self, organization: str, login: str) -> Membership | None:
        """Return a person's membership of an organization, or None."""
        with self.world.lock:
            account = self.world.accounts.get(organization.lower())
            return None if account is None else account.members.get(login.lower())

    # Webhooks

    def signed(
        self, event: str, payload: Any, *, delivery_id: str | None = None, secret: str | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a delivery for a test client; `secret=""` omits signatures."""
        return self.hooks.signed(event, payload, delivery_id=delivery_id, secret=secret)

    def deliver(
        self,
        event: str,
        payload: Any,
        *,
        to: str = "",
        delivery_id: str | None = None,
        secret: str | None = None,
    ) -> int:
        """POST a signed delivery to the bot (`to`, or the webhook_url); return the status.

        The status is 502 if the connection fails and 504 after ten seconds, as in GitHub's delivery
        log. Raises ValueError without a URL. To repeat a delivery, pass its delivery_id.
        """
        url = to or self.webhook_url
        if not url:
            raise ValueError(
                "No URL to deliver to: pass to=URL or create FakeGithub(webhook_url=URL)."
            )
        headers, body = self.signed(event, payload, delivery_id=delivery_id, secret=secret)
        return self.hooks.send(event, headers, body, url=url).status

    def notify(self, event: str, payload: Any) -> int | None:
        """Deliver as GitHub does by itself; return the status, or None if it does not deliver.

        It delivers if the webhook is active and has a URL, and the App is installed and subscribes
        to the event.
        """
        app = self.world.app
        subscribed = app.hook_active and app.hook_url and event in app.events
        if not subscribed or "installation" not in payload:
            return None
        return self.deliver(event, payload)

    def miss(self, event: str, payload: Any, *, delivery_id: str | None = None) -> Sent:
        """Add a failed delivery (status 502) to GitHub's log without sending it."""
        headers, body = self.signed(event, payload, delivery_id=delivery_id)
        now, url = self.world.clock(), self.webhook_url
        return self.hooks.keep(
            event, headers, body, url=url, result=CONNECTION_FAILED, began_at=now
        )

    def redeliver(self, *, to: str = "") -> list[int]:
        """Send the deliveries that the bot requested to be repeated; return the statuses."""
        requests, self.hooks.redelivery_requests = self.hooks.redelivery_requests, []
        return [
            self.deliver(sent.event, sent.payload, to=to, delivery_id=sent.guid)
            for sent in requests
        ]

    # Serving

    def serve(self, *, host: str = "127.0.0.1", port: int = 0) -> HttpServer:
        """Start an HTTP server; port 0 picks a free one. Stop it with `stop()` or `with`."""
        server = HttpServer(self.handle, clock=self.world.clock, host=host, port=port)
        self.world.api_url = server.url
        return server

    def handle(self, request: Request) -> Outcome:
        """Respond to a request as GitHub would, or as the faults say."""
        fault = self._fault(request)
        if fault is not None and not fault.done:
            answer, installation_id = fault.answer or Answer(502), None
        else:
            answer, installation_id = self._dispatcher.answer(request)
        if fault is not None:
            answer = fault.answer or answer
        self._record(request, answer, installation_id, fault)
        if fault is None:
            return Outcome(answer=answer)
        return Outcome(
            answer=answer,
            delay_seconds=fault.delay_seconds,
            hang_up=fault.hang_up,
            fault=fault.name,
        )

    def _fault(self, request: Request) -> Fault | None:
        faults = (plan(request) for plan in list(self.faults))
        return next((fault for fault in faults if fault is not None), None)

    def _record(
        self, request: Request, answer: Answer, installation_id: int | None, fault: Fault | None
    ) -> None:
        try:
            body = request.json
        except Refused:
            body = request.body.decode(errors="replace")
        recorded = Recorded(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            body=body,
            status=0 if fault and fault.hang_up else answer.status,
            at=self.world.clock(),
            installation_id=installation_id,
            fault=fault.name if fault else "",
        )
        with self._calls_lock:
            self._calls.append(recorded)
