"""Every route of the API with what its caller needs, written down a second time.

This is not read from ``iacplatform.accounts.access_table``: it is what that table is compared with. Who adds
a route adds a row here, and a way to fill new names in its path to ``route_objects``.

The last word of a row is one of these:

- ``public``: nobody has to sign in, or a token of its own opens it;
- ``signed-in``; ``account`` (signed in, and the token may touch the account); ``session`` (in a browser);
- ``read``, ``plan``, ``write``, ``admin``: the level in the workspace; ``secrets``: ``admin``, and the token
  may read secrets;
- ``member`` of the organization, ``role:<what a team of theirs manages there>``, ``owner`` of it;
- ``all:<role>``: staff, and who has the role in the organization that runs the installation;
- ``staff``; ``superuser``.
"""

from dataclasses import dataclass

API = "/api/v1"
TABLE = """
POST   /auth/login                                                                     public
POST   /auth/logout                                                                    signed-in
POST   /auth/password                                                                  account
POST   /auth/session-token                                                             session
GET    /auth/oidc/login                                                                public
GET    /auth/oidc/callback                                                             public
GET    /auth/me                                                                        signed-in
GET    /auth/tokens                                                                    account
POST   /auth/tokens                                                                    account
DELETE /auth/tokens/{token_id}                                                         account
GET    /audit-log                                                                      member
GET    /audit-log/export                                                               member
GET    /organizations                                                                  member
POST   /organizations                                                                  superuser
GET    /organizations/{organization}                                                   member
PATCH  /organizations/{organization}                                                   owner
GET    /organizations/{organization}/members                                           member
POST   /organizations/{organization}/members                                           owner
GET    /organizations/{organization}/members/{user_id}                                 member
PATCH  /organizations/{organization}/members/{user_id}                                 owner
DELETE /organizations/{organization}/members/{user_id}                                 owner
GET    /organizations/{organization}/teams                                             member
POST   /organizations/{organization}/teams                                             owner
GET    /organizations/{organization}/teams/{team_id}                                   member
PUT    /organizations/{organization}/teams/{team_id}                                   owner
PATCH  /organizations/{organization}/teams/{team_id}                                   owner
DELETE /organizations/{organization}/teams/{team_id}                                   owner
GET    /organizations/{organization}/teams/{team_id}/members                           member
PUT    /organizations/{organization}/teams/{team_id}/members                           owner
GET    /organizations/{organization}/teams/{team_id}/tokens                            owner
POST   /organizations/{organization}/teams/{team_id}/tokens                            owner
DELETE /organizations/{organization}/teams/{team_id}/tokens/{token_id}                 owner
GET    /organizations/{organization}/tokens                                            owner
POST   /organizations/{organization}/tokens                                            owner
DELETE /organizations/{organization}/tokens/{token_id}                                 owner
GET    /organizations/{organization}/access-grants                                     owner
POST   /organizations/{organization}/access-grants                                     owner
GET    /organizations/{organization}/access-grants/{grant_id}                          owner
PATCH  /organizations/{organization}/access-grants/{grant_id}                          owner
DELETE /organizations/{organization}/access-grants/{grant_id}                          owner
GET    /users                                                                          superuser
POST   /users                                                                          superuser
GET    /users/{user_id}                                                                superuser
PATCH  /users/{user_id}                                                                superuser
GET    /projects                                                                       member
POST   /projects                                                                       role:settings
GET    /projects/{project_id}                                                          member
PUT    /projects/{project_id}                                                          role:settings
PATCH  /projects/{project_id}                                                          role:settings
DELETE /projects/{project_id}                                                          role:settings
GET    /workspaces/{workspace_id}/project                                              read
PUT    /workspaces/{workspace_id}/project                                              admin
GET    /workspaces/{workspace_id}/access-grants                                        admin
POST   /workspaces/{workspace_id}/access-grants                                        admin
GET    /workspaces/{workspace_id}/access-grants/{grant_id}                             admin
PATCH  /workspaces/{workspace_id}/access-grants/{grant_id}                             admin
DELETE /workspaces/{workspace_id}/access-grants/{grant_id}                             admin
GET    /setup                                                                          public
POST   /setup                                                                          public
GET    /outbox                                                                         superuser
POST   /outbox/{entry_id}/replay                                                       superuser
GET    /workspaces                                                                     read
POST   /workspaces                                                                     write
GET    /workspaces/{workspace_id}                                                      read
PUT    /workspaces/{workspace_id}                                                      write
PATCH  /workspaces/{workspace_id}                                                      write
DELETE /workspaces/{workspace_id}                                                      admin
GET    /workspaces/{workspace_id}/overview                                             read
POST   /workspaces/{workspace_id}/lock                                                 write
POST   /workspaces/{workspace_id}/unlock                                               write
GET    /workspaces/{workspace_id}/outputs-sharing                                      read
PUT    /workspaces/{workspace_id}/outputs-sharing                                      admin
GET    /workspaces/{workspace_id}/tasks                                                read
POST   /workspaces/{workspace_id}/tasks                                                plan
POST   /workspaces/{workspace_id}/tasks/plan                                           plan
GET    /workspaces/{workspace_id}/tasks/{task_id}                                      read
POST   /workspaces/{workspace_id}/tasks/{task_id}/confirm-apply                        write
POST   /workspaces/{workspace_id}/tasks/{task_id}/cancel                               plan
POST   /workspaces/{workspace_id}/tasks/{task_id}/cancel-previous                      write
POST   /workspaces/{workspace_id}/tasks/{task_id}/retry-state-save                     admin
GET    /workspaces/{workspace_id}/tasks/{task_id}/interruption                         read
POST   /workspaces/{workspace_id}/tasks/{task_id}/resolve-interruption                 admin
GET    /workspaces/{workspace_id}/tasks/{task_id}/transitions                          read
GET    /workspaces/{workspace_id}/tasks/{task_id}/comments                             read
POST   /workspaces/{workspace_id}/tasks/{task_id}/comments                             plan
GET    /workspaces/{workspace_id}/tasks/{task_id}/resource-changes                     read
GET    /workspaces/{workspace_id}/variables                                            read
POST   /workspaces/{workspace_id}/variables                                            write
GET    /workspaces/{workspace_id}/variables/{variable_id}                              read
PUT    /workspaces/{workspace_id}/variables/{variable_id}                              write
DELETE /workspaces/{workspace_id}/variables/{variable_id}                              write
GET    /workspaces/{workspace_id}/variables/{variable_id}/versions                     read
GET    /workspaces/{workspace_id}/variables/{variable_id}/versions/{version}           read
GET    /workspaces/{workspace_id}/effective-variables                                  read
GET    /variable-sets                                                                  member
POST   /variable-sets                                                                  role:settings
GET    /variable-sets/{variable_set_id}                                                member
PUT    /variable-sets/{variable_set_id}                                                role:settings
PATCH  /variable-sets/{variable_set_id}                                                role:settings
DELETE /variable-sets/{variable_set_id}                                                role:settings
GET    /variable-sets/{variable_set_id}/projects                                       member
PUT    /variable-sets/{variable_set_id}/projects                                       role:settings
GET    /variable-sets/{variable_set_id}/workspaces                                     member
PUT    /variable-sets/{variable_set_id}/workspaces                                     role:settings
GET    /variable-sets/{variable_set_id}/variables                                      member
POST   /variable-sets/{variable_set_id}/variables                                      role:settings
GET    /variable-sets/{variable_set_id}/variables/{variable_id}                        member
PUT    /variable-sets/{variable_set_id}/variables/{variable_id}                        role:settings
DELETE /variable-sets/{variable_set_id}/variables/{variable_id}                        role:settings
GET    /variable-sets/{variable_set_id}/variables/{variable_id}/versions               member
GET    /variable-sets/{variable_set_id}/variables/{variable_id}/versions/{version}     member
GET    /workspaces/{workspace_id}/resources                                            read
POST   /workspaces/{workspace_id}/resources                                            write
POST   /workspaces/{workspace_id}/resources/import                                     write
POST   /workspaces/{workspace_id}/resources/deploy                                     plan
GET    /workspaces/{workspace_id}/resources/export/hcl                                 read
GET    /workspaces/{workspace_id}/resources/{resource_id}                              read
PUT    /workspaces/{workspace_id}/resources/{resource_id}                              write
DELETE /workspaces/{workspace_id}/resources/{resource_id}                              write
POST   /workspaces/{workspace_id}/resources/{resource_id}/restore                      write
GET    /workspaces/{workspace_id}/resources/{resource_id}/dependencies                 read
PUT    /workspaces/{workspace_id}/resources/{resource_id}/dependencies                 write
GET    /workspaces/{workspace_id}/resources/{resource_id}/versions                     read
GET    /workspaces/{workspace_id}/resources/{resource_id}/versions/compare             read
GET    /workspaces/{workspace_id}/resources/{resource_id}/versions/{version}           read
POST   /workspaces/{workspace_id}/resources/{resource_id}/versions/{version}/rollback  write
GET    /workspaces/{workspace_id}/snapshots                                            read
POST   /workspaces/{workspace_id}/snapshots                                            write
GET    /workspaces/{workspace_id}/snapshots/{snapshot_id}                              read
DELETE /workspaces/{workspace_id}/snapshots/{snapshot_id}                              admin
GET    /workspaces/{workspace_id}/snapshots/{snapshot_id}/compare                      read
POST   /workspaces/{workspace_id}/snapshots/{snapshot_id}/restore                      write
GET    /workspaces/{workspace_id}/configuration-versions                               read
POST   /workspaces/{workspace_id}/configuration-versions                               write
GET    /workspaces/{workspace_id}/configuration-versions/{configuration_id}            read
GET    /workspaces/{workspace_id}/configuration-versions/{configuration_id}/download   read
GET    /workspaces/{workspace_id}/state-versions                                       read
GET    /workspaces/{workspace_id}/state-versions/current                               read
GET    /workspaces/{workspace_id}/state-versions/current/download                      secrets
GET    /workspaces/{workspace_id}/state-versions/compare                               read
GET    /workspaces/{workspace_id}/state-versions/{version}                             read
DELETE /workspaces/{workspace_id}/state-versions/{version}                             admin
GET    /workspaces/{workspace_id}/state-versions/{version}/retrieve                    secrets
GET    /workspaces/{workspace_id}/state-versions/{version}/download                    secrets
POST   /workspaces/{workspace_id}/state-versions/{version}/rollback                    write
POST   /workspaces/{workspace_id}/state/upload                                         write
POST   /workspaces/{workspace_id}/state/upload-file                                    write
POST   /workspaces/{workspace_id}/state/rollback                                       write
GET    /workspaces/{workspace_id}/state-outputs                                        read
GET    /workspaces/{workspace_id}/state-outputs/full                                   public
GET    /workspaces/{workspace_id}/outputs                                              read
POST   /workspaces/{workspace_id}/outputs                                              write
GET    /workspaces/{workspace_id}/outputs/{output_id}                                  read
PUT    /workspaces/{workspace_id}/outputs/{output_id}                                  write
PATCH  /workspaces/{workspace_id}/outputs/{output_id}                                  write
DELETE /workspaces/{workspace_id}/outputs/{output_id}                                  write
GET    /workspaces/{workspace_id}/remote-data                                          read
POST   /workspaces/{workspace_id}/remote-data                                          write
GET    /workspaces/{workspace_id}/remote-data/{remote_data_id}                         read
PUT    /workspaces/{workspace_id}/remote-data/{remote_data_id}                         write
PATCH  /workspaces/{workspace_id}/remote-data/{remote_data_id}                         write
DELETE /workspaces/{workspace_id}/remote-data/{remote_data_id}                         write
GET    /engine-versions                                                                member
POST   /engine-versions                                                                all:engine_versions
GET    /engine-versions/{engine_version_id}                                            member
PUT    /engine-versions/{engine_version_id}                                            all:engine_versions
PATCH  /engine-versions/{engine_version_id}                                            all:engine_versions
DELETE /engine-versions/{engine_version_id}                                            all:engine_versions
POST   /engine-versions/{engine_version_id}/set-default                                all:engine_versions
GET    /tasks/{task_id}/logs                                                           read
GET    /tasks/{task_id}/logs/download                                                  read
GET    /workspaces/{workspace_id}/tasks/{task_id}/logs                                 read
GET    /run-tasks                                                                      member
POST   /run-tasks                                                                      role:run_tasks
POST   /run-tasks/test                                                                 role:run_tasks
GET    /run-tasks/{run_task_id}                                                        member
PUT    /run-tasks/{run_task_id}                                                        role:run_tasks
PATCH  /run-tasks/{run_task_id}                                                        role:run_tasks
DELETE /run-tasks/{run_task_id}                                                        role:run_tasks
POST   /run-tasks/{run_task_id}/test                                                   role:run_tasks
GET    /workspaces/{workspace_id}/run-tasks                                            read
POST   /workspaces/{workspace_id}/run-tasks                                            write
GET    /workspaces/{workspace_id}/run-tasks/{workspace_run_task_id}                    read
PUT    /workspaces/{workspace_id}/run-tasks/{workspace_run_task_id}                    write
PATCH  /workspaces/{workspace_id}/run-tasks/{workspace_run_task_id}                    write
DELETE /workspaces/{workspace_id}/run-tasks/{workspace_run_task_id}                    write
GET    /workspaces/{workspace_id}/tasks/{task_id}/run-task-results                     read
POST   /workspaces/{workspace_id}/tasks/{task_id}/override-run-tasks                   admin
GET    /run-task-results/{result_id}                                                   read
GET    /run-task-results/{result_id}/outcomes                                          read
POST   /run-task-results/{result_id}/callback                                          public
PATCH  /run-task-results/{result_id}/callback                                          public
GET    /run-task-results/{result_id}/plan-json                                         public
GET    /run-task-results/{result_id}/json-output                                       public
GET    /run-task-results/{result_id}/resource-changes                                  public
GET    /notifications                                                                  member
POST   /notifications                                                                  role:notifications
GET    /notifications/available                                                        member
GET    /notifications/{notification_id}                                                member
PUT    /notifications/{notification_id}                                                role:notifications
PATCH  /notifications/{notification_id}                                                role:notifications
DELETE /notifications/{notification_id}                                                role:notifications
POST   /notifications/{notification_id}/test                                           role:notifications
GET    /workspaces/{workspace_id}/notifications                                        read
POST   /workspaces/{workspace_id}/notifications                                        write
GET    /workspaces/{workspace_id}/notifications/{workspace_notification_id}            read
PUT    /workspaces/{workspace_id}/notifications/{workspace_notification_id}            write
PATCH  /workspaces/{workspace_id}/notifications/{workspace_notification_id}            write
DELETE /workspaces/{workspace_id}/notifications/{workspace_notification_id}            write
GET    /workspaces/{workspace_id}/notification-logs                                    read
GET    /workspaces/{workspace_id}/notification-logs/{log_id}                           read
POST   /workspaces/{workspace_id}/notification-logs/{log_id}/replay                    write
GET    /workspaces/{workspace_id}/run-triggers                                         read
POST   /workspaces/{workspace_id}/run-triggers                                         write
GET    /workspaces/{workspace_id}/run-triggers/inbound                                 read
POST   /workspaces/{workspace_id}/run-triggers/inbound                                 write
GET    /workspaces/{workspace_id}/run-triggers/available-targets                       read
GET    /workspaces/{workspace_id}/run-triggers/available-sources                       read
GET    /workspaces/{workspace_id}/run-triggers/{run_trigger_id}                        read
PUT    /workspaces/{workspace_id}/run-triggers/{run_trigger_id}                        write
PATCH  /workspaces/{workspace_id}/run-triggers/{run_trigger_id}                        write
DELETE /workspaces/{workspace_id}/run-triggers/{run_trigger_id}                        write
GET    /workspaces/{workspace_id}/tasks/{task_id}/trigger-executions                   read
GET    /workspaces/{workspace_id}/tasks/{task_id}/trigger-executions/{execution_id}    read
PUT    /workspaces/{workspace_id}/tasks/{task_id}/trigger-executions/{execution_id}    write
GET    /drift                                                                          read
GET    /workspaces/{workspace_id}/drift-config                                         read
PUT    /workspaces/{workspace_id}/drift-config                                         write
GET    /workspaces/{workspace_id}/drift-status                                         read
POST   /workspaces/{workspace_id}/drift-check                                          plan
DELETE /workspaces/{workspace_id}/drift-check                                          plan
GET    /workspaces/{workspace_id}/drift-checks                                         read
GET    /workspaces/{workspace_id}/drift-checks/{check_id}                              read
GET    /workspaces/{workspace_id}/resources-drift                                      read
GET    /workspaces/{workspace_id}/drift-ignore-rules                                   read
POST   /workspaces/{workspace_id}/drift-ignore-rules                                   write
GET    /workspaces/{workspace_id}/drift-ignore-rules/{rule_id}                         read
PUT    /workspaces/{workspace_id}/drift-ignore-rules/{rule_id}                         write
PATCH  /workspaces/{workspace_id}/drift-ignore-rules/{rule_id}                         write
DELETE /workspaces/{workspace_id}/drift-ignore-rules/{rule_id}                         write
GET    /cmdb/search                                                                    read
GET    /cmdb/suggestions                                                               read
GET    /cmdb/stats                                                                     read
GET    /cmdb/resource-types                                                            read
GET    /cmdb/resources/{pk}                                                            read
GET    /cmdb/workspace-counts                                                          read
POST   /cmdb/sync-all                                                                  staff
GET    /cmdb/workspaces/{workspace_id}/tree                                            read
GET    /cmdb/workspaces/{workspace_id}/resources                                       read
GET    /cmdb/workspaces/{workspace_id}/sync                                            read
POST   /cmdb/workspaces/{workspace_id}/sync                                            write
GET    /cmdb/external-sources                                                          staff
POST   /cmdb/external-sources                                                          staff
GET    /cmdb/external-sources/{source_id}                                              staff
PUT    /cmdb/external-sources/{source_id}                                              staff
PATCH  /cmdb/external-sources/{source_id}                                              staff
DELETE /cmdb/external-sources/{source_id}                                              staff
POST   /cmdb/external-sources/{source_id}/sync                                         staff
POST   /cmdb/external-sources/{source_id}/test                                         staff
GET    /cmdb/external-sources/{source_id}/sync-logs                                    staff
"""
LEVELS = ("read", "plan", "write", "admin")


@dataclass(frozen=True)
class Route:
    """One row of the table."""

    method: str
    path: str
    needs: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names(self) -> list[str]:
        """What the path names, in order."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def level(self) -> str:
        """The level in a workspace; empty where none is asked for."""
        needed = "admin" if self.needs == "secrets" else self.needs
        return needed if needed in LEVELS else ""

    @property
    def is_streamed(self) -> bool:
        """Whether its answers give the connection back before they begin."""
        return self.path.endswith(STREAMED)

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"


STREAMED = ("/logs", "/logs/download", "/audit-log/export")
"""Ends of paths whose answers take a connection of their own: outside of a transaction."""
ROUTES = [Route(*line.split()) for line in TABLE.strip().splitlines()]
