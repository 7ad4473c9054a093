"""All that a worker runs: train one network, evaluate it, and say what it cost."""

from pathlib import Path

from anynas.architecture import Architecture
from anynas.data import DataSet, load_data
from anynas.errors import SettingsError
from anynas.training.worker import Worker, Workplace
from anynas.trials import Fidelity, Recipe, Trial, TrialResult


def train(
    architecture: Architecture,
    *,
    data: str | Path | DataSet,
    recipe: Recipe | None = None,
    fidelity: Fidelity | None = None,
    seed: int = 0,
    device: str | None = None,
) -> TrialResult:
    """Train one network in this process; on a CPU the same call gives the same bits.

    Args:
        architecture: Which network.
        data: A data set, its name, such as "fashion-mnist-mini", or the path of a folder of pictures.
        recipe: How; None takes Recipe().
        fidelity: How much; None takes Fidelity(). Its resolution "regime" means the data set's own here, of a user's
            pictures one that suits them.
        seed: Fixes everything that the trial draws; at least 0.
        device: "cpu" or "cuda"; None takes CUDA where there is one.

    Returns:
        Validation and test error in percent, curve, seconds and peak memory. A network that diverged has the error of
        chance and the reason "diverged"; one that cannot be trained has the state "failed" and the reason why.

    Raises:
        DataError: The data set is unknown, missing or damaged.
        DeviceError: CUDA was asked for and there is none.
        SettingsError: The seed is negative.
    """
    if seed < 0:
        raise SettingsError(f"seed must be at least 0; got {seed}")
    fidelity = fidelity or Fidelity()
    side = None if fidelity.resolution == "regime" else fidelity.resolution
    loaded = data if isinstance(data, DataSet) else load_data(data, side=side)
    workplace = Workplace(
        data=loaded.place,
        input_shape=loaded.image_shape,
        num_classes=loaded.num_classes,
        device=device or "auto",
    )
    trial = Trial(
        number=0,
        architecture=architecture,
        recipe=recipe or Recipe(),
        fidelity=fidelity,
        seed=seed,
        test=True,
    )
    result = Worker(workplace, loaded).run(trial)
    assert isinstance(result, TrialResult)  # nothing told it to pause
    return result
