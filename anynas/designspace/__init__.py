"""Design spaces: parameters with their laws, constraints, exact sizes, draws, and the map from the unit cube."""

from anynas.designspace.bounds import Bounds
from anynas.designspace.loading import builtin_spaces, load_space
from anynas.designspace.parameters import Parameter
from anynas.designspace.space import DesignSpace

__all__ = ["Bounds", "DesignSpace", "Parameter", "builtin_spaces", "load_space"]
