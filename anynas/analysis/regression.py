"""Two populations with the effect of log complexity taken out by a line, one slope for both.

error = own level + slope · log(complexity). The slope is fitted by least squares to the networks whose residuals lie in
the middle 80 % of their population (refitted until they settle), so that the few that diverged do not turn the line;
for the plain mean all count. The errors, moved along the line to the middle of the common range, are then compared.
The slope is itself uncertain: the interval comes from refitting it in resampled populations. Intervals of P(better),
KS and quantiles, which are secondary, take it as known.
"""

import dataclasses

import numpy as np

from anynas.analysis.confidence import Confidence, Resampled, Student
from anynas.analysis.contrasts import Apart, Whole
from anynas.analysis.estimands import TRIM, Statistic
from anynas.analysis.resampling import CELLS, RESAMPLES, affordable
from anynas.analysis.samples import Floats, Sample, make_sample

ROUNDS = 4  # of refitting

Populations = tuple[Floats, Floats]  # baseline and candidate, shapes (..., n) and (..., m)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Regressed:
    """Two populations with their complexities."""

    errors: Populations  # percent, shapes (n,) and (m,)
    logs: Populations  # of complexity

    @property
    def sizes(self) -> tuple[int, int]:
        """Networks of the baseline and of the candidate."""
        return self.errors[0].size, self.errors[1].size

    @property
    def populations(self) -> tuple[Sample, Sample]:
        """Both with their errors as they are, not moved along the line."""
        return make_sample(self.errors[0], name="baseline"), make_sample(self.errors[1], name="candidate")

    def confidence(self, statistic: Statistic, rng: np.random.Generator) -> Confidence:
        """Return the confidence distribution of the difference at equal complexity."""
        plain = self._adjusted(statistic).confidence(statistic, rng)
        draws = np.sort(np.concatenate(list(self._draws(statistic, rng))))
        if statistic == "median":
            return Resampled(plain.estimate, draws)
        assert isinstance(plain, Student)
        return dataclasses.replace(plain, standard_error=float(np.std(draws, ddof=1)))

    def whole(self, alpha: float, rng: np.random.Generator) -> Whole:
        """Return what the whole of both EDFs of adjusted errors says."""
        return self._adjusted("trimmed_mean").whole(alpha, rng)

    def _adjusted(self, statistic: Statistic) -> Apart:
        moved = _moved(self.errors, self.logs, statistic)
        return Apart(make_sample(moved[0], name="baseline"), make_sample(moved[1], name="candidate"))

    def _draws(self, statistic: Statistic, rng: np.random.Generator) -> "list[Floats]":
        resamples, block = affordable(RESAMPLES, sum(self.sizes)), max(1, CELLS // sum(self.sizes))
        draws = []
        for start in range(0, resamples, block):
            rows = min(block, resamples - start)
            chosen = [rng.integers(size, size=(rows, size)) for size in self.sizes]
            errors, logs = ((pair[0][chosen[0]], pair[1][chosen[1]]) for pair in (self.errors, self.logs))
            ends = [_locations(moved, statistic) for moved in _moved(errors, logs, statistic)]
            draws.append(ends[1] - ends[0])
        return draws


def _moved(errors: Populations, logs: Populations, statistic: Statistic) -> Populations:
    """Return errors moved along the line to one complexity, shapes as they came."""
    slope = _slope(errors, logs, trim=0.0 if statistic == "mean" else TRIM)[..., None]
    middle = (max(x.min() for x in logs) + min(x.max() for x in logs)) / 2
    first, second = (y - slope * (x - middle) for y, x in zip(errors, logs, strict=True))
    return first, second


def _slope(errors: Populations, logs: Populations, trim: float) -> Floats:
    """Return the slope that both populations share, shape (...)."""
    kept = [np.ones(y.shape) for y in errors]
    for _ in range(ROUNDS if trim else 1):
        products = squares = np.zeros(errors[0].shape[:-1])
        for y, x, k in zip(errors, logs, kept, strict=True):
            number = k.sum(axis=-1, keepdims=True)
            off = (x - (k * x).sum(axis=-1, keepdims=True) / number) * k
            products = products + (off * y).sum(axis=-1)
            squares = squares + (off * x).sum(axis=-1)
        slope = np.divide(products, squares, out=np.zeros_like(products), where=squares > 0)
        for j, (y, x) in enumerate(zip(errors, logs, strict=True)):
            residuals = y - slope[..., None] * x
            low, high = np.quantile(residuals, [trim, 1 - trim], axis=-1, keepdims=True)
            kept[j] = ((low <= residuals) & (residuals <= high)).astype(np.float64)
    return np.asarray(slope)


def _locations(errors: Floats, statistic: Statistic) -> Floats:
    """Return the statistic of each row; shape (r, n) to (r,)."""
    if statistic == "mean":
        return np.asarray(errors.mean(axis=-1))
    if statistic == "median":
        return np.asarray(np.median(errors, axis=-1))
    out = int(TRIM * errors.shape[-1])
    return np.asarray(np.sort(errors, axis=-1)[..., out : errors.shape[-1] - out].mean(axis=-1))
