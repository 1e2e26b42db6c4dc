"""The version of the package, and the version of PySpark whose behaviour it has."""

from __future__ import annotations

#: Version of Tidemill.
TIDEMILL_VERSION: str = "0.1.0"

#: The version that `SparkContext.version` and `pyspark.__version__` tell programs, which compare it with PySpark's.
__version__: str = "3.5.9"
