"""Actions: what rules want done at GitHub, as frozen values that can be stored and repeated.

An action is data, so it can be stored, shown, previewed, compared and performed later. Two events
of one click lead to one key, and so to one effect. Each file holds one effect and how it is
performed. A new one needs a file and a line here; a custom rule's file may define its own
(docs/howto/write-a-rule.md).
"""

from bot.actions.ask import Ask as Ask
from bot.actions.assign import Assign as Assign
from bot.actions.assign import Unassign as Unassign
from bot.actions.base import ACTIONS as ACTIONS
from bot.actions.base import Action as Action
from bot.actions.base import ActionError as ActionError
from bot.actions.base import IssueAction as IssueAction
from bot.actions.base import Planned as Planned
from bot.actions.base import UnknownAction as UnknownAction
from bot.actions.base import kinds as kinds
from bot.actions.base import marked_keys as marked_keys
from bot.actions.base import planned_of as planned_of
from bot.actions.check_run import CheckRun as CheckRun
from bot.actions.close_issue import CloseIssue as CloseIssue
from bot.actions.comment import Comment as Comment
from bot.actions.invite import Invite as Invite
from bot.actions.join_team import JoinTeam as JoinTeam
from bot.actions.keep_issue import KeepIssue as KeepIssue
from bot.actions.labels import Label as Label
from bot.actions.labels import Unlabel as Unlabel
from bot.actions.open_issue import OpenIssue as OpenIssue
from bot.actions.pause_order import Rest as Rest
from bot.actions.react import React as React
from bot.actions.set_state import SetState as SetState
from bot.actions.withdraw_comment import TakeBack as TakeBack
from bot.actions.work import Note as Note
from bot.actions.work import Result as Result
from bot.actions.work import Superseded as Superseded
from bot.actions.work import Work as Work
from bot.actions.write_once import marker as marker
