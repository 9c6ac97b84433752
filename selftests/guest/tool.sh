#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tool with the module under it and a Debian guest: every command on a running VM, how runs
# end, what is left behind. Run with --guest SERIES.
n=0
check() { # check STATUS WANTED TEXT
	n=$((n + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3"
		echo "# status $1, wanted $2"
		[ ! -s /tmp/err ] || sed 's/^/# /' /tmp/err
	fi
}
says() { # says WORDS TEXT: stderr of the last command
	grep -q -- "$1" /tmp/err
	check $? 0 "$2"
}
dir=$(echo /guest/[56].*)
kernel=$dir/bzImage
append="console=ttyS0 panic=-1 quiet cryptomgr.notests random.trust_cpu=on"
append="$append initcall_blacklist=load_system_certificate_list,blacklist_init"

start() { # start NAME WORDS [OPTIONS]: in the background, until init says so
	name=$1 words=$2
	shift 2
	rm -f /tmp/$name.log
	ferry run --name $name --kernel $kernel --initrd /guest/initrd --memory 160M \
		--append "$append $words" --console file:/tmp/$name.log "$@" </dev/null \
		2>/tmp/$name.err &
	pid=$!
	for i in $(seq 300); do
		grep -q "guest: up" /tmp/$name.log 2>/dev/null && return 0
		kill -0 $pid 2>/dev/null || return 1
		sleep 0.2
	done
	return 1
}
finish() { # finish: status of the last started run
	wait $pid
	status=$?
	cp /tmp/$name.err /tmp/err
}
run() { ferry "$@" >/tmp/out 2>/tmp/err </dev/null; status=$?; }

# --- without a VM
run info; check $status 0 "info: this host can run VMs"
run info --json; grep -q '"usable":true' /tmp/out; check $? 0 "info --json says so too"
run list; check $status 0 "list without VMs"
check "$(cat /tmp/out)" "" "... prints nothing"
run list --json; check "$(cat /tmp/out)" "[]" "list --json without VMs"
run stat nobody; check $status 6 "stat of a VM that is not there"
run pause ../x; check $status 6 "pause of a name that cannot be"
run frobnicate; check $status 64 "an unknown command"
run run; check $status 64 "run without a kernel"
run run --kernel /nowhere; check $status 16 "run with a kernel that is not there"
run run --kernel /bin/busybox; check $status 16 "run with something that is no kernel"
says "neither a Linux bzImage" "... says what it takes"
run run --kernel $kernel --memory 24M; check $status 18 "run with too little memory"
says "init_size" "... shows the arithmetic"
run run --kernel $kernel --vcpus 65; check $status 64 "run with too many vCPUs"
run run --kernel $kernel --policy /bin/busybox; check $status 16 "run with a policy that is none"
check "$(ls /run/ferry 2>/dev/null)" "" "refused runs leave nothing behind"

# --- a VM that idles
start idle "guest.end=sleep"; check $? 0 "a guest comes up"
run list; grep -q "^idle *running" /tmp/out; check $? 0 "list shows it"
run run --name idle --kernel $kernel; check $status 8 "its name is taken"
run stat idle; grep -q "cpuid" /tmp/out; check $? 0 "stat shows exits by name"
grep -A3 "emulated_instructions" /tmp/out | grep -q "[A-Z]"; check $? 0 "and emulated instructions by theirs"
run stat --json idle; grep -q '"unknown_msr_reads":' /tmp/out; check $? 0 "stat --json is complete"
memory=$(sed 's/.*"tool_memory":\([0-9]*\).*/\1/' /tmp/out)
[ "$memory" -gt 0 ] && [ "$memory" -lt 5242880 ]
check $? 0 "the VM's process needs less than 5 MiB of its own ($memory bytes)"
run pause idle; check $status 0 "pause"
run list; grep -q "^idle *paused" /tmp/out; check $? 0 "list shows that"
e1=$(ferry stat --json idle | sed 's/.*"entries":\([0-9]*\).*/\1/')
g1=$(ferry list --json | sed 's/.*"guest_ms":\([0-9]*\).*/\1/')
sleep 1
e2=$(ferry stat --json idle | sed 's/.*"entries":\([0-9]*\).*/\1/')
g2=$(ferry list --json | sed 's/.*"guest_ms":\([0-9]*\).*/\1/')
check "$e1" "$e2" "a paused guest is not entered"
check "$g1" "$g2" "its clock stands still"
run pause idle; check $status 0 "pause twice is no error"
run continue idle; check $status 0 "continue"
sleep 1
e3=$(ferry stat --json idle | sed 's/.*"entries":\([0-9]*\).*/\1/')
[ "$e3" -gt "$e2" ]; check $? 0 "then it runs on"
run nmi idle; check $status 0 "nmi"
run stop idle --timeout 2; check $status 30 "stop: this guest ignores the power button"
says "stop --force" "... and the message says what to do"
run migrate idle 127.0.0.1:1; check $status 64 "migrate without --plain"
run migrate --cancel idle; check $status 34 "cancel without a move"
run stop --force idle; check $status 0 "stop --force"
finish; check $status 0 "its run ends with 0"
check "$(ls /run/ferry)" "" "and leaves nothing behind"

# --- ways to end
start killed "guest.end=sleep"
kill -9 $pid; wait $pid
sleep 1
check "$(ls /run/ferry)" "" "a killed process leaves nothing behind"
start term "guest.end=sleep"
kill -TERM $pid; finish; check $status 143 "SIGTERM ends a run with 128 + 15"
check "$(ls /run/ferry)" "" "and leaves nothing behind"
start boots "guest.end=reboot"
for i in $(seq 200); do
	[ "$(grep -c 'guest: up' /tmp/boots.log)" -ge 2 ] && break
	sleep 0.2
done
check "$(grep -c 'guest: up' /tmp/boots.log)" 2 "a guest that reboots comes up again"
run stop --force boots; finish; check $status 0 "... in the same process"
start once "guest.end=reboot" --no-reboot; finish
check $status 0 "--no-reboot makes a reboot the end"
start json "guest.end=poweroff" --json; finish
check $status 0 "run --json"
grep -q '"end":"poweroff"' /tmp/err; check $? 0 "... says how it ended"

# --- definitions
run run --write-definition /tmp/vm.json --name defined --kernel $kernel --initrd /guest/initrd \
	--memory 160M --append "$append" --console file:/tmp/defined.log
check $status 0 "a definition is written"
run run /tmp/vm.json; check $status 0 "and run"
grep -q "guest: up" /tmp/defined.log; check $? 0 "... with all that was in it"
sed 's/"memory":[0-9]*/"memory":"24M"/' /tmp/vm.json >/tmp/small.json
run run /tmp/small.json; check $status 18 "a changed definition is obeyed"
sed 's/"memory"/"memroy"/' /tmp/vm.json >/tmp/typo.json
run run /tmp/typo.json; check $status 16 "an unknown member is refused"
says memroy "... by name"
echo '{' >/tmp/broken.json
run run /tmp/broken.json; check $status 16 "a broken file is refused"

echo "1..$n"
