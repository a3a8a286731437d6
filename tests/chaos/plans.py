"""The proofs by name: which tests each is made of, and how pytest is told the seed."""

from dataclasses import dataclass

HYPOTHESIS = "--hypothesis-seed"


@dataclass(frozen=True, slots=True)
class Proof:
    """What pytest runs; `{seed}` stands for the seed in a test's id. `option`: how pytest is told the seed."""

    name: str
    file: str
    test: str = ""
    option: str = "--seed"

    def chosen(self, seed: int) -> str:
        """What to run, as pytest names it."""
        return f"{self.file}::{self.test}".format(seed=seed).removesuffix("::")


def _streams(name: str, file: str, test: str) -> Proof:
    return Proof(name, f"tests/chaos/test_streams_{file}.py", test)


def _role_killed(role: str) -> Proof:
    test = f"test_a_role_killed_under_load_loses_and_repeats_nothing[seed{{seed}}-{role}]"
    return Proof(f"{role} killed, end to end", "tests/chaos/test_roles_killed.py", test)


PROOFS = (
    _streams(
        "kill",
        "killed",
        "test_killed_ten_times_under_load_it_loses_repeats_and_reorders_nothing",
    ),
    _streams("zombie", "killed", "test_a_worker_frozen_past_its_session_is_fenced_when_it_wakes"),
    _streams(
        "frozen-commit",
        "killed",
        "test_a_worker_frozen_between_offsets_and_commit_neither_loses_nor_repeats",
    ),
    _streams(
        "members",
        "members",
        "test_two_workers_that_join_and_leave_lose_repeat_and_reorder_nothing",
    ),
    _streams(
        "broker",
        "members",
        "test_a_broker_that_is_killed_and_restarted_under_load_costs_nothing",
    ),
    _streams("faults", "faults", "test_errors_of_produce_commit_and_abort_cost_nothing"),
    _streams("unheard", "faults", "test_a_commit_whose_answer_never_comes_counts_once"),
    _streams(
        "poison",
        "faults",
        "test_poison_and_oversize_become_dead_letters_once_and_nothing_else_suffers",
    ),
    _streams("refused", "faults", "test_an_output_that_the_broker_refuses_costs_its_record_alone"),
    _streams(
        "compaction",
        "state",
        "test_a_new_worker_restores_a_compacted_changelog_to_the_same_tables",
    ),
    _streams(
        "restarts",
        "state",
        "test_windows_timers_parking_and_deduplication_go_on_over_restarts",
    ),
    Proof("bites", "tests/chaos/test_proofs_bite.py"),
    Proof(
        "sink storm",
        "tests/chaos/test_sink_storm.py",
        "test_in_a_storm_every_command_ends_once_in_order_and_nothing_happens_twice[seed{seed}]",
    ),
    Proof("sink crashes", "tests/chaos/test_sink_crashes.py"),
    *(_role_killed(role) for role in ("sources", "streams", "sinks")),
    Proof(
        "rounds aborted and restarted",
        "tests/unit/streams/engine/test_aborts.py",
        "test_aborted_rounds_and_restarts_leave_no_trace",
        HYPOTHESIS,
    ),
    Proof(
        "replays, duplicates, other orders",
        "tests/unit/streams/flows/test_replay.py",
        option=HYPOTHESIS,
    ),
    Proof(
        "offsets of a successor",
        "tests/unit/connectors/kit/test_progress.py",
        "test_a_successor_knows_exactly_what_was_done_and_intended",
        HYPOTHESIS,
    ),
)
