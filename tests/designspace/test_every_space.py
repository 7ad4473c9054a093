"""What holds for AnyNetA holds for every space that comes with anynas."""

import functools
import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles import hooked_complexity, without_values
from scipy import stats
from torch.nn import functional

from anynas.architecture import load_architecture, named_architectures, regnet
from anynas.counting import complexity
from anynas.data import load_data
from anynas.designspace import Bounds, DesignSpace, builtin_spaces, load_space
from anynas.errors import ArchitectureError, SpaceError
from anynas.families.anynet import AnyNet
from anynas.families.regnet import published_regnets, stages_of_line
from anynas.networks import build
from anynas.training.devices import one_thread
from anynas.training.engines import make_engine
from anynas.training.prepared import prepare
from anynas.trials import Fidelity, Trial

EVERY_SPACE = pytest.mark.parametrize("name", builtin_spaces())
PUBLISHED = {  # space -> named architectures that it contains
    "LeNet": ["lenet"],
    "AlexNet": ["alexnet"],
    "VGG": ["vgg11"],
    "NiN": ["nin"],
    "GoogLeNet": ["googlenet"],
    "ResNet": ["resnet18", "resnet50", "resnet56_cifar"],
    "ResNeXt": ["resnext50_32x4d"],
    "DenseNet": ["densenet"],
    "RegNetX": ["regnetx_200mf", "regnetx_400mf", "regnetx_800mf"],
    "RegNetY": ["regnety_200mf", "regnety_400mf", "regnety_600mf", "regnety_800mf"],
    **{f"AnyNet{letter}": ["regnetx_200mf", "regnetx_400mf", "regnetx_800mf"] for letter in "ABCD"},
    "AnyNetE": ["regnetx_200mf", "regnetx_400mf"],  # the depths of 800mf are 1, 3, 7, 5
}
EXACTLY = {  # those with the very stem, strides and biases of the space's own regime
    *("lenet", "alexnet", "vgg11", "nin", "googlenet", "resnet18", "resnext50_32x4d", "densenet"),
}


@functools.cache
def space(name: str) -> DesignSpace:
    return load_space(name)


def images_of(regime: Any) -> dict[str, Any]:
    return {"input_shape": regime.input_shape, "num_classes": regime.num_classes}


# Draws


@pytest.mark.parametrize("members", [30, pytest.param(200, marks=pytest.mark.extended)])
@EVERY_SPACE
def test_random_members_are_counted_as_hooks_count_the_built_network(name: str, members: int) -> None:
    at = images_of(space(name).regime)
    for architecture in space(name).sample(members, seed=31):
        with without_values():
            network = build(architecture, **at).eval()
        assert hooked_complexity(network, at["input_shape"]) == complexity(architecture, **at), architecture


@EVERY_SPACE
def test_members_in_the_band_run_forward_and_backward(name: str) -> None:
    regime = space(name).regime
    for seed, architecture in enumerate(space(name).sample(5, seed=32, flops=regime.flops)):
        torch.manual_seed(seed)
        network = build(architecture, **images_of(regime))
        logits = network(torch.randn(2, *regime.input_shape))
        assert logits.shape == (2, regime.num_classes)
        functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
        assert any(gradient.abs().sum() > 0 for gradient in gradients if gradient is not None)


@EVERY_SPACE
def test_points_and_members_lead_to_each_other(name: str) -> None:
    points = np.random.default_rng(33).random((60, space(name).dimension))
    corners = [np.zeros(space(name).dimension), np.ones(space(name).dimension)]
    for point in [*points, *corners]:
        architecture = space(name).decode(point)
        assert space(name).contains(architecture)
        assert space(name).decode(space(name).encode(architecture)) == architecture


@EVERY_SPACE
def test_draws_come_in_chunks_as_in_one_go_and_within_their_band(name: str) -> None:
    regime = space(name).regime
    whole = space(name).sample(12, seed=34, flops=regime.flops)
    assert space(name).sample(5, seed=34, flops=regime.flops, start=7) == whole[7:]
    for architecture in whole:
        assert regime.flops[0] <= complexity(architecture, **images_of(regime)).flops <= regime.flops[1]
    drawn = itertools.islice(space(name).draws(seed=34, bounds=Bounds(flops=regime.flops)), 12)
    assert [space(name).decode(point) for _, point in drawn] == whole


