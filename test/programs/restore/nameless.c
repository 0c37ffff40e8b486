// SPDX-License-Identifier: Apache-2.0
/*
 * Files without a name: by memfd_create, one of them mapped and one sealed, and deleted ones in the
 * directory that is given. What is in them is checked once, on request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"

#define MUCH (3UL << 20)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static int sealed, shown, gone, appended;
static char *memory;

static void set_up(const char *directory)
{
	char path[4096];

	sealed = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK(sealed >= 0 && write(sealed, "content", 7) == 7);
	CHECK(fcntl(sealed, F_ADD_SEALS, SEALS) == 0 && lseek(sealed, 3, SEEK_SET) == 3);
	shown = memfd_create("shown", MFD_ALLOW_SEALING);
	CHECK(shown >= 0 && ftruncate(shown, 2 * PAGE + 5) == 0);
	memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, shown, 0);
	CHECK(memory != MAP_FAILED);
	strcpy(memory, "first");
	strcpy(memory + PAGE, "second");
	CHECK(fcntl(shown, F_ADD_SEALS, F_SEAL_GROW) == 0);
	snprintf(path, sizeof(path), "%s/gone", directory);
	gone = open(path, O_RDWR | O_CREAT | O_EXCL, 0640);
	CHECK(gone >= 0 && unlink(path) == 0);
	CHECK(pwrite(gone, "end", 3, MUCH - 3) == 3 && write(gone, "begin", 5) == 5);
	snprintf(path, sizeof(path), "%s/appended", directory);
	appended = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	CHECK(appended >= 0 && unlink(path) == 0 && write(appended, "abc", 3) == 3);
}

static void check_memory(void)
{
	char text[16] = "";

	CHECK(fcntl(sealed, F_GET_SEALS) == SEALS && fcntl(sealed, F_GETFD) == FD_CLOEXEC);
	CHECK(read(sealed, text, sizeof(text)) == 4 && memcmp(text, "tent", 4) == 0);
	CHECK(write(sealed, "x", 1) == -1 && errno == EPERM);
	CHECK(fcntl(shown, F_GET_SEALS) == F_SEAL_GROW && lseek(shown, 0, SEEK_END) == 2 * PAGE + 5);
	CHECK(strcmp(memory, "first") == 0 && strcmp(memory + PAGE, "second") == 0);
	/* One file still: what is written to it is seen in memory. */
	CHECK(pwrite(shown, "third", 6, 0) == 6 && strcmp(memory, "third") == 0);
	strcpy(memory, "first");
	CHECK(lseek(sealed, 3, SEEK_SET) == 3);
}

static void check_deleted(void)
{
	struct stat stat;
	char text[8] = "";

	CHECK(fstat(gone, &stat) == 0 && stat.st_size == MUCH && stat.st_nlink == 0);
	CHECK((stat.st_mode & 07777) == 0640);
	CHECK(lseek(gone, 0, SEEK_CUR) == 5);
	CHECK(pread(gone, text, 6, 0) == 6 && memcmp(text, "begin", 6) == 0);
	CHECK(pread(gone, text, 8, MUCH - 3) == 3 && memcmp(text, "end", 3) == 0);
	CHECK(fcntl(appended, F_GETFL) & O_APPEND);
	CHECK((fcntl(appended, F_GETFL) & O_ACCMODE) == O_WRONLY);
	CHECK(lseek(appended, 0, SEEK_SET) == 0 && write(appended, "def", 3) == 3);
	CHECK(fstat(appended, &stat) == 0 && stat.st_size == 6);
}

int main(int argc, char **argv)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(argc == 2);
	umask(022);
	set_up(argv[1]);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		switch (line[0]) {
		case 'g':
			CHECK(ftruncate(gone, 1L << 30) == 0);
			break;
		case 's':
			CHECK(ftruncate(gone, 4) == 0);
			break;
		default:
			check_memory();
			check_deleted();
		}
		puts("right");
	}
	return 0;
}
