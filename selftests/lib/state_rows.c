// SPDX-License-Identifier: GPL-2.0-only
/* The rows of api/state. See state_rows.h. */
#include <string.h>

#include "state_rows.h"

#define TSS 0xb000
#define HIGH 0xffff888012345000ULL

/* --------------------------------------------------------------- general registers */

static void patterns(struct world *w)
{
	int i;

	for (i = 0; i < 16; i++)
		if (i != FERRY_RSP)
			w->general.gpr[i] = 0x0123456789abcdefULL * (i + 1);
}

static void all_flags(struct world *w)
{
	w->general.rflags = 0x240dd7 | 0x3000 | 0x4000; /* CF PF AF ZF SF DF OF, IOPL, NT, AC, ID */
	w->general.rflags &= ~0x300ULL; /* not TF, not IF */
}

static void resume_flag(struct world *w) { w->general.rflags |= 0x10000; }

/* ------------------------------------------------------------------------ segments */

static struct ferry_segment *seg(struct world *w, int nr)
{
	return &w->segments.seg[nr];
}

static void null_data(struct world *w)
{
	int nr;

	for (nr = FERRY_SEG_ES; nr <= FERRY_SEG_GS; nr++)
		if (nr != FERRY_SEG_CS && nr != FERRY_SEG_SS)
			*seg(w, nr) = (struct ferry_segment){ .selector = nr & 3, .attrib = 0x8000,
							      .limit = 0x1234 };
	seg(w, FERRY_SEG_FS)->base = 0x7f0000001000;
	seg(w, FERRY_SEG_GS)->base = HIGH;
	seg(w, FERRY_SEG_DS)->base = 0x5000;
}

static void null_stack(struct world *w)
{
	*seg(w, FERRY_SEG_SS) = (struct ferry_segment){ .attrib = 0x8000 };
}

static void user(struct world *w, uint16_t cs_attrib)
{
	int nr;

	for (nr = FERRY_SEG_ES; nr <= FERRY_SEG_GS; nr++) {
		seg(w, nr)->selector = nr == FERRY_SEG_CS ? TINY_USER_CS64 : TINY_USER_DS;
		seg(w, nr)->attrib = nr == FERRY_SEG_CS ? cs_attrib : 0xcf3;
	}
	w->general.rflags |= 0x3000;
}

static void user64(struct world *w) { user(w, 0xafb); }
static void user32(struct world *w) { user(w, 0xcfb); }

/* What an AMD CPU has after SYSRET if SS was null. */
static void user_null_stack(struct world *w)
{
	user(w, 0xafb);
	seg(w, FERRY_SEG_SS)->attrib = 0x8060;
}

static void user_conforming(struct world *w) { user(w, 0xc9f); }

static void expand_down(struct world *w)
{
	*seg(w, FERRY_SEG_SS) = (struct ferry_segment){ .selector = TINY_DS, .limit = 0xfff,
							.attrib = 0x497 };
	*seg(w, FERRY_SEG_DS) = (struct ferry_segment){ .selector = TINY_DS, .limit = 0xffff,
							.attrib = 0x97 };
	*seg(w, FERRY_SEG_ES) = (struct ferry_segment){ .selector = TINY_DS, .limit = 0x1ffff,
							.base = 0x1000, .attrib = 0x95 };
	seg(w, FERRY_SEG_FS)->attrib = 0xc95;
}

static void readable_code_as_data(struct world *w)
{
	seg(w, FERRY_SEG_DS)->attrib = 0xc9b;
	seg(w, FERRY_SEG_ES)->attrib = 0xc9f;
	seg(w, FERRY_SEG_FS)->attrib = 0xc91; /* read-only */
	seg(w, FERRY_SEG_GS)->attrib = 0xd93; /* AVL */
}

static void not_accessed(struct world *w)
{
	seg(w, FERRY_SEG_CS)->attrib &= ~1;
	seg(w, FERRY_SEG_SS)->attrib &= ~1;
	seg(w, FERRY_SEG_DS)->attrib &= ~1;
}

