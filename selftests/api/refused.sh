#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
#	refused.sh PATTERN
#
# On a CPU that is not enough, the module does not load, says in the log what is missing, and leaves
# nothing behind.
pattern=$1
n=0
failed=0
ok() {
	n=$((n + 1))
	what=$1
	shift
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		failed=1
	fi
}
err=$(insmod /lib/ferry.ko 2>&1)
status=$?
said=$(dmesg | grep 'ferry: ' | grep -E "$pattern")
ok "the module does not load" test $status != 0
case $err in
*"No such device"*) ok "the caller is told: no such device" true ;;
*) ok "the caller is told: no such device" false ;;
esac
ok "the log says why: $pattern" test -n "$said"
ok "no module stays" sh -c '! grep -q "^ferry " /proc/modules'
ok "no device node stays" test ! -e /dev/ferry
ok "the tool says what to do" sh -c 'ferry info 2>&1 | grep -qi "module"'
dmesg | grep 'ferry: ' | sed 's/^/# /'
echo "# $err"
ferry info 2>&1 | sed 's/^/# /'
echo "1..$n"
exit $failed
