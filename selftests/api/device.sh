#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The module is loaded and its device node is there, for its owner and group alone.
. /tests/api/tap.sh
ok "the module is loaded" grep -q '^ferry ' /proc/modules
ok "/dev/ferry is a character device" test -c /dev/ferry
ok "its mode is 660" test "$(stat -c %a /dev/ferry)" = 660
ok "opening it works" sh -c 'test -c /dev/ferry && : <>/dev/ferry'
end