static void code16(struct world *w)
{
	seg(w, FERRY_SEG_CS)->selector = TINY_CS16;
	seg(w, FERRY_SEG_CS)->attrib = 0x9b;
	seg(w, FERRY_SEG_CS)->base = TINY_CODE;
	seg(w, FERRY_SEG_CS)->limit = 0xffff;
	w->general.rip = 0;
}

static void execute_only(struct world *w) { seg(w, FERRY_SEG_CS)->attrib = 0xc99; }

static void odd_limits(struct world *w)
{
	seg(w, FERRY_SEG_DS)->limit = 0x12345;
	seg(w, FERRY_SEG_DS)->attrib = 0x493;
	seg(w, FERRY_SEG_ES)->limit = 0x12345fff;
	seg(w, FERRY_SEG_FS)->limit = 0;
	seg(w, FERRY_SEG_FS)->attrib = 0x493;
	seg(w, FERRY_SEG_GS)->limit = 0xfff;
	seg(w, FERRY_SEG_GS)->base = 0x89abcdef;
}

static void tss(struct world *w, uint16_t attrib, uint32_t limit)
{
	*seg(w, FERRY_SEG_TR) = (struct ferry_segment){ .selector = TINY_TSS, .base = TSS,
							.limit = limit, .attrib = attrib };
}

static void tss16(struct world *w) { tss(w, 0x83, 0x2b); }
static void tss16_available(struct world *w) { tss(w, 0x81, 0x2b); }
static void tss32_available(struct world *w) { tss(w, 0x89, 0x67); }
static void tss_user(struct world *w) { tss(w, 0xeb, 0x2067); }

static void tss_high(struct world *w)
{
	tss(w, 0x8b, 0x67);
	seg(w, FERRY_SEG_TR)->base = HIGH;
}

static void ldt(struct world *w)
{
	*seg(w, FERRY_SEG_LDTR) = (struct ferry_segment){ .selector = 0x48, .base = 0xa000,
							  .limit = 0xfff, .attrib = 0x82 };
	seg(w, FERRY_SEG_DS)->selector = 0x14;
}

static void ldt_high(struct world *w)
{
	ldt(w);
	seg(w, FERRY_SEG_LDTR)->base = HIGH;
}

static void no_ldt(struct world *w)
{
	*seg(w, FERRY_SEG_LDTR) = (struct ferry_segment){ .selector = 3, .attrib = 0x8000,
							  .base = 0x1000, .limit = 7 };
}

static void tables_high(struct world *w)
{
	w->segments.gdt_base = HIGH;
	w->segments.idt_base = HIGH + 0x1000;
	w->segments.gdt_limit = 0;
	w->segments.idt_limit = 0xffff;
}

static void big_real(struct world *w)
{
	seg(w, FERRY_SEG_DS)->limit = ~0u;
	seg(w, FERRY_SEG_DS)->attrib = 0x893;
	seg(w, FERRY_SEG_ES)->limit = ~0u;
	seg(w, FERRY_SEG_ES)->attrib = 0xc93;
	seg(w, FERRY_SEG_FS)->base = 0x12345678;
}

static void data_as_code(struct world *w)
{
	seg(w, FERRY_SEG_CS)->attrib = seg(w, FERRY_SEG_CS)->attrib & FERRY_SEG_G ? 0xc93 : 0x93;
}

static void high_vector(struct world *w)
{
	seg(w, FERRY_SEG_CS)->base = 0xffff0000;
	seg(w, FERRY_SEG_CS)->selector = 0xf000;
	w->general.rip = 0xfff0;
}

