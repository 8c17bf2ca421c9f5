"""Examples of the operations that most callers begin with; a test sends each of them to the API."""

from typing import Any

# Operation → what is sent, by the name of the example.
REQUESTS: dict[str, dict[str, Any]] = {
    "login": {"login": {"username": "ada", "password": "correct horse"}},
    "auth_tokens_create": {"a token for CI": {"name": "ci", "expires_at": "2999-12-31T00:00:00Z"}},
    "workspaces_create": {
        "from resources": {"name": "network", "description": "VPC and subnets", "tags": ["prod"]},
        "with code": {
            "name": "network-2",
            "tf_code": {"resource": {"null_resource": {"hello": {}}}},
        },
    },
    "workspaces_partial_update": {"applied without approval": {"auto_apply": True}},
    "workspaces_lock": {"lock": {"reason": "Moving house"}},
    "workspaces_unlock": {"somebody else's lock": {"force": True}},
    "workspaces_variables_create": {
        "for Terraform": {"key": "region", "value": "eu-central-1"},
        "HCL": {"key": "zones", "value": '["a", "b"]', "value_format": "hcl"},
        "a secret in the environment": {
            "key": "AWS_SECRET_ACCESS_KEY",
            "value": "wJalrXUtnFEMI",
            "variable_type": "environment",
            "sensitive": True,
        },
    },
    "workspaces_resources_create": {
        "a module": {
            "resource_type": "aws_vpc",
            "resource_name": "main",
            "tf_code": {"module": {"aws_vpc_main": {"source": "./vpc", "cidr": "10.0.0.0/16"}}},
        }
    },
    "workspaces_resources_import": {
        "two blocks": {
            "tf_code": {"resource": {"null_resource": {"one": {}}, "random_id": {"two": {}}}}
        }
    },
    "workspaces_outputs_create": {
        "a literal": {"output_name": "region", "output_value": "eu-central-1"}
    },
    "workspaces_tasks_create": {
        "a change": {"task_type": "plan_and_apply", "description": "Two more subnets"},
        "a plan of one resource": {"task_type": "plan_only", "targets": ["null_resource.hello"]},
    },
    "workspaces_tasks_plan_create": {"a plan": {"description": "What would change?"}},
    "workspaces_tasks_confirm_apply": {"approve": {"apply_description": "Looks good"}},
    "workspaces_tasks_cancel": {
        "cancel": {"reason": "Not today"},
        "while it applies": {"reason": "It hangs", "force": True},
    },
    "workspaces_state_versions_rollback": {"roll back": {"reason": "Version 7 lost the subnets"}},
    "workspaces_drift_ignore_rules_create": {
        "tags": {
            "address_pattern": "module.app.*",
            "attribute_path": "tags.owner",
            "reason": "Set by the cost team",
        }
    },
    "notifications_create": {
        "webhook": {
            "name": "ops",
            "notification_type": "webhook",
            "endpoint_url": "https://hooks.example.com/iac",
        }
    },
    "run_tasks_create": {
        "a policy check": {
            "name": "policy-check",
            "endpoint_url": "https://policy.example.com/check",
            "verify": False,
        }
    },
}
# Operation → status → what comes back.
ANSWERS: dict[str, dict[str, Any]] = {
    "login": {
        "200": {
            "access_token": "eyJhbGciOiJIUzI1NiJ9…",
            "token_type": "Bearer",
            "expires_in": 28800,
        }
    },
    "workspaces_variables_create": {
        "201": {
            "variable_id": "var-1nb8jkymhdhoetg7",
            "version": 1,
            "key": "region",
            "value": "eu-central-1",
            "variable_type": "terraform",
            "value_format": "string",
            "sensitive": False,
            "description": "",
            "created_by": "ada",
            "created_at": "2026-11-29T07:05:36.426886Z",
        }
    },
    "workspaces_drift_check": {
        "202": {"message": "The check was started", "task_id": 7, "check_id": "dc-9s1m0k3q7x2v5b8n"}
    },
    "workspaces_outputs_sharing_retrieve": {
        "200": {"sharing_mode": "specific", "allowed_workspace_ids": ["ws-3gdbkg0l7n"]}
    },
}


def add_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Puts the examples into the document (a postprocessing hook); raises ``KeyError`` for what is not in it."""
    operations = {
        operation["operationId"]: operation
        for operations in result["paths"].values()
        for operation in operations.values()
    }
    for name, examples in REQUESTS.items():
        content = operations[name]["requestBody"]["content"]
        content["application/json"]["examples"] = {
            title: {"value": value} for title, value in examples.items()
        }
    for name, answers in ANSWERS.items():
        for status, value in answers.items():
            content = operations[name]["responses"][status]["content"]
            content["application/json"]["example"] = value
    return result
