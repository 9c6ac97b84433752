#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# boot.sh [IMAGE [MEMORY [VCPUS]]] ...: Debian guests boot to their init, see what they were given
# and power off. IMAGE is bzImage or vmlinux (PVH). Run with --guest SERIES. "-" ends one set.
n=0
ok() { n=$((n + 1)); echo "ok $n - $*"; }
not_ok() { n=$((n + 1)); bad=1; echo "not ok $n - $*"; }
check() { # check STATUS TEXT
	if [ "$1" = 0 ]; then shift; ok "$*"; else shift; not_ok "$*"; fi
}
bad=
dir=$(echo /guest/[56].*)
quiet="console=ttyS0 panic=-1 cryptomgr.notests random.trust_cpu=on"
quiet="$quiet initcall_blacklist=load_system_certificate_list,blacklist_init"

boot() { # boot IMAGE MEMORY VCPUS
	log=/tmp/console-$1-$2-$3
	# Typed long before anybody reads it: the line keeps it until the shell does.
	echo 'echo sum-$((40 + 2)); poweroff -f' | timeout 280 ferry run --name boot \
		--kernel $dir/$1 --initrd /guest/initrd --memory $2 --vcpus $3 \
		--append "$quiet guest.end=shell" --no-reboot >$log
	status=$?
	check $status "$1, $2, $3 vCPUs: the guest powers off with status 0 (got $status)"
	grep -q "guest: up, .* $3 cpus" $log
	check $? "$1, $2, $3 vCPUs: init runs and sees $3 CPUs"
	grep -q "^sum-42" $log
	check $? "$1, $2, $3 vCPUs: a shell takes commands"
	grep -E "Call Trace|BUG:|WARNING:|soft lockup|rcu.*stall" $log
	[ $? != 0 ]
	check $? "$1, $2, $3 vCPUs: the guest's kernel complains about nothing"
	[ -z "$bad" ] || { tail -n 40 $log | sed 's/^/# guest: /'; bad=; }
}

[ $# -gt 0 ] || set -- bzImage 256M 1
while [ $# -gt 0 ]; do
	boot $1 ${2:-256M} ${3:-1}
	shift; [ $# = 0 ] || shift; [ $# = 0 ] || shift
done
echo "1..$n"