/* The TSS's bitmap lets port 0xf1 through; see prepare(). */
static void v86(struct world *w)
{
	int nr;

	for (nr = FERRY_SEG_ES; nr <= FERRY_SEG_GS; nr++)
		*seg(w, nr) = (struct ferry_segment){ .selector = (TINY_CODE >> 4) - nr, .attrib = 0xf3,
						      .base = TINY_CODE - nr * 16, .limit = 0xffff };
	tss(w, 0x8b, 0x88);
	w->general.rip = FERRY_SEG_CS * 16;
	w->general.rflags |= 0x20000;
}

/* ------------------------------------------------------------------------- control */

static void cr0_bits(struct world *w)
{
	w->control.cr0 |= 0x5002e; /* AM, WP, NE, TS, EM, MP */
	w->control.cr0 &= ~0x4ULL;
	w->control.cr2 = HIGH;
}

static void caches_off(struct world *w) { w->control.cr0 |= 0x60000000; }
static void numeric_off(struct world *w) { w->control.cr0 &= ~0x20ULL; }

static void cr4_bits(struct world *w)
{
	w->control.cr4 |= 0x6dc; /* TSD DE PSE MCE PGE OSFXSR OSXMMEXCPT */
}

static void cr4_few(struct world *w) { w->control.cr4 = 0x20; }

static void cr3_flags(struct world *w) { w->control.cr3 |= 0x18; }

static void long_enabled(struct world *w)
{
	w->control.efer = 0x901; /* SCE, LME, NXE: not active */
	w->control.cr4 |= 0x20;
}

static void efer_nx(struct world *w) { w->control.efer = 0xd01; }
static void efer_plain(struct world *w) { w->control.efer = 0x500; }

static void priority(struct world *w)
{
	w->control.cr8 = 9;
	w->lapic.tpr = 0x90;
}

/* Into long mode and out of it, into paging and out, out of protected mode and back. */
#define CODE(name, bits, body) TINY_SNIPPET(name, bits, body "\n out %al, $0xf1")
CODE(go_long, 32, "mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0");
CODE(go_paged, 32, "mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0");
CODE(leave_paged, 32, "mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0");
CODE(leave_prot, 16, "mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0");
CODE(go_prot, 16, "mov %cr0, %eax; or $1, %al; mov %eax, %cr0");
CODE(set_efer, 64, "mov $0xc0000080, %ecx; rdmsr; or $0x800, %eax; wrmsr");
CODE(clear_ts, 64, "clts");
CODE(null_fs, 64, "xor %eax, %eax; mov %eax, %fs; mov %eax, %es");
CODE(load_tr, 32, "movw $0x40, %ax; movb $0x89, 0x845; ltr %ax");
CODE(load_ldt, 64, "xor %eax, %eax; lldt %ax");

static void go_long_setup(struct world *w)
{
	w->control.efer = 0x100;
	w->control.cr4 |= 0x20;
}

static void paging_ready(struct world *w) { w->control.cr0 &= 0x7fffffff; }

static void compat(struct world *w)
{
	seg(w, FERRY_SEG_CS)->selector = TINY_CS32;
	seg(w, FERRY_SEG_CS)->attrib = 0xc9b;
}

static void task_switched(struct world *w) { w->control.cr0 |= 8; }

/* --------------------------------------------------------------------------- debug */

static void debug_registers(struct world *w)
{
	w->debug.dr[0] = HIGH;
	w->debug.dr[1] = 0x1234567;
	w->debug.dr[2] = 0x7fffffff0000;
	w->debug.dr[3] = ~0ULL;
	w->debug.dr6 = 0xffff4ff1;
	w->debug.dr7 = 0xdd000755; /* enabled, none of them is hit */
}

static void debug_idle(struct world *w)
{
	w->debug.dr[0] = TINY_CODE;
	w->debug.dr6 = 0xffff0ff0;
	w->debug.dr7 = 0x00000400;
}

static void debug_guarded(struct world *w) { w->debug.dr7 = 0x2400; } /* GD */

/* ---------------------------------------------------------------------------- MSRs */

