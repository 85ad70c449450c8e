"""A process of the run: the gateway, or the app behind it."""

import os
import subprocess
from pathlib import Path

from rig import CORES, Process, placed


class Child(Process):
    """A child process that runs as nicely as we do, and does not get the Ctrl-C of our terminal."""

    def __init__(self, command, folder, name):
        self.log = Path(folder) / f"{name}.log"
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                start_new_session=True, preexec_fn=placed(CORES, os.getpriority(os.PRIO_PROCESS, 0)),
            )
