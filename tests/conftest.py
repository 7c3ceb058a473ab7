"""A shell that starts tests in the background has them ignore Ctrl-C, and so would all processes
that they start; tests of interruptions send it.
"""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
