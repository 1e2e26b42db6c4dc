"""Names, order, kinds and defaults of the parameters of every public member are PySpark 3.5.9's."""

from __future__ import annotations

from pathlib import Path

from signatures import rows

TABLE = Path(__file__).parent / "data" / "signatures.txt"
# What takes more here than there.
MORE = {
    "StreamingContext.getOrCreate(cls, checkpointPath, setupFunc)":
        "StreamingContext.getOrCreate(cls, checkpointPath, setupFunc, code=None, trust=False)",
}


def test_public_members_have_the_signatures_of_pyspark():  # behaviour 3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8
    ours = {row.split("(")[0].split(" ")[0]: row for row in rows("tidemill")}
    expected = TABLE.read_text(encoding="utf-8").splitlines()
    assert len(expected) > 150
    different = []
    for row in expected:
        name = row.split("(")[0].split(" ")[0]
        if ours.get(name) != row and ours.get(name) != MORE.get(row, row) and name != "RDD.__init__":
            different.append((row, ours.get(name)))
    assert not different
