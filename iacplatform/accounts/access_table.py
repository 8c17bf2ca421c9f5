"""Who may call what: every action of the API, by view. ``docs/reference/access.md`` explains the words."""

from iacplatform.accounts.levels import OrganizationRole
from iacplatform.accounts.rules import (
    ACCOUNT,
    ADMIN,
    MEMBER,
    OWNER,
    PLAN,
    PLATFORM,
    PUBLIC,
    READ,
    SENSITIVE,
    STAFF,
    WHO,
    WRITE,
    Rule,
    manages,
    operates,
)

Rules = dict[str, Rule]
ENGINES = operates(OrganizationRole.ENGINE_VERSIONS)
NOTIFICATIONS = manages(OrganizationRole.NOTIFICATIONS)
RUN_TASKS = manages(OrganizationRole.RUN_TASKS)
SETTINGS = manages(OrganizationRole.SETTINGS)


def reading(rule: Rule) -> Rules:
    """A list and one of it."""
    return {"list": rule, "retrieve": rule}


def changing(rule: Rule, remove: Rule | None = None) -> Rules:
    """Making, changing and removing; ``remove`` where that needs more."""
    names = dict.fromkeys(("create", "update", "partial_update"), rule)
    return {**names, "destroy": remove or rule}


TOKENS: Rules = dict.fromkeys(("list", "create", "destroy"), OWNER)

GRANTS = ("list", "retrieve", "create", "partial_update", "destroy")
GRANTS_OF_OWNERS: Rules = dict.fromkeys(GRANTS, OWNER)
GRANTS_OF_ADMINISTRATORS: Rules = dict.fromkeys(GRANTS, ADMIN)