static void set_msr(struct world *w, uint32_t index, uint64_t value)
{
	__u64 *slot = world_msr(w, index);

	if (slot)
		*slot = value;
}

static void system_call(struct world *w)
{
	set_msr(w, 0xc0000081, 0x0023001000000000ULL);
	set_msr(w, 0xc0000082, HIGH);
	set_msr(w, 0xc0000083, HIGH + 0x40);
	set_msr(w, 0xc0000084, 0x47700);
	set_msr(w, 0xc0000102, 0x7ffff7000000);
	set_msr(w, 0x174, 0x10);
	set_msr(w, 0x175, 0xfffffe0000003000ULL);
	set_msr(w, 0x176, HIGH + 0x80);
}

static void no_cstar(struct world *w)
{
	set_msr(w, 0xc0000082, HIGH);
	set_msr(w, 0xc0000083, 0);
	set_msr(w, 0x175, 0x12345678);
	set_msr(w, 0x176, 0x9abcdef0);
}

static void memory_types(struct world *w)
{
	set_msr(w, 0x277, 0x0407050600070106ULL);
	set_msr(w, 0x2ff, 0xc06);
	set_msr(w, 0x200, 0x80000000);
	set_msr(w, 0x201, 0xf80000800);
	set_msr(w, 0x250, 0x0606060606060606ULL);
	set_msr(w, 0x26f, 0x0505050505050505ULL);
	set_msr(w, 0x17a, 4);
}

/* ----------------------------------------------------------------------------- FPU */

static void fpu_image(struct world *w, uint64_t bv)
{
	uint8_t *area = w->fpu.xsave;
	size_t i, end = bv & 4 ? 832 : 576;

	memset(area, 0, FERRY_MAX_XSAVE);
	area[0] = 0x7f;
	area[1] = 3;
	if (bv & 1) {
		area[2] = 0x45; /* status: conditions; no exception waits */
		area[3] = 0x20;
		area[4] = 0xf0;
		for (i = 0; i < 8; i++) {
			memset(area + 32 + 16 * i, 0x11 * (i + 1), 8);
			area[32 + 16 * i + 8] = i;
			area[32 + 16 * i + 9] = 0x40;
		}
	}
	area[24] = 0x80;
	area[25] = 0x3f; /* rounding up and down both: toward zero would be 0x7f */
	for (i = 0; bv & 2 && i < 256; i++)
		area[160 + i] = i ^ 0x5a;
	for (i = 0; bv & 4 && i < 256; i++)
		area[576 + i] = i ^ 0xa5;
	memcpy(area + 512, &bv, 8);
	w->fpu.xfeatures = 0;
	w->fpu.length = end;
}

static void fpu_legacy(struct world *w) { fpu_image(w, 3); }
static void fpu_x87(struct world *w) { fpu_image(w, 1); }
static void fpu_sse(struct world *w) { fpu_image(w, 2); }
static void fpu_initial(struct world *w) { fpu_image(w, 0); }

static void fpu_pending(struct world *w)
{
	fpu_image(w, 1);
	w->fpu.xsave[0] = 0x7e; /* invalid operation unmasked, and raised */
	w->fpu.xsave[2] = 0x81;
	w->fpu.xsave[3] = 0xa0;
}

static void xsave_on(struct world *w, uint64_t xcr0, uint64_t bv)
{
	fpu_image(w, bv);
	w->control.cr4 |= 0x40600;
	w->control.xcr0 = xcr0;
}

static void avx_all(struct world *w) { xsave_on(w, 7, 7); }
static void avx_upper(struct world *w) { xsave_on(w, 7, 4); }
static void avx_without_sse(struct world *w) { xsave_on(w, 7, 5); }
static void avx_disabled(struct world *w) { xsave_on(w, 3, 3); }
static void avx_kept(struct world *w) { xsave_on(w, 1, 7); }
static void avx_initial(struct world *w) { xsave_on(w, 7, 0); }

/* -------------------------------------------------------------------------- events */

