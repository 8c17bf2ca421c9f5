"""Stage ``applying``: real changes, and every way they can end."""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from executor.core.accessor import AttemptLost, Limits
from executor.core.cancellation import CancelToken
from executor.core.outcome import ApplyOutput, StageOutcome
from iacplatform.terraform.configuration import Configuration, Output, Variable
from tests.executor.core.in_memory import InMemoryPlatform

ONE_SECOND = timedelta(seconds=1)


def local_exec(command: str, **more: Any) -> dict[str, Any]:
    return {"provisioner": [{"local-exec": {"command": command}}], **more}


def when_it_says(platform: InMemoryPlatform, words: str, act: Callable[[], None]) -> None:
    """Acts, once, as soon as the words are in the log."""

    def watch() -> None:
        while words not in "\n".join(line.text for line in platform.published):
            time.sleep(0.02)
        act()

    threading.Thread(target=watch, daemon=True).start()


def apply(platform: InMemoryPlatform, **options: Any) -> StageOutcome:
    """Plans and applies, up to and with the stage ``applying``."""
    assert platform.plan().result == "done", platform.text
    for stage in ("fetching", "init", "restoring_plan"):
        assert platform.run(stage, "apply").result == "done", platform.text
    return platform.run("applying", "apply", **options)


def names(outcome: StageOutcome) -> set[str]:
    assert isinstance(outcome.output, ApplyOutput)
    assert outcome.output.state is not None
    return {resource["name"] for resource in json.loads(outcome.output.state)["resources"]}


def test_an_apply_hands_over_its_state_and_masked_outputs(platform: InMemoryPlatform) -> None:
    platform.configuration = Configuration(
        bodies=({"resource": {"terraform_data": {"a": {"input": "${var.password}"}}}},),
        variables=(Variable("password", "hunter22", sensitive=True),),
        outputs=(Output("", "open", "hello"), Output("", "secret", "hunter22", sensitive=True)),
    )
    platform.changes["sensitive_values"] = ("hunter22",)
    outcome = apply(platform)
    assert (outcome.result, names(outcome)) == ("done", {"a"})
    assert isinstance(outcome.output, ApplyOutput)
    outputs = outcome.output.outputs
    assert outputs["static-open"]["value"] == "hello"
    assert outputs["static-secret"]["value"] == "***SENSITIVE***"
    assert "hunter22" not in platform.text


def test_each_resource_is_reported_while_it_is_made(platform: InMemoryPlatform) -> None:
    """F24: also with a key of every character."""
    platform.body = {
        "resource": {
            "terraform_data": {"each": {"for_each": {"a/b:c d@e": 1}, "input": "${each.key}"}}
        }
    }
    apply(platform)
    address = 'terraform_data.each["a/b:c d@e"]'
    progress = [(each.address, each.status) for each in platform.reported]
    assert progress == [(address, "applying"), (address, "completed")]
    assert len(platform.reported[-1].resource_id) == 36


def test_a_replacement_is_complete_after_both_halves(platform: InMemoryPlatform) -> None:
    """F24."""
    platform.body = {"resource": {"terraform_data": {"a": {"triggers_replace": 1}}}}
    platform.plan()
    platform.apply()
    platform.reported.clear()
    platform.body = {"resource": {"terraform_data": {"a": {"triggers_replace": 2}}}}
    platform.changes["replaced"] = ("terraform_data.a",)
    apply(platform)
    assert [each.status for each in platform.reported] == ["applying", "completed"]


def test_an_apply_that_fails_half_way_hands_over_what_was_made(
    platform: InMemoryPlatform,
) -> None:
    """F25: the partial state has it; the message is the engine's, without secrets."""
    platform.body = {
        "resource": {
            "terraform_data": {
                "good": {},
                "bad": local_exec(
                    "echo hunter22 is wrong; exit 3", depends_on=["terraform_data.good"]
                ),
            }
        }
    }
    platform.changes["sensitive_values"] = ("hunter22",)
    outcome = apply(platform)
    assert (outcome.result, names(outcome)) == ("failed", {"good", "bad"})
    assert outcome.message.startswith("Error: local-exec provisioner error")
    assert "exit status 3" in outcome.message
    failed = platform.reported[-1]
    assert (failed.address, failed.status) == ("terraform_data.bad", "failed")
    assert "***SENSITIVE*** is wrong" in failed.error
    assert "hunter22" not in outcome.message + platform.text + failed.error


