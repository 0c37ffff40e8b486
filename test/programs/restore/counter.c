// SPDX-License-Identifier: Apache-2.0
/* Counts in memory and answers questions about it, so that one can tell whether it went on. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../check.h"

static unsigned long initialized = 7;

int main(int argc, char **argv)
{
	char line[64];
	unsigned long *heap = malloc(64 << 20);
	unsigned long on_stack = 3;
	int fd = open(argc > 1 ? argv[1] : "/etc/passwd", O_RDONLY);

	CHECK(heap != NULL && fd >= 0);
	for (int i = 0; i < 64; i++)
		heap[(i << 20) / sizeof(*heap)] = i;
	CHECK(lseek(fd, 5, SEEK_SET) == 5);
	setvbuf(stdout, NULL, _IONBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		initialized++;
		on_stack++;
		for (int i = 0; i < 64; i++)
			CHECK(heap[(i << 20) / sizeof(*heap)] == (unsigned long)i);
		printf("%d %lu %lu %ld\n", getpid(), initialized, on_stack,
		       (long)lseek(fd, 0, SEEK_CUR));
	}
	return 42;
}