ACCESS: dict[str, Rules] = {
    # --- Who is there
    "iacplatform.accounts.LoginView": {"post": PUBLIC},
    "iacplatform.accounts.MeView": {"get": WHO},
    "iacplatform.accounts.oidc.OIDCLoginView": {"get": PUBLIC},
    "iacplatform.accounts.oidc.OIDCCallbackView": {"get": PUBLIC},
    "iacplatform.accounts.session_api.LogoutView": {"post": WHO},
    "iacplatform.accounts.session_api.PasswordView": {"post": ACCOUNT},
    "iacplatform.accounts.session_api.SessionTokenView": {"post": ACCOUNT},
    "iacplatform.accounts.APITokenViewSet": {
        "list": ACCOUNT,
        "create": ACCOUNT,
        "destroy": ACCOUNT,
    },
    "iacplatform.accounts.setup.SetupView": {"get": PUBLIC, "post": PUBLIC},
    "iacplatform.accounts.audit.AuditLogViewSet": {"list": MEMBER},
    "iacplatform.accounts.audit.AuditExportViewSet": {"export": MEMBER},
    "iacplatform.common.outbox.OutboxEntryViewSet": {"list": PLATFORM, "replay": PLATFORM},
    "iacplatform.accounts.administration.OrganizationListViewSet": {
        "list": MEMBER,
        "create": PLATFORM,
    },
    "iacplatform.accounts.administration.OrganizationViewSet": {
        "retrieve": MEMBER,
        "partial_update": OWNER,
    },
    "iacplatform.accounts.administration.MemberViewSet": {
        **reading(MEMBER),
        "create": OWNER,
        "partial_update": OWNER,
        "destroy": OWNER,
    },
    "iacplatform.accounts.administration.TeamViewSet": {
        **reading(MEMBER),
        **changing(OWNER),
        "members": MEMBER,
        "set_members": OWNER,
    },
    "iacplatform.accounts.administration.OrganizationTokenViewSet": TOKENS,
    "iacplatform.accounts.administration.TeamTokenViewSet": TOKENS,
    "iacplatform.accounts.administration.users.AccountViewSet": {
        **reading(PLATFORM),
        "create": PLATFORM,
        "partial_update": PLATFORM,
    },
    "workspaces.ProjectViewSet": {**reading(MEMBER), **changing(SETTINGS)},
    "workspaces.OrganizationGrantViewSet": GRANTS_OF_OWNERS,
    "workspaces.WorkspaceGrantViewSet": GRANTS_OF_ADMINISTRATORS,
    "workspaces.WorkspaceProjectViewSet": {"project": READ, "move": ADMIN},
    # --- Workspaces. Creating asks for the level in the organization or the project, in the service.
    "workspaces.WorkspaceListViewSet": {"list": READ, "create": WRITE},
    "workspaces.WorkspaceViewSet": {
        "retrieve": READ,
        "update": WRITE,
        "partial_update": WRITE,
        "destroy": ADMIN,
        "overview": READ,
        "lock": WRITE,
        "unlock": WRITE,
        "outputs_sharing": READ,
        "share_outputs": ADMIN,
    },
    "workspaces.TaskViewSet": {**reading(READ), "create": PLAN},
    "workspaces.TaskActionViewSet": {
        "confirm_apply": WRITE,
        "cancel": PLAN,
        "cancel_previous": WRITE,
        "retry_state_save": ADMIN,
    },
    "workspaces.InterruptionViewSet": {"retrieve": READ, "resolve": ADMIN},
    "workspaces.TransitionViewSet": {"list": READ},
    "workspaces.CommentViewSet": {"list": READ, "create": PLAN},
    "workspaces.ResourceChangeViewSet": {"list": READ},
    "workspaces.TaskLogView": {"get": READ},
    "workspaces.TaskLogDownloadView": {"get": READ},
    "workspaces.WorkspaceTaskLogView": {"get": READ},
    "workspaces.VariableViewSet": {**reading(READ), **changing(WRITE)},
    "workspaces.VariableVersionViewSet": reading(READ),
    "workspaces.EffectiveVariableViewSet": {"list": READ},
    "workspaces.ResourceViewSet": {
        **reading(READ),
        **changing(WRITE),
        "import_blocks": WRITE,
        "deploy": PLAN,
        "export_hcl": READ,
        "restore": WRITE,
        "dependencies": READ,
        "set_dependencies": WRITE,
        "rollback": WRITE,
    },
    "workspaces.ResourceVersionViewSet": {**reading(READ), "compare": READ},
    "workspaces.ResourceSnapshotViewSet": {
        **reading(READ),
        "create": WRITE,
        "destroy": ADMIN,
        "compare": READ,
        "restore": WRITE,
    },
    "workspaces.ConfigurationVersionViewSet": {
        **reading(READ),
        "create": WRITE,
        "download": READ,
    },
    "workspaces.StateVersionViewSet": {
        **reading(READ),
        "current": READ,
        "compare": READ,
        "outputs": READ,
        "rollback": WRITE,
        "rollback_to": WRITE,
        "destroy": ADMIN,
    },
    "workspaces.StateContentViewSet": dict.fromkeys(
        ("retrieve_content", "download", "download_current"), SENSITIVE
    ),
    "workspaces.StateUploadViewSet": {"upload": WRITE},
    "workspaces.StateFileUploadViewSet": {"upload_file": WRITE},
    "workspaces.RemoteStateView": {"get": PUBLIC},  # a task's token opens it
    "workspaces.OutputViewSet": {**reading(READ), **changing(WRITE)},
    "workspaces.RemoteDataViewSet": {**reading(READ), **changing(WRITE)},
    # --- What comes with a task
    "runtasks.AttachmentViewSet": {"overview": READ, "retrieve": READ, **changing(WRITE)},
    "runtasks.TaskResultViewSet": {"list": READ, "override": ADMIN},
    "runtasks.ResultViewSet": {"retrieve": READ},
    "runtasks.OutcomeViewSet": {"list": READ},
    # A result's token opens these.
    "runtasks.CallbackView": {"post": PUBLIC, "patch": PUBLIC},
    "runtasks.PlanJSONView": {"get": PUBLIC},
    "runtasks.JSONOutputView": {"get": PUBLIC},
    "runtasks.ResourceChangesView": {"get": PUBLIC},
    "notifications.AttachmentViewSet": {"overview": READ, "retrieve": READ, **changing(WRITE)},
    "notifications.LogViewSet": {**reading(READ), "replay": WRITE},
    "triggers.RunTriggerViewSet": {
        "outbound": READ,
        "inbound": READ,
        "retrieve": READ,
        "create_inbound": WRITE,
        **changing(WRITE),
    },
    "triggers.LinkableWorkspaceViewSet": {"list": READ},
    "triggers.TriggerExecutionViewSet": {**reading(READ), "update": WRITE},
    # --- Drift and the CMDB
    "workspaces.drift.DriftListViewSet": {"list": READ},
    "workspaces.drift.DriftSettingsViewSet": {"retrieve": READ, "update": WRITE},
    "workspaces.drift.StatusViewSet": {"retrieve": READ},
    "workspaces.drift.CheckViewSet": {**reading(READ), "start": PLAN, "cancel": PLAN},
    "workspaces.drift.ResourceDriftViewSet": {"list": READ},
    "workspaces.drift.IgnoreRuleViewSet": {**reading(READ), **changing(WRITE)},
    "workspaces.cmdb.ResourceViewSet": dict.fromkeys(
        ("search", "suggestions", "stats", "resource_types", "retrieve"), READ
    ),
    "workspaces.cmdb.SyncViewSet": {"list": READ, "sync_all": STAFF},
    "workspaces.cmdb.WorkspaceResourceViewSet": {
        "tree": READ,
        "list": READ,
        "sync_state": READ,
        "sync": WRITE,
    },
    # --- What belongs to an organization, or to all of them
    "workspaces.EngineVersionViewSet": {
        **reading(MEMBER),
        **changing(ENGINES),
        "set_default": ENGINES,
    },
    "workspaces.VariableSetViewSet": {
        **reading(MEMBER),
        **changing(SETTINGS),
        "projects": MEMBER,
        "workspaces": MEMBER,
        "assign_projects": SETTINGS,
        "assign_workspaces": SETTINGS,
    },
    "workspaces.SetVariableViewSet": {**reading(MEMBER), **changing(SETTINGS)},
    "workspaces.SetVariableVersionViewSet": reading(MEMBER),
    "runtasks.RunTaskViewSet": {
        **reading(MEMBER),
        **changing(RUN_TASKS),
        "test": RUN_TASKS,
        "try_out": RUN_TASKS,
    },
    "notifications.NotificationViewSet": {
        **reading(MEMBER),
        **changing(NOTIFICATIONS),
        "available": MEMBER,
        "test": NOTIFICATIONS,
    },
    "workspaces.cmdb.ExternalSourceViewSet": {
        **reading(STAFF),
        **changing(STAFF),
        "sync": STAFF,
        "test": STAFF,
    },
    "workspaces.cmdb.SyncLogViewSet": {"list": STAFF},
}
