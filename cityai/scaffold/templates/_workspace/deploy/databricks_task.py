"""The task of databricks.yml: `deploy/run` in the bundle's folder, by this Python."""

import os
import subprocess
import sys
from pathlib import Path

folder, *projects = sys.argv[1:]
path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
mlflow = os.environ.get("MLFLOW_TRACKING_URI") or "databricks"
done = subprocess.run(
    ["sh", "deploy/run", *projects],
    cwd=folder,
    env={**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": mlflow},
    check=False,
)
if done.returncode:  # a task that exits is taken for a failed one, whatever the code
    sys.exit(done.returncode)
