"""The plain loop does an anynas trial's work: the same pixels, schedule and groups, and an error like anynas'."""

import dataclasses
from collections.abc import Iterator

import pytest
import torch

import anynas
from anynas.data import DataSet, Split, load_data
from anynas.training.prepared import prepare
from benchmarks.plain import Arrays, Pictures, load_arrays, normalised, parameter_groups, train_plainly

NETWORK = anynas.anynet(
    depths=[1, 1], widths=[16, 32], bottleneck_ratios=[1, 1], group_widths=[8, 8], stem_width=8, stem_stride=2
)
RECIPE = anynas.Recipe(learning_rate=0.1, batch_size=32, warmup_fraction=0.3)
IMAGES, VALIDATION = 1_280, 500


@pytest.fixture(scope="module")
def data() -> DataSet:
    whole = load_data("fashion-mnist-mini")
    part = whole.validation
    return dataclasses.replace(whole, validation=Split(part.images[:VALIDATION], part.labels[:VALIDATION]))


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def arrays() -> Arrays:
    loaded = load_arrays("fashion-mnist-mini", IMAGES)
    return dataclasses.replace(
        loaded,
        validation_images=loaded.validation_images[:VALIDATION],
        validation_labels=loaded.validation_labels[:VALIDATION],
    )


def test_it_learns_and_its_error_is_comparable_with_that_of_anynas(data, one_thread):
    fidelity = anynas.Fidelity(epochs=3, images=IMAGES)
    differences = []
    for seed in range(2):
        ours = anynas.train(NETWORK, data=data, recipe=RECIPE, fidelity=fidelity, seed=seed, device="cpu")
        plain = list(train_plainly(NETWORK, arrays(), recipe=RECIPE, epochs=3, seed=seed))
        assert len(plain) == 3
        assert max(ours.error, plain[-1]) < 45  # 90 is chance
        differences.append(ours.error - plain[-1])
    assert abs(sum(differences) / 2) < 8


def test_a_seed_fixes_the_plain_loop(one_thread):
    first, second = (list(train_plainly(NETWORK, arrays(), recipe=RECIPE, epochs=1, seed=7)) for _ in range(2))
    assert first == second


def test_pixels_are_those_that_anynas_trains_on(data):
    whole = load_arrays("fashion-mnist-mini", len(data.train))
    transform = normalised(float(whole.images.mean()) / 255, float(whole.images.std()) / 255)
    plain = torch.stack([Pictures(whole.images, whole.labels, transform)[index][0] for index in range(8)])
    ours = prepare(data, resolution=28, device=torch.device("cpu"))
    assert torch.allclose(plain, ours.batch(ours.train.images[:8]), atol=1e-4)


def test_every_parameter_is_in_one_group_and_norms_have_a_decay_of_their_own():
    recipe = anynas.Recipe(weight_decay=0.5, norm_weight_decay=0.25)
    network = anynas.build(NETWORK, input_shape=(1, 28, 28), num_classes=10)
    others, norms = parameter_groups(network, recipe)
    assert (others["weight_decay"], norms["weight_decay"]) == (0.5, 0.25)
    assert sorted(map(id, others["params"] + norms["params"])) == sorted(map(id, network.parameters()))
    scales = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms["params"]) == 2 * len(scales)