static void inject(struct world *w, uint8_t type, uint8_t vector, uint8_t flags, uint8_t length)
{
	w->events.injected = (struct ferry_event_state){
		.type = type, .vector = vector, .flags = flags, .insn_len = length,
		.error = flags & FERRY_EVENT_HAS_ERROR ? 0x12 : 0,
	};
}

static void inject_irq(struct world *w)
{
	inject(w, FERRY_EVENT_EXTINT, 0x31, 0, 0);
	w->general.rflags |= 0x200;
}

static void inject_nmi(struct world *w) { inject(w, FERRY_EVENT_NMI, 2, 0, 0); }
static void inject_fault(struct world *w)
{
	inject(w, FERRY_EVENT_EXCEPTION, 13, FERRY_EVENT_HAS_ERROR, 0);
}
static void inject_int(struct world *w) { inject(w, FERRY_EVENT_SOFT_INT, 0x80, 0, 2); }
static void inject_int3(struct world *w) { inject(w, FERRY_EVENT_SOFT_EXC, 3, 0, 1); }
static void inject_int1(struct world *w) { inject(w, FERRY_EVENT_PRIV_SOFT_EXC, 1, 0, 1); }

static void raise_page_fault(struct world *w)
{
	w->events.pending = (struct ferry_event_state){
		.type = FERRY_EVENT_EXCEPTION, .vector = 14, .error = 6, .payload = HIGH,
		.flags = FERRY_EVENT_HAS_ERROR | FERRY_EVENT_HAS_PAYLOAD,
	};
	w->events.injected = (struct ferry_event_state){ .type = FERRY_EVENT_NMI, .vector = 2 };
}

static void raise_debug(struct world *w)
{
	w->events.pending = (struct ferry_event_state){ .type = FERRY_EVENT_EXCEPTION, .vector = 1,
							.payload = 0x4001,
							.flags = FERRY_EVENT_HAS_PAYLOAD };
}

static void raise_triple(struct world *w)
{
	w->events.pending = (struct ferry_event_state){ .type = FERRY_EVENT_EXCEPTION,
							.vector = 0xff };
}

static void shadow_sti(struct world *w)
{
	w->events.flags = FERRY_EVENTS_SHADOW_STI;
	w->general.rflags |= 0x200;
}

static void shadow_movss(struct world *w) { w->events.flags = FERRY_EVENTS_SHADOW_MOVSS; }

static void shadow_movss_open(struct world *w)
{
	w->events.flags = FERRY_EVENTS_SHADOW_MOVSS;
	w->general.rflags |= 0x200;
}

/* No CPU has these: one reads the stricter back. */
static void shadow_closed_sti(struct world *w) { w->events.flags = FERRY_EVENTS_SHADOW_STI; }

static void shadow_both(struct world *w)
{
	w->events.flags = FERRY_EVENTS_SHADOW_STI | FERRY_EVENTS_SHADOW_MOVSS;
	w->general.rflags |= 0x200;
}

static void shadow_step(struct world *w)
{
	shadow_movss(w);
	w->general.rflags |= 0x100;
}

/* It ends NMI masking, which Bochs 2.7 would otherwise hand to the next guest (SDM 26.3.1.5). */
CODE(iret, 64,
     "mov %rsp, %rax; push $0x10; push %rax; pushfq; push $8; lea 1f(%rip), %rcx; push %rcx\n"
     "iretq\n 1:");

static void nmi_masked(struct world *w) { w->events.flags = FERRY_EVENTS_NMI_MASKED; }

static void nmi_masked_waiting(struct world *w)
{
	w->events.flags = FERRY_EVENTS_NMI_MASKED;
	w->events.nmi_pending = 2;
}

static void nmi_shadow_waiting(struct world *w)
{
	w->events.flags = FERRY_EVENTS_SHADOW_MOVSS;
	w->events.nmi_pending = 1;
}