@EVERY_SPACE
def test_columns_tell_the_values_of_all_choices(name: str) -> None:
    known = {column: p.values for p in space(name).all_parameters for column in p.columns}
    for architecture, point in itertools.islice(space(name).draws(seed=35, bounds=Bounds()), 20):
        columns = space(name).columns_at(point)
        assert all(value in known[column] for column, value in columns.items())
        if space(name).family != "regnet":  # a network is on many lines: only the point tells which was drawn
            assert space(name).columns_of(architecture) == columns


# Contains


@pytest.mark.parametrize(("name", "published"), [(name, one) for name, all_ in PUBLISHED.items() for one in all_])
def test_a_space_contains_the_networks_it_is_named_after(name: str, published: str) -> None:
    architecture = load_architecture(published)
    assert space(name).contains(architecture)
    decoded = space(name).decode(space(name).encode(architecture))
    same = {
        field: value
        for field, value in architecture.to_dict().items()
        if published in EXACTLY or field not in architecture.parameters.regime_fields
    }
    assert same == {field: decoded.to_dict()[field] for field in same}
    assert published not in EXACTLY or decoded == architecture


def test_every_other_space_contains_no_named_network_of_another_family() -> None:
    for name in builtin_spaces():
        for other in named_architectures():
            architecture = load_architecture(other)
            family = "anynet" if space(name).family == "regnet" else space(name).family
            if architecture.family != family:
                assert not space(name).contains(architecture)
    assert not space("RegNetX").contains(load_architecture("regnety_400mf"))
    assert not space("RegNetY").contains(load_architecture("regnetx_400mf"))
    assert not space("NDSResNet").contains(load_architecture("resnet56_cifar"))  # its depth, 9, is not on that grid
    assert not space("NDSVanilla").contains(load_architecture("resnet18"))


def test_anynet_e_contains_the_regnets_within_its_ranges() -> None:
    ladder = space("AnyNetE")
    inside = 0
    for architecture in space("RegNetX").sample(300, seed=36):
        parameters = architecture.parameters
        assert isinstance(parameters, AnyNet)
        increasing = all(a <= b for a, b in itertools.pairwise(parameters.depths))
        fits = increasing and max(parameters.depths) <= 16 and max(parameters.widths) <= 1024
        assert ladder.contains(architecture) == fits
        inside += fits
    assert 20 <= inside <= 280


# Sizes and grids


def log_spaced_exactly(low: int, high: int, num: int) -> list[int]:
    """Return the least whole numbers v with v ** (num - 1) >= low ** (num - 1 - k) * high ** k."""
    bounds = (low ** (num - 1 - k) * high**k for k in range(num))
    return [next(v for v in itertools.count(1) if v ** (num - 1) >= bound) for bound in bounds]


@pytest.mark.parametrize(
    ("name", "size", "grids"),
    [
        ("NDSVanilla", 1_259_712, {"depth": (1, 24, 9), "width": (16, 256, 12)}),
        ("NDSResNet", 1_259_712, {"depth": (1, 24, 9), "width": (16, 256, 12)}),
        (
            "NDSResNeXtA",
            11_390_625,
            {"depth": (1, 16, 5), "width": (16, 256, 5), "bottleneck_ratio": (1, 4, 3), "group": (1, 4, 3)},
        ),
        (
            "NDSResNeXtB",
            52_734_375,
            {"depth": (1, 16, 5), "width": (64, 1024, 5), "bottleneck_ratio": (1, 4, 3), "group": (1, 16, 5)},
        ),
    ],
)
def test_the_nds_spaces_have_the_papers_grids_and_sizes(
    name: str, size: int, grids: dict[str, tuple[int, int, int]]
) -> None:
    assert space(name).size() == size
    assert {p.name: list(p.values) for p in space(name).parameters} == {
        parameter: log_spaced_exactly(*grid) for parameter, grid in grids.items()
    }
    assert all(set(p.probabilities) == {1 / len(p.values)} for p in space(name).parameters)
    member = space(name).sample(1, seed=0)[0].to_dict()
    assert (member["stem_width"], member["stem_kernel"], member["stem_stride"]) == (16, 3, 1)
    assert member["strides"] == [1, 2, 2]
    assert not member["stem_pool"]
    assert member["block"] == ("bottleneck" if "ResNeXt" in name else "basic")
    assert member["residual"] == (name != "NDSVanilla")


def test_the_depths_of_the_papers_resnets_are_these() -> None:
    (depth,) = (p for p in space("NDSResNet").parameters if p.name == "depth")
    assert depth.values == (1, 2, 3, 4, 5, 8, 11, 17, 24)


