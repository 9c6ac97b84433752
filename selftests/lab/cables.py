# SPDX-License-Identifier: GPL-2.0-only
"""The cables of a Bochs host: its network card's and its second serial line's other ends.

	unshare --net cables.py MINE PEER CONTROL -- COMMAND...

Bochs speaks UDP and TCP, and binds to every address: so it runs in a network namespace that has
nothing but a loopback and goes with it. Frames cross to the other host's socket PEER and come in at
MINE, as datagrams, which is how QEMU exchanges them; the serial line goes to the lab's socket CONTROL.
While a file MINE.down exists the cable is out.

A card takes one frame in a millisecond, so the host has several of one address: what it says leaves
by the first, what it is told comes in by all in turn.
"""
import ctypes
import fcntl
import itertools
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys

PORTS = range(40000, 40008, 2)  # where each card receives; it sends to the next
SERIAL = 40010
PR_SET_PDEATHSIG = 1


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sH14x", b"lo", 1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS


def start(command):
    """Starts the emulator, which ends with us."""
    libc = ctypes.CDLL(None)
    return subprocess.Popen(command, close_fds=True, preexec_fn=lambda: libc.prctl(
        PR_SET_PDEATHSIG, signal.SIGKILL))


def main(mine, peer, control, command):
    loopback_up()
    cards = []
    for port in PORTS:
        cards.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        cards[-1].bind(("127.0.0.1", port + 1))
    turn = itertools.cycle(zip(cards, PORTS))
    cable = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    cable.bind(mine)
    cable.setblocking(False)
    listener = socket.create_server(("127.0.0.1", SERIAL))
    emulator = start(command)
    lines = {}
    ready = selectors.DefaultSelector()
    for s in cards + [cable, listener]:
        ready.register(s, selectors.EVENT_READ)
    while emulator.poll() is None:
        for key, _ in ready.select(1):
            s = key.fileobj
            try:
                if s in cards:
                    frame = s.recv(65536)
                    if not os.path.exists(mine + ".down"):
                        cable.sendto(frame, peer)
                elif s is cable:
                    frame = cable.recv(65536)
                    if not os.path.exists(mine + ".down"):
                        card, port = (cards[0], PORTS[0]) if frame[0] & 1 else next(turn)
                        card.sendto(frame, ("127.0.0.1", port))
                elif s is listener:
                    line = listener.accept()[0]
                    lab = socket.socket(socket.AF_UNIX)
                    lab.connect(control)
                    lines.update({line: lab, lab: line})
                    for end in (line, lab):
                        ready.register(end, selectors.EVENT_READ)
                elif said := s.recv(4096):
                    lines[s].sendall(said)
                else:
                    ready.unregister(s)
            except OSError:
                pass  # the other host is not there yet, or busy: frames get lost
    return emulator.returncode


if __name__ == "__main__":
    at = sys.argv.index("--")
    sys.exit(abs(main(*sys.argv[1:at], sys.argv[at + 1:])))