static void halted(struct world *w) { w->mp.state = FERRY_MP_HALTED; }
static void wait_sipi(struct world *w) { w->mp.state = FERRY_MP_WAIT_SIPI; }

static void init_sipi(struct world *w)
{
	w->mp.state = FERRY_MP_WAIT_SIPI;
	w->mp.sipi_pending = 1;
	w->mp.sipi_vector = 0x9a;
}

static void init_latched(struct world *w) { w->mp.init_pending = 1; }

/* ------------------------------------------------------------- interrupt controllers */

static void lapic_on(struct world *w)
{
	w->lapic.base |= 0x800;
	w->lapic.svr = 0x1ff;
}

static void lapic_flat(struct world *w)
{
	lapic_on(w);
	w->lapic.ldr = 0x01000000;
	w->lapic.lvt[0] = 0x20031; /* periodic */
	w->lapic.lvt[2] = 0x10400; /* counters: NMI, masked by the last one */
	w->lapic.lvt[3] = 0x00700;
	w->lapic.lvt[4] = 0x00400;
	w->lapic.lvt[5] = 0x000fe;
	w->lapic.tmict = 1000000;
	w->lapic.tdcr = 0xb;
	w->lapic.expiry_ns = w->vmclock.guest_ns + 500000000;
	w->lapic.icr = 0x00000000000040fdULL & ~0x1000ULL;
}

static void lapic_cluster(struct world *w)
{
	lapic_on(w);
	w->lapic.dfr = 0x0fffffff;
	w->lapic.ldr = 0x12000000;
	w->lapic.esr = 0x40;
	w->lapic.esr_pending = 0x80;
	w->lapic.lvt[0] = 0x100ef;
}

static void lapic_software_off(struct world *w)
{
	int i;

	w->lapic.svr = 0xff;
	for (i = 0; i < 6; i++)
		w->lapic.lvt[i] = 0x10000 | (0x30 + i);
}

static void lapic_busy(struct world *w)
{
	lapic_on(w);
	w->lapic.irr[1] = 0x8000000000000002ULL;
	w->lapic.irr[3] = 1;
	w->lapic.isr[2] = 0x100;
	w->lapic.tmr[1] = 2;
	w->lapic.tpr = 0x30;
	w->control.cr8 = 3;
}

static void lapic_x2(struct world *w)
{
	w->lapic.base |= 0xc00;
	w->lapic.svr = 0x1ff;
	w->lapic.ldr = 0;
	w->lapic.dfr = ~0u;
	w->lapic.icr = 0x00000007000008fdULL & ~0x800ULL;
	w->lapic.lvt[3] = 0x18700;
}

static void lapic_deadline(struct world *w)
{
	lapic_on(w);
	w->lapic.lvt[0] = 0x40032;
	w->lapic.tsc_deadline = w->clock.tsc + 10000000000ULL;
	w->clock.tsc_deadline = w->lapic.tsc_deadline;
}

static void chips(struct world *w)
{
	w->ioapic.rte[2] = 0x0100000000000930ULL;
	w->ioapic.rte[10] = 0x000000000001a041ULL; /* level, low, masked */
	w->ioapic.rte[23] = 0x0f00000000010000ULL;
	w->ioapic.select = 0x12;
	w->pic.chip[0].base = 0x20;
	w->pic.chip[1].base = 0x28;
	w->pic.chip[0].imr = 0xfb;
	w->pic.chip[1].imr = 0xff;
	w->pic.chip[0].icw3 = 4;
	w->pic.chip[1].icw3 = 2;
	w->pic.chip[1].elcr = 0x0c;
}

/* --------------------------------------------------------------------------- clocks */

static void clock_far(struct world *w)
{
	w->clock.tsc = 0x123456789abcULL;
	w->clock.tsc_adjust = 0xffffffff00000000ULL;
	w->vmclock.guest_ns = 86400000000000ULL;
	w->vmclock.wall_ns = 1700000000123456789ULL;
}

