"""Populations drawn in pairs: members of several spaces decoded from the same uniform numbers.

A space's axes say what each uniform number chooses (`DesignSpace.axes`), so a follower reads those of its leader's
numbers that choose the same thing. Tied against untied ratios then means: the same depths, widths and group widths, and
the first stage's ratio for all. Each follower alone is drawn by its own law; a pair counts if all of its members lie
within their bounds, so each population is its law conditioned on that.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from anynas.designspace.bounds import Bounds
from anynas.designspace.space import BLOCK, FRUITLESS, FRUITLESS_TREES, DesignSpace, Member
from anynas.errors import EmptyBandError, SpaceError, did_you_mean


def draws_in_pairs(spaces: Sequence[DesignSpace], bounds: Sequence[Bounds], *, seed: int) -> Iterator[list[Member]]:
    """Yield the endless sequence of pairs: one member of each space, all from the leader's uniform numbers.

    With a leader alone these are its `draws`.

    Args:
        spaces: The leader, then its followers.
        bounds: Of each.
        seed: At least 0; with the leader's law it fixes the numbers.

    Raises:
        SpaceError: A follower chooses something that its leader does not.
        EmptyBandError: Very many candidates in a row had a member outside its bounds.
    """
    columns = [shared_axes(spaces[0], space) for space in spaces]
    batch = min(space.batch for space in spaces)
    patience = FRUITLESS if batch == BLOCK else FRUITLESS_TREES
    candidates = accepted = fruitless = 0
    for block in spaces[0].random_points(seed):
        for begin in range(0, len(block), batch):
            part = block[begin : begin + batch]
            rows = np.arange(len(part))
            for space, axes, band in zip(spaces, columns, bounds, strict=True):
                rows = rows[space.inside(part[rows][:, axes], band)]
            candidates, accepted = candidates + len(part), accepted + len(rows)
            fruitless = 0 if len(rows) else fruitless + len(part)
            if fruitless >= patience:
                names = " and ".join(space.name for space in spaces)
                raise EmptyBandError(
                    f"{names}: all must lie within their bounds for some pairs; accepted {accepted} of "
                    f"{candidates:,} candidates; widen the bands"
                )
            chosen = (space.members(part[rows][:, axes]) for space, axes in zip(spaces, columns, strict=True))
            yield from map(list, zip(*chosen, strict=True))


def shared_axes(leader: DesignSpace, follower: DesignSpace) -> list[int]:
    """Return which of the leader's axes the follower reads, in the follower's order.

    Raises:
        SpaceError: It would need one that the leader has not.
    """
    missing = [axis for axis in follower.axes if axis not in leader.axes]
    if missing:
        raise SpaceError(
            f"{follower.name} must choose nothing that {leader.name} does not choose too; it also chooses "
            f"{missing[0]}{did_you_mean(missing[0], leader.axes)}; pair them the other way round"
        )
    return [leader.axes.index(axis) for axis in follower.axes]
