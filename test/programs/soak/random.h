/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that depend on the seed alone (splitmix64). */
#ifndef SOAK_RANDOM_H
#define SOAK_RANDOM_H

#include <stdint.h>

static inline uint64_t random_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static inline uint64_t random_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15;
	return random_mix(*state);
}

/* 0 to n - 1 */
static inline unsigned random_below(uint64_t *state, unsigned n)
{
	return random_next(state) % n;
}

#endif
