"""GitHub's webhook events with their actions and the top-level fields of their payloads.

`python -m tests.support.event_table` writes the table from GitHub's description.
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EventType:
    """An event; without `actions` it has none, or its sender invents them."""

    actions: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def check_restrictions(event: str, restrictions: Mapping[str, object]) -> None:
    """Raise ValueError, or TypeError for a list, if no delivery can match.

    The message has the name that was probably meant.
    """
    known = EVENT_TYPES.get(event)
    if known is None:
        raise ValueError(f"GitHub has no event {event!r}{_meant_event(event)}")
    for name, value in restrictions.items():
        if name not in known.fields:
            raise ValueError(f"{event} has no field {name!r}{_meant(name, known.fields)}")
        if isinstance(value, list | tuple | set | frozenset):
            raise TypeError(f"{name}={value!r}: name one value; add the handler once for each")
        if name == "action" and known.actions and value not in known.actions:
            raise ValueError(f"{event} has no action {value!r}{_meant(str(value), known.actions)}")


def _meant_event(event: str) -> str:
    name, _, action = event.partition(".")
    if action and name in EVENT_TYPES:
        return f"; use {name!r}, action={action!r}"
    return _meant(event.lower(), EVENT_TYPES)


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f": it has {', '.join(sorted(known))}"


def _parsed(text: str) -> dict[str, EventType]:
    found: dict[str, EventType] = {}
    for line in text.splitlines():
        if not line.startswith(" "):
            found[line] = current = EventType()
        else:
            kind, _, words = line.strip().partition(": ")
            (current.actions if kind == "actions" else current.fields).update(words.split())
    return found


_TEXT = """\
branch_protection_configuration
 actions: disabled enabled
 fields: action enterprise installation organization repository sender
branch_protection_rule
 actions: created deleted edited
 fields: action changes enterprise installation organization repository rule sender
check_run
 actions: completed created requested_action rerequested
 fields: action check_run enterprise installation organization repository requested_action sender
check_suite
 actions: completed requested rerequested
 fields: action check_suite enterprise installation organization repository sender
code_scanning_alert
 actions: appeared_in_branch closed_by_user created fixed reopened reopened_by_user
 actions: updated_assignment
 fields: action alert commit_oid enterprise installation organization ref repository sender
commit_comment
 actions: created
 fields: action comment enterprise installation organization repository sender
create
 fields: description enterprise installation master_branch organization pusher_type ref ref_type
 fields: repository sender
custom_property
 actions: created deleted promote_to_enterprise updated
 fields: action definition enterprise installation organization sender
custom_property_values
 actions: updated
 fields: action enterprise installation new_property_values old_property_values organization
 fields: repository sender
delete
 fields: enterprise installation organization pusher_type ref ref_type repository sender
dependabot_alert
 actions: assignees_changed auto_dismissed auto_reopened created dismissed fixed reintroduced
 actions: reopened
 fields: action alert enterprise installation organization repository sender
deploy_key
 actions: created deleted
 fields: action enterprise installation key organization repository sender
deployment
 actions: created
 fields: action deployment enterprise installation organization repository sender workflow
 fields: workflow_run
deployment_protection_rule
 actions: requested
 fields: action deployment deployment_callback_url environment event installation organization
 fields: pull_requests ref repository sender sha
deployment_review
 actions: approved rejected requested
 fields: action approver comment enterprise environment installation organization repository
 fields: requestor reviewers sender since workflow_job_run workflow_job_runs workflow_run
deployment_status
 actions: created
 fields: action check_run deployment deployment_status enterprise installation organization
 fields: repository sender workflow workflow_run
discussion
 actions: answered category_changed closed created deleted edited labeled locked pinned reopened
 actions: transferred unanswered unlabeled unlocked unpinned
 fields: action answer changes discussion enterprise installation label old_answer organization
 fields: repository sender
discussion_comment
 actions: created deleted edited
 fields: action changes comment discussion enterprise installation organization repository sender
fork
 fields: enterprise forkee installation organization repository sender
github_app_authorization
 actions: revoked
 fields: action sender
gollum
 fields: enterprise installation organization pages repository sender
installation
 actions: created deleted new_permissions_accepted suspend unsuspend
 fields: action enterprise installation organization repositories repository requester sender
installation_repositories
 actions: added removed
 fields: action enterprise installation organization repositories_added repositories_removed
 fields: repository repository_selection requester sender
installation_target
 actions: renamed
 fields: account action changes enterprise installation organization repository sender target_type
issue_comment
 actions: created deleted edited pinned unpinned
 fields: action changes comment enterprise installation issue organization repository sender
issue_dependencies
 actions: blocked_by_added blocked_by_removed blocking_added blocking_removed
 fields: action blocked_issue blocked_issue_id blocked_issue_repo blocking_issue blocking_issue_id
 fields: blocking_issue_repo installation organization repository sender
issues
 actions: assigned closed deleted demilestoned edited field_added field_removed labeled locked
 actions: milestoned opened pinned reopened transferred typed unassigned unlabeled unlocked unpinned
 actions: untyped
 fields: action assignee changes enterprise installation issue issue_field issue_field_value label
 fields: milestone organization repository sender type
label
 actions: created deleted edited
 fields: action changes enterprise installation label organization repository sender
marketplace_purchase
 actions: cancelled changed pending_change pending_change_cancelled purchased
 fields: action effective_date enterprise installation marketplace_purchase organization
 fields: previous_marketplace_purchase repository sender
