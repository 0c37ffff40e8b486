// SPDX-License-Identifier: Apache-2.0
/*
 * Watches by inotify of files and directories in the directory that is given, with numbers that have
 * holes. What they tell is checked on request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"

#define DUMMIES 600

static const char *directory;
static int in, late, set, file_watch, directory_watch, link_watch;

static const char *path_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void touch(const char *name)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT, 0600);

	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

/* The next event. */
static void expect(int fd, int wd, unsigned int mask, const char *name)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct inotify_event *event = (struct inotify_event *)buffer;
	size_t room = sizeof(*event) + (name[0] ? 16 : 0);

	CHECK(read(fd, buffer, room) == (ssize_t)room);
	CHECK(event->wd == wd && event->mask == mask);
	CHECK(strcmp(event->len ? event->name : "", name) == 0);
}

static void drain(int fd)
{
	char buffer[65536];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	CHECK(errno == EAGAIN);
}

static void set_up(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 7 };
	char target[4096];

	touch("file");
	CHECK(mkdir(path_of("a b"), 0700) == 0);
	strcpy(target, path_of("file"));
	CHECK(symlink(target, path_of("link")) == 0);
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	late = inotify_init1(IN_NONBLOCK);
	CHECK(in >= 0 && late >= 0);
	file_watch = inotify_add_watch(in, path_of("file"), IN_MODIFY);
	CHECK(inotify_add_watch(in, "/", IN_ATTRIB) == 2 && inotify_rm_watch(in, 2) == 0);
	directory_watch =
		inotify_add_watch(in, path_of("a b"), IN_CREATE | IN_ONESHOT | IN_EXCL_UNLINK);
	CHECK(file_watch == 1 && directory_watch == 3);
	for (int i = 0; i < DUMMIES; i++)
		CHECK(inotify_rm_watch(late, inotify_add_watch(late, "/", IN_ATTRIB)) == 0);
	link_watch = inotify_add_watch(late, path_of("link"), IN_MOVE_SELF | IN_DONT_FOLLOW);
	CHECK(link_watch == DUMMIES + 1);
	drain(in);
	drain(late);
	set = epoll_create1(0);
	CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, in, &event) == 0);
}

static void check(void)
{
	struct epoll_event event;
	char target[4096];

	CHECK(fcntl(in, F_GETFD) == FD_CLOEXEC && (fcntl(in, F_GETFL) & O_NONBLOCK));
	CHECK(epoll_wait(set, &event, 1, 0) == 0);
	touch("file");
	CHECK(epoll_wait(set, &event, 1, 0) == 1 && event.data.u64 == 7);
	expect(in, file_watch, IN_MODIFY, "");
	touch("a b/new");
	expect(in, directory_watch, IN_CREATE, "new");
	expect(in, directory_watch, IN_IGNORED, "");
	strcpy(target, path_of("link"));
	CHECK(rename(target, path_of("moved")) == 0);
	expect(late, link_watch, IN_MOVE_SELF, "");
	drain(in);
	drain(late);
	/* The numbers go on from where they were. */
	CHECK(inotify_add_watch(late, "/", IN_ATTRIB) == link_watch + 1);
}

int main(int argc, char **argv)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(argc == 2);
	directory = argv[1];
	set_up();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		switch (line[0]) {
		case 'e':
			touch("file");
			break;
		case 'd':
			/* Held open by a descriptor that can be dumped. */
			CHECK(open(path_of("file"), O_RDWR) >= 0 && unlink(path_of("file")) == 0);
			drain(in);
			break;
		case 'r':
			drain(in);
			break;
		default:
			check();
		}
		puts("right");
	}
	return 0;
}