def test_an_apply_that_is_cancelled_stops_gracefully_and_keeps_what_was_made(
    platform: InMemoryPlatform,
) -> None:
    slow = local_exec("echo ready; exec sleep 60", depends_on=["terraform_data.quick"])
    platform.body = {"resource": {"terraform_data": {"quick": {}, "slow": slow}}}
    cancel = CancelToken()
    when_it_says(platform, "(local-exec): ready", lambda: cancel.request("no longer wanted"))
    started = time.monotonic()
    outcome = apply(platform, cancel=cancel)
    assert time.monotonic() - started < 20
    assert (outcome.result, outcome.message) == ("cancelled", "no longer wanted")
    assert names(outcome) == {"quick", "slow"}
    assert "Gracefully shutting down..." in platform.text


def test_a_weird_line_does_not_disturb_the_apply(platform: InMemoryPlatform) -> None:
    """H4: the apply goes on, the line is in the log."""
    command = r"printf '\377\000\033[31m\r'; head -c 60000 /dev/zero | tr '\0' x"
    platform.body = {"resource": {"terraform_data": {"a": local_exec(command)}}}
    outcome = apply(platform)
    assert outcome.result == "done"
    assert "x" * 60_000 in platform.text


def test_another_host_applies_the_snapshot_from_nothing(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    platform.plan()
    outcome = platform.run("applying", "apply", host="worker-2")
    assert (outcome.result, names(outcome)) == ("done", {"a"})
    for message in ("files of this task", "work directory is not init", "plan file is not on"):
        assert message in platform.text


def test_an_error_of_the_platform_while_the_engine_runs_keeps_the_state(
    platform: InMemoryPlatform,
) -> None:
    """What the engine has made by then is known to the state in the work directory alone."""
    slow = local_exec("echo ready; exec sleep 60", depends_on=["terraform_data.quick"])
    platform.body = {"resource": {"terraform_data": {"quick": {}, "slow": slow}}}
    cancel = CancelToken()
    when_it_says(platform, "(local-exec): ready", lambda: cancel.request("no longer wanted"))
    outcome = apply(platform, cancel=cancel, apply_grace="no number of seconds")
    assert outcome.result == "failed"
    assert outcome.message.startswith("platform error: TypeError")
    assert f"[ERROR] {outcome.message}" in platform.text
    assert "quick" in names(outcome)


def test_a_state_file_that_cannot_be_read_at_once_is_read_later(
    platform: InMemoryPlatform,
) -> None:
    command = "rm -f terraform.tfstate; mkdir terraform.tfstate; kill -9 $PPID"
    platform.body = {"resource": {"terraform_data": {"a": local_exec(command)}}}
    state = b'{"version": 4, "serial": 1, "lineage": "a", "resources": [{"name": "a"}]}'

    def repair() -> None:
        (platform.directory() / "terraform.tfstate").rmdir()
        (platform.directory() / "terraform.tfstate").write_bytes(state)

    when_it_says(platform, "cannot be read yet", repair)
    outcome = apply(platform, state_save_waits=(0.5, 0.5, 0.5, 0.5))
    assert outcome.result == "failed"
    assert isinstance(outcome.output, ApplyOutput)
    assert outcome.output.state == state


def test_outputs_that_are_nested_too_deeply_do_not_cost_the_state(
    platform: InMemoryPlatform,
) -> None:
    outputs = '{"a": {"value": ' + "[" * 700 + "]" * 700 + "}}"
    state = f'{{"version": 4, "serial": 1, "lineage": "a", "outputs": {outputs}}}'
    command = f"echo '{state}' > terraform.tfstate; kill -9 $PPID"
    platform.body = {"resource": {"terraform_data": {"a": local_exec(command)}}}
    platform.changes["sensitive_values"] = ("hunter22",)
    outcome = apply(platform)
    assert outcome.output == ApplyOutput(f"{state}\n".encode(), {})
    assert "The outputs are nested too deeply to be shown." in platform.text


def test_a_stop_before_the_engine_is_started_is_no_failed_apply(
    platform: InMemoryPlatform,
) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    platform.plan()
    platform.directory().joinpath("plan.out").unlink()
    cancel = CancelToken()
    plan_file = platform.plan_file

    def cancel_and_read() -> bytes:
        cancel.request("no longer wanted")
        return plan_file()

    platform.plan_file = cancel_and_read  # type: ignore[method-assign]
    outcome = platform.run("applying", "apply", cancel=cancel)
    assert (outcome.result, outcome.output) == ("cancelled", None)


def test_what_the_configuration_does_not_declare_sensitive_is_masked_all_the_same(
    platform: InMemoryPlatform,
) -> None:
    """F27: in plan and outputs; and the live status still finds the plan's address."""
    platform.configuration = Configuration(
        bodies=(
            {
                "variable": {"pw": {}},
                "resource": {
                    "terraform_data": {
                        "each": {
                            "for_each": "${toset([var.pw])}",
                            "input": {"${var.pw}": ["x ${var.pw}", 12345678]},
                            "triggers_replace": 1,
                        }
                    }
                },
                "output": {"pw": {"value": {"a": ["${var.pw}"]}}},
            },
        ),
        variables=(Variable("pw", "hunter22", sensitive=False),),
    )
    platform.changes["sensitive_values"] = ("hunter22", "12345678")
    outcome = apply(platform)
    assert platform.summary is not None
    summary = platform.summary.summary
    assert "hunter22" not in repr(summary) + repr(platform.reported) + repr(outcome)
    assert "12345678" not in repr(summary)
    (change,) = summary.resource_changes
    assert change.address == 'terraform_data.each["***SENSITIVE***"]'
    assert change.after is not None
    assert change.after["input"] == {"***SENSITIVE***": ["x ***SENSITIVE***", "***SENSITIVE***"]}
    assert [each.status for each in platform.reported] == ["applying", "completed"]
    assert {each.address for each in platform.reported} == {change.address}
    assert isinstance(outcome.output, ApplyOutput)
    assert outcome.output.outputs["pw"]["value"] == {"a": ["***SENSITIVE***"]}
    assert outcome.output.state is not None
    assert b"hunter22" in outcome.output.state


def test_a_replacement_with_a_masked_key_is_complete_after_both_halves(
    platform: InMemoryPlatform,
) -> None:
    """F24."""
    each = {"for_each": {"hunter22": 1}, "triggers_replace": 1}
    platform.body = {"resource": {"terraform_data": {"a": each}}}
    platform.changes["sensitive_values"] = ("hunter22",)
    platform.plan()
    platform.apply()
    platform.reported.clear()
    each["triggers_replace"] = 2
    platform.changes["replaced"] = ('terraform_data.a["***SENSITIVE***"]',)
    apply(platform)
    assert [each.status for each in platform.reported] == ["applying", "completed"]


def test_an_apply_of_nothing_hands_over_no_state(platform: InMemoryPlatform) -> None:
    outcome = apply(platform)
    assert outcome.result == "done"
    assert platform.run("saving_state", "apply").result == "done"


def test_a_state_that_cannot_be_read_fails_the_stage(platform: InMemoryPlatform) -> None:
    """An engine that is killed while it writes leaves half a file, which must not be saved."""
    command = ": > terraform.tfstate; kill -9 $PPID"
    platform.body = {"resource": {"terraform_data": {"a": local_exec(command)}}}
    outcome = apply(platform)
    assert outcome.result == "failed"
    assert outcome.output == ApplyOutput(None, source="nothing")
    assert "a state file that cannot be read: The state is not JSON" in outcome.message


def test_a_state_that_cannot_be_read_is_replaced_by_the_last_checkpoint(
    platform: InMemoryPlatform,
) -> None:
    """Nothing else knows of the resource that was made before the engine was killed."""
    command = "sleep 2; : > terraform.tfstate; kill -9 $PPID"
    bad = local_exec(command, depends_on=["terraform_data.good"])
    platform.body = {"resource": {"terraform_data": {"good": {}, "bad": bad}}}
    outcome = apply(platform)
    assert outcome.result == "failed"
    assert "good" in names(outcome)
    assert isinstance(outcome.output, ApplyOutput)
    assert outcome.output.source == "checkpoint"
    assert "good" in str(outcome.output.resource_ids)
    assert "The state of the last checkpoint is taken instead." in platform.text


def test_a_state_file_that_never_can_be_read_does_not_unlock_the_workspace(
    platform: InMemoryPlatform,
) -> None:
    """The output says that there is a state somewhere: the directory is kept."""
    command = "rm -f terraform.tfstate; mkdir terraform.tfstate; kill -9 $PPID"
    platform.body = {"resource": {"terraform_data": {"a": local_exec(command)}}}
    outcome = apply(platform, state_save_waits=(0.1,))
    assert outcome.result == "failed"
    assert outcome.output == ApplyOutput(None, source="nothing")
    assert "The state of the apply was not found: platform error: IsADirecto" in outcome.message
    assert outcome.message.splitlines()[-1] in platform.text


def torn_state(platform: InMemoryPlatform) -> None:
    command = ": > terraform.tfstate; kill -9 $PPID"
    platform.body = {"resource": {"terraform_data": {"a": local_exec(command)}}}


def test_a_checkpoint_that_cannot_be_read_either_does_not_unlock_the_workspace(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> NoReturn:
        raise ConnectionResetError("the database is away")

    torn_state(platform)
    monkeypatch.setattr(platform, "checkpoint", away)
    outcome = apply(platform)
    assert (outcome.result, outcome.output) == ("failed", ApplyOutput(None, source="nothing"))
    assert "the database is away" in outcome.message


def test_an_apply_that_was_taken_over_meanwhile_hands_nothing_over(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_over() -> NoReturn:
        raise AttemptLost

    torn_state(platform)
    monkeypatch.setattr(platform, "checkpoint", taken_over)
    with pytest.raises(AttemptLost):
        apply(platform)


def complete(content: bytes) -> set[str]:
    """The resources of a state whose provisioners have run, too."""
    resources = json.loads(content)["resources"]
    return {each["name"] for each in resources if "status" not in each["instances"][0]}


def test_each_resource_is_in_a_checkpoint_before_the_next_one_is_made(
    platform: InMemoryPlatform,
) -> None:
    platform.body = {
        "resource": {
            "terraform_data": {
                "a": local_exec("sleep 2"),
                "b": local_exec("sleep 2", depends_on=["terraform_data.a"]),
                "c": local_exec("sleep 2", depends_on=["terraform_data.b"]),
            }
        }
    }
    assert apply(platform).result == "done"
    completed = [each.at for each in platform.reported if each.status == "completed"]
    taken = platform.checkpoints
    for number, known in enumerate([{"a"}, {"a", "b"}], start=1):
        moment = next(moment for moment, content in taken if complete(content) == known)
        assert completed[number - 1] - ONE_SECOND < moment < completed[number]
    serials = [json.loads(content)["serial"] for _, content in taken]
    assert serials == sorted(set(serials))


def test_an_apply_whose_worker_stops_fails_with_what_was_made(
    platform: InMemoryPlatform,
) -> None:
    """It is begun only once: nobody can take it over."""
    slow = local_exec("echo ready; exec sleep 60", depends_on=["terraform_data.quick"])
    platform.body = {"resource": {"terraform_data": {"quick": {}, "slow": slow}}}
    cancel = CancelToken()
    when_it_says(platform, "(local-exec): ready", lambda: cancel.hand_over("worker-1 is stopping"))
    outcome = apply(platform, cancel=cancel)
    assert (outcome.result, names(outcome)) == ("failed", {"quick", "slow"})
    assert outcome.message.endswith("because its worker had to stop: worker-1 is stopping")
    assert f"[ERROR] {outcome.message}" in platform.text


def test_an_apply_that_takes_too_long_fails_with_what_was_made(
    platform: InMemoryPlatform,
) -> None:
    slow = local_exec("exec sleep 60", depends_on=["terraform_data.quick"])
    platform.body = {"resource": {"terraform_data": {"quick": {}, "slow": slow}}}
    platform.changes["limits"] = Limits(apply=3)
    outcome = apply(platform)
    assert (outcome.result, names(outcome)) == ("failed", {"quick", "slow"})
    assert "time limit of 3 seconds" in outcome.message


def test_an_apply_that_says_nothing_for_too_long_fails_with_what_was_made(
    platform: InMemoryPlatform,
) -> None:
    slow = local_exec("exec sleep 60", depends_on=["terraform_data.quick"])
    platform.body = {"resource": {"terraform_data": {"quick": {}, "slow": slow}}}
    platform.changes["limits"] = Limits(silence=3)
    outcome = apply(platform)
    assert (outcome.result, names(outcome)) == ("failed", {"quick", "slow"})
    assert "silence limit of 3 seconds" in outcome.message
