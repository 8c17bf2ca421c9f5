"""What the language itself says of blocks and of attributes, whatever the provider."""

# Blocks of the language by where they are, with the number of their labels.
BLOCKS: dict[str, dict[str, int]] = {
    "resource": {"lifecycle": 0, "connection": 0, "provisioner": 1, "dynamic": 1},
    "data": {"lifecycle": 0, "dynamic": 1},
    "ephemeral": {"lifecycle": 0, "dynamic": 1},
    "action": {"config": 0},
    "provider": {"dynamic": 1},
    "variable": {"validation": 0},
    "output": {"precondition": 0},
    "check": {"data": 2, "assert": 0},
    "removed": {"lifecycle": 0, "provisioner": 1, "connection": 0},
    "terraform": {"required_providers": 0, "provider_meta": 1},
    "lifecycle": {"precondition": 0, "postcondition": 0, "action_trigger": 0},
    "provisioner": {"connection": 0},
    "dynamic": {"content": 0},
    "content": {"dynamic": 1},
    "nested": {"dynamic": 1},
}
# Where a list of objects is taken for blocks, unless it is known to be something else.
GUESSED = frozenset({"resource", "data", "ephemeral", "provider", "content", "nested", "config"})
# Nested blocks of nearly every provider that has them, also where JSON has one object.
USUALLY_BLOCKS = frozenset({"timeouts"})
# Attributes whose texts are expressions and not templates, by where they are.
BARE = {
    "resource": {"depends_on", "provider"},
    "data": {"depends_on", "provider"},
    "ephemeral": {"depends_on", "provider"},
    "action": {"depends_on", "provider"},
    "module": {"depends_on", "providers"},
    "output": {"depends_on"},
    "variable": {"type"},
    "lifecycle": {"ignore_changes", "replace_triggered_by", "events", "actions"},
    "provisioner": {"when", "on_failure"},
    "moved": {"from", "to"},
    "removed": {"from"},
    "import": {"to", "provider"},
}
UNLABELLED = frozenset({"terraform", "locals", "moved", "removed", "import"})
