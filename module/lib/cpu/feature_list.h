/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * THE list: every CPUID feature bit, and every bit of the MSRs that work like
 * CPUID, that Ferry knows by name. Everything else about features is derived
 * from it: identifiers, names, pool rules, masks, explanations. What depends on
 * what is in feature_depend.h.
 *
 * The includer defines
 *
 *	CPU_WORD(word, source, index, sub, reg)		a register full of bits begins
 *	F(word, bit, ID, pool, hidden, names, meaning)
 *	CPU_WORD_END(word)				it ends
 *
 * and gets them undefined again. The words:
 *
 *	word	 leaf, sub-leaf (where the leaf has any) and register, as one token
 *	source	 CPUID: index is the leaf, sub the sub-leaf;
 *		 MSR: index is the MSR, EAX its low and EDX its high half
 *
 * A feature:
 *
 *	pool	 what becomes of the bit over a pool of hosts:
 *		 AND	 shown if every host has it
 *		 OR	 shown if any host has it: it warns the guest of something
 *			 or lets it do a harmless extra flush
 *		 EQUAL	 shown if every host agrees on the whole leaf, else hidden
 *		 SYNTH	 a plain AND in a baseline; the VM's own value replaces it
 *		 TABLE	 decided with the table of vulnerable models (vuln.c)
 *		 DYNAMIC follows the state of the vCPU; never compared
 *
 *	hidden	 what becomes of a guest that uses the feature although it is
 *		 hidden (SDM vol. 3C, APM vol. 2 on the controls meant):
 *		 FACT	 there is nothing to use: a property, a hint, a warning
 *		 CR4, EFER, XCR0   #GP: the bit that enables it stays reserved
 *		 MSR	 #GP: the MSRs behind it are intercepted
 *		 TRAP	 #UD: the instruction is intercepted or has a control
 *		 LEAKY	 it works, for no control exists: only CPUID hides it
 *		 SILENT	 a CPU without it does something else, and no fault tells
 *			 the guest
 *
 *	names	 "ours|Linux's|libvirt's", as /proc/cpuinfo and libvirt's CPU map
 *		 have them. A lone name is the same in all three; "=" is ours
 *		 again, "~" ours with underscores, nothing is no name, two words
 *		 are two flags, and "!" marks a name for the bit being clear.
 *
 * A feature under the wrong word, a bit named twice and an identifier used
 * twice all fail the build (features.c). Facts: SDM vol. 2A (CPUID) and vol. 4
 * (MSRs), APM vol. 3 appendix E, x86-cpuid-db (CC0-1.0), Linux's cpufeatures.h,
 * the CPU maps of libvirt and Xen.
 */
#if !defined(CPU_WORD) || !defined(F) || !defined(CPU_WORD_END)
#error "define CPU_WORD, F and CPU_WORD_END before including feature_list.h"
#endif

#include "feature_base.h"
#include "feature_platform.h"
#include "feature_nested.h"

#undef CPU_WORD
#undef F
#undef CPU_WORD_END
