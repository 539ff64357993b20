"""Plain functions on ndarrays that do the heavy arithmetic: convolution, pooling and normalisation.
They receive validated, canonical parameters, never change their arguments, and know nothing of tapes.
"""

from .conv import conv as conv
from .conv import conv_filter as conv_filter
from .conv import conv_image as conv_image
from .norm import moments as moments
from .norm import normalize as normalize
from .norm import normalize_backward as normalize_backward
from .pool import avg_divisor as avg_divisor
from .pool import avg_pool as avg_pool
from .pool import avg_pool_spread as avg_pool_spread
from .pool import max_pool as max_pool
from .pool import max_pool_index as max_pool_index
from .pool import max_pool_pick as max_pool_pick
from .pool import max_pool_spread as max_pool_spread
from .windows import out_size as out_size
