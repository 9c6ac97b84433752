#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make demo` shows, run on both hosts: a boots a Debian guest that computes and prints, moves it
# to b over TCP, and b has it go on to its end. Both hosts check what they can see of it.
con=/tmp/console
steps=${DEMO_STEPS:-120}
. /tests/api/tap.sh
say() {
	echo "# $*"
}
# Waits until the guest has said something: PATTERN, SECONDS.
said() {
	i=$(($2 * 5))
	while [ $i -gt 0 ]; do
		grep -q "$1" $con 2>/dev/null && return 0
		sleep 0.2
		i=$((i - 1))
	done
	say "the guest never said '$1'; its last words:"
	tail -n 20 $con | tr -d '\r' | sed 's/^/#   /'
	return 1
}
# The number of the last step that the guest has printed in full.
last_step() {
	sed -n 's/^compute: step \([0-9]*\), .* s\r*$/\1/p' $con | tail -n 1
}
show_console() {
	tail -n +1 -f $con | awk '/^compute|^guest/ { sub(/\r/, ""); print "#    guest: " $0; fflush() }' &
}

: >$con
say "$(uname -r), a CPU by $(sed -n 's/^vendor_id.*: //p' /proc/cpuinfo | head -n 1)"

if [ "$LAB_HOST" = a ]; then
	say "ferry run --name demo --kernel vmlinuz --initrd initrd --memory 128M"
	ferry run --name demo --kernel "/guest/6.1/bzImage" --initrd /guest/initrd --memory 128M \
		--append "console=ttyS0 quiet cryptomgr.notests guest.run=compute,$steps,4" \
		--console file:$con >/tmp/run.log 2>&1 &
	run=$!
	show_console
	ok "the guest boots and computes" said 'compute: step 10,' 200
	[ $failed = 0 ] || {
		sed 's/^/# tool: /' /tmp/run.log
		lab put started failed
		end
	}
	lab put started yes
	ok "the other host waits" lab barrier waiting
	say "ferry migrate demo $LAB_PEER --plain --verify"
	ferry migrate demo "$LAB_PEER" --plain --verify >/tmp/migrate.log 2>&1
	status=$?
	tr '\r' '\n' </tmp/migrate.log | grep . | tail -n 8 | sed 's/^/#    /'
	ok "it moves" test $status = 0
	lab put moved "$status $(last_step)"
	wait $run
	say "ferry run on this host has ended with $?"
	ok "it does not run here any more" sh -c '! ferry list | grep -qw demo'
	lab barrier over
	end
fi

[ "$(LAB_WAIT=240 lab get started)" = yes ] || end
say "ferry receive $(hostname -i 2>/dev/null || echo 10.0.0.2) --plain --once"
ferry receive 10.0.0.2 --plain --once --console file:$con >/tmp/receive.log 2>&1 &
receive=$!
sleep 1
show_console
lab barrier waiting
moved=$(LAB_WAIT=120 lab get moved)
ok "the other host has let go" test "${moved% *}" = 0
ok "the guest computes on" said 'compute: step' 30
first=$(sed -n 's/^compute: step \([0-9]*\), .*/\1/p' $con | head -n 1)
ok "where it was: the last step there was ${moved#* }, the first here ${first:-none}" \
	test "${first:-999999}" -le $((${moved#* } + 2))
ok "to its end, and nothing was lost" said "compute: done, $steps steps, nothing lost" 60
wait $receive
status=$?
ok "and powers off" test $status = 0
[ $failed = 0 ] || sed 's/^/# tool: /' /tmp/receive.log
lab barrier over
end