SMALL_REGNET = """
extends = "RegNetX"
[parameters.depth]
high = 14
[parameters.w0]
low = 16
high = 48
[parameters.wa]
low = 4.0
high = 60.0
step = 4.0
[parameters.wm]
low = 1.75
high = 3.0
step = 0.25
[parameters.group_width]
values = [8, 16]
"""


def test_the_size_of_a_regnet_space_is_the_number_of_lines_with_four_stages(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL_REGNET)
    small = load_space(tmp_path / "small.toml")
    kept, stages = 0, set()
    for depth, w0, wa, wm in itertools.product(
        range(1, 15), range(16, 49, 8), range(4, 61, 4), (1.75, 2.0, 2.25, 2.5, 2.75, 3.0)
    ):
        widths, depths = stages_of_line(depth=depth, w0=w0, wa=float(wa), wm=wm)
        levels = round(float(np.log((w0 + wa * (depth - 1)) / w0) / np.log(wm)))
        if len(widths) == 4 == levels + 1:
            kept += 1
            stages.add((tuple(widths), tuple(depths)))
    assert small.size() == kept * 2 * 3
    seen = {(a.parameters.widths, a.parameters.depths) for a in small.sample(4_000, seed=1)}
    assert seen <= stages
    assert len(seen) > 0.5 * len(stages)


def test_regnets_grids_are_the_papers() -> None:
    grids = {p.name: p.values for p in space("RegNetX").parameters}
    assert grids["depth"] == tuple(range(1, 64))
    assert grids["w0"] == tuple(range(8, 256, 8))
    assert grids["wa"] == tuple(float(Fraction(k, 10)) for k in range(1, 2560))
    assert grids["wm"] == tuple(float(Fraction(k, 1000)) for k in range(1500, 3001))
    assert (grids["bottleneck_ratio"], grids["group_width"]) == ((1, 2, 4), (1, 2, 4, 8, 16, 32))
    assert space("RegNetX").size() == space("RegNetY").size() == 1_251_758_425 * 3 * 6  # test_line counts the lines


def test_every_regnet_drawn_has_four_stages_and_no_level_skipped() -> None:
    for architecture, point in itertools.islice(space("RegNetX").draws(seed=5, bounds=Bounds()), 200):
        values = space("RegNetX").columns_at(point)
        line = {name: values[name] for name in ("depth", "w0", "wa", "wm")}
        widths, depths = stages_of_line(**line)
        assert (architecture.parameters.widths, architecture.parameters.depths) == (tuple(widths), tuple(depths))
        top = np.log((line["w0"] + line["wa"] * (line["depth"] - 1)) / line["w0"]) / np.log(line["wm"])
        assert len(widths) == 4
        assert round(float(top)) == 3


def test_a_regnet_drawn_is_what_its_line_makes() -> None:
    drawn = space("RegNetY").draws(seed=3, bounds=Bounds())
    for architecture, point in itertools.islice(drawn, 200):
        line = space("RegNetY").columns_at(point)
        stem = {name: getattr(architecture.parameters, name) for name in ("stem_width", "stem_kernel", "stem_stride")}
        assert architecture == regnet(**line, se_ratio=0.25, strides=architecture.parameters.strides, **stem)


def test_the_published_regnets_of_both_lists_are_recognised() -> None:
    found = [name for name in published_regnets() if space("RegNetX").contains(load_architecture(name))]
    assert found == ["regnetx_200mf", "regnetx_400mf", "regnetx_800mf"]  # others have group widths off the list


VGG_OF = """
extends = "VGG"
{lists}
[stages]
law = "uniform"
low = 1
high = 3
[parameters.depth]
values = [1, 2]
[parameters.width]
values = [8, 16, 32]
[parameters.hidden_width]
values = [64]
"""


