// SPDX-License-Identifier: Apache-2.0
/* So many MiB of memory, the argument, that no two pages of are alike. Tells its sum when it is asked. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../check.h"

int main(int argc, char **argv)
{
	size_t words = argc > 1 ? strtoul(argv[1], NULL, 10) << 17 : 0;
	uint64_t *memory = malloc(words * sizeof(*memory));
	uint64_t next = 88172645463325252UL, sum;
	char line[64];

	CHECK(words > 0 && memory);
	for (size_t i = 0; i < words; i++) {
		next ^= next << 13;
		next ^= next >> 7;
		next ^= next << 17;
		memory[i] = next;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		sum = 0;
		for (size_t i = 0; i < words; i++)
			sum += memory[i];
		printf("%lx\n", sum);
	}
	return 0;
}
