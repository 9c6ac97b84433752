/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of userspace/data, carried in the program.
 */
#ifndef FERRY_CPU_DATA_H
#define FERRY_CPU_DATA_H

extern const char cpu_data_levels[];
extern const char cpu_data_models[];
extern const char cpu_data_mask_linux[];
extern const char cpu_data_mask_windows[];
extern const char cpu_data_mask_other[];

#endif /* FERRY_CPU_DATA_H */
