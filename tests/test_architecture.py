"""Architecture: identity, round trips, named architectures, what a file must hold."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anynas.architecture import Architecture, anynet, load_architecture, named_architectures, regnet
from anynas.errors import ArchitectureError
from anynas.families import Family
from anynas.families.alexnet import AlexNet
from anynas.families.anynet import Block, anynet_parameters
from anynas.families.densenet import DenseNet
from anynas.families.googlenet import GoogLeNet
from anynas.families.lenet import LeNet
from anynas.families.nin import NiN
from anynas.families.regnet import published_regnets
from anynas.families.resnet import ResNet
from anynas.families.vgg import VGG

SMALL: dict[str, Any] = {
    "depths": [1, 2],
    "widths": [24, 64],
    "bottleneck_ratios": [1, 2],
    "group_widths": [16, 8],
}
SMALL_DICT: dict[str, Any] = {
    "schema": 1,
    "family": "anynet",
    "depths": [1, 2],
    "widths": [24, 64],
    "bottleneck_ratios": [1, 2],
    "group_widths": [16, 8],
    "strides": [2, 2],
    "block": "X",
    "stem_width": 32,
    "stem_stride": 2,
    "stem_kernel": 3,
    "stem_pool": False,
    "se_ratio": 0.0,
    "conv_bias": False,
}


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    num_stages = draw(st.integers(1, 6))
    block = draw(st.sampled_from(get_args(Block)))

    def a_stage(values: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(values, min_size=num_stages, max_size=num_stages))

    return anynet(
        depths=a_stage(st.integers(1, 16)),
        widths=a_stage(st.integers(1, 1024)),
        bottleneck_ratios=a_stage(st.sampled_from([1, 2, 4])),
        group_widths=a_stage(st.sampled_from([1, 2, 4, 8, 16, 32])),
        strides=a_stage(st.integers(1, 3)),
        block=block,
        stem_width=draw(st.integers(1, 64)),
        stem_stride=draw(st.integers(1, 4)),
        stem_kernel=draw(st.sampled_from([1, 3, 5, 7])),
        stem_pool=draw(st.booleans()),
        se_ratio=draw(st.floats(0, 1, exclude_min=True)) if block == "Y" else 0.0,
        conv_bias=draw(st.booleans()),
    )


# Round trips


def test_to_dict_is_flat_and_spells_every_field_out() -> None:
    assert anynet(**SMALL).to_dict() == SMALL_DICT


@given(architectures())
@settings(deadline=None)
def test_an_architecture_survives_json(architecture: Architecture) -> None:
    again = Architecture.from_dict(json.loads(json.dumps(architecture.to_dict())))
    assert again == architecture
    assert (again.key, again.network_key) == (architecture.key, architecture.network_key)


@given(architectures())
@settings(deadline=None, max_examples=20)
def test_an_architecture_survives_a_file(tmp_path_factory: pytest.TempPathFactory, architecture: Architecture) -> None:
    path = tmp_path_factory.mktemp("files") / "architecture.json"
    path.write_text(json.dumps(architecture.to_dict()), encoding="utf-8")
    assert load_architecture(path) == architecture
    assert load_architecture(str(path)) == architecture


def test_fields_with_a_default_may_be_left_out_of_a_file(tmp_path: Path) -> None:
    needed = ("schema", "family", "depths", "widths", "bottleneck_ratios", "group_widths", "strides")
    path = tmp_path / "short.json"
    path.write_text(json.dumps({name: SMALL_DICT[name] for name in needed}))
    assert load_architecture(path) == anynet(**SMALL)


def test_the_functions_arguments_reach_the_parameters() -> None:
    given_values: dict[str, Any] = {
        **SMALL,
        "strides": [1, 3],
        "block": "Y",
        "stem_width": 24,
        "stem_stride": 1,
        "stem_kernel": 5,
        "stem_pool": True,
        "se_ratio": 0.5,
        "conv_bias": True,
    }
    data = anynet(**given_values).to_dict()
    assert data == {"schema": 1, "family": "anynet", **given_values}
    assert anynet(**given_values).parameters == anynet_parameters(**given_values)


def test_architectures_are_frozen_and_hashable() -> None:
    architecture = anynet(**SMALL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        architecture.parameters = architecture.parameters  # type: ignore[misc]
    assert {architecture, anynet(**SMALL)} == {architecture}


# Identity


def test_the_key_is_twelve_digits_of_the_hash_of_the_canonical_json() -> None:
    text = json.dumps(SMALL_DICT, sort_keys=True, separators=(",", ":"))
    assert anynet(**SMALL).key == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_keys_stay_what_stored_records_hold() -> None:
    architecture = load_architecture("regnetx_400mf")
    assert (architecture.key, architecture.network_key) == ("396647292069", "ab94d76bd66a")


@pytest.mark.parametrize(
    ("name", "key", "network_key"),
    [
        ("lenet", "810805dfd2d1", "738473c295b4"),
        ("alexnet", "feb3298232c4", "342d71becff2"),
        ("vgg11", "c5efc19b8fa2", "5d3fa83876db"),
        ("nin", "b5a414352c22", "feceb7e6ef65"),
        ("googlenet", "161af8bfe44b", "b544f01fe919"),
        ("resnet18", "c545dd8892be", "90cd1576927b"),
        ("resnet50", "ec6cb483d696", "5544efb972b5"),
        ("resnext50_32x4d", "989a4c2f8226", "167283b67b20"),
        ("resnet56_cifar", "6dbdf6bbd32b", "d1675af0110b"),
        ("densenet", "1280d36aa2d7", "4d6fb24430c0"),
        ("regnetx32", "d3dbf576c19b", "1fb21e040072"),
    ],
)
def test_keys_of_the_classic_networks_stay_too(name: str, key: str, network_key: str) -> None:
    architecture = load_architecture(name)
    assert (architecture.key, architecture.network_key) == (key, network_key)


def test_the_key_depends_on_every_parameter() -> None:
    changes: list[dict[str, Any]] = [
        {"depths": [2, 2]},
        {"widths": [24, 72]},
        {"bottleneck_ratios": [2, 2]},
        {"group_widths": [8, 8]},
        {"strides": [1, 2]},
        {"block": "R"},
        {"block": "Y"},
        {"se_ratio": 0.5},
        {"stem_width": 16},
        {"stem_stride": 1},
        {"stem_kernel": 5},
        {"stem_pool": True},
        {"conv_bias": True},
    ]
    keys = {anynet(**{**SMALL, **change}).key for change in [{}, *changes]}
    assert len(keys) == 1 + len(changes)


def test_two_nominal_settings_of_one_network_differ_in_key_and_share_the_network_key() -> None:
    nominal = anynet(**SMALL)  # 24 with groups of 16 rounds to 32
    rounded = anynet(**{**SMALL, "widths": [32, 64]})
    assert nominal != rounded
    assert nominal.key != rounded.key
    assert nominal.network_key == rounded.network_key


def test_the_2304_settings_of_a_stage_have_2304_keys_and_1496_network_keys() -> None:
    settings_of_a_stage = [
        anynet(depths=[1], widths=[width], bottleneck_ratios=[ratio], group_widths=[group_width])
        for width in range(8, 1025, 8)
        for ratio in (1, 2, 4)
        for group_width in (1, 2, 4, 8, 16, 32)
    ]
    assert len(settings_of_a_stage) == 2304
    assert len({architecture.key for architecture in settings_of_a_stage}) == 2304
    assert len({architecture.network_key for architecture in settings_of_a_stage}) == 1496


def test_parameters_that_a_block_ignores_are_no_part_of_the_networks_identity() -> None:
    plain = anynet(depths=[1], widths=[24], block="V")
    ignored = anynet(depths=[1], widths=[24], bottleneck_ratios=[2], group_widths=[8], block="V")
    assert plain.key != ignored.key
    assert plain.network_key == ignored.network_key


def test_blocks_that_become_the_same_layers_share_the_network_key() -> None:
    one_group = anynet(depths=[2], widths=[24], bottleneck_ratios=[1], group_widths=[24])
    assert one_group.network_key == anynet(depths=[2], widths=[24], bottleneck_ratios=[1], block="R").network_key


def test_a_regnet_is_the_anynet_that_it_describes() -> None:
    line = regnet(depth=13, w0=24, wa=36.44, wm=2.49, group_width=8)
    stages = anynet(
        depths=[1, 1, 4, 7],
        widths=[24, 56, 152, 368],
        bottleneck_ratios=[1, 1, 1, 1],
        group_widths=[8, 8, 8, 8],
    )
    assert line == stages
    assert line.family == "anynet"
    assert line.key == stages.key


# Named architectures


@pytest.mark.parametrize("name", published_regnets())
def test_a_published_regnet_is_loaded_by_its_name(name: str) -> None:
    assert name in named_architectures()
    assert load_architecture(name) == regnet(**published_regnets()[name])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("lenet", LeNet()),
        ("alexnet", AlexNet()),
        ("vgg11", VGG()),
        ("nin", NiN()),
        ("googlenet", GoogLeNet()),
        ("resnet18", ResNet()),
        ("densenet", DenseNet()),
    ],
)
def test_the_lectures_networks_are_the_defaults_of_their_families(name: str, parameters: Family) -> None:
    assert load_architecture(name) == Architecture(parameters)


def test_the_named_architectures_are_the_lectures_the_papers_and_the_regnets() -> None:
    lecture = ["lenet", "alexnet", "vgg11", "nin", "googlenet", "resnet18", "densenet", "regnetx32"]
    papers = ["resnet50", "resnext50_32x4d", "resnet56_cifar"]
    assert sorted(named_architectures()) == sorted([*lecture, *papers, *published_regnets()])


def test_every_named_architecture_survives_json() -> None:
    for name in named_architectures():
        architecture = load_architecture(name)
        assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


def test_every_named_architecture_loads_and_no_two_are_one_network() -> None:
    keys = [load_architecture(name).network_key for name in named_architectures()]
    assert len(set(keys)) == len(keys)


def test_names_are_read_without_regard_to_case() -> None:
    assert load_architecture("RegNetX_400MF") == load_architecture("regnetx_400mf")


# Errors


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in SMALL_DICT.items() if field != name}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({**SMALL_DICT, "schema": 2}, "an architecture's schema must be 1; got 2"),
        (without("schema"), "an architecture's schema must be 1; got None"),
        ({**SMALL_DICT, "family": "anynat"}, 'unknown family "anynat"; did you mean "anynet"?'),
        ({**SMALL_DICT, "family": ["anynet"]}, 'unknown family "[\'anynet\']"; did you mean "anynet"?'),
        (
            {**SMALL_DICT, "width": [8, 8]},
            'anynet: unknown field "width"; did you mean "widths" or "stem_width"?',
        ),
        (
            {**SMALL_DICT, "zzz": 1},
            'anynet: unknown field "zzz"; known: block, bottleneck_ratios, conv_bias, depths, group_widths, '
            "se_ratio, stem_kernel, stem_pool, stem_stride, stem_width, strides, widths",
        ),
        (without("group_widths"), 'anynet: field "group_widths" is missing'),
        (without("strides"), 'anynet: field "strides" is missing'),
        (
            {**SMALL_DICT, "widths": [24]},
            "anynet: widths must have one value a stage, as depths has (2); got 1",
        ),
        (
            {**SMALL_DICT, "se_ratio": 0.25},
            'anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; got block "X", se_ratio 0.25',
        ),
        ({**SMALL_DICT, "se_ratio": None}, "anynet: se_ratio must be a number; got None"),
        ([SMALL_DICT], "an architecture must be a JSON object; got list"),
        (
            {"schema": 1, "family": "vgg", "depths": [[1, 1], 2]},
            "vgg: depths must be whole numbers of at least 1; got [1, 1]",
        ),
        (
            {"schema": 1, "family": "lenet", "kernel": [5]},
            "lenet: kernel must be a whole number of at least 1; got [5]",
        ),
        (
            {"schema": 1, "family": "lenet", "kernels": 5},
            'lenet: unknown field "kernels"; did you mean "kernel"?',
        ),
    ],
)
def test_wrong_data_are_refused_with_what_must_hold_and_the_file_that_holds_them(
    tmp_path: Path, data: Any, message: str
) -> None:
    with pytest.raises(ArchitectureError) as caught:
        Architecture.from_dict(data)
    assert str(caught.value) == message
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ArchitectureError) as caught:
        load_architecture(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_broken_json_file_is_refused_with_the_place_where_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"schema": 1,')
    with pytest.raises(ArchitectureError) as caught:
        load_architecture(path)
    assert str(caught.value) == (
        f"{path}: must be a JSON file with an architecture; "
        "Expecting property name enclosed in double quotes: line 1 column 14 (char 13)"
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bytes.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ArchitectureError) as caught:
        load_architecture(path)
    assert str(caught.value) == (
        f"{path}: must be a JSON file with an architecture; "
        "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    )


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "missing.json"
    with pytest.raises(ArchitectureError) as caught:
        load_architecture(path)
    assert str(caught.value) == f"{path}: must be a JSON file with an architecture; No such file or directory"


def test_an_unknown_name_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(ArchitectureError) as caught:
        load_architecture("regnetx-4000mf")
    assert str(caught.value) == (
        'unknown architecture "regnetx-4000mf"; did you mean "regnetx_400mf" or "regnety_400mf" or "regnetx_800mf"?'
    )


def test_a_name_that_is_near_to_none_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(ArchitectureError) as caught:
        load_architecture("zzz")
    known = ", ".join(sorted(named_architectures()))
    assert str(caught.value) == f'unknown architecture "zzz"; known: {known}'


@pytest.mark.parametrize("num_classes", [0, -1, 1.5, True, "10"])
def test_a_number_of_classes_that_is_none_is_refused(num_classes: Any) -> None:
    with pytest.raises(ArchitectureError) as caught:
        anynet(**SMALL).layers(num_classes)
    assert str(caught.value) == f"num_classes must be a whole number of at least 1; got {num_classes!r}"
