"""The workspace's private memory, and the only place that knows its paths.

::

    <workspace>/.cityai/                      0700; the variable CITYAI_STATE may move it
        <project>/<stage>/<digest>/           one saved record; digests.py names it
            record.json, <field>.parquet, <field>.npy, MANIFEST.sha256
        arrived/<project>/                    rows that came from a database (data/source)
        locks/  logs/  mlflow.db  artifacts/

files: writing that leaves the old or the new, never half. tables: data frames as Parquet, exactly.
values: any frozen record as JSON and tables. records: a record in a folder. stages: which folder.
digests: what a record was made from. locks: one at a time. cards: the public folder.
"""
