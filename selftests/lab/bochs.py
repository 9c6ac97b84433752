# SPDX-License-Identifier: GPL-2.0-only
"""Hosts under Bochs: the one that emulates VMX, and a second opinion on SVM.

About 75 million instructions a second. Time is counted in emulated instructions, so runs are
repeatable as they are; with --icount its random numbers are pinned as well.
"""
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import cables
import image
from host import CYLINDER, EMULATORS, Host
from kernels import LabError

IPS = 50000000
# What a model needs on the kernel command line. With AVX-512 off, its save areas agree again. Without
# noxsaves, XRSTORS now and then refuses what XSAVES has saved ("Reserved header3 state is not '0'"), on
# hosts that have never seen ferry.ko too, and the kernel warns of a bad FPU state. Without XSAVES the kernel
# takes XSAVEC, with the same end.
# Not here: corei7_icelake_u, tigerlake and phenom_8650_toliman do not boot Debian's 6.1 under Bochs 2.7.
MODELS = {
    "corei7_skylake_x": "clearcpuid=avx512f,xsavec noxsaves tsc_early_khz=%d" % (IPS // 1000),
    "corei7_haswell_4770": "", "corei7_ivy_bridge_3770k": "", "corei5_arrandale_m520": "",
    "corei5_lynnfield_750": "", "core2_penryn_t9600": "",
    "corei7_sandy_bridge_2600k": "", "broadwell_ult": "",
    "corei3_cnl": "clearcpuid=avx512f,xsavec,pku noxsaves tsc_early_khz=%d" % (IPS // 1000),
    "zambezi": "", "turion64_tyler": "",
    "ryzen": "clearcpuid=mwaitx,xsavec noxsaves", "trinity_apu": "",
}
CMDLINE = "initcall_blacklist=trace_eval_init,init_kprobe_trace,slab_sysfs_init"

BOCHSRC = """\
plugin_ctrl: unmapped=1, biosdev=1, extfpuirq=1, serial=1, speaker=0, parallel=0, gameport=0, iodebug=0
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.stdvga.bin
cpu: model={cpu}, count={smp}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={mem}, host={mem}
pci: enabled=1, chipset=i440fx{slots}
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
clock: sync={sync}, time0={time}
com1: enabled=1, mode=file, dev={log}
{more}log: {dir}/{name}.bochs
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""

DISK = """\
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata1-master: type=disk, mode=flat, path={disk}, cylinders={cylinders}, heads=16, spt=63
"""

# Two hosts share real time: else timers run off while the other host thinks.
NETWORK = """\
com2: enabled=1, mode=socket-client, dev=127.0.0.1:{serial}
"""
CARD = "e1000: card={card}, enabled=1, mac=52:54:00:00:00:0{number}, ethmod=socket, ethdev={port}\n"

ISOLINUX = """\
DEFAULT lab
PROMPT 0
TIMEOUT 1
LABEL lab
 KERNEL /bzImage
 INITRD /initrd
 APPEND {append}
"""


class Bochs(Host):
    emulator = "bochs"
    network = ()
    disk = "/dev/sda", "ata_piix", "sd_mod"

    def __init__(self, kernel, options, directory, name="a", pair=None):
        if options.cpu == "max":
            options.cpu = "ryzen"
        if options.cpu not in MODELS:
            raise LabError("Bochs has no CPU %s here; it has %s" % (options.cpu, ", ".join(MODELS)))
        for option, what in ((options.shell, "a shell"), (options.la57, "five levels")):
            if option:
                raise LabError("the lab does not offer %s under Bochs" % what)
        super().__init__(kernel, options, directory, name, pair)
        self.iso = os.path.join(directory, name + ".iso")
        self.bochsrc = os.path.join(directory, name + ".bochsrc")

    def cmdline(self):
        # The kernel takes every initcall_blacklist= that it is given.
        return "%s nokaslr %s %s" % (super().cmdline(), CMDLINE, MODELS[self.options.cpu])

    def build(self, jobs):
        super().build(jobs)
        for tool in ("bochs-bin", "xorriso"):
            if shutil.which(tool) is None:
                raise LabError("%s is missing; run .ci/setup" % tool)
        with tempfile.TemporaryDirectory(dir=self.dir) as tree:
            os.mkdir(tree + "/isolinux")
            shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", tree + "/isolinux/")
            shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", tree + "/isolinux/")
            with open(tree + "/isolinux/isolinux.cfg", "w") as f:
                f.write(ISOLINUX.format(append=self.cmdline()))
            os.link(self.initrd, tree + "/initrd")
            shutil.copy(self.kernel.bzimage, tree + "/bzImage")
            subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", self.iso,
                            "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
                            "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree],
                           check=True, stderr=subprocess.DEVNULL)
        network = NETWORK.format(serial=cables.SERIAL) + "".join(
            CARD.format(card=n, number=1 if self.name == "a" else 2, port=port)
            for n, port in enumerate(cables.PORTS))
        disk = self.options.disk
        disk = DISK.format(disk=os.path.abspath(disk),
                           cylinders=os.path.getsize(disk) // CYLINDER) if disk else ""
        slots = "".join(", slot%d=e1000" % (n + 1) for n in range(len(cables.PORTS)))
        with open(self.bochsrc, "w") as f:
            f.write(BOCHSRC.format(cpu=self.options.cpu, smp=self.options.smp, ips=IPS,
                                   mem=self.options.mem, iso=self.iso, log=self.log, dir=self.dir,
                                   name=self.name, slots=slots if self.pair else "",
                                   sync="slowdown" if self.pair else "none",
                                   time="utc" if self.pair else 946684800,
                                   more=(network if self.pair else "") + disk))
        with open(os.path.join(self.dir, "go"), "w") as f:
            f.write("c\n")

    def drivers(self):
        return [self.kernel.e1000()] if self.pair else []

    def command(self):
        bochs = ["bochs-bin", "-q", "-f", self.bochsrc, "-rc", os.path.join(self.dir, "go")]
        if not self.pair:
            return bochs
        mine, peer = (os.path.join(self.pair, n + ".net") for n in (self.name, self.peer()))
        return ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"]) + [
            sys.executable, cables.__file__, mine, peer, self.control_path, "--"] + bochs

    def link(self, up):
        down = os.path.join(self.pair, self.name + ".net.down")
        if not up:
            open(down, "w").close()
        elif os.path.exists(down):
            os.unlink(down)

    def cut(self):
        self.kill()

    def start(self):
        """Bochs has its debugger built in and wants a terminal."""
        with open(os.path.join(self.dir, self.name + ".command"), "w") as f:
            f.write(" ".join(self.command()) + "\n")
        open(os.path.join(self.dir, self.name + ".stderr"), "w").close()
        master, slave = pty.openpty()
        env = dict(os.environ, TERM="vt100", BOCHSRC="/dev/null")
        if self.options.icount:
            env["LD_PRELOAD"] = os.path.join(image.BUILD, "selftests/lab/steady.so")
        self.launch(self.command(), stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        threading.Thread(target=self._drain, args=(master,), daemon=True).start()

    @staticmethod
    def _drain(master):
        try:
            while os.read(master, 65536):
                pass
        except OSError:
            pass  # Bochs is gone
        os.close(master)

    def errors(self):
        """What Bochs itself complained of; a failed VM entry has its reason here."""
        try:
            with open("%s/%s.bochs" % (self.dir, self.name), errors="replace") as f:
                lines = [line for line in f if re.match(r"\d+[ep]", line)]
        except OSError:
            return ""
        return "".join(line for line in lines if "VMENTER FAIL" in line or "VMRUN" in line or
                       re.match(r"\d+p", line) and "power" not in line)


EMULATORS["bochs"] = Bochs
