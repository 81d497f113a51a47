# SPDX-License-Identifier: Apache-2.0
import signal

from fixtures import *  # noqa: F401,F403

# Whoever runs the tests may ignore these, as nohup and a shell's background do; what is tested must not inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
