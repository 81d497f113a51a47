# SPDX-License-Identifier: Apache-2.0
"""The contract tests live in the integration tests' world."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from fixtures import *  # noqa: E402,F401,F403