member
 actions: added edited removed
 fields: action changes enterprise installation member organization repository sender
membership
 actions: added removed
 fields: action enterprise installation member organization repository scope sender team
merge_group
 actions: checks_requested destroyed
 fields: action installation merge_group organization reason repository sender
meta
 actions: deleted
 fields: action enterprise hook hook_id installation organization repository sender
milestone
 actions: closed created deleted edited opened
 fields: action changes enterprise installation milestone organization repository sender
org_block
 actions: blocked unblocked
 fields: action blocked_user enterprise installation organization repository sender
organization
 actions: deleted member_added member_invited member_removed renamed
 fields: action changes enterprise installation invitation membership organization repository sender
 fields: user
package
 actions: published updated
 fields: action enterprise installation organization package repository sender
page_build
 fields: build enterprise id installation organization repository sender
personal_access_token_request
 actions: approved cancelled created denied
 fields: action enterprise installation organization personal_access_token_request sender
ping
 fields: hook hook_id organization repository sender zen
project
 actions: closed created deleted edited reopened
 fields: action changes enterprise installation organization project repository sender
project_card
 actions: converted created deleted edited moved
 fields: action changes enterprise installation organization project_card repository sender
project_column
 actions: created deleted edited moved
 fields: action changes enterprise installation organization project_column repository sender
projects_v2
 actions: closed created deleted edited reopened
 fields: action changes installation organization projects_v2 sender
projects_v2_item
 actions: archived converted created deleted edited reordered restored
 fields: action changes installation organization projects_v2_item sender
projects_v2_status_update
 actions: created deleted edited
 fields: action changes installation organization projects_v2_status_update sender
public
 fields: enterprise installation organization repository sender
pull_request
 actions: assigned auto_merge_disabled auto_merge_enabled closed converted_to_draft demilestoned
 actions: dequeued edited enqueued labeled locked milestoned opened ready_for_review reopened
 actions: review_request_removed review_requested stacked synchronize unassigned unlabeled unlocked
 fields: action after assignee before changes enterprise installation label milestone number
 fields: organization pull_request reason repository requested_reviewer requested_team sender stack
pull_request_review
 actions: dismissed edited submitted
 fields: action changes enterprise installation organization pull_request repository review sender
pull_request_review_comment
 actions: created deleted edited
 fields: action changes comment enterprise installation organization pull_request repository sender
pull_request_review_thread
 actions: resolved unresolved
 fields: action enterprise installation organization pull_request repository sender thread
 fields: updated_at
push
 fields: after base_ref before commits compare created deleted enterprise forced head_commit
 fields: installation organization pusher ref repository sender
registry_package
 actions: published updated
 fields: action enterprise installation organization registry_package repository sender
release
 actions: created deleted edited prereleased published released unpublished
 fields: action changes enterprise installation organization release repository sender
repository
 actions: archived created deleted edited privatized publicized renamed transferred unarchived
 fields: action changes enterprise installation organization repository sender
repository_advisory
 actions: published reported
 fields: action enterprise installation organization repository repository_advisory sender
repository_dispatch
 fields: action branch client_payload enterprise installation organization repository sender
repository_import
 fields: enterprise installation organization repository sender status
repository_ruleset
 actions: created deleted edited
 fields: action changes enterprise installation organization repository repository_ruleset sender
repository_vulnerability_alert
 actions: create dismiss reopen resolve
 fields: action alert enterprise installation organization repository sender
secret_scanning_alert
 actions: assigned created metadata_created metadata_removed publicly_leaked reopened resolved
 actions: unassigned validated
 fields: action alert assignee enterprise installation organization repository sender
secret_scanning_alert_location
 actions: created
 fields: action alert installation location organization repository sender
secret_scanning_scan
 actions: completed
 fields: action completed_at custom_pattern_name custom_pattern_scope enterprise installation
 fields: organization repository secret_types sender source started_at type
security_advisory
 actions: published updated withdrawn
 fields: action enterprise installation organization repository security_advisory sender
security_and_analysis
 fields: changes enterprise installation organization repository sender
sponsorship
 actions: cancelled created edited pending_cancellation pending_tier_change tier_changed
 fields: action changes effective_date enterprise installation organization repository sender
 fields: sponsorship
star
 actions: created deleted
 fields: action enterprise installation organization repository sender starred_at
status
 fields: avatar_url branches commit context created_at description enterprise id installation name
 fields: organization repository sender sha state target_url updated_at
sub_issues
 actions: parent_issue_added parent_issue_removed sub_issue_added sub_issue_removed
 fields: action installation organization parent_issue parent_issue_id parent_issue_repo repository
 fields: sender sub_issue sub_issue_id sub_issue_repo
team
 actions: added_to_repository created deleted edited removed_from_repository
 fields: action changes enterprise installation organization repository sender team
team_add
 fields: enterprise installation organization repository sender team
watch
 actions: started
 fields: action enterprise installation organization repository sender
workflow_dispatch
 fields: enterprise inputs installation organization ref repository sender workflow
workflow_job
 actions: completed in_progress queued waiting
 fields: action deployment enterprise installation organization repository sender workflow_job
workflow_run
 actions: completed in_progress requested
 fields: action enterprise installation organization repository sender workflow workflow_run
"""

#: Each event of GitHub by its name, as sent in X-GitHub-Event.
EVENT_TYPES: Mapping[str, EventType] = _parsed(_TEXT)
