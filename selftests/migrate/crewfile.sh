#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A Debian guest with processes of every kind is carried in a file from one kind of CPU to others:
#
#	crewfile.sh save POLICY		run it under this policy, have it work, suspend it; leaves /tmp/carried
#	crewfile.sh load FILE		resume what another host has left so, have it work on
#
# For hosts with --guest SERIES. "slow-cross all" does both, for every pair.
ways="int80 vdso sysenter syscall"
. /tests/api/tap.sh
. /tests/migrate/crewed.sh
: >$con
say "$(uname -r), a CPU by $(sed -n 's/^vendor_id.*: //p' /proc/cpuinfo | head -n 1)"
if [ "$1" = save ]; then
	ferry run --name crew --policy "$2" --kernel "$kernel/vmlinux" --initrd /guest/initrd --memory 96M \
		--console file:$con --append "$crew_append" >/tmp/run.log 2>&1 </dev/null &
	run=$!
	ok "the guest boots and computes" beyond 5 400
	ok "all its processes work" all_work "$ways" 60
	ok "it is suspended" ferry suspend crew /tmp/crew.state --verify
	wait $run
	cp $con /tmp/before
	tar -C /tmp -cf - before crew.state >/tmp/carried
	ls -l /tmp/carried | sed 's/^/# /'
else
	tar -C /tmp -xf "$2"
	ferry resume /tmp/crew.state --allow-warnings --console file:$con >/tmp/resume.log 2>&1 </dev/null &
	run=$!
	ok "the guest computes on" beyond "$(steps /tmp/before | tail -n 1)" 60
	ok "all its processes work" all_work "$ways" 60
	ok_foreign crew "$ways" "the host carries out"
	ferry stop --force crew
	wait $run
	cat /tmp/before $con >/tmp/all
	ok_stacks $con
	ok_console /tmp/all $con "$ways"
	rm -f /tmp/all /tmp/before /tmp/crew.state
fi
[ $failed = 0 ] || last_words
end
