# SPDX-License-Identifier: GPL-2.0-only
"""Plans: the boots of `lab plan NAME`, and the table of what came of them.

A row of a plan is "LABEL run|pair OPTIONS -- TESTS"; a line that begins with a tab goes on. Tests times
hosts are written with two more kinds of row:

	NAME	host run OPTIONS		a host
	NAME	on PATTERN,... OPTIONS -- TESTS	a row HOST/NAME for each host above that matches

Options of the second come after the host's. A plain row may be called HOST/NAME as well.
"""
import fnmatch
import hashlib
import json
import os
import shlex

import image
from kernels import LabError


def read(path):
    """The rows of a plan, expanded: [label, mode, words...]."""
    with open(path) as f:
        return expand(f.read())


def expand(text):
    rows, hosts = [], {}
    for words in (shlex.split(line, comments=True) for line in text.replace("\n\t", " ").split("\n")):
        if not words:
            continue
        label, mode = words[0], words[1] if len(words) > 1 else ""
        if mode == "host":
            hosts[label] = words[2:]
        elif mode == "on" and len(words) > 2:
            names = [h for h in hosts if matches(h, words[2].split(","))]
            if not names:
                raise LabError("%s: no host matches %s" % (label, words[2]))
            rows += [["%s/%s" % (h, label)] + hosts[h] + words[3:] for h in names]
        else:
            rows.append(words)
    return rows


def matches(label, patterns):
    return any(fnmatch.fnmatchcase(label, p) for p in patterns)


def select(rows, wanted):
    """The rows that are wanted, and the patterns that match none."""
    return ([r for r in rows if not wanted or matches(r[0], wanted)],
            [p for p in wanted if not any(matches(r[0], [p]) for r in rows)])


def table(reports):
    """Lines that say for each label, report what passed, failed and was skipped: hosts down, tests across."""
    cells, hosts, tests = {}, [], []
    for label, report in reports:
        host, _, test = label.rpartition("/")
        hosts += [host] * (host not in hosts)
        tests += [test] * (bool(host) and test not in tests)
        cells[host, test] = ("%d" % (report.count - report.failed - report.skipped) +
                             (" f%d" % report.failed if report.failed else "") +
                             (" s%d" % report.skipped if report.skipped else ""))
    lines = []
    if tests:
        grid = [[""] + tests] + [[h] + [cells.get((h, t), ".") for t in tests] for h in hosts if h]
        wide = [max(len(row[n]) for row in grid) for n in range(len(grid[0]))]
        lines += ["  ".join(c.ljust(w) for c, w in zip(row, wide)).rstrip() for row in grid]
    lines += ["%s: %s" % (label, cells["", label]) for label, _ in reports if ("", label) in cells]
    return lines


class Kept:
    """Rows that went well once need not run again, as long as they and all that was built are the same."""

    def __init__(self, name):
        self.directory = os.path.join(image.BUILD, "lab", "plan." + name)
        built = hashlib.sha256()
        for top, dirs, files in os.walk(image.BUILD):
            dirs[:] = sorted(d for d in dirs if d not in ("lab", "cache", "asan", "user", "unit"))
            for path in (os.path.join(top, f) for f in sorted(files) if f == "ferry.ko" or "selftests" in top):
                built.update(("%s %d\n" % (path, os.stat(path).st_mtime_ns)).encode())
        tool = os.path.join(image.TOP, "userspace", "ferry")
        built.update(b"%d" % (os.stat(tool).st_mtime_ns if os.path.exists(tool) else 0))
        self.built = built.hexdigest()

    def _path(self, row):
        key = hashlib.sha256(json.dumps([row, self.built]).encode()).hexdigest()[:24]
        return os.path.join(self.directory, key)

    def load(self, row, report):
        """Fills the report with what is kept of the row, if anything."""
        try:
            with open(self._path(row)) as f:
                kept = json.load(f)
        except (OSError, ValueError):
            return False
        report.note("%s: kept from an earlier run" % row[0])
        for kind, args in kept:
            getattr(report, kind)(*args)
        return True

    def save(self, row, report):
        if report.failed:
            return
        os.makedirs(self.directory, exist_ok=True)
        with open(self._path(row) + ".new", "w") as f:
            json.dump([(method.__name__, args) for method, args in report.kept], f)
        os.rename(self._path(row) + ".new", self._path(row))
