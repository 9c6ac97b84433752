# SPDX-License-Identifier: GPL-2.0-only
#
# TAP for the scripts of a host: ok TEXT COMMAND..., and end. Read with "."; not a test.
n=0
failed=0
ok() { # 0 while nothing has failed
	n=$((n + 1))
	local what=$1
	shift
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		failed=1
	fi
	return $failed
}
end() {
	echo "1..$n"
	exit $failed
}
