"""How many trials a GPU has room for; which networks are trained in bfloat16."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anynas.architecture import anynet
from anynas.errors import SettingsError
from anynas.networks import build
from anynas.training.cuda.packing import MOST_TRIALS, SPARE_SHARE, MemoryNeed, trials_at_once
from anynas.training.precision import precision_of, suits_narrow

GIB = 2**30


@pytest.mark.parametrize(
    ("trial", "context", "free", "one_process", "number"),
    [
        (5, 1, 80, False, 12),  # 72 / 6
        (5, 1, 80, True, 14),  # 71 / 5
        (5, 1, 44, False, 6),
        (80, 1, 80, False, 1),  # one is tried in any case
        (1, 0, 80, False, MOST_TRIALS),
    ],
)
def test_room_is_what_is_free_but_for_a_share_of_all(
    trial: int, context: int, free: int, one_process: bool, number: int
) -> None:
    need = MemoryNeed(trial_bytes=trial * GIB, context_bytes=context * GIB)
    assert trials_at_once(need, total_bytes=80 * GIB, free_bytes=free * GIB, one_process=one_process) == number


@given(
    trial=st.integers(1, 100), context=st.integers(0, 20), total=st.integers(1, 200), used=st.integers(0, 200),
    one_process=st.booleans(),
)  # fmt: skip
def test_trials_fit_and_one_more_would_not(trial: int, context: int, total: int, used: int, one_process: bool) -> None:
    free = max(total - used, 0)
    number = trials_at_once(
        MemoryNeed(trial_bytes=trial, context_bytes=context),
        total_bytes=total,
        free_bytes=free,
        one_process=one_process,
    )
    room = free - int(SPARE_SHARE * total)

    def taken(trials: int) -> int:
        return trials * trial + context * (1 if one_process else trials)

    assert 1 <= number <= MOST_TRIALS
    assert number == 1 or taken(number) <= room
    assert number == MOST_TRIALS or taken(number + 1) > room


@pytest.mark.parametrize(("trial", "context"), [(0, 5), (1, -1)])
def test_a_need_that_was_not_measured_is_refused(trial: int, context: int) -> None:
    with pytest.raises(SettingsError) as caught:
        MemoryNeed(trial_bytes=trial, context_bytes=context)
    assert str(caught.value) == (
        f"trial_bytes must be at least 1 and context_bytes at least 0; got {trial} and {context}"
    )


def network(group_width: int, block: str = "X") -> torch.nn.Module:
    groups = {"bottleneck_ratios": [1], "group_widths": [group_width]} if block == "X" else {}
    architecture = anynet(depths=[1], widths=[16], block=block, stem_width=8, stem_stride=1, **groups)
    return build(architecture, input_shape=(1, 8, 8), num_classes=10)


@pytest.mark.parametrize(("group_width", "suits"), [(1, False), (4, False), (8, True), (16, True)])
def test_narrow_groups_are_no_work_for_matrix_units(group_width: int, suits: bool) -> None:
    assert suits_narrow(network(group_width)) is suits


def test_the_images_own_channels_do_not_decide() -> None:
    assert suits_narrow(network(16, block="V"))


@pytest.mark.parametrize(
    ("device", "capability", "group_width", "precision"),
    [
        ("cpu", (9, 0), 16, torch.float32),
        ("cuda", (9, 0), 16, torch.bfloat16),
        ("cuda", (9, 0), 4, torch.float32),
        ("cuda", (8, 0), 16, torch.bfloat16),
        ("cuda", (7, 5), 16, torch.float32),
    ],
)
def test_precision_depends_on_the_kind_of_device_and_on_the_network_alone(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    capability: tuple[int, int],
    group_width: int,
    precision: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert precision_of(torch.device(device), network(group_width)) == precision
