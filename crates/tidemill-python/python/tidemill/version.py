"""The version of PySpark whose behaviour this package has; its own is told by `tidemill --version`."""

from __future__ import annotations

#: The version that `SparkContext.version` and `pyspark.__version__` tell programs, which compare it with PySpark's.
__version__: str = "3.5.9"
