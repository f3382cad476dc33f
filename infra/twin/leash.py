"""Runs a command for as long as someone holds the other end of our stdin: `python leash.py COMMAND...`.

The holder is the process that wants the command. However that process ends, by SIGKILL or a power cut to its session
included, the system closes its end of the pipe, and the command is killed. Nothing needs to be tidied up by anyone.
Where the leash itself is killed, Linux kills the command with it; elsewhere whoever started the leash kills its group.
Runs without the project on its path.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(command: list[str]) -> int:
    # What the child writes goes nowhere: a pipe that nobody reads would stop it once it is full.
    child = subprocess.Popen(  # noqa: S603 - whoever starts us names the command
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    signal.signal(signal.SIGTERM, lambda *_: child.kill())

    def hold() -> None:
        while os.read(0, 1024):
            pass
        child.kill()

    threading.Thread(target=hold, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    # Without the interpreter's own end, which would wait for the thread in os.read.
    os._exit(main(sys.argv[1:]) & 0xFF)
