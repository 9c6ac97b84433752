#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Asks the kernel's headers the questions in TESTS and writes the answers to HEADER:
#
#	configure.sh TESTS HEADER CC CFLAGS...
#
# tests/have_foo.c compiles if and only if the kernel has foo; HAVE_FOO is then defined. A test that
# always compiles (sane_yes.c) and one that never does (sane_no.c) prove that the answers mean
# something: with a broken compiler or missing headers everything would be "no".
set -e

tests=$1
header=$2
shift 2

answer() {
	"$@" -Werror -Wno-unused -c -o "$header.o" "$test" >"$header.log" 2>&1
}

# c_flags name a dependency file of the target; ours must not overwrite it with each test's.
n=$#
while [ "$n" -gt 0 ]; do
	arg=$1
	shift
	n=$((n - 1))
	case $arg in
	-Wp,-MMD,* | -Wp,-MD,*) ;;
	*) set -- "$@" "$arg" ;;
	esac
done

{
	echo "/* Made by module/compat/configure.sh: what this kernel has. */"
	for test in "$tests"/*.c; do
		name=$(basename "$test" .c)
		if answer "$@"; then have=1; else have=0; fi
		case $name:$have in
		sane_yes:1 | sane_no:0) continue ;;
		sane_yes:0)
			echo "compat: a trivial file does not compile against this kernel:" >&2
			cat "$header.log" >&2
			exit 1
			;;
		sane_no:1)
			echo "compat: a file that cannot compile does; the answers are worthless" >&2
			exit 1
			;;
		*:1) echo "#define $(echo "$name" | tr '[:lower:]' '[:upper:]') 1" ;;
		*:0) echo "/* $(echo "$name" | tr '[:lower:]' '[:upper:]') is not set */" ;;
		esac
	done
} >"$header.tmp"
rm -f "$header.o" "$header.log"
mv "$header.tmp" "$header"
