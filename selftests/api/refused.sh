#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
#	refused.sh PATTERN
#
# On a CPU that is not enough, the module does not load, says in the log what is missing, and leaves
# nothing behind.
pattern=$1
. /tests/api/tap.sh
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
modprobe msr
info=$(ferry info 2>&1)
ok "the tool says that it is the CPU" sh -c "echo '$(echo "$info" | tr -d "'")' | grep -q 'which Ferry needs'"
dmesg | grep 'ferry: ' | sed 's/^/# /'
echo "# $err"
echo "$info" | sed 's/^/# /'
end