@pytest.mark.parametrize(
    ("lists", "count"),
    [
        ("", sum(6**b for b in (1, 2, 3))),
        ('tie = ["width"]', sum(3 * 2**b for b in (1, 2, 3))),
        ('nondecreasing = ["width"]', 3 * 2 + 6 * 4 + 10 * 8),
        ('nonincreasing = ["width", "depth"]', 3 * 2 + 6 * 3 + 10 * 4),
        ('equal = ["width"]\nnondecreasing = ["depth"]', 3 * 2 + 3 * 3 + 3 * 4),
    ],
)
def test_a_number_of_stages_that_varies_has_the_law_of_rejection(lists: str, count: int, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(VGG_OF.format(lists=lists))
    mine = load_space(tmp_path / "mine.toml")
    assert mine.size() == count
    drawn = [(a.parameters.depths, a.parameters.widths) for a in mine.sample(6_000, seed=1)]
    rng = np.random.default_rng(2)
    wanted = []
    while len(wanted) < 6_000:  # the law in words: a number, then each block's own draws, kept where they comply
        blocks = rng.integers(1, 4)
        depths, widths = rng.integers(1, 3, blocks), rng.choice([8, 16, 32], blocks)
        if "tie" in lists:
            widths = np.repeat(widths[0], blocks)
        if all(complies(kind, name, {"depth": depths, "width": widths}) for kind, name in pairs(lists)):
            wanted.append((tuple(depths.tolist()), tuple(widths.tolist())))
    settings = sorted({*drawn, *wanted})
    assert len(settings) == count
    table = np.array([[sample.count(setting) for setting in settings] for sample in (drawn, wanted)])
    assert stats.chi2_contingency(table).pvalue > 1e-3


def pairs(lists: str) -> list[tuple[str, str]]:
    """Return (kind, parameter) of a few lines of TOML, without ties."""
    lines = [line.split(" = ") for line in lists.splitlines()]
    return [(kind, name) for kind, names in lines for name in ("depth", "width") if name in names and kind != "tie"]


def complies(kind: str, name: str, values: dict[str, Any]) -> bool:
    steps = np.diff(values[name])
    return bool({"equal": steps == 0, "nondecreasing": steps >= 0, "nonincreasing": steps <= 0}[kind].all())


GOOGLENET_OF = """
extends = "GoogLeNet"
stages = 2
{lists}
[parameters.stem_width]
values = [8]
[parameters.depth]
values = [1, 2]
[parameters.conv1_width]
values = [8, 16, 24]
[parameters.conv3_width]
values = [8, 16]
[parameters.conv3_ratio]
values = [2.0]
[parameters.conv5_width]
values = [8]
[parameters.conv5_ratio]
values = [2.0]
[parameters.pool_width]
values = [8]
"""


@pytest.mark.parametrize(("lists", "count"), [("", (6 + 36) ** 2), ('tie = ["conv1_width"]', 3 * (2 + 4) ** 2)])
def test_a_choice_for_each_block_is_made_as_often_as_there_are_blocks(lists: str, count: int, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOGLENET_OF.format(lists=lists))
    mine = load_space(tmp_path / "mine.toml")
    assert mine.size() == count
    members = mine.sample(20_000 if lists else 40_000, seed=1)
    assert len(set(members)) >= count - 5
    depths = np.array([a.parameters.depths for a in members])
    for stage in (0, 1):  # each number of blocks comes as often as its own law has it, whatever is chosen for them
        assert np.mean(depths[:, stage] == 1) == pytest.approx(0.5, abs=0.02)
    widths = [a.parameters.conv1_widths for a in members]
    assert all(len(each) == sum(depth) for each, depth in zip(widths, depths, strict=True))
    assert all(len(set(each)) == 1 for each in widths) == bool(lists)
    columns = mine.columns_of(members[0])
    assert set(columns) >= {"depth_1", "depth_2", "conv1_width_1_1", "conv1_width_2_1", "conv3_ratio_2_1"}
    assert ("conv1_width_1_2" in columns) == (members[0].parameters.depths[0] == 2)
    assert all(mine.decode(mine.encode(member)) == member for member in members[:300])


# Errors


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("LeNet", (1, 5, 5), "layer 6 (AvgPool2d): its 2x2 average-pooling (stride 2, padding 0) needs a larger input"),
        ("alexnet", (1, 28, 28), "layer 6 (MaxPool2d): its 3x3 max-pooling (stride 2, padding 0) needs a larger input"),
        ("vgg11", (1, 28, 28), "layer 5.5 (MaxPool2d): its 2x2 max-pooling (stride 2, padding 0) needs a larger input"),
        ("nin", (1, 28, 28), "layer 4 (MaxPool2d): its 3x3 max-pooling (stride 2, padding 0) needs a larger input"),
    ],
)
def test_an_input_too_small_gets_one_line_with_the_layer_and_what_reached_it(
    name: str, shape: tuple[int, int, int], message: str
) -> None:
    architecture = load_architecture(name) if name != "LeNet" else space("LeNet").sample(1, seed=0)[0]
    with pytest.raises(ArchitectureError) as caught:
        complexity(architecture, input_shape=shape, num_classes=10)
    text = str(caught.value)
    if name != "LeNet":
        assert text.startswith(message)
    assert " reached it; use larger images or fewer strides" in text
    assert "\n" not in text
    with pytest.raises(ArchitectureError, match="reached it"):
        build(architecture, input_shape=shape, num_classes=10)


