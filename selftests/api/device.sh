#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The module is loaded and its device node is there, for its owner and group alone.
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
ok "the module is loaded" grep -q '^ferry ' /proc/modules
ok "/dev/ferry is a character device" test -c /dev/ferry
ok "its mode is 660" test "$(stat -c %a /dev/ferry)" = 660
ok "opening it works" sh -c 'test -c /dev/ferry && : <>/dev/ferry'
echo "1..$n"
exit $failed
