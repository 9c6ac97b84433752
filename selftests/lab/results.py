# SPDX-License-Identifier: GPL-2.0-only
"""From what a host wrote on its serial line to TAP.

Every test becomes one line "ok N - LABEL: JOB: what it said"; the lab adds its own: that a host came
to its end, that the module loaded and unloaded, that the kernel complained of nothing, and, when it
is not so, that a job kept its plan and ended well.
"""
import re
import signal

RESULT = re.compile(r"^\s*(not )?ok\b(?:\s+\d+)?(?:\s*-?\s*(.*))?$")
PLAN = re.compile(r"^\s*1\.\.(\d+)(.*)$")


class Report:
    """Numbers tests and writes them to out; without out, keeps them for replay()."""

    def __init__(self, out=None):
        self.out = out
        self.count = self.failed = self.skipped = 0
        self.kept = []

    def test(self, good, what):
        self.count += 1
        self.failed += not good
        self.skipped += good and "# SKIP" in what
        if self.out:
            print("%sok %d - %s" % ("" if good else "not ", self.count, what), file=self.out,
                  flush=True)
        else:
            self.kept.append((self.test, (good, what)))

    def note(self, text):
        if self.out:
            print("# " + text, file=self.out, flush=True)
        else:
            self.kept.append((self.note, (text,)))

    def replay(self, other):
        """Takes over what another report has kept."""
        for method, args in other.kept:
            getattr(self, method.__name__)(*args)

    def plan(self):
        print("1..%d" % self.count, file=self.out, flush=True)


class _Job:
    def __init__(self, name):
        self.name = name
        self.seen = self.failed = 0
        self.plan = None
        self.skipped = False


def judge(report, label, jobs, text, cut=False):
    """Reports on one host's log. jobs: their names, in order. cut: the plug was pulled on purpose."""
    job = None
    finished = done = panicked = False
    ended = 0

    def say(good, what):
        report.test(good, "%s: %s" % (label, what))

    for line in text.split("\n"):
        # A guest's or a kernel's unfinished line may stand before a mark.
        if (at := line.find("@@ ")) >= 0:
            words = line[at:].split()
            if words[1] == "begin" and len(words) > 2:
                job = _Job(jobs[int(words[2]) - 1])
            elif words[1] == "end" and job and len(words) > 3:
                _end(say, job, int(words[3]))
                ended += 1
                job = None
            elif words[1] in ("good", "bad"):
                say(words[1] == "good", " ".join(words[2:]))
            elif words[1] == "booted":
                report.note("%s: booted %s" % (label, " ".join(words[2:])))
            elif words[1] == "done":
                done = True
        elif job and (m := PLAN.match(line)):
            job.plan = int(m[1])
            job.skipped = "skip" in m[2].lower() and not job.plan
            if job.skipped:
                say(True, "%s # SKIP%s" % (job.name, m[2].lower().partition("skip")[2]))
        elif job and (m := RESULT.match(line)):
            job.seen += 1
            job.failed += bool(m[1])
            say(not m[1], "%s: %s" % (job.name, m[2] or "test %d" % job.seen))
        elif line.strip() and "reboot: Power down" not in line:
            panicked |= "Kernel panic" in line
            report.note("%s" % line.lstrip("# "))
    if cut:
        say(not done, "its plug was pulled")
        return
    if job:
        say(False, "%s: the host ended in the middle of it" % job.name)
    finished = done and ended == len(jobs) and not panicked
    say(finished, "the host came to its end" if finished else
        "the host came to its end (%d of %d jobs%s)" % (ended, len(jobs),
                                                         ", panic" if panicked else ""))


def _end(say, job, status):
    if status == 4 and not job.seen and job.plan is None:  # kselftest's exit code for "skip"
        say(True, "%s # SKIP" % job.name)
    elif job.plan is None:
        say(False, "%s: no plan line, exit status %d" % (job.name, status))
    elif job.plan == 0 and not job.skipped:
        say(False, "%s: no tests" % job.name)
    elif job.plan != job.seen:
        say(False, "%s: planned %d tests, ran %d" % (job.name, job.plan, job.seen))
    elif status > 128:
        try:
            name = signal.Signals(status - 128).name
        except ValueError:
            name = "signal %d" % (status - 128)
        say(False, "%s: ended by %s (over its time?)" % (job.name, name))
    elif status and not job.failed:
        say(False, "%s: exit status %d" % (job.name, status))