static void clock_young(struct world *w)
{
	w->clock.tsc = 1000;
	w->vmclock.guest_ns = 1;
}

static void clock_pages(struct world *w)
{
	w->clock.system_time_msr = 0xd001;
	w->vmclock.wall_clock_msr = 0xe000;
}

/* ------------------------------------------------------------------------ the table */

#define QUIETLY .flags = QUIET
#define BY(snippet) .code = snippet##_begin, .end = snippet##_end

#define ROW(n, m, e, ...) { .name = n, .mode = m, .edit = e, __VA_ARGS__ }

const struct row state_rows[] = {
	ROW("general registers", LONG, patterns),
	ROW("flags", LONG, all_flags),
	ROW("RF", LONG, resume_flag),
	ROW("real mode", REAL, patterns),
	ROW("16-bit protected mode", PROT32, code16),
	ROW("32-bit protected mode", PROT32, patterns),
	ROW("32-bit paging", PAGED32, patterns),
	ROW("PAE paging", PAE, patterns),
	ROW("compatibility mode", LONG, compat),

	ROW("null data segments", LONG, null_data),
	ROW("null data segments of 32 bits", PAGED32, null_data, QUIETLY),
	ROW("null stack", LONG, null_stack),
	ROW("user mode", LONG, user64),
	ROW("user mode of 32 bits", PAGED32, user32),
	ROW("user compatibility mode", LONG, user32),
	ROW("user mode with a null stack", LONG, user_null_stack),
	ROW("conforming code", PAGED32, user_conforming),
	ROW("expand-down segments", PROT32, expand_down),
	ROW("code as data", PROT32, readable_code_as_data),
	ROW("never accessed", PROT32, not_accessed),
	ROW("code that cannot be read", PROT32, execute_only),
	ROW("limits", PROT32, odd_limits),
	ROW("busy 16-bit TSS", PROT32, tss16),
	ROW("available 16-bit TSS", PROT32, tss16_available),
	ROW("available 32-bit TSS", PROT32, tss32_available),
	ROW("available 64-bit TSS", LONG, tss32_available),
	ROW("16-bit TSS in long mode", LONG, tss16),
	ROW("TSS of DPL 3 with a long limit", LONG, tss_user),
	ROW("TSS in the upper half", LONG, tss_high),
	ROW("LDT", PROT32, ldt),
	ROW("LDT in the upper half", LONG, ldt_high),
	ROW("no LDT", LONG, no_ldt),
	ROW("tables in the upper half", LONG, tables_high),
	ROW("big real mode", REAL, big_real),
	ROW("data as code in real mode", REAL, data_as_code),
	ROW("data as code in protected mode", PROT32, data_as_code, QUIETLY),
	ROW("reset vector", REAL, high_vector, QUIETLY),
	ROW("virtual-8086 mode", PAGED32, v86, .flags = V86),

	ROW("CR0", LONG, cr0_bits),
	ROW("caches off", LONG, caches_off),
	ROW("CR0.NE clear", LONG, numeric_off),
	ROW("CR4", LONG, cr4_bits),
	ROW("CR4 with PAE alone", LONG, cr4_few),
	ROW("CR3's bits", LONG, cr3_flags),
	ROW("long mode enabled, not active", PROT32, long_enabled),
	ROW("EFER.NXE", LONG, efer_nx),
	ROW("EFER without SCE", LONG, efer_plain),
	ROW("CR8", LONG, priority),
	ROW("into long mode", PROT32, go_long_setup, BY(go_long)),
	ROW("out of long mode", LONG, compat, BY(leave_paged)),
	ROW("into paging", PAGED32, paging_ready, BY(go_paged)),
	ROW("out of paging", PAGED32, patterns, BY(leave_paged)),
	ROW("out of protected mode", PROT32, code16, BY(leave_prot)),
	ROW("into protected mode", REAL, patterns, BY(go_prot)),
	ROW("EFER written", LONG, efer_plain, BY(set_efer)),
	ROW("TS cleared", LONG, task_switched, BY(clear_ts)),
	ROW("null selectors loaded", LONG, user64, BY(null_fs)),
	ROW("TR loaded", PROT32, tss16, BY(load_tr)),
	ROW("null LDT loaded", LONG, ldt, BY(load_ldt)),

	ROW("debug registers", LONG, debug_registers),
	ROW("debug registers at rest", LONG, debug_idle),
	ROW("DR7.GD", LONG, debug_guarded),

	ROW("SYSCALL and SYSENTER", LONG, system_call),
	ROW("no CSTAR", LONG, no_cstar),
	ROW("memory types", LONG, memory_types),

	ROW("x87 and SSE", LONG, fpu_legacy),
	ROW("x87 alone", LONG, fpu_x87),
	ROW("SSE alone", LONG, fpu_sse),
	ROW("FPU in its initial state", LONG, fpu_initial),
	ROW("x87 exception waiting", LONG, fpu_pending),
	ROW("AVX", LONG, avx_all, .flags = AVX),
	ROW("AVX's upper halves alone", LONG, avx_upper, .flags = AVX),
	ROW("AVX without SSE", LONG, avx_without_sse, .flags = AVX),
	ROW("AVX not in XCR0", LONG, avx_disabled, .flags = AVX),
	ROW("AVX kept behind XCR0", LONG, avx_kept, .flags = AVX),
	ROW("AVX in its initial state", LONG, avx_initial, .flags = AVX),

	ROW("interrupt half delivered", LONG, inject_irq, QUIETLY),
	ROW("NMI half delivered", LONG, inject_nmi, QUIETLY),
	ROW("#GP half delivered", LONG, inject_fault, QUIETLY),
	ROW("INT n half delivered", LONG, inject_int, QUIETLY),
	ROW("INT3 half delivered", LONG, inject_int3, QUIETLY),
	ROW("INT1 half delivered", LONG, inject_int1, QUIETLY),
	ROW("#PF behind an NMI", LONG, raise_page_fault, QUIETLY),
	ROW("#DB to be raised", LONG, raise_debug, QUIETLY),
	ROW("triple fault", LONG, raise_triple, QUIETLY),
	ROW("STI's shadow", LONG, shadow_sti),
	ROW("MOV SS's shadow", LONG, shadow_movss),
	ROW("MOV SS's shadow with IF", LONG, shadow_movss_open),
	ROW("STI's shadow with IF clear", LONG, shadow_closed_sti),
	ROW("both shadows", LONG, shadow_both),
	ROW("a step in a shadow", LONG, shadow_step, QUIETLY),
	ROW("NMIs masked until IRET", LONG, nmi_masked, BY(iret)),
	ROW("NMIs waiting for IRET", LONG, nmi_masked_waiting, QUIETLY),
	ROW("NMI waiting in a shadow", LONG, nmi_shadow_waiting, QUIETLY),
	ROW("halted", LONG, halted, QUIETLY),
	ROW("waiting for SIPI", LONG, wait_sipi, QUIETLY),
	ROW("SIPI latched", LONG, init_sipi, QUIETLY),
	ROW("INIT latched", LONG, init_latched, QUIETLY),

	ROW("local APIC, flat", LONG, lapic_flat),
	ROW("local APIC, cluster", LONG, lapic_cluster),
	ROW("local APIC off by software", LONG, lapic_software_off),
	ROW("local APIC with requests", LONG, lapic_busy),
	ROW("x2APIC", LONG, lapic_x2),
	ROW("TSC deadline", LONG, lapic_deadline),
	ROW("chips", LONG, chips),

	ROW("a TSC far on", LONG, clock_far),
	ROW("a young TSC", LONG, clock_young),
	ROW("kvmclock", LONG, clock_pages),
};

const unsigned int state_nr_rows = sizeof(state_rows) / sizeof(state_rows[0]);
