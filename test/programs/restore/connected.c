// SPDX-License-Identifier: Apache-2.0
/*
 * Has, at descriptor 50, a socket that cannot be restored: which one is the argument. `tcp PORT` is
 * a connection to that port of 127.0.0.1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"

static int connected(int type, int port)
{
	int fd = socket(AF_INET, type, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	CHECK(connect(fd, (void *)&address, sizeof(address)) == 0);
	return fd;
}

static int open_socket(const char *what, int port)
{
	if (strcmp(what, "tcp") == 0)
		return connected(SOCK_STREAM, port);
	if (strcmp(what, "udp") == 0)
		return connected(SOCK_DGRAM, port);
	if (strcmp(what, "packet") == 0)
		return socket(AF_PACKET, SOCK_RAW, 0);
	if (strcmp(what, "netlink") == 0)
		return socket(AF_NETLINK, SOCK_RAW, 0);
	return -1;
}

int main(int argc, char **argv)
{
	char line[64];
	int fd;

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(argc >= 2);
	fd = open_socket(argv[1], argc > 2 ? atoi(argv[2]) : 0);
	CHECK(fd >= 0 && dup2(fd, 50) == 50 && close(fd) == 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		puts("right");
	return 0;
}
