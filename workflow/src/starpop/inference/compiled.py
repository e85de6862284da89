"""How functions are compiled that make no arrays and are called millions of times.

Numba counts the references to every array that a function is given, in a tuple or not, at some 10 ns for each; but not
where it is told that nothing is allocated. Such functions may take slices, and set numbers, but no slices.
"""

from typing import Any

NO_ARRAYS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
