"""Loading: built-in spaces, a user's own files, and the whole text of every error."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from anynas.counting import complexity
from anynas.designspace import builtin_spaces, load_space
from anynas.errors import AnynasError, SettingsError, SpaceError
from anynas.regimes import REGIMES

ROOT = """
family = "anynet"
regime = "fashion"
stages = 4
[parameters]
depth = {low = 1, high = 16}
width = {low = 8, high = 1024, step = 8}
bottleneck_ratio = {values = [1, 2, 4]}
group_width = {values = [1, 2, 4, 8, 16, 32]}
"""  # what AnyNetA's file says, and no more than it must


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def laws(space: Any) -> dict[str, str]:
    return {parameter.name: parameter.law for parameter in space.parameters}


# Built-in spaces


def test_the_spaces_of_the_design_are_built_in() -> None:
    anynets, regnets = [f"AnyNet{letter}" for letter in "ABCDE"], ["RegNetX", "RegNetY"]
    classics = ["LeNet", "AlexNet", "VGG", "NiN", "GoogLeNet", "ResNet", "ResNeXt", "DenseNet"]
    nds = ["NDSVanilla", "NDSResNet", "NDSResNeXtA", "NDSResNeXtB"]
    assert builtin_spaces() == sorted([*anynets, *regnets, *classics, *nds])


@pytest.mark.parametrize("name", builtin_spaces())
@pytest.mark.parametrize("regime", [None, *REGIMES])
def test_every_built_in_space_loads_and_draws_in_every_regime(name: str, regime: str | None) -> None:
    space = load_space(name, regime=regime)
    assert space.name == name
    assert space.description
    assert regime is None or space.regime == REGIMES[regime]
    assert space.contains(space.sample(1, seed=0)[0])


def test_the_ladder_is_a_and_one_more_line_a_rung() -> None:
    constraints = {
        name: (load_space(f"AnyNet{name}").tie, load_space(f"AnyNet{name}").nondecreasing) for name in "ABCDE"
    }
    assert constraints == {
        "A": ((), ()),
        "B": (("bottleneck_ratio",), ()),
        "C": (("bottleneck_ratio", "group_width"), ()),
        "D": (("bottleneck_ratio", "group_width"), ("width",)),
        "E": (("bottleneck_ratio", "group_width"), ("width", "depth")),
    }
    assert laws(load_space("AnyNetE")) == {
        "depth": "log-uniform 1..16",
        "width": "log-uniform 8..1024 by 8",
        "bottleneck_ratio": "uniform 1, 2, 4",
        "group_width": "uniform 1, 2, 4, 8, 16, 32",
    }


def test_the_regime_is_the_spaces_own_unless_another_is_asked_for() -> None:
    assert load_space("AnyNetE").regime == REGIMES["fashion"]
    assert load_space("AnyNetE", regime="imagenet").regime == REGIMES["imagenet"]


# A user's files


def test_a_file_without_a_parent_says_all_that_a_space_needs(tmp_path: Path) -> None:
    space = load_space(written(tmp_path, ROOT))
    assert (space.name, space.description, space.stages) == ("mine", "", 4)
    assert space.size() == 1846757322198614016
    assert space.sample(3, seed=0) == load_space(written(tmp_path, ROOT + '[fixed]\nblock = "X"')).sample(3, seed=0)


def test_a_file_extends_a_built_in_space_and_may_be_named_by_text(tmp_path: Path) -> None:
    path = written(tmp_path, 'extends = "AnyNetC"\nnondecreasing = ["width"]')
    space = load_space(str(path))
    assert (space.name, space.description) == ("mine", "")
    assert space.size() == load_space("AnyNetD").size()
    assert space.sample(5, seed=0) == load_space("AnyNetD").sample(5, seed=0)


def test_a_file_extends_another_beside_it_wherever_the_caller_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    written(tmp_path / "folder", 'extends = "AnyNetD"\ntie = ["depth"]\nregime = "cifar"', "parent.toml")
    child = written(tmp_path / "folder", 'extends = "parent.toml"\nnonincreasing = ["width"]')
    monkeypatch.chdir(tmp_path)
    space = load_space(child)
    assert space.tie == ("bottleneck_ratio", "group_width", "depth")
    assert (space.nondecreasing, space.nonincreasing) == (("width",), ("width",))
    assert space.regime.name == "cifar"
    assert space.size() == 16 * 128 * 3 * 6
    assert load_space("folder/mine.toml").digest == space.digest


def test_a_child_overrides_one_end_of_its_parents_range(tmp_path: Path) -> None:
    space = load_space(written(tmp_path, 'extends = "AnyNetE"\n[parameters.width]\nhigh = 256'))
    assert laws(space)["width"] == "log-uniform 8..256 by 8"
    assert laws(space)["depth"] == "log-uniform 1..16"
    assert space.nondecreasing == ("width", "depth")


def test_a_child_overrides_its_parents_law(tmp_path: Path) -> None:
    space = load_space(written(tmp_path, 'extends = "AnyNetE"\n[parameters.width]\nlaw = "uniform"'))
    assert laws(space)["width"] == "uniform 8..1024 by 8"
    assert space.parameters[1].probabilities == (1 / 128,) * 128


def test_a_child_replaces_a_range_by_a_list_and_a_list_by_a_range(tmp_path: Path) -> None:
    changed = "[parameters]\nwidth.values = [16, 32, 64]\ngroup_width = {low = 4, high = 8, step = 4}"
    space = load_space(written(tmp_path, f'extends = "AnyNetA"\n{changed}'))
    assert laws(space)["width"] == "uniform 16, 32, 64"
    assert laws(space)["group_width"] == "log-uniform 4..8 by 4"
    assert space.size() == 16**4 * 3**4 * 3**4 * 2**4


def test_a_grandchild_overrides_what_a_child_did(tmp_path: Path) -> None:
    written(
        tmp_path,
        'extends = "AnyNetA"\n[parameters.width]\nvalues = [8, 16]\n[fixed]\nblock = "R"',
        "child.toml",
    )
    low_high = "[parameters.width]\nlow = 16\nhigh = 64\nstep = 16\n[fixed]\nconv_bias = true"
    space = load_space(written(tmp_path, f'extends = "child.toml"\n{low_high}'))
    assert laws(space)["width"] == "log-uniform 16..64 by 16"
    assert space.fixed == {"block": "R", "conv_bias": True}


@pytest.mark.parametrize(
    ("fixed", "block"), [('block = "V"', "V"), ('block = "Y"', "Y"), ("se_ratio = 0.25", "Y"), ("", "X")]
)
def test_a_file_may_fix_the_block(tmp_path: Path, fixed: str, block: str) -> None:
    space = load_space(written(tmp_path, f'extends = "AnyNetC"\n[fixed]\n{fixed}'))
    for architecture in space.sample(5, seed=0, flops=(1e6, 4e6)):
        assert architecture.parameters.block == block
        assert space.contains(architecture)
        assert 1e6 <= complexity(architecture, input_shape=(1, 28, 28), num_classes=10).flops <= 4e6


def test_a_space_of_five_stages_whose_widths_alone_are_free(tmp_path: Path) -> None:
    text = """
        family = "anynet"
        regime = "fashion"
        stages = 5
        [parameters]
        depth.values = [2]
        width = {low = 8, high = 64, step = 8}
        bottleneck_ratio.values = [1]
        group_width.values = [8]
        [fixed]
        block = "V"
        """
    space = load_space(written(tmp_path, text))
    assert (space.dimension, space.size()) == (5, 8**5)
    architecture = space.decode([0, 0.999, 0, 0.999, 1])
    assert architecture.parameters.widths == (8, 64, 8, 64, 64)
    assert architecture.parameters.depths == (2,) * 5
    assert architecture.parameters.strides == (2,) * 5
    assert space.decode(space.encode(architecture)) == architecture
    assert len({drawn.parameters.widths for drawn in space.sample(30, seed=0)}) > 25


# Errors


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extend = "AnyNetA"', 'unknown key "extend"; did you mean "extends"?'),
        (
            'extends = "AnyNetA"\nzzz = 1',
            'unknown key "zzz"; known: description, equal, extends, family, fixed, nondecreasing, '
            "nonincreasing, parameters, regime, stages, tie",
        ),
        (
            'extends = "AnyNetF"',
            'extends: unknown space "AnyNetF"; did you mean "AnyNetE" or "AnyNetD" or "AnyNetC"?',
        ),
        ('extends = "mine.toml"', "extends must not lead back to itself"),
        ('extends = "AnyNetA"\nfamily = "anynat"', 'unknown family "anynat"; did you mean "anynet"?'),
        ('extends = "AnyNetA"\nregime = "fasion"', 'unknown regime "fasion"; did you mean "fashion"?'),
        ('extends = "AnyNetA"\nregime = "zzz"', 'unknown regime "zzz"; known: cifar, fashion, imagenet'),
        ('extends = "AnyNetA"\n[parameters.widht]', 'unknown parameter "widht"; did you mean "width"?'),
        ('extends = "AnyNetA"\ntie = ["widht"]', 'tie: unknown parameter "widht"; did you mean "width"?'),
        ("", 'key "family" is missing; name it, or a parent with extends'),
        (
            ROOT.replace('regime = "fashion"', ""),
            'key "regime" is missing; name it, or a parent with extends',
        ),
        (ROOT.replace("stages = 4", ""), 'key "stages" is missing; name it, or a parent with extends'),
        (ROOT.partition("[parameters]")[0], 'key "parameters" is missing; name it, or a parent with extends'),
        (ROOT.replace("depth = {low = 1, high = 16}", ""), 'parameter "depth" is missing'),
        # values of the wrong type
        ("extends = 1", "extends must be text; got 1"),
        ('extends = "AnyNetA"\ndescription = ["A"]', "description must be text; got ['A']"),
        ('extends = "AnyNetA"\nfamily = 1', "family must be text; got 1"),
        ('extends = "AnyNetA"\nregime = true', "regime must be a name or a table; got True"),
        ('extends = "AnyNetA"\nstages = "4"', "stages must be a whole number of at least 1; got '4'"),
        ('extends = "AnyNetA"\nstages = 0', "stages must be a whole number of at least 1; got 0"),
        ('extends = "AnyNetA"\nstages = 4.0', "stages must be a whole number of at least 1; got 4.0"),
        ('extends = "AnyNetA"\nstages = true', "stages must be a whole number of at least 1; got True"),
        (
            'extends = "RegNetX"\nstages = {values = [3, 4]}',
            "stages must be one number for the lines of regnet; got uniform 3, 4",
        ),
        ('extends = "AnyNetA"\ntie = "width"', "tie must be a list of parameters; got 'width'"),
        ('extends = "AnyNetA"\nequal = "width"', "equal must be a list of parameters; got 'width'"),
        ('extends = "AnyNetA"\nnondecreasing = [1]', "nondecreasing must be a list of parameters; got [1]"),
        ('extends = "AnyNetA"\nnonincreasing = true', "nonincreasing must be a list of parameters; got True"),
        ('extends = "AnyNetA"\nparameters = 1', "parameters must be a table; got 1"),
        ('extends = "AnyNetA"\nfixed = ["V"]', "fixed must be a table; got ['V']"),
        (
            'extends = "AnyNetA"\n[parameters]\nwidth = [8, 16]',
            "parameters.width must be a table; got [8, 16]",
        ),
        # what is fixed
        ('extends = "AnyNetA"\nfixed = {blok = "V"}', 'fixed: unknown key "blok"; did you mean "block"?'),
        (
            'extends = "AnyNetA"\nfixed = {stem_width = 8}',
            'fixed: unknown key "stem_width"; did you mean "widths"?',
        ),
        (
            'extends = "AnyNetA"\nfixed = {block = "Q"}',
            'anynet: unknown block "Q"; known: R, V, VR, X, Y',
        ),
        (
            'extends = "AnyNetA"\nfixed = {se_ratio = 1.5}',
            'anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; got block "Y", se_ratio 1.5',
        ),
        (
            'extends = "AnyNetA"\nfixed = {conv_bias = 1}',
            "anynet: conv_bias must be true or false; got 1",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_its_name_and_its_fault(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SpaceError) as caught:
        load_space(path)
    assert str(caught.value) == f"mine.toml: {message}"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("step = 0", "parameters.width: step must be a whole number of at least 1; got 0"),
        ("low = -8", "parameters.width: low must be a whole number of at least 1; got -8"),
        ("high = 64.0", "anynet: widths must be whole numbers of at least 1; got 8.0"),
        ('high = "64"', "parameters.width: high must be a whole number of at least 1; got '64'"),
        ("low = true", "parameters.width: low must be a whole number of at least 1; got True"),
        ("low = 2048", "width: low must be at least 1 and at most high; got low 2048, high 1024"),
        (
            "high = 1000\nstep = 16",
            "width: low and high must be multiples of step; got low 8, high 1000, step 16",
        ),
        (
            'law = "log-unifrom"',
            'parameters.width: unknown law "log-unifrom"; did you mean "log-uniform" or "uniform"?',
        ),
        ('law = "zipf"', 'parameters.width: unknown law "zipf"; known: log-spaced, log-uniform, uniform'),
        (
            'law = ["uniform"]',
            'parameters.width: unknown law "[\'uniform\']"; did you mean "uniform" or "log-uniform"?',
        ),
        ("max = 64", 'parameters.width: unknown key "max"; known: count, high, law, low, num, step, values'),
        ("hihg = 64", 'parameters.width: unknown key "hihg"; did you mean "high"?'),
        ("values = 8", "parameters.width: values must be a list of numbers, of texts, or of true and false; got 8"),
        ("values = [8, 16.5]", "anynet: widths must be whole numbers of at least 1; got 16.5"),
        ("values = [0, 8]", "anynet: widths must be whole numbers of at least 1; got 0"),
        ('values = ["8"]', "anynet: widths must be whole numbers of at least 1; got '8'"),
        (
            "values = [8, 32, 16]",
            "width: values must be in increasing order, at least one, none twice; got [8, 32, 16]",
        ),
        (
            "values = [8, 8]",
            "width: values must be in increasing order, at least one, none twice; got [8, 8]",
        ),
        ("values = []", "width: values must be in increasing order, at least one, none twice; got []"),
        ("values = [8]\nlow = 8", "parameters.width: must have either values or low and high; got both"),
        (
            'values = [8]\nlaw = "uniform"',
            "parameters.width: must have either values or low and high; got both",
        ),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name_and_its_fault(tmp_path: Path, table: str, message: str) -> None:
    path = written(tmp_path, f'extends = "AnyNetA"\n[parameters.width]\n{table}')
    with pytest.raises(SpaceError) as caught:
        load_space(path)
    assert str(caught.value) == f"mine.toml: {message}"


@pytest.mark.parametrize("key", ["low", "high"])
def test_a_range_needs_both_ends(tmp_path: Path, key: str) -> None:
    other = {"low": "high", "high": "low"}[key]
    path = written(tmp_path, f'extends = "AnyNetA"\n[parameters.group_width]\n{other} = 8')
    with pytest.raises(SpaceError) as caught:
        load_space(path)
    assert str(caught.value) == f'mine.toml: parameters.group_width: key "{key}" is missing'


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("AnyNet", 'unknown space "AnyNet"; did you mean "AnyNetE" or "AnyNetD" or "AnyNetC"?'),
        ("anynetd", 'unknown space "anynetd"; did you mean "AnyNetD"?'),
        ("", f'unknown space ""; known: {", ".join(builtin_spaces())}'),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_ones(name: str, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        load_space(name)
    assert str(caught.value) == message


def test_an_unknown_regime_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(SettingsError) as caught:
        load_space("AnyNetD", regime="imagnet")
    assert str(caught.value) == 'unknown regime "imagnet"; did you mean "imagenet"?'


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "missing.toml"
    with pytest.raises(SpaceError) as caught:
        load_space(path)
    assert str(caught.value) == f"{path}: must be a readable TOML file; there is none"


def test_a_missing_parent_is_refused_by_its_path_and_its_childs_name(tmp_path: Path) -> None:
    path = written(tmp_path, 'extends = "missing.toml"')
    with pytest.raises(SpaceError) as caught:
        load_space(path)
    parent = tmp_path / "missing.toml"
    assert str(caught.value) == f"mine.toml: extends: {parent}: must be a readable TOML file; there is none"


def test_a_fault_of_a_parent_is_told_by_the_parents_name(tmp_path: Path) -> None:
    written(tmp_path, 'extends = "AnyNetA"\nties = ["width"]', "parent.toml")
    with pytest.raises(SpaceError) as caught:
        load_space(written(tmp_path, 'extends = "parent.toml"'))
    assert str(caught.value) == 'parent.toml: unknown key "ties"; did you mean "tie" or "stages"?'


def test_files_that_extend_one_another_in_a_circle_are_refused(tmp_path: Path) -> None:
    for one, other in itertools.pairwise(("a", "b", "c", "a")):
        written(tmp_path, f'extends = "{other}.toml"', f"{one}.toml")
    with pytest.raises(SpaceError) as caught:
        load_space(tmp_path / "a.toml")
    assert str(caught.value) == "a.toml: extends must not lead back to itself"


def test_a_file_that_is_not_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    path = written(tmp_path, 'extends = "AnyNetA"\ntie = [')
    with pytest.raises(SettingsError) as caught:
        load_space(path)
    assert str(caught.value) == f"{path}: must be TOML; Invalid value (at end of document)"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(AnynasError) as caught:
        load_space(path)
    assert str(caught.value) == (
        f"{path}: must be TOML; 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    )
