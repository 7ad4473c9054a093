"""The names that anynas promises: they load lazily, and each does its work after every submodule is imported."""

import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import anynas

SMALL = {"depths": [1, 1], "widths": [8, 16], "block": "V", "stem_width": 8, "stem_stride": 1}


@pytest.fixture(scope="module", autouse=True)
def every_submodule_is_imported():
    for module in pkgutil.walk_packages(anynas.__path__, "anynas."):
        if module.name != "anynas.__main__":
            importlib.import_module(module.name)


STUDY = """
models = 2
[fidelity]
epochs = 1
images = 64
[populations.LeNet]
[[claims]]
name = "any"
population = "LeNet"
where = "kernel > 3"
claim = "improves"
"""


def test_the_list_of_names_is_the_list_of_homes():
    assert sorted(anynas.__all__) == sorted(anynas._HOMES)


def test_no_public_name_is_that_of_a_submodule():
    assert not set(anynas.__all__) & {module.name for module in pkgutil.iter_modules(anynas.__path__)}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'anynas' has no attribute 'serach'"):
        anynas.serach  # noqa: B018


def test_every_public_name_is_called(tmp_path):
    """One small use of each; a name that this test leaves out fails it."""
    called = {"AnynasError": issubclass(anynas.AnynasError, Exception)}
    network = anynas.anynet(**SMALL)
    called["anynet"] = called["Architecture"] = isinstance(network, anynas.Architecture)
    called["regnet"] = anynas.regnet(depth=13, w0=24, wa=36.44, wm=2.49, group_width=8) == anynas.load_architecture(
        "regnetx_200mf"
    )
    called["load_architecture"] = called["regnet"]
    counted = anynas.complexity(network, input_shape=(1, 12, 12), num_classes=10)
    called["complexity"] = called["Complexity"] = isinstance(counted, anynas.Complexity)
    summary = anynas.layer_summary(network, input_shape=(1, 12, 12), num_classes=10)
    called["layer_summary"] = summary["flops"].sum() == counted.flops
    built = anynas.build(network, input_shape=(1, 12, 12), num_classes=10)
    called["build"] = sum(p.numel() for p in built.parameters()) == counted.params
    distribution = anynas.edf([1.0, 2.0])
    called["edf"] = called["EDF"] = isinstance(distribution, anynas.EDF)
    called["expected_best"] = anynas.expected_best([3.0, 1.0, 2.0], 2) == pytest.approx(4 / 3)
    compared = anynas.compare([3.0, 4.0], [1.0, 2.0], claim="improves")
    called["compare"] = called["Comparison"] = isinstance(compared, anynas.Comparison) and compared.difference == -2
    table = pd.DataFrame({"space": ["A", "A", "B", "B"], "error": [3.0, 4.0, 1.0, 2.0]})
    called["compare_populations"] = anynas.compare_populations(table, baseline="A", candidate="B").difference == -2
    space = anynas.load_space("AnyNetD")
    called["load_space"] = called["DesignSpace"] = isinstance(space, anynas.DesignSpace)
    suits = anynas.regime_for("fashion-mnist-mini", space=space)
    called["regime_for"] = called["Regime"] = isinstance(suits, anynas.Regime) and suits == space.regime
    (tmp_path / "recipe.toml").write_text("batch_size = 32\n")
    recipe = anynas.load_recipe(tmp_path / "recipe.toml")
    called["load_recipe"] = called["Recipe"] = recipe == anynas.Recipe(batch_size=32)
    (tmp_path / "fidelity.toml").write_text("epochs = 1\nimages = 64\n")
    fidelity = anynas.load_fidelity(tmp_path / "fidelity.toml")
    called["load_fidelity"] = called["Fidelity"] = fidelity == anynas.Fidelity(epochs=1, images=64)
    trial = anynas.Trial(number=0, architecture=network, recipe=recipe, fidelity=fidelity, seed=0)
    called["Trial"] = trial.architecture is network
    result = anynas.train(network, data="fashion-mnist-mini", recipe=recipe, fidelity=fidelity, seed=3)
    called["train"] = called["TrialResult"] = isinstance(result, anynas.TrialResult) and result.state == "complete"
    run = anynas.search(
        space, trials=1, sampler="random", recipe=recipe, fidelity=fidelity, executor="inline", run=tmp_path / "run"
    )
    called["search"] = called["Run"] = isinstance(run, anynas.Run)
    called["load_run"] = anynas.load_run(tmp_path / "run") == run and len(run.table()) == 1
    winner = anynas.train_fully(run, epochs=1)
    called["train_fully"] = called["Trained"] = isinstance(winner, anynas.Trained) and winner.network()
    called["load_trained"] = anynas.load_trained(tmp_path / "run" / "winner") == winner
    called["export"] = (anynas.export(run, tmp_path / "exported", format="python") / "network.py").exists()
    (tmp_path / "mine.toml").write_text(STUDY)
    study = anynas.run_study(tmp_path / "mine.toml", executor="inline", run=tmp_path / "study")
    called["run_study"] = len(study.table()) == 2
    verdicts = anynas.judge(study)
    called["judge"] = called["Verdicts"] = isinstance(verdicts, anynas.Verdicts) and verdicts["any"].verdict != ""
    called["write_report"] = anynas.write_report(run).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert {name: bool(used) for name, used in called.items()} == dict.fromkeys(anynas.__all__, True)


def loaded_by(statement: str) -> set[str]:
    """Return the heavy libraries that a statement loads in a new interpreter."""
    heavy = {"torch", "ray", "optuna", "pandas", "numpy", "scipy", "seaborn", "matplotlib", "rich"}
    code = f"import sys; {statement}; print(*sorted({heavy!r} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_importing_anynas_loads_no_library():
    assert loaded_by("import anynas") == set()


def test_help_loads_no_library():
    code = "import sys; sys.argv = ['anynas', '--help']\nimport atexit\nfrom anynas.cli import main\n"
    code += "heavy = {'torch', 'ray', 'optuna', 'pandas', 'numpy', 'rich'}\n"
    code += "atexit.register(lambda: print('loaded', *(heavy & set(sys.modules))))\n"
    answer = subprocess.run([sys.executable, "-c", code + "main()"], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "loaded"


def test_spaces_draw_and_count_without_torch_optuna_and_ray():
    loaded = loaded_by("import anynas; anynas.load_space('AnyNetE').sample(3, seed=0, flops=(8e5, 1.2e6))")
    assert not loaded & {"torch", "ray", "optuna", "pandas", "seaborn", "rich"}


def test_training_needs_neither_ray_nor_optuna():
    code = "import anynas.training, anynas.execution.process"
    assert not loaded_by(code) & {"ray", "optuna"}


def test_a_draw_is_the_same_through_the_package_and_its_home():
    from anynas.designspace import load_space

    here = anynas.load_space("AnyNetC").sample(2, seed=np.int64(5))
    assert here == load_space("AnyNetC").sample(2, seed=5)
