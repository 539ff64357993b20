"""tapegrad: reverse-mode automatic differentiation on NumPy arrays, of which you can see everything."""

from . import func, ops  # noqa: F401
from .backward import backward, grad
from .creation import *  # noqa: F403
from .modes import *  # noqa: F403
from .tape import Tape
from .tensor import Tensor
