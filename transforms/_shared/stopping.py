"""How a running stream is asked to end: one event for the whole process."""

import threading

STOP = threading.Event()  # set: begin nothing new; what is under way is finished and written
