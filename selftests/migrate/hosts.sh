# SPDX-License-Identifier: GPL-2.0-only
#
# For the tests of the tool's moves: TAP, the last command's output, and two directories for running
# VMs that stand for two hosts. Read with "."; not a test.
n=0
bad=
check() { # check STATUS WANTED TEXT
	n=$((n + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3"
		echo "# got '$1', wanted '$2'"
		cut -c1-300 /tmp/err /tmp/out /tmp/run.err /tmp/cutter.log /tmp/receive.log 2>/dev/null | tail -n 20 |
			sed 's/^/# /'
		bad=1
	fi
}
says() { # says WORDS TEXT: stderr of the last command
	grep -q -- "$1" /tmp/err
	check $? 0 "$2"
}
run() { ferry "$@" >/tmp/out 2>/tmp/err </dev/null; status=$?; }
here() { export FERRY_RUN_DIR=/run/ferry-a FERRY_STATE_DIR=/tmp/state-a; }
there() { export FERRY_RUN_DIR=/run/ferry-b FERRY_STATE_DIR=/tmp/state-b; }
said() { # said FILE WORDS SECONDS: wait until a console says something
	left=$(($3 * 5))
	while [ $left -gt 0 ]; do
		grep -q -- "$2" $1 2>/dev/null && return 0
		sleep 0.2
		left=$((left - 1))
	done
	tail -n 5 $1 | tr -d '\r' | sed 's/^/# console: /'
	return 1
}

dir=$(echo /guest/[56].*)
append="console=ttyS0 panic=-1 quiet cryptomgr.notests random.trust_cpu=on"
append="$append initcall_blacklist=load_system_certificate_list,blacklist_init"
