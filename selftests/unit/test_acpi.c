// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware tables: checksums, pointers, the fields guests act on; the AML against iasl when it is
 * installed; the MP table by walking it.
 */
#include <unistd.h>

#include "acpi.h"
#include "ports.h"
#include "tap.h"

static struct guest_ram ram;

static u8 *at(u64 gpa)
{
	return ram_ptr(&ram, gpa, 1);
}

static bool sums_to_zero(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return !sum;
}

static u8 *table(const u8 *xsdt, const char *signature)
{
	unsigned int i, n = (get_le32(xsdt + 4) - 36) / 8;

	for (i = 0; i < n; i++) {
		u8 *t = at(get_le64(xsdt + 36 + 8 * i));

		if (!memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}

static void check_madt(const u8 *madt, unsigned int vcpus)
{
	const u8 *p = madt + 44, *end = madt + get_le32(madt + 4);
	unsigned int lapics = 0, ioapics = 0, timer = 0;

	for (; p < end && p[1]; p += p[1]) {
		if (p[0] == 0 && p[3] == lapics && get_le32(p + 4) == 1)
			lapics++;
		if (p[0] == 1 && get_le32(p + 4) == IOAPIC_BASE)
			ioapics++;
		if (p[0] == 2 && p[3] == 0 && get_le32(p + 4) == 2)
			timer++;
	}
	ok(p == end, "MADT: entries fill it");
	ok_eq(lapics, vcpus, "MADT: %u processors", vcpus);
	ok(ioapics == 1 && timer == 1, "MADT: IOAPIC, and the timer on its pin 2");
}

static void check_acpi(unsigned int vcpus)
{
	struct error err;
	u8 *rsdp, *xsdt, *rsdt, *fadt, *madt, *dsdt, *facs;
	u64 gpa;

	ok_eq(acpi_write(&ram, vcpus, &gpa, &err), 0, "ACPI tables for %u vCPUs", vcpus);
	ok(gpa >= 0xe0000 && gpa < 0x100000 && !(gpa & 15), "RSDP is where guests search");
	rsdp = at(gpa);
	ok(sums_to_zero(rsdp, 20) && sums_to_zero(rsdp, 36), "RSDP: both checksums");
	xsdt = at(get_le64(rsdp + 24));
	rsdt = at(get_le32(rsdp + 16));
	ok(sums_to_zero(xsdt, get_le32(xsdt + 4)) && sums_to_zero(rsdt, get_le32(rsdt + 4)),
	   "RSDT and XSDT: checksums");
	ok_eq(get_le32(rsdt + 36), get_le64(xsdt + 36), "RSDT and XSDT: same tables");
	fadt = table(xsdt, "FACP");
	madt = table(xsdt, "APIC");
	if (!fadt || !madt)
		bail_out("FADT or MADT is missing");
	ok(sums_to_zero(fadt, get_le32(fadt + 4)) && sums_to_zero(madt, get_le32(madt + 4)),
	   "FADT and MADT: checksums");
	ok(!(get_le32(fadt + 112) & (1U << 20)), "FADT: not hardware-reduced");
	ok(get_le32(fadt + 112) & (1U << 10), "FADT: reset register");
	ok_eq(get_le64(fadt + 120), PORT_RESET, "FADT: its port");
	ok_eq(get_le32(fadt + 56), PORT_PM1_EVENT, "FADT: PM1 event block");
	ok_eq(get_le32(fadt + 64), PORT_PM1_CONTROL, "FADT: PM1 control block");
	ok_eq(get_le32(fadt + 76), PORT_PM_TIMER, "FADT: PM timer");
	dsdt = at(get_le32(fadt + 40));
	facs = at(get_le32(fadt + 36));
	ok(!memcmp(dsdt, "DSDT", 4) && sums_to_zero(dsdt, get_le32(dsdt + 4)), "DSDT: checksum");
	ok(!memcmp(facs, "FACS", 4) && !((uintptr_t)(facs - ram.low_hva) & 63), "FACS: aligned");
	check_madt(madt, vcpus);
}

static void check_mptable(unsigned int vcpus)
{
	static const u8 length[] = { 20, 8, 8, 8, 8 };
	unsigned int count[5] = { 0 }, n = 0, i, right = 0;
	u8 pins[256] = { 0 };
	struct error err;
	u8 *f, *t, *p;

	ok_eq(mptable_write(&ram, vcpus, &err), 0, "MP table for %u vCPUs", vcpus);
	f = at(0xf0000);
	ok(!memcmp(f, "_MP_", 4) && sums_to_zero(f, 16), "MP: floating pointer");
	t = at(get_le32(f + 4));
	ok(!memcmp(t, "PCMP", 4) && sums_to_zero(t, get_le16(t + 4)), "MP: configuration table");
	for (p = t + 44; p < t + get_le16(t + 4) && *p < 5; p += length[*p], n++) {
		count[*p]++;
		if (*p == 3)
			pins[p[7]] += 1 + 100 * (p[5] == p[7] || (!p[5] && p[7] == 2));
	}
	ok(p == t + get_le16(t + 4) && n == get_le16(t + 34), "MP: entries fill it");
	ok_eq(count[0], vcpus, "MP: processors");
	ok(count[1] == 1 && count[2] == 1 && count[3] == 15 && count[4] == 2,
	   "MP: bus, IOAPIC, 15 lines, two local ones");
	for (i = 1; i < 16; i++)
		right += pins[i] == 101;
	ok_eq(right, 15, "MP: each line on its pin, the timer on pin 2");
}

/* A disassembler is a second opinion on hand-made bytecode. */
static void check_aml(void)
{
	char dir[] = "/tmp/ferry-dsdt-XXXXXX", cmd[512], line[512];
	bool s5 = false, com = false, rtc = false, good = true;
	u8 buf[1024];
	size_t len = dsdt_build(buf, sizeof(buf));
	FILE *f;

	ok(len > 36, "DSDT is built");
	ok_eq(dsdt_build(buf, 60), 0, "DSDT: too small a buffer is noticed");
	len = dsdt_build(buf, sizeof(buf));
	if (system("command -v iasl >/dev/null 2>&1")) {
		skip("iasl (acpica-tools) is not installed", "DSDT disassembles");
		return;
	}
	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	snprintf(cmd, sizeof(cmd), "%s/dsdt.aml", dir);
	f = fopen(cmd, "w");
	if (!f || fwrite(buf, 1, len, f) != len || fclose(f))
		bail_out("cannot write %s", cmd);
	snprintf(cmd, sizeof(cmd),
		 "cd %s && iasl -d dsdt.aml >log 2>&1 && iasl -p out dsdt.dsl >log2 2>&1 && "
		 "cat dsdt.dsl", dir);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f)) {
		s5 |= !!strstr(line, "_S5");
		com |= !!strstr(line, "PNP0501");
		rtc |= !!strstr(line, "PNP0B00");
		good &= !strstr(line, "rror");
	}
	ok(f && !pclose(f) && good, "DSDT: iasl takes it apart and compiles the result");
	ok(s5 && com && rtc, "DSDT: _S5, COM1 and RTC0 are in it");
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	if (system(cmd))
		diag("%s is left over", dir);
}

int main(void)
{
	ram_layout(&ram, 2 << 20);
	ram.low_hva = calloc(1, ram.low);
	check_acpi(1);
	check_acpi(64);
	check_mptable(1);
	check_mptable(64);
	check_aml();
	free(ram.low_hva);
	return done();
}
