"""Design spaces: parameters, conditions, forbidden combinations, and every encoding of their designs."""

from cosearch.space.categorical import Categorical, Ordinal
from cosearch.space.design_rows import Design, DesignsLike
from cosearch.space.design_space import Designs, DesignSpace
from cosearch.space.design_table import DesignTable
from cosearch.space.forbidden import Forbidden
from cosearch.space.integers import Integer
from cosearch.space.parameters import Parameter
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real

__all__ = [
    "Categorical",
    "Design",
    "DesignSpace",
    "DesignTable",
    "Designs",
    "DesignsLike",
    "Forbidden",
    "Integer",
    "Ordinal",
    "Parameter",
    "Permutation",
    "Real",
]
