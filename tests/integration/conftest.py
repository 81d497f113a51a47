# SPDX-License-Identifier: Apache-2.0
import signal

from fixtures import *  # noqa: F401,F403

# Whoever runs the tests may ignore hangups, as nohup does; what is tested must not inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
