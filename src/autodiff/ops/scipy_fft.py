"""The transforms of ``scipy.fft``, entered once that module is in use."""

from __future__ import annotations

import numpy as np
import scipy.fft

from autodiff.ops.complex_functions import TABLE
from autodiff.ops.function_table import functions
from autodiff.ops.numpy_functions.fourier import TRANSFORMS, of_scipy

for _name, _transform in TRANSFORMS.items():
    functions[getattr(scipy.fft, _name)] = TABLE[getattr(scipy.fft, _name)] = of_scipy(_transform)
for _name in ("fftshift", "ifftshift"):
    TABLE[getattr(scipy.fft, _name)] = TABLE[getattr(np.fft, _name)]
