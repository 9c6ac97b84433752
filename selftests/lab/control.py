# SPDX-License-Identifier: GPL-2.0-only
"""The lab's end of the hosts' second serial lines: barriers, notes, cables and plugs.

One request per line, answered at once; "wait" means ask again. selftests/lab/client.c is the other
end.
"""
import os
import socket
import threading


class Control:
    def __init__(self, hosts):
        self.hosts = hosts
        self.arrived = {}
        self.notes = {}
        self.gone = set()  # hosts that nobody waits for any more
        self.lock = threading.Lock()
        self.listeners = []
        for host in hosts:
            listener = socket.socket(socket.AF_UNIX)
            if os.path.exists(host.control_path):
                os.unlink(host.control_path)
            listener.bind(host.control_path)
            listener.listen(1)
            self.listeners.append(listener)
            threading.Thread(target=self._serve, args=(host, listener), daemon=True).start()

    def _serve(self, host, listener):
        try:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as line:
                for raw in line:
                    reply = self._answer(host, raw.decode(errors="replace").split())
                    line.write(reply.encode() + b"\n")
                    line.flush()
        except OSError:
            pass  # the host is gone

    def _answer(self, host, words):
        try:
            verb, args = words[0], words[1:]
            with self.lock:
                if verb == "barrier":
                    here = self.arrived.setdefault(args[0], set())
                    here.add(host.name)
                    return "ok" if len(here | self.gone) == len(self.hosts) else "wait"
                if verb == "put":
                    self.notes[args[0]] = " ".join(args[1:])
                    return "ok"
                if verb == "get":
                    note = self.notes.get(args[0])
                    return "wait" if note is None else "ok " + note
                if verb == "link":
                    host.link(args[0] == "up")
                    return "ok"
                if verb == "cut":
                    self.gone.add(host.name)
                    host.cut()
                    return "ok"
            return "unknown request"
        except Exception as e:  # whatever it is, the host must get an answer
            return "error: %s" % e

    def close(self):
        for listener in self.listeners:
            listener.close()