@pytest.mark.parametrize(
    ("extends", "lines", "message"),
    [
        ("LeNet", 'tie = ["kernel"]', "tie: kernel must be a choice of each stage; it is one for the whole network"),
        (
            "LeNet",
            '[parameters.activation]\nvalues = ["relu", "tanh"]',
            'lenet: unknown activation "tanh"; known: relu, sigmoid',
        ),
        (
            "LeNet",
            "[parameters.activation]\nvalues = [1, true]",
            "parameters.activation: values must be a list of numbers, of texts, or of true and false; got [1, True]",
        ),
        (
            "LeNet",
            "[parameters.kernel]\ncount = 2\nvalues = [3]",
            "parameters.kernel: count must be left out: there is one for each network",
        ),
        ("LeNet", "[parameters.kernel]\nvalues = [3, 4]", "lenet: kernel must be odd; got 4"),
        ("LeNet", "[fixed]\nkernel = 5", "fixed: kernel must not be fixed and a parameter as well; drop one of them"),
        (
            "GoogLeNet",
            'nondecreasing = ["conv1_width"]',
            "nondecreasing: conv1_width must be free where other parameters have a value for each block; those "
            "themselves can only be tied; got nondecreasing",
        ),
        (
            "RegNetX",
            "[parameters.depth]\nhigh = 10\n[parameters.wa]\nhigh = 0.4",
            "some line must have 4 stages and skip no level; none has with depth log-uniform 1..10; w0 log-uniform "
            "8..248 by 8; wa log-uniform 0.1..0.4 by 0.1; wm log-uniform 1.5..3.0 by 0.001",
        ),
        (
            "NDSVanilla",
            "[parameters.depth]\nnum = 20",
            "depth: num must leave the values distinct; got 20 from 1 to 24: [1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, "
            "9, 11, 13, 15, 18, 21, 24]",
        ),
        (
            "NDSVanilla",
            "[parameters.depth]\nstep = 2",
            "parameters.depth: step must be left out for the law log-spaced, which takes low, high, num",
        ),
    ],
)
def test_a_wrong_space_gets_one_line(extends: str, lines: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "{extends}"\n{lines}\n')
    with pytest.raises(SpaceError) as caught:
        load_space(path).size()
    assert str(caught.value) == f"mine.toml: {message}"


# Learning

GUESSING = float(np.log(10))  # 2.303: the loss of a network that knows nothing
LOSS_AFTER_100_STEPS = {"NiN": 2.15}  # mean of the last ten steps; 2.0 for all others
LEARNERS = {"NiN": 24, "ResNeXt": 1, "VGG": 1}  # seed of the member; 0 for all others
# Deep members without norms, or with a ReLU on their logits (NiN), take more than 100 steps before they begin to learn.


ALIKE = ("AnyNetB", "AnyNetC", "AnyNetD", "NDSResNet", "NDSResNeXtA", "NDSResNeXtB", "NDSVanilla", "RegNetX", "ResNeXt")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.extended] * (name in ALIKE)) for name in builtin_spaces()]
)
def test_a_random_member_learns_within_100_steps(name: str) -> None:
    regime = space(name).regime
    (architecture,) = space(name).sample(1, seed=LEARNERS.get(name, 0), flops=regime.flops)
    data = prepare(
        load_data(regime.data, **images_of(regime)), resolution=regime.input_shape[1], device=torch.device("cpu")
    )
    trial = Trial(number=0, architecture=architecture, recipe=regime.recipe, fidelity=Fidelity(), seed=0)
    torch.manual_seed(0)
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    with one_thread():
        engine = make_engine(trial, data)
        size = regime.recipe.batch_size
        losses = [
            float(engine.step(order[index * size : (index + 1) * size], regime.recipe.learning_rate_at(index, 100)))
            for index in range(100)
        ]
    assert np.mean(losses[:3]) > 0.9 * GUESSING
    assert np.mean(losses[-10:]) < LOSS_AFTER_100_STEPS.get(name, 2.0)
